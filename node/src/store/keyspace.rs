//! [`Store`]: finding and reading keys, removing them, their expiries.
//! Pure. Every way to a key goes through [`Store::live`] or, for writing, `Store::slot`, which see to it that an expired one is not found.

use super::access::AccessClock;
use super::capture::Capturing;
use super::content::Value;
use super::counters::StoreCounters;
use super::database::{Database, Found};
use super::door::{Change, Door, word};
use super::error::StoreFull;
use super::eviction::Evictor;
use super::hash::{KeyHasher, splitmix};
use super::key::{DbIndex, Key, KeyHash};
use super::reclaim::Reclaimer;
use super::slab::MAX_PAGES;
use super::value::Texts;
use shared::command::CommandId;
use std::sync::Arc;

/// The keyspace of a node: its databases and their memory.
#[derive(Debug)]
pub struct Store {
    pub(super) databases: Vec<Database>,
    pub(super) hasher: KeyHasher,
    pub(super) now_ms: u64,
    pub(super) clock: AccessClock,
    pub(super) evictor: Evictor,
    pub(super) reclaimer: Reclaimer,
    pub(super) counters: StoreCounters,
    pub(super) door: Door,
    /// Nothing goes by itself: keys whose time has come are not found, but stay.
    pub(super) keep_all_until_ms: u64,
    /// Reused for names of keys that go by themselves.
    pub(super) name: Vec<u8>,
    pub(super) chance: u64,
    pub(super) page_limit: u32,
    /// The database that the sweep began with.
    pub(super) sweep_first: usize,
    /// Who takes the keyspace of an earlier moment.
    pub(super) capturing: Option<Box<Capturing>>,
}

/// What a write finds at its key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Before {
    Nothing,
    Dead(Found),
    Alive(Found),
}

impl Before {
    /// What is there as far as clients can see.
    #[inline]
    pub(super) fn alive(self) -> Option<Found> {
        match self {
            Self::Alive(found) => Some(found),
            Self::Nothing | Self::Dead(_) => None,
        }
    }
}

/// What is known of how a key is used: what eviction goes by, and OBJECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Seconds since the last access (LRU policies), resolution as stored.
    pub idle_seconds: u64,
    /// Redis' logarithmic frequency counter (LFU policies).
    pub frequency: u8,
}

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
            clock: AccessClock::new(splitmix(&mut state)),
            evictor: Evictor::new(splitmix(&mut state)),
            reclaimer: Reclaimer::default(),
            counters: StoreCounters::default(),
            door: Door::default(),
            keep_all_until_ms: 0,
            name: Vec::new(),
            chance: splitmix(&mut state),
            page_limit,
            sweep_first: 0,
            capturing: None,
        }
    }

    /// Time for expiry and access marks: Unix milliseconds; never goes back within a batch.
    #[inline]
    pub fn set_now(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        self.clock.set_now(now_ms);
    }

    /// Until the next [`Store::set_now`] no time comes: who replays what happened waits to be told that a key has gone.
    pub fn stand_still(&mut self) {
        self.now_ms = 0;
    }

    /// The hash of a key.
    #[inline]
    #[must_use]
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        self.hasher.hash(key)
    }

    /// A large value of `db` that lies in `buffer` may be kept there instead of being copied, until [`Store::withdraw`], and so may what the effects tell of it. The buffer must not be changed after.
    pub fn offer(&mut self, db: DbIndex, buffer: Arc<Vec<u8>>) {
        self.door.offer(&buffer);
        self.database_mut(db).offer(buffer);
    }

    /// Ends the offer.
    pub fn withdraw(&mut self, db: DbIndex) {
        self.door.withdraw();
        self.database_mut(db).withdraw();
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
    pub(super) fn live(&mut self, db: DbIndex, key: Key<'_>) -> Option<Found> {
        let database = self.database(db);
        let found = database.find(key)?;
        // Without expiries at all the entry need not be looked at.
        if database.has_expiries() && database.is_dead(found.handle, self.now_ms) {
            self.expire(db, found, key);
            return None;
        }
        self.database_mut(db).freshen(found.handle);
        Some(found)
    }

    #[cold]
    fn expire(&mut self, db: DbIndex, found: Found, key: Key<'_>) {
        if !self.keeps_all() && !self.database(db).is_pinned(key.hash) {
            self.note_expired(db, key);
            self.databases[usize::from(db.0)].remove(found, &mut self.reclaimer);
        }
    }

    /// An expired key went.
    pub(super) fn note_expired(&mut self, db: DbIndex, key: Key<'_>) {
        self.counters.expired_keys += 1;
        if self.door.has_hearers() {
            self.door.gone(db, key, Change::Expired);
        }
    }

    /// Parts of a key's value ended.
    pub(super) fn note_ended(&mut self, db: DbIndex, key: Key<'_>, names: &Texts) {
        self.counters.expired_subkeys += names.len() as u64;
        if self.door.has_hearers() && !names.is_empty() {
            self.door.ended(db, key, names);
        }
    }

    /// Counts one more use of an entry.
    #[inline]
    pub(super) fn touch(&mut self, db: DbIndex, found: Found) {
        let database = &mut self.databases[usize::from(db.0)];
        let mark = database.entry(found.handle).mark();
        database.set_mark(found.handle, self.clock.used(mark));
    }

    /// The value, counted as an access. An expired key is removed and not found.
    #[inline]
    pub fn get(&mut self, db: DbIndex, key: Key<'_>) -> Option<Value<'_>> {
        let Some(found) = self.live(db, key) else {
            self.miss(db, key);
            return None;
        };
        self.counters.keyspace_hits += 1;
        let database = &mut self.databases[usize::from(db.0)];
        let clock = &mut self.clock;
        let value = database.read(found.handle, |mark| clock.used(mark));
        Some(value.at_moment(self.now_ms))
    }

    /// Somebody looked for a key that is not there.
    pub fn miss(&mut self, db: DbIndex, key: Key<'_>) {
        self.counters.keyspace_misses += 1;
        if self.door.tells_events() {
            self.door.events().missed(db, key);
        }
    }

    /// The value, not counted as an access (TYPE, OBJECT, TTL, CLIENT NO-TOUCH).
    pub fn peek(&mut self, db: DbIndex, key: Key<'_>) -> Option<Value<'_>> {
        let found = self.live(db, key)?;
        let value = self.database(db).value(found.handle);
        Some(value.at_moment(self.now_ms))
    }

    /// The value of a key that was looked up in this command already: not counted in any way, and several can be looked at together.
    #[must_use]
    pub fn look(&self, db: DbIndex, key: Key<'_>) -> Option<Value<'_>> {
        let database = self.database(db);
        let found = database.find(key)?;
        let is_dead = database.is_dead(found.handle, self.now_ms);
        (!is_dead).then(|| database.value(found.handle).at_moment(self.now_ms))
    }

    /// A seed for choices by chance within one command.
    pub fn draw_seed(&mut self) -> u64 {
        splitmix(&mut self.chance)
    }

    /// Whether the key lives; not counted as an access.
    pub fn exists(&mut self, db: DbIndex, key: Key<'_>) -> bool {
        self.live(db, key).is_some()
    }

    /// Removes a key; `true` when it was there and alive.
    pub fn remove(&mut self, db: DbIndex, key: Key<'_>) -> bool {
        let Some(found) = self.live(db, key) else {
            return false;
        };
        self.before_change(db, found.handle);
        self.databases[usize::from(db.0)].remove(found, &mut self.reclaimer);
        self.door.deleted(db, key);
        true
    }

    /// `None`: no such key. `Some(None)`: lives for ever. `Some(Some(at))`: Unix milliseconds.
    pub fn expiry(&mut self, db: DbIndex, key: Key<'_>) -> Option<Option<u64>> {
        let found = self.live(db, key)?;
        Some(self.database(db).entry(found.handle).expiry())
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
        let Some(found) = self.live(db, key) else {
            return Ok(false);
        };
        self.before_change(db, found.handle);
        let database = &mut self.databases[usize::from(db.0)];
        database.set_expiry(found, at_ms, &mut self.reclaimer)?;
        self.door
            .changed(db, key, Change::Written, false, |effects| match at_ms {
                Some(at) => {
                    let mut digits = itoa::Buffer::new();
                    let at = digits.format(at).as_bytes();
                    effects.append_words(db, &[word(CommandId::Pexpireat), key.bytes, at]);
                }
                None => effects.append_words(db, &[word(CommandId::Persist), key.bytes]),
            });
        Ok(true)
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

    /// Says of a key that was put just now how it was used where it comes from, as far as the policy keeps that; of whom nothing is known is a new one.
    pub fn set_usage(
        &mut self,
        db: DbIndex,
        key: Key<'_>,
        idle_seconds: Option<u64>,
        frequency: Option<u8>,
    ) {
        let Some(found) = self.database(db).find(key) else {
            return;
        };
        let database = &mut self.databases[usize::from(db.0)];
        let mark = database.entry(found.handle).mark();
        let mark = self.clock.told(mark, idle_seconds, frequency);
        database.set_mark(found.handle, mark);
    }

    /// Bytes that the key costs: entry, extent, its share of the index (MEMORY USAGE).
    pub fn key_bytes(&mut self, db: DbIndex, key: Key<'_>) -> Option<usize> {
        let found = self.live(db, key)?;
        Some(self.database(db).cost(found.handle))
    }
}
