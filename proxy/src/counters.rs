//! What a proxy counts beside what its threads count for themselves: atomics that no request waits for.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A count since the start, and what it was at the last CONFIG RESETSTAT. INFO counts from there; the metrics page does not, for counters of Prometheus
/// never fall.
#[derive(Debug, Default)]
pub(crate) struct Count {
    all: AtomicU64,
    at_reset: AtomicU64,
}

impl Count {
    /// So many more.
    pub(crate) fn add(&self, more: u64) {
        self.all.fetch_add(more, Ordering::Relaxed);
    }

    /// Since the start.
    pub(crate) fn all(&self) -> u64 {
        self.all.load(Ordering::Relaxed)
    }

    /// Since the last CONFIG RESETSTAT.
    pub(crate) fn since_reset(&self) -> u64 {
        let before = self.at_reset.load(Ordering::Relaxed);
        self.all().saturating_sub(before)
    }

    /// It is counted from here.
    pub(crate) fn begin_anew(&self) {
        self.at_reset.store(self.all(), Ordering::Relaxed);
    }
}

/// Counters of the whole proxy.
#[derive(Debug)]
pub(crate) struct Counters {
    /// Clients connected.
    pub(crate) clients: AtomicUsize,
    /// Clients of these that wait for the end of a pause.
    pub(crate) blocked_clients: AtomicUsize,
    /// Clients that are told of changes.
    pub(crate) tracking_clients: AtomicUsize,
    /// Clients that are shown every command.
    pub(crate) monitors: AtomicUsize,
    /// Connections accepted.
    pub(crate) accepted: Count,
    /// Connections refused because there were too many.
    pub(crate) rejected: Count,
    /// Times that a thread has subscribed to everything again at a shard; what was published there meanwhile did not reach its clients.
    pub(crate) resubscribed: Count,
    /// Other proxies that have not answered for CLIENT LIST ALL.
    pub(crate) proxies_left_out: Count,
    /// Commands finished, by all threads, as of their last tick.
    pub(crate) commands: Count,
    /// Notices to clients, each with a number of its own.
    pub(crate) notices: AtomicU64,
    /// The id of the next client.
    pub(crate) next_client: AtomicU64,
    /// Bytes that wait for clients or came from them, in all threads as of their last tick.
    kept_bytes: AtomicUsize,
}

impl Counters {
    /// Nothing has been counted; the first client is number 1.
    pub(crate) fn new() -> Self {
        Self {
            clients: AtomicUsize::new(0),
            blocked_clients: AtomicUsize::new(0),
            tracking_clients: AtomicUsize::new(0),
            monitors: AtomicUsize::new(0),
            accepted: Count::default(),
            rejected: Count::default(),
            resubscribed: Count::default(),
            proxies_left_out: Count::default(),
            commands: Count::default(),
            notices: AtomicU64::new(0),
            next_client: AtomicU64::new(1),
            kept_bytes: AtomicUsize::new(0),
        }
    }

    /// A thread keeps `now` bytes for its clients instead of `before`; what all threads keep.
    pub(crate) fn keep_bytes(&self, before: usize, now: usize) -> usize {
        self.kept_bytes.fetch_add(now, Ordering::Relaxed);
        let with_before = self.kept_bytes.fetch_sub(before, Ordering::Relaxed);
        with_before - before
    }

    /// Bytes that wait for clients or came from them.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.kept_bytes.load(Ordering::Relaxed)
    }

    /// CONFIG RESETSTAT.
    pub(crate) fn begin_anew(&self) {
        for count in [&self.accepted, &self.rejected, &self.commands] {
            count.begin_anew();
        }
    }
}
