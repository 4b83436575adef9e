//! The keyspace: sole owner of all keys; a lookup never returns an expired one.
//! Pure: time comes in through [`Store::set_now`], chance from a seeded generator.

mod counters;
mod eviction;
mod key;
mod plain;
mod value;

pub use counters::{ExpireStep, MemoryUse, StoreCounters};
pub use eviction::{EvictionPolicy, EvictionSettings, UnknownPolicy};
pub use key::{DbIndex, Key, KeyHash};
pub use value::{
    ExpiryChange, StoreFull, StringEncoding, StringValue, Usage, Value, canonical_integer,
};

/// The keyspace of a node: its databases and their memory.
#[derive(Debug)]
pub struct Store {
    plain: plain::PlainStore,
}

impl Store {
    /// An empty keyspace of `databases` databases. `seed` makes hashes unpredictable to clients.
    #[must_use]
    pub fn new(databases: u8, seed: u64) -> Self {
        Self {
            plain: plain::PlainStore::new(databases, seed),
        }
    }

    /// How many databases there are.
    #[must_use]
    pub fn databases(&self) -> u8 {
        self.plain.databases()
    }

    /// Time for expiry and access marks: Unix milliseconds; never goes back within a batch.
    pub fn set_now(&mut self, now_ms: u64) {
        self.plain.set_now(now_ms);
    }

    /// The hash of a key.
    #[must_use]
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        self.plain.hash(key)
    }

    /// Stage 1 of a batch: asks for the index line of a key.
    pub fn prefetch_line(&self, _db: DbIndex, _hash: KeyHash) {}

    /// Stage 2: matches the line (by now in cache) and asks for the entry.
    pub fn prefetch_entry(&self, _db: DbIndex, _hash: KeyHash) {}

    /// The value, counted as an access. An expired key is removed and not found.
    pub fn get(&mut self, db: DbIndex, key: Key<'_>) -> Option<Value<'_>> {
        self.plain.get(db, key)
    }

    /// The value, not counted as an access (TYPE, OBJECT, TTL, CLIENT NO-TOUCH).
    pub fn peek(&mut self, db: DbIndex, key: Key<'_>) -> Option<Value<'_>> {
        self.plain.peek(db, key)
    }

    /// Whether the key lives; not counted as an access.
    pub fn exists(&mut self, db: DbIndex, key: Key<'_>) -> bool {
        self.plain.peek(db, key).is_some()
    }

    /// Creates or replaces a string; canonical integers are stored as such.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn set(
        &mut self,
        db: DbIndex,
        key: Key<'_>,
        value: &[u8],
        expiry: ExpiryChange,
    ) -> Result<(), StoreFull> {
        self.plain.set(db, key, value, expiry)
    }

    /// Creates or replaces a string that stays text even where it spells an integer, as OBJECT ENCODING shows (INCRBYFLOAT).
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn set_text(
        &mut self,
        db: DbIndex,
        key: Key<'_>,
        value: &[u8],
        expiry: ExpiryChange,
    ) -> Result<(), StoreFull> {
        self.plain.set_text(db, key, value, expiry)
    }

    /// Creates or replaces a string by an integer.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn set_integer(
        &mut self,
        db: DbIndex,
        key: Key<'_>,
        value: i64,
        expiry: ExpiryChange,
    ) -> Result<(), StoreFull> {
        self.plain.set_integer(db, key, value, expiry)
    }

    /// Reads a value and puts an integer in its place: `change` sees what is there and says what shall be there. The expiry stays. Not counted as a read.
    ///
    /// # Errors
    /// What `change` says, or [`StoreFull`]; nothing was changed.
    pub fn update_integer<E: From<StoreFull>>(
        &mut self,
        db: DbIndex,
        key: Key<'_>,
        change: impl FnOnce(Option<Value<'_>>) -> Result<i64, E>,
    ) -> Result<i64, E> {
        let value = change(self.peek(db, key))?;
        self.set_integer(db, key, value, ExpiryChange::Keep)?;
        Ok(value)
    }

    /// The bytes of a string, to be edited in place: created or grown with zeros to at least `min_len`, an integer made bytes, the encoding made `raw`; the expiry stays.
    /// Amortised O(grown bytes): APPEND in a loop and SETBIT on a large bitmap do not copy the value each time.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn string_mut(
        &mut self,
        db: DbIndex,
        key: Key<'_>,
        min_len: usize,
    ) -> Result<&mut [u8], StoreFull> {
        self.plain.string_mut(db, key, min_len)
    }

    /// What OBJECT ENCODING says.
    pub fn string_encoding(&mut self, db: DbIndex, key: Key<'_>) -> Option<StringEncoding> {
        self.plain.string_encoding(db, key)
    }

    /// Removes a key; `true` when it was there and alive.
    pub fn remove(&mut self, db: DbIndex, key: Key<'_>) -> bool {
        self.plain.remove(db, key)
    }

    /// `None`: no such key. `Some(None)`: lives for ever. `Some(Some(at))`: Unix milliseconds.
    pub fn expiry(&mut self, db: DbIndex, key: Key<'_>) -> Option<Option<u64>> {
        self.plain.expiry(db, key)
    }

    /// Sets (`Some`, Unix milliseconds; a time gone by removes the key at its next access) or clears the expiry; `false` when there is no such key.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn set_expiry(
        &mut self,
        db: DbIndex,
        key: Key<'_>,
        at_ms: Option<u64>,
    ) -> Result<bool, StoreFull> {
        self.plain.set_expiry(db, key, at_ms)
    }

    /// Copies value and expiry over `to`, which is replaced; the access mark starts anew. `false` when `from` does not exist.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn copy(
        &mut self,
        from_db: DbIndex,
        from: Key<'_>,
        to_db: DbIndex,
        to: Key<'_>,
    ) -> Result<bool, StoreFull> {
        self.plain.copy(from_db, from, to_db, to)
    }

    /// Moves value and expiry to `to`, which is replaced; the access mark starts anew. `false` when `from` does not exist. The two places differ.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn rename(
        &mut self,
        from_db: DbIndex,
        from: Key<'_>,
        to_db: DbIndex,
        to: Key<'_>,
    ) -> Result<bool, StoreFull> {
        let copied = self.copy(from_db, from, to_db, to)?;
        if copied {
            self.remove(from_db, from);
        }
        Ok(copied)
    }

    /// The access mark of a key; not counted as an access.
    pub fn usage(&mut self, db: DbIndex, key: Key<'_>) -> Option<Usage> {
        self.plain.usage(db, key)
    }

    /// Bytes that the key costs: entry, extent, its share of the index (MEMORY USAGE).
    pub fn key_bytes(&mut self, db: DbIndex, key: Key<'_>) -> Option<usize> {
        self.plain.key_bytes(db, key)
    }

    /// Keys of `db`, expired but not yet swept ones included (as DBSIZE).
    #[must_use]
    pub fn len(&self, db: DbIndex) -> usize {
        self.plain.len(db)
    }

    /// Whether `db` holds no key at all.
    #[must_use]
    pub fn is_empty(&self, db: DbIndex) -> bool {
        self.len(db) == 0
    }

    /// Keys of `db` that have an expiry.
    #[must_use]
    pub fn len_expiring(&self, db: DbIndex) -> usize {
        self.plain.len_expiring(db)
    }

    /// INFO's `avg_ttl` of `db`, milliseconds: an estimate from what the sweep saw; 0 when no key has an expiry.
    #[must_use]
    pub fn average_ttl_ms(&self, db: DbIndex) -> u64 {
        self.plain.average_ttl_ms(db)
    }

    /// A live key drawn by chance, appended to `out`; `false` when there is none.
    pub fn random_key(&mut self, db: DbIndex, out: &mut Vec<u8>) -> bool {
        self.plain.random_key(db, out)
    }

    /// One step of SCAN: visits about `count` live keys and returns the next cursor, 0 at the end. Any cursor is accepted.
    /// A key that is there from the first call to the last is visited at least once, whatever grows, shrinks or moves in between. At most 48 bits are used.
    pub fn scan(
        &mut self,
        db: DbIndex,
        cursor: u64,
        count: usize,
        visit: &mut dyn FnMut(&[u8], Value<'_>),
    ) -> u64 {
        self.plain.scan(db, cursor, count, visit)
    }

    /// Forgets all keys of `db` at once; returns how many there were. The memory goes back on a side thread when it is much.
    pub fn clear(&mut self, db: DbIndex) -> usize {
        self.plain.clear(db)
    }

    /// Exchanges two databases.
    pub fn swap(&mut self, a: DbIndex, b: DbIndex) {
        self.plain.swap(a, b);
    }

    /// One slice of the sweep: looks at up to `budget_entries` entries and removes the dead ones. Call it from a tick, and again soon while it says so.
    pub fn expire_step(&mut self, budget_entries: usize) -> ExpireStep {
        self.plain.expire_step(budget_entries)
    }

    /// Whether names of expired keys are kept for [`Store::take_expired`]; off at first.
    pub fn keep_expired(&mut self, keep: bool) {
        self.plain.keep_expired(keep);
    }

    /// Tells the names of the keys that expired since the last call, in order. The caller takes them after every batch and every slice of the sweep.
    pub fn take_expired(&mut self, visit: &mut dyn FnMut(DbIndex, &[u8])) {
        self.plain.take_expired(visit);
    }

    /// How access marks are kept and which key goes first.
    pub fn set_eviction(&mut self, settings: EvictionSettings) {
        self.plain.settings = settings;
    }

    /// The settings in force.
    #[must_use]
    pub fn eviction(&self) -> EvictionSettings {
        self.plain.settings
    }

    /// Removes the key that the policy likes least among those it looked at; its name is left in `evicted_key`. `None` when nothing may go.
    /// Work per call is bounded.
    pub fn evict_one(&mut self, evicted_key: &mut Vec<u8>) -> Option<DbIndex> {
        self.plain.evict_one(evicted_key)
    }

    /// Bytes that count against `maxmemory`: live entries by class size, extents, index.
    #[must_use]
    pub fn used_memory(&self) -> u64 {
        self.memory().used()
    }

    /// Where the memory is.
    #[must_use]
    pub fn memory(&self) -> MemoryUse {
        self.plain.memory()
    }

    /// What INFO counts.
    #[must_use]
    pub fn counters(&self) -> StoreCounters {
        self.plain.counters
    }

    /// Counts a lookup that was made with another method than [`Store::get`] but is one in Redis' eyes (EXISTS, TYPE, TTL, OBJECT).
    #[inline]
    pub fn count_lookup(&mut self, found: bool) {
        let counters = &mut self.plain.counters;
        if found {
            counters.keyspace_hits += 1;
        } else {
            counters.keyspace_misses += 1;
        }
    }

    /// Starts the counters anew (CONFIG RESETSTAT).
    pub fn reset_counters(&mut self) {
        self.plain.counters = StoreCounters::default();
    }
}
