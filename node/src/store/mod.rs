//! The keyspace: sole owner of all keys; a lookup never returns an expired one.
//! Pure: time comes in through [`Store::set_now`], chance from a seeded generator.

/// One of the node's databases, `0..databases`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DbIndex(pub u8);

/// A key's 64-bit hash: its slot in the top 14 bits, 50 seeded bits below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHash(pub(crate) u64);

/// A key with its hash.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    /// The key's bytes.
    pub bytes: &'a [u8],
    /// Made by [`Store::hash`] of the same store.
    pub hash: KeyHash,
}

/// A value as it is stored. More types join with later issues.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A string.
    String(StringValue<'a>),
}

/// A string value as it is stored.
#[derive(Clone, Copy, Debug)]
pub enum StringValue<'a> {
    /// Canonical decimal of a 64-bit integer (Redis' `int` encoding).
    Integer(i64),
    /// Any other bytes.
    Bytes(&'a [u8]),
}

/// What OBJECT ENCODING says of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringEncoding {
    /// `int`
    Integer,
    /// `embstr`: at most 44 bytes, never edited in place.
    Embedded,
    /// `raw`
    Raw,
}

/// What becomes of a key's expiry when its value is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryChange {
    /// It stays.
    Keep,
    /// There is none afterwards.
    Clear,
    /// Unix time in milliseconds.
    At(u64),
}

/// What eviction and OBJECT know about the use of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Seconds since the last access (LRU policies), resolution as stored.
    pub idle_seconds: u64,
    /// Redis' logarithmic frequency counter (LFU policies).
    pub frequency: u8,
}

/// The keyspace of a node: its databases and their memory.
#[derive(Debug)]
pub struct Store {}

#[expect(
    clippy::unused_self,
    reason = "signatures for others to begin with; bodies follow"
)]
impl Store {
    /// An empty keyspace of `databases` databases. `seed` makes hashes unpredictable to clients.
    #[must_use]
    pub fn new(_databases: u8, _seed: u64) -> Self {
        todo!("owned by store")
    }

    /// Time for expiry and access marks: Unix milliseconds; never goes back within a batch.
    pub fn set_now(&mut self, _now_ms: u64) {
        todo!("owned by store")
    }

    /// The hash of a key.
    #[must_use]
    pub fn hash(&self, _key: &[u8]) -> KeyHash {
        todo!("owned by store")
    }

    /// Stage 1 of a batch: asks for the index line of a key.
    pub fn prefetch_line(&self, _db: DbIndex, _hash: KeyHash) {
        todo!("owned by store")
    }

    /// Stage 2: matches the line (by now in cache) and asks for the entry.
    pub fn prefetch_entry(&self, _db: DbIndex, _hash: KeyHash) {
        todo!("owned by store")
    }

    /// The value, counted as an access. An expired key is removed and not found.
    pub fn get(&mut self, _db: DbIndex, _key: Key<'_>) -> Option<Value<'_>> {
        todo!("owned by store")
    }

    /// The value, not counted as an access (TYPE, OBJECT, TTL, CLIENT NO-TOUCH).
    pub fn peek(&mut self, _db: DbIndex, _key: Key<'_>) -> Option<Value<'_>> {
        todo!("owned by store")
    }

    /// Whether the key lives; not counted as an access.
    pub fn exists(&mut self, _db: DbIndex, _key: Key<'_>) -> bool {
        todo!("owned by store")
    }

    /// Creates or replaces a string; canonical integers are stored as such.
    pub fn set(&mut self, _db: DbIndex, _key: Key<'_>, _value: &[u8], _expiry: ExpiryChange) {
        todo!("owned by store")
    }

    /// Creates or replaces a string by an integer.
    pub fn set_integer(&mut self, _db: DbIndex, _key: Key<'_>, _value: i64, _expiry: ExpiryChange) {
        todo!("owned by store")
    }

    /// The bytes of a string, to be edited in place: created or grown with zeros to at least `min_len`, an integer made bytes, the encoding made `raw`; the expiry stays.
    /// Amortised O(grown bytes): APPEND in a loop and SETBIT on a large bitmap do not copy the value each time.
    pub fn string_mut(&mut self, _db: DbIndex, _key: Key<'_>, _min_len: usize) -> &mut [u8] {
        todo!("owned by store")
    }

    /// What OBJECT ENCODING says.
    pub fn string_encoding(&mut self, _db: DbIndex, _key: Key<'_>) -> Option<StringEncoding> {
        todo!("owned by store")
    }

    /// Removes a key; `true` when it was there and alive.
    pub fn remove(&mut self, _db: DbIndex, _key: Key<'_>) -> bool {
        todo!("owned by store")
    }

    /// `None`: no such key. `Some(None)`: lives for ever. `Some(Some(at))`: Unix milliseconds.
    pub fn expiry(&mut self, _db: DbIndex, _key: Key<'_>) -> Option<Option<u64>> {
        todo!("owned by store")
    }

    /// Sets (`Some`, Unix milliseconds; a time gone by removes the key at its next access) or clears the expiry; `false` when there is no such key.
    pub fn set_expiry(&mut self, _db: DbIndex, _key: Key<'_>, _at_ms: Option<u64>) -> bool {
        todo!("owned by store")
    }

    /// Copies value and expiry over `to`, which is replaced; the access mark starts anew. `false` when `from` does not exist.
    pub fn copy(
        &mut self,
        _from_db: DbIndex,
        _from: Key<'_>,
        _to_db: DbIndex,
        _to: Key<'_>,
    ) -> bool {
        todo!("owned by store")
    }

    /// The access mark of a key; not counted as an access.
    pub fn usage(&mut self, _db: DbIndex, _key: Key<'_>) -> Option<Usage> {
        todo!("owned by store")
    }

    /// Bytes that the key costs: entry, extent, its share of the index (MEMORY USAGE).
    pub fn key_bytes(&mut self, _db: DbIndex, _key: Key<'_>) -> Option<usize> {
        todo!("owned by store")
    }

    /// Keys of `db`, expired but not yet swept ones included (as DBSIZE).
    #[must_use]
    pub fn len(&self, _db: DbIndex) -> usize {
        todo!("owned by store")
    }

    /// Keys of `db` that have an expiry.
    #[must_use]
    pub fn len_expiring(&self, _db: DbIndex) -> usize {
        todo!("owned by store")
    }

    /// A live key drawn by chance, appended to `out`; `false` when there is none.
    pub fn random_key(&mut self, _db: DbIndex, _out: &mut Vec<u8>) -> bool {
        todo!("owned by store")
    }

    /// One step of SCAN: visits about `count` live keys and returns the next cursor, 0 at the end. Any cursor is accepted.
    /// A key that is there from the first call to the last is visited at least once, whatever grows, shrinks or moves in between. At most 48 bits are used.
    pub fn scan(
        &mut self,
        _db: DbIndex,
        _cursor: u64,
        _count: usize,
        _visit: &mut dyn FnMut(&[u8], Value<'_>),
    ) -> u64 {
        todo!("owned by store")
    }

    /// Forgets all keys of `db` at once; returns how many there were. The memory goes back on a side thread when it is much.
    pub fn clear(&mut self, _db: DbIndex) -> usize {
        todo!("owned by store")
    }

    /// Exchanges two databases.
    pub fn swap(&mut self, _a: DbIndex, _b: DbIndex) {
        todo!("owned by store")
    }
}
