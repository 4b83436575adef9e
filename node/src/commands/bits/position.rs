//! BITPOS: where the first bit of a kind is.
//! Pure.

use super::{BitRange, IndexUnit, bytes_of_len};
use crate::commands::arguments::{bytes_of, integer, reply_count, span, string};
use crate::commands::piecewise::{Piecewise, Progress, work_through};
use crate::commands::{Action, Call};
use shared::resp::ErrorReply;

/// BITPOS key bit [start [end [BYTE | BIT]]]
pub(super) fn bitpos(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let bit = match integer(call.args.at(2))? {
        0 => 0,
        1 => 1,
        _ => return Err(ErrorReply::BitArgument),
    };
    let (db, key) = (call.db(), call.key(1));
    let mut buffer = itoa::Buffer::new();
    let Some(value) = string(call.store.get(db, key))? else {
        // Zeros without end; Redis does not look at the range.
        call.reply.integer(if bit == 1 { -1 } else { 0 });
        return Ok(Action::Continue);
    };
    let bytes = bytes_of(value, &mut buffer);
    let mut start = 0;
    let mut end = None;
    let mut unit = IndexUnit::Byte;
    if call.args.len() > 6 {
        return Err(ErrorReply::Syntax);
    }
    if let Some(argument) = call.args.get(3) {
        start = integer(argument)?;
    }
    if let Some(argument) = call.args.get(5) {
        unit = IndexUnit::parse(argument)?;
    }
    if let Some(argument) = call.args.get(4) {
        end = Some(integer(argument)?);
    }
    let Some(range) = span(start, end.unwrap_or(-1), unit.len(bytes.len())) else {
        call.reply.integer(-1);
        return Ok(Action::Continue);
    };
    let search = Search {
        bit,
        len: bytes.len(),
        rest: unit.bits(range),
        // Behind a string whose end was not named follow zeros.
        has_zeros_behind: end.is_none(),
    };
    work_through(call, search)
}

/// A search under way.
#[derive(Debug)]
struct Search {
    bit: u8,
    /// The string's length, bytes.
    len: usize,
    /// What has not been looked at.
    rest: BitRange,
    has_zeros_behind: bool,
}

impl Piecewise for Search {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (db, key) = (call.db(), call.key(1));
        let mut buffer = itoa::Buffer::new();
        let value = string(call.store.look(db, key))?;
        let Some(bytes) = bytes_of_len(value, self.len, &mut buffer) else {
            return Ok(Progress::Anew);
        };
        let (piece, rest) = self.rest.piece();
        match (first_of(bytes, self.bit, piece), rest) {
            (Some(at), _) => reply_count(&mut call.reply, at),
            (None, Some(rest)) => {
                self.rest = rest;
                return Ok(Progress::More);
            }
            (None, None) if self.bit == 0 && self.has_zeros_behind => {
                reply_count(&mut call.reply, self.len * 8);
            }
            (None, None) => call.reply.integer(-1),
        }
        Ok(Progress::Over)
    }
}

/// The first bit of `range` that is `bit`; whole words of the other kind are skipped.
fn first_of(bytes: &[u8], bit: u8, range: BitRange) -> Option<usize> {
    // Zeros are looked for as ones of the opposite.
    let flip_byte = if bit == 1 { 0 } else { 0xff };
    let flip_word = if bit == 1 { 0 } else { u64::MAX };
    let last_byte = range.last / 8;
    let mut at = range.first / 8;
    let mut mask = 0xff >> (range.first % 8);
    while at <= last_byte {
        if mask == 0xff {
            let (words, _) = bytes[at..=last_byte].as_chunks::<8>();
            let skipped = words
                .iter()
                .take_while(|word| u64::from_ne_bytes(**word) == flip_word)
                .count();
            at += skipped * 8;
            if at > last_byte {
                return None;
            }
        }
        if at == last_byte {
            mask &= 0xff << (7 - range.last % 8);
        }
        let found = (bytes[at] ^ flip_byte) & mask;
        if found != 0 {
            return Some(at * 8 + found.leading_zeros() as usize);
        }
        at += 1;
        mask = 0xff;
    }
    None
}
