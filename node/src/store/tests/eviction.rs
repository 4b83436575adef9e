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
