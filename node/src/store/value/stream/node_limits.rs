//! [`NodeLimits`]: when a node of a stream is full.
//! Pure.

/// Until when entries go to the last node (`stream-node-max-bytes`, `stream-node-max-entries`; 0 is no limit).
/// A node is one leaf, so it ends at the latest where that is full: 4 KiB of ours, which are no less than as many of Redis'.
#[derive(Clone, Copy, Debug)]
pub struct NodeLimits {
    /// Bytes of Redis' listpack.
    pub bytes: u64,
    /// Entries, removed ones included.
    pub entries: u64,
}

/// No listpack is longer.
const MOST_BYTES: u64 = 1 << 30;

impl NodeLimits {
    /// Whether a node of so many bytes and entries takes an entry whose texts have `text_bytes`.
    pub(super) fn have_room(self, bytes: u64, entries: u64, text_bytes: u64) -> bool {
        let most = match self.bytes {
            0 | MOST_BYTES.. => MOST_BYTES,
            bytes => bytes,
        };
        bytes + text_bytes < most && (self.entries == 0 || entries < self.entries)
    }

    /// How many entries an approximate trim takes at most where the client does not say.
    #[must_use]
    pub fn trimmed_at_once(self) -> u64 {
        match self.entries.saturating_mul(100) {
            0 => 10_000,
            entries => entries.min(1_000_000),
        }
    }
}
