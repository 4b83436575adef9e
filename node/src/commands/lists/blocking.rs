//! Commands that take elements from the ends of lists, and wait while there are none: BLPOP, BRPOP, BLMPOP, BLMOVE, BRPOPLPUSH.
//! Pure. Invariant: the effects are those of the command that does not wait.

use super::end_of;
use super::pop::{move_between, pop_at, pop_from_first};
use crate::client::WaitKind;
use crate::commands::arguments::reply_string;
use crate::commands::blocking::block;
use crate::commands::counted_keys::CountedKeys;
use crate::commands::{Action, Call, FIRST_KEY};
use crate::store::{ListEdit, ListEnd, Wording};
use shared::command::CommandId;
use shared::resp::ErrorReply;
use shared::wait_time;

/// BLPOP key … timeout
pub(super) fn blpop(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    pop(call, ListEnd::Front)
}

/// BRPOP key … timeout
pub(super) fn brpop(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    pop(call, ListEnd::Back)
}

fn pop(call: &mut Call<'_>, end: ListEnd) -> Result<Action, ErrorReply> {
    let keys = FIRST_KEY..call.args.len() - 1;
    let timeout_ms = wait_time::seconds(call.args.at(keys.end))?;
    let db = call.db();
    for index in keys.clone() {
        let key = call.key(index);
        let edit = ListEdit::of(call.store.slot(db, key))?;
        if edit.list().is_none() {
            continue;
        }
        let reply = &mut call.reply;
        reply.array(2);
        reply.bulk(key.bytes);
        let words = [pop_at(end), key.bytes];
        edit.pop_one(end, Wording::Words(&words), |element| {
            reply_string(reply, element);
        })?;
        return Ok(Action::Continue);
    }
    Ok(block(call, WaitKind::List, timeout_ms, keys))
}

/// BLMPOP timeout numkeys key … LEFT|RIGHT [COUNT count]
pub(super) fn blmpop(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let keys = CountedKeys::at(call, 2)?;
    let (end, count) = keys.end_and_count(call, end_of)?;
    let timeout_ms = wait_time::seconds(call.args.at(1))?;
    if let Some(action) = pop_from_first(call, &keys, end, count)? {
        return Ok(action);
    }
    Ok(block(call, WaitKind::List, timeout_ms, keys.places()))
}

/// BLMOVE source destination LEFT|RIGHT LEFT|RIGHT timeout
pub(super) fn blmove(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (from, to) = (end_of(call.args.at(3))?, end_of(call.args.at(4))?);
    let timeout_ms = wait_time::seconds(call.args.at(5))?;
    let word = CommandId::Lmove.name().as_bytes();
    let args = call.args;
    let words = [word, args.at(1), args.at(2), args.at(3), args.at(4)];
    move_or_wait(call, from, to, &words, timeout_ms)
}

/// BRPOPLPUSH source destination timeout
pub(super) fn brpoplpush(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let timeout_ms = wait_time::seconds(call.args.at(3))?;
    let word = CommandId::Rpoplpush.name().as_bytes();
    let words = [word, call.args.at(1), call.args.at(2)];
    move_or_wait(call, ListEnd::Back, ListEnd::Front, &words, timeout_ms)
}

fn move_or_wait(
    call: &mut Call<'_>,
    from: ListEnd,
    to: ListEnd,
    words: &[&[u8]],
    timeout_ms: u64,
) -> Result<Action, ErrorReply> {
    if move_between(call, from, to, Wording::Words(words))? {
        return Ok(Action::Continue);
    }
    let source = FIRST_KEY..FIRST_KEY + 1;
    Ok(block(call, WaitKind::List, timeout_ms, source))
}
