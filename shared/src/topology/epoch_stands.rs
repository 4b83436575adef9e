//! Which shards get another primary between two topologies without a new epoch, so that their nodes would refuse everybody. Pure.

use super::{Shard, ShardId, Topology, Version};
use std::fmt;

/// A step that nodes would not follow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "version {from} → {to}: {}; nodes tell a shard's primaries apart by its epoch, so raise that with every change of its primary",
    Listed(shards)
)]
pub struct EpochStands {
    /// The version in use.
    pub from: Version,
    /// The version that would follow.
    pub to: Version,
    /// The shards, and whether the epoch falls (or the primary changes and the epoch does not).
    pub shards: Vec<(ShardId, bool)>,
}

struct Listed<'a>(&'a [(ShardId, bool)]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (shard, falls)) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            let what = if *falls {
                "has a lower epoch than before"
            } else {
                "has another primary at the same epoch"
            };
            write!(out, "{comma}shard {shard} {what}")?;
        }
        Ok(())
    }
}

/// The shards that proxies look after whose primary changes from `old` to `new` while the epoch does not rise. A life that becomes known is no change.
#[must_use]
pub fn epoch_stands(old: &Topology, new: &Topology) -> Option<EpochStands> {
    let stands = |after: &Shard| {
        let before = old.shard(&after.id)?;
        if !(before.is_guarded() || after.is_guarded()) {
            return None;
        }
        let life = |shard: &Shard| shard.in_sync.get(&shard.primary).copied().flatten();
        let is_other = before.primary != after.primary
            || life(before)
                .zip(life(after))
                .is_some_and(|(before, after)| before != after);
        let falls = after.epoch < before.epoch;
        (falls || is_other && after.epoch == before.epoch).then(|| (after.id.clone(), falls))
    };
    let shards: Vec<_> = new.shards.iter().filter_map(stands).collect();
    (!shards.is_empty()).then_some(EpochStands {
        from: old.version,
        to: new.version,
        shards,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{Address, Epoch, Incarnation, Node, NodeId, NodeKind};

    /// n1 leads s1 and n2 copies, or nobody does.
    fn topology(followers: usize) -> Topology {
        let node = |number: u16| Node {
            id: NodeId::numbered(number.into()),
            address: Address::loopback(7000 + number),
            kind: NodeKind::Switchyard,
            zone: None,
        };
        let nodes = if followers == 1 { 1..=2 } else { 1..=1 };
        Topology::initial(nodes.map(node).collect(), followers).unwrap()
    }

    fn step(followers: usize, change: impl Fn(&mut Topology)) -> Option<String> {
        let old = topology(followers);
        let mut new = old.clone();
        new.version = old.version.next();
        change(&mut new);
        epoch_stands(&old, &new).map(|stands| stands.to_string())
    }

    fn lead(topology: &mut Topology, number: usize, life: Option<u64>) {
        let shard = &mut topology.shards[0];
        shard.primary = NodeId::numbered(number);
        shard.in_sync = [(NodeId::numbered(number), life.map(Incarnation))].into();
    }

    #[test]
    fn another_primary_needs_a_new_epoch() {
        let said = step(1, |new| lead(new, 2, None)).unwrap();
        let expected = "version 1 → 2: shard s1 has another primary at the same epoch; ";
        assert!(said.starts_with(expected), "{said}");
        let risen = |new: &mut Topology| {
            lead(new, 2, None);
            new.shards[0].epoch = Epoch(2);
        };
        assert_eq!(step(1, risen), None);
        assert_eq!(step(1, |new| lead(new, 1, Some(7))), None, "it is heard");
        assert!(step(1, |new| new.shards[0].epoch = Epoch(0)).is_some());
        let old = {
            let mut old = topology(1);
            lead(&mut old, 1, Some(7));
            old
        };
        let mut new = old.clone();
        lead(&mut new, 1, Some(8));
        assert!(epoch_stands(&old, &new).is_some(), "another life");
    }

    #[test]
    fn single_plain_nodes_know_no_epochs() {
        assert_eq!(step(0, |new| new.shards[0].epoch = Epoch(0)), None);
    }
}
