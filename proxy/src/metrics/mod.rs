//! Counters of one thread: plain numbers, no atomics; the admin listener asks for a copy.
//! Pure.

use shared::command::CommandId;

/// Why a command was not answered by its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its shard could not be reached.
    ShardDown,
    /// It was sent and no reply came.
    Unknown,
}

/// All counters of a thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct ThreadStats {
    requests: u64,
}

impl ThreadStats {
    /// Replies came from a node.
    #[inline]
    pub(crate) fn record(&mut self, _command: CommandId, _shard: usize, count: u32, _errors: u32, _elapsed_ns: u64) {
        self.requests += u64::from(count);
    }

    /// No reply came.
    pub(crate) fn record_failure(&mut self, _command: CommandId, _shard: usize, count: u32, _outcome: Outcome) {
        self.requests += u64::from(count);
    }

    /// Refused here.
    pub(crate) fn record_refused(&mut self, _command: CommandId) {
        self.requests += 1;
    }

    /// Nobody knows such a command.
    pub(crate) fn record_unknown(&mut self) {
        self.requests += 1;
    }
}
