//! Commands that see a string as bits. Bit 0 is the highest of the first byte.
//! Pure. Invariant: a handler that returns an error has changed nothing.

mod combine;
mod count;
mod field;
mod position;
mod single;
#[cfg(test)]
mod tests;

pub(crate) use combine::Combination;

use super::{Call, Handler};
use crate::commands::arguments::{bytes_of, is_word};
use crate::store::StringRef;
use shared::command::CommandId;
use shared::resp::ErrorReply;
use shared::resp::parse_integer;

/// The handler of a command of this group.
pub(super) fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Setbit => single::setbit,
        CommandId::Getbit => single::getbit,
        CommandId::Bitcount => count::bitcount,
        CommandId::Bitpos => position::bitpos,
        CommandId::Bitop => combine::bitop,
        CommandId::Bitfield => field::bitfield,
        CommandId::BitfieldRo => field::bitfield_ro,
        _ => return None,
    })
}

/// Arguments of one BITOP or BITFIELD: far more than anybody gives, and with short values done in three milliseconds.
const MOST_ARGUMENTS: usize = 32 * 1024;

fn check_count(call: &Call<'_>) -> Result<(), ErrorReply> {
    if call.args.len() > MOST_ARGUMENTS {
        return Err(ErrorReply::TooManyArguments(call.spec.name));
    }
    Ok(())
}

/// Checks a bit's number: its byte must lie within the longest string.
fn bit_offset(number: i64, string_limit_bytes: usize) -> Result<usize, ErrorReply> {
    usize::try_from(number)
        .ok()
        .filter(|offset| offset / 8 < string_limit_bytes)
        .ok_or(ErrorReply::BitOffset)
}

/// Reads the number of a bit.
fn parse_bit_offset(argument: &[u8], string_limit_bytes: usize) -> Result<usize, ErrorReply> {
    let number = parse_integer(argument).ok_or(ErrorReply::BitOffset)?;
    bit_offset(number, string_limit_bytes)
}

/// What the indexes of BITCOUNT and BITPOS count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IndexUnit {
    Byte,
    Bit,
}

impl IndexUnit {
    fn parse(argument: &[u8]) -> Result<Self, ErrorReply> {
        if is_word(argument, "BIT") {
            Ok(Self::Bit)
        } else if is_word(argument, "BYTE") {
            Ok(Self::Byte)
        } else {
            Err(ErrorReply::Syntax)
        }
    }

    /// How many of them `bytes` bytes are.
    fn len(self, bytes: usize) -> usize {
        match self {
            Self::Byte => bytes,
            Self::Bit => bytes * 8,
        }
    }

    /// First and last bit of a range of them.
    fn bits(self, (first, last): (usize, usize)) -> BitRange {
        match self {
            Self::Byte => BitRange {
                first: first * 8,
                last: last * 8 + 7,
            },
            Self::Bit => BitRange { first, last },
        }
    }
}

/// A range of bits that all lie in the string.
#[derive(Clone, Copy, Debug)]
struct BitRange {
    first: usize,
    last: usize,
}

/// Bytes of a string that are looked at in one piece: a tenth of a millisecond.
const PIECE_BYTES: usize = 256 * 1024;

/// The bytes of a string, if it is there and as long as it was when the command began.
fn bytes_of_len<'a>(
    value: Option<StringRef<'a>>,
    len: usize,
    buffer: &'a mut itoa::Buffer,
) -> Option<&'a [u8]> {
    value
        .map(|value| bytes_of(value, buffer))
        .filter(|bytes| bytes.len() == len)
}

impl BitRange {
    /// What of it is looked at next, and the rest.
    fn piece(self) -> (Self, Option<Self>) {
        let last = (self.first / 8 + PIECE_BYTES) * 8 - 1;
        if last >= self.last {
            return (self, None);
        }
        let rest = Self {
            first: last + 1,
            ..self
        };
        (Self { last, ..self }, Some(rest))
    }

    /// The bytes that hold the range: the first one and the last one, the bits outside the range cleared, and the whole ones between.
    /// With a single byte there is no last one.
    fn split(self, bytes: &[u8]) -> (u8, &[u8], Option<u8>) {
        let first_mask = 0xff_u8 >> (self.first % 8);
        let last_mask = 0xff_u8 << (7 - self.last % 8);
        match &bytes[self.first / 8..=self.last / 8] {
            [first, whole @ .., last] => (first & first_mask, whole, Some(last & last_mask)),
            [only] => (only & first_mask & last_mask, &[], None),
            [] => (0, &[], None),
        }
    }
}
