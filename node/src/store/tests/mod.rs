//! The compact keyspace against the plain one: the same operations, the same answers; and what must hold inside at any time.

use super::hash::splitmix;
use super::plain::PlainStore;
use super::slab::ClassId;
use super::value::TIMED;
use super::{
    DbIndex, EXPIRE_SLICE, Eviction, ExpiryChange, Key, KeyHash, Store, StoreFull, StringEdit,
    StringEncoding, StringRef, Value, Wording,
};
use std::collections::{HashMap, HashSet};

mod collection;
mod door;
mod eviction;
mod expiry;
mod field_expiry;
mod growth;
mod model;
mod object;
mod scan;
mod stream;

/// A Friday noon.
const NOON: u64 = 1_795_176_000_000;

const DB: DbIndex = DbIndex(0);

fn key<'a>(store: &Store, bytes: &'a [u8]) -> Key<'a> {
    Key {
        bytes,
        hash: store.hash(bytes),
    }
}

fn store(databases: u8) -> Store {
    let mut store = Store::new(databases, 7);
    store.set_now(NOON);
    store
}

fn set(
    store: &mut Store,
    db: DbIndex,
    name: Key<'_>,
    value: &[u8],
    expiry: ExpiryChange,
) -> Result<(), StoreFull> {
    StringEdit::put(store.slot(db, name), value, expiry)
}

fn put(store: &mut Store, name: &[u8], value: &[u8]) {
    let name = key(store, name);
    set(store, DB, name, value, ExpiryChange::Clear).unwrap();
}

fn put_until(store: &mut Store, name: &[u8], value: &[u8], at_ms: u64) {
    let name = key(store, name);
    set(store, DB, name, value, ExpiryChange::At(at_ms)).unwrap();
}

/// Lets `change` edit a string where it lies, with at least `min_len` bytes.
fn edit<R>(
    store: &mut Store,
    db: DbIndex,
    name: Key<'_>,
    min_len: usize,
    change: impl FnOnce(&mut [u8]) -> R,
) -> Result<R, StoreFull> {
    let string = StringEdit::of(store.slot(db, name)).expect("a string");
    let words: [&[u8]; 2] = [b"edited", name.bytes];
    string.edit_bytes(min_len, Wording::Words(&words), |bytes| {
        (true, change(bytes))
    })
}

fn string(value: Option<Value<'_>>) -> Option<StringRef<'_>> {
    value.map(|value| StringRef::of(value).expect("a string"))
}

fn encoding(store: &mut Store, db: DbIndex, name: Key<'_>) -> Option<StringEncoding> {
    let value = store.peek(db, name)?;
    Some(StringEncoding::of(value).expect("a string"))
}

fn numbered(number: u64) -> Vec<u8> {
    format!("k{number:015}").into_bytes()
}

fn below(chance: &mut u64, bound: u64) -> u64 {
    splitmix(chance) % bound
}

/// Everything counted is what a walk over all entries finds, and each stands in the index once.
fn check_books(store: &Store) {
    for database in &store.databases {
        let slabs = database.slabs();
        let (mut live, mut entries, mut expiring, mut timed) = (0, 0, 0, 0);
        let mut dataset = 0;
        for class in ClassId::all() {
            let mut holes = 0;
            for position in 0..slabs.places(class) {
                let handle = slabs.place(class, position);
                if slabs.is_hole(handle) {
                    holes += 1;
                    continue;
                }
                let entry = database.entry(handle);
                assert_eq!(entry.class(), class);
                live += class.bytes() as u64;
                entries += 1;
                let found = database.found_at(handle).expect("it stands in the index");
                assert_eq!(found.handle, handle);
                dataset += database.payload(entry);
                expiring += usize::from(entry.expiry().is_some());
                timed += usize::from(entry.form() == TIMED);
                if let Some(at) = database.wakes_at(handle) {
                    let bound = slabs.earliest_expiry(class, position / class.per_page());
                    let swept_meanwhile = database.sweep.is_within_a_page();
                    assert!(bound <= at || swept_meanwhile, "{bound} {at}");
                }
            }
            assert!(
                holes <= 8 || holes <= slabs.places(class) / 32 + 1,
                "{holes}"
            );
        }
        let mut memory = super::MemoryUse::default();
        database.add_memory(&mut memory);
        assert_eq!(database.len(), entries);
        assert_eq!(database.expiring(), expiring);
        assert_eq!(database.timed(), timed);
        assert_eq!(memory.entries, live);
        assert_eq!(memory.dataset, dataset);
        assert_eq!(memory.used(), database.used_memory());
    }
}

fn owned(value: StringRef<'_>) -> Vec<u8> {
    match value {
        StringRef::Integer(number) => number.to_string().into_bytes(),
        StringRef::Bytes(bytes) => bytes.to_vec(),
    }
}
