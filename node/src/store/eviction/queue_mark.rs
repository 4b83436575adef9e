//! Access marks of the policies that think in queues (FIFO, S3-FIFO, SIEVE): two bits of uses, one bit that says which queue, 13 bits of order.
//! Pure.
//!
//! Order is counted in ticks of a thousandth of the keyspace: a tick passes whenever so many keys were added. So what is older is known however fast keys come, as long as nothing lives longer than four times it takes to replace everything.

/// Ticks in the time that it takes to add as many keys as there are.
const TICKS: usize = 1024;

const USES: u16 = 0b11;
const MAIN: u16 = 0b100;
const TICK_SHIFT: u32 = 3;
const TICK_MASK: u16 = u16::MAX >> TICK_SHIFT;

/// Counts added keys.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::store) struct Ticks {
    added: usize,
    tick: u16,
}

impl Ticks {
    /// One more key was added; now there are `len`.
    pub(in crate::store) fn count(&mut self, len: usize) {
        self.added += 1;
        if self.added > len / TICKS {
            self.added = 0;
            self.tick = self.tick.wrapping_add(1) & TICK_MASK;
        }
    }

    /// The mark of a key added now.
    pub(in crate::store) fn mark(self, main: bool) -> u16 {
        self.tick << TICK_SHIFT | if main { MAIN } else { 0 }
    }

    /// How many ticks ago the mark was made.
    pub(in crate::store) fn age(self, mark: u16) -> u16 {
        self.tick.wrapping_sub(mark >> TICK_SHIFT) & TICK_MASK
    }
}

/// The mark after one more use; three are as many as are counted.
#[inline]
pub(in crate::store) fn used(mark: u16) -> u16 {
    if mark & USES == USES { mark } else { mark + 1 }
}

/// Uses since they were last taken away.
pub(in crate::store) fn uses(mark: u16) -> u16 {
    mark & USES
}

/// The mark without its uses.
pub(in crate::store) fn unused(mark: u16) -> u16 {
    mark & !USES
}

/// Whether the key has been moved to S3-FIFO's main queue.
pub(in crate::store) fn is_main(mark: u16) -> bool {
    mark & MAIN != 0
}

#[cfg(test)]
mod tests {
    use super::{Ticks, is_main, unused, used, uses};

    #[test]
    fn a_mark_counts_three_uses_and_knows_its_age() {
        let mut ticks = Ticks::default();
        let mut mark = ticks.mark(true);
        for expected in [1, 2, 3, 3] {
            mark = used(mark);
            assert_eq!(uses(mark), expected);
        }
        assert!(is_main(mark) && is_main(unused(mark)) && !is_main(ticks.mark(false)));
        assert_eq!(uses(unused(mark)), 0);
        for _ in 0..10_000 {
            ticks.count(10_000);
        }
        assert!(
            (900..=1024).contains(&ticks.age(mark)),
            "{}",
            ticks.age(mark)
        );
    }
}
