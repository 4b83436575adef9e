//! Numbers that depend on nothing but the seed (splitmix64).

pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `least` on, below `bound`.
    pub(crate) fn between(&mut self, least: u64, bound: u64) -> u64 {
        least + self.next() % bound.saturating_sub(least).max(1)
    }

    pub(crate) fn below(&mut self, bound: u8) -> u8 {
        u8::try_from(self.between(0, u64::from(bound))).unwrap_or_default()
    }

    /// Whether a thing happens that happens so often in a thousand times.
    pub(crate) fn thousandth(&mut self, often: u64) -> bool {
        self.between(0, 1_000) < often
    }
}

/// The number that a variable of the environment holds.
pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).unwrap_or_default();
    text.parse().unwrap_or(otherwise)
}
