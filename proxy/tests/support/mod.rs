//! A node that does as it is told, a client that speaks plain bytes, and a topology of such nodes.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]
#![expect(
    clippy::disallowed_methods,
    reason = "test threads that wait hold up nobody"
)]

pub(crate) mod client;
pub(crate) mod node;

use std::time::Duration;

use proxy::{Proxy, ProxyHandle};
use shared::clock::SystemClock;
use shared::config::{ByteCount, ProxyConfig};
use shared::slot::{SlotId, SlotSet};
use shared::topology::{Address, Epoch, Node, NodeId, NodeKind, Shard, Topology, Version, Weight};

use node::FakeNode;

/// Settings with short deadlines.
pub(crate) fn settings() -> ProxyConfig {
    ProxyConfig {
        listen: Some(Address::loopback(0)),
        admin: None,
        threads: 2,
        connect_timeout: Duration::from_millis(300),
        node_deadline: Duration::from_millis(400),
        request_deadline: Duration::from_secs(5),
        reconnect_pause_min: Duration::from_millis(5),
        reconnect_pause_max: Duration::from_millis(50),
        client_output_soft_limit: ByteCount(64 << 10),
        client_output_hard_limit: ByteCount(64 << 20),
        ..ProxyConfig::default()
    }
}

/// Shards `s0`, `s1` … of these nodes, slots dealt out evenly.
pub(crate) fn topology(nodes: &[&FakeNode], version: u64) -> Topology {
    let mut topology = Topology {
        version: Version(version),
        nodes: Vec::new(),
        shards: Vec::new(),
        cluster: None,
        losses: Vec::new(),
        colocations: Vec::new(),
    };
    for (place, node) in nodes.iter().enumerate() {
        let id: NodeId = format!("n{}", node.port()).parse().unwrap();
        topology.nodes.push(Node {
            id: id.clone(),
            address: Address::loopback(node.port()),
            kind: NodeKind::Switchyard,
            zone: None,
        });
        let mut slots = SlotSet::empty();
        for slot in SlotId::all() {
            if usize::from(slot.number()) * nodes.len() / 16384 == place {
                slots.insert(slot);
            }
        }
        topology.shards.push(Shard {
            id: format!("s{place}").parse().unwrap(),
            epoch: Epoch::FIRST,
            weight: Weight::new(100).unwrap(),
            primary: id.clone(),
            in_sync: [(id, None)].into(),
            learners: Default::default(),
            copies: 1,
            min_in_sync: 1,
            slots,
        });
    }
    topology
}

/// A proxy before these nodes.
pub(crate) fn start(config: ProxyConfig, nodes: &[&FakeNode]) -> ProxyHandle {
    Proxy::bind_with(config, topology(nodes, 1))
        .unwrap()
        .start()
        .unwrap()
}

/// A key of the shard at this place, the `number`th one.
pub(crate) fn key_of(shard: usize, shards: usize, number: usize) -> String {
    (0..)
        .map(|try_number| format!("k{number}-{try_number}"))
        .find(|key| usize::from(SlotId::of_key(key.as_bytes()).number()) * shards / 16384 == shard)
        .unwrap()
}

/// Waits until `holds`, and fails after ten seconds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Timer::start();
    while !holds() {
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "did not happen: {what}"
        );
        pause(Duration::from_millis(5));
    }
}

/// Waits until a proxy of one thread has opened all it opens by itself: a pipe for known clients, one for new ones. Its first reply may be there before.
pub(crate) fn pipes_stand(node: &FakeNode) {
    eventually("a pipe for each class", || node.connections() == 2);
}

/// The same where somebody has asked for much as well.
pub(crate) fn all_pipes_stand(node: &FakeNode) {
    eventually("a pipe of each class", || node.connections() == 3);
}

/// Time since something began.
pub(crate) struct Timer(SystemClock);

impl Timer {
    pub(crate) fn start() -> Self {
        Self(SystemClock::new())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.0.monotonic_ns())
    }
}

/// Waits: between two looks, or because a node is to be slow.
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
