//! What a cluster on this machine is made of, and the topology that follows from it. Pure.

use crate::node_id;
use shared::config::{NodeConfig, ProxyConfig};
use shared::topology::{Address, InitialError, Node, NodeKind, ShardId, Topology};
use std::path::PathBuf;

/// Most nodes of a cluster on one machine: each is a thread or a process with a keyspace of its own.
pub const MOST_NODES: usize = 128;

/// What a cluster on this machine is made of. The first node of a shard leads it at first; its followers have the numbers that follow: with one follower each,
/// `n1` and `n2` are the first shard's, `n3` and `n4` the second's.
#[derive(Clone, Debug)]
pub struct ClusterPlan {
    /// Shards.
    pub shards: u16,
    /// Copies of each shard besides its primary, each a node of its own.
    pub followers: u16,
    /// Every node's settings, but for `listen`: each takes a free port on the loopback interface. Its data is in a folder of its own in `data_dir`, and `admin` is
    /// that of the first: the others have the ports behind it.
    pub node: NodeConfig,
    /// The file that CONFIG REWRITE changes: what its section `[node]` says holds for every node.
    pub node_file: Option<PathBuf>,
    /// The proxy's settings, but for `topology`.
    pub proxy: ProxyConfig,
}

impl ClusterPlan {
    /// The settings that fit together: the proxy sends the nodes the password that they ask for, and offers the databases that they have.
    #[must_use]
    pub fn harmonised(mut self) -> Self {
        self.proxy.node_password = self.node.requirepass.clone();
        self.proxy.databases = self.proxy.databases.min(self.node.databases);
        self
    }

    /// Nodes of a shard.
    #[must_use]
    pub fn copies(&self) -> usize {
        usize::from(self.followers) + 1
    }

    /// Nodes of all shards.
    #[must_use]
    pub fn nodes(&self) -> usize {
        usize::from(self.shards) * self.copies()
    }

    /// The shard of the node at this place, from 0 on.
    #[must_use]
    pub fn shard_at(&self, place: usize) -> ShardId {
        ShardId::numbered(place / self.copies() + 1)
    }

    /// The folder of the node at this place.
    #[must_use]
    pub fn data_folder(&self, place: usize) -> Option<PathBuf> {
        let folder = self.node.data_dir.as_ref()?;
        Some(folder.join(node_id(place).to_string()))
    }

    /// Where the node at this place serves metrics and health, if they do: each has a port of its own, at 0 any. `None` also beyond the last port there is, which
    /// [`Self::has_ports`] tells.
    #[must_use]
    pub fn admin_address(&self, place: usize) -> Option<Address> {
        let first = self.node.admin.as_ref()?;
        if first.port() == 0 {
            return Some(first.clone());
        }
        let port = first.port().checked_add(u16::try_from(place).ok()?)?;
        Some(first.with_port(port))
    }

    /// Whether every node has a port for metrics and health, where they have any.
    #[must_use]
    pub fn has_ports(&self) -> bool {
        let last = self.nodes().saturating_sub(1);
        self.node.admin.is_none() || self.admin_address(last).is_some()
    }

    /// The topology of such a cluster whose nodes are at `addresses`, in the order of their numbers.
    pub(crate) fn topology(&self, addresses: &[Address]) -> Result<Topology, InitialError> {
        let nodes = addresses.iter().enumerate().map(|(place, address)| Node {
            id: node_id(place),
            address: address.clone(),
            kind: NodeKind::Switchyard,
            zone: None,
        });
        let nodes: Vec<Node> = nodes.collect();
        // Those come first that are to lead.
        let mut turns: Vec<usize> = (0..nodes.len()).collect();
        turns.sort_by_key(|place| (place % self.copies(), *place));
        let in_turn = turns.iter().map(|place| nodes[*place].clone());
        let mut topology = Topology::initial(in_turn.collect(), self.copies() - 1)?;
        topology.nodes = nodes;
        Ok(topology)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use shared::topology::{NodeId, rules};

    pub(crate) fn plan(shards: u16, followers: u16) -> ClusterPlan {
        ClusterPlan {
            shards,
            followers,
            node: NodeConfig::default(),
            node_file: None,
            proxy: ProxyConfig::default(),
        }
    }

    pub(crate) fn addresses(first: u16, count: usize) -> Vec<Address> {
        (first..).take(count).map(Address::loopback).collect()
    }

    fn check(shards: u16, followers: u16, expected: &[&[&str]]) {
        let plan = plan(shards, followers);
        let topology = plan.topology(&addresses(7001, plan.nodes())).unwrap();
        assert_eq!(rules::violations(&topology), []);
        let members = |shard: &shared::topology::Shard| -> Vec<String> {
            shard.members().map(NodeId::to_string).collect()
        };
        let found: Vec<Vec<String>> = topology.shards.iter().map(members).collect();
        assert_eq!(found, expected);
        for (place, node) in topology.nodes.iter().enumerate() {
            assert_eq!(node.address.port(), 7001 + u16::try_from(place).unwrap());
            let shard = topology.shard_of_node(&node.id).unwrap();
            assert_eq!(shard.id, plan.shard_at(place));
        }
    }

    #[test]
    fn each_node_has_a_port_of_its_own_for_metrics() {
        let mut plan = plan(2, 1);
        let ports = |plan: &ClusterPlan| -> Vec<Option<u16>> {
            let address = |place| plan.admin_address(place).map(|address| address.port());
            (0..plan.nodes()).map(address).collect()
        };
        assert_eq!(ports(&plan), [None; 4]);
        assert!(plan.has_ports());
        plan.node.admin = Some(Address::loopback(65_532));
        let expected = [65_532, 65_533, 65_534, 65_535].map(Some);
        assert_eq!(ports(&plan), expected);
        assert!(plan.has_ports());
        plan.node.admin = Some(Address::loopback(65_533));
        assert!(!plan.has_ports());
        plan.node.admin = Some(Address::loopback(0));
        assert_eq!(ports(&plan), [Some(0); 4]);
    }

    #[test]
    fn the_nodes_of_a_shard_have_numbers_that_follow_each_other() {
        check(1, 0, &[&["n1"]]);
        check(3, 0, &[&["n1"], &["n2"], &["n3"]]);
        check(2, 1, &[&["n1", "n2"], &["n3", "n4"]]);
        check(2, 2, &[&["n1", "n2", "n3"], &["n4", "n5", "n6"]]);
    }
}
