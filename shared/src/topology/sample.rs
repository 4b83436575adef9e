//! Topologies for tests.

use super::{
    Address, DEFAULT_MIN_IN_SYNC, Epoch, Lives, Node, NodeKind, Shard, Topology, Version, Weight,
};

pub(super) fn node(number: u16) -> Node {
    Node {
        id: format!("n{number}").parse().unwrap(),
        address: Address::loopback(7000 + number),
        kind: NodeKind::Switchyard,
        zone: None,
    }
}

/// Shard s1: primary n1, learner n2, the lower half. Shard s2: primary n3, the upper half.
pub(super) fn two_shards() -> Topology {
    let shard = |id: &str, primary: &str, learners: &[&str], slots: &str| Shard {
        id: id.parse().unwrap(),
        epoch: Epoch::FIRST,
        weight: Weight::default(),
        primary: primary.parse().unwrap(),
        in_sync: Lives::from([(primary.parse().unwrap(), None)]),
        learners: learners
            .iter()
            .map(|id| (id.parse().unwrap(), None))
            .collect(),
        copies: 1 + learners.len(),
        min_in_sync: DEFAULT_MIN_IN_SYNC,
        slots: slots.parse().unwrap(),
    };
    Topology {
        version: Version::FIRST,
        nodes: (1..=3).map(node).collect(),
        shards: vec![
            shard("s1", "n1", &["n2"], "0-8191"),
            shard("s2", "n3", &[], "8192-16383"),
        ],
        cluster: None,
        losses: Vec::new(),
        colocations: Vec::new(),
    }
}
