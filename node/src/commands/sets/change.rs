//! Commands that change sets: SADD, SREM, SMOVE.
//! Pure.

use super::set;
use crate::commands::arguments::reply_count;
use crate::commands::element_by_element::{Elements, Told, treat};
use crate::commands::events::{MOVED_IN, MOVED_OUT};
use crate::commands::{Action, Call};
use crate::store::{Key, SetEdit};
use shared::resp::ErrorReply;

/// Where a command's members begin.
const FIRST_MEMBER: usize = 2;

/// The set at a key, to be changed.
pub(super) fn edit<'a>(call: &'a mut Call<'_>, key: Key<'a>) -> Result<SetEdit<'a>, ErrorReply> {
    let db = call.db();
    let limits = call.node.settings.hot.small.set;
    Ok(SetEdit::of(call.store.slot(db, key), limits)?)
}

/// SADD key member …
pub(super) fn sadd(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let members = Elements::from(call.args, FIRST_MEMBER, Told::Sum);
    treat(call, members, |call| {
        let (args, key) = (call.args, call.key(1));
        let added = edit(call, key)?.add_all(args, FIRST_MEMBER)?;
        reply_count(&mut call.reply, added);
        Ok(Action::Continue)
    })
}

/// SREM key member …
pub(super) fn srem(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let members = Elements::from(call.args, FIRST_MEMBER, Told::Sum);
    treat(call, members, |call| {
        let (args, key) = (call.args, call.key(1));
        let removed = edit(call, key)?.remove_all(args, FIRST_MEMBER)?;
        reply_count(&mut call.reply, removed);
        Ok(Action::Continue)
    })
}

/// SMOVE source destination member
pub(super) fn smove(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (from, to, member) = (call.key(1), call.key(2), call.args.at(3));
    let is_member = edit(call, from)?.set()?.map(|set| set.contains(member));
    let Some(is_member) = is_member else {
        call.reply.integer(0);
        return Ok(Action::Continue);
    };
    let db = call.db();
    set(call.store.peek(db, to))?;
    if is_member && from.bytes != to.bytes {
        // First where it may fail, so that the member is not lost.
        call.store.name_events(MOVED_IN);
        edit(call, to)?.add_member(member)?;
        call.store.name_events(MOVED_OUT);
        edit(call, from)?.remove_member(member)?;
    }
    call.reply.integer(i64::from(is_member));
    Ok(Action::Continue)
}
