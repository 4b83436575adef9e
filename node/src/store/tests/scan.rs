//! SCAN's guarantee: who is there from the first call to the last is seen, whatever happens to the others.

use super::*;

/// Walks with `count` per step; between steps `disturb` does what it likes to all but the `steady` keys.
fn check(steady: u64, count: usize, disturb: &mut dyn FnMut(&mut Store, u64)) {
    let mut store = store(1);
    for number in 0..steady {
        put(&mut store, &numbered(number), b"steady");
    }
    for round in 0..4 {
        let mut seen = HashSet::new();
        let mut cursor = 0;
        let mut steps = 0;
        loop {
            cursor = store.scan(DB, cursor, count, &mut |name, _| {
                seen.insert(name.to_vec());
            });
            assert!(cursor < 1 << 40);
            if cursor == 0 {
                break;
            }
            steps += 1;
            assert!(steps < 1_000_000, "a scan ends");
            disturb(&mut store, steps);
        }
        for number in 0..steady {
            assert!(
                seen.contains(&numbered(number)),
                "{number} in round {round}"
            );
        }
    }
}

const FIRST_GUEST: u64 = 1_000_000;

fn add(store: &mut Store, from: u64, count: u64) {
    for number in from..from + count {
        put(store, &numbered(FIRST_GUEST + number), b"guest");
    }
}

fn remove(store: &mut Store, from: u64, count: u64) {
    for number in from..from + count {
        let name = numbered(FIRST_GUEST + number);
        let name = key(store, &name);
        store.remove(DB, name);
    }
}

#[test]
fn nothing_is_missed_while_the_index_grows() {
    check(5000, 10, &mut |store, step| {
        if step < 600 {
            add(store, step * 100, 100);
        }
    });
}

#[test]
fn nothing_is_missed_while_the_index_shrinks() {
    let mut store_is_full = false;
    check(3000, 10, &mut |store, step| {
        if !store_is_full {
            add(store, 0, 60_000);
            store_is_full = true;
        }
        remove(store, step * 60 % 60_000, 60);
    });
}

#[test]
fn nothing_is_missed_while_leaves_split_and_merge_in_turn() {
    for count in [1, 7, 100] {
        check(2000, count, &mut |store, step| {
            if step > 3000 {
                return;
            }
            match step % 20 {
                3 => add(store, 0, 3000),
                13 => remove(store, 0, 3000),
                _ => {}
            }
        });
    }
}

#[test]
fn any_number_is_a_cursor() {
    let mut store = store(1);
    for number in 0..1000 {
        put(&mut store, &numbered(number), b"v");
    }
    let mut chance = 3;
    for _ in 0..2000 {
        let mut cursor = splitmix(&mut chance) >> below(&mut chance, 64);
        for _ in 0..10_000 {
            cursor = store.scan(DB, cursor, 50, &mut |_, _| {});
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(cursor, 0);
    }
}

#[test]
fn every_key_is_drawn_by_chance_sooner_or_later() {
    let mut store = store(1);
    for number in 0..100 {
        put(
            &mut store,
            &numbered(number),
            &vec![b'v'; usize::try_from(number).unwrap() * 5],
        );
    }
    let mut seen = HashMap::new();
    for _ in 0..20_000 {
        let mut name = Vec::new();
        assert!(store.random_key(DB, &mut name));
        *seen.entry(name).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 100);
    assert!(
        seen.values().all(|&times| (120..300).contains(&times)),
        "{seen:?}"
    );
}

#[test]
fn the_only_live_key_among_dead_ones_is_drawn() {
    let mut store = store(1);
    for number in 0..20_000 {
        put_until(&mut store, &numbered(number), b"v", NOON + 10);
    }
    put(&mut store, b"live", b"v");
    store.set_now(NOON + 1000);
    let mut name = Vec::new();
    assert!(store.random_key(DB, &mut name));
    assert_eq!(name, b"live");
    let live = key(&store, b"live");
    store.remove(DB, live);
    assert!(!store.random_key(DB, &mut name));
}
