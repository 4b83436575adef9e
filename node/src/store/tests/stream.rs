//! Streams in the store: whatever becomes of a key, what its value took is freed once, and changes of its groups are counted.

use super::*;
use crate::store::{GroupEdit, NodeLimits, Reading, StreamEdit, StreamId, StreamRef, Trim, TrimTo};
use shared::resp::{ArgRange, Args};

const NODES: NodeLimits = NodeLimits {
    bytes: 4096,
    entries: 100,
};

fn add(store: &mut Store, name: Key<'_>, ms: u64, value: &[u8]) {
    let buffer = [b"f", value].concat();
    let ranges = [ArgRange::new(0, 1), ArgRange::new(1, value.len())];
    let edit = StreamEdit::of(store.slot(DB, name)).unwrap();
    let id = StreamId { ms, seq: 0 };
    edit.add(id, Args::new(&buffer, &ranges), None, NODES)
        .unwrap();
}

fn edit<'a>(store: &'a mut Store, name: Key<'a>) -> StreamEdit<'a> {
    StreamEdit::of(store.slot(DB, name)).unwrap()
}

/// Entries with values in leaves, in blocks and in extents, and two groups, one of which has given all of them out.
fn fill(store: &mut Store, name: Key<'_>, entries: u64) {
    for ms in 1..=entries {
        let len = [10, 800, 5000][usize::try_from(ms % 3).unwrap()];
        add(store, name, ms, &vec![b'v'; len]);
    }
    for group in [b"g", b"h"] {
        let wording = Wording::Words(&[b"xgroup"]);
        let created = edit(store, name).create_group(group, StreamId::MIN, None, wording);
        assert_eq!(created, Ok(true));
    }
    let reading = Reading {
        consumer: b"c",
        limit: u64::MAX,
        is_acknowledged: true,
        now_ms: NOON,
    };
    let mut read = 0;
    let group = GroupEdit::of(edit(store, name), b"g");
    group
        .read(reading, &mut |_| {
            read += 1;
            true
        })
        .unwrap();
    assert_eq!(read, entries);
}

fn check_entries(store: &mut Store, name: Key<'_>, entries: u64) {
    let stream = StreamRef::of(store.peek(DB, name).expect("a key")).unwrap();
    assert_eq!(stream.len(), entries);
    let mut ms = 0;
    stream.walk(StreamId::MIN, StreamId::MAX, |entry| {
        ms += 1;
        let len = [10, 800, 5000][usize::try_from(ms % 3).unwrap()];
        let value = entry.fields().next().unwrap().1;
        assert_eq!(value, StringRef::Bytes(&vec![b'v'; len]));
        entry.id.ms == ms
    });
    assert_eq!(ms, entries);
    let group = stream.group(b"g").unwrap();
    assert_eq!(group.pending_count(), entries);
}

fn free(store: &mut Store) {
    while store.expire_step(EXPIRE_SLICE).again {}
    check_books(store);
}

#[test]
fn whatever_ends_a_key_frees_all_that_its_stream_took() {
    let ends: [fn(&mut Store, Key<'_>); 4] = [
        |store, name| assert!(store.remove(DB, name)),
        |store, name| set(store, DB, name, b"text", ExpiryChange::Clear).unwrap(),
        |store, name| {
            store.set_expiry(DB, name, Some(NOON + 5)).unwrap();
            store.set_now(NOON + 10);
            // A dead one is written over.
            add(store, name, 1, b"v");
            let stream = StreamRef::of(store.peek(DB, name).unwrap()).unwrap();
            assert_eq!((stream.len(), stream.group_count()), (1, 0));
            assert!(store.remove(DB, name));
        },
        |store, _| assert_eq!(store.clear(DB), 1),
    ];
    for end in ends {
        for entries in [3, 2000] {
            let mut store = store(1);
            let name = key(&store, b"stream");
            fill(&mut store, name, entries);
            check_entries(&mut store, name, entries);
            check_books(&store);
            end(&mut store, name);
            free(&mut store);
            assert_eq!(store.memory().objects, 0, "{entries}");
        }
    }
}

#[test]
fn a_copy_is_whole_and_its_own() {
    for entries in [3, 2000] {
        let mut store = store(1);
        let (one, other) = (key(&store, b"one"), key(&store, b"other"));
        fill(&mut store, one, entries);
        let alone = store.memory().objects;
        assert_eq!(store.copy(DB, one, DB, other), Ok(true));
        let both = store.memory().objects;
        assert!(both <= 2 * alone + alone / 10, "{alone} {both}");
        assert!(store.remove(DB, one));
        free(&mut store);
        check_entries(&mut store, other, entries);
        assert!(store.remove(DB, other));
        free(&mut store);
        assert_eq!(store.memory().objects, 0);
    }
}

#[test]
fn entries_and_groups_that_go_are_freed_a_part_at_a_time() {
    let mut store = store(1);
    let name = key(&store, b"stream");
    fill(&mut store, name, 3000);
    let all = store.memory().objects;
    let trim = Trim {
        to: TrimTo::Length(0),
        is_approximate: false,
        limit: None,
    };
    assert_eq!(edit(&mut store, name).trim(trim), Ok(3000));
    let wording = Wording::Words(&[b"xgroup"]);
    let destroyed = edit(&mut store, name).destroy_group(b"g", wording);
    assert_eq!(destroyed, Ok(true));
    assert!(store.memory().objects >= all, "nothing is freed yet");
    free(&mut store);
    let stream = StreamRef::of(store.peek(DB, name).unwrap()).unwrap();
    assert_eq!((stream.len(), stream.group_count()), (0, 1));
    let left = store.memory().objects;
    assert!(left < 2000, "{left}");
    add(&mut store, name, 5000, b"v");
    check_books(&store);
    assert!(store.remove(DB, name));
    free(&mut store);
    assert_eq!(store.memory().objects, 0);
}
