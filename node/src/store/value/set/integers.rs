//! A small set of integers: one sorted array, each as wide as the widest needs (Redis' `intset`).
//! Pure.
//!
//! ```text
//! count 2, flagged | width 1 | integers, ascending, little-endian
//! ```

use crate::store::value::block::{Block, close, count, open, set_count};

/// Where the integers begin.
const HEADER_BYTES: usize = 3;

/// Where their width stands.
const WIDTH: usize = 2;

/// Writes that there are none.
pub(super) fn write_empty(blob: &mut Vec<u8>, flag: u16) {
    let [low, high] = flag.to_le_bytes();
    blob.extend_from_slice(&[low, high, 1]);
}

/// Bytes that a number needs.
fn width_of(number: i64) -> usize {
    let magnitude = if number < 0 { !number } else { number };
    (65 - magnitude.leading_zeros()).div_ceil(8) as usize
}

#[inline]
fn width(blob: &[u8]) -> usize {
    usize::from(blob[WIDTH]).clamp(1, 8)
}

/// The number at place `nth`.
#[inline]
pub(super) fn get(blob: &[u8], nth: usize) -> i64 {
    let width = width(blob);
    let at = HEADER_BYTES + nth * width;
    let bytes = &blob[at..at + width];
    let negative = bytes[width - 1] & 0x80 != 0;
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    wide[..width].copy_from_slice(bytes);
    i64::from_le_bytes(wide)
}

/// The place of a number, or the one where it would go.
#[inline]
pub(super) fn find(blob: &[u8], number: i64) -> Result<usize, usize> {
    let (mut low, mut high) = (0, count(blob));
    while low < high {
        let middle = low.midpoint(high);
        let there = get(blob, middle);
        if there == number {
            return Ok(middle);
        }
        if there < number {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Err(low)
}

/// Adds a number; says whether it is new.
pub(super) fn add(blob: &mut Vec<u8>, number: i64) -> bool {
    let Err(nth) = find(blob, number) else {
        return false;
    };
    let wide = width_of(number);
    if wide > width(blob) {
        widen(blob, wide);
    }
    let width = width(blob);
    let at = HEADER_BYTES + nth * width;
    open(blob, [(at, width)]);
    blob[at..at + width].copy_from_slice(&number.to_le_bytes()[..width]);
    let count = count(blob) + 1;
    set_count(blob, count);
    true
}

/// Writes all numbers anew, each in `wide` bytes.
fn widen(blob: &mut Vec<u8>, wide: usize) {
    let count = count(blob);
    let mut wider = blob[..HEADER_BYTES].to_vec();
    wider[WIDTH] = u8::try_from(wide).unwrap_or(8);
    wider.reserve(count * wide);
    for nth in 0..count {
        wider.extend_from_slice(&get(blob, nth).to_le_bytes()[..wide]);
    }
    *blob = wider;
}

/// Takes a number out; says whether it was there.
pub(super) fn remove(blob: &mut Vec<u8>, number: i64) -> bool {
    let Ok(nth) = find(blob, number) else {
        return false;
    };
    let width = width(blob);
    let left = count(blob) - 1;
    set_count(blob.bytes_mut(), left);
    close(blob, [(HEADER_BYTES + nth * width, width)]);
    true
}
