//! [`Packer`]: what is remembered of strings while they are packed; [`Packing`]: one string on its way.
//! Pure.

use super::{LEAST_MATCH, MOST_DISTANCE, MOST_LITERALS, MOST_MATCH, SHORT_MATCH};

/// Bits of the number of places in the table: from 4 KiB up to 128 KiB, as there is to pack.
const TABLE_BITS: std::ops::RangeInclusive<u32> = 10..=15;

/// Where each three bytes were seen last. It serves one string after the other: what stands from an earlier one lies below `base`.
#[derive(Debug)]
pub(in crate::rdb) struct Packer {
    table: Vec<u32>,
    bits: u32,
    base: u32,
    /// Strings are to be written as they are.
    is_off: bool,
}

impl Packer {
    /// For strings of which the longest may have so many bytes.
    pub(in crate::rdb) fn new(bytes: usize) -> Self {
        let bits = bytes.max(1).ilog2();
        Self {
            table: Vec::new(),
            bits: bits.clamp(*TABLE_BITS.start(), *TABLE_BITS.end()),
            base: 1,
            is_off: false,
        }
    }

    /// One that packs nothing.
    pub(in crate::rdb) fn off() -> Self {
        Self {
            is_off: true,
            ..Self::new(0)
        }
    }

    /// Whether it packs nothing.
    pub(in crate::rdb) fn is_off(&self) -> bool {
        self.is_off
    }

    /// A string of `len` bytes, to be packed.
    pub(in crate::rdb) fn begin(&mut self, len: usize) -> Packing {
        if self.table.is_empty() {
            self.table = vec![0; 1 << self.bits];
        }
        // Positions count in 32 bits from the base on, so no older one is taken for one of this string.
        let last = u32::try_from(len)
            .ok()
            .and_then(|len| self.base.checked_add(len));
        if last.is_none() {
            self.table.fill(0);
            self.base = 1;
        }
        let base = self.base;
        self.base = last.unwrap_or(u32::MAX);
        Packing {
            base,
            at: 0,
            literals_from: 0,
        }
    }

    /// Where the three bytes at `at` were seen last in this string, if they were; from now on it is here.
    fn seen(&mut self, packing: &Packing, input: &[u8], at: usize) -> Option<usize> {
        let three = input.get(at..)?.first_chunk::<LEAST_MATCH>()?;
        let number = u32::from_le_bytes([three[0], three[1], three[2], 0]);
        // Fibonacci hashing: Knuth, The Art of Computer Programming 3, 6.4.
        let place = number.wrapping_mul(0x9e37_79b1) >> (u32::BITS - self.bits);
        let here = packing.base.checked_add(u32::try_from(at).ok()?)?;
        let before = std::mem::replace(self.table.get_mut(place as usize)?, here);
        let before = before.checked_sub(packing.base)? as usize;
        (before < at).then_some(before)
    }
}

/// How far a string has been packed.
#[derive(Clone, Copy, Debug)]
pub(in crate::rdb) struct Packing {
    base: u32,
    at: usize,
    /// From here to `at` bytes wait to be written as they are.
    literals_from: usize,
}

impl Packing {
    /// Packs the next `budget` bytes to the end of `out`; whether that was the end.
    pub(in crate::rdb) fn go_on(
        &mut self,
        packer: &mut Packer,
        input: &[u8],
        out: &mut Vec<u8>,
        budget: usize,
    ) -> bool {
        let stop = input.len().min(self.at.saturating_add(budget));
        while self.at < stop {
            let at = self.at;
            let seen = packer.seen(self, input, at);
            let near = seen.filter(|before| at - before <= MOST_DISTANCE);
            let len = near.map_or(0, |before| alike(&input[before..], &input[at..]));
            let Some(before) = near.filter(|_| len >= LEAST_MATCH) else {
                self.at += 1;
                if self.at - self.literals_from == MOST_LITERALS {
                    self.write_literals(input, out);
                }
                continue;
            };
            self.write_literals(input, out);
            write_reference(out, len, at - before);
            self.at += len;
            self.literals_from = self.at;
            // The last places of a reference are remembered too: what follows is often known from there.
            for inside in self.at - 2..self.at {
                packer.seen(self, input, inside);
            }
        }
        if self.at == input.len() {
            self.write_literals(input, out);
        }
        self.at == input.len()
    }

    /// Writes what waits.
    fn write_literals(&mut self, input: &[u8], out: &mut Vec<u8>) {
        for run in input[self.literals_from..self.at].chunks(MOST_LITERALS) {
            out.push(low_byte(run.len() - 1));
            out.extend_from_slice(run);
        }
        self.literals_from = self.at;
    }
}

/// How many bytes are the same in both, as far as one reference reaches.
fn alike(one: &[u8], other: &[u8]) -> usize {
    let pairs = one.iter().zip(other).take(MOST_MATCH);
    pairs.take_while(|(one, other)| one == other).count()
}

fn write_reference(out: &mut Vec<u8>, len: usize, distance: usize) {
    let (code, offset) = (len - 2, distance - 1);
    let high = low_byte(offset >> 8);
    if len < SHORT_MATCH + 1 {
        out.push(low_byte(code << 5) | high);
    } else {
        out.push(0xe0 | high);
        out.push(low_byte(len - (SHORT_MATCH + 1)));
    }
    out.push(low_byte(offset));
}

/// The lower eight bits.
fn low_byte(number: usize) -> u8 {
    let [low, ..] = number.to_le_bytes();
    low
}
