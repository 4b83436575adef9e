//! How much memory may be in use while it is above `maxmemory` and keys are going, but not fast enough.
//! Pure. Invariant: it never rises above the limit and what one command adds, but where the limit was lowered; from there it only falls.

/// Commands run although there was no time to make all the room they need, as long as together they add less than this to the least that was in use since;
/// beyond it they wait. So large values written in the place of many small ones, which go more slowly than they come, do not push memory up.
const OVERSHOOT_BYTES: u64 = 240 * 1024;

/// The least that was in use since memory was within its limit, or the limit was moved.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryCeiling {
    limit: u64,
    bytes: u64,
}

impl MemoryCeiling {
    /// Memory is within its limit.
    #[inline]
    pub fn within(&mut self, limit: u64) {
        *self = Self {
            limit,
            bytes: limit,
        };
    }

    /// Whether a command may run that may add to the `used` bytes, which are above the limit.
    pub fn allows(&mut self, used: u64, limit: u64) -> bool {
        if self.limit != limit {
            // The limit was moved below what is in use: writes go on while that shrinks.
            *self = Self { limit, bytes: used };
        }
        self.bytes = self.bytes.min(used).max(limit);
        used <= self.bytes + OVERSHOOT_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::{MemoryCeiling, OVERSHOOT_BYTES};

    #[test]
    fn above_the_limit_nothing_may_rise_by_more_than_the_overshoot() {
        let mut ceiling = MemoryCeiling::default();
        ceiling.within(1_000);
        assert!(ceiling.allows(1_000 + OVERSHOOT_BYTES, 1_000));
        assert!(!ceiling.allows(1_001 + OVERSHOOT_BYTES, 1_000));
        // A limit that was lowered stops nobody; from then on memory may only fall.
        assert!(ceiling.allows(5_000_000, 500));
        assert!(ceiling.allows(4_000_000, 500));
        assert!(!ceiling.allows(4_000_001 + OVERSHOOT_BYTES, 500));
        // Below the limit begins anew.
        ceiling.within(500);
        assert!(!ceiling.allows(501 + OVERSHOOT_BYTES, 500));
    }
}
