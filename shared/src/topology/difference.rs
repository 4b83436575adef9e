//! What stands between two topologies, for people who are about to put the second in place of the first. Pure.

use super::{
    ClusterId, Colocation, DEFAULT_MIN_IN_SYNC, Lives, Loss, Member, Node, NodeId, Shard, ShardId,
    Topology, Version,
};
use crate::slot::SlotSet;
use std::fmt;

/// One difference between an older and a newer topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Proxies take a newer version only.
    Version(Version, Version),
    /// A node that is new.
    NodeAdded(Node),
    /// A node that is gone.
    NodeRemoved(NodeId),
    /// A node of which something else is told.
    NodeChanged(Node, Node),
    /// A shard that is new.
    ShardAdded(ShardId),
    /// A shard that is gone.
    ShardRemoved(ShardId),
    /// A shard whose members, epoch, weight or numbers of copies differ; slots are told apart.
    ShardChanged(Box<Shard>, Box<Shard>),
    /// Slots that go from one owner to another.
    SlotsMoved {
        /// The owner before.
        from: ShardId,
        /// The owner after.
        to: ShardId,
        /// The slots.
        slots: SlotSet,
    },
    /// A loss that an operator has accepted.
    LossAccepted(Loss),
    /// One that is not listed any more.
    LossForgotten(Loss),
    /// The cluster that it says it is of.
    Cluster(Option<ClusterId>, Option<ClusterId>),
    /// A rule about keys that share a slot, which is new or another than before.
    Colocated(Colocation),
    /// One that is gone.
    Scattered(String),
}

/// Everything that differs, in the order of the newer topology.
#[must_use]
pub fn differences(old: &Topology, new: &Topology) -> Vec<Difference> {
    let mut found = Vec::new();
    if old.version != new.version {
        found.push(Difference::Version(old.version, new.version));
    }
    if old.cluster != new.cluster {
        found.push(Difference::Cluster(
            old.cluster.clone(),
            new.cluster.clone(),
        ));
    }
    for node in &new.nodes {
        match old.node(&node.id) {
            None => found.push(Difference::NodeAdded(node.clone())),
            Some(before) if before != node => {
                found.push(Difference::NodeChanged(before.clone(), node.clone()));
            }
            Some(_) => {}
        }
    }
    let gone = old.nodes.iter().filter(|node| new.node(&node.id).is_none());
    found.extend(gone.map(|node| Difference::NodeRemoved(node.id.clone())));
    for shard in &new.shards {
        match old.shard(&shard.id) {
            None => found.push(Difference::ShardAdded(shard.id.clone())),
            Some(before) if told(before) != told(shard) => {
                let (before, shard) = (Box::new(before.clone()), Box::new(shard.clone()));
                found.push(Difference::ShardChanged(before, shard));
            }
            Some(_) => {}
        }
    }
    let gone = old.shards.iter().filter(|s| new.shard(&s.id).is_none());
    found.extend(gone.map(|shard| Difference::ShardRemoved(shard.id.clone())));
    for from in &old.shards {
        for to in new.shards.iter().filter(|to| to.id != from.id) {
            let slots = from.slots.intersection(&to.slots);
            if !slots.is_empty() {
                let (from, to) = (from.id.clone(), to.id.clone());
                found.push(Difference::SlotsMoved { from, to, slots });
            }
        }
    }
    let only_in = |these: &Topology, those: &Topology| {
        let mut losses = these.losses.clone();
        losses.retain(|loss| !those.losses.contains(loss));
        losses
    };
    found.extend(only_in(new, old).into_iter().map(Difference::LossAccepted));
    found.extend(only_in(old, new).into_iter().map(Difference::LossForgotten));
    let is_new = |rule: &&Colocation| !old.colocations.contains(rule);
    let new_rules = new.colocations.iter().filter(is_new);
    found.extend(new_rules.cloned().map(Difference::Colocated));
    let is_gone = |rule: &&Colocation| new.colocations.iter().all(|other| other.name != rule.name);
    let gone = old.colocations.iter().filter(is_gone);
    found.extend(gone.map(|rule| Difference::Scattered(rule.name.clone())));
    found
}

/// A shard in one line, without its slots; as in the text, numbers of copies where they say something.
fn told(shard: &Shard) -> String {
    let names = |lives: &Lives| {
        let names: Vec<String> = Member::all(lives)
            .map(|member| member.to_string())
            .collect();
        names.join(",")
    };
    let mut text = format!(
        "epoch {}, weight {}, primary {}, in sync [{}], learners [{}]",
        shard.epoch,
        shard.weight,
        shard.primary,
        names(&shard.in_sync),
        names(&shard.learners)
    );
    if shard.copies != shard.listed_copies() {
        text.push_str(&format!(", copies {}", shard.copies));
    }
    if shard.min_in_sync != DEFAULT_MIN_IN_SYNC {
        text.push_str(&format!(", min in sync {}", shard.min_in_sync));
    }
    text
}

fn told_node(node: &Node) -> String {
    let mut text = format!("{} ({}", node.address, node.kind);
    if let Some(zone) = &node.zone {
        text.push_str(&format!(", zone {zone}"));
    }
    text.push(')');
    text
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(old, new) => write!(out, "version {old} → {new}"),
            Self::NodeAdded(node) => write!(out, "node {} is new: {}", node.id, told_node(node)),
            Self::NodeRemoved(id) => write!(out, "node {id} is gone"),
            Self::NodeChanged(old, new) => {
                write!(
                    out,
                    "node {}: {} → {}",
                    new.id,
                    told_node(old),
                    told_node(new)
                )
            }
            Self::ShardAdded(id) => write!(out, "shard {id} is new"),
            Self::ShardRemoved(id) => write!(out, "shard {id} is gone"),
            Self::ShardChanged(old, new) => {
                write!(out, "shard {}: {} → {}", new.id, told(old), told(new))
            }
            Self::SlotsMoved { from, to, slots } => {
                write!(
                    out,
                    "{} slots move from {from} to {to}: {slots}",
                    slots.len()
                )
            }
            Self::LossAccepted(loss) => loss.fmt(out),
            Self::LossForgotten(loss) => write!(out, "no longer listed: {loss}"),
            Self::Cluster(old, new) => {
                let name = |cluster: &Option<ClusterId>| match cluster {
                    Some(cluster) => cluster.to_string(),
                    None => "none".to_owned(),
                };
                write!(
                    out,
                    "cluster {} → {}: nodes that belong to the one obey nobody of the other",
                    name(old),
                    name(new)
                )
            }
            Self::Colocated(rule) => {
                write!(out, "{} share the slot of {:?}", rule.meant(), rule.name)
            }
            Self::Scattered(name) => {
                write!(out, "keys that shared the slot of {name:?} do so no more")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{Change, Incarnation, sample};

    fn check(change: &Change, expected: &[&str]) {
        let old = sample::two_shards();
        let texts: Vec<String> = differences(&old, &old.apply(change).unwrap())
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn another_life_is_a_difference() {
        let old = sample::two_shards();
        let mut new = old.clone();
        let life = Some(Incarnation(0xABC));
        new.shards[0].in_sync.insert("n1".parse().unwrap(), life);
        let texts: Vec<String> = differences(&old, &new)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            texts,
            [
                "shard s1: epoch 1, weight 100, primary n1, in sync [n1], learners [n2] → epoch 1, weight 100, primary n1, in sync [n1@0000000000000abc], learners [n2]"
            ]
        );
    }

    #[test]
    fn copies_minima_and_losses_are_differences() {
        let mut old = sample::two_shards();
        old.record_loss("s1".parse().unwrap(), "rack 7 is off".parse().unwrap());
        let mut new = sample::two_shards();
        new.shards[1].copies = 3;
        new.shards[1].min_in_sync = 2;
        new.record_loss("s2".parse().unwrap(), "it burnt".parse().unwrap());
        let texts: Vec<String> = differences(&old, &new)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            texts,
            [
                "shard s2: epoch 1, weight 100, primary n3, in sync [n3], learners [] → epoch 1, weight 100, primary n3, in sync [n3], learners [], copies 3, min in sync 2",
                "acknowledged writes of shard s2 were given up at version 1: \"it burnt\"",
                "no longer listed: acknowledged writes of shard s1 were given up at version 1: \"rack 7 is off\"",
            ]
        );
    }

    #[test]
    fn differences_are_told_in_words() {
        assert_eq!(
            differences(&sample::two_shards(), &sample::two_shards()),
            []
        );
        check(
            &Change::AddNode(sample::node(4)),
            &[
                "version 1 → 2",
                "node n4 is new: 127.0.0.1:7004 (switchyard)",
            ],
        );
        check(
            &Change::MoveSlots {
                slots: "100-200 16000".parse().unwrap(),
                target: "s2".parse().unwrap(),
            },
            &[
                "version 1 → 2",
                "shard s1: epoch 1, weight 100, primary n1, in sync [n1], learners [n2] → epoch 2, weight 100, primary n1, in sync [n1], learners [n2]",
                "shard s2: epoch 1, weight 100, primary n3, in sync [n3], learners [] → epoch 2, weight 100, primary n3, in sync [n3], learners []",
                "101 slots move from s1 to s2: 100-200",
            ],
        );
    }
}
