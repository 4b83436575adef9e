//! What the store counts for INFO, and the shapes in which it tells of its memory and of the sweep.
//! Pure.

/// Counted since the start or the last [`Store::reset_counters`](super::Store::reset_counters).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct StoreCounters {
    /// `expired_keys`: removed because their time had come, on access or by the sweep.
    pub expired_keys: u64,
    /// `expired_subkeys`: fields of hashes that were removed because their time had come; not those that went with all of their key.
    pub expired_subkeys: u64,
    /// `expired_longest_stay_ms`: for how long at most a key that the sweep removed had been dead.
    pub expired_longest_stay_ms: u64,
    /// `evicted_keys`.
    pub evicted_keys: u64,
    /// `keyspace_hits`: [`Store::get`](super::Store::get) found the key.
    pub keyspace_hits: u64,
    /// `keyspace_misses`: it did not.
    pub keyspace_misses: u64,
}

/// Where the store's memory is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct MemoryUse {
    /// Live entries, rounded up to their classes.
    pub entries: u64,
    /// Values and keys too long for a class, with the room kept for them to grow.
    pub extents: u64,
    /// Large structures, and what of them waits to be freed.
    pub objects: u64,
    /// The index: directory, records, leaves.
    pub index: u64,
    /// Room for as many holes as classes may have: a fixed share of the entries, whether it is taken or not, so that what is in use rises and falls with each key.
    pub holes: u64,
    /// What an eviction policy remembers of keys that went.
    pub ghosts: u64,
    /// Named overhead: part-filled and spare pages, what holes take beyond their room, tables of pages. Not counted against `maxmemory`, for it is bounded by classes and not by keys.
    pub overhead: u64,
    /// Bytes of keys and values alone, as clients gave them.
    pub dataset: u64,
}

impl MemoryUse {
    /// What counts against `maxmemory`.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.entries + self.holes + self.extents + self.objects + self.index + self.ghosts
    }
}

/// What one call of [`Store::expire_step`](super::Store::expire_step) did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ExpireStep {
    /// Entries looked at.
    pub visited: usize,
    /// Keys removed.
    pub removed: usize,
    /// Work is left that should not wait for the next tick: call again after serving clients.
    pub again: bool,
}
