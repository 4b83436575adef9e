//! What clients felt: how long a shard did not serve, how long its commands took.
//! Pure. Figures are printed, never asserted: the machine has its part in them.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::time::Duration;

use super::history::Operation;

/// A part of the run: nanoseconds from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: u64,
    pub(super) to: u64,
}

/// Durations in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Durations {
    sorted: Vec<u64>,
}

impl Durations {
    pub(super) fn new(mut nanoseconds: Vec<u64>) -> Self {
        nanoseconds.sort_unstable();
        Self {
            sorted: nanoseconds,
        }
    }

    /// These and others together.
    pub(super) fn with(self, other: Self) -> Self {
        Self::new([self.sorted, other.sorted].concat())
    }

    /// The one that so many of a thousand do not exceed; zero where there is none.
    pub(super) fn per_mille(&self, share: usize) -> Duration {
        let last = self.sorted.len().saturating_sub(1);
        let place = (self.sorted.len() * share).div_ceil(1_000);
        let place = place.saturating_sub(1).min(last);
        Duration::from_nanos(self.sorted.get(place).copied().unwrap_or(0))
    }

    pub(super) fn median(&self) -> Duration {
        self.per_mille(500)
    }

    pub(super) fn worst(&self) -> Duration {
        self.per_mille(1_000)
    }
}

impl fmt::Display for Durations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
        let (median, worst) = (ms(self.median()), ms(self.worst()));
        let p99 = ms(self.per_mille(990));
        let count = self.sorted.len();
        write!(
            f,
            "median {median:.1} ms, p99 {p99:.1} ms, worst {worst:.1} ms of {count}"
        )
    }
}

/// The longest time between two acknowledged writes of a shard that touches the span; `sorted` are the moments of all of them.
pub(super) fn longest_gap(sorted: &[u64], span: Span) -> u64 {
    let first = sorted.partition_point(|moment| *moment < span.from);
    let behind = sorted.partition_point(|moment| *moment <= span.to);
    let first = first.saturating_sub(1);
    let behind = (behind + 1).min(sorted.len());
    let moments = &sorted[first.min(behind)..behind];
    let between = moments.windows(2).map(|pair| pair[1] - pair[0]);
    // Who never came back was away until the end.
    let open = match moments.last() {
        Some(last) => span.to.saturating_sub(*last),
        None => span.to - span.from,
    };
    between.max().unwrap_or(0).max(open)
}

/// When writes of each shard were acknowledged, in order.
pub(super) fn acknowledgements(history: &[Operation]) -> BTreeMap<usize, Vec<u64>> {
    let mut moments: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for operation in history.iter().filter(|it| it.is_acknowledged_write()) {
        let shard = moments.entry(operation.key.shard).or_default();
        shard.push(operation.answered);
    }
    for shard in moments.values_mut() {
        shard.sort_unstable();
    }
    moments
}

/// How long answered commands took that were sent in the span. Without those that travelled together with one to `shard`: their replies come in order, so
/// they wait for it.
pub(super) fn latencies_beside(history: &[Operation], span: Span, shard: usize) -> Durations {
    let within = |it: &&Operation| (span.from..span.to).contains(&it.sent);
    let turn = |it: &Operation| (it.client, it.sent);
    let with: HashSet<(usize, u64)> = history
        .iter()
        .filter(within)
        .filter(|it| it.key.shard == shard)
        .map(turn)
        .collect();
    let beside = history
        .iter()
        .filter(within)
        .filter(|it| it.answer().is_some() && !with.contains(&turn(it)));
    Durations::new(beside.map(|it| it.answered - it.sent).collect())
}

/// How long all answered commands took.
pub(super) fn latencies(history: &[Operation]) -> Durations {
    let answered = history.iter().filter(|it| it.answer().is_some());
    Durations::new(answered.map(|it| it.answered - it.sent).collect())
}

#[test]
fn the_longest_gap_is_found_at_every_place() {
    let check = |moments: &[u64], from: u64, to: u64, expected: u64| {
        assert_eq!(longest_gap(moments, Span { from, to }), expected);
    };
    check(&[], 10, 30, 20);
    check(&[5, 12, 30, 31], 10, 40, 18);
    // It may have begun before, and end after.
    check(&[5, 50, 51], 10, 20, 45);
    check(&[5, 11, 12], 10, 40, 28);
    let durations = Durations::new(vec![5, 1, 3]);
    assert_eq!(durations.median(), Duration::from_nanos(3));
    assert_eq!(durations.worst(), Duration::from_nanos(5));
    assert_eq!(Durations::default().worst(), Duration::ZERO);
}
