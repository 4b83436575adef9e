//! Collections in the store: whatever becomes of a key, what its value refers to is freed once and kept as long.

use super::*;
use crate::store::{
    EvictionPolicy, EvictionSettings, HashEdit, HashRef, Limits, SetEdit, SetMaker, SetRef,
};

const LIMITS: Limits = Limits {
    entries: 512,
    element_bytes: 64,
    blob_bytes: Limits::MOST_BLOB_BYTES,
};

/// Lengths of values: in the blob, in a block of their own, in an extent.
const LENGTHS: [usize; 3] = [10, 300, 5000];

fn put_field(store: &mut Store, db: DbIndex, name: Key<'_>, field: &[u8], value: &[u8]) {
    let hash = HashEdit::of(store.slot(db, name), LIMITS).unwrap();
    hash.set(field, value, Wording::Words(&[b"hset"])).unwrap();
}

fn fill(store: &mut Store, name: Key<'_>, fields: usize) {
    for number in 0..fields {
        let value = vec![b'v'; LENGTHS[number % 3]];
        put_field(store, DB, name, format!("f{number}").as_bytes(), &value);
    }
}

/// How many fields there are, all of them with the values that [`fill`] gave.
fn fields(store: &mut Store, db: DbIndex, name: Key<'_>) -> usize {
    let hash = HashRef::of(store.peek(db, name).expect("a key")).unwrap();
    let fields = usize::try_from(hash.fields()).unwrap();
    for number in 0..fields {
        let value = hash.get(format!("f{number}").as_bytes());
        let expected = vec![b'v'; LENGTHS[number % 3]];
        assert_eq!(value, Some(StringRef::Bytes(&expected)), "{number}");
    }
    fields
}

fn free(store: &mut Store) {
    while store.expire_step(EXPIRE_SLICE).again {}
    check_books(store);
}

/// Small with long strings elsewhere, and large.
const SIZES: [usize; 2] = [9, 3000];

#[test]
fn whatever_ends_a_key_frees_all_that_its_value_took() {
    let ends: [fn(&mut Store, Key<'_>); 8] = [
        |store, name| assert!(store.remove(DB, name)),
        |store, name| set(store, DB, name, b"text", ExpiryChange::Clear).unwrap(),
        |store, name| {
            store.set_expiry(DB, name, Some(NOON + 5)).unwrap();
            store.set_now(NOON + 10);
            assert!(!store.exists(DB, name));
        },
        |store, name| {
            store.set_expiry(DB, name, Some(NOON + 5)).unwrap();
            store.set_now(NOON + 10_000);
            while store.expire_step(EXPIRE_SLICE).again {}
            assert!(store.is_empty(DB));
        },
        |store, name| {
            // A dead one is written over.
            store.set_expiry(DB, name, Some(NOON + 5)).unwrap();
            store.set_now(NOON + 10);
            put_field(store, DB, name, b"f0", b"vvvvvvvvvv");
            assert_eq!(fields(store, DB, name), 1);
        },
        |store, _| {
            store.set_eviction(EvictionSettings {
                policy: EvictionPolicy::AllKeysRandom,
                ..EvictionSettings::default()
            });
            while store.evict_one() != Eviction::Done {}
        },
        |store, _| assert_eq!(store.clear(DB), 1),
        |store, name| {
            let other = key(store, b"other");
            set(store, DB, other, b"text", ExpiryChange::Clear).unwrap();
            assert_eq!(store.rename(DB, other, name), Ok(true));
        },
    ];
    for end in ends {
        for size in SIZES {
            let mut store = store(1);
            let name = key(&store, b"hash");
            fill(&mut store, name, size);
            assert_eq!(fields(&mut store, DB, name), size);
            check_books(&store);
            assert!(store.memory().objects > 5000);
            let cost = store.key_bytes(DB, name).unwrap() as u64;
            assert!(cost >= store.memory().objects, "{cost}");
            end(&mut store, name);
            free(&mut store);
            assert_eq!(store.memory().objects, 0, "{size}");
        }
    }
}

#[test]
fn copied_renamed_and_moved_hashes_are_whole_and_their_own() {
    for size in SIZES {
        let mut store = store(2);
        let (one, other) = (key(&store, b"one"), key(&store, b"other"));
        fill(&mut store, one, size);
        let alone = store.memory().objects;
        assert_eq!(store.copy(DB, one, DB, other), Ok(true));
        let both = store.memory().objects;
        assert!(
            both > alone && both <= 2 * alone + alone / 10,
            "{alone} {both}"
        );
        put_field(&mut store, DB, one, b"f1", b"short");
        assert_eq!(fields(&mut store, DB, other), size);
        store.remove(DB, one);
        free(&mut store);
        let rest = store.memory().objects;
        store.set_expiry(DB, other, Some(NOON + 100_000)).unwrap();
        assert_eq!(store.rename(DB, other, one), Ok(true));
        assert_eq!(fields(&mut store, DB, one), size);
        assert_eq!(store.memory().objects, rest, "nothing is copied");
        assert_eq!(store.move_key(DB, one, DbIndex(1)), Ok(true));
        assert_eq!(fields(&mut store, DbIndex(1), one), size);
        assert_eq!(store.expiry(DbIndex(1), one), Some(Some(NOON + 100_000)));
        assert_eq!(store.copy(DbIndex(1), one, DB, other), Ok(true));
        store.swap(DB, DB, DbIndex(1));
        assert_eq!(fields(&mut store, DB, one), size);
        assert_eq!(fields(&mut store, DbIndex(1), other), size);
        store.remove(DB, one);
        store.remove(DbIndex(1), other);
        free(&mut store);
        assert_eq!(store.memory().objects, 0);
    }
}

#[test]
fn fields_that_go_one_by_one_leave_nothing() {
    for size in SIZES {
        let mut store = store(1);
        let name = key(&store, b"hash");
        for round in 0..3 {
            fill(&mut store, name, size);
            // Longer, shorter, and in other places than before.
            for number in 0..size {
                let value = vec![b'w'; LENGTHS[(number + round) % 3]];
                put_field(
                    &mut store,
                    DB,
                    name,
                    format!("f{number}").as_bytes(),
                    &value,
                );
            }
        }
        let mut request: Vec<Vec<u8>> = vec![b"hdel".to_vec(), b"hash".to_vec()];
        request.extend((0..size).map(|number| format!("f{number}").into_bytes()));
        let bytes = request.concat();
        let mut at = 0;
        let ranges: Vec<shared::resp::ArgRange> = request
            .iter()
            .map(|word| {
                at += word.len();
                shared::resp::ArgRange::new(at - word.len(), word.len())
            })
            .collect();
        let args = shared::resp::Args::new(&bytes, &ranges);
        let hash = HashEdit::of(store.slot(DB, name), LIMITS).unwrap();
        assert_eq!(hash.remove_all(args, 2), Ok(size));
        assert!(store.is_empty(DB));
        free(&mut store);
        assert_eq!(store.memory().objects, 0);
    }
}

#[test]
fn a_set_made_aside_takes_the_place_of_anything() {
    let mut store = store(1);
    let name = key(&store, b"to");
    for (round, count) in [3, 2000, 0, 5].into_iter().enumerate() {
        let other = key(&store, b"other");
        fill(&mut store, other, 9);
        if round > 0 {
            store.rename(DB, other, name).unwrap();
        }
        let mut made = SetMaker::new(DB, name.bytes, LIMITS);
        for number in 0..count {
            let member = format!("{number}{}", "m".repeat(LENGTHS[number % 2]));
            made.add_member(&mut store, member.as_bytes()).unwrap();
        }
        made.put(&mut store, name).unwrap();
        let set = SetEdit::of(store.slot(DB, name), LIMITS).unwrap();
        let members = set.set().unwrap().map_or(0, SetRef::members);
        assert_eq!(members, count as u64);
        check_books(&store);
    }
    let mut dropped = SetMaker::new(DB, b"", LIMITS);
    dropped.add_member(&mut store, &[b'x'; 5000]).unwrap();
    dropped.drop(&mut store);
    store.remove(DB, name);
    let other = key(&store, b"other");
    store.remove(DB, other);
    free(&mut store);
    assert_eq!(store.memory().objects, 0);
}
