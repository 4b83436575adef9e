//! BITFIELD: integers of any width at any bit of a string.
//! Pure. Invariant: all operations are read and checked before the first one runs.

use super::{bit_offset, check_count, parse_bit_offset};
use crate::commands::arguments::{bytes_of, integer, is_word, len_of, string, string_limit_bytes};
use crate::commands::{Action, Call};
use shared::resp::parse_integer;
use shared::resp::{Args, ErrorReply, ReplyWriter};

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
    check_count(call)?;
    let operations = Operations::new(call);
    let plan = Plan::of(operations.clone())?;
    match plan.writes_until {
        Some(end) => run(call, operations, plan.count, end),
        None => read(call, operations, plan.count),
    }
}

/// BITFIELD_RO key [GET type offset …]
pub(super) fn bitfield_ro(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    check_count(call)?;
    let operations = Operations::new(call);
    let plan = Plan::of(operations.clone())?;
    if plan.writes_until.is_some() {
        return Err(ErrorReply::BitFieldReadOnly);
    }
    read(call, operations, plan.count)
}

/// What a first look at all operations tells.
#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    count: usize,
    /// One past the last bit that may be written; `None` when all only read.
    writes_until: Option<usize>,
}

impl Plan {
    fn of(operations: Operations<'_>) -> Result<Self, ErrorReply> {
        let mut plan = Self::default();
        for operation in operations {
            let operation = operation?;
            plan.count += 1;
            if !matches!(operation.verb, Verb::Get) {
                plan.writes_until = plan.writes_until.max(Some(operation.end()));
            }
        }
        Ok(plan)
    }
}

/// Operations that only read, checked before.
fn read(
    call: &mut Call<'_>,
    operations: Operations<'_>,
    count: usize,
) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let mut buffer = itoa::Buffer::new();
    let value = string(call.store.get(db, key))?;
    let bytes = value.map_or(&b""[..], |value| bytes_of(value, &mut buffer));
    call.reply.array(count);
    for operation in operations.flatten() {
        let value = operation.field.value(load(bytes, &operation));
        call.reply.integer(value);
    }
    Ok(Action::Continue)
}

/// Operations of which some write, checked before; the last bit that they may write is the one before `end`.
fn run(
    call: &mut Call<'_>,
    operations: Operations<'_>,
    count: usize,
    end: usize,
) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let old_len = string(call.store.peek(db, key))?.map(len_of);
    let len = end.div_ceil(8);
    // Made long enough even if all operations fail, as Redis does.
    let bytes = call.store.string_mut(db, key, len)?;
    let mut changed = old_len.is_none_or(|old_len| old_len < len);
    call.reply.array(count);
    for operation in operations.flatten() {
        changed |= step(bytes, &operation, &mut call.reply);
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
        // The type is a C string: a NUL byte ends it.
        let digits = digits.split(|byte| *byte == 0).next().unwrap_or_default();
        let bits = parse_integer(digits)
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
        if !self.signed {
            return self.fit(i128::from(value.cast_unsigned()), overflow);
        }
        let (_, greatest) = self.range();
        // Where the distance to the greatest number is beyond 64 bits, Redis takes the least numbers for too great.
        let is_far = greatest - i128::from(value) > i128::from(i64::MAX);
        match overflow {
            Overflow::Saturate if is_far && self.bits < 64 => i64::try_from(greatest).ok(),
            _ => self.fit(i128::from(value), overflow),
        }
    }
}

impl Operation {
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

/// Reads the operations one after the other, as often as needed, so that none has to be kept.
#[derive(Clone, Debug)]
struct Operations<'a> {
    args: Args<'a>,
    /// Of the next word.
    index: usize,
    overflow: Overflow,
    string_limit_bytes: usize,
}

impl<'a> Operations<'a> {
    fn new(call: &Call<'a>) -> Self {
        Self {
            args: call.args,
            index: 2,
            overflow: Overflow::Wrap,
            string_limit_bytes: string_limit_bytes(call),
        }
    }

    /// The next operation; `None` behind the last one.
    fn parse_next(&mut self) -> Result<Option<Operation>, ErrorReply> {
        while let Some(word) = self.args.get(self.index) {
            let left = self.args.len() - self.index - 1;
            let at = self.index;
            if is_word(word, "GET") && left >= 2 {
                self.index += 3;
                return self.operation(at, |_| Ok(Verb::Get)).map(Some);
            } else if is_word(word, "SET") && left >= 3 {
                self.index += 4;
                return self
                    .operation(at, |args| integer(args.at(at + 3)).map(Verb::Set))
                    .map(Some);
            } else if is_word(word, "INCRBY") && left >= 3 {
                self.index += 4;
                return self
                    .operation(at, |args| integer(args.at(at + 3)).map(Verb::Increment))
                    .map(Some);
            } else if is_word(word, "OVERFLOW") && left >= 1 {
                self.index += 2;
                self.overflow = parse_overflow(self.args.at(at + 1))?;
            } else {
                return Err(ErrorReply::Syntax);
            }
        }
        Ok(None)
    }

    /// The operation whose first word is at `at`: type and offset are read before its number, as Redis complains in this order.
    fn operation(
        &self,
        at: usize,
        verb: impl FnOnce(Args<'a>) -> Result<Verb, ErrorReply>,
    ) -> Result<Operation, ErrorReply> {
        let field = IntegerType::parse(self.args.at(at + 1))?;
        let offset = match self.args.at(at + 2) {
            // Counted in fields of this width.
            [b'#', digits @ ..] => {
                let number = parse_integer(digits).ok_or(ErrorReply::BitOffset)?;
                let number = number.wrapping_mul(i64::from(field.bits));
                bit_offset(number, self.string_limit_bytes)?
            }
            digits => parse_bit_offset(digits, self.string_limit_bytes)?,
        };
        Ok(Operation {
            verb: verb(self.args)?,
            field,
            offset,
            overflow: self.overflow,
        })
    }
}

impl Iterator for Operations<'_> {
    type Item = Result<Operation, ErrorReply>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.parse_next();
        if next.is_err() {
            // Nothing behind a mistake is read.
            self.index = self.args.len();
        }
        next.transpose()
    }
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
