//! BITCOUNT: how many bits are set.
//! Pure.

use super::{BitRange, IndexUnit, bytes_of_len};
use crate::commands::arguments::{bytes_of, forward_span, integer, reply_count, string};
use crate::commands::piecewise::{Piecewise, Progress, work_through};
use crate::commands::{Action, Call};
use shared::resp::ErrorReply;

/// BITCOUNT key [start end [BYTE | BIT]]
pub(super) fn bitcount(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let mut buffer = itoa::Buffer::new();
    let Some(value) = string(call.store.get(db, key))? else {
        // Redis does not look at the rest when there is no key.
        call.reply.integer(0);
        return Ok(Action::Continue);
    };
    let bytes = bytes_of(value, &mut buffer);
    let (start, end, unit) = match call.args.len() {
        2 => (0, -1, IndexUnit::Byte),
        4 | 5 => {
            let start = integer(call.args.at(2))?;
            let end = integer(call.args.at(3))?;
            let backwards = start < 0 && end < 0 && start > end;
            let unit = match call.args.get(4) {
                // Nor at the unit of a range that is empty anyway.
                Some(_) if backwards => IndexUnit::Byte,
                Some(unit) => IndexUnit::parse(unit)?,
                None => IndexUnit::Byte,
            };
            (start, end, unit)
        }
        _ => return Err(ErrorReply::Syntax),
    };
    let len = bytes.len();
    let Some(range) = forward_span(start, end, unit.len(len)) else {
        call.reply.integer(0);
        return Ok(Action::Continue);
    };
    let rest = unit.bits(range);
    work_through(call, Counting { len, rest, ones: 0 })
}

/// A count under way.
#[derive(Debug)]
struct Counting {
    /// The string's length, bytes.
    len: usize,
    /// What is to be counted yet.
    rest: BitRange,
    /// What has been found, bits.
    ones: usize,
}

impl Piecewise for Counting {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (db, key) = (call.db(), call.key(1));
        let mut buffer = itoa::Buffer::new();
        let value = string(call.store.look(db, key))?;
        let Some(bytes) = bytes_of_len(value, self.len, &mut buffer) else {
            return Ok(Progress::Anew);
        };
        let (piece, rest) = self.rest.piece();
        let (first, whole, last) = piece.split(bytes);
        let edges = first.count_ones() + last.unwrap_or(0).count_ones();
        self.ones += ones(whole) + edges as usize;
        if let Some(rest) = rest {
            self.rest = rest;
            return Ok(Progress::More);
        }
        reply_count(&mut call.reply, self.ones);
        Ok(Progress::Over)
    }
}

/// Bits that are set, counted a word at a time.
fn ones(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    let in_words: usize = words
        .iter()
        .map(|word| u64::from_ne_bytes(*word).count_ones() as usize)
        .sum();
    let in_rest: u32 = rest.iter().map(|byte| byte.count_ones()).sum();
    in_words + in_rest as usize
}
