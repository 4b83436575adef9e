//! Durations in buckets whose width grows with the duration: what a latency histogram needs, in 1 KiB.
//! Pure. A bound is at most a quarter above the bound before it, also in what is shown; recording costs a few shifts and one addition.

use std::ops::RangeInclusive;

/// Buckets per doubling, as a power of two.
const STEP_BITS: u32 = 2;

/// Doublings of a microsecond that are told apart: more than are shown.
const DOUBLINGS: u32 = 26;

/// Number of buckets; the last one has all that is longer.
const BUCKETS: usize = ((DOUBLINGS + 1) << STEP_BITS) as usize;

/// The bounds that are shown, microseconds: below the first is no way to a node and back, beyond the last no deadline that people set. Four per doubling
/// make 85 of them.
const SHOWN_US: RangeInclusive<u64> = 32..=1 << 26;

/// Counts of durations.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: [u64; BUCKETS],
    sum_us: u64,
}

impl Histogram {
    /// Without a count.
    pub(crate) fn new() -> Self {
        Self {
            counts: [0; BUCKETS],
            sum_us: 0,
        }
    }

    /// Adds `count` durations of so many microseconds.
    #[inline]
    pub(crate) fn record(&mut self, us: u64, count: u64) {
        self.counts[bucket(us)] += count;
        self.sum_us = self.sum_us.saturating_add(us.saturating_mul(count));
    }

    /// Adds all that another one has.
    pub(crate) fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
    }

    /// Number of durations.
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All durations together.
    pub(crate) fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// What was counted since `older` was copied.
    pub(crate) fn since(&self, older: &Self) -> Self {
        let mut newer = self.clone();
        for (count, before) in newer.counts.iter_mut().zip(&older.counts) {
            *count = count.saturating_sub(*before);
        }
        newer.sum_us = newer.sum_us.saturating_sub(older.sum_us);
        newer
    }

    /// Microseconds that this many of a thousand durations stay below, as evenly as they lie between the bounds of a bucket; nothing where none was counted.
    pub(crate) fn below_us(&self, of_thousand: u64) -> Option<u64> {
        let all = self.count();
        let rank = (all * of_thousand.min(1_000)).div_ceil(1_000).max(1);
        let mut so_far = 0;
        for (at, count) in (0_u32..).zip(&self.counts) {
            if so_far + count >= rank {
                let lower = at.checked_sub(1).map_or(0, bound);
                let width = bound(at) - lower;
                return Some(lower + (width * (rank - so_far)).div_ceil(*count));
            }
            so_far += count;
        }
        None
    }

    /// For each bound that is shown, in microseconds, how many durations were below it.
    pub(crate) fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut so_far = 0;
        (0_u32..).zip(&self.counts).filter_map(move |(at, count)| {
            so_far += count;
            let bound = bound(at);
            SHOWN_US.contains(&bound).then_some((bound, so_far))
        })
    }
}

/// The upper bound of the bucket at this place: 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20 … microseconds.
fn bound(at: u32) -> u64 {
    let (doubling, step) = (at >> STEP_BITS, u64::from(at & ((1 << STEP_BITS) - 1)));
    match doubling {
        0 => step + 1,
        _ => ((1 << STEP_BITS) + step + 1) << (doubling - 1),
    }
}

/// Below 4 µs each microsecond has a bucket of its own; from there on, four per doubling.
#[inline]
fn bucket(us: u64) -> usize {
    let bits = u64::BITS - us.leading_zeros();
    let doubling = bits.saturating_sub(STEP_BITS);
    let step = if doubling == 0 {
        us
    } else {
        (us >> (doubling - 1)) & ((1 << STEP_BITS) - 1)
    };
    let index = (u64::from(doubling) << STEP_BITS) + step;
    usize::try_from(index).map_or(BUCKETS - 1, |index| index.min(BUCKETS - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_below_the_bound_under_which_it_is_counted_and_not_far() {
        for us in (0..5000).chain([65_535, 65_536, 1_000_000, 60_000_000]) {
            let mut histogram = Histogram::new();
            histogram.record(us, 3);
            let (bound, _) = histogram
                .cumulative()
                .find(|(_, count)| *count == 3)
                .unwrap();
            assert!(us < bound, "{us} below {bound}");
            assert!(
                bound == *SHOWN_US.start() || us >= bound / 5 * 4,
                "{us} not below four fifths of {bound}"
            );
            assert_eq!(histogram.count(), 3);
            assert_eq!(histogram.sum_us(), 3 * us);
        }
        assert_eq!(Histogram::new().cumulative().count(), 85);
        let last = Histogram::new().cumulative().last();
        assert_eq!(last, Some((*SHOWN_US.end(), 0)));
    }

    #[test]
    fn what_most_stay_below_is_told_within_a_quarter() {
        let mut before = Histogram::new();
        assert_eq!(before.below_us(500), None);
        before.record(1_000_000, 50);
        let mut histogram = before.clone();
        for us in 1..=1_000 {
            histogram.record(us, 1);
        }
        let since = histogram.since(&before);
        assert_eq!((since.count(), since.sum_us()), (1_000, 500_500));
        for (of_thousand, exact) in [(1, 1), (500, 500), (990, 990), (999, 999), (1_000, 1_000)] {
            let told = since.below_us(of_thousand).unwrap();
            assert!(told.abs_diff(exact) <= exact / 4 + 1, "{told} for {exact}");
        }
        assert_eq!(before.since(&histogram).count(), 0, "never below nothing");
    }

    #[test]
    fn what_is_too_long_is_counted_all_the_same() {
        let mut histogram = Histogram::new();
        histogram.record(u64::MAX, 1);
        assert_eq!(histogram.count(), 1);
        let mut other = Histogram::new();
        other.add(&histogram);
        assert_eq!(other.count(), 1);
    }
}
