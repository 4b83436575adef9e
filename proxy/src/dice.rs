//! Chance where a choice is free: which of several replies, how long a pause. Not for secrets.

use std::hash::{BuildHasher as _, RandomState};

/// A stream of 64-bit numbers (splitmix64; Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
#[derive(Debug)]
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    /// Seeded by what the standard library gets from the operating system.
    pub(crate) fn new() -> Self {
        Self {
            state: RandomState::new().hash_one(0),
        }
    }

    /// The next number.
    pub(crate) fn throw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
