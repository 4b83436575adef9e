//! BITOP: strings combined bit by bit into another one.
//! Pure.

use crate::commands::arguments::{bytes_of, is_word, len_of, reply_count, string};
use crate::commands::{Action, Call};
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

/// Index of the first source key.
const FIRST_SOURCE: usize = 3;

/// BITOP AND | OR | XOR | NOT destination key …
pub(super) fn bitop(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let operation = Operation::parse(call.args.at(1))?;
    if operation == Operation::Not && call.args.len() != FIRST_SOURCE + 1 {
        return Err(ErrorReply::BitNotOfMany);
    }
    let (db, destination) = (call.db(), call.key(2));
    let mut len = 0;
    for index in FIRST_SOURCE..call.args.len() {
        let key = call.key(index);
        len = string(call.store.get(db, key))?.map_or(0, len_of).max(len);
    }
    if len == 0 {
        if call.store.remove(db, destination) {
            call.effects.rewritten(db, &[b"DEL", destination.bytes]);
        }
        call.reply.integer(0);
        return Ok(Action::Continue);
    }
    // Not straight into the destination, which may be a source as well.
    let mut result = vec![0_u8; len];
    for index in FIRST_SOURCE..call.args.len() {
        let key = call.key(index);
        let mut buffer = itoa::Buffer::new();
        let value = string(call.store.peek(db, key))?;
        let source = value.map_or(&b""[..], |value| bytes_of(value, &mut buffer));
        if index == FIRST_SOURCE {
            result[..source.len()].copy_from_slice(source);
        } else {
            combine(&mut result, source, operation);
        }
    }
    if operation == Operation::Not {
        result.iter_mut().for_each(|byte| *byte = !*byte);
    }
    call.store.remove(db, destination);
    // What is edited in place is `raw`, as Redis says of all results.
    call.store
        .string_mut(db, destination, len)?
        .copy_from_slice(&result);
    call.effects.verbatim(db, call.args);
    reply_count(&mut call.reply, len);
    Ok(Action::Continue)
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
