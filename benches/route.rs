//! Micro bench of routing: what it costs to find out where a request goes. Table row, keys, slots, owner, as a proxy does for each request.
//! Time per iteration is for one batch; throughput counts requests.
//!
//! `cargo bench --bench route`

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use shared::command;
use shared::resp::{RequestBatch, RequestLimits, RequestScanner, encode_request};
use shared::slot::{SlotId, SlotSet};
use shared::topology::{
    Address, Epoch, Node, NodeId, NodeKind, Shard, SlotMap, Topology, Version, Weight,
};

/// Requests in a batch: what a client with a deep pipeline sends at once.
const BATCH: usize = 100;

/// Shards over which keys are spread.
const SHARDS: usize = 3;

fn slot_map() -> SlotMap {
    let mut topology = Topology {
        version: Version::FIRST,
        nodes: Vec::new(),
        shards: Vec::new(),
        cluster: None,
        losses: Vec::new(),
        colocations: Vec::new(),
    };
    for place in 0..SHARDS {
        let id: NodeId = format!("n{place}").parse().expect("a name");
        let mut slots = SlotSet::empty();
        for slot in SlotId::all() {
            if usize::from(slot.number()) % SHARDS == place {
                slots.insert(slot);
            }
        }
        topology.nodes.push(Node {
            id: id.clone(),
            address: Address::loopback(6379),
            kind: NodeKind::Switchyard,
            zone: None,
        });
        topology.shards.push(Shard {
            id: format!("s{place}").parse().expect("a name"),
            epoch: Epoch::FIRST,
            weight: Weight::new(100).expect("a weight"),
            primary: id.clone(),
            in_sync: [(id, None)].into(),
            learners: Default::default(),
            copies: 1,
            min_in_sync: 1,
            slots,
        });
    }
    SlotMap::of(&topology).expect("every slot has one owner")
}

fn requests(words: &dyn Fn(usize) -> Vec<String>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 0..BATCH {
        encode_request(&mut bytes, words(number));
    }
    bytes
}

fn route(bench: &mut Criterion) {
    let map = slot_map();
    let key = |number: usize| format!("key:{number:012}");
    let get = requests(&|number| vec!["GET".to_owned(), key(number)]);
    let set = requests(&|number| vec!["SET".to_owned(), key(number), "v".repeat(32)]);
    let mget = requests(&|number| {
        let keys = (0..10).map(|offset| key(number * 10 + offset));
        ["MGET".to_owned()].into_iter().chain(keys).collect()
    });
    let tagged = requests(&|number| vec!["INCR".to_owned(), format!("{{user:{number}}}:visits")]);
    let mut group = bench.benchmark_group("route");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (name, mut bytes) in [
        ("get", get),
        ("set_32", set),
        ("mget_10", mget),
        ("incr_tagged", tagged),
    ] {
        let mut batch = RequestBatch::default();
        let mut scanner = RequestScanner::new(RequestLimits::AUTHENTICATED);
        scanner
            .scan(&mut bytes, &mut batch, usize::MAX)
            .expect("whole requests");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut owners = 0;
                for request in batch.requests() {
                    let args = batch.args(&bytes, request);
                    let row = command::resolve(args).expect("known commands");
                    row.for_each_key(args, |at| {
                        owners += map.owner(SlotId::of_key(args.at(at))).as_usize();
                    });
                }
                black_box(owners)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, route);
criterion_main!(benches);
