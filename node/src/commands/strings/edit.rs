//! Commands that change a string in place: APPEND, SETRANGE.
//! Pure. Invariant: no string grows beyond the longest argument a client may send (`proto-max-bulk-len`).

use crate::commands::arguments::{integer, reply_count, string_limit_bytes};
use crate::commands::{Action, Call};
use crate::store::{StringEdit, StringRef};
use shared::resp::ErrorReply;

/// APPEND key value
pub(super) fn append(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key, addition) = (call.db(), call.key(1), call.args.at(2));
    let limit = string_limit_bytes(call);
    let string = StringEdit::of(call.store.slot(db, key))?;
    if let Some(value) = string.value()? {
        check_len(value.len(), addition.len(), limit)?;
    }
    let len = string.append(addition)?;
    reply_count(&mut call.reply, len);
    Ok(Action::Continue)
}

/// SETRANGE key offset value
pub(super) fn setrange(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let offset = integer(call.args.at(2))?;
    let offset = usize::try_from(offset).map_err(|_| ErrorReply::OffsetOutOfRange)?;
    let (db, key, part) = (call.db(), call.key(1), call.args.at(3));
    let limit = string_limit_bytes(call);
    let string = StringEdit::of(call.store.slot(db, key))?;
    if part.is_empty() {
        let len = string.value()?.map_or(0, StringRef::len);
        reply_count(&mut call.reply, len);
        return Ok(Action::Continue);
    }
    check_len(offset, part.len(), limit)?;
    let len = string.write_at(offset, part)?;
    reply_count(&mut call.reply, len);
    Ok(Action::Continue)
}

fn check_len(len: usize, more: usize, limit: usize) -> Result<(), ErrorReply> {
    let sum = len.checked_add(more).filter(|sum| *sum <= limit);
    sum.map(|_| ()).ok_or(ErrorReply::StringTooLong)
}
