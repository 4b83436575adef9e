//! The last hour, a sample every few seconds.
//! Pure. Bounds: [`MOST_SAMPLES`], of which the oldest goes; of [`MOST_NODES`] nodes what they hold is kept, and of the others it is said that it is not.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::Serialize;
use shared::topology::NodeId;
use utoipa::ToSchema;

use super::totals::Rates;

/// How often a sample is taken: often enough to see a failover, and nothing that nodes or threads would notice.
pub(super) const SAMPLE_EVERY: Duration = Duration::from_secs(5);

/// An hour.
const MOST_SAMPLES: usize = 720;

/// As many lines as a chart has colours for, several times.
const MOST_NODES: usize = 64;

/// What a node holds, and lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeSample {
    pub(super) used_memory_bytes: Option<u64>,
    pub(super) lag_bytes: Option<u64>,
}

/// What was so at a moment, and since the moment before.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// Wall-clock milliseconds.
    pub(super) at_ms: u64,
    pub(super) rates: Rates,
    /// Of reads, at the primaries; nothing where none was asked for, or it is not known.
    pub(super) hit_ratio: Option<f64>,
}

/// All that is kept.
#[derive(Debug, Default)]
pub(super) struct History {
    samples: VecDeque<Sample>,
    /// As many places as there are samples.
    nodes: BTreeMap<NodeId, VecDeque<Option<NodeSample>>>,
    nodes_left_out: usize,
}

impl History {
    /// One more.
    pub(super) fn push(&mut self, sample: Sample, mut nodes: BTreeMap<NodeId, NodeSample>) {
        if self.samples.len() >= MOST_SAMPLES {
            self.samples.pop_front();
            for column in self.nodes.values_mut() {
                column.pop_front();
            }
        }
        for (node, column) in &mut self.nodes {
            column.push_back(nodes.remove(node));
        }
        self.nodes
            .retain(|_, column| column.iter().any(Option::is_some));
        let before = self.samples.len();
        self.nodes_left_out = 0;
        for (node, new) in nodes {
            if self.nodes.len() >= MOST_NODES {
                self.nodes_left_out += 1;
                continue;
            }
            let mut column: VecDeque<_> = std::iter::repeat_n(None, before).collect();
            column.push_back(Some(new));
            self.nodes.insert(node, column);
        }
        self.samples.push_back(sample);
    }

    /// The newest.
    pub(super) fn last(&self) -> Option<&Sample> {
        self.samples.back()
    }

    /// What came after a moment, wall-clock milliseconds.
    pub(super) fn since(&self, after_ms: u64) -> Series {
        let newer = self.samples.iter().rev();
        let count = newer.take_while(|sample| sample.at_ms > after_ms).count();
        let from = self.samples.len() - count;
        let samples = || self.samples.iter().skip(from);
        let rates = || samples().map(|sample| &sample.rates);
        let nodes = self.nodes.iter().map(|(node, column)| {
            let places = || column.iter().skip(from).copied();
            let series = NodeSeries {
                used_memory_bytes: places()
                    .map(|it| it.and_then(|it| it.used_memory_bytes))
                    .collect(),
                lag_bytes: places().map(|it| it.and_then(|it| it.lag_bytes)).collect(),
            };
            (node.to_string(), series)
        });
        Series {
            every_ms: u64::try_from(SAMPLE_EVERY.as_millis()).unwrap_or(u64::MAX),
            at_ms: samples().map(|sample| sample.at_ms).collect(),
            requests_per_second: rates().map(|it| it.requests_per_second).collect(),
            errors_per_second: rates().map(|it| it.errors_per_second).collect(),
            received_bytes_per_second: rates().map(|it| it.received_bytes_per_second).collect(),
            sent_bytes_per_second: rates().map(|it| it.sent_bytes_per_second).collect(),
            p50_us: rates().map(|it| it.p50_us).collect(),
            p99_us: rates().map(|it| it.p99_us).collect(),
            p999_us: rates().map(|it| it.p999_us).collect(),
            clients: rates().map(|it| it.clients).collect(),
            waiting_requests: rates().map(|it| it.waiting_requests).collect(),
            hit_ratio: samples().map(|sample| sample.hit_ratio).collect(),
            nodes: nodes.collect(),
            nodes_left_out: self.nodes_left_out,
        }
    }
}

/// The last hour by column: in each, one value for each moment of `at_ms`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Series {
    /// Time between two samples, about.
    pub(super) every_ms: u64,
    /// Milliseconds since 1970.
    pub(super) at_ms: Vec<u64>,
    pub(super) requests_per_second: Vec<f64>,
    pub(super) errors_per_second: Vec<f64>,
    pub(super) received_bytes_per_second: Vec<f64>,
    pub(super) sent_bytes_per_second: Vec<f64>,
    /// Latencies; nothing where no request for a node ended.
    pub(super) p50_us: Vec<Option<u64>>,
    pub(super) p99_us: Vec<Option<u64>>,
    pub(super) p999_us: Vec<Option<u64>>,
    pub(super) clients: Vec<usize>,
    pub(super) waiting_requests: Vec<usize>,
    /// Of reads, at the primaries.
    pub(super) hit_ratio: Vec<Option<f64>>,
    pub(super) nodes: BTreeMap<String, NodeSeries>,
    /// Nodes of which nothing is kept, for there are too many.
    pub(super) nodes_left_out: usize,
}

/// A node's part of the last hour.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NodeSeries {
    pub(super) used_memory_bytes: Vec<Option<u64>>,
    /// What it lacked of its primary's log.
    pub(super) lag_bytes: Vec<Option<u64>>,
}

#[cfg(test)]
mod tests {
    use super::super::totals::Totals;
    use super::*;

    fn sample(at_ms: u64) -> Sample {
        let none = Totals::of(&[]);
        Sample {
            at_ms,
            rates: none.since(&none, 1),
            hit_ratio: Some(0.5),
        }
    }

    fn holds(nodes: &[(usize, u64)]) -> BTreeMap<NodeId, NodeSample> {
        let of = |(number, bytes): &(usize, u64)| {
            let sample = NodeSample {
                used_memory_bytes: Some(*bytes),
                lag_bytes: None,
            };
            (NodeId::numbered(*number), sample)
        };
        nodes.iter().map(of).collect()
    }

    #[test]
    fn columns_stand_beside_each_other_whoever_comes_and_goes() {
        let mut history = History::default();
        history.push(sample(1), holds(&[(1, 10)]));
        history.push(sample(2), holds(&[(1, 11), (2, 20)]));
        history.push(sample(3), holds(&[(2, 21)]));
        let series = history.since(0);
        assert_eq!(series.at_ms, [1, 2, 3]);
        let memory = |name: &str| series.nodes[name].used_memory_bytes.clone();
        assert_eq!(memory("n1"), [Some(10), Some(11), None]);
        assert_eq!(memory("n2"), [None, Some(20), Some(21)]);
        let later = history.since(2);
        assert_eq!(later.at_ms, [3]);
        assert_eq!(later.nodes["n1"].used_memory_bytes, [None]);
        assert!(history.since(3).at_ms.is_empty());
    }

    #[test]
    fn an_hour_is_kept_and_of_nodes_only_so_many() {
        let mut history = History::default();
        let many: Vec<(usize, u64)> = (1..=MOST_NODES + 3).map(|number| (number, 1)).collect();
        history.push(sample(0), holds(&many));
        let series = history.since(u64::MAX);
        assert_eq!((series.nodes.len(), series.nodes_left_out), (MOST_NODES, 3));
        for at_ms in 1..=MOST_SAMPLES as u64 {
            history.push(sample(at_ms), holds(&[(1, at_ms)]));
        }
        let series = history.since(0);
        assert_eq!(series.at_ms.len(), MOST_SAMPLES);
        assert_eq!(series.nodes.len(), 1, "of the others nothing is left");
        assert_eq!(series.nodes["n1"].used_memory_bytes.len(), MOST_SAMPLES);
        assert_eq!(history.last().map(|sample| sample.at_ms), Some(720));
    }
}
