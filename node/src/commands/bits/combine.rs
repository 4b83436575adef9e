//! BITOP: strings combined bit by bit into another one.
//! Pure.

use super::check_count;
use crate::commands::arguments::{bytes_of, is_word, reply_count, string};
use crate::commands::{Action, Call};
use crate::store::{StoreFull, StringEdit, StringRef, Wording};
use shared::resp::ErrorReply;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
}

impl Operation {
    fn parse(argument: &[u8]) -> Result<Self, ErrorReply> {
        let words = [
            ("AND", Self::And),
            ("OR", Self::Or),
            ("XOR", Self::Xor),
            ("NOT", Self::Not),
        ];
        let found = words.iter().find(|(word, _)| is_word(argument, word));
        found
            .map(|(_, operation)| *operation)
            .ok_or(ErrorReply::Syntax)
    }
}

/// Results are made in pieces of this size, which stay in the first cache. A long result is kept where it was made.
const CHUNK_BYTES: usize = 8 * 1024;

/// Index of the first source key.
const FIRST_SOURCE: usize = 3;

/// BITOP AND | OR | XOR | NOT destination key …
pub(super) fn bitop(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    check_count(call)?;
    let operation = Operation::parse(call.args.at(1))?;
    if operation == Operation::Not && call.args.len() != FIRST_SOURCE + 1 {
        return Err(ErrorReply::BitNotOfMany);
    }
    let (db, destination) = (call.db(), call.key(2));
    let mut len = 0;
    for index in FIRST_SOURCE..call.args.len() {
        let key = call.key(index);
        len = string(call.store.get(db, key))?
            .map_or(0, StringRef::len)
            .max(len);
    }
    if len == 0 {
        call.store.remove(db, destination);
        call.reply.integer(0);
        return Ok(Action::Continue);
    }
    let mut result = Vec::new();
    result.try_reserve_exact(len).map_err(|_| StoreFull)?;
    result.resize(len, 0);
    for (nth, chunk) in result.chunks_mut(CHUNK_BYTES).enumerate() {
        combine_sources(call, operation, nth * CHUNK_BYTES, chunk)?;
    }
    let as_asked = Wording::Verbatim(call.args);
    StringEdit::put_made(call.store.slot(db, destination), result, as_asked)?;
    reply_count(&mut call.reply, len);
    Ok(Action::Continue)
}

/// Combines what the sources hold from byte `start` on into `chunk`.
fn combine_sources(
    call: &mut Call<'_>,
    operation: Operation,
    start: usize,
    chunk: &mut [u8],
) -> Result<(), ErrorReply> {
    let db = call.db();
    for index in FIRST_SOURCE..call.args.len() {
        let key = call.key(index);
        let mut buffer = itoa::Buffer::new();
        let value = string(call.store.peek(db, key))?;
        let source = value.map_or(&b""[..], |value| bytes_of(value, &mut buffer));
        let source = source.get(start..).unwrap_or_default();
        let source = &source[..source.len().min(chunk.len())];
        if index == FIRST_SOURCE {
            chunk[..source.len()].copy_from_slice(source);
            chunk[source.len()..].fill(0);
        } else {
            combine(chunk, source, operation);
        }
    }
    if operation == Operation::Not {
        chunk.iter_mut().for_each(|byte| *byte = !*byte);
    }
    Ok(())
}

/// `result = result operation source`, the shorter source taken to go on with zeros. The loops are so plain that they become wide instructions.
fn combine(result: &mut [u8], source: &[u8], operation: Operation) {
    let (common, rest) = result.split_at_mut(source.len());
    let pairs = common.iter_mut().zip(source);
    match operation {
        Operation::And => {
            pairs.for_each(|(byte, other)| *byte &= other);
            rest.fill(0);
        }
        Operation::Or => pairs.for_each(|(byte, other)| *byte |= other),
        Operation::Xor => pairs.for_each(|(byte, other)| *byte ^= other),
        Operation::Not => {}
    }
}
