//! Commands of one bit: SETBIT, GETBIT.
//! Pure.

use super::parse_bit_offset;
use crate::commands::arguments::{bytes_of, string, string_limit_bytes};
use crate::commands::{Action, Call};
use crate::store::{StringEdit, Wording};
use shared::resp::ErrorReply;

/// SETBIT key offset value
pub(super) fn setbit(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let offset = parse_bit_offset(call.args.at(2), string_limit_bytes(call))?;
    let mask = 0x80_u8 >> (offset % 8);
    let wanted = match call.args.at(3) {
        b"0" => 0,
        b"1" => mask,
        _ => return Err(ErrorReply::BitValue),
    };
    let (db, key) = (call.db(), call.key(1));
    let string = StringEdit::of(call.store.slot(db, key))?;
    let as_asked = Wording::Verbatim(call.args);
    let old = string.edit_bytes(offset / 8 + 1, as_asked, |bytes| {
        let byte = &mut bytes[offset / 8];
        let old = *byte & mask;
        *byte = *byte & !mask | wanted;
        (old != wanted, old)
    })?;
    call.reply.integer(i64::from(old != 0));
    Ok(Action::Continue)
}

/// GETBIT key offset
pub(super) fn getbit(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let offset = parse_bit_offset(call.args.at(2), string_limit_bytes(call))?;
    let (db, key) = (call.db(), call.key(1));
    let mut buffer = itoa::Buffer::new();
    let value = string(call.store.get(db, key))?;
    let bytes = value.map_or(&b""[..], |value| bytes_of(value, &mut buffer));
    let byte = bytes.get(offset / 8).copied().unwrap_or(0);
    call.reply.integer(i64::from(byte >> (7 - offset % 8) & 1));
    Ok(Action::Continue)
}
