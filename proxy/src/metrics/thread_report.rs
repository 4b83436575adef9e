//! What a thread says about itself when the admin listener asks. Plain data. Pure.

use super::ThreadStats;
use super::readiness::Access;

/// What a thread says about itself.
#[derive(Debug, Default)]
pub(crate) struct ThreadReport {
    /// Its counters.
    pub(crate) stats: ThreadStats,
    /// The names of the shards that the counters number.
    pub(crate) shards: Vec<Box<str>>,
    /// Processor time that it has taken.
    pub(crate) worked_ns: u64,
    /// Its clients.
    pub(crate) clients: usize,
    /// Pipes that are open.
    pub(crate) pipes_open: usize,
    /// Connections to nodes that belong to one client for a while, or did.
    pub(crate) leases: usize,
    /// Requests that have no reply yet, in all pipes.
    pub(crate) requests_waiting: usize,
    /// Bytes of them.
    pub(crate) bytes_waiting: usize,
    /// For each shard of the topology in use, what is known of the way to its primary.
    pub(crate) reachable: Vec<(Box<str>, Access)>,
    /// For each of these shards, how many requests wait for a way to it.
    pub(crate) waiting: Vec<(Box<str>, usize)>,
}

impl ThreadReport {
    /// The same of a thread that has nothing any more but what it has counted.
    pub(crate) fn of_the_end(self) -> Self {
        Self {
            stats: self.stats,
            shards: self.shards,
            worked_ns: self.worked_ns,
            ..Self::default()
        }
    }
}
