//! BITFIELD: integers of any width at any bit of a string.
//! Pure. Invariant: all operations are read and checked before the first one runs.

use super::{bit_offset, parse_bit_offset};
use crate::commands::arguments::{bytes_of, integer, is_word, len_of, string};
use crate::commands::{Action, Call};
use crate::store::canonical_integer;
use shared::resp::{ErrorReply, ReplyWriter};

/// `i1` … `i64`, `u1` … `u63`.
#[derive(Clone, Copy, Debug)]
struct IntegerType {
    signed: bool,
    bits: u32,
}

/// What becomes of a sum that its type cannot hold.
#[derive(Clone, Copy, Debug)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

#[derive(Clone, Copy, Debug)]
enum Verb {
    Get,
    Set(i64),
    Increment(i64),
}

#[derive(Clone, Copy, Debug)]
struct Operation {
    verb: Verb,
    field: IntegerType,
    offset: usize,
    overflow: Overflow,
}

/// BITFIELD key [GET type offset | [OVERFLOW WRAP | SAT | FAIL] SET type offset value | INCRBY type offset increment] …
pub(super) fn bitfield(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let operations = parse(call)?;
    let end = operations.iter().filter(|operation| operation.writes());
    match end.map(Operation::end).max() {
        Some(end) => run(call, &operations, end),
        None => read(call, &operations),
    }
}

/// BITFIELD_RO key [GET type offset …]
pub(super) fn bitfield_ro(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let operations = parse(call)?;
    if operations.iter().any(Operation::writes) {
        return Err(ErrorReply::BitFieldReadOnly);
    }
    read(call, &operations)
}

/// Operations that only read.
fn read(call: &mut Call<'_>, operations: &[Operation]) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let mut buffer = itoa::Buffer::new();
    let value = string(call.store.get(db, key))?;
    let bytes = value.map_or(&b""[..], |value| bytes_of(value, &mut buffer));
    call.reply.array(operations.len());
    for operation in operations {
        let value = operation.field.value(load(bytes, operation));
        call.reply.integer(value);
    }
    Ok(Action::Continue)
}

/// Operations of which some write; the last bit that they may write is the one before `end`.
fn run(call: &mut Call<'_>, operations: &[Operation], end: usize) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let old_len = string(call.store.peek(db, key))?.map(len_of);
    let len = end.div_ceil(8);
    // Made long enough even if all operations fail, as Redis does.
    let bytes = call.store.string_mut(db, key, len)?;
    let mut changed = old_len.is_none_or(|old_len| old_len < len);
    call.reply.array(operations.len());
    for operation in operations {
        changed |= step(bytes, operation, &mut call.reply);
    }
    if changed {
        call.effects.verbatim(db, call.args);
    }
    Ok(Action::Continue)
}

/// Runs one operation, answers, and tells whether it changed a bit.
fn step(bytes: &mut [u8], operation: &Operation, reply: &mut ReplyWriter<'_>) -> bool {
    let field = operation.field;
    let old_bits = load(bytes, operation);
    let old = field.value(old_bits);
    let (new, answer) = match operation.verb {
        Verb::Get => (Some(old), Some(old)),
        Verb::Set(value) => {
            let new = field.fit_set(value, operation.overflow);
            (new, new.map(|_| old))
        }
        Verb::Increment(increment) => {
            let sum = i128::from(old) + i128::from(increment);
            let new = field.fit(sum, operation.overflow);
            (new, new)
        }
    };
    match answer {
        Some(answer) => reply.integer(answer),
        None => reply.null(),
    }
    let new_bits = new.map_or(old_bits, |new| field.bits_of(new));
    if new_bits == old_bits {
        return false;
    }
    store(bytes, operation, new_bits);
    true
}

impl IntegerType {
    fn parse(argument: &[u8]) -> Result<Self, ErrorReply> {
        let (signed, digits, most) = match argument {
            [b'i', digits @ ..] => (true, digits, 64),
            [b'u', digits @ ..] => (false, digits, 63),
            _ => return Err(ErrorReply::BitFieldType),
        };
        let bits = canonical_integer(digits)
            .filter(|bits| (1..=most).contains(bits))
            .and_then(|bits| u32::try_from(bits).ok())
            .ok_or(ErrorReply::BitFieldType)?;
        Ok(Self { signed, bits })
    }

    fn mask(self) -> u64 {
        u64::MAX >> (64 - self.bits)
    }

    /// The number that `bits` (none above the type's width) stand for.
    fn value(self, bits: u64) -> i64 {
        let unused = 64 - self.bits;
        if self.signed {
            (bits << unused).cast_signed() >> unused
        } else {
            bits.cast_signed()
        }
    }

    fn bits_of(self, value: i64) -> u64 {
        value.cast_unsigned() & self.mask()
    }

    /// Least and greatest number of the type.
    fn range(self) -> (i128, i128) {
        if self.signed {
            let half = 1_i128 << (self.bits - 1);
            (-half, half - 1)
        } else {
            (0, i128::from(self.mask()))
        }
    }

    /// `number` made one of the type; `None` when it is to fail.
    fn fit(self, number: i128, overflow: Overflow) -> Option<i64> {
        let (least, greatest) = self.range();
        let fitting = match overflow {
            _ if (least..=greatest).contains(&number) => number,
            Overflow::Fail => return None,
            Overflow::Saturate => number.clamp(least, greatest),
            Overflow::Wrap => {
                let span = greatest - least + 1;
                (number - least).rem_euclid(span) + least
            }
        };
        i64::try_from(fitting).ok()
    }

    /// The same for a value that SET gives; of an unsigned type it is taken for an unsigned 64-bit number first, so that a negative one is too great.
    fn fit_set(self, value: i64, overflow: Overflow) -> Option<i64> {
        let number = if self.signed {
            i128::from(value)
        } else {
            i128::from(value.cast_unsigned())
        };
        self.fit(number, overflow)
    }
}

impl Operation {
    fn writes(&self) -> bool {
        !matches!(self.verb, Verb::Get)
    }

    /// One past its last bit.
    fn end(&self) -> usize {
        self.offset + self.field.bits as usize
    }
}

/// The bytes that the field touches, at most 9.
fn touched(operation: &Operation) -> std::ops::Range<usize> {
    operation.offset / 8..operation.end().div_ceil(8)
}

/// The bits of the field; beyond the end of the string they are zeros.
fn load(bytes: &[u8], operation: &Operation) -> u64 {
    let touched = touched(operation);
    let window = touched.clone().fold(0_u128, |window, at| {
        window << 8 | u128::from(bytes.get(at).copied().unwrap_or(0))
    });
    let below = touched.end * 8 - operation.end();
    let field = (window >> below) & u128::from(operation.field.mask());
    // No bit above 64 is left by the mask.
    u64::try_from(field).unwrap_or(u64::MAX)
}

/// Writes the bits of the field, all of which lie in the string.
fn store(bytes: &mut [u8], operation: &Operation, bits: u64) {
    let touched = touched(operation);
    let below = touched.end * 8 - operation.end();
    let window = (u128::from(bits) << below).to_be_bytes();
    let mask = (u128::from(operation.field.mask()) << below).to_be_bytes();
    let skipped = window.len() - touched.len();
    for ((byte, mask), bits) in bytes[touched]
        .iter_mut()
        .zip(&mask[skipped..])
        .zip(&window[skipped..])
    {
        *byte = *byte & !mask | bits;
    }
}

fn parse(call: &Call<'_>) -> Result<Vec<Operation>, ErrorReply> {
    let mut operations = Vec::new();
    let mut overflow = Overflow::Wrap;
    let args = call.args;
    let mut index = 2;
    while let Some(word) = args.get(index) {
        let left = args.len() - index - 1;
        let increments = is_word(word, "INCRBY");
        if is_word(word, "GET") && left >= 2 {
            let (field, offset) = parse_place(call, index)?;
            operations.push(Operation {
                verb: Verb::Get,
                field,
                offset,
                overflow,
            });
            index += 3;
        } else if (increments || is_word(word, "SET")) && left >= 3 {
            let (field, offset) = parse_place(call, index)?;
            let number = integer(args.at(index + 3))?;
            operations.push(Operation {
                verb: if increments {
                    Verb::Increment(number)
                } else {
                    Verb::Set(number)
                },
                field,
                offset,
                overflow,
            });
            index += 4;
        } else if is_word(word, "OVERFLOW") && left >= 1 {
            overflow = parse_overflow(args.at(index + 1))?;
            index += 2;
        } else {
            return Err(ErrorReply::Syntax);
        }
    }
    Ok(operations)
}

/// Type and offset behind the verb at `index`.
fn parse_place(call: &Call<'_>, index: usize) -> Result<(IntegerType, usize), ErrorReply> {
    let field = IntegerType::parse(call.args.at(index + 1))?;
    let offset = match call.args.at(index + 2) {
        // Counted in fields of this width.
        [b'#', digits @ ..] => {
            let number = canonical_integer(digits).ok_or(ErrorReply::BitOffset)?;
            bit_offset(number.wrapping_mul(i64::from(field.bits)), call)?
        }
        digits => parse_bit_offset(digits, call)?,
    };
    Ok((field, offset))
}

fn parse_overflow(argument: &[u8]) -> Result<Overflow, ErrorReply> {
    if is_word(argument, "WRAP") {
        Ok(Overflow::Wrap)
    } else if is_word(argument, "SAT") {
        Ok(Overflow::Saturate)
    } else if is_word(argument, "FAIL") {
        Ok(Overflow::Fail)
    } else {
        Err(ErrorReply::BitFieldOverflow)
    }
}
