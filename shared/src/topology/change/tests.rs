use super::*;
use crate::topology::{SlotMap, sample};
use proptest::prelude::*;

fn shard_id(text: &str) -> ShardId {
    text.parse().unwrap()
}

fn node_id(text: &str) -> NodeId {
    text.parse().unwrap()
}

fn refused(change: &Change, expected: &str) {
    let error = sample::two_shards().apply(change).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_change_is_one_version_and_raises_the_epochs_of_the_shards_it_touches() {
    let mut topology = sample::two_shards();
    topology.nodes.push(sample::node(4));
    let next = topology
        .apply(&Change::MoveSlots {
            slots: "0 1".parse().unwrap(),
            target: shard_id("s2"),
        })
        .unwrap();
    assert_eq!(next.version, topology.version.next());
    let epochs: Vec<u64> = next.shards.iter().map(|shard| shard.epoch.0).collect();
    assert_eq!(epochs, [2, 2]);

    let moved = next
        .apply(&Change::ReplaceNodeAddress {
            node: node_id("n1"),
            address: Address::loopback(9),
        })
        .unwrap();
    assert_eq!(
        moved.shards, next.shards,
        "nobody else owns or leads anything"
    );

    let grown = next
        .apply(&Change::AddShard {
            shard: shard_id("s3"),
            primary: node_id("n4"),
            followers: BTreeSet::new(),
            weight: Weight::default(),
        })
        .unwrap();
    let epochs: Vec<u64> = grown.shards.iter().map(|shard| shard.epoch.0).collect();
    assert_eq!(epochs, [3, 3, 1]);
    assert_eq!(grown.shards[2].slots.len(), 5461);

    let shrunk = grown.apply(&Change::RemoveShard(shard_id("s3"))).unwrap();
    let epochs: Vec<u64> = shrunk.shards.iter().map(|shard| shard.epoch.0).collect();
    assert_eq!(epochs, [4, 4]);
    assert!(shrunk.shard_of_node(&node_id("n4")).is_none());
    shrunk.apply(&Change::RemoveNode(node_id("n4"))).unwrap();
}

#[test]
fn slots_moved_to_their_owner_change_nothing_but_the_version() {
    let topology = sample::two_shards();
    let next = topology
        .apply(&Change::MoveSlots {
            slots: "0-8191".parse().unwrap(),
            target: shard_id("s1"),
        })
        .unwrap();
    assert_eq!(next.shards, topology.shards);
}

#[test]
fn what_cannot_be_done_is_refused() {
    refused(&Change::RemoveShard(shard_id("s9")), "there is no shard s9");
    refused(&Change::RemoveNode(node_id("n9")), "there is no node n9");
    refused(
        &Change::RemoveNode(node_id("n2")),
        "node n2 belongs to shard s1; take it out of there first",
    );
    refused(
        &Change::AddNode(sample::node(1)),
        "two nodes are called n1; give each a name of its own; nodes n1 and n1 have the same address 127.0.0.1:7001",
    );
    refused(
        &Change::AddShard {
            shard: shard_id("s3"),
            primary: node_id("n2"),
            followers: BTreeSet::new(),
            weight: Weight::default(),
        },
        "node n2 belongs to shard s1 and to shard s3",
    );
    let single = sample::two_shards()
        .apply(&Change::RemoveShard(shard_id("s1")))
        .unwrap();
    assert_eq!(
        single.apply(&Change::RemoveShard(shard_id("s2"))),
        Err(ChangeError::LastShard(shard_id("s2")))
    );
}

#[test]
fn an_initial_topology_spreads_primaries_and_followers() {
    let check = |nodes: u16, followers: usize, expected: &[(&str, &[&str])]| {
        let nodes = (1..=nodes).map(sample::node).collect();
        let topology = Topology::initial(nodes, followers).unwrap();
        for (shard, (primary, followers)) in topology.shards.iter().zip(expected) {
            assert_eq!(shard.primary.as_str(), *primary);
            assert!(
                shard
                    .followers()
                    .map(NodeId::as_str)
                    .eq(followers.iter().copied())
            );
            assert_eq!(shard.epoch, Epoch::FIRST);
        }
        assert_eq!(topology.shards.len(), expected.len());
        assert!(SlotMap::of(&topology).is_some());
    };
    check(1, 0, &[("n1", &[])]);
    check(3, 0, &[("n1", &[]), ("n2", &[]), ("n3", &[])]);
    check(4, 1, &[("n1", &["n3"]), ("n2", &["n4"])]);
    check(3, 2, &[("n1", &["n2", "n3"])]);
    let uneven = Topology::initial((1..=3).map(sample::node).collect(), 1);
    assert_eq!(
        uneven.unwrap_err().to_string(),
        "3 nodes do not make shards of 2 nodes each; give a multiple of 2"
    );
    assert!(Topology::initial(Vec::new(), 0).is_err());
    assert!(Topology::initial(vec![sample::node(1), sample::node(1)], 0).is_err());
}

#[test]
fn followers_live_on_other_hosts_than_their_primary_where_they_can() {
    let mut nodes: Vec<Node> = (1..=4).map(sample::node).collect();
    for (node, host) in nodes.iter_mut().zip(["a", "b", "a", "b"]) {
        node.address = format!("{host}:{}", node.address.port()).parse().unwrap();
    }
    let topology = Topology::initial(nodes, 1).unwrap();
    let followers: Vec<&str> = topology
        .shards
        .iter()
        .flat_map(Shard::followers)
        .map(NodeId::as_str)
        .collect();
    assert_eq!(followers, ["n4", "n3"]);
}

#[test]
fn the_greatest_topology_is_made_in_a_moment() {
    let nodes: Vec<Node> = (1..=1024).map(sample::node).collect();
    let topology = Topology::initial(nodes, 0).unwrap();
    assert!(topology.shards.iter().all(|shard| shard.slots.len() == 16));
    let too_many = (1..=1025).map(sample::node).collect();
    assert!(Topology::initial(too_many, 0).is_err());
}

/// A step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Add(u16),
    Remove(usize),
    Weigh(usize, u16),
    Move(u16, u16, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1..=Weight::MAX).prop_map(Step::Add),
        2 => any::<usize>().prop_map(Step::Remove),
        2 => (any::<usize>(), 1..=Weight::MAX).prop_map(|(shard, weight)| Step::Weigh(shard, weight)),
        2 => (0_u16..16384, 1_u16..2000, any::<usize>()).prop_map(|(from, count, shard)| Step::Move(from, count, shard)),
    ];
    proptest::collection::vec(step, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_history_of_changes_obeys_the_rules(steps in steps()) {
        let mut topology = Topology::initial(vec![sample::node(0)], 0).unwrap();
        for (number, step) in (1_u16..).zip(steps) {
            let shard = |which: usize| topology.shards[which % topology.shards.len()].id.clone();
            let change = match step {
                Step::Add(weight) => {
                    topology = topology.apply(&Change::AddNode(sample::node(number))).unwrap();
                    Change::AddShard {
                        shard: shard_id(&format!("s{number}-new")),
                        primary: sample::node(number).id,
                        followers: BTreeSet::new(),
                        weight: Weight::new(weight).unwrap(),
                    }
                }
                Step::Remove(which) => Change::RemoveShard(shard(which)),
                Step::Weigh(which, weight) => Change::SetWeight {
                    shard: shard(which),
                    weight: Weight::new(weight).unwrap(),
                },
                Step::Move(from, count, which) => Change::MoveSlots {
                    slots: format!("{from}-{}", (from + count).min(16383)).parse().unwrap(),
                    target: shard(which),
                },
            };
            let next = match topology.apply(&change) {
                Ok(next) => next,
                Err(ChangeError::LastShard(_)) => continue,
                Err(error) => return Err(TestCaseError::fail(error.to_string())),
            };
            prop_assert_eq!(rules::violations(&next), vec![]);
            prop_assert_eq!(next.version, topology.version.next());
            for shard in &next.shards {
                let Some(before) = topology.shard(&shard.id) else { continue };
                let touched = before.slots != shard.slots;
                let epoch = if touched { before.epoch.next() } else { before.epoch };
                prop_assert_eq!(shard.epoch, epoch);
            }
            topology = next;
        }
    }
}
