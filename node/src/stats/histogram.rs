//! How durations are distributed: a log-linear histogram after Gil Tene's HdrHistogram, two significant digits, 1 ns to 1 s.
//! Pure. Invariant: a recorded duration is known to within 1/128 of itself.

/// Buckets per doubling; 128 give two significant digits.
const STEPS: usize = 128;
/// Durations from here on are counted as this (ns): the reach of Redis' latency tracking.
const LONGEST_NS: u64 = 1_000_000_000;
/// Values below `2 * STEPS` have buckets of their own; above, each doubling up to `LONGEST_NS` (below 2^30) has `STEPS`.
const BUCKETS: usize = 2 * STEPS + 22 * STEPS;

/// Counts of durations.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Box<[u32; BUCKETS]>,
    total: u64,
    sum_ns: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: Box::new([0; BUCKETS]),
            total: 0,
            sum_ns: 0,
        }
    }
}

impl Histogram {
    /// Counts one duration.
    #[inline]
    pub fn record(&mut self, duration_ns: u64) {
        let count = &mut self.counts[bucket_of(duration_ns.clamp(1, LONGEST_NS))];
        *count = count.saturating_add(1);
        self.total += 1;
        self.sum_ns = self.sum_ns.saturating_add(duration_ns);
    }

    /// How many durations were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// All durations together (ns).
    #[must_use]
    pub fn sum_ns(&self) -> u64 {
        self.sum_ns
    }

    /// For each of these bounds (ns), which rise and lie below [`LONGEST_NS`], how many durations did not exceed it, within the width of a bucket.
    pub fn up_to(&self, bounds_ns: impl Iterator<Item = u64>) -> Vec<u64> {
        let mut buckets = self.counts.iter();
        let (mut walked, mut seen) = (0, 0);
        let count_up_to = |bound_ns: u64| {
            let end = bucket_of(bound_ns.clamp(1, LONGEST_NS)) + 1;
            let more = buckets.by_ref().take(end.saturating_sub(walked));
            seen += more.copied().map(u64::from).sum::<u64>();
            walked = walked.max(end);
            seen
        };
        bounds_ns.map(count_up_to).collect()
    }

    /// The duration (ns) that `percent` of all do not exceed, rounded up within its bucket; 0 when there is none.
    #[must_use]
    pub fn percentile_ns(&self, percent: f64) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a count of calls: rounding is the purpose"
        )]
        let wanted = ((percent.min(100.0) / 100.0 * self.total as f64) + 0.5) as u64;
        let wanted = wanted.max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return highest_of(bucket);
            }
        }
        0
    }

    /// Calls `visit` with (upper bound in µs, durations up to it) for each power of two of 1024 ns up to which there are more than up to the one before.
    pub fn each_power_of_two(&self, mut visit: impl FnMut(u64, u64)) {
        let mut buckets = self.counts.iter();
        let (mut walked, mut seen, mut told) = (0, 0, 0);
        let mut level_ns = 1024;
        while told < self.total {
            let last = bucket_of(level_ns);
            for count in buckets.by_ref().take(last + 1 - walked) {
                seen += u64::from(*count);
            }
            walked = last + 1;
            if seen > told {
                visit(highest_of(last) / 1_000, seen);
                told = seen;
            }
            if level_ns > LONGEST_NS {
                break;
            }
            level_ns *= 2;
        }
    }
}

/// The bucket of a duration in `1..=LONGEST_NS`.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "at most BUCKETS, for the duration is at most LONGEST_NS"
)]
fn bucket_of(duration_ns: u64) -> usize {
    let doublings = (63 - (duration_ns | (2 * STEPS as u64 - 1)).leading_zeros()) - STEPS.ilog2();
    // Within a doubling the upper bits select the step; the first two doublings share one linear run.
    doublings as usize * STEPS + (duration_ns >> doublings) as usize
}

/// The longest duration that falls into `bucket`.
fn highest_of(bucket: usize) -> u64 {
    let doublings = (bucket / STEPS).saturating_sub(1);
    let step = bucket - doublings * STEPS;
    ((step as u64 + 1) << doublings) - 1
}

#[cfg(test)]
mod tests {
    use super::{BUCKETS, Histogram, LONGEST_NS, bucket_of, highest_of};

    #[test]
    fn every_duration_lies_in_a_bucket_that_ends_at_most_a_128th_above_it() {
        let mut duration_ns = 1;
        while duration_ns <= LONGEST_NS {
            let bucket = bucket_of(duration_ns);
            assert!(bucket < BUCKETS, "{duration_ns}");
            let highest = highest_of(bucket);
            assert!(highest >= duration_ns, "{duration_ns}: {highest}");
            assert!(highest - duration_ns <= duration_ns / 128, "{duration_ns}");
            assert_eq!(bucket_of(highest), bucket, "{duration_ns}");
            duration_ns += 1 + duration_ns / 97;
        }
        assert!(bucket_of(LONGEST_NS) < BUCKETS);
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_durations() {
        let mut histogram = Histogram::default();
        for duration_us in 1..=1000 {
            histogram.record(duration_us * 1_000);
        }
        let near = |percent: f64, wanted_ns: u64| {
            let found = histogram.percentile_ns(percent);
            assert!(
                found.abs_diff(wanted_ns) <= wanted_ns / 64,
                "p{percent}: {found}"
            );
        };
        near(50.0, 500_000);
        near(99.0, 990_000);
        near(100.0, 1_000_000);
        assert_eq!(histogram.total(), 1000);
        assert_eq!(Histogram::default().percentile_ns(50.0), 0);
    }

    #[test]
    fn bounds_count_all_durations_up_to_them() {
        let mut histogram = Histogram::default();
        for duration_ns in [500, 1_000, 1_500, 3_000, 100_000, 5_000_000_000] {
            histogram.record(duration_ns);
        }
        let bounds = [1, 2, 3, 99, 101, 900_000].map(|us| us * 1_000);
        assert_eq!(histogram.up_to(bounds.into_iter()), [2, 3, 4, 4, 5, 5]);
        assert_eq!(histogram.sum_ns(), 5_000_106_000);
    }

    #[test]
    fn powers_of_two_count_all_durations_up_to_them() {
        let mut histogram = Histogram::default();
        for duration_ns in [500, 900, 1_500, 3_000, 100_000, 5_000_000_000] {
            histogram.record(duration_ns);
        }
        let mut told = Vec::new();
        histogram.each_power_of_two(|bound_us, count| told.push((bound_us, count)));
        assert_eq!(told, [(1, 2), (2, 3), (4, 4), (132, 5), (1_082_130, 6)]);
    }
}
