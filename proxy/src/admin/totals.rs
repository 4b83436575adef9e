//! What all threads have counted together, and how fast it grows.
//! Pure.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::report::report_of;
use super::threads::Word;
use crate::metrics::histogram::Histogram;

/// What all threads have counted since the start, and have now.
#[derive(Clone, Debug)]
pub(super) struct Totals {
    requests: u64,
    errors: u64,
    received_bytes: u64,
    sent_bytes: u64,
    latency: Histogram,
    /// Requests that shards have answered, and parts of requests.
    shards: BTreeMap<Box<str>, u64>,
    clients: usize,
    waiting: usize,
}

impl Totals {
    /// Of what the threads said last.
    pub(super) fn of(words: &[Word]) -> Self {
        let mut all = Self {
            requests: 0,
            errors: 0,
            received_bytes: 0,
            sent_bytes: 0,
            latency: Histogram::new(),
            shards: BTreeMap::new(),
            clients: 0,
            waiting: 0,
        };
        for report in words.iter().filter_map(report_of) {
            let stats = &report.stats;
            all.requests += stats.requests;
            all.errors += stats.error_replies;
            all.received_bytes += stats.received_bytes;
            all.sent_bytes += stats.sent_bytes;
            all.clients += report.clients;
            all.waiting += report.requests_waiting;
            let mut of_shard = |shard: usize, count: u64| {
                if let Some(name) = report.shards.get(shard) {
                    *all.shards.entry(name.clone()).or_default() += count;
                }
            };
            for (shard, _, cell) in stats.cells() {
                all.latency.add(&cell.latency);
                if let Some(shard) = shard {
                    of_shard(shard, cell.latency.count());
                }
            }
            for (shard, cell) in stats.parts() {
                of_shard(shard, cell.latency.count());
            }
        }
        all
    }

    /// How fast it has grown since `before`, so many milliseconds ago.
    pub(super) fn since(&self, before: &Self, over_ms: u64) -> Rates {
        let per_second = |now: u64, before: u64| per_second(now.saturating_sub(before), over_ms);
        let latency = self.latency.since(&before.latency);
        let below_us = |of_thousand| {
            let below_ns = latency.below_ns(of_thousand);
            below_ns.map(|ns| ns.div_ceil(1_000))
        };
        let shards = self.shards.iter().map(|(name, count)| {
            let before = before.shards.get(name).copied().unwrap_or_default();
            (name.to_string(), per_second(*count, before))
        });
        Rates {
            over_ms,
            requests_per_second: per_second(self.requests, before.requests),
            errors_per_second: per_second(self.errors, before.errors),
            received_bytes_per_second: per_second(self.received_bytes, before.received_bytes),
            sent_bytes_per_second: per_second(self.sent_bytes, before.sent_bytes),
            p50_us: below_us(500),
            p99_us: below_us(990),
            p999_us: below_us(999),
            clients: self.clients,
            waiting_requests: self.waiting,
            requests_per_second_by_shard: shards.collect(),
        }
    }
}

/// What clients of this proxy have seen in a span of time.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Rates {
    /// The span, milliseconds.
    pub(super) over_ms: u64,
    /// Requests that ended.
    pub(super) requests_per_second: f64,
    /// Error replies that clients were given.
    pub(super) errors_per_second: f64,
    /// Bytes of requests.
    pub(super) received_bytes_per_second: f64,
    /// Bytes of replies.
    pub(super) sent_bytes_per_second: f64,
    /// Microseconds that half of the requests for nodes stayed below, within a tenth; nothing where there were none.
    pub(super) p50_us: Option<u64>,
    /// … that 99 % stayed below.
    pub(super) p99_us: Option<u64>,
    /// … that 99.9 % stayed below.
    pub(super) p999_us: Option<u64>,
    /// Clients connected at its end.
    pub(super) clients: usize,
    /// Requests that had no reply yet at its end.
    pub(super) waiting_requests: usize,
    /// Requests for each shard, and parts of requests.
    pub(super) requests_per_second_by_shard: BTreeMap<String, f64>,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a rate is a float; nobody asks 2^52 times a second"
)]
fn per_second(count: u64, over_ms: u64) -> f64 {
    let exact = count as f64 * 1_000.0 / over_ms.max(1) as f64;
    // People and charts want no more.
    (exact * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::super::threads::State;
    use super::*;
    use crate::metrics::thread_report::ThreadReport;
    use shared::command::CommandId;
    use std::sync::Arc;

    fn word(requests: u32, us: u64) -> Word {
        let mut report = ThreadReport {
            shards: vec!["s1".into()],
            clients: 3,
            ..ThreadReport::default()
        };
        if requests > 0 {
            let stats = &mut report.stats;
            stats.record(CommandId::Get, 0, requests, 0, us * 1_000);
        }
        Word {
            state: State::Answers,
            report: Some(Arc::new(report)),
        }
    }

    #[test]
    fn what_has_come_since_is_told_by_the_second() {
        let before = Totals::of(&[word(100, 5_000_000), word(0, 0)]);
        let now = Totals::of(&[word(100, 5_000_000), word(500, 100)]);
        let rates = now.since(&before, 2_000);
        assert_eq!(rates.requests_per_second, 250.0);
        assert_eq!(rates.requests_per_second_by_shard["s1"], 250.0);
        assert_eq!(rates.clients, 6);
        let told = rates.p99_us.unwrap();
        assert!((90..=110).contains(&told), "not what came before: {told}");
        let nothing = now.since(&now, 1_000);
        assert_eq!(nothing.p50_us, None);
        assert_eq!(nothing.requests_per_second, 0.0);
        // A thread whose words are lost: nothing falls below nothing.
        assert_eq!(before.since(&now, 1_000).requests_per_second, 0.0);
    }
}
