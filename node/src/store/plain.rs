//! The keyspace in the plainest correct way, over ordered maps: what the real one is compared with.
//! Pure. Never: anything clever.

use super::counters::{ExpireStep, MemoryUse, StoreCounters};
use super::eviction::{EvictionPolicy, EvictionSettings};
use super::key::{DbIndex, Key, KeyHash};
use super::value::{
    EMBEDDED_LIMIT_BYTES, ExpiryChange, StoreFull, StringEncoding, StringValue, Usage, Value,
    canonical_integer,
};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

#[derive(Clone, Debug)]
enum PlainValue {
    Integer(i64),
    Bytes { bytes: Vec<u8>, raw: bool },
}

#[derive(Clone, Debug)]
struct PlainEntry {
    value: PlainValue,
    expiry: Option<u64>,
    used_at_ms: u64,
}

impl PlainEntry {
    fn show(&self) -> Value<'_> {
        Value::String(match &self.value {
            PlainValue::Integer(number) => StringValue::Integer(*number),
            PlainValue::Bytes { bytes, .. } => StringValue::Bytes(bytes),
        })
    }

    fn is_dead(&self, now_ms: u64) -> bool {
        self.expiry.is_some_and(|at| at <= now_ms)
    }
}

type PlainKey = (u64, Vec<u8>);

/// Fixed cost charged per key, so that limits mean something.
const KEY_BYTES: usize = 20;

/// The plain keyspace.
#[derive(Debug)]
pub(super) struct PlainStore {
    databases: Vec<BTreeMap<PlainKey, PlainEntry>>,
    hasher: RandomState,
    now_ms: u64,
    chance: u64,
    expired: Vec<(DbIndex, Vec<u8>)>,
    keep_expired: bool,
    pub(super) counters: StoreCounters,
    pub(super) settings: EvictionSettings,
}

fn plain_key(key: Key<'_>) -> PlainKey {
    (key.hash.0 >> 17, key.bytes.to_vec())
}

impl PlainStore {
    pub(super) fn new(databases: u8, seed: u64) -> Self {
        Self {
            databases: vec![BTreeMap::new(); usize::from(databases)],
            hasher: RandomState::new(),
            now_ms: 0,
            chance: seed,
            expired: Vec::new(),
            keep_expired: false,
            counters: StoreCounters::default(),
            settings: EvictionSettings::default(),
        }
    }

    pub(super) fn databases(&self) -> u8 {
        u8::try_from(self.databases.len()).unwrap_or(u8::MAX)
    }

    pub(super) fn set_now(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    pub(super) fn hash(&self, key: &[u8]) -> KeyHash {
        KeyHash(self.hasher.hash_one(key))
    }

    fn map(&mut self, db: DbIndex) -> &mut BTreeMap<PlainKey, PlainEntry> {
        &mut self.databases[usize::from(db.0)]
    }

    fn draw(&mut self, below: usize) -> usize {
        self.chance = self
            .chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.chance >> 33).unwrap_or(0) % below.max(1)
    }

    /// The live entry of a key; a dead one is removed on sight.
    fn live(&mut self, db: DbIndex, key: Key<'_>) -> Option<&mut PlainEntry> {
        let now_ms = self.now_ms;
        let name = plain_key(key);
        if self.map(db).get(&name)?.is_dead(now_ms) {
            self.map(db).remove(&name);
            self.note_expired(db, key.bytes);
            return None;
        }
        self.map(db).get_mut(&name)
    }

    fn note_expired(&mut self, db: DbIndex, key: &[u8]) {
        self.counters.expired_keys += 1;
        if self.keep_expired {
            self.expired.push((db, key.to_vec()));
        }
    }

    pub(super) fn get(&mut self, db: DbIndex, key: Key<'_>) -> Option<Value<'_>> {
        let now_ms = self.now_ms;
        if self.live(db, key).is_none() {
            self.counters.keyspace_misses += 1;
            return None;
        }
        self.counters.keyspace_hits += 1;
        let entry = self.live(db, key)?;
        entry.used_at_ms = now_ms;
        Some(entry.show())
    }

    pub(super) fn peek(&mut self, db: DbIndex, key: Key<'_>) -> Option<Value<'_>> {
        self.live(db, key).map(|entry| entry.show())
    }

    fn put(&mut self, db: DbIndex, key: Key<'_>, value: PlainValue, expiry: ExpiryChange) {
        let before = self.live(db, key).and_then(|entry| entry.expiry);
        let expiry = match expiry {
            ExpiryChange::Keep => before,
            ExpiryChange::Clear => None,
            ExpiryChange::At(at) => Some(at),
        };
        let used_at_ms = self.now_ms;
        self.map(db).insert(
            plain_key(key),
            PlainEntry {
                value,
                expiry,
                used_at_ms,
            },
        );
    }

    pub(super) fn set(
        &mut self,
        db: DbIndex,
        key: Key<'_>,
        value: &[u8],
        expiry: ExpiryChange,
    ) -> Result<(), StoreFull> {
        let value = match canonical_integer(value) {
            Some(number) => PlainValue::Integer(number),
            None => PlainValue::Bytes {
                bytes: value.to_vec(),
                raw: false,
            },
        };
        self.put(db, key, value, expiry);
        Ok(())
    }

    pub(super) fn set_text(
        &mut self,
        db: DbIndex,
        key: Key<'_>,
        value: &[u8],
        expiry: ExpiryChange,
    ) -> Result<(), StoreFull> {
        let value = PlainValue::Bytes {
            bytes: value.to_vec(),
            raw: false,
        };
        self.put(db, key, value, expiry);
        Ok(())
    }

    pub(super) fn set_integer(
        &mut self,
        db: DbIndex,
        key: Key<'_>,
        value: i64,
        expiry: ExpiryChange,
    ) -> Result<(), StoreFull> {
        self.put(db, key, PlainValue::Integer(value), expiry);
        Ok(())
    }

    pub(super) fn string_mut(
        &mut self,
        db: DbIndex,
        key: Key<'_>,
        min_len: usize,
    ) -> Result<&mut [u8], StoreFull> {
        if self.live(db, key).is_none() {
            let value = PlainValue::Bytes {
                bytes: Vec::new(),
                raw: true,
            };
            self.put(db, key, value, ExpiryChange::Clear);
        }
        let used_at_ms = self.now_ms;
        let entry = self.live(db, key).ok_or(StoreFull)?;
        entry.used_at_ms = used_at_ms;
        if let PlainValue::Integer(number) = entry.value {
            entry.value = PlainValue::Bytes {
                bytes: number.to_string().into_bytes(),
                raw: true,
            };
        }
        match &mut entry.value {
            PlainValue::Bytes { bytes, raw } => {
                *raw = true;
                if bytes.len() < min_len {
                    bytes.resize(min_len, 0);
                }
                Ok(bytes)
            }
            PlainValue::Integer(_) => Err(StoreFull),
        }
    }

    pub(super) fn string_encoding(&mut self, db: DbIndex, key: Key<'_>) -> Option<StringEncoding> {
        Some(match &self.live(db, key)?.value {
            PlainValue::Integer(_) => StringEncoding::Integer,
            PlainValue::Bytes { bytes, raw: false } if bytes.len() <= EMBEDDED_LIMIT_BYTES => {
                StringEncoding::Embedded
            }
            PlainValue::Bytes { .. } => StringEncoding::Raw,
        })
    }

    pub(super) fn remove(&mut self, db: DbIndex, key: Key<'_>) -> bool {
        self.live(db, key).is_some() && self.map(db).remove(&plain_key(key)).is_some()
    }

    pub(super) fn expiry(&mut self, db: DbIndex, key: Key<'_>) -> Option<Option<u64>> {
        self.live(db, key).map(|entry| entry.expiry)
    }

    pub(super) fn set_expiry(
        &mut self,
        db: DbIndex,
        key: Key<'_>,
        at_ms: Option<u64>,
    ) -> Result<bool, StoreFull> {
        let Some(entry) = self.live(db, key) else {
            return Ok(false);
        };
        entry.expiry = at_ms;
        Ok(true)
    }

    pub(super) fn copy(
        &mut self,
        from_db: DbIndex,
        from: Key<'_>,
        to_db: DbIndex,
        to: Key<'_>,
    ) -> Result<bool, StoreFull> {
        let used_at_ms = self.now_ms;
        let Some(mut entry) = self.live(from_db, from).cloned() else {
            return Ok(false);
        };
        entry.used_at_ms = used_at_ms;
        self.map(to_db).insert(plain_key(to), entry);
        Ok(true)
    }

    pub(super) fn usage(&mut self, db: DbIndex, key: Key<'_>) -> Option<Usage> {
        let now_ms = self.now_ms;
        let entry = self.live(db, key)?;
        Some(Usage {
            idle_seconds: now_ms.saturating_sub(entry.used_at_ms) / 1000,
            frequency: 5,
        })
    }

    pub(super) fn key_bytes(&mut self, db: DbIndex, key: Key<'_>) -> Option<usize> {
        let name_len = key.bytes.len();
        self.live(db, key)
            .map(|entry| KEY_BYTES + name_len + value_len(entry))
    }

    pub(super) fn len(&self, db: DbIndex) -> usize {
        self.databases[usize::from(db.0)].len()
    }

    pub(super) fn len_expiring(&self, db: DbIndex) -> usize {
        self.databases[usize::from(db.0)]
            .values()
            .filter(|entry| entry.expiry.is_some())
            .count()
    }

    pub(super) fn average_ttl_ms(&self, db: DbIndex) -> u64 {
        let left: Vec<u64> = self.databases[usize::from(db.0)]
            .values()
            .filter_map(|entry| entry.expiry)
            .map(|at| at.saturating_sub(self.now_ms))
            .collect();
        left.iter().sum::<u64>() / u64::try_from(left.len().max(1)).unwrap_or(1)
    }

    pub(super) fn random_key(&mut self, db: DbIndex, out: &mut Vec<u8>) -> bool {
        self.sweep(db, usize::MAX);
        let len = self.len(db);
        if len == 0 {
            return false;
        }
        let nth = self.draw(len);
        if let Some((_, name)) = self.databases[usize::from(db.0)].keys().nth(nth) {
            out.extend_from_slice(name);
        }
        true
    }

    pub(super) fn scan(
        &mut self,
        db: DbIndex,
        cursor: u64,
        count: usize,
        visit: &mut dyn FnMut(&[u8], Value<'_>),
    ) -> u64 {
        let now_ms = self.now_ms;
        let mut last = None;
        let from = (cursor, Vec::new());
        let map = &self.databases[usize::from(db.0)];
        for (seen, ((hash, name), entry)) in map.range(from..).enumerate() {
            if seen >= count && last != Some(*hash) {
                return *hash;
            }
            last = Some(*hash);
            if !entry.is_dead(now_ms) {
                visit(name, entry.show());
            }
        }
        0
    }

    pub(super) fn clear(&mut self, db: DbIndex) -> usize {
        std::mem::take(self.map(db)).len()
    }

    pub(super) fn swap(&mut self, a: DbIndex, b: DbIndex) {
        self.databases.swap(usize::from(a.0), usize::from(b.0));
    }

    fn sweep(&mut self, db: DbIndex, at_most: usize) -> usize {
        let now_ms = self.now_ms;
        let dead: Vec<PlainKey> = self
            .map(db)
            .iter()
            .filter(|(_, entry)| entry.is_dead(now_ms))
            .map(|(name, _)| name.clone())
            .take(at_most)
            .collect();
        for name in &dead {
            self.map(db).remove(name);
            self.note_expired(db, &name.1);
        }
        dead.len()
    }

    pub(super) fn expire_step(&mut self, at_most: usize) -> ExpireStep {
        let mut step = ExpireStep::default();
        for db in (0..self.databases()).map(DbIndex) {
            step.visited += self.len(db);
            step.removed += self.sweep(db, at_most - step.removed);
        }
        step.again = step.removed == at_most;
        step
    }

    pub(super) fn keep_expired(&mut self, keep: bool) {
        self.keep_expired = keep;
    }

    pub(super) fn take_expired(&mut self, visit: &mut dyn FnMut(DbIndex, &[u8])) {
        for (db, name) in self.expired.drain(..) {
            visit(db, &name);
        }
    }

    pub(super) fn evict_one(&mut self, evicted_key: &mut Vec<u8>) -> Option<DbIndex> {
        if self.settings.policy == EvictionPolicy::NoEviction {
            return None;
        }
        let volatile = self.settings.policy.is_volatile();
        let first = self.draw(usize::from(self.databases()));
        for step in 0..self.databases.len() {
            let at = (first + step) % self.databases.len();
            let name = self.databases[at]
                .iter()
                .filter(|(_, entry)| !volatile || entry.expiry.is_some())
                .min_by_key(|(_, entry)| entry.used_at_ms)
                .map(|(name, _)| name.clone());
            if let Some(name) = name {
                self.databases[at].remove(&name);
                evicted_key.clear();
                evicted_key.extend_from_slice(&name.1);
                self.counters.evicted_keys += 1;
                return u8::try_from(at).ok().map(DbIndex);
            }
        }
        None
    }

    pub(super) fn memory(&self) -> MemoryUse {
        let mut memory = MemoryUse::default();
        for ((_, name), entry) in self.databases.iter().flatten() {
            let bytes = name.len() + value_len(entry);
            memory.dataset += u64::try_from(bytes).unwrap_or(u64::MAX);
            memory.entries += u64::try_from(bytes + KEY_BYTES).unwrap_or(u64::MAX);
        }
        memory
    }
}

fn value_len(entry: &PlainEntry) -> usize {
    match &entry.value {
        PlainValue::Integer(_) => 8,
        PlainValue::Bytes { bytes, .. } => bytes.len(),
    }
}
