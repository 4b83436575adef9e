//! Commands that take members from the ends of sorted sets, and wait while there are none: BZPOPMIN, BZPOPMAX, BZMPOP.
//! Pure. Invariant: the effects are those of the command that does not wait.

use super::pop::{end_of, pop_at, pop_from_first};
use crate::client::WaitKind;
use crate::commands::arguments::reply_string;
use crate::commands::blocking::block;
use crate::commands::counted_keys::CountedKeys;
use crate::commands::{Action, Call, FIRST_KEY};
use crate::store::{ScoreEnd, SortedSetEdit, Wording};
use shared::resp::ErrorReply;
use shared::wait_time;

/// BZPOPMIN key … timeout
pub(super) fn bzpopmin(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    pop(call, ScoreEnd::Least)
}

/// BZPOPMAX key … timeout
pub(super) fn bzpopmax(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    pop(call, ScoreEnd::Greatest)
}

fn pop(call: &mut Call<'_>, end: ScoreEnd) -> Result<Action, ErrorReply> {
    let keys = FIRST_KEY..call.args.len() - 1;
    let timeout_ms = wait_time::seconds(call.args.at(keys.end))?;
    let db = call.db();
    for index in keys.clone() {
        let key = call.key(index);
        let edit = SortedSetEdit::of(call.store.slot(db, key))?;
        let Some(set) = edit.set() else { continue };
        let reply = &mut call.reply;
        reply.array(3);
        reply.bulk(key.bytes);
        set.show(end, 1, |member, score| {
            reply_string(reply, member);
            reply.double(score);
        });
        let words = [pop_at(end), key.bytes];
        edit.pop(end, 1, Wording::Words(&words))?;
        return Ok(Action::Continue);
    }
    Ok(block(call, WaitKind::SortedSet, timeout_ms, keys))
}

/// BZMPOP timeout numkeys key … MIN|MAX [COUNT count]
pub(super) fn bzmpop(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let keys = CountedKeys::at(call, 2)?;
    let (end, count) = keys.end_and_count(call, end_of)?;
    let timeout_ms = wait_time::seconds(call.args.at(1))?;
    if let Some(action) = pop_from_first(call, &keys, end, count)? {
        return Ok(action);
    }
    Ok(block(call, WaitKind::SortedSet, timeout_ms, keys.places()))
}
