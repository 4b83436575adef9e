//! Eviction under every policy.

use super::*;
use crate::store::{EvictionPolicy, EvictionSettings};

fn with_policy(policy: EvictionPolicy) -> Store {
    let mut store = store(4);
    store.set_eviction(EvictionSettings {
        policy,
        ..EvictionSettings::default()
    });
    store
}

/// Removes one key.
fn evict(store: &mut Store) {
    let mut calls = 0;
    loop {
        match store.evict_one() {
            Eviction::Done => return,
            Eviction::NotYet => calls += 1,
            Eviction::Nothing => panic!("there is something to evict"),
        }
        assert!(calls < 200, "it is found soon");
    }
}

#[test]
fn every_policy_keeps_the_limit_under_load() {
    const LIMIT: u64 = 3_000_000;
    for policy in EvictionPolicy::all().filter(|&policy| policy != EvictionPolicy::NoEviction) {
        let mut store = with_policy(policy);
        let mut chance = 9;
        for number in 0..60_000 {
            store.set_now(NOON + number);
            let len = usize::try_from(below(&mut chance, 200)).unwrap();
            let db = DbIndex(number.to_le_bytes()[0] % 4);
            let name = numbered(number);
            let name = key(&store, &name);
            let expiry = ExpiryChange::At(NOON + 1_000_000 + number);
            set(&mut store, db, name, &vec![b'v'; len], expiry).unwrap();
            while store.used_memory() > LIMIT {
                assert_ne!(store.evict_one(), Eviction::Nothing, "{policy:?}");
            }
        }
        let kept: usize = (0..4).map(|db| store.len(DbIndex(db))).sum();
        assert_eq!(store.counters().evicted_keys, 60_000 - kept as u64);
        assert!(kept > 10_000, "{policy:?} {kept}");
        let memory = store.memory();
        // Part-filled pages of the classes in use in four databases, and the remembered keys of S3-FIFO.
        let overhead = memory.used() / 32 + 7_000_000;
        assert!(memory.overhead < overhead, "{policy:?} {memory:?}");
        check_books(&store);
    }
}

#[test]
fn volatile_policies_take_only_keys_that_expire_and_then_nothing() {
    for policy in EvictionPolicy::all().filter(|policy| policy.is_volatile()) {
        let mut store = with_policy(policy);
        for number in 0..30_000 {
            put(&mut store, &numbered(number), b"stays");
        }
        for number in 0..20 {
            put_until(&mut store, &numbered(number * 1000), b"goes", NOON + 50_000);
        }
        for _ in 0..20 {
            evict(&mut store);
        }
        assert_eq!(store.len_expiring(DB), 0);
        assert_eq!(store.evict_one(), Eviction::Nothing);
        assert_eq!(store.len(DB), 29_980);
    }
}

#[test]
fn noeviction_takes_nothing() {
    let mut store = with_policy(EvictionPolicy::NoEviction);
    put(&mut store, b"k", b"v");
    assert_eq!(store.evict_one(), Eviction::Nothing);
}

/// Fills with 20 000 keys of which `hot` ones are used all the time, evicts half; says how many hot ones were lost.
fn lost_of_hot(policy: EvictionPolicy, hot: u64) -> u64 {
    let mut store = with_policy(policy);
    let use_hot = |store: &mut Store| {
        for number in 0..hot {
            let name = numbered(number);
            let name = key(store, &name);
            store.get(DB, name);
        }
    };
    for number in 0..20_000 {
        store.set_now(NOON + number * 10);
        put(&mut store, &numbered(number), b"value");
        if number > hot && number.is_multiple_of(1000) {
            use_hot(&mut store);
        }
    }
    for round in 0..10_000_u64 {
        if round.is_multiple_of(1000) {
            use_hot(&mut store);
        }
        evict(&mut store);
    }
    assert_eq!(store.len(DB), 10_000);
    (0..hot)
        .filter(|&number| {
            let name = numbered(number);
            let name = key(&store, &name);
            !store.exists(DB, name)
        })
        .count() as u64
}

#[test]
fn used_keys_outlive_others_where_the_policy_says_so() {
    for policy in [
        EvictionPolicy::AllKeysLru,
        EvictionPolicy::AllKeysLfu,
        EvictionPolicy::AllKeysSieve,
        EvictionPolicy::AllKeysS3Fifo,
    ] {
        let lost = lost_of_hot(policy, 1000);
        assert!(lost < 20, "{policy:?} lost {lost} of 1000");
    }
    let lost = lost_of_hot(EvictionPolicy::AllKeysRandom, 1000);
    assert!((400..600).contains(&lost), "{lost}");
    let lost = lost_of_hot(EvictionPolicy::AllKeysFifo, 1000);
    assert!(lost > 900, "the first to come are the first to go: {lost}");
}

#[test]
fn volatile_ttl_takes_the_soonest() {
    let mut store = with_policy(EvictionPolicy::VolatileTtl);
    for number in 0..10_000 {
        put_until(
            &mut store,
            &numbered(number),
            b"v",
            NOON + 100_000 + number * 100,
        );
    }
    for _ in 0..1000 {
        evict(&mut store);
    }
    let late = (5000..10_000)
        .filter(|&number| {
            let name = numbered(number);
            let name = key(&store, &name);
            !store.exists(DB, name)
        })
        .count();
    assert!(late < 20, "{late} of the later half went");
}

#[test]
fn the_last_two_volatile_keys_are_found_among_many_that_no_longer_are() {
    for policy in EvictionPolicy::all().filter(|policy| policy.is_volatile()) {
        let mut store = with_policy(policy);
        for number in 0..150_000 {
            put_until(&mut store, &numbered(number), b"v", NOON + 100_000);
        }
        for number in (0..150_000).filter(|number| number % 75_000 != 7) {
            put(&mut store, &numbered(number), b"v");
        }
        evict(&mut store);
        evict(&mut store);
        assert_eq!(store.len_expiring(DB), 0);
        assert_eq!(store.evict_one(), Eviction::Nothing);
    }
}

fn switch(store: &mut Store, policy: EvictionPolicy) {
    let settings = store.eviction();
    store.set_eviction(EvictionSettings { policy, ..settings });
}

#[test]
fn marks_begin_anew_when_a_policy_reads_them_otherwise() {
    use EvictionPolicy::{AllKeysFifo, AllKeysLfu, AllKeysLru, VolatileTtl};
    let mut store = with_policy(AllKeysLru);
    let usage = |store: &mut Store, number| {
        let name = numbered(number);
        let name = key(store, &name);
        let usage = store.usage(DB, name).expect("it is there");
        (usage.idle_seconds, usage.frequency)
    };
    for number in 0..5000 {
        put(&mut store, &numbered(number), b"value");
    }
    let mut now_ms = NOON + 3_000_000;
    store.set_now(now_ms);
    // Another reading of the same marks loses nothing.
    switch(&mut store, VolatileTtl);
    assert_eq!(usage(&mut store, 7), (3000, 5));
    switch(&mut store, AllKeysLfu);
    // Neither removals nor new keys mix old marks and new ones.
    for number in 0..1000 {
        let name = numbered(number * 3);
        let name = key(&store, &name);
        store.remove(DB, name);
        put(&mut store, &numbered(10_000 + number), b"value");
    }
    for number in (1..5000).filter(|number| number % 3 != 0) {
        assert_eq!(usage(&mut store, number), (0, 5), "{number}");
    }
    let hot = numbered(1);
    let hot = key(&store, &hot);
    for _ in 0..1000 {
        store.get(DB, hot);
    }
    assert!(usage(&mut store, 1).1 > 8);
    now_ms += 60_000;
    store.set_now(now_ms);
    switch(&mut store, AllKeysFifo);
    switch(&mut store, AllKeysLru);
    now_ms += 5_000;
    store.set_now(now_ms);
    for number in (1..5000).filter(|number| number % 3 != 0) {
        assert_eq!(usage(&mut store, number), (5, 5), "{number}");
    }
    // Another length of the decay's period reads counters otherwise as well.
    switch(&mut store, AllKeysLfu);
    store.set_eviction(EvictionSettings {
        lfu_decay_minutes: 7,
        ..store.eviction()
    });
    assert_eq!(usage(&mut store, 1).1, 5);
}

#[test]
fn nothing_goes_by_itself_while_all_is_kept() {
    let mut store = with_policy(EvictionPolicy::AllKeysRandom);
    put_until(&mut store, b"dead", b"v", NOON + 5);
    store.keep_all_until(u64::MAX);
    store.set_now(NOON + 10_000);
    let dead = key(&store, b"dead");
    assert!(store.get(DB, dead).is_none() && store.peek(DB, dead).is_none());
    assert!(!store.exists(DB, dead) && !store.remove(DB, dead));
    assert_eq!(store.expiry(DB, dead), None);
    assert!(!store.random_key(DB, &mut Vec::new()));
    store.scan(DB, 0, 100, &mut |_, _| panic!("it is not seen"));
    for now_ms in (NOON + 10_000..NOON + 20_000).step_by(100) {
        store.set_now(now_ms);
        while store.expire_step(EXPIRE_SLICE).again {}
    }
    assert_eq!(store.evict_one(), Eviction::NotYet);
    assert_eq!(store.len(DB), 1);
    assert_eq!(store.counters().expired_keys, 0);
    store.keep_all_until(0);
    assert!(store.get(DB, dead).is_none());
    assert_eq!(store.len(DB), 0);
    assert_eq!(store.counters().expired_keys, 1);
}

#[test]
fn a_call_passes_a_bounded_number_of_used_keys() {
    let mut store = with_policy(EvictionPolicy::AllKeysSieve);
    for number in 0..5000 {
        put(&mut store, &numbered(number), b"v");
        let name = numbered(number);
        let name = key(&store, &name);
        store.get(DB, name);
    }
    let calls = (0..100).take_while(|_| store.evict_one() == Eviction::NotYet);
    // 5000 in steps of 512: the hand comes round once, then all are unused.
    assert_eq!(calls.count(), 9);
}
