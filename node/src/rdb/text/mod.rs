//! Strings as values hold them: their bytes behind their length, an integer in one, two or four bytes, or packed ([`super::lzf`]).
//! Pure. Both ways go on a piece at a time.

mod read;
mod write;

pub(super) use read::{TextReader, skip};
pub(super) use write::TextWriter;

/// The forms of strings that no length announces; the numbers are Redis' own.
const INTEGER_8: u8 = 0;
const INTEGER_16: u8 = 1;
const INTEGER_32: u8 = 2;
const PACKED: u8 = 3;

/// Bytes that are packed, unpacked or copied between two looks at the time: some 100 µs.
const TREATED_AT_ONCE: usize = 32 * 1024;

#[cfg(test)]
mod tests;
