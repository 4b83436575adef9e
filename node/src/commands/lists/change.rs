//! Commands that change or drop elements where they stand: LSET, LREM, LTRIM.
//! Pure.

use super::read::position_of;
use crate::commands::arguments::{integer, places, reply_count_64};
use crate::commands::{Action, Call};
use crate::store::{ListEdit, ListEnd, Wording};
use shared::resp::ErrorReply;

/// LSET key index element
pub(super) fn lset(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key, as_asked) = (call.db(), call.key(1), Wording::Verbatim(call.args));
    let list = ListEdit::of(call.store.slot(db, key))?;
    let len = list.len();
    if len == 0 {
        return Err(ErrorReply::NoSuchKey);
    }
    let position = position_of(integer(call.args.at(2))?, len).filter(|position| *position < len);
    let position = position.ok_or(ErrorReply::IndexOutOfRange)?;
    list.set(position, call.args.at(3), as_asked)?;
    call.reply.ok();
    Ok(Action::Continue)
}

/// LREM key count element: a negative count begins at the end, 0 means all.
pub(super) fn lrem(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let count = integer(call.args.at(2))?;
    let (db, key, as_asked) = (call.db(), call.key(1), Wording::Verbatim(call.args));
    let list = ListEdit::of(call.store.slot(db, key))?;
    let from = if count < 0 {
        ListEnd::Back
    } else {
        ListEnd::Front
    };
    let limit = match count.unsigned_abs() {
        0 => u64::MAX,
        limit => limit,
    };
    let removed = list.remove_equal(from, call.args.at(3), limit, as_asked)?;
    reply_count_64(&mut call.reply, removed);
    Ok(Action::Continue)
}

/// LTRIM key start stop
pub(super) fn ltrim(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (start, stop) = (integer(call.args.at(2))?, integer(call.args.at(3))?);
    let (db, key, as_asked) = (call.db(), call.key(1), Wording::Verbatim(call.args));
    let list = ListEdit::of(call.store.slot(db, key))?;
    let (first, count) = places(start, stop, list.len()).unwrap_or((0, 0));
    list.keep(first, count, as_asked)?;
    call.reply.ok();
    Ok(Action::Continue)
}
