//! Seeded chance: the same seed gives the same run everywhere.
//! Never reads a clock or the system's randomness, but for [`Dice::seed_from_environment`].

use super::eventually::now_nanoseconds;

/// SplitMix64 (Steele, Lea, Flood 2014): small, fast, and good enough to draw test cases.
#[derive(Clone, Debug)]
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    /// Dice that always fall the same way for one seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// `SWITCHYARD_SEED` where it is set, else a new seed; whoever draws from it prints it.
    pub(crate) fn seed_from_environment() -> u64 {
        std::env::var("SWITCHYARD_SEED")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| now_nanoseconds() % 1_000_000_007)
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `0..bound`; `bound` is at least 1.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.bits() % bound as u64).expect("below a usize")
    }

    /// One of `from..=to`.
    pub(crate) fn between(&mut self, from: i64, to: i64) -> i64 {
        let width = u64::try_from(to - from).expect("from <= to") + 1;
        from + i64::try_from(self.bits() % width).expect("below an i64")
    }

    /// True `percent` times of a hundred.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `items`, which are not empty.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// `length` random bytes.
    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.bits().to_le_bytes()[0]).collect()
    }
}
