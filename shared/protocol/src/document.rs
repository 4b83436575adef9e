//! A shard of the topology document as a membership, and back.
//! Pure. Invariant: what is put into a document makes it one version newer, and changes one shard's epoch, primary and members, and nothing else.

use std::collections::BTreeSet;

use shared::topology::{Lives, NodeId, Shard, ShardId, Topology, Version};

use crate::member::{Member, Membership};

impl Membership<NodeId> {
    /// What a document of this version says of its shard, as far as it knows in which life a member is: those that copy and are not known are left out. `None`
    /// where it does not know that of the primary, or of one that is in sync: somebody must ask the nodes first.
    #[must_use]
    pub fn of(shard: &Shard, version: Version) -> Option<Self> {
        let in_sync = members(&shard.in_sync)?;
        let primary = in_sync.iter().find(|it| it.node == shard.primary)?.clone();
        Some(Self {
            version,
            epoch: shard.epoch,
            primary,
            in_sync,
            learners: known(&shard.learners).collect(),
        })
    }

    /// The document in which `shard` is as this says. `None` when this does not follow `topology`, by one version, or there is no such shard: what it was made
    /// from is then not what is there.
    #[must_use]
    pub fn put_into(&self, topology: &Topology, shard: &ShardId) -> Option<Topology> {
        if self.version != topology.version.next() {
            return None;
        }
        let mut next = topology.clone();
        next.version = self.version;
        self.write_to(next.shards.iter_mut().find(|it| it.id == *shard)?);
        Some(next)
    }

    /// Makes `shard` what this says. The version is the document's.
    pub(crate) fn write_to(&self, shard: &mut Shard) {
        shard.epoch = self.epoch;
        shard.primary = self.primary.node.clone();
        shard.in_sync = lives(&self.in_sync);
        let nodes = self.nodes();
        let nameless = |(node, life): (&NodeId, &Option<_>)| {
            (life.is_none() && !nodes.contains(node)).then(|| (node.clone(), None))
        };
        let nameless: Lives = shard.learners.iter().filter_map(nameless).collect();
        shard.learners = lives(&self.learners);
        shard.learners.extend(nameless);
    }
}

/// All of them; `None` where the life of one is not known.
fn members(lives: &Lives) -> Option<BTreeSet<Member<NodeId>>> {
    let members: BTreeSet<_> = known(lives).collect();
    (members.len() == lives.len()).then_some(members)
}

fn known(lives: &Lives) -> impl Iterator<Item = Member<NodeId>> {
    lives.iter().filter_map(|(node, life)| {
        Some(Member {
            node: node.clone(),
            incarnation: (*life)?,
        })
    })
}

fn lives(members: &BTreeSet<Member<NodeId>>) -> Lives {
    let life = |member: &Member<NodeId>| (member.node.clone(), Some(member.incarnation));
    members.iter().map(life).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::topology::{Address, Epoch, Incarnation, Node, NodeKind, rules};

    fn node_id(number: usize) -> NodeId {
        NodeId::numbered(number)
    }

    fn member(number: usize, life: u64) -> Member<NodeId> {
        Member {
            node: node_id(number),
            incarnation: Incarnation(life),
        }
    }

    /// Shard s1: n1 leads, n2 and n3 copy; nobody knows their lives.
    fn topology() -> Topology {
        let node = |number: u16| Node {
            id: node_id(number.into()),
            address: Address::loopback(7000 + number),
            kind: NodeKind::Switchyard,
            zone: None,
        };
        Topology::initial((1..=3).map(node).collect(), 2).unwrap()
    }

    fn of_first(topology: &Topology) -> Option<Membership<NodeId>> {
        Membership::of(&topology.shards[0], topology.version)
    }

    fn first_membership() -> Membership<NodeId> {
        Membership {
            version: Version(2),
            epoch: Epoch::FIRST,
            primary: member(1, 11),
            in_sync: [member(1, 11), member(2, 22)].into(),
            learners: [member(2, 23), member(3, 33)].into(),
        }
    }

    #[test]
    fn a_shard_is_no_membership_while_the_life_of_one_in_sync_is_unknown() {
        assert_eq!(of_first(&topology()), None);
        let shard = ShardId::numbered(1);
        let mut known = first_membership().put_into(&topology(), &shard).unwrap();
        assert!(of_first(&known).is_some());
        known.shards[0].learners.insert(node_id(3), None);
        assert!(of_first(&known).is_some(), "it is none of its members yet");
        known.shards[0].in_sync.insert(node_id(3), None);
        assert_eq!(of_first(&known), None);
    }

    #[test]
    fn a_membership_that_is_put_into_a_document_is_read_back_equal() {
        let (before, shard) = (topology(), ShardId::numbered(1));
        let mut next = first_membership();
        let document = next.put_into(&before, &shard).unwrap();
        assert_eq!(rules::violations(&document), []);
        assert_eq!(of_first(&document), Some(next.clone()));
        assert_eq!(document.shards[0].slots, before.shards[0].slots);
        assert_eq!(document.nodes, before.nodes);
        // And a promotion on top of it: another primary, another epoch.
        next.version = Version(3);
        next.epoch = Epoch(2);
        next.primary = member(2, 22);
        next.in_sync = [member(2, 22)].into();
        next.learners = [member(1, 11), member(3, 33)].into();
        let document = next.put_into(&document, &shard).unwrap();
        assert_eq!(document.shards[0].primary, node_id(2));
        assert_eq!(of_first(&document), Some(next));
    }

    #[test]
    fn a_membership_of_another_version_or_shard_fits_nowhere() {
        let mut late = first_membership();
        assert_eq!(late.put_into(&topology(), &ShardId::numbered(2)), None);
        late.version = Version(3);
        assert_eq!(late.put_into(&topology(), &ShardId::numbered(1)), None);
    }
}
