//! What a proxy counts beside what its threads count for themselves: atomics that no request waits for.

use std::sync::atomic::{AtomicU64, AtomicUsize};

/// Counters of the whole proxy.
#[derive(Debug)]
pub(crate) struct Counters {
    /// Clients connected.
    pub(crate) clients: AtomicUsize,
    /// Clients of these that wait for the end of a pause.
    pub(crate) blocked_clients: AtomicUsize,
    /// Connections accepted since the start.
    pub(crate) accepted: AtomicU64,
    /// Connections refused because there were too many.
    pub(crate) rejected: AtomicU64,
    /// Commands finished, by all threads, as of their last tick.
    pub(crate) commands: AtomicU64,
    /// The id of the next client.
    pub(crate) next_client: AtomicU64,
}

impl Counters {
    /// Nothing has been counted; the first client is number 1.
    pub(crate) fn new() -> Self {
        Self {
            clients: AtomicUsize::new(0),
            blocked_clients: AtomicUsize::new(0),
            accepted: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            commands: AtomicU64::new(0),
            next_client: AtomicU64::new(1),
        }
    }
}
