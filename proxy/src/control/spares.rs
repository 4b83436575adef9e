//! Nodes that want to be used: those that have come to this proxy, and those of which others tell.
//! Pure. Never: decides whether they are used. Invariants: at most [`MOST`] are remembered; one that came here is forgotten when it does not come again.

use std::collections::BTreeMap;

use protocol::controller::Announced;
use shared::topology::{Address, NodeId, Topology};

/// Spares that are remembered of each kind: each is asked ten times a second.
const MOST: usize = 256;

/// A node comes every second; one that has not come for so long is gone.
const FORGOTTEN_AFTER_MS: u64 = 5_000;

/// All that are known.
#[derive(Debug, Default)]
pub(super) struct Spares {
    /// Those that have come here, and when they came last.
    own: BTreeMap<NodeId, (Announced, u64)>,
    /// Those of which other proxies tell.
    told: BTreeMap<NodeId, Announced>,
}

/// What the topology makes of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sorted {
    /// It does not list them.
    pub(super) spare: BTreeMap<NodeId, Announced>,
    /// It lists them, at another address.
    pub(super) moved: BTreeMap<NodeId, Address>,
}

impl Spares {
    /// A node has come; whether it is remembered.
    pub(super) fn came(&mut self, node: NodeId, announced: Announced, now_ms: u64) -> bool {
        let has_room = self.own.len() < MOST || self.own.contains_key(&node);
        if has_room {
            self.own.insert(node, (announced, now_ms));
        }
        has_room
    }

    /// Other proxies tell of these.
    pub(super) fn were_told(&mut self, mut told: BTreeMap<NodeId, Announced>) {
        while told.len() > MOST {
            told.pop_last();
        }
        self.told = told;
    }

    /// Those that have not come again.
    pub(super) fn forget_gone(&mut self, now_ms: u64) -> Vec<NodeId> {
        let is_gone = |came_ms: u64| now_ms.saturating_sub(came_ms) >= FORGOTTEN_AFTER_MS;
        let gone = self.own.iter().filter(|(_, (_, at))| is_gone(*at));
        let gone: Vec<NodeId> = gone.map(|(node, _)| node.clone()).collect();
        for node in &gone {
            self.own.remove(node);
        }
        gone
    }

    /// All of them, by what the topology says; who came here knows better than who was told.
    pub(super) fn sorted(&self, topology: &Topology) -> Sorted {
        let own = self
            .own
            .iter()
            .map(|(node, (announced, _))| (node, announced));
        let mut sorted = Sorted::default();
        for (node, announced) in self.told.iter().chain(own) {
            match topology.node(node) {
                None => {
                    sorted.spare.insert(node.clone(), announced.clone());
                }
                Some(listed) if listed.address != announced.address => {
                    let address = announced.address.clone();
                    sorted.moved.insert(node.clone(), address);
                }
                Some(_) => {
                    sorted.moved.remove(node);
                }
            }
        }
        sorted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::topology::{Node, NodeKind};

    fn announced(port: u16) -> Announced {
        Announced {
            address: Address::loopback(port),
            zone: None,
        }
    }

    #[test]
    fn who_does_not_come_again_is_forgotten_and_who_moved_is_no_spare() {
        let listed = Node {
            id: NodeId::numbered(1),
            address: Address::loopback(7001),
            kind: NodeKind::Switchyard,
            zone: None,
        };
        let topology = Topology::initial(vec![listed], 0).unwrap();
        let mut spares = Spares::default();
        assert!(spares.came(NodeId::numbered(1), announced(7009), 0));
        assert!(spares.came(NodeId::numbered(2), announced(7002), 1_000));
        spares.were_told([(NodeId::numbered(3), announced(7003))].into());
        let sorted = spares.sorted(&topology);
        assert_eq!(
            sorted.moved,
            [(NodeId::numbered(1), Address::loopback(7009))].into()
        );
        assert_eq!(sorted.spare.len(), 2);
        assert_eq!(spares.forget_gone(5_000), [NodeId::numbered(1)]);
        spares.came(NodeId::numbered(1), announced(7001), 5_000);
        assert_eq!(
            spares.sorted(&topology).moved.len(),
            0,
            "it is where it is listed"
        );
        assert_eq!(spares.forget_gone(20_000).len(), 2);
        assert_eq!(spares.sorted(&topology).spare.len(), 1);
    }

    #[test]
    fn many_are_not_all_remembered() {
        let mut spares = Spares::default();
        for number in 0..MOST {
            assert!(spares.came(NodeId::numbered(number), announced(1), 0));
        }
        assert!(!spares.came(NodeId::numbered(MOST), announced(1), 0));
        assert!(spares.came(NodeId::numbered(0), announced(2), 0));
    }
}
