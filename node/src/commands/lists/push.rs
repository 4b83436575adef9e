//! Commands that put elements into lists: LPUSH, RPUSH, their X forms, LINSERT.
//! Pure.

use crate::commands::arguments::{is_word, reply_count_64};
use crate::commands::{Action, Call};
use crate::store::{ListEdit, ListEnd, ListSide, Wording};
use shared::resp::ErrorReply;

/// LPUSH key element …
pub(super) fn lpush(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    push(call, ListEnd::Front)
}

/// RPUSH key element …
pub(super) fn rpush(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    push(call, ListEnd::Back)
}

/// LPUSHX key element …
pub(super) fn lpushx(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    push_to_old(call, ListEnd::Front)
}

/// RPUSHX key element …
pub(super) fn rpushx(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    push_to_old(call, ListEnd::Back)
}

fn push(call: &mut Call<'_>, end: ListEnd) -> Result<Action, ErrorReply> {
    let (db, key, as_asked) = (call.db(), call.key(1), Wording::Verbatim(call.args));
    let list = ListEdit::of(call.store.slot(db, key))?;
    let len = list.push(end, call.args.iter_from(2), as_asked)?;
    reply_count_64(&mut call.reply, len);
    Ok(Action::Continue)
}

fn push_to_old(call: &mut Call<'_>, end: ListEnd) -> Result<Action, ErrorReply> {
    let (db, key, as_asked) = (call.db(), call.key(1), Wording::Verbatim(call.args));
    let list = ListEdit::of(call.store.slot(db, key))?;
    let len = if list.is_empty() {
        0
    } else {
        list.push(end, call.args.iter_from(2), as_asked)?
    };
    reply_count_64(&mut call.reply, len);
    Ok(Action::Continue)
}

/// LINSERT key BEFORE|AFTER pivot element
pub(super) fn linsert(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let side = match call.args.at(2) {
        word if is_word(word, "BEFORE") => ListSide::Before,
        word if is_word(word, "AFTER") => ListSide::After,
        _ => return Err(ErrorReply::Syntax),
    };
    let (db, key, as_asked) = (call.db(), call.key(1), Wording::Verbatim(call.args));
    let (pivot, element) = (call.args.at(3), call.args.at(4));
    let list = ListEdit::of(call.store.slot(db, key))?;
    if list.is_empty() {
        call.reply.integer(0);
        return Ok(Action::Continue);
    }
    match list.insert(side, pivot, element, as_asked)? {
        Some(len) => reply_count_64(&mut call.reply, len),
        None => call.reply.integer(-1),
    }
    Ok(Action::Continue)
}
