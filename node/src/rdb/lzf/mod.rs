//! LZF, in which Redis packs strings: the format of M. A. Lehmann's liblzf.
//! Pure. Both ways go on a piece at a time.
//!
//! ```text
//! 000nnnnn                    n + 1 bytes follow as they are
//! lllooooo oooooooo           l + 2 bytes (l from 1 to 6) that stood o + 1 bytes before
//! 111ooooo llllllll oooooooo  l + 9 of them
//! ```
//!
//! Written here because there is nothing to it, and because the crates that have it take and give a whole string at once, for as long as that takes.

mod pack;
mod unpack;

pub(super) use pack::{Packer, Packing};
pub(super) use unpack::Unpacking;

/// Most bytes that follow as they are.
const MOST_LITERALS: usize = 32;
/// Fewest bytes that are worth a reference.
const LEAST_MATCH: usize = 3;
/// Most bytes of one reference.
const MOST_MATCH: usize = 264;
/// A longer length stands in a byte of its own.
const SHORT_MATCH: usize = 8;
/// Farthest place that a reference names.
const MOST_DISTANCE: usize = 1 << 13;

/// No packed byte gives more than this many: three of them give [`MOST_MATCH`].
pub(super) const MOST_GROWTH: u64 = (MOST_MATCH / 3) as u64;

#[cfg(test)]
mod tests;
