//! Expiry on access and by the sweep.

use super::*;

/// Ticks of 100 ms, slices until none is wanted; says how many slices there were at most in one tick.
fn tick(store: &mut Store, now_ms: u64) -> usize {
    store.set_now(now_ms);
    let mut slices = 1;
    while store.expire_step(EXPIRE_SLICE).again {
        slices += 1;
        assert!(slices < 100_000, "a pass ends");
    }
    slices
}

/// Names of keys whose end was recorded since the last call.
fn deleted(store: &mut Store) -> Vec<Vec<u8>> {
    let effects = String::from_utf8(store.take_effects().into_bytes()).unwrap();
    let mut words = effects
        .split("\r\n")
        .filter(|line| !line.starts_with(['*', '$']));
    let mut names = Vec::new();
    while let Some(word) = words.next() {
        if word == "del" {
            names.extend(words.next().map(|name| name.as_bytes().to_vec()));
        }
    }
    names
}

#[test]
fn a_storm_of_keys_due_at_once_is_over_within_five_seconds() {
    let mut store = store(2);
    store.start_recording();
    for number in 0..200_000 {
        let len = usize::try_from(number % 300).unwrap();
        put_until(&mut store, &numbered(number), &vec![b'v'; len], NOON + 1000);
    }
    for number in 200_000..250_000 {
        put(&mut store, &numbered(number), b"stays");
    }
    store.take_effects();
    for now_ms in (NOON..NOON + 1000).step_by(100) {
        tick(&mut store, now_ms);
    }
    assert_eq!(store.len(DB), 250_000);
    assert_eq!(store.counters().expired_keys, 0);
    let mut names = HashSet::new();
    for now_ms in (NOON + 1000..NOON + 6000).step_by(100) {
        tick(&mut store, now_ms);
        for name in deleted(&mut store) {
            assert!(names.insert(name), "told once");
        }
    }
    assert_eq!(store.len(DB), 50_000);
    assert_eq!(store.len_expiring(DB), 0);
    assert_eq!(names.len(), 200_000);
    assert_eq!(store.counters().expired_keys, 200_000);
    check_books(&store);
}

#[test]
fn a_slice_removes_no_more_than_its_budget_allows() {
    let mut store = store(1);
    for number in 0..50_000 {
        put_until(&mut store, &numbered(number), b"v", NOON + 1);
    }
    store.set_now(NOON + 10_000);
    let mut removed = 0;
    loop {
        let step = store.expire_step(EXPIRE_SLICE);
        assert!(step.removed <= EXPIRE_SLICE / 16 + 1, "{step:?}");
        assert!(step.visited <= EXPIRE_SLICE + 1, "{step:?}");
        removed += step.removed;
        store.set_now(NOON + 20_000);
        if !step.again {
            break;
        }
    }
    assert_eq!(removed, 50_000);
}

#[test]
fn keys_with_many_expiries_die_within_five_seconds_while_others_come_and_go() {
    let mut store = store(1);
    let mut chance = 5;
    let mut due: HashMap<Vec<u8>, u64> = HashMap::new();
    for round in 0..300_u64 {
        let now_ms = NOON + round * 100;
        tick(&mut store, now_ms);
        for _ in 0..300 {
            let name = numbered(below(&mut chance, 30_000));
            let named = key(&store, &name);
            match below(&mut chance, 4) {
                0 => {
                    store.remove(DB, named);
                    due.remove(&name);
                }
                1 => {
                    put(
                        &mut store,
                        &name,
                        &vec![b'v'; usize::try_from(round).unwrap()],
                    );
                    due.remove(&name);
                }
                _ => {
                    let at = now_ms + below(&mut chance, 10_000);
                    put_until(&mut store, &name, b"short", at);
                    due.insert(name, at);
                }
            }
        }
        // Looking without touching: a dead key may be in its place for five seconds.
        for (name, &at) in &due {
            if at + 5000 < now_ms {
                let found = store.databases[0].find(key(&store, name));
                assert!(found.is_none(), "due {at}, now {now_ms}");
            }
        }
        due.retain(|_, &mut at| at + 5000 >= now_ms);
    }
    check_books(&store);
}

#[test]
fn an_expired_key_is_gone_for_every_way_of_asking() {
    let ways: [fn(&mut Store, Key<'_>) -> bool; 7] = [
        |store, name| store.get(DB, name).is_some(),
        |store, name| store.peek(DB, name).is_some(),
        |store, name| store.exists(DB, name),
        |store, name| store.remove(DB, name),
        |store, name| store.expiry(DB, name).is_some(),
        |store, name| store.set_expiry(DB, name, None).unwrap(),
        |store, name| encoding(store, DB, name).is_some(),
    ];
    for way in ways {
        let mut store = store(1);
        put_until(&mut store, b"name", b"v", NOON + 5);
        let name = key(&store, b"name");
        store.set_now(NOON + 5);
        assert_eq!(store.len(DB), 1);
        assert!(!way(&mut store, name));
        assert_eq!(store.len(DB), 0);
        assert_eq!(store.counters().expired_keys, 1);
    }
    let mut store = store(1);
    store.start_recording();
    put_until(&mut store, b"name", b"v", NOON + 5);
    store.set_now(NOON + 6);
    let name = key(&store, b"name");
    let _before = store.take_effects().into_bytes();
    set(&mut store, DB, name, b"new", ExpiryChange::Keep).unwrap();
    assert_eq!(
        store.expiry(DB, name),
        Some(None),
        "an expired key's time is not kept"
    );
    let told = String::from_utf8(store.take_effects().into_bytes()).unwrap();
    assert_eq!(
        told,
        "*2\r\n$3\r\ndel\r\n$4\r\nname\r\n*4\r\n$3\r\nset\r\n$4\r\nname\r\n$3\r\nnew\r\n$7\r\nKEEPTTL\r\n"
    );
}

#[test]
fn the_average_time_to_live_is_known_after_a_pass() {
    let mut store = store(1);
    for number in 0..10_000 {
        put_until(&mut store, &numbered(number), b"v", NOON + 100_000);
    }
    for now_ms in (NOON..NOON + 2000).step_by(100) {
        tick(&mut store, now_ms);
    }
    let average = store.average_ttl_ms(DB);
    assert!((97_000..=100_000).contains(&average), "{average}");
}
