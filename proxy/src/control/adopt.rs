//! Shards of which the topology says who belongs to them, but not in which lives, as people write it, and nodes that are elsewhere than it says: what nodes say of
//! themselves → the next topology.
//! Pure. Invariants: nobody is taken for in sync but the primary that was named; a node that has more of the shard than that primary is not made a copy of it.

use std::collections::{BTreeMap, BTreeSet};

use shared::topology::{Address, Epoch, Lives, NodeId, Shard, ShardId, Topology, Version};

use super::words::Said;

/// What the nodes have said since this version of the topology was loaded.
pub(super) type Heard<'a> = BTreeMap<&'a NodeId, &'a Said>;

/// Why a shard is not taken over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAdopted {
    /// The primary has the data of another shard.
    #[error(
        "{primary}, which the topology names as primary of {shard}, has the keys of another shard, {other}; name the node that has those of {shard}, or empty its folder"
    )]
    OtherShard {
        primary: NodeId,
        shard: ShardId,
        other: String,
    },
    /// Another member has more.
    #[error(
        "{node} has more of {shard} than {primary}, which the topology names as its primary; name {node} instead, or empty its folder"
    )]
    HasMore {
        node: NodeId,
        shard: ShardId,
        primary: NodeId,
    },
}

impl NotAdopted {
    /// The shard that is not taken over.
    pub(super) fn shard(&self) -> &ShardId {
        match self {
            Self::OtherShard { shard, .. } | Self::HasMore { shard, .. } => shard,
        }
    }
}

/// The next topology, in which shards of which nodes have seen a later epoch than the topology names are led above it: the topology is an old one, or somebody has
/// told a node what no topology says, and nobody obeys by it. All members of such a shard must be heard, and nobody else who is heard may have more of it; the one with most leads, alone, and the others copy.
pub(super) fn raised(now: &Topology, heard: &Heard<'_>) -> Option<Topology> {
    let guarded = now.guarded_shards();
    let higher: Vec<Shard> = guarded
        .filter_map(|shard| raised_shard(shard, heard))
        .collect();
    if higher.is_empty() {
        return None;
    }
    let mut next = now.clone();
    next.version = beyond_all(now, heard);
    for shard in &mut next.shards {
        if let Some(raised) = higher.iter().find(|raised| raised.id == shard.id) {
            shard.clone_from(raised);
        }
    }
    Some(next)
}

/// The shard above the epochs that its members have seen, if these are higher.
fn raised_shard(shard: &Shard, heard: &Heard<'_>) -> Option<Shard> {
    let members = shard.members();
    let said: Vec<(&NodeId, &Said)> = members
        .map(|node| Some((node, *heard.get(node)?)))
        .collect::<Option<_>>()?;
    let seen = said.iter().map(|(_, said)| said.status.seen_epoch).max()?;
    if seen <= shard.epoch {
        return None;
    }
    let whole = |said: &Said| !said.status.is_syncing && may_belong(said, shard);
    let whole = said.iter().filter(|(_, said)| whole(said));
    let (leader, leads) = whole.max_by_key(|(_, said)| said.status.position)?;
    // One that an old topology does not know as a member may have led since.
    let has_more = |said: &&Said| {
        said.shard.as_ref() == Some(&shard.id) && said.status.position > leads.status.position
    };
    if heard.values().any(has_more) {
        return None;
    }
    let others = said.iter().filter(|(node, _)| node != leader);
    Some(Shard {
        epoch: said.iter().map(|(_, said)| beyond(said)).max()?,
        primary: (*leader).clone(),
        in_sync: [((*leader).clone(), Some(leads.status.incarnation))].into(),
        learners: others
            .map(|(node, said)| ((*node).clone(), Some(said.status.incarnation)))
            .collect(),
        ..shard.clone()
    })
}

/// The next topology, in which more is known of who lives; `None` when there is nothing new. A shard whose primary was not known needs all of its members to be
/// heard, unless it `has_waited` for those that are not there.
///
/// The problems are those of shards that stay as they are.
pub(super) fn adopt(
    now: &Topology,
    heard: &Heard<'_>,
    has_waited: bool,
) -> (Option<Topology>, Vec<NotAdopted>) {
    let mut next = now.clone();
    let mut problems = Vec::new();
    let guarded: BTreeSet<&ShardId> = now.guarded_shards().map(|shard| &shard.id).collect();
    let shards = next.shards.iter_mut();
    for shard in shards.filter(|shard| guarded.contains(&shard.id)) {
        if let Err(problem) = adopt_shard(shard, heard, has_waited) {
            problems.push(problem);
        }
    }
    let is_new = next.shards != now.shards;
    next.version = beyond_all(now, heard);
    (is_new.then_some(next), problems)
}

/// The next topology, in which nodes that are gone from where they are listed are at the address from which they have come; `None` when there is none, or
/// another node is listed there.
pub(super) fn moved(
    now: &Topology,
    moved: &BTreeMap<NodeId, Address>,
    is_gone: impl Fn(&NodeId) -> bool,
) -> Option<Topology> {
    let mut next = now.clone();
    next.version = now.version.next();
    for (node, address) in moved.iter().filter(|(node, _)| is_gone(node)) {
        let is_taken = next.nodes.iter().any(|other| other.address == *address);
        let listed = next.nodes.iter_mut().find(|listed| listed.id == *node);
        if let Some(listed) = listed.filter(|_| !is_taken) {
            listed.address = address.clone();
        }
    }
    (next.nodes != now.nodes).then_some(next)
}

fn adopt_shard(shard: &mut Shard, heard: &Heard<'_>, has_waited: bool) -> Result<(), NotAdopted> {
    let is_known = matches!(shard.in_sync.get(&shard.primary), Some(Some(_)));
    if !is_known {
        return begin(shard, heard, has_waited);
    }
    // Whoever is said to be in sync without a life is one that copies.
    let nameless: Vec<NodeId> = nameless(&shard.in_sync).cloned().collect();
    for node in nameless {
        shard.in_sync.remove(&node);
        shard.learners.entry(node).or_insert(None);
    }
    let nameless: Vec<NodeId> = nameless_learners(shard);
    let Some(leads) = heard.get(&shard.primary) else {
        return Ok(());
    };
    for node in nameless {
        let Some(said) = heard.get(&node).filter(|said| may_belong(said, shard)) else {
            continue;
        };
        // It was not there when this primary began, and would be made a copy of it.
        if said.shard.is_some() && said.status.position.offset > leads.status.position.offset {
            return Err(NotAdopted::HasMore {
                node,
                shard: shard.id.clone(),
                primary: shard.primary.clone(),
            });
        }
        shard.learners.insert(node, Some(said.status.incarnation));
    }
    Ok(())
}

/// The first life of a shard.
fn begin(shard: &mut Shard, heard: &Heard<'_>, has_waited: bool) -> Result<(), NotAdopted> {
    let primary = shard.primary.clone();
    let Some(leads) = heard.get(&primary) else {
        return Ok(());
    };
    let others: Vec<NodeId> = shard.followers().cloned().collect();
    if !has_waited && others.iter().any(|node| !heard.contains_key(node)) {
        return Ok(());
    }
    if let Some(other) = leads.shard.as_ref().filter(|other| **other != shard.id) {
        return Err(NotAdopted::OtherShard {
            primary,
            shard: shard.id.clone(),
            other: other.to_string(),
        });
    }
    let mut epoch = shard.epoch.max(beyond(leads));
    let mut learners = shard.learners.clone();
    for node in others {
        let said = heard.get(&node).filter(|said| may_belong(said, shard));
        let life = said.map(|said| said.status.incarnation);
        if let Some(said) = said {
            if said.shard.is_some() && said.status.position > leads.status.position {
                let shard = shard.id.clone();
                return Err(NotAdopted::HasMore {
                    node,
                    shard,
                    primary,
                });
            }
            epoch = epoch.max(beyond(said));
        }
        learners.insert(node, life);
    }
    shard.epoch = epoch;
    shard.in_sync = [(primary, Some(leads.status.incarnation))].into();
    shard.learners = learners;
    Ok(())
}

/// The first version that is newer than the topology and than all that its members have seen: a topology that was lost and made anew begins at 1, and nodes take an
/// order of an older version for one that was overtaken.
fn beyond_all(now: &Topology, heard: &Heard<'_>) -> Version {
    let members = now.guarded_shards().flat_map(Shard::members);
    let seen = members.filter_map(|node| Some(heard.get(node)?.status.seen_rev));
    seen.fold(now.version, Version::max).next()
}

/// The first epoch that is newer than all that this node has seen.
fn beyond(said: &Said) -> Epoch {
    let seen = said.status.seen_epoch.max(said.status.position.last_epoch);
    seen.next()
}

/// It has the data of this shard, or of none.
fn may_belong(said: &Said, shard: &Shard) -> bool {
    said.shard.as_ref().is_none_or(|of| *of == shard.id)
}

fn nameless(lives: &Lives) -> impl Iterator<Item = &NodeId> {
    lives
        .iter()
        .filter(|(_, life)| life.is_none())
        .map(|(node, _)| node)
}

fn nameless_learners(shard: &Shard) -> Vec<NodeId> {
    nameless(&shard.learners).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Offset, Position, Status};
    use shared::topology::{Incarnation, Node, NodeKind, Version};

    fn node_id(number: usize) -> NodeId {
        NodeId::numbered(number)
    }

    /// Shard s1: n1 leads, n2 copies; nobody knows their lives.
    fn topology() -> Topology {
        let node = |number: u16| Node {
            id: node_id(number.into()),
            address: Address::loopback(7000 + number),
            kind: NodeKind::Switchyard,
            zone: None,
        };
        Topology::initial(vec![node(1), node(2)], 1).unwrap()
    }

    fn said(life: u64, shard: Option<usize>, epoch: u64, offset: u64) -> Said {
        Said {
            status: Status {
                incarnation: Incarnation(life),
                role: None,
                seen_epoch: Epoch(0),
                seen_rev: Version(0),
                position: Position {
                    last_epoch: Epoch(epoch),
                    offset: Offset(offset),
                },
                is_syncing: false,
                needs_sync: false,
                cannot_write: false,
                leading: None,
            },
            shard: shard.map(ShardId::numbered),
            settings: None,
        }
    }

    fn adopted(now: &Topology, all: &[(usize, Said)], has_waited: bool) -> Option<Topology> {
        let names: Vec<NodeId> = all.iter().map(|(number, _)| node_id(*number)).collect();
        let heard: Heard<'_> = names.iter().zip(all.iter().map(|(_, said)| said)).collect();
        let (next, problems) = adopt(now, &heard, has_waited);
        assert_eq!(problems, []);
        next
    }

    #[test]
    fn the_primary_that_was_named_leads_and_the_others_copy() {
        let now = topology();
        let both = [(1, said(11, None, 0, 0)), (2, said(22, None, 0, 0))];
        assert_eq!(adopted(&now, &both[..1], false), None, "n2 is waited for");
        let next = adopted(&now, &both, false).unwrap();
        assert_eq!(next.version, Version(2));
        let shard = &next.shards[0];
        assert_eq!(shard.in_sync, [(node_id(1), Some(Incarnation(11)))].into());
        assert_eq!(shard.learners, [(node_id(2), Some(Incarnation(22)))].into());
        assert_eq!(adopted(&next, &both, true), None, "all is known");
    }

    #[test]
    fn one_that_has_come_from_elsewhere_is_listed_there_once_it_is_gone() {
        let now = topology();
        let came = |port| [(node_id(2), Address::loopback(port))].into();
        assert_eq!(moved(&now, &came(7009), |_| false), None);
        let next = moved(&now, &came(7009), |_| true).unwrap();
        assert_eq!(next.version, Version(2));
        assert_eq!(
            next.node(&node_id(2)).unwrap().address,
            Address::loopback(7009)
        );
        assert_eq!(moved(&now, &came(7001), |_| true), None, "n1 is there");
    }

    #[test]
    fn one_that_comes_late_is_named_when_it_is_heard() {
        let first = [(1, said(11, None, 0, 0))];
        let next = adopted(&topology(), &first, true).unwrap();
        assert_eq!(next.shards[0].learners, [(node_id(2), None)].into());
        let late = [(1, said(11, Some(1), 1, 9)), (2, said(22, None, 0, 0))];
        let next = adopted(&next, &late, false).unwrap();
        assert_eq!(
            next.shards[0].learners,
            [(node_id(2), Some(Incarnation(22)))].into()
        );
    }

    #[test]
    fn a_shard_begins_above_all_epochs_that_its_nodes_have_seen() {
        let mut both = [(1, said(11, Some(1), 6, 9)), (2, said(22, Some(1), 4, 50))];
        // It was lost, and begins with its first version again.
        both[1].1.status.seen_rev = Version(30);
        let next = adopted(&topology(), &both, false).unwrap();
        assert_eq!(next.shards[0].epoch, Epoch(7));
        assert_eq!(next.version, Version(31));
    }

    #[test]
    fn a_topology_that_is_older_than_what_nodes_obey_is_raised_above_it() {
        let now = topology();
        let names = [node_id(1), node_id(2)];
        let mut both = [said(11, Some(1), 3, 40), said(22, Some(1), 4, 50)];
        let raise = |both: &[Said], count: usize| {
            let heard: Heard<'_> = names.iter().zip(both).take(count).collect();
            raised(&now, &heard)
        };
        assert_eq!(raise(&both, 2), None, "they have seen nothing newer");
        both[0].status.seen_epoch = Epoch(8);
        assert_eq!(raise(&both, 1), None, "n2 is to be heard");
        let stranger = (node_id(3), said(33, Some(1), 7, 60));
        let heard: Heard<'_> = names.iter().zip(&both).collect();
        let mut with_stranger = heard;
        with_stranger.insert(&stranger.0, &stranger.1);
        assert_eq!(raised(&now, &with_stranger), None, "n3 has led since");
        let next = raise(&both, 2).unwrap();
        let shard = &next.shards[0];
        assert_eq!((shard.epoch, &shard.primary), (Epoch(9), &node_id(2)));
        assert_eq!(shard.in_sync, [(node_id(2), Some(Incarnation(22)))].into());
        assert_eq!(shard.learners, [(node_id(1), Some(Incarnation(11)))].into());
    }

    #[test]
    fn one_that_has_more_than_a_primary_that_began_without_it_stays_as_it_is() {
        let first = [(1, said(11, None, 0, 0))];
        let begun = adopted(&topology(), &first, true).unwrap();
        let (one, two) = (said(11, Some(1), 1, 40), said(22, Some(1), 3, 900));
        let names = [node_id(1), node_id(2)];
        let heard: Heard<'_> = names.iter().zip([&one, &two]).collect();
        let (next, problems) = adopt(&begun, &heard, true);
        assert_eq!(next, None);
        assert!(matches!(problems[..], [NotAdopted::HasMore { .. }]));
    }

    #[test]
    fn nobody_is_made_a_copy_of_one_that_has_less_or_another_shards_keys() {
        let heard = |all: &[(usize, Said)]| {
            let names: Vec<NodeId> = all.iter().map(|(number, _)| node_id(*number)).collect();
            let heard: Heard<'_> = names.iter().zip(all.iter().map(|(_, said)| said)).collect();
            adopt(&topology(), &heard, true)
        };
        let emptied = [(1, said(11, None, 0, 0)), (2, said(22, Some(1), 4, 50))];
        let (next, problems) = heard(&emptied);
        assert_eq!(next, None);
        assert!(matches!(problems[..], [NotAdopted::HasMore { .. }]));
        let (next, problems) = heard(&[(1, said(11, Some(2), 1, 9))]);
        assert_eq!(next, None);
        assert!(matches!(problems[..], [NotAdopted::OtherShard { .. }]));
        let other = [(1, said(11, None, 0, 0)), (2, said(22, Some(2), 4, 50))];
        let (next, _) = heard(&other);
        let learners = &next.unwrap().shards[0].learners;
        assert_eq!(*learners, [(node_id(2), None)].into(), "it has other keys");
    }
}
