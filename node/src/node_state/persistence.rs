//! [`Persistence`]: what is known of the data on disk: what is being read or saved, and how the last time went.
//! Pure: the shell tells it. Invariant: [`Persistence::guards`] says so whenever a command has more to ask than usual.

/// Writes wait while more bytes of the log do.
pub const MOST_QUEUED_BYTES: usize = 64 * 1024 * 1024;

/// A file that is being read at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadProgress {
    /// Unix seconds.
    pub started_seconds: u64,
    /// Bytes of all files.
    pub total_bytes: u64,
    /// Bytes that have been read.
    pub read_bytes: u64,
    /// Memory in use when it began.
    pub used_memory: u64,
    /// It is no file that is read, but what a leader sends.
    pub is_copy: bool,
}

/// A snapshot that is being taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaveProgress {
    /// Unix milliseconds.
    pub started_ms: u64,
    /// Keys at the moment.
    pub keys: u64,
    /// Keys that are taken.
    pub keys_done: u64,
    /// What has been changed since the start of the node when it began.
    pub changes: u64,
}

/// What is known of the data on disk.
#[derive(Clone, Debug, Default)]
pub struct Persistence {
    /// Whether a command has to ask more than usual: the node loads, or takes a snapshot, or refuses writes.
    pub guards: bool,
    /// The start, until all is read.
    pub loading: Option<LoadProgress>,
    /// The snapshot under way.
    pub saving: Option<SaveProgress>,
    /// A snapshot was asked for while none could be taken.
    pub is_save_scheduled: bool,
    /// Unix seconds of the last good snapshot, or of the start.
    pub last_save_seconds: u64,
    /// What had been changed then.
    pub saved_changes: u64,
    /// The last one failed.
    pub has_save_failed: bool,
    /// When the last one was tried, Unix milliseconds.
    pub last_try_ms: u64,
    /// How long the last one took; `None` before the first.
    pub last_save_took_seconds: Option<u64>,
    /// How many there were.
    pub saves: u64,
    /// Whether there is a log.
    pub has_log: bool,
    /// Why the log is not written.
    pub log_failure: Option<String>,
    /// Bytes of the log that wait to be written.
    pub log_queued_bytes: usize,
    /// Bytes of the log's files.
    pub log_bytes: u64,
    /// What they were after the last rewrite.
    pub log_base_bytes: u64,
    /// The snapshot under way is the log's base.
    pub is_rewriting: bool,
    /// A rewrite was asked for while none could be.
    pub is_rewrite_scheduled: bool,
    /// The last one failed.
    pub has_rewrite_failed: bool,
    /// When the last one was tried, Unix milliseconds.
    pub last_rewrite_try_ms: u64,
    /// How long the last one took; `None` before the first.
    pub last_rewrite_took_seconds: Option<u64>,
    /// How many there were.
    pub rewrites: u64,
    /// How many have failed since the last good one.
    pub failed_rewrites: u64,
    /// What the start found.
    pub loaded_keys: u64,
    /// What it left out, for its time had come.
    pub loaded_expired: u64,
}

impl Persistence {
    /// Puts [`Persistence::guards`] right after a change.
    pub fn settle(&mut self) {
        self.guards = self.loading.is_some()
            || self.saving.is_some()
            || self.has_save_failed
            || self.log_failure.is_some()
            || self.log_queued_bytes > MOST_QUEUED_BYTES;
    }
}
