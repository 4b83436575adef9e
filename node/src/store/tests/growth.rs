//! Growth and its limits: hot slots, equal hashes, no handles left.

use super::*;
use std::sync::Arc;

#[test]
fn two_hundred_thousand_keys_under_one_hash_tag_are_found_and_removed() {
    let mut store = store(1);
    let name = |number: u64| format!("{{hot}}{number}").into_bytes();
    for number in 0..200_000 {
        put(&mut store, &name(number), b"value");
    }
    check_books(&store);
    let index = store.memory().index;
    assert!(index < 200_000 * 10, "{index}");
    for number in 0..200_000 {
        let name = name(number);
        let name = key(&store, &name);
        assert!(store.exists(DB, name));
        if number % 10 != 0 {
            assert!(store.remove(DB, name));
        }
    }
    assert_eq!(store.len(DB), 20_000);
    check_books(&store);
    let memory = store.memory();
    assert!(memory.index < 20_000 * 16 + 200_000, "{memory:?}");
}

#[test]
fn keys_of_one_hash_are_kept_apart_by_their_bytes() {
    let mut store = store(1);
    let hash = KeyHash(0x1234_5678_9abc_def0);
    // Long keys: their hash is kept in the entry, not computed anew.
    let names: Vec<Vec<u8>> = (0..1000)
        .map(|number| format!("{number:03000}").into_bytes())
        .collect();
    // Among others, so that the leaf is full besides.
    for number in 10_000..14_000 {
        put(&mut store, &numbered(number), b"other");
    }
    for name in &names {
        let name = Key { bytes: name, hash };
        // Whoever calls computes hashes; equal ones must not loop nor split without end.
        let inserted = store.databases[0].insert_hashed_for_tests(name);
        assert_eq!(inserted, Ok(()));
    }
    for name in &names {
        assert!(store.databases[0].find(Key { bytes: name, hash }).is_some());
    }
    let memory = store.memory();
    assert!(memory.index < 400_000, "{memory:?}");
    for name in &names {
        let name = Key { bytes: name, hash };
        assert!(store.remove(DB, name));
        assert!(!store.exists(DB, name));
    }
    assert_eq!(store.len(DB), 4000);
}

#[test]
fn a_keyspace_without_handles_refuses_and_changes_nothing() {
    let mut store = Store::with_page_limit(1, 7, 4);
    store.set_now(NOON);
    let value = [b'v'; 80];
    let mut stored = 0;
    let refused = loop {
        let name = numbered(stored);
        let name = key(&store, &name);
        match set(&mut store, DB, name, &value, ExpiryChange::Clear) {
            Ok(()) => stored += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused, StoreFull);
    assert_eq!(stored, 4 * (65536 / 104));
    let first = numbered(0);
    let first = key(&store, &first);
    assert_eq!(
        set(&mut store, DB, first, &[b'w'; 200], ExpiryChange::Clear),
        Err(StoreFull)
    );
    assert_eq!(store.set_expiry(DB, first, Some(NOON + 1)), Err(StoreFull));
    assert_eq!(edit(&mut store, DB, first, 5000, |_| ()), Err(StoreFull));
    assert_eq!(
        string(store.peek(DB, first)),
        Some(StringRef::Bytes(&value))
    );
    assert_eq!(
        set(&mut store, DB, first, &[b'w'; 80], ExpiryChange::Keep),
        Ok(())
    );
    check_books(&store);
    assert_eq!(
        store.memory().extents,
        0,
        "what was refused leaves nothing behind"
    );
    assert_eq!(store.clear(DB), usize::try_from(stored).unwrap());
    put(&mut store, b"new", &value);
}

#[test]
fn memory_follows_the_number_of_keys() {
    let mut store = store(16);
    let empty = store.memory();
    assert!(empty.index + empty.overhead < 100_000, "{empty:?}");
    for number in 0..100_000 {
        put(&mut store, &numbered(number), &[b'v'; 32]);
    }
    let full = store.memory();
    let per_key = (full.used() + full.overhead) as f64 / 100_000.0;
    // 1.75 of them are room for holes, of which there are none yet.
    assert!(per_key < 67.5, "{per_key} {full:?}");
    assert_eq!(full.dataset, 100_000 * 48);
    for number in (0..100_000).filter(|number| number % 10 < 7) {
        let name = numbered(number);
        let name = key(&store, &name);
        assert!(store.remove(DB, name));
    }
    check_books(&store);
    let left = store.memory();
    assert!(
        (left.used() + left.overhead) < left.entries * 14 / 10 + 600_000,
        "{left:?}"
    );
    store.clear(DB);
    let cleared = store.memory();
    assert_eq!(cleared.used(), 0);
}

#[test]
fn appending_byte_by_byte_reaches_a_long_value_without_copying_it_each_time() {
    let mut store = store(1);
    let name = key(&store, b"log");
    for len in 1..=300_000_usize {
        let last = len.to_le_bytes()[0];
        edit(&mut store, DB, name, len, |bytes| bytes[len - 1] = last).unwrap();
    }
    let Some(StringRef::Bytes(bytes)) = string(store.peek(DB, name)) else {
        panic!("a string of bytes");
    };
    assert!((1..=300_000_usize).all(|len| bytes[len - 1] == len.to_le_bytes()[0]));
    let memory = store.memory();
    assert!((300_000..400_000).contains(&memory.extents), "{memory:?}");
    assert!(store.remove(DB, name));
    assert_eq!(store.memory().extents, 0);
}

#[test]
fn a_value_in_an_offered_buffer_is_kept_where_it_is() {
    let mut store = store(1);
    let name = key(&store, b"large");
    let request = [&b"before"[..], &[b'v'; 100_000], b"\r\n"].concat();
    let offer = |store: &mut Store, capacity: usize| {
        let mut buffer = request.clone();
        buffer.reserve_exact(capacity - buffer.len());
        let buffer = Arc::new(buffer);
        store.offer(DB, Arc::clone(&buffer));
        let set = set(store, DB, name, &buffer[6..100_006], ExpiryChange::Clear);
        store.withdraw(DB);
        set.unwrap();
        buffer
    };
    let value = |store: &mut Store| match string(store.peek(DB, name)) {
        Some(StringRef::Bytes(bytes)) => (bytes.as_ptr().addr(), bytes.to_vec()),
        other => panic!("a string of bytes: {other:?}"),
    };
    for (capacity, is_kept) in [(100_008, true), (200_000, false)] {
        let buffer = offer(&mut store, capacity);
        let (at, bytes) = value(&mut store);
        assert_eq!(bytes, [b'v'; 100_000]);
        assert_eq!(at == buffer.as_ptr().addr() + 6, is_kept, "{capacity}");
        check_books(&store);
    }
    // Edited while somebody else still holds the buffer, and afterwards.
    let buffer = offer(&mut store, 100_008);
    edit(&mut store, DB, name, 100_000, |bytes| bytes[0] = b'w').unwrap();
    assert_eq!(buffer[6], b'v');
    drop(buffer);
    // The copy is not as large as what it was copied from, and counted as what it is.
    let buffer = offer(&mut store, 120_000);
    edit(&mut store, DB, name, 10, |bytes| bytes[0] = b'w').unwrap();
    assert_eq!((buffer[6], value(&mut store).1[0]), (b'v', b'w'));
    check_books(&store);
    assert!(store.remove(DB, name));
    assert_eq!(store.memory().extents, 0);
    drop(offer(&mut store, 100_008));
    edit(&mut store, DB, name, 150_000, |bytes| bytes[0] = b'w').unwrap();
    let (_, bytes) = value(&mut store);
    assert_eq!(bytes[..3], *b"wvv");
    assert_eq!(bytes[99_998..100_003], *b"vv\0\0\0");
    assert_eq!(bytes.len(), 150_000);
    check_books(&store);
    drop(offer(&mut store, 100_008));
    assert!(store.remove(DB, name));
    assert_eq!(store.memory().extents, 0);
}

#[test]
fn a_value_from_elsewhere_is_copied_while_a_buffer_is_offered() {
    let mut store = store(1);
    let name = key(&store, b"large");
    // Longer than the buffer and as long, on both sides of it.
    let values: Vec<Vec<u8>> = (0..16).map(|at| vec![at; 100_000 << (at % 2)]).collect();
    for offered in (0..16).step_by(2) {
        let buffer = Arc::new(values[offered].clone());
        for value in &values {
            store.offer(DB, Arc::clone(&buffer));
            let set = set(&mut store, DB, name, value, ExpiryChange::Clear);
            store.withdraw(DB);
            set.unwrap();
            assert_eq!(Arc::strong_count(&buffer), 1, "nothing of it is kept");
            assert_eq!(owned(string(store.peek(DB, name)).unwrap()), *value);
        }
    }
    check_books(&store);
}

#[test]
fn what_counts_is_what_pages_take_but_for_their_ends() {
    let mut store = store(1);
    let mut chance = 7;
    for number in 0..200_000 {
        put(&mut store, &numbered(number), &[b'v'; 32]);
    }
    // As many holes as there may be.
    for _ in 0..40_000 {
        let name = numbered(below(&mut chance, 200_000));
        let name = key(&store, &name);
        store.remove(DB, name);
    }
    let memory = store.memory();
    assert!(memory.overhead < 900_000, "{memory:?}");
}
