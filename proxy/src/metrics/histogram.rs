//! Durations in buckets whose width grows with the duration: what a latency histogram needs, in 2 KiB.
//! Pure. A bound is less than a tenth above the bound before it, also in what is shown, so whatever is read off a bucket is that near; recording costs a few
//! shifts, one look at a table of 64 bytes and one addition.

use std::ops::RangeInclusive;

use shared::durations::{STEPS_PER_DOUBLING, bound_ns, step};

/// Nanoseconds below which nothing is told apart, as a power of two: a microsecond.
const FIRST_BITS: u32 = 10;

/// Doublings of that which are told apart: more than are shown.
const DOUBLINGS: u32 = 26;

/// Number of buckets: what is below the first doubling, eight for each, what is longer than all of them.
const BUCKETS: usize = 2 + DOUBLINGS as usize * STEPS_PER_DOUBLING;

/// The bounds that are shown, nanoseconds: below the first (33 µs) is no way to a node and back, beyond the last (69 s) no deadline that people set. Eight
/// per doubling make 169 of them.
const SHOWN_NS: RangeInclusive<u64> = 1 << 15..=1 << 36;

/// Counts of durations.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: [u64; BUCKETS],
    sum_ns: u64,
}

impl Histogram {
    /// Without a count.
    pub(crate) fn new() -> Self {
        Self {
            counts: [0; BUCKETS],
            sum_ns: 0,
        }
    }

    /// Adds `count` durations of so many nanoseconds.
    #[inline]
    pub(crate) fn record(&mut self, ns: u64, count: u64) {
        self.counts[bucket(ns)] += count;
        self.sum_ns = self.sum_ns.saturating_add(ns.saturating_mul(count));
    }

    /// Adds all that another one has.
    pub(crate) fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
    }

    /// Number of durations.
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All durations together, nanoseconds.
    pub(crate) fn sum_ns(&self) -> u64 {
        self.sum_ns
    }

    /// What was counted since `older` was copied.
    pub(crate) fn since(&self, older: &Self) -> Self {
        let mut newer = self.clone();
        for (count, before) in newer.counts.iter_mut().zip(&older.counts) {
            *count = count.saturating_sub(*before);
        }
        newer.sum_ns = newer.sum_ns.saturating_sub(older.sum_ns);
        newer
    }

    /// Nanoseconds that this many of a thousand durations stay below, as evenly as they lie between the bounds of a bucket; nothing where none was counted.
    pub(crate) fn below_ns(&self, of_thousand: u64) -> Option<u64> {
        let all = self.count();
        let rank = (all * of_thousand.min(1_000)).div_ceil(1_000).max(1);
        let mut so_far = 0;
        for (at, count) in self.counts.iter().enumerate() {
            if so_far + count >= rank {
                let lower = at.checked_sub(1).map_or(0, bound);
                let width = bound(at) - lower;
                let part = u128::from(width) * u128::from(rank - so_far) / u128::from(*count);
                return Some(lower + u64::try_from(part).unwrap_or(width));
            }
            so_far += count;
        }
        None
    }

    /// For each bound that is shown, in nanoseconds, how many durations were below it.
    pub(crate) fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut so_far = 0;
        self.counts
            .iter()
            .enumerate()
            .filter_map(move |(at, count)| {
                so_far += count;
                let bound = bound(at);
                SHOWN_NS.contains(&bound).then_some((bound, so_far))
            })
    }
}

/// The upper bound of the bucket at this place, nanoseconds: 1024, 1120, 1232 … The last has none of its own, and is shown as if it were one step more.
fn bound(at: usize) -> u64 {
    let doubling = u32::try_from(at / STEPS_PER_DOUBLING).unwrap_or(DOUBLINGS);
    bound_ns(FIRST_BITS + doubling, at % STEPS_PER_DOUBLING)
}

#[inline]
fn bucket(ns: u64) -> usize {
    let Some(doubling) = (u64::BITS - ns.leading_zeros()).checked_sub(FIRST_BITS + 1) else {
        return 0;
    };
    if doubling >= DOUBLINGS {
        return BUCKETS - 1;
    }
    1 + doubling as usize * STEPS_PER_DOUBLING + step(ns, FIRST_BITS + doubling)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_below_the_bound_under_which_it_is_counted_and_less_than_a_tenth() {
        let some = (0..5_000).chain((15..36).flat_map(|bits| {
            let base = 1_u64 << bits;
            [0, 1, 5, 40, 63]
                .map(|part| base + base / 64 * part)
                .into_iter()
                .chain([2 * base - 1])
        }));
        for ns in some {
            let mut histogram = Histogram::new();
            histogram.record(ns, 3);
            let (bound, _) = histogram
                .cumulative()
                .find(|(_, count)| *count == 3)
                .unwrap();
            assert!(ns < bound, "{ns} below {bound}");
            assert!(
                bound == *SHOWN_NS.start() || ns * 10 >= bound * 9,
                "{ns} not below nine tenths of {bound}"
            );
            assert_eq!(histogram.count(), 3);
            assert_eq!(histogram.sum_ns(), 3 * ns);
        }
        assert_eq!(Histogram::new().cumulative().count(), 169);
        let last = Histogram::new().cumulative().last();
        assert_eq!(last, Some((*SHOWN_NS.end(), 0)));
    }

    #[test]
    fn what_most_stay_below_is_told_within_a_tenth() {
        let mut before = Histogram::new();
        assert_eq!(before.below_ns(500), None);
        before.record(1_000_000_000, 50);
        let mut histogram = before.clone();
        for us in 1..=1_000 {
            histogram.record(us * 1_000, 1);
        }
        let since = histogram.since(&before);
        assert_eq!((since.count(), since.sum_ns()), (1_000, 500_500_000));
        for (of_thousand, exact_us) in [(2, 2), (500, 500), (990, 990), (999, 999), (1_000, 1_000)]
        {
            let told = since.below_ns(of_thousand).unwrap();
            let exact = exact_us * 1_000;
            assert!(told.abs_diff(exact) <= exact / 10, "{told} for {exact}");
        }
        assert_eq!(before.since(&histogram).count(), 0, "never below nothing");
        // All of one kind, wherever it lies in its bucket.
        for ns in [63_999, 64_000, 70_000, 99_000, 99_999, 1_234_567] {
            let mut same = Histogram::new();
            same.record(ns, 1_000_000);
            for of_thousand in [500, 990, 999, 1_000] {
                let told = same.below_ns(of_thousand).unwrap();
                assert!(told.abs_diff(ns) <= ns / 10, "{told} for {ns}");
            }
        }
    }

    #[test]
    fn what_is_too_long_is_counted_all_the_same() {
        let mut histogram = Histogram::new();
        histogram.record(u64::MAX, 1);
        assert_eq!(histogram.count(), 1);
        assert!(histogram.below_ns(999).is_some());
        let mut other = Histogram::new();
        other.add(&histogram);
        assert_eq!(other.count(), 1);
    }
}
