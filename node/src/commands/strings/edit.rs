//! Commands that change a string in place: APPEND, SETRANGE.
//! Pure. Invariant: no string grows beyond the longest argument a client may send (`proto-max-bulk-len`).

use crate::commands::arguments::{integer, len_of, reply_count, string, string_limit_bytes};
use crate::commands::{Action, Call};
use crate::store::ExpiryChange;
use shared::resp::ErrorReply;

/// APPEND key value
pub(super) fn append(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key, addition) = (call.db(), call.key(1), call.args.at(2));
    let len = if let Some(value) = string(call.store.peek(db, key))? {
        let old_len = len_of(value);
        let len = checked_len(call, old_len, addition.len())?;
        call.store.string_mut(db, key, len)?[old_len..].copy_from_slice(addition);
        len
    } else {
        call.store.set(db, key, addition, ExpiryChange::Clear)?;
        addition.len()
    };
    call.effects.verbatim(db, call.args);
    reply_count(&mut call.reply, len);
    Ok(Action::Continue)
}

/// SETRANGE key offset value
pub(super) fn setrange(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let offset = integer(call.args.at(2))?;
    let offset = usize::try_from(offset).map_err(|_| ErrorReply::OffsetOutOfRange)?;
    let (db, key, part) = (call.db(), call.key(1), call.args.at(3));
    let old_len = string(call.store.peek(db, key))?.map_or(0, len_of);
    if part.is_empty() {
        reply_count(&mut call.reply, old_len);
        return Ok(Action::Continue);
    }
    let end = checked_len(call, offset, part.len())?;
    let bytes = call.store.string_mut(db, key, end)?;
    bytes[offset..end].copy_from_slice(part);
    let len = bytes.len();
    call.effects.verbatim(db, call.args);
    reply_count(&mut call.reply, len);
    Ok(Action::Continue)
}

fn checked_len(call: &Call<'_>, len: usize, more: usize) -> Result<usize, ErrorReply> {
    let limit = string_limit_bytes(call);
    let sum = len.checked_add(more).filter(|sum| *sum <= limit);
    sum.ok_or(ErrorReply::StringTooLong)
}
