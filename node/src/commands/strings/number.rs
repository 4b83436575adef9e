//! Commands that take a string for a number and add to it: the INCR family.
//! Pure.

use crate::commands::arguments::integer;
use crate::commands::{Action, Call};
use crate::store::{StringEdit, StringRef};
use shared::long_double::LongDouble;
use shared::resp::ErrorReply;

/// INCR key
pub(super) fn incr(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    add(call, 1)
}

/// DECR key
pub(super) fn decr(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    add(call, -1)
}

/// INCRBY key increment
pub(super) fn incrby(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let increment = integer(call.args.at(2))?;
    add(call, increment)
}

/// DECRBY key decrement
pub(super) fn decrby(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let decrement = integer(call.args.at(2))?;
    let increment = decrement
        .checked_neg()
        .ok_or(ErrorReply::DecrementOverflow)?;
    add(call, increment)
}

fn add(call: &mut Call<'_>, increment: i64) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let string = StringEdit::of(call.store.slot(db, key))?;
    let before = match string.value()? {
        None => 0,
        Some(StringRef::Integer(number)) => number,
        // Bytes that were edited in place may spell a number as well.
        Some(StringRef::Bytes(bytes)) => integer(bytes)?,
    };
    let after = before
        .checked_add(increment)
        .ok_or(ErrorReply::IncrementOverflow)?;
    string.set_integer(after)?;
    call.reply.integer(after);
    Ok(Action::Continue)
}

/// INCRBYFLOAT key increment
pub(super) fn incrbyfloat(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let string = StringEdit::of(call.store.slot(db, key))?;
    let before = match string.value()? {
        None => LongDouble::ZERO,
        Some(StringRef::Integer(number)) => LongDouble::from_integer(number),
        Some(StringRef::Bytes(bytes)) => LongDouble::parse(bytes).ok_or(ErrorReply::NotFloat)?,
    };
    let increment = LongDouble::parse(call.args.at(2)).ok_or(ErrorReply::NotFloat)?;
    let after = before
        .checked_add(increment)
        .ok_or(ErrorReply::IncrementNotFinite)?;
    let mut text = Vec::new();
    after.print(&mut text);
    string.set_text(&text)?;
    call.reply.bulk(&text);
    Ok(Action::Continue)
}
