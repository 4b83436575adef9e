//! [`Store`]: what concerns many keys at once: counting, walking, clearing, the sweep, eviction, memory.
//! Pure. Every call's work is bounded.

use super::content::Value;
use super::counters::{ExpireStep, MemoryUse, StoreCounters};
use super::database::Database;
use super::door::{
    Change, Door, Effects, EventClasses, EventName, Listener, Naming, TakenEvents, TakenKeys,
    TooManyInterests, Touch, WrittenSlots,
};
use super::eviction::{Draws, EvictionPolicy, EvictionSettings};
use super::expiry::{self, Ending, SweepBudget};
use super::key::{DbIndex, Key, KeyHash};
use super::keyspace::Store;
use super::pieces::Pieces;
use super::reclaim::Reclaimer;
use super::slab::Handle;
use super::value::Texts;
use shared::resp::Args;
use std::sync::Arc;

/// A good budget for [`Store::expire_step`]: some 250 removals, 75 µs.
pub const EXPIRE_SLICE: usize = 4096;

/// Expired keys that RANDOMKEY takes away in its search for a live one: some 100 µs.
const RANDOM_TRIES: usize = 256;

/// Entries that RANDOMKEY then looks at in order: as much again.
const RANDOM_WALK: usize = 32 * 1024;

/// What one attempt to make room did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// A key went.
    Done,
    /// None did so far, but may: call again.
    NotYet,
    /// No key may go.
    Nothing,
}

/// What a key passes when it goes by itself.
struct Leaving<'a> {
    door: &'a mut Door,
    name: &'a mut Vec<u8>,
    reclaimer: &'a mut Reclaimer,
}

impl Leaving<'_> {
    fn remove(&mut self, database: &mut Database, db: DbIndex, handle: Handle, change: Change) {
        let Some(found) = database.found_at(handle) else {
            debug_assert!(false, "a live place stands in the index");
            return;
        };
        if self.door.has_hearers() {
            self.name.clear();
            self.name.extend_from_slice(database.key(handle));
            let hash = database.hash_of(handle);
            let bytes = self.name.as_slice();
            self.door.gone(db, Key { bytes, hash }, change);
        }
        database.remove(found, self.reclaimer);
    }
}

/// What the sweep does to keys, and parts of their values, whose time has come.
struct Expiring<'a> {
    leaving: Leaving<'a>,
    counters: &'a mut StoreCounters,
    db: DbIndex,
    now_ms: u64,
    until: &'a dyn Fn(KeyHash) -> u64,
}

impl Expiring<'_> {
    /// Up to when parts of a value that have ended may go; of one of which a snapshot has a part, none may.
    fn until(&self, database: &Database, handle: Handle) -> u64 {
        let hash = database.hash_of(handle);
        if database.is_pinned(hash) {
            return 0;
        }
        (self.until)(hash)
    }
}

impl Ending for Expiring<'_> {
    fn remove(&mut self, database: &mut Database, handle: Handle) {
        if database.is_pinned(database.hash_of(handle)) {
            return;
        }
        self.counters.expired_keys += 1;
        self.leaving
            .remove(database, self.db, handle, Change::Expired);
    }

    fn end_parts(&mut self, database: &mut Database, handle: Handle, limit: usize) -> usize {
        let Some(found) = database.found_at(handle) else {
            debug_assert!(false, "a live place stands in the index");
            return 0;
        };
        let until_ms = self.until(database, handle);
        let (now_ms, mut names) = (self.now_ms.min(until_ms), Texts::default());
        database.edit_object(found, |object, leaves| {
            object.end_parts(leaves, now_ms, limit, &mut names);
        });
        self.counters.expired_subkeys += names.len() as u64;
        let Leaving {
            door,
            name,
            reclaimer,
        } = &mut self.leaving;
        if door.has_hearers() && !names.is_empty() {
            name.clear();
            name.extend_from_slice(database.key(handle));
            let hash = database.hash_of(handle);
            let bytes = name.as_slice();
            door.ended(self.db, Key { bytes, hash }, &names);
        }
        database.settle(found, reclaimer);
        names.len()
    }

    fn spares(&self, database: &Database, handle: Handle) -> bool {
        let until_ms = self.until(database, handle);
        !database.has_ended_parts(handle, until_ms)
    }
}

/// Frees what was removed and is large, as far as the budget allows; whether there is more.
fn free_slices(database: &mut Database, budget: &mut SweepBudget) -> bool {
    while budget.left > 0 && database.free_slice() {
        budget.spend(SLICE_COST);
    }
    database.is_freeing()
}

/// What freeing a slice of an object costs, in entries looked at: some 20 µs against a few ns.
const SLICE_COST: usize = 1024;

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

    /// Keys of `db` of which parts end by themselves: hashes with fields that expire.
    #[must_use]
    pub fn len_timed(&self, db: DbIndex) -> usize {
        self.database(db).timed()
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
            if !database.is_dead(handle, self.now_ms) {
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
            if live.is_none() && !database.is_dead(handle, now_ms) {
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
        let hash = self.database(db).hash_of(handle);
        if !self.keeps_all() && !self.database(db).is_pinned(hash) {
            self.counters.expired_keys += 1;
            self.take_away(db, handle, Change::Expired);
        }
    }

    /// Removes a key that goes by itself.
    fn take_away(&mut self, db: DbIndex, handle: Handle, change: Change) {
        let Self {
            databases,
            reclaimer,
            door,
            name,
            ..
        } = self;
        let mut leaving = Leaving {
            door,
            name,
            reclaimer,
        };
        leaving.remove(&mut databases[usize::from(db.0)], db, handle, change);
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
            if !database.is_dead(handle, now_ms) {
                let value = database.value(handle).at_moment(now_ms);
                visit(database.key(handle), value);
            }
        })
    }

    /// One slice of the sweep: looks at up to `budget_entries` entries and removes the dead ones; a removal counts as sixteen looks. [`EXPIRE_SLICE`] is a good budget.
    /// Call it ten times a second, and again after serving clients while it says so: then nothing dead stays for five seconds, and nobody waits for it longer than a slice.
    pub fn expire_step(&mut self, budget_entries: usize) -> ExpireStep {
        self.expire_step_sparing(budget_entries, &|_| u64::MAX)
    }

    /// The same, but of a key's value only parts go that have ended up to the moment that `until` says of the key: somebody reads it a piece at a time as it was then. Whole keys go all the same.
    pub fn expire_step_sparing(
        &mut self,
        budget_entries: usize,
        until: &dyn Fn(KeyHash) -> u64,
    ) -> ExpireStep {
        let mut budget = SweepBudget::new(budget_entries);
        let now_ms = self.now_ms;
        let keeps_all = self.keeps_all();
        let mut again = false;
        let count = self.databases.len();
        // Each call begins with the next database, so that a busy one does not keep the others waiting.
        self.sweep_first = (self.sweep_first + 1) % count.max(1);
        let Self {
            databases,
            reclaimer,
            counters,
            door,
            name,
            clock,
            sweep_first,
            ..
        } = self;
        for step in 0..count {
            let at = (*sweep_first + step) % count;
            let db = DbIndex(u8::try_from(at).unwrap_or(u8::MAX));
            let database = &mut databases[at];
            if !keeps_all {
                let leaving = Leaving {
                    door,
                    name,
                    reclaimer,
                };
                let mut expiring = Expiring {
                    leaving,
                    counters,
                    db,
                    now_ms,
                    until,
                };
                again |= expiry::sweep(database, now_ms, &mut budget, &mut expiring);
            }
            expiry::age(database, now_ms, clock, &mut budget);
            again |= free_slices(database, &mut budget);
        }
        let longest_stay_ms = &mut counters.expired_longest_stay_ms;
        *longest_stay_ms = budget.longest_stay_ms.max(*longest_stay_ms);
        ExpireStep {
            visited: budget.visited,
            removed: budget.removed,
            again,
        }
    }

    /// Until then (Unix milliseconds) nothing goes by itself: keys whose time has come are found by nobody, but stay, and none is evicted. So it is while clients are paused, for who pauses them wants the keyspace to stand still.
    pub fn keep_all_until(&mut self, until_ms: u64) {
        self.keep_all_until_ms = until_ms;
    }

    /// What was changed so far: counted, and recorded since [`Store::start_recording`].
    #[must_use]
    #[inline]
    pub fn effects(&self) -> &Effects {
        self.door.effects()
    }

    /// From now on changes are kept as commands for a log.
    pub fn start_recording(&mut self) {
        self.door.start_recording();
    }

    /// From now on they are not, and what was not taken is forgotten.
    pub fn stop_recording(&mut self) {
        self.door.stop_recording();
    }

    /// What was changed last was told by another server's log, in which this database is selected.
    pub fn go_on_with(&mut self, selected: DbIndex) {
        self.door.go_on_with(selected);
    }

    /// What is recorded from now on can be replayed without what was before: it says again which database it means.
    pub fn begin_increment(&mut self) {
        self.door.forget_selected();
    }

    /// What was recorded since the last call, as RESP commands (`SELECT` before the first of another database).
    pub fn take_effects(&mut self) -> Pieces {
        self.door.take_effects()
    }

    /// A buffer that nobody needs any more who says so, unless somebody else does: given back beside the keyspace's thread if it is large.
    pub fn reclaim(&mut self, buffer: Arc<Vec<u8>>) {
        if let Some(bytes) = Arc::into_inner(buffer) {
            self.reclaimer.drop_bytes(bytes);
        }
    }

    /// Whether it is noted from now on of which slots keys change.
    pub fn note_written_slots(&mut self, notes: bool) {
        self.door.note_written_slots(notes);
    }

    /// Of which slots keys have changed since the last call, where that is noted.
    pub fn take_written_slots(&mut self) -> Option<WrittenSlots> {
        self.door.take_written_slots()
    }

    /// Which events are told.
    pub fn set_event_classes(&mut self, classes: EventClasses) {
        self.door.set_event_classes(classes);
    }

    /// Whether any are, so that it is worth saying what they are called.
    #[inline]
    #[must_use]
    pub fn tells_events(&self) -> bool {
        self.door.tells_events()
    }

    /// What the next changes are called.
    pub fn name_events(&mut self, naming: Naming) {
        self.door.events().set_naming(naming);
    }

    /// A command that comes in parts begins: what it does to a key again and again is told once.
    pub fn begin_parts_of_events(&mut self) {
        self.door.events().begin_parts();
    }

    /// The next changes are a part of it, up to [`Self::end_part_of_events`].
    pub fn begin_part_of_events(&mut self) {
        self.door.events().begin_part();
    }

    /// What comes next is of others.
    pub fn end_part_of_events(&mut self) {
        self.door.events().end_part();
    }

    /// Something happened to a key that no change tells.
    pub fn note_event(&mut self, db: DbIndex, key: Key<'_>, name: EventName) {
        if self.door.tells_events() {
            self.door.events().note(db, key, name);
        }
    }

    /// Whether there are events to tell.
    #[inline]
    #[must_use]
    pub fn has_events(&self) -> bool {
        self.door.has_events()
    }

    /// Those.
    pub fn take_events(&mut self) -> TakenEvents {
        self.door.events().take()
    }

    /// Whether the names of keys that change are kept for [`Self::take_changed_keys`].
    pub fn note_changed_keys(&mut self, is_on: bool) {
        self.door.note_changed_keys(is_on);
    }

    /// Whether there is anything to tell: events, or keys that have changed.
    #[inline]
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.door.has_events() || self.door.has_changed_keys()
    }

    /// Whether keys have changed whose names were not taken.
    #[inline]
    #[must_use]
    pub fn has_changed_keys(&self) -> bool {
        self.door.has_changed_keys()
    }

    /// The names of keys that have changed since the last time, in order.
    pub fn take_changed_keys(&mut self) -> TakenKeys {
        self.door.take_changed_keys()
    }

    /// A message that followers are to get: it changes no key, so it does not count as a change.
    pub fn record_message(&mut self, db: DbIndex, args: Args<'_>) {
        self.door.record_message(db, args);
    }

    /// What follows, until [`Store::end_unit`], is one: a log's reader shows all of it at once, or nothing. Other clients' changes in between belong to it.
    pub fn begin_unit(&mut self) {
        self.door.begin_unit();
    }

    /// The end of what [`Store::begin_unit`] began.
    pub fn end_unit(&mut self) {
        self.door.end_unit();
    }

    /// `listener` is told of the next change of a key, once ([`Store::take_touched`]). It counts as a change of all that listen if another key of the same hash changes, which hardly ever happens.
    ///
    /// # Errors
    /// [`TooManyInterests`]; it is not told then.
    pub fn listen(
        &mut self,
        db: DbIndex,
        key: Key<'_>,
        listener: Listener,
    ) -> Result<(), TooManyInterests> {
        self.door.listen(db, key.hash, listener)
    }

    /// `listener` is no longer told of a key.
    pub fn ignore(&mut self, db: DbIndex, key: Key<'_>, listener: Listener) {
        self.door.ignore(db, key.hash, listener);
    }

    /// Who has to be told of which changes since the last call, in their order.
    pub fn take_touched(&mut self) -> impl Iterator<Item = Touch> {
        self.door.take_touched()
    }

    /// How access marks are kept and which key goes first.
    pub fn set_eviction(&mut self, settings: EvictionSettings) {
        if settings.policy != self.eviction().policy {
            self.evictor.reset();
        }
        let mean_the_same = self.clock.set_settings(settings);
        if !mean_the_same {
            for database in &mut self.databases {
                let mark = self.clock.restarted(database.len());
                database.restart_marks(mark);
            }
        }
    }

    /// The settings in force.
    #[must_use]
    pub fn eviction(&self) -> EvictionSettings {
        self.clock.settings()
    }

    /// Removes the key that the policy likes least among those it looked at.
    /// Work per call is bounded.
    pub fn evict_one(&mut self) -> Eviction {
        if self.keeps_all() {
            return Eviction::NotYet;
        }
        if let Some(database) = self
            .databases
            .iter_mut()
            .find(|database| database.is_freeing())
        {
            database.free_slice();
            return Eviction::NotYet;
        }
        match self.evictor.choose(&mut self.databases, &self.clock) {
            Some((at, found)) => {
                let db = DbIndex(u8::try_from(at).unwrap_or(u8::MAX));
                if self.waits_to_be_kept(db, found.handle) {
                    return Eviction::NotYet;
                }
                self.before_change(db, found.handle);
                self.take_away(db, found.handle, Change::Evicted);
                self.counters.evicted_keys += 1;
                Eviction::Done
            }
            // Few keys among many may take more looks than one call has.
            None if self.may_evict() => Eviction::NotYet,
            None => Eviction::Nothing,
        }
    }

    /// Whether there is any key that the policy lets go.
    fn may_evict(&self) -> bool {
        let policy = self.eviction().policy;
        policy != EvictionPolicy::NoEviction
            && self.databases.iter().any(|database| {
                if policy.is_volatile() {
                    database.expiring() > 0
                } else {
                    database.len() > 0
                }
            })
    }

    /// Whether keys stay although their time has come or memory is short: see [`Store::keep_all_until`].
    #[must_use]
    pub fn keeps_all(&self) -> bool {
        self.now_ms < self.keep_all_until_ms
    }

    /// Bytes that count against `maxmemory`: see [`MemoryUse::used`].
    #[must_use]
    pub fn used_memory(&self) -> u64 {
        let databases: u64 = self.databases.iter().map(Database::used_memory).sum();
        databases + self.captured_memory() + self.evictor.bytes() as u64
    }

    /// Where the memory is.
    #[must_use]
    pub fn memory(&self) -> MemoryUse {
        let mut memory = MemoryUse::default();
        for database in &self.databases {
            database.add_memory(&mut memory);
        }
        memory.ghosts = self.evictor.bytes() as u64;
        memory.overhead += self.door.bytes() as u64;
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

    /// The same of a key by name: that it is not there is an event.
    #[inline]
    pub fn count_lookup_of(&mut self, db: DbIndex, key: Key<'_>, found: bool) {
        match found {
            true => self.counters.keyspace_hits += 1,
            false => self.miss(db, key),
        }
    }

    /// Starts the counters anew (CONFIG RESETSTAT).
    pub fn reset_counters(&mut self) {
        self.counters = StoreCounters::default();
    }
}
