//! What the node's thread says of itself when the admin listener asks: single numbers, durations by command, and why it should not be used.
//! Pure. Never: renders, for that is done beside the thread that serves. Bounds: [`COMMANDS_AT_ONCE`] commands are looked through before clients have their
//! turn; [`MOST_FOLLOWERS`] have series of their own.
//!
//! [`readiness`] what /readyz says. [`counted`] [`keyspace`] [`replication`] [`disk`] single numbers. [`page`] all of it as text.

mod counted;
mod disk;
mod keyspace;
mod page;
mod readiness;
mod replication;

use crate::node_state::NodeState;
use crate::stats::Histogram;
use crate::store::Store;
use pages::Samples;
use shared::command::CommandId;
use shared::durations::bounds_ns;

pub use readiness::Readiness;

/// Commands whose durations, some 12 kB each, are added up in one go: some 50 µs.
pub const COMMANDS_AT_ONCE: usize = 32;

/// Followers that have series of their own.
pub const MOST_FOLLOWERS: usize = 64;

/// Bounds that durations are shown by, nanoseconds: from 1 µs on to what is counted as a second or more.
fn bounds() -> impl Iterator<Item = u64> {
    bounds_ns(1 << 10..=1_000_000_000)
}

/// How long something took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durations {
    /// Up to each of [`bounds`].
    up_to: Vec<u64>,
    count: u64,
    sum_ns: u64,
}

impl From<&Histogram> for Durations {
    fn from(histogram: &Histogram) -> Self {
        Self {
            up_to: histogram.up_to(bounds()),
            count: histogram.total(),
            sum_ns: histogram.sum_ns(),
        }
    }
}

/// What the node says.
#[derive(Clone, Debug, Default)]
pub struct Report {
    samples: Samples,
    /// By command, of those that have run.
    commands: Vec<(CommandId, Durations)>,
    /// Of the log.
    syncs: Option<Durations>,
    readiness: Readiness,
}

impl Report {
    /// All but what commands took, at Unix `now_ms`.
    #[must_use]
    pub fn new(store: &Store, node: &NodeState, now_ms: u64, syncs: Option<&Histogram>) -> Self {
        let mut samples = Samples::default();
        counted::put(node, now_ms, &mut samples);
        keyspace::put(store, node, &mut samples);
        replication::put(node, now_ms, &mut samples);
        disk::put(store, node, &mut samples);
        Self {
            samples,
            commands: Vec::new(),
            syncs: syncs.map(Durations::from),
            readiness: readiness::of(node),
        }
    }

    /// Adds the next commands, from the one at this place of the table on; where to go on, if there are more.
    pub fn add_commands(&mut self, node: &NodeState, from: usize) -> Option<usize> {
        let to = from + COMMANDS_AT_ONCE;
        for id in CommandId::ALL.iter().skip(from).take(COMMANDS_AT_ONCE) {
            let stats = node.stats.command(*id);
            counted::put_command(*id, stats, &mut self.samples);
            if let Some(durations) = &stats.durations {
                self.commands.push((*id, durations.into()));
            }
        }
        (to < CommandId::COUNT).then_some(to)
    }

    /// What the shell knows better.
    pub fn set_readiness(&mut self, readiness: Readiness) {
        self.readiness = readiness;
    }

    /// Whether the node is of use.
    #[must_use]
    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }
}

#[cfg(test)]
mod tests {
    use super::{COMMANDS_AT_ONCE, Report, bounds};
    use crate::node_state::NodeState;
    use crate::store::Store;
    use shared::command::CommandId;

    #[test]
    fn bounds_reach_from_a_microsecond_to_a_second() {
        let bounds: Vec<u64> = bounds().collect();
        assert_eq!(bounds.len(), 159);
        assert_eq!((bounds[0], bounds[158]), (1_024, 931_135_488));
    }

    #[test]
    fn each_command_that_has_come_is_told_of_once() {
        let (store, mut node) = (Store::new(16, 1), NodeState::default());
        for id in [CommandId::Get, CommandId::Zadd] {
            node.stats.command_took(id, 5_000);
            node.stats.command_took(id, 1_500_000_000);
        }
        node.stats.command_rejected(CommandId::Set);
        let mut report = Report::new(&store, &node, 0, None);
        let (mut next, mut turns) = (Some(0), 0);
        while let Some(from) = next {
            next = report.add_commands(&node, from);
            turns += 1;
        }
        assert_eq!(turns, CommandId::COUNT.div_ceil(COMMANDS_AT_ONCE));
        let page = report.page();
        for line in [
            "switchyard_node_commands_total{command=\"get\"} 2",
            "switchyard_node_commands_rejected_total{command=\"set\"} 1",
            "switchyard_node_command_duration_seconds_bucket{command=\"zadd\",le=\"0.000004928\"} 0",
            "switchyard_node_command_duration_seconds_bucket{command=\"zadd\",le=\"0.000005376\"} 1",
            "switchyard_node_command_duration_seconds_bucket{command=\"zadd\",le=\"0.931135488\"} 1",
            "switchyard_node_command_duration_seconds_bucket{command=\"zadd\",le=\"+Inf\"} 2",
            "switchyard_node_command_duration_seconds_sum{command=\"zadd\"} 1.500005000",
        ] {
            let count = page.lines().filter(|found| *found == line).count();
            assert_eq!(count, 1, "{line}\n{page}");
        }
        assert!(!page.contains("command=\"del\""), "{page}");
    }
}
