//! Hashes of which fields end: what is known of them beside their values, whatever becomes of their keys; and the sweep.

use super::*;
use crate::store::{Ended, ExpiryRule, FieldExpiry, HashEdit, HashRef, Limits};
use shared::resp::{ArgRange, Args};

const LIMITS: Limits = Limits {
    entries: 512,
    element_bytes: 64,
    blob_bytes: Limits::MOST_BLOB_BYTES,
};

/// Small and large.
const SIZES: [usize; 2] = [9, 3000];

/// Lets `run` have these words as arguments.
fn with_args<R>(words: &[Vec<u8>], run: impl FnOnce(Args<'_>) -> R) -> R {
    let bytes = words.concat();
    let mut at = 0;
    let range = |word: &Vec<u8>| {
        at += word.len();
        ArgRange::new(at - word.len(), word.len())
    };
    let ranges: Vec<ArgRange> = words.iter().map(range).collect();
    run(Args::new(&bytes, &ranges))
}

fn field(number: usize) -> Vec<u8> {
    format!("f{number}").into_bytes()
}

fn fill(store: &mut Store, name: Key<'_>, fields: usize) {
    let value = |number: usize| vec![b'v'; [10, 300, 5000][number % 3]];
    let pairs = (0..fields).flat_map(|number| [field(number), value(number)]);
    with_args(&pairs.collect::<Vec<_>>(), |args| {
        let hash = HashEdit::of(store.slot(DB, name), LIMITS).unwrap();
        assert_eq!(hash.set_pairs(args, 0), Ok(fields));
    });
}

fn expire(store: &mut Store, name: Key<'_>, fields: std::ops::Range<usize>, at_ms: u64) {
    let words: Vec<Vec<u8>> = fields.map(field).collect();
    with_args(&words, |args| {
        let hash = HashEdit::of(store.slot(DB, name), LIMITS).unwrap();
        let show = |ended| assert_eq!(ended, Ended::Later);
        hash.expire(args, 0, at_ms, ExpiryRule::Always, show)
            .unwrap();
    });
}

fn persist(store: &mut Store, name: Key<'_>, fields: std::ops::Range<usize>) {
    let words: Vec<Vec<u8>> = fields.map(field).collect();
    with_args(&words, |args| {
        let hash = HashEdit::of(store.slot(DB, name), LIMITS).unwrap();
        hash.persist(args, 0, |_| {}).unwrap();
    });
}

fn end_of(store: &mut Store, db: DbIndex, name: Key<'_>, number: usize) -> FieldExpiry {
    let value = store.peek(db, name).expect("a key");
    HashRef::of(value).unwrap().expiry(&field(number))
}

fn seen(store: &mut Store, db: DbIndex, name: Key<'_>) -> u64 {
    let value = store.peek(db, name);
    value.map_or(0, |value| HashRef::of(value).unwrap().fields())
}

/// Lets the sweep do what it wants to do.
fn sweep(store: &mut Store, now_ms: u64) {
    for now_ms in (now_ms..now_ms + 3000).step_by(100) {
        store.set_now(now_ms);
        for _ in 0..100_000 {
            if !store.expire_step(256).again {
                break;
            }
        }
    }
    check_books(store);
}

#[test]
fn a_hash_is_known_as_one_whose_fields_end_as_long_as_any_does() {
    for size in SIZES {
        let mut store = store(1);
        let name = key(&store, b"hash");
        fill(&mut store, name, size);
        let alone = store.memory();
        assert_eq!(store.len_timed(DB), 0);
        expire(&mut store, name, 0..3, NOON + 1000);
        check_books(&store);
        assert_eq!(store.len_timed(DB), 1);
        persist(&mut store, name, 0..3);
        check_books(&store);
        assert_eq!(store.len_timed(DB), 0);
        while store.expire_step(EXPIRE_SLICE).again {}
        assert_eq!(store.memory().objects, alone.objects, "as it was");
        assert_eq!(store.memory().entries, alone.entries, "as it was");
        assert_eq!(seen(&mut store, DB, name), size as u64);
    }
}

#[test]
fn whatever_ends_a_key_frees_what_its_fields_ends_took() {
    let ends: [fn(&mut Store, Key<'_>); 6] = [
        |store, name| assert!(store.remove(DB, name)),
        |store, name| set(store, DB, name, b"text", ExpiryChange::Clear).unwrap(),
        |store, name| {
            store.set_expiry(DB, name, Some(NOON + 5)).unwrap();
            sweep(store, NOON + 10);
        },
        |store, _| assert_eq!(store.clear(DB), 1),
        |store, name| {
            let other = key(store, b"other");
            set(store, DB, other, b"text", ExpiryChange::Clear).unwrap();
            assert_eq!(store.rename(DB, other, name), Ok(true));
        },
        |store, name| {
            sweep(store, NOON + 60_000);
            assert!(!store.exists(DB, name));
        },
    ];
    for end in ends {
        for size in SIZES {
            let mut store = store(1);
            let name = key(&store, b"hash");
            fill(&mut store, name, size);
            expire(&mut store, name, 0..size, NOON + 20_000);
            check_books(&store);
            let cost = store.key_bytes(DB, name).unwrap() as u64;
            assert!(cost >= store.memory().objects, "{cost}");
            end(&mut store, name);
            while store.expire_step(EXPIRE_SLICE).again {}
            check_books(&store);
            assert_eq!(store.len_timed(DB), 0);
            assert_eq!(store.memory().objects, 0, "{size}");
        }
    }
}

#[test]
fn copies_and_other_names_keep_the_ends_of_fields() {
    for size in SIZES {
        let mut store = store(2);
        let (one, other) = (key(&store, b"one"), key(&store, b"another, longer name"));
        fill(&mut store, one, size);
        expire(&mut store, one, 0..5, NOON + 1000);
        assert_eq!(store.copy(DB, one, DB, other), Ok(true));
        check_books(&store);
        assert_eq!(store.len_timed(DB), 2);
        persist(&mut store, one, 0..5);
        let end = FieldExpiry::At(NOON + 1000);
        assert_eq!(end_of(&mut store, DB, one, 4), FieldExpiry::Never);
        assert_eq!(end_of(&mut store, DB, other, 4), end);
        assert_eq!(store.rename(DB, other, one), Ok(true));
        assert_eq!(end_of(&mut store, DB, one, 4), end);
        store.set_expiry(DB, one, Some(NOON + 100_000)).unwrap();
        assert_eq!(store.move_key(DB, one, DbIndex(1)), Ok(true));
        check_books(&store);
        assert_eq!((store.len_timed(DB), store.len_timed(DbIndex(1))), (0, 1));
        assert_eq!(end_of(&mut store, DbIndex(1), one, 4), end);
        // The sweep finds it where it is now.
        sweep(&mut store, NOON + 1000);
        let left = store.peek(DbIndex(1), one).map(HashRef::of);
        let left = left.expect("a key").unwrap();
        assert_eq!(left.earliest_end(), None);
        assert_eq!(seen(&mut store, DbIndex(1), one), size as u64 - 5);
        store.remove(DbIndex(1), one);
        while store.expire_step(EXPIRE_SLICE).again {}
        assert_eq!(store.memory().objects, 0);
    }
}

/// Commands that were recorded since the last call.
fn effects(store: &mut Store) -> Vec<Vec<String>> {
    let effects = String::from_utf8(store.take_effects().into_bytes()).unwrap();
    let commands = effects.split('*').skip(1);
    let words = |command: &str| -> Vec<String> {
        let lines = command.split("\r\n").skip(1);
        let words = lines.filter(|line| !line.is_empty() && !line.starts_with('$'));
        words.map(str::to_owned).collect()
    };
    commands.map(words).collect()
}

#[test]
fn fields_that_are_over_go_within_five_seconds_and_are_told_one_by_one() {
    const FIELDS: usize = 50_000;
    let mut store = store(1);
    let name = key(&store, b"hash");
    fill(&mut store, name, 10);
    let pairs: Vec<Vec<u8>> = (10..FIELDS)
        .flat_map(|number| [field(number), b"v".to_vec()])
        .collect();
    with_args(&pairs, |args| {
        let hash = HashEdit::of(store.slot(DB, name), LIMITS).unwrap();
        hash.set_pairs(args, 0).unwrap();
    });
    expire(&mut store, name, 5..FIELDS, NOON + 1000);
    store.start_recording();
    store.set_now(NOON + 1000);
    assert_eq!(seen(&mut store, DB, name), 5, "at once");
    assert!(store.take_effects().is_empty());
    let (mut told, mut slices) = (HashSet::new(), 0);
    for now_ms in (NOON + 1000..NOON + 6000).step_by(100) {
        store.set_now(now_ms);
        while store.expire_step(256).again {
            slices += 1;
            assert!(slices < 10_000, "it ends");
            assert_eq!(seen(&mut store, DB, name), 5, "meanwhile");
        }
        for words in effects(&mut store) {
            if words[0] != "select" {
                assert_eq!(words[..2], ["hdel", "hash"]);
                assert!(words.len() <= 2 + 32);
                told.extend(words[2..].iter().cloned());
            }
        }
    }
    assert!(slices > 500, "in slices");
    assert_eq!(told.len(), FIELDS - 5);
    assert_eq!(store.counters().expired_subkeys, FIELDS as u64 - 5);
    assert_eq!(store.counters().expired_keys, 0);
    assert!(store.counters().expired_longest_stay_ms <= 5000);
    check_books(&store);
    assert_eq!(store.len_timed(DB), 0);
    assert_eq!(seen(&mut store, DB, name), 5);
}

#[test]
fn a_key_goes_with_the_last_of_its_fields_as_a_key() {
    for size in SIZES {
        let mut store = store(1);
        let name = key(&store, b"hash");
        fill(&mut store, name, size);
        expire(&mut store, name, 0..size, NOON + 1000);
        store.start_recording();
        store.set_now(NOON + 999);
        assert!(store.exists(DB, name));
        store.set_now(NOON + 1000);
        assert!(store.look(DB, name).is_none());
        sweep(&mut store, NOON + 1000);
        assert!(store.is_empty(DB));
        assert_eq!(store.counters().expired_keys, 1);
        let told = effects(&mut store);
        assert_eq!(told.last().unwrap()[..], ["del", "hash"]);
    }
}

#[test]
fn a_write_meets_a_field_that_is_over_as_one_that_is_gone_and_tells_so() {
    let mut store = store(1);
    let name = key(&store, b"hash");
    fill(&mut store, name, 9);
    expire(&mut store, name, 0..4, NOON + 1000);
    store.start_recording();
    store.set_now(NOON + 1000);
    let words = [field(0), b"new".to_vec(), field(7), b"other".to_vec()];
    with_args(&words, |args| {
        let hash = HashEdit::of(store.slot(DB, name), LIMITS).unwrap();
        assert_eq!(hash.set_pairs(args, 0), Ok(1), "one is new");
    });
    let told = effects(&mut store);
    assert_eq!(told[1][..], ["hdel", "hash", "f0"]);
    assert_eq!(told[2][..], ["f0", "new", "f7", "other"]);
    assert_eq!(end_of(&mut store, DB, name, 0), FieldExpiry::Never);
    assert_eq!(end_of(&mut store, DB, name, 1), FieldExpiry::NoField);
    assert_eq!(store.counters().expired_subkeys, 1);
    check_books(&store);
    with_args(&[field(2)], |args| {
        let hash = HashEdit::of(store.slot(DB, name), LIMITS).unwrap();
        assert_eq!(hash.remove_all(args, 0), Ok(0), "gone already");
    });
    assert_eq!(effects(&mut store), [["hdel", "hash", "f2"]]);
}

#[test]
fn nothing_goes_while_all_is_kept_or_somebody_reads_it_in_pieces() {
    let mut store = store(1);
    let name = key(&store, b"hash");
    fill(&mut store, name, 9);
    expire(&mut store, name, 0..3, NOON + 1000);
    expire(&mut store, name, 3..4, NOON + 2000);
    store.keep_all_until(NOON + 20_000);
    sweep(&mut store, NOON + 10_000);
    let all = |store: &mut Store| {
        let value = store.peek(DB, name).expect("a key");
        HashRef::of(value).unwrap().at_moment(0).fields()
    };
    assert_eq!((seen(&mut store, DB, name), all(&mut store)), (5, 9));
    let until_of = |until_ms: u64| {
        move |hash| {
            if hash == name.hash {
                until_ms
            } else {
                u64::MAX
            }
        }
    };
    for (until_ms, left) in [(0, 9), (NOON + 999, 9), (NOON + 1000, 6)] {
        for now_ms in (NOON + 20_000..NOON + 26_000).step_by(100) {
            store.set_now(now_ms);
            store.expire_step_sparing(EXPIRE_SLICE, &until_of(until_ms));
        }
        assert_eq!((seen(&mut store, DB, name), all(&mut store)), (5, left));
    }
    sweep(&mut store, NOON + 26_000);
    assert_eq!((seen(&mut store, DB, name), all(&mut store)), (5, 5));
}
