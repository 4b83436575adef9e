//! A topology as people read it on a terminal: a block per shard, a line per node in it. Pure.

use super::{Member, Node, NodeKind, Shard, Topology};
use crate::slot::SLOT_COUNT;

/// What a node is to its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It leads.
    Primary,
    /// It has every acknowledged write.
    InSync,
    /// It copies.
    Learner,
}

impl Place {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::InSync => "in sync",
            Self::Learner => "learner",
        }
    }
}

/// The table. `more` is what is known of a member beside what the topology says, and follows a comma; nothing where it is empty.
#[must_use]
pub fn table(
    topology: &Topology,
    more: impl Fn(&Shard, Place, &Member) -> Option<String>,
) -> String {
    let mut lines = vec![summary(topology)];
    for shard in &topology.shards {
        let slots = shard.slots.len();
        let percent = slots * 1_000 / usize::from(SLOT_COUNT);
        lines.push(format!(
            "\nshard {}  epoch {}  weight {}  {}{} ({}.{} %)",
            shard.id,
            shard.epoch,
            shard.weight,
            copies(shard),
            count(slots, "slot"),
            percent / 10,
            percent % 10
        ));
        for (place, member) in places(shard) {
            if let Some(node) = topology.node(&member.node) {
                let mut line = format!("  {:<8} {}", place.word(), node_line(node));
                if let Some(incarnation) = member.incarnation {
                    line.push_str(&format!(", incarnation {incarnation}"));
                }
                if let Some(more) = more(shard, place, &member) {
                    line.push_str(&format!(", {more}"));
                }
                lines.push(line);
            }
        }
        lines.push(format!("  slots    {}", shard.slots));
    }
    let spare = topology
        .nodes
        .iter()
        .filter(|node| topology.shard_of_node(&node.id).is_none());
    lines.extend(spare.map(|node| format!("\nspare      {}", node_line(node))));
    lines.extend(topology.losses.iter().map(|loss| format!("\n{loss}")));
    lines.join("\n")
}

/// `version 3 has 2 shards and 4 nodes`.
#[must_use]
pub fn summary(topology: &Topology) -> String {
    format!(
        "version {} has {} and {}",
        topology.version,
        count(topology.shards.len(), "shard"),
        count(topology.nodes.len(), "node")
    )
}

/// `1 slot`, `2 slots`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Everybody in the shard, the primary first. A node that was in sync and copies in its next life is there twice.
pub fn places(shard: &Shard) -> impl Iterator<Item = (Place, Member)> {
    let (primary, in_sync): (Vec<Member>, Vec<Member>) =
        Member::all(&shard.in_sync).partition(|member| member.node == shard.primary);
    let primary = primary.into_iter().map(|member| (Place::Primary, member));
    let in_sync = in_sync.into_iter().map(|member| (Place::InSync, member));
    let learners = Member::all(&shard.learners).map(|member| (Place::Learner, member));
    primary.chain(in_sync).chain(learners)
}

/// `2 copies, 1 in sync at least  `; nothing for a shard that is a single plain node.
fn copies(shard: &Shard) -> String {
    if !shard.is_guarded() {
        return String::new();
    }
    let copies = if shard.copies == 1 { "copy" } else { "copies" };
    format!(
        "{} {copies}, {} in sync at least  ",
        shard.copies, shard.min_in_sync
    )
}

fn node_line(node: &Node) -> String {
    let mut line = format!("{} at {}", node.id, node.address);
    if node.kind != NodeKind::Switchyard {
        line.push_str(&format!(", {}", node.kind));
    }
    if let Some(zone) = &node.zone {
        line.push_str(&format!(", zone {zone}"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{Incarnation, sample};

    #[test]
    fn a_topology_is_shown_by_shard_and_node() {
        let mut topology = sample::two_shards();
        topology.nodes.push(sample::node(4));
        topology.record_loss("s1".parse().unwrap(), "rack 7 is off".parse().unwrap());
        let more = |_: &Shard, place: Place, _: &Member| {
            (place == Place::Learner).then(|| "lag 0".to_owned())
        };
        assert_eq!(
            table(&topology, more),
            "\
version 1 has 2 shards and 4 nodes

shard s1  epoch 1  weight 100  2 copies, 1 in sync at least  8192 slots (50.0 %)
  primary  n1 at 127.0.0.1:7001
  learner  n2 at 127.0.0.1:7002, lag 0
  slots    0-8191

shard s2  epoch 1  weight 100  8192 slots (50.0 %)
  primary  n3 at 127.0.0.1:7003
  slots    8192-16383

spare      n4 at 127.0.0.1:7004

acknowledged writes of shard s1 were given up at version 1: \"rack 7 is off\""
        );
    }

    #[test]
    fn lives_are_shown_where_they_are_known() {
        let mut topology = sample::two_shards();
        let shard = &mut topology.shards[0];
        let node = shard.learners.first_key_value().unwrap().0.clone();
        shard.in_sync.insert(node.clone(), Some(Incarnation(1)));
        shard.learners.insert(node, Some(Incarnation(2)));
        let shown = table(&topology, |_, _, _| None);
        let members: Vec<&str> = shown.lines().skip(3).take(3).collect();
        assert_eq!(
            members,
            [
                "  primary  n1 at 127.0.0.1:7001",
                "  in sync  n2 at 127.0.0.1:7002, incarnation 0000000000000001",
                "  learner  n2 at 127.0.0.1:7002, incarnation 0000000000000002",
            ]
        );
    }
}
