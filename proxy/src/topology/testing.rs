//! Small topologies for tests.

use shared::slot::{SlotId, SlotSet};
use shared::topology::{Address, Epoch, Node, NodeKind, Shard, Topology, Version, Weight};

use super::Snapshot;
use super::live::LiveTopology;

/// Shards of these names, slots dealt out evenly, node `n-NAME` leading each at a port of its own.
pub(crate) fn topology_of(names: &[&str]) -> Snapshot {
    let addresses: Vec<Address> = (1..).take(names.len()).map(Address::loopback).collect();
    snapshot_of(plain_topology(names, &addresses))
}

/// The document itself.
pub(crate) fn plain_topology(names: &[&str], addresses: &[Address]) -> Topology {
    let mut topology = Topology {
        version: Version::FIRST,
        nodes: Vec::new(),
        shards: Vec::new(),
        cluster: None,
        losses: Vec::new(),
        colocations: Vec::new(),
    };
    for (place, (name, address)) in names.iter().zip(addresses).enumerate() {
        let id: shared::topology::NodeId = format!("n-{name}").parse().unwrap();
        topology.nodes.push(Node {
            id: id.clone(),
            address: address.clone(),
            kind: NodeKind::Switchyard,
            zone: None,
        });
        let mut slots = SlotSet::empty();
        for slot in SlotId::all() {
            if usize::from(slot.number()) * names.len() / 16384 == place {
                slots.insert(slot);
            }
        }
        topology.shards.push(Shard {
            id: name.parse().unwrap(),
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

/// As the data path sees it.
pub(crate) fn snapshot_of(topology: Topology) -> Snapshot {
    std::sync::Arc::into_inner(LiveTopology::new(topology).unwrap().into_snapshot()).unwrap()
}
