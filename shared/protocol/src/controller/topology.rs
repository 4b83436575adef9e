//! The topology as a controller reads it, and a controller's proposal put into the topology.
//! Pure. Invariants: what a proposal makes of a topology obeys its rules, is one version on, and reads as [`Document::with`] says; shards that nobody guards, and
//! their nodes, are in no controller's document, so that it can neither change them nor take their nodes for spare ones.

use std::collections::{BTreeMap, BTreeSet};

use shared::topology::{Node, NodeId, NodeKind, Shard, ShardId, Topology, rules};

use super::document::{Document, Entry, Proposal};
use crate::member::Membership;

/// Whether a controller looks after it: a shard of plain servers obeys no orders.
fn is_guarded(topology: &Topology, shard: &Shard) -> bool {
    shard.is_guarded() && topology.kind_of(shard) == NodeKind::Switchyard
}

impl Document<ShardId, NodeId> {
    /// What a topology says to a controller: the guarded shards whose primary's life it knows, with those of their members whose lives it knows. Of the others
    /// somebody must ask the nodes, and write what they say, first; nobody takes them for spare ones meanwhile.
    #[must_use]
    pub fn of(topology: &Topology) -> Self {
        let mut shards = BTreeMap::new();
        let mut left_alone: BTreeSet<&NodeId> = BTreeSet::new();
        for shard in &topology.shards {
            let membership = Membership::of(shard, topology.version);
            match membership.filter(|_| is_guarded(topology, shard)) {
                Some(membership) => {
                    let known = membership.nodes();
                    left_alone.extend(shard.members().filter(|node| !known.contains(node)));
                    let entry = Entry {
                        membership,
                        copies: shard.copies,
                        min_in_sync: shard.min_in_sync,
                    };
                    shards.insert(shard.id.clone(), entry);
                }
                None => left_alone.extend(shard.members()),
            }
        }
        let nodes = topology.nodes.iter();
        let nodes = nodes.filter(|node| !left_alone.contains(&node.id));
        // A plain Redis server cannot say what it is.
        let nodes = nodes.filter(|node| node.kind == NodeKind::Switchyard);
        Self {
            version: topology.version,
            shards,
            nodes: nodes
                .map(|node| (node.id.clone(), node.zone.clone()))
                .collect(),
        }
    }
}

impl Proposal<ShardId, NodeId> {
    /// The topology after this has been accepted. `None` when it was not made from `topology`: another version, a shard that is not there or not guarded, a node
    /// that is listed already; and when what came out would break a rule, as where a new node has the address of another, or words about a loss are no
    /// [`Proof`](shared::topology::Proof).
    #[must_use]
    pub fn put_into(&self, topology: &Topology) -> Option<Topology> {
        if self.from != topology.version {
            return None;
        }
        let mut next = topology.clone();
        next.version = topology.version.next();
        for (id, membership) in &self.shards {
            let mut guarded = next.shards.iter_mut().filter(|it| it.is_guarded());
            membership.write_to(guarded.find(|it| it.id == *id)?);
        }
        for (id, announced) in &self.nodes {
            next.nodes.push(Node {
                id: id.clone(),
                address: announced.address.clone(),
                kind: NodeKind::Switchyard,
                zone: announced.zone.clone(),
            });
        }
        for (shard, proof) in &self.losses {
            next.record_loss(shard.clone(), proof.parse().ok()?);
        }
        rules::violations(&next).is_empty().then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::Announced;
    use crate::member::Member;
    use shared::topology::{Address, Epoch, Incarnation, Lives, Version};

    fn node_id(number: usize) -> NodeId {
        NodeId::numbered(number)
    }

    fn member(number: usize) -> Member<NodeId> {
        Member {
            node: node_id(number),
            incarnation: Incarnation(number as u64),
        }
    }

    /// Shard s1: n1 leads, n2 and n3 copy. Shard s2: n4 alone. n5 is spare, and n6 a spare Redis server.
    fn topology() -> Topology {
        let node = |number: u16| Node {
            id: node_id(number.into()),
            address: Address::loopback(7000 + number),
            kind: if number == 6 {
                NodeKind::Redis
            } else {
                NodeKind::Switchyard
            },
            zone: (number == 5).then(|| "a".parse().unwrap()),
        };
        let mut topology = Topology::initial(vec![node(1), node(4)], 0).unwrap();
        topology.nodes.extend([2, 3, 5, 6].map(node));
        let shard = &mut topology.shards[0];
        shard.copies = 3;
        shard.min_in_sync = 2;
        shard.in_sync = Lives::from([(node_id(1), Some(Incarnation(1)))]);
        shard.learners = [2, 3]
            .map(|number| (node_id(number), Some(Incarnation(number as u64))))
            .into();
        assert_eq!(rules::violations(&topology), []);
        topology
    }

    /// n2 leads with n7, which is new, at its side.
    fn proposal() -> Proposal<ShardId, NodeId> {
        let membership = Membership {
            version: Version(2),
            epoch: Epoch(2),
            primary: member(2),
            in_sync: [member(2)].into(),
            learners: [member(1), member(3), member(7)].into(),
        };
        let announced = Announced {
            address: Address::loopback(7007),
            zone: Some("b".parse().unwrap()),
        };
        Proposal {
            from: Version::FIRST,
            shards: BTreeMap::from([(ShardId::numbered(1), membership)]),
            nodes: BTreeMap::from([(node_id(7), announced)]),
            losses: BTreeMap::from([(ShardId::numbered(1), "rack 7 is off".to_owned())]),
        }
    }

    #[test]
    fn what_nobody_guards_is_no_business_of_a_controller() {
        let document = Document::of(&topology());
        let nodes: Vec<&str> = document.nodes.keys().map(NodeId::as_str).collect();
        assert_eq!(
            nodes,
            ["n1", "n2", "n3", "n5"],
            "n4 would be taken for a spare one"
        );
        assert_eq!(document.shards.len(), 1);
        let entry = &document.shards[&ShardId::numbered(1)];
        assert_eq!((entry.copies, entry.min_in_sync), (3, 2));
        assert_eq!(entry.membership.primary, member(1));
    }

    #[test]
    fn shards_of_plain_servers_are_no_business_of_a_controller() {
        let mut topology = topology();
        topology
            .nodes
            .iter_mut()
            .for_each(|node| node.kind = NodeKind::Redis);
        let document = Document::of(&topology);
        assert!(document.shards.is_empty() && document.nodes.is_empty());
    }

    #[test]
    fn members_of_unknown_lives_are_no_business_of_a_controller_and_stay_listed() {
        let mut topology = topology();
        topology.shards[0].learners.insert(node_id(3), None);
        let document = Document::of(&topology);
        let membership = &document.shards[&ShardId::numbered(1)].membership;
        assert_eq!(membership.learners, [member(2)].into());
        assert!(!document.nodes.contains_key(&node_id(3)), "it is not spare");
        let mut proposal = proposal();
        proposal.shards.values_mut().for_each(|membership| {
            membership.learners = [member(1)].into();
        });
        let next = proposal.put_into(&topology).unwrap();
        assert_eq!(next.shards[0].learners[&node_id(3)], None);
        topology.shards[0].in_sync.insert(node_id(1), None);
        let document = Document::of(&topology);
        assert!(document.shards.is_empty());
        assert_eq!(document.nodes.len(), 1, "n5 is spare");
    }

    #[test]
    fn a_proposal_that_is_put_into_a_topology_reads_as_the_document_says() {
        let (before, proposal) = (topology(), proposal());
        let next = proposal.put_into(&before).unwrap();
        let expected = Document::of(&before).with(&proposal);
        assert_eq!(Some(Document::of(&next)), expected);
        assert_eq!(next.shards[1], before.shards[1]);
        assert_eq!(next.shards[0].slots, before.shards[0].slots);
        assert_eq!(
            next.node(&node_id(7)).unwrap().address,
            Address::loopback(7007)
        );
        assert_eq!(
            next.losses[0].to_string(),
            "acknowledged writes of shard s1 were given up at version 2: \"rack 7 is off\""
        );
        let mut empty = proposal;
        (empty.shards, empty.nodes) = Default::default();
        empty.losses.clear();
        let next = empty.put_into(&before).unwrap();
        assert_eq!((next.version, next.shards), (Version(2), before.shards));
    }

    #[test]
    fn a_proposal_fits_only_what_it_was_made_from() {
        let check = |change: &dyn Fn(&mut Proposal<ShardId, NodeId>, &mut Topology)| {
            let (mut proposal, mut topology) = (proposal(), topology());
            assert!(proposal.put_into(&topology).is_some());
            change(&mut proposal, &mut topology);
            assert_eq!(proposal.put_into(&topology), None);
        };
        check(&|_, topology| topology.version = Version(2));
        check(&|proposal, _| {
            let membership = proposal.shards.remove(&ShardId::numbered(1)).unwrap();
            proposal.shards.insert(ShardId::numbered(2), membership);
        });
        check(&|_, topology| {
            topology.shards[0].id = ShardId::numbered(9);
        });
        // Another process has the address, or the name.
        check(&|_, topology| topology.nodes[4].address = Address::loopback(7007));
        check(&|_, topology| topology.nodes[4].id = node_id(7));
        check(&|proposal, _| {
            proposal
                .losses
                .insert(ShardId::numbered(1), "two\nlines".to_owned());
        });
    }
}
