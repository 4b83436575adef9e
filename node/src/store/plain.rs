//! The keyspace in the plainest correct way, over ordered maps: what the real one is compared with.
//! Pure. Never: anything clever.

use super::counters::{ExpireStep, StoreCounters};
use super::key::{DbIndex, Key, KeyHash};
use super::value::{
    EMBEDDED_LIMIT_BYTES, ExpiryChange, StoreFull, StringEncoding, StringValue, Usage, Value,
};
use shared::resp::parse_integer;
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

/// The plain keyspace.
#[derive(Debug)]
pub(super) struct PlainStore {
    databases: Vec<BTreeMap<PlainKey, PlainEntry>>,
    hasher: RandomState,
    now_ms: u64,
    pub(super) counters: StoreCounters,
}

fn plain_key(key: Key<'_>) -> PlainKey {
    (key.hash.0 >> 17, key.bytes.to_vec())
}

impl PlainStore {
    pub(super) fn new(databases: u8) -> Self {
        Self {
            databases: vec![BTreeMap::new(); usize::from(databases)],
            hasher: RandomState::new(),
            now_ms: 0,
            counters: StoreCounters::default(),
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

    /// The live entry of a key; a dead one is removed on sight.
    fn live(&mut self, db: DbIndex, key: Key<'_>) -> Option<&mut PlainEntry> {
        let now_ms = self.now_ms;
        let name = plain_key(key);
        if self.map(db).get(&name)?.is_dead(now_ms) {
            self.map(db).remove(&name);
            self.counters.expired_keys += 1;
            return None;
        }
        self.map(db).get_mut(&name)
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
        let value = match parse_integer(value) {
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
        // Whole seconds, as the real one counts them.
        Some(Usage {
            idle_seconds: now_ms / 1000 - entry.used_at_ms / 1000,
            frequency: 5,
        })
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
            self.counters.expired_keys += 1;
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
}
