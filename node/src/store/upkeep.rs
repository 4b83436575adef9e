//! [`Store`]: what concerns many keys at once: counting, walking, clearing, the sweep, eviction, memory.
//! Pure. Every call's work is bounded.

use super::counters::{ExpireStep, MemoryUse, StoreCounters};
use super::database::Database;
use super::eviction::{Draws, EvictionSettings};
use super::expiry::{self, SweepBudget};
use super::key::DbIndex;
use super::keyspace::Store;
use super::slab::Handle;
use super::value::Value;

/// A good budget for [`Store::expire_step`]: some 250 removals, 75 µs.
pub const EXPIRE_SLICE: usize = 4096;

/// Expired keys that RANDOMKEY takes away in its search for a live one: some 100 µs.
const RANDOM_TRIES: usize = 256;

/// Entries that RANDOMKEY then looks at in order: as much again.
const RANDOM_WALK: usize = 32 * 1024;

impl Store {
    /// How many databases there are.
    #[must_use]
    pub fn databases(&self) -> u8 {
        u8::try_from(self.databases.len()).unwrap_or(u8::MAX)
    }

    /// Keys of `db`, expired but not yet swept ones included (as DBSIZE).
    #[must_use]
    pub fn len(&self, db: DbIndex) -> usize {
        self.database(db).len()
    }

    /// Whether `db` holds no key at all.
    #[must_use]
    pub fn is_empty(&self, db: DbIndex) -> bool {
        self.len(db) == 0
    }

    /// Keys of `db` that have an expiry.
    #[must_use]
    pub fn len_expiring(&self, db: DbIndex) -> usize {
        self.database(db).expiring()
    }

    /// INFO's `avg_ttl` of `db`, milliseconds: an estimate from the last pass of the sweep; 0 when no key has an expiry.
    #[must_use]
    pub fn average_ttl_ms(&self, db: DbIndex) -> u64 {
        self.database(db).sweep.average_ttl_ms()
    }

    /// A live key drawn by chance, appended to `out`; `false` when there is none.
    /// Expired ones that are met are taken away. Where nearly all of a large database is expired and not yet swept, a live one may be missed, for work is bounded.
    pub fn random_key(&mut self, db: DbIndex, out: &mut Vec<u8>) -> bool {
        for _ in 0..RANDOM_TRIES {
            let database = &self.databases[usize::from(db.0)];
            let drawn = Draws::new(database).and_then(|draws| draws.draw(&mut self.chance));
            let Some(handle) = drawn else {
                break;
            };
            if !database.entry(handle).is_dead(self.now_ms) {
                out.extend_from_slice(database.key(handle));
                return true;
            }
            self.expire_at(db, handle);
        }
        if self.is_empty(db) {
            return false;
        }
        let now_ms = self.now_ms;
        let cursor = self.chance >> 25;
        let database = self.database(db);
        let mut live = None;
        let mut look = |handle: Handle| {
            if live.is_none() && !database.entry(handle).is_dead(now_ms) {
                live = Some(handle);
            }
        };
        // From anywhere to the end, and, for as much again, from the beginning.
        database.scan(cursor, RANDOM_WALK, &mut look);
        database.scan(0, RANDOM_WALK, &mut look);
        match live {
            Some(handle) => {
                out.extend_from_slice(database.key(handle));
                true
            }
            None => false,
        }
    }

    fn expire_at(&mut self, db: DbIndex, handle: Handle) {
        let database = self.database(db);
        let Some(found) = database.found_at(handle) else {
            return;
        };
        let key = if self.expired.wanted {
            database.key(handle).to_vec()
        } else {
            Vec::new()
        };
        self.expire(db, found, &key);
    }

    /// One step of SCAN: visits about `count` live keys and returns the next cursor, 0 at the end. Any cursor is accepted.
    /// A key that is there from the first call to the last is visited at least once, whatever grows, shrinks or moves in between. At most 40 bits are used.
    pub fn scan(
        &mut self,
        db: DbIndex,
        cursor: u64,
        count: usize,
        visit: &mut dyn FnMut(&[u8], Value<'_>),
    ) -> u64 {
        let now_ms = self.now_ms;
        let database = self.database(db);
        database.scan(cursor, count.max(1), &mut |handle| {
            if !database.entry(handle).is_dead(now_ms) {
                visit(database.key(handle), database.value(handle));
            }
        })
    }

    /// Forgets all keys of `db` at once; returns how many there were. The memory goes back on a side thread when it is much.
    pub fn clear(&mut self, db: DbIndex) -> usize {
        let empty = Database::new(self.hasher, self.page_limit);
        let old = std::mem::replace(self.database_mut(db), empty);
        let keys = old.len();
        self.reclaimer.drop_database(old);
        keys
    }

    /// Exchanges two databases.
    pub fn swap(&mut self, a: DbIndex, b: DbIndex) {
        self.databases.swap(usize::from(a.0), usize::from(b.0));
    }

    /// One slice of the sweep: looks at up to `budget_entries` entries and removes the dead ones; a removal counts as sixteen looks. [`EXPIRE_SLICE`] is a good budget.
    /// Call it ten times a second, and again after serving clients while it says so: then nothing dead stays for five seconds, and nobody waits for it longer than a slice.
    pub fn expire_step(&mut self, budget_entries: usize) -> ExpireStep {
        let mut budget = SweepBudget::new(budget_entries);
        let now_ms = self.now_ms;
        let mut again = false;
        let count = self.databases.len();
        // Each call begins with the next database, so that a busy one does not keep the others waiting.
        self.sweep_first = (self.sweep_first + 1) % count.max(1);
        let Self {
            databases,
            reclaimer,
            counters,
            expired,
            clock,
            sweep_first,
            ..
        } = self;
        for step in 0..count {
            let at = (*sweep_first + step) % count;
            let db = DbIndex(u8::try_from(at).unwrap_or(u8::MAX));
            let mut remove = |database: &mut Database, handle: Handle| {
                if let Some(found) = database.found_at(handle) {
                    counters.expired_keys += 1;
                    expired.note(db, database.key(handle));
                    database.remove(found, reclaimer);
                }
            };
            again |= expiry::sweep(&mut databases[at], now_ms, &mut budget, &mut remove);
            expiry::age(&mut databases[at], now_ms, clock, &mut budget);
        }
        let longest_stay_ms = &mut counters.expired_longest_stay_ms;
        *longest_stay_ms = budget.longest_stay_ms.max(*longest_stay_ms);
        ExpireStep {
            visited: budget.visited,
            removed: budget.removed,
            again,
        }
    }

    /// Whether names of expired keys are kept for [`Store::take_expired`]; off at first.
    pub fn keep_expired(&mut self, keep: bool) {
        self.expired.wanted = keep;
    }

    /// Tells the names of the keys that expired since the last call, in order. Who keeps them takes them after every batch and every slice of the sweep.
    pub fn take_expired(&mut self, visit: &mut dyn FnMut(DbIndex, &[u8])) {
        let mut start = 0;
        for &(db, end) in &self.expired.ends {
            visit(db, &self.expired.bytes[start..end]);
            start = end;
        }
        self.expired.ends.clear();
        self.expired.bytes.clear();
    }

    /// How access marks are kept and which key goes first.
    pub fn set_eviction(&mut self, settings: EvictionSettings) {
        if settings.policy != self.eviction().policy {
            self.evictor.reset();
        }
        self.clock.set_settings(settings);
    }

    /// The settings in force.
    #[must_use]
    pub fn eviction(&self) -> EvictionSettings {
        self.clock.settings()
    }

    /// Removes the key that the policy likes least among those it looked at; its name is left in `evicted_key`. `None` when nothing may go.
    /// Work per call is bounded.
    pub fn evict_one(&mut self, evicted_key: &mut Vec<u8>) -> Option<DbIndex> {
        let (at, found) = self.evictor.choose(&mut self.databases, &self.clock)?;
        let database = &mut self.databases[at];
        evicted_key.clear();
        evicted_key.extend_from_slice(database.key(found.handle));
        database.remove(found, &mut self.reclaimer);
        self.counters.evicted_keys += 1;
        u8::try_from(at).ok().map(DbIndex)
    }

    /// Bytes that count against `maxmemory`: live entries by class size, extents, index.
    #[must_use]
    pub fn used_memory(&self) -> u64 {
        self.databases.iter().map(Database::used_memory).sum()
    }

    /// Where the memory is.
    #[must_use]
    pub fn memory(&self) -> MemoryUse {
        let mut memory = MemoryUse::default();
        for database in &self.databases {
            database.add_memory(&mut memory);
        }
        memory.overhead += self.evictor.bytes() as u64;
        memory
    }

    /// What INFO counts.
    #[must_use]
    pub fn counters(&self) -> StoreCounters {
        self.counters
    }

    /// Counts a lookup that was made with another method than [`Store::get`] but is one in Redis' eyes (EXISTS, TYPE, TTL, OBJECT).
    #[inline]
    pub fn count_lookup(&mut self, found: bool) {
        if found {
            self.counters.keyspace_hits += 1;
        } else {
            self.counters.keyspace_misses += 1;
        }
    }

    /// Starts the counters anew (CONFIG RESETSTAT).
    pub fn reset_counters(&mut self) {
        self.counters = StoreCounters::default();
    }
}
