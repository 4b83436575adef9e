//! [`Store`]: reading and writing keys.
//! Pure. Every way to a key goes through [`Store::live`] or [`Store::before_write`], which take an expired one away on sight.

use super::access::AccessClock;
use super::counters::StoreCounters;
use super::database::{Database, Found, Marks, NewValue};
use super::entry::{Entry, LATEST_EXPIRY};
use super::eviction::Evictor;
use super::hash::{KeyHasher, splitmix};
use super::key::{DbIndex, Key, KeyHash};
use super::reclaim::Reclaimer;
use super::slab::{Handle, MAX_PAGES};
use super::value::{
    ExpiryChange, StoreFull, StringEncoding, StringValue, Usage, Value, canonical_integer,
};
use std::sync::Arc;

/// The keyspace of a node: its databases and their memory.
#[derive(Debug)]
pub struct Store {
    pub(super) databases: Vec<Database>,
    pub(super) hasher: KeyHasher,
    pub(super) now_ms: u64,
    /// Before that nobody takes an expired key away, though nobody finds one either.
    pub(super) keep_expired_until_ms: u64,
    pub(super) clock: AccessClock,
    pub(super) evictor: Evictor,
    pub(super) reclaimer: Reclaimer,
    pub(super) counters: StoreCounters,
    pub(super) expired: ExpiredNames,
    pub(super) chance: u64,
    pub(super) page_limit: u32,
    /// The database that the sweep began with.
    pub(super) sweep_first: usize,
}

/// Names of expired keys that nobody has asked for yet: one buffer, no allocation per key.
#[derive(Debug, Default)]
pub(super) struct ExpiredNames {
    pub(super) wanted: bool,
    pub(super) bytes: Vec<u8>,
    /// Database and end of each name.
    pub(super) ends: Vec<(DbIndex, usize)>,
}

impl ExpiredNames {
    pub(super) fn note(&mut self, db: DbIndex, key: &[u8]) {
        if self.wanted {
            self.bytes.extend_from_slice(key);
            self.ends.push((db, self.bytes.len()));
        }
    }
}

/// What a write finds at its key.
enum Before {
    Nothing,
    Dead(Found),
    Alive(Found),
}

/// Where the entries of some keys are, most likely: good for asking memory ahead, and for nothing else.
#[derive(Debug, Default)]
pub struct ExpectedEntries(Vec<Handle>);

impl Store {
    /// An empty keyspace of `databases` databases. `seed` makes hashes unpredictable to clients.
    #[must_use]
    pub fn new(databases: u8, seed: u64) -> Self {
        Self::with_page_limit(databases, seed, MAX_PAGES)
    }

    /// The same, with fewer than 32 GiB of handles per database.
    pub(super) fn with_page_limit(databases: u8, seed: u64, page_limit: u32) -> Self {
        let mut state = seed;
        let hasher = KeyHasher::new(splitmix(&mut state));
        Self {
            databases: (0..databases)
                .map(|_| Database::new(hasher, page_limit))
                .collect(),
            hasher,
            now_ms: 0,
            keep_expired_until_ms: 0,
            clock: AccessClock::new(splitmix(&mut state)),
            evictor: Evictor::new(splitmix(&mut state)),
            reclaimer: Reclaimer::default(),
            counters: StoreCounters::default(),
            expired: ExpiredNames::default(),
            chance: splitmix(&mut state),
            page_limit,
            sweep_first: 0,
        }
    }

    /// Time for expiry and access marks: Unix milliseconds; never goes back within a batch.
    #[inline]
    pub fn set_now(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        self.clock.set_now(now_ms);
    }

    /// Until then (Unix milliseconds) expired keys stay where they are, unseen: while clients are paused, the keyspace does not change.
    pub fn keep_expired_until(&mut self, until_ms: u64) {
        self.keep_expired_until_ms = until_ms;
    }

    /// The hash of a key.
    #[inline]
    #[must_use]
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        self.hasher.hash(key)
    }

    /// A large value of `db` that lies in `buffer` may be kept there instead of being copied, until [`Store::withdraw`]. The buffer must not be changed after.
    pub fn offer(&mut self, db: DbIndex, buffer: Arc<Vec<u8>>) {
        self.database_mut(db).offer(buffer);
    }

    /// Ends the offer.
    pub fn withdraw(&mut self, db: DbIndex) {
        self.database_mut(db).withdraw();
    }

    /// Stage 1 of a batch: asks for the cell of the directory that leads to a key.
    #[inline]
    pub fn prefetch_path(&self, db: DbIndex, hash: KeyHash) {
        self.database(db).prefetch_path(hash);
    }

    /// Stage 2: asks for the index line of a key.
    #[inline]
    pub fn prefetch_line(&self, db: DbIndex, hash: KeyHash) {
        self.database(db).prefetch_line(hash);
    }

    /// Stage 3: matches the line (by now in cache) and notes the entry. `false` when the key may lie in another line; that one is asked for then.
    #[inline]
    #[must_use]
    pub fn expect_entry(&self, db: DbIndex, hash: KeyHash, expected: &mut ExpectedEntries) -> bool {
        self.database(db)
            .expect_entries(hash, |handle| expected.0.push(handle))
    }

    /// Stage 4, for such a key: matches the other lines and notes the entry.
    pub fn expect_stray(&self, db: DbIndex, hash: KeyHash, expected: &mut ExpectedEntries) {
        self.database(db)
            .expect_strays(hash, |handle| expected.0.push(handle));
    }

    /// Asks for all entries that were noted, and forgets them.
    #[inline]
    pub fn prefetch_expected(&self, db: DbIndex, expected: &mut ExpectedEntries) {
        let database = self.database(db);
        for handle in expected.0.drain(..) {
            database.prefetch_entry(handle);
        }
    }

    #[inline]
    pub(super) fn database(&self, db: DbIndex) -> &Database {
        &self.databases[usize::from(db.0)]
    }

    #[inline]
    pub(super) fn database_mut(&mut self, db: DbIndex) -> &mut Database {
        &mut self.databases[usize::from(db.0)]
    }

    /// The live entry of a key; an expired one is removed.
    #[inline]
    fn live(&mut self, db: DbIndex, key: Key<'_>) -> Option<Found> {
        let database = self.database(db);
        let found = database.find(key)?;
        // Without expiries at all the entry need not be looked at.
        if database.expiring() > 0 && database.entry(found.handle).is_dead(self.now_ms) {
            self.expire(db, found, key.bytes);
            return None;
        }
        Some(found)
    }

    /// What is at a key that is to be written. An expired entry is reported as such and may be written over.
    #[inline]
    fn before_write(&mut self, db: DbIndex, key: Key<'_>) -> Before {
        let database = self.database(db);
        match database.find(key) {
            None => Before::Nothing,
            Some(found) if database.entry(found.handle).is_dead(self.now_ms) => Before::Dead(found),
            Some(found) => Before::Alive(found),
        }
    }

    #[cold]
    pub(super) fn expire(&mut self, db: DbIndex, found: Found, key: &[u8]) {
        if self.now_ms < self.keep_expired_until_ms {
            return;
        }
        self.note_expired(db, key);
        self.databases[usize::from(db.0)].remove(found, &mut self.reclaimer);
    }

    fn note_expired(&mut self, db: DbIndex, key: &[u8]) {
        self.counters.expired_keys += 1;
        self.expired.note(db, key);
    }

    /// Counts one more use of an entry.
    #[inline]
    fn touch(&mut self, db: DbIndex, found: Found) {
        let database = &mut self.databases[usize::from(db.0)];
        let mark = database.entry(found.handle).mark();
        database.set_mark(found.handle, self.clock.used(mark));
    }

    /// The value, counted as an access. An expired key is removed and not found.
    #[inline]
    pub fn get(&mut self, db: DbIndex, key: Key<'_>) -> Option<Value<'_>> {
        let Some(found) = self.live(db, key) else {
            self.counters.keyspace_misses += 1;
            return None;
        };
        self.counters.keyspace_hits += 1;
        let database = &mut self.databases[usize::from(db.0)];
        let clock = &mut self.clock;
        Some(database.read(found.handle, |mark| clock.used(mark)))
    }

    /// The value, not counted as an access (TYPE, OBJECT, TTL, CLIENT NO-TOUCH).
    pub fn peek(&mut self, db: DbIndex, key: Key<'_>) -> Option<Value<'_>> {
        let found = self.live(db, key)?;
        Some(self.database(db).value(found.handle))
    }

    /// Whether the key lives; not counted as an access.
    pub fn exists(&mut self, db: DbIndex, key: Key<'_>) -> bool {
        self.live(db, key).is_some()
    }

    /// Creates or replaces a string; canonical integers are stored as such.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    #[inline]
    pub fn set(
        &mut self,
        db: DbIndex,
        key: Key<'_>,
        value: &[u8],
        expiry: ExpiryChange,
    ) -> Result<(), StoreFull> {
        let value = match canonical_integer(value) {
            Some(number) => NewValue::Integer(number),
            None => NewValue::Bytes(value),
        };
        self.put(db, key, value, expiry)
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
        self.put(db, key, NewValue::Bytes(value), expiry)
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
        self.put(db, key, NewValue::Integer(value), expiry)
    }

    #[inline]
    fn put(
        &mut self,
        db: DbIndex,
        key: Key<'_>,
        value: NewValue<'_>,
        expiry: ExpiryChange,
    ) -> Result<(), StoreFull> {
        let before = self.before_write(db, key);
        let database = &mut self.databases[usize::from(db.0)];
        let old = match &before {
            Before::Alive(found) => Some(database.entry(found.handle)),
            _ => None,
        };
        let expiry = match expiry {
            ExpiryChange::Keep => old.and_then(Entry::expiry),
            ExpiryChange::Clear => None,
            ExpiryChange::At(at) => Some(at.min(LATEST_EXPIRY)),
        };
        match before {
            Before::Nothing => {
                let to_main = self.evictor.recall(key.hash);
                let mark = self.clock.added(database.len(), to_main);
                database.insert(key, value, Marks { expiry, mark })
            }
            Before::Alive(found) => {
                // A write counts as a use, and does not make the key a new one.
                let mark = self.clock.used(database.entry(found.handle).mark());
                let marks = Marks { expiry, mark };
                database.overwrite(found, key, value, marks, &mut self.reclaimer)
            }
            Before::Dead(found) => {
                let mark = self.clock.added(database.len(), false);
                let marks = Marks { expiry, mark };
                database.overwrite(found, key, value, marks, &mut self.reclaimer)?;
                self.note_expired(db, key.bytes);
                Ok(())
            }
        }
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
        let Some(found) = self.live(db, key) else {
            let value = change(None)?;
            self.set_integer(db, key, value, ExpiryChange::Clear)?;
            return Ok(value);
        };
        let database = &mut self.databases[usize::from(db.0)];
        let value = change(Some(database.value(found.handle)))?;
        let old = database.entry(found.handle);
        let marks = Marks {
            expiry: old.expiry(),
            mark: self.clock.used(old.mark()),
        };
        let new = NewValue::Integer(value);
        database.overwrite(found, key, new, marks, &mut self.reclaimer)?;
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
        if let Some(found) = self.live(db, key) {
            self.touch(db, found);
            let database = &mut self.databases[usize::from(db.0)];
            return database.edit(found, key, min_len, &mut self.reclaimer);
        }
        let to_main = self.evictor.recall(key.hash);
        let database = &mut self.databases[usize::from(db.0)];
        let marks = Marks {
            expiry: None,
            mark: self.clock.added(database.len(), to_main),
        };
        let zeros = NewValue::Edited {
            bytes: &[],
            len: min_len,
        };
        database.insert(key, zeros, marks)?;
        database.editable(key).ok_or(StoreFull)
    }

    /// What OBJECT ENCODING says.
    pub fn string_encoding(&mut self, db: DbIndex, key: Key<'_>) -> Option<StringEncoding> {
        let found = self.live(db, key)?;
        Some(self.database(db).encoding(found.handle))
    }

    /// Removes a key; `true` when it was there and alive.
    pub fn remove(&mut self, db: DbIndex, key: Key<'_>) -> bool {
        let Some(found) = self.live(db, key) else {
            return false;
        };
        self.databases[usize::from(db.0)].remove(found, &mut self.reclaimer);
        true
    }

    /// `None`: no such key. `Some(None)`: lives for ever. `Some(Some(at))`: Unix milliseconds.
    pub fn expiry(&mut self, db: DbIndex, key: Key<'_>) -> Option<Option<u64>> {
        let found = self.live(db, key)?;
        Some(self.database(db).entry(found.handle).expiry())
    }

    /// Sets (`Some`, Unix milliseconds; a time gone by removes the key at its next access) or clears the expiry; `false` when there is no such key.
    /// The year 10889 is the latest that can be kept.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn set_expiry(
        &mut self,
        db: DbIndex,
        key: Key<'_>,
        at_ms: Option<u64>,
    ) -> Result<bool, StoreFull> {
        let Some(found) = self.live(db, key) else {
            return Ok(false);
        };
        let at_ms = at_ms.map(|at| at.min(LATEST_EXPIRY));
        let database = &mut self.databases[usize::from(db.0)];
        database.set_expiry(found, key, at_ms, &mut self.reclaimer)?;
        Ok(true)
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
        let Some(found) = self.live(from_db, from) else {
            return Ok(false);
        };
        if from_db == to_db && from.bytes == to.bytes {
            return Ok(true);
        }
        let database = self.database(from_db);
        let entry = database.entry(found.handle);
        let expiry = entry.expiry().map_or(ExpiryChange::Clear, ExpiryChange::At);
        let edited = entry.is_edited();
        let Value::String(string) = database.value(found.handle);
        match string {
            StringValue::Integer(number) => {
                self.put(to_db, to, NewValue::Integer(number), expiry)?;
            }
            StringValue::Bytes(bytes) => {
                let mut copy = Vec::new();
                copy.try_reserve_exact(bytes.len()).map_err(|_| StoreFull)?;
                copy.extend_from_slice(bytes);
                let value = if edited {
                    NewValue::Edited {
                        bytes: &copy,
                        len: copy.len(),
                    }
                } else {
                    NewValue::Bytes(&copy)
                };
                let written = self.put(to_db, to, value, expiry);
                self.reclaimer.drop_bytes(copy);
                written?;
            }
        }
        Ok(true)
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
        if from_db == to_db && self.rename_large(from_db, from, to)? {
            return Ok(true);
        }
        let copied = self.copy(from_db, from, to_db, to)?;
        if copied {
            self.remove(from_db, from);
        }
        Ok(copied)
    }

    /// Renames without copying, where the value has an extent.
    fn rename_large(&mut self, db: DbIndex, from: Key<'_>, to: Key<'_>) -> Result<bool, StoreFull> {
        // Both looked at in this order: the second may take an expired entry away and so move the first.
        if !self.exists(db, from) {
            return Ok(false);
        }
        let there = self.live(db, to);
        let database = &mut self.databases[usize::from(db.0)];
        let mark = self.clock.added(database.len(), false);
        database.rename_extent(from, to, there, mark, &mut self.reclaimer)
    }

    /// The access mark of a key; not counted as an access.
    pub fn usage(&mut self, db: DbIndex, key: Key<'_>) -> Option<Usage> {
        let found = self.live(db, key)?;
        let mark = self.database(db).entry(found.handle).mark();
        Some(Usage {
            idle_seconds: self.clock.idle_seconds(mark),
            frequency: self.clock.frequency(mark),
        })
    }

    /// Bytes that the key costs: entry, extent, its share of the index (MEMORY USAGE).
    pub fn key_bytes(&mut self, db: DbIndex, key: Key<'_>) -> Option<usize> {
        let found = self.live(db, key)?;
        Some(self.database(db).cost(found.handle))
    }
}
