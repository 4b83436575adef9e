//! Micro benches of key → slot → shard. Time per iteration is for one batch; throughput counts keys.
//!
//! `cargo bench --bench slot`

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use shared::slot::{SlotId, SlotSet};
use shared::topology::{Address, SlotMap};
use switchyard::initial_topology;

/// Keys in a batch; their bytes stay in the first cache, as a batch of requests does.
const BATCH: u32 = 100;

fn keys(length: usize, prefix: &str) -> Vec<Vec<u8>> {
    let key = |number: u32| format!("{prefix}{number:0>length$}").into_bytes();
    (0..BATCH).map(|number| key(number * 7919)).collect()
}

fn slots_of_keys(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("slot_of_key");
    group.throughput(Throughput::Elements(u64::from(BATCH)));
    let mut bench = |name: &str, keys: Vec<Vec<u8>>| {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for key in &keys {
                    black_box(SlotId::of_key(black_box(key)));
                }
            });
        });
    };
    for length in [8, 12, 16, 32, 64] {
        bench(&format!("{length}_bytes"), keys(length, ""));
    }
    bench("hash_tag", keys(16, "{user1000}:"));
    group.finish();
}

fn owners_of_slots(criterion: &mut Criterion) {
    let addresses: Vec<Address> = (7001..7017).map(Address::loopback).collect();
    let Ok(topology) = initial_topology(&addresses, 0) else {
        return;
    };
    let Some(map) = SlotMap::of(&topology) else {
        return;
    };
    let slots: Vec<SlotId> = keys(16, "").iter().map(|key| SlotId::of_key(key)).collect();
    let mut group = criterion.benchmark_group("owner_of_slot");
    group.throughput(Throughput::Elements(u64::from(BATCH)));
    group.bench_function("16_shards", |bencher| {
        bencher.iter(|| {
            for &slot in &slots {
                black_box(map.owner(black_box(slot)));
            }
        });
    });
    group.finish();
}

fn sets_of_slots(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("slot_set");
    let every_third: SlotSet = SlotId::all().step_by(3).collect();
    let text = every_third.to_string();
    group.bench_function("print_5462_ranges", |bencher| {
        bencher.iter(|| black_box(&every_third).to_string());
    });
    group.bench_function("read_5462_ranges", |bencher| {
        bencher.iter(|| black_box(&text).parse::<SlotSet>());
    });
    group.finish();
}

criterion_group!(benches, slots_of_keys, owners_of_slots, sets_of_slots);
criterion_main!(benches);
