//! What every topology obeys, whoever wrote it. All violations are reported together. Pure.

use super::{
    Address, Colocation, Incarnation, KeyPrefix, LONGEST_COLOCATION, Loss, MAX_COLOCATIONS,
    MAX_COPIES, MAX_LOSSES, MAX_NODES, MAX_PATTERNS, MAX_SHARDS, NodeId, NodeKind, Shard, ShardId,
    Topology, Version,
};
use crate::slot::SlotSet;
use std::collections::{HashMap, HashSet};

/// One way in which a topology is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// More nodes than proxies are built for.
    #[error("there are {0} nodes; {MAX_NODES} are the most")]
    TooManyNodes(usize),
    /// More shards than proxies are built for.
    #[error("there are {0} shards; {MAX_SHARDS} are the most")]
    TooManyShards(usize),
    /// Two nodes of one name.
    #[error("two nodes are called {0}; give each a name of its own")]
    NodeTwice(NodeId),
    /// Two shards of one name.
    #[error("two shards are called {0}; give each a name of its own")]
    ShardTwice(ShardId),
    /// Two nodes at one place.
    #[error("nodes {first} and {second} have the same address {address}")]
    AddressTwice {
        /// The node that is listed first.
        first: NodeId,
        /// The node that is listed later.
        second: NodeId,
        /// The address of both.
        address: Address,
    },
    /// An address that nobody can connect to.
    #[error("node {0} has port 0, which nobody can connect to")]
    NoPort(NodeId),
    /// A member that is no node.
    #[error("shard {shard} names node {node}, which does not exist")]
    UnknownNode {
        /// The shard.
        shard: ShardId,
        /// The missing node.
        node: NodeId,
    },
    /// The primary has by definition every acknowledged write.
    #[error("shard {shard}: its primary {node} is missing in its in-sync set")]
    PrimaryNotInSync {
        /// The shard.
        shard: ShardId,
        /// Its primary.
        node: NodeId,
    },
    /// A node that has all data and is still copying it, in one life as far as anybody knows.
    #[error(
        "shard {shard}: node {node} is both in sync and a learner, and not in two lives that are told apart"
    )]
    InSyncAndLearner {
        /// The shard.
        shard: ShardId,
        /// The node.
        node: NodeId,
    },
    /// No copy at all, or more than proxies are built for.
    #[error("shard {shard} is to have {copies} copies; it may be 1 to {MAX_COPIES}")]
    Copies {
        /// The shard.
        shard: ShardId,
        /// How many it is to have.
        copies: usize,
    },
    /// Writes would wait for copies that are never there, or for none.
    #[error("shard {shard}: min-in-sync is {min_in_sync}; it may be 1 to {copies}, its copies")]
    MinInSync {
        /// The shard.
        shard: ShardId,
        /// How many copies must have every acknowledged write.
        min_in_sync: usize,
        /// How many it is to have.
        copies: usize,
    },
    /// Plain servers and nodes of ours do not follow each other under orders.
    #[error(
        "shard {shard}: node {node} is of another kind than its primary; a shard has nodes of one kind"
    )]
    KindsMixed {
        /// The shard.
        shard: ShardId,
        /// A member of another kind.
        node: NodeId,
    },
    /// Plain servers acknowledge writes without asking anybody.
    #[error(
        "shard {shard} is of plain Redis servers, which acknowledge writes that no other has; min-in-sync can only be 1"
    )]
    PlainMinInSync {
        /// The shard.
        shard: ShardId,
    },
    /// A node that would hold the data of two shards.
    #[error("node {node} belongs to shard {first} and to shard {second}")]
    NodeInTwoShards {
        /// The node.
        node: NodeId,
        /// The shard that is listed first.
        first: ShardId,
        /// The shard that is listed later.
        second: ShardId,
    },
    /// Slots that two shards own.
    #[error("{} owned by shard {first} and by shard {second}", subject(slots))]
    OwnedTwice {
        /// The slots.
        slots: SlotSet,
        /// The shard that is listed first.
        first: ShardId,
        /// The shard that is listed later.
        second: ShardId,
    },
    /// Slots whose keys would live nowhere.
    #[error("{} owned by no shard", subject(.0))]
    Unowned(SlotSet),
    /// A name to which the cluster's cannot be added.
    #[error("shard {0} has too long a name for a topology that names its cluster")]
    LongWithCluster(ShardId),
    /// More rules than proxies are built for.
    #[error("there are {0} [[colocate]] rules; {MAX_COLOCATIONS} are the most")]
    TooManyColocations(usize),
    /// A rule without a name, or with one that is too long, or that another one has.
    #[error(
        "a [[colocate]] rule is called {0:?}; each has a name of its own, of 1 to {LONGEST_COLOCATION} bytes"
    )]
    ColocationName(String),
    /// A rule that means no keys, or has more patterns than proxies are built for.
    #[error("[[colocate]] {name:?} has {count} patterns; it may be 1 to {MAX_PATTERNS}")]
    ColocationPatterns {
        /// The rule.
        name: String,
        /// How many it has.
        count: usize,
    },
    /// One database in two rules, or twice in one.
    #[error("database {0} is in [[colocate]] twice; its keys have one slot")]
    DatabaseTwice(u8),
    /// One pattern in two rules, or twice in one.
    #[error("the pattern {0} is in [[colocate]] twice; its keys have one slot")]
    ColocatedTwice(KeyPrefix),
    /// More accepted losses than a document keeps.
    #[error("there are {0} accepted losses; {MAX_LOSSES} are the most, take the oldest out")]
    TooManyLosses(usize),
    /// A loss that was accepted by a version which is not there yet.
    #[error(
        "a loss of shard {shard} was accepted at version {version}, which is ahead of the topology's own"
    )]
    LossAhead {
        /// The shard.
        shard: ShardId,
        /// When it was accepted.
        version: Version,
    },
}

/// `slot 7 is`, `slots 7 9-11 are`.
fn subject(slots: &SlotSet) -> String {
    match slots.len() {
        1 => format!("slot {slots} is"),
        _ => format!("slots {slots} are"),
    }
}

impl Violation {
    /// The node or shard that a reader should look at, the later of two; `None` when it is the whole document.
    #[must_use]
    pub fn subject(&self) -> Option<Subject<'_>> {
        match self {
            Self::TooManyNodes(_)
            | Self::TooManyShards(_)
            | Self::TooManyColocations(_)
            | Self::ColocationName(_)
            | Self::ColocationPatterns { .. }
            | Self::ColocatedTwice(_)
            | Self::DatabaseTwice(_)
            | Self::Unowned(_)
            | Self::TooManyLosses(_)
            | Self::LossAhead { .. } => None,
            Self::NodeTwice(node) | Self::NoPort(node) => Some(Subject::Node(node)),
            Self::AddressTwice { second, .. } => Some(Subject::Node(second)),
            Self::LongWithCluster(shard)
            | Self::ShardTwice(shard)
            | Self::UnknownNode { shard, .. }
            | Self::PrimaryNotInSync { shard, .. }
            | Self::Copies { shard, .. }
            | Self::MinInSync { shard, .. }
            | Self::KindsMixed { shard, .. }
            | Self::PlainMinInSync { shard }
            | Self::InSyncAndLearner { shard, .. } => Some(Subject::Shard(shard)),
            Self::NodeInTwoShards { second, .. } | Self::OwnedTwice { second, .. } => {
                Some(Subject::Shard(second))
            }
        }
    }
}

/// What a [`Violation`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A node.
    Node(&'a NodeId),
    /// A shard.
    Shard(&'a ShardId),
}

/// Every violation in `topology`, those of nodes first; none when all is well.
#[must_use]
pub fn violations(topology: &Topology) -> Vec<Violation> {
    let mut found = Vec::new();
    let (nodes, shards) = (topology.nodes.len(), topology.shards.len());
    if nodes > MAX_NODES {
        found.push(Violation::TooManyNodes(nodes));
    }
    if shards > MAX_SHARDS {
        found.push(Violation::TooManyShards(shards));
    }
    if !found.is_empty() {
        // The rest takes time and space that grow with the counts.
        return found;
    }
    check_nodes(topology, &mut found);
    check_members(topology, &mut found);
    check_slots(topology, &mut found);
    check_losses(topology, &mut found);
    if let Some(cluster) = &topology.cluster {
        let long = topology
            .shards
            .iter()
            .filter(|shard| !cluster.fits(&shard.id));
        found.extend(long.map(|shard| Violation::LongWithCluster(shard.id.clone())));
    }
    check_colocations(&topology.colocations, &mut found);
    found
}

fn check_colocations(rules: &[Colocation], found: &mut Vec<Violation>) {
    if rules.len() > MAX_COLOCATIONS {
        found.push(Violation::TooManyColocations(rules.len()));
        return;
    }
    let (mut names, mut patterns, mut taken) = (HashSet::new(), HashSet::new(), HashSet::new());
    for Colocation {
        name,
        keys,
        databases,
    } in rules
    {
        let is_name = (1..=LONGEST_COLOCATION).contains(&name.len());
        if !is_name || !names.insert(name) {
            found.push(Violation::ColocationName(name.clone()));
        }
        let least = usize::from(databases.is_empty());
        if !(least..=MAX_PATTERNS).contains(&keys.len()) {
            found.push(Violation::ColocationPatterns {
                name: name.clone(),
                count: keys.len(),
            });
        }
        let twice = keys.iter().filter(|key| !patterns.insert(*key));
        found.extend(twice.cloned().map(Violation::ColocatedTwice));
        let twice = databases.iter().filter(|database| !taken.insert(*database));
        found.extend(twice.copied().map(Violation::DatabaseTwice));
    }
}

fn check_nodes(topology: &Topology, found: &mut Vec<Violation>) {
    let mut at: HashMap<&Address, &NodeId> = HashMap::new();
    let mut named: HashMap<&NodeId, ()> = HashMap::new();
    for node in &topology.nodes {
        if named.insert(&node.id, ()).is_some() {
            found.push(Violation::NodeTwice(node.id.clone()));
        }
        if node.address.port() == 0 {
            found.push(Violation::NoPort(node.id.clone()));
        } else if let Some(first) = at.insert(&node.address, &node.id) {
            found.push(Violation::AddressTwice {
                first: first.clone(),
                second: node.id.clone(),
                address: node.address.clone(),
            });
        }
    }
}

fn check_members(topology: &Topology, found: &mut Vec<Violation>) {
    let nodes = topology.nodes.iter().map(|node| (&node.id, node.kind));
    let nodes: HashMap<&NodeId, NodeKind> = nodes.collect();
    let mut shard_of: HashMap<&NodeId, &ShardId> = HashMap::new();
    let mut named: HashMap<&ShardId, ()> = HashMap::new();
    for shard in &topology.shards {
        if named.insert(&shard.id, ()).is_some() {
            found.push(Violation::ShardTwice(shard.id.clone()));
        }
        check_copies(shard, found);
        let kind = nodes.get(&shard.primary);
        if kind == Some(&NodeKind::Redis) && shard.min_in_sync > 1 {
            let shard = shard.id.clone();
            found.push(Violation::PlainMinInSync { shard });
        }
        for node in shard.members() {
            if !nodes.contains_key(node) {
                found.push(Violation::UnknownNode {
                    shard: shard.id.clone(),
                    node: node.clone(),
                });
            }
            if kind.is_some_and(|kind| nodes.get(node).is_some_and(|other| other != kind)) {
                found.push(Violation::KindsMixed {
                    shard: shard.id.clone(),
                    node: node.clone(),
                });
            }
            match shard_of.insert(node, &shard.id) {
                Some(first) if *first != shard.id => found.push(Violation::NodeInTwoShards {
                    node: node.clone(),
                    first: first.clone(),
                    second: shard.id.clone(),
                }),
                _ => {}
            }
        }
    }
}

fn check_copies(shard: &Shard, found: &mut Vec<Violation>) {
    let (copies, min_in_sync) = (shard.copies, shard.min_in_sync);
    if !(1..=MAX_COPIES).contains(&copies) {
        let shard = shard.id.clone();
        found.push(Violation::Copies { shard, copies });
    } else if !(1..=copies).contains(&min_in_sync) {
        found.push(Violation::MinInSync {
            shard: shard.id.clone(),
            min_in_sync,
            copies,
        });
    }
    if !shard.in_sync.contains_key(&shard.primary) {
        found.push(Violation::PrimaryNotInSync {
            shard: shard.id.clone(),
            node: shard.primary.clone(),
        });
    }
    for (node, life) in &shard.in_sync {
        // A node that was in sync and has restarted copies in its new life.
        let are_apart =
            |learner: &Option<Incarnation>| life.is_some() && learner.is_some() && life != learner;
        if shard.learners.get(node).is_some_and(|it| !are_apart(it)) {
            found.push(Violation::InSyncAndLearner {
                shard: shard.id.clone(),
                node: node.clone(),
            });
        }
    }
}

fn check_slots(topology: &Topology, found: &mut Vec<Violation>) {
    let mut owned = SlotSet::empty();
    for (place, shard) in topology.shards.iter().enumerate() {
        if !owned.is_disjoint(&shard.slots) {
            for other in &topology.shards[..place] {
                let both = other.slots.intersection(&shard.slots);
                if !both.is_empty() {
                    found.push(Violation::OwnedTwice {
                        slots: both,
                        first: other.id.clone(),
                        second: shard.id.clone(),
                    });
                }
            }
        }
        owned = owned.union(&shard.slots);
    }
    if owned != SlotSet::full() {
        found.push(Violation::Unowned(owned.complement()));
    }
}

fn check_losses(topology: &Topology, found: &mut Vec<Violation>) {
    if topology.losses.len() > MAX_LOSSES {
        found.push(Violation::TooManyLosses(topology.losses.len()));
    }
    let is_ahead = |loss: &&Loss| loss.version > topology.version;
    found.extend(
        topology
            .losses
            .iter()
            .filter(is_ahead)
            .map(|loss| Violation::LossAhead {
                shard: loss.shard.clone(),
                version: loss.version,
            }),
    );
}

/// What is allowed but worth knowing: sentences for `topology check`.
#[must_use]
pub fn remarks(topology: &Topology) -> Vec<String> {
    let mut remarks = Vec::new();
    for node in &topology.nodes {
        if node.kind == NodeKind::Redis {
            remarks.push(format!(
                "node {} is a plain Redis server: it cannot be fenced, and acknowledges writes that a failover may lose",
                node.id
            ));
        }
        if topology.shard_of_node(&node.id).is_none() {
            remarks.push(format!("node {} is spare: no shard uses it", node.id));
        }
    }
    for shard in &topology.shards {
        if shard.is_guarded() && topology.kind_of(shard) == NodeKind::Redis {
            remarks.push(format!(
                "shard {} is of plain Redis servers: proxies let a follower lead when its primary is gone, but two may lead while a proxy routes by an older topology, what the one that is given up has acknowledged is lost, and acks = \"in-sync\" and read-from = \"linearizable\" are without effect",
                shard.id
            ));
        }
        if shard.slots.is_empty() {
            remarks.push(format!("shard {} owns no slots", shard.id));
        }
        if shard.followers().next().is_none() {
            remarks.push(format!(
                "shard {} has no follower: its keys are lost with node {}",
                shard.id, shard.primary
            ));
        }
        let nodes = shard.listed_copies();
        if nodes < shard.copies {
            remarks.push(format!(
                "shard {} has {nodes} of {} copies: proxies give it the next spare nodes",
                shard.id, shard.copies
            ));
        }
        if shard.min_in_sync > 1 && shard.min_in_sync == shard.copies {
            remarks.push(format!(
                "shard {} acknowledges no write to who waits for followers while one of its {} copies is gone: min-in-sync asks for all of them",
                shard.id, shard.copies
            ));
        }
    }
    remarks.extend(topology.losses.iter().map(ToString::to_string));
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::sample;

    fn check(breaking: impl FnOnce(&mut Topology), expected: &[&str]) {
        let mut topology = sample::two_shards();
        assert_eq!(violations(&topology), [], "the sample is sound");
        breaking(&mut topology);
        let texts: Vec<String> = violations(&topology)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn slots_are_owned_exactly_once() {
        check(
            |topology| topology.shards[1].slots = "8193-16383".parse().unwrap(),
            &["slot 8192 is owned by no shard"],
        );
        check(
            |topology| topology.shards[1].slots = "8000-16383".parse().unwrap(),
            &["slots 8000-8191 are owned by shard s1 and by shard s2"],
        );
        check(
            |topology| topology.shards.clear(),
            &["slots 0-16383 are owned by no shard"],
        );
    }

    #[test]
    fn names_and_addresses_are_unique() {
        check(
            |topology| topology.nodes[2].address = topology.nodes[0].address.clone(),
            &["nodes n1 and n3 have the same address 127.0.0.1:7001"],
        );
        check(
            |topology| topology.shards[1].id = topology.shards[0].id.clone(),
            &["two shards are called s1; give each a name of its own"],
        );
        check(
            |topology| topology.nodes.push(topology.nodes[0].clone()),
            &[
                "two nodes are called n1; give each a name of its own",
                "nodes n1 and n1 have the same address 127.0.0.1:7001",
            ],
        );
        check(
            |topology| topology.nodes[0].address = Address::loopback(0),
            &["node n1 has port 0, which nobody can connect to"],
        );
    }

    #[test]
    fn a_shard_has_nodes_of_one_kind_and_plain_ones_promise_little() {
        check(
            |topology| topology.nodes[0].kind = NodeKind::Redis,
            &[
                "shard s1: node n2 is of another kind than its primary; a shard has nodes of one kind",
            ],
        );
        let plain = |topology: &mut Topology, min_in_sync: usize| {
            topology
                .nodes
                .iter_mut()
                .for_each(|node| node.kind = NodeKind::Redis);
            topology.shards[0].min_in_sync = min_in_sync;
        };
        check(|topology| plain(topology, 1), &[]);
        check(
            |topology| plain(topology, 2),
            &[
                "shard s1 is of plain Redis servers, which acknowledge writes that no other has; min-in-sync can only be 1",
            ],
        );
        let mut topology = sample::two_shards();
        let is_said = |topology: &Topology| {
            remarks(topology)
                .iter()
                .filter(|it| it.contains("two may lead"))
                .count()
        };
        assert_eq!(is_said(&topology), 0);
        plain(&mut topology, 1);
        let with_followers = topology.shards.iter().filter(|shard| shard.is_guarded());
        assert_eq!(is_said(&topology), with_followers.count());
    }

    #[test]
    fn members_exist_and_have_one_place() {
        check(
            |topology| {
                topology.nodes.remove(0);
            },
            &["shard s1 names node n1, which does not exist"],
        );
        check(
            |topology| {
                topology.shards[1]
                    .learners
                    .insert("n2".parse().unwrap(), None);
            },
            &["node n2 belongs to shard s1 and to shard s2"],
        );
        check(
            |topology| {
                topology.shards[0]
                    .in_sync
                    .insert("n2".parse().unwrap(), None);
            },
            &[BOTH],
        );
        check(
            |topology| topology.shards[1].in_sync.clear(),
            &["shard s2: its primary n3 is missing in its in-sync set"],
        );
    }

    const BOTH: &str =
        "shard s1: node n2 is both in sync and a learner, and not in two lives that are told apart";

    #[test]
    fn a_node_may_copy_in_another_life_than_the_one_that_is_in_sync() {
        let with_lives = |in_sync: Option<u64>, learner: Option<u64>, expected: &[&str]| {
            check(
                |topology| {
                    let node: NodeId = "n2".parse().unwrap();
                    let shard = &mut topology.shards[0];
                    let life = in_sync.map(Incarnation);
                    shard.in_sync.insert(node.clone(), life);
                    shard.learners.insert(node, learner.map(Incarnation));
                },
                expected,
            );
        };
        with_lives(Some(1), Some(2), &[]);
        with_lives(Some(1), Some(1), &[BOTH]);
        with_lives(None, Some(1), &[BOTH]);
        with_lives(Some(1), None, &[BOTH]);
        // The primary, too, that has restarted and that nobody has replaced yet.
        check(
            |topology| {
                let shard = &mut topology.shards[1];
                let node = shard.primary.clone();
                shard.in_sync.insert(node.clone(), Some(Incarnation(1)));
                shard.learners.insert(node, Some(Incarnation(2)));
                assert_eq!(shard.members().count(), 1, "one node");
            },
            &[],
        );
    }

    #[test]
    fn copies_and_minima_are_in_their_ranges() {
        let with = |copies: usize, min_in_sync: usize, expected: &[&str]| {
            check(
                |topology| {
                    let shard = &mut topology.shards[0];
                    (shard.copies, shard.min_in_sync) = (copies, min_in_sync);
                },
                expected,
            );
        };
        with(8, 8, &[]);
        with(1, 1, &[]);
        with(0, 1, &["shard s1 is to have 0 copies; it may be 1 to 8"]);
        with(9, 1, &["shard s1 is to have 9 copies; it may be 1 to 8"]);
        let wrong = "shard s1: min-in-sync is 3; it may be 1 to 2, its copies";
        with(2, 3, &[wrong]);
        with(
            2,
            0,
            &["shard s1: min-in-sync is 0; it may be 1 to 2, its copies"],
        );
    }

    #[test]
    fn losses_are_few_and_past() {
        let loss = |version: u64| Loss {
            version: Version(version),
            shard: ShardId::numbered(9),
            proof: "it burnt".parse().unwrap(),
        };
        check(|topology| topology.losses = vec![loss(1); 32], &[]);
        check(
            |topology| topology.losses = vec![loss(1); 33],
            &["there are 33 accepted losses; 32 are the most, take the oldest out"],
        );
        check(
            |topology| topology.losses = vec![loss(2)],
            &["a loss of shard s9 was accepted at version 2, which is ahead of the topology's own"],
        );
    }

    #[test]
    fn what_is_worth_knowing_is_said_in_sentences() {
        let mut topology = sample::two_shards();
        topology.shards[0].min_in_sync = 2;
        topology.shards[1].copies = 3;
        topology.record_loss(ShardId::numbered(1), "rack 7 is off".parse().unwrap());
        assert_eq!(
            remarks(&topology),
            [
                "shard s1 acknowledges no write to who waits for followers while one of its 2 copies is gone: min-in-sync asks for all of them",
                "shard s2 has no follower: its keys are lost with node n3",
                "shard s2 has 1 of 3 copies: proxies give it the next spare nodes",
                "acknowledged writes of shard s1 were given up at version 1: \"rack 7 is off\"",
            ]
        );
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        check(
            |topology| {
                topology.nodes[0].address = Address::loopback(0);
                topology.shards[1].in_sync.clear();
                topology.shards[0].slots = SlotSet::empty();
            },
            &[
                "node n1 has port 0, which nobody can connect to",
                "shard s2: its primary n3 is missing in its in-sync set",
                "slots 0-8191 are owned by no shard",
            ],
        );
    }
}
