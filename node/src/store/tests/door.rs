//! Whatever becomes of a key is told: to the effects, in order, and to who listens, once.

use super::*;
use crate::store::{Change, EvictionPolicy, EvictionSettings, Listener, Touch};

const OTHER: DbIndex = DbIndex(1);

/// A store in which `watched` lives for 100 ms and `other` for ever, both are listened to in both databases, and changes are recorded from now on.
fn watched() -> Store {
    let mut store = store(2);
    put_until(&mut store, b"watched", b"v", NOON + 100);
    put(&mut store, b"other", b"w");
    for db in [DB, OTHER] {
        for (name, number) in [(&b"watched"[..], 1), (b"other", 2)] {
            let name = key(&store, name);
            store.listen(db, name, Listener::Watcher(number)).unwrap();
        }
    }
    store.start_recording();
    store
}

fn effects(store: &mut Store) -> String {
    let bytes = String::from_utf8(store.take_effects().into_bytes()).unwrap();
    let words = bytes.split("\r\n");
    let words: Vec<&str> = words.filter(|word| !word.starts_with(['*', '$'])).collect();
    words.join(" ").trim_end().to_owned()
}

fn touched(store: &mut Store) -> Vec<(u8, u64, Change)> {
    let touches = store.take_touched();
    touches
        .map(|touch: Touch| match touch.listener {
            Listener::Watcher(number) => (touch.db.0, number, touch.change),
            Listener::Waiters => panic!("nobody waits"),
        })
        .collect()
}

/// What is told of `way`; whatever happens next is told to nobody.
#[track_caller]
fn check(way: fn(&mut Store), told: &str, heard: &[(u8, u64, Change)]) {
    let mut store = watched();
    way(&mut store);
    assert_eq!(effects(&mut store), told);
    assert_eq!(touched(&mut store), heard);
    put(&mut store, b"third", b"nobody listens to it");
    assert_eq!(touched(&mut store), []);
}

fn named<'a>(store: &Store, name: &'a str) -> Key<'a> {
    key(store, name.as_bytes())
}

#[test]
fn an_overwritten_key_is_told() {
    let overwrite = |store: &mut Store| {
        put(store, b"watched", b"new");
        put(store, b"watched", b"newer");
    };
    check(
        overwrite,
        "select 0 set watched new set watched newer",
        &[(0, 1, Change::Written)],
    );
    let edit = |store: &mut Store| {
        let name = named(store, "watched");
        let string = StringEdit::of(store.slot(DB, name)).unwrap();
        string.append(b"more").unwrap();
    };
    check(
        edit,
        "select 0 append watched more",
        &[(0, 1, Change::Written)],
    );
    let set_expiry = |store: &mut Store| {
        let name = named(store, "watched");
        store.set_expiry(DB, name, Some(NOON + 5)).unwrap();
        store.set_expiry(DB, name, None).unwrap();
    };
    check(
        set_expiry,
        "select 0 pexpireat watched 1795176000005 persist watched",
        &[(0, 1, Change::Written)],
    );
}

#[test]
fn an_edit_that_changes_nothing_is_not_told() {
    let edit = |store: &mut Store| {
        let name = named(store, "watched");
        let string = StringEdit::of(store.slot(DB, name)).unwrap();
        let edited = string.edit_bytes(1, Wording::Words(&[b"never"]), |_| (false, ()));
        edited.unwrap();
    };
    check(edit, "", &[]);
}

#[test]
fn a_deleted_key_is_told() {
    let delete = |store: &mut Store| {
        let name = named(store, "watched");
        assert!(store.remove(DB, name));
        assert!(!store.remove(DB, name));
    };
    check(delete, "select 0 del watched", &[(0, 1, Change::Deleted)]);
}

#[test]
fn an_expired_key_is_told_where_it_is_met() {
    let read = |store: &mut Store| {
        put(store, b"a", b"before");
        store.set_now(NOON + 100);
        let name = named(store, "watched");
        assert!(store.get(DB, name).is_none());
        put(store, b"b", b"after");
    };
    let heard = [(0, 1, Change::Expired)];
    let told = "select 0 set a before del watched set b after";
    check(read, told, &heard);
    let overwrite = |store: &mut Store| {
        store.set_now(NOON + 100);
        put(store, b"watched", b"new");
    };
    check(overwrite, "select 0 del watched set watched new", &heard);
    let sweep = |store: &mut Store| {
        for now_ms in (NOON + 10_000..NOON + 13_000).step_by(100) {
            store.set_now(now_ms);
            while store.expire_step(EXPIRE_SLICE).again {}
        }
    };
    check(sweep, "select 0 del watched", &heard);
    let draw = |store: &mut Store| {
        store.set_now(NOON + 100);
        for _ in 0..100 {
            store.random_key(DB, &mut Vec::new());
        }
    };
    check(draw, "select 0 del watched", &heard);
}

#[test]
fn an_evicted_key_is_told() {
    let evict = |store: &mut Store| {
        store.set_eviction(EvictionSettings {
            policy: EvictionPolicy::VolatileTtl,
            ..EvictionSettings::default()
        });
        assert_eq!(store.evict_one(), Eviction::Done);
        assert_eq!(store.effects().changes(), 2, "nobody asked for it");
    };
    check(evict, "select 0 del watched", &[(0, 1, Change::Evicted)]);
}

#[test]
fn a_renamed_copied_or_moved_key_is_told_at_both_places() {
    let rename = |store: &mut Store| {
        let (from, to) = (named(store, "watched"), named(store, "other"));
        assert_eq!(store.rename(DB, from, to), Ok(true));
    };
    check(
        rename,
        "select 0 rename watched other",
        &[(0, 1, Change::Deleted), (0, 2, Change::Written)],
    );
    let copy = |store: &mut Store| {
        let (from, to) = (named(store, "watched"), named(store, "other"));
        assert_eq!(store.copy(DB, from, OTHER, to), Ok(true));
    };
    check(
        copy,
        "select 0 copy watched other DB 1 REPLACE",
        &[(1, 2, Change::Written)],
    );
    let move_it = |store: &mut Store| {
        let name = named(store, "watched");
        assert_eq!(store.move_key(DB, name, OTHER), Ok(true));
        assert_eq!(store.move_key(DB, name, OTHER), Ok(false));
    };
    check(
        move_it,
        "select 0 move watched 1",
        &[(0, 1, Change::Deleted), (1, 1, Change::Written)],
    );
}

#[test]
fn flushed_and_swapped_keys_are_told_where_they_were_or_are() {
    let flush = |store: &mut Store| {
        assert_eq!(store.clear(DB), 2);
        assert_eq!(store.clear(OTHER), 0);
    };
    let mut heard = [(0, 1, Change::Deleted), (0, 2, Change::Deleted)];
    // In the order of their hashes.
    let by_hash = |heard: &mut [(u8, u64, Change)]| {
        let store = store(1);
        let hash = |number| {
            let name = ["watched", "other"][usize::from(number != 1)];
            named(&store, name).hash.0
        };
        heard.sort_by_key(|(db, number, _)| (*db, hash(*number)));
    };
    by_hash(&mut heard);
    check(flush, "select 0 flushdb select 1 flushdb", &heard);
    let flush_all = |store: &mut Store| {
        assert_eq!(store.clear_all(OTHER), 2);
    };
    check(flush_all, "select 1 flushall", &heard);
    let swap = |store: &mut Store| {
        store.swap(OTHER, DB, OTHER);
    };
    let mut swapped = [
        (0, 1, Change::Deleted),
        (0, 2, Change::Deleted),
        (1, 1, Change::Written),
        (1, 2, Change::Written),
    ];
    by_hash(&mut swapped);
    check(swap, "select 1 swapdb 0 1", &swapped);
}

#[test]
fn who_no_longer_listens_hears_nothing_and_others_still_do() {
    let mut store = watched();
    let name = named(&store, "watched");
    store.listen(DB, name, Listener::Watcher(3)).unwrap();
    store.ignore(DB, name, Listener::Watcher(1));
    put(&mut store, b"watched", b"new");
    assert_eq!(touched(&mut store), [(0, 3, Change::Written)]);
}

#[test]
fn changes_are_counted_by_key_and_not_what_goes_by_itself() {
    let mut store = store(1);
    for number in 0..10 {
        put_until(&mut store, &numbered(number), b"v", NOON + 5);
    }
    let name = numbered(0);
    let name = key(&store, &name);
    store.remove(DB, name);
    store.set_now(NOON + 5);
    let name = numbered(1);
    let name = key(&store, &name);
    assert!(!store.exists(DB, name));
    assert_eq!(store.effects().changes(), 11);
    store.clear(DB);
    assert_eq!(store.effects().changes(), 19);
}
