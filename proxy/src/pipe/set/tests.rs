use super::super::{Class, Pledge};
use super::*;
use crate::pipe::PipeError;
use crate::topology::testing::{plain_topology, snapshot_of, topology_of};
use shared::resp::Protocol;
use shared::topology::{Epoch, Incarnation, Topology};

const LANE: Lane = Lane {
    role: Role::Primary(Pledge::Async),
    class: Class::Common,
    tells: crate::pipe::Tells::Nothing,
    protocol: Protocol::Resp2,
    database: 0,
};

fn pipes() -> PipeSet {
    PipeSet::new(PipeLimits {
        databases: 16,
        queue_bytes: 1_000,
        queue_requests: 10,
        node_deadline: Duration::ZERO,
        takeover_deadline: Duration::ZERO,
        ask_followers: true,
        zone: Some("here".parse().unwrap()),
    })
}

#[test]
fn another_epoch_is_another_pipe_and_the_old_one_drains() {
    let snapshot = topology_of(&["a"]);
    let fence = |epoch: u64| {
        move |shard: &Shard, _: &Node| {
            Fence::Held(protocol::Fence {
                shard: shard.id.clone(),
                epoch: Epoch(epoch),
                incarnation: Incarnation(7),
            })
        }
    };
    let shard = ShardIndex::new(0).unwrap();
    let mut pipes = pipes();
    pipes.follow(&snapshot, fence(1));
    let old = pipes.pipe_to(shard, LANE, 0);
    pipes.follow(&snapshot, fence(1));
    assert_eq!(pipes.pipe_to(shard, LANE, 0), old, "nothing has changed");
    pipes.follow(&snapshot, fence(2));
    let new = pipes.pipe_to(shard, LANE, 0);
    assert_ne!(new, old);
    let (_, node) = pipes.with_node(old).unwrap();
    assert!(!node.is_current, "it ends when it is empty");
    assert!(pipes.with_node(new).unwrap().1.is_current);
    pipes.close(old);
    pipes.follow(&snapshot, fence(1));
    assert_ne!(pipes.pipe_to(shard, LANE, 0), new);
}

#[test]
fn all_lines_together_have_a_bound_and_short_ones_have_room_all_the_same() {
    let mut pipes = PipeSet::new(PipeLimits {
        queue_bytes: 16_000,
        queue_requests: 1_000,
        ..pipes().limits
    });
    pipes.follow(&topology_of(&["a"]), Fence::of);
    let mut numbers: Vec<PipeNumber> = Vec::new();
    for database in 0..10 {
        let lane = Lane { database, ..LANE };
        numbers.push(pipes.pipe_to(ShardIndex::new(0).unwrap(), lane, 0));
    }
    let fill = |pipes: &mut PipeSet, number: PipeNumber| {
        let mut buffers = crate::buffers::Buffers::default();
        while pipes.has_room(number) {
            let started = shared::clock::Stopwatch::new().read();
            let command = shared::command::CommandId::Set;
            let place = crate::route::Place::Anywhere;
            let parcel =
                crate::pipe::Parcel::new(crate::pipe::Target::Nobody, place, command, 1, started);
            pipes
                .line(number)
                .append_with(parcel, &mut buffers, |out| out.extend([0; 500]));
        }
        pipes.get_mut(number).unwrap().line.bytes()
    };
    let lengths: Vec<usize> = numbers
        .iter()
        .map(|number| fill(&mut pipes, *number))
        .collect();
    assert_eq!(lengths[..4], [16_000; 4]);
    assert_eq!(lengths[4..], [1_000; 6]);
    assert_eq!(pipes.bytes_left(numbers[9]), 0);
}

#[test]
fn each_lane_has_its_pipe() {
    let mut pipes = pipes();
    pipes.follow(&topology_of(&["a", "b"]), Fence::of);
    let mut numbers = Vec::new();
    for shard in [0, 1].map(|index| ShardIndex::new(index).unwrap()) {
        for class in [Class::Common, Class::New, Class::Bulk] {
            for protocol in [Protocol::Resp2, Protocol::Resp3] {
                for database in [0, 15] {
                    let lane = Lane {
                        class,
                        protocol,
                        database,
                        ..LANE
                    };
                    numbers.push(pipes.pipe_to(shard, lane, 0));
                    assert_eq!(pipes.pipe_to(shard, lane, 0), numbers[numbers.len() - 1]);
                }
            }
        }
    }
    assert_eq!(numbers, (0..24).collect::<Vec<_>>());
    assert_eq!(pipes.take_unstarted(), numbers);
}

/// A shard that `n-a` leads, with three others: two in sync in known lives, of which the second is in our zone, and one that learns.
fn with_followers() -> Topology {
    let mut topology = plain_topology(&["a"], &[Address::loopback(1)]);
    for (name, zone) in [("f1", "there"), ("f2", "here"), ("l", "here")] {
        topology.nodes.push(Node {
            id: name.parse().unwrap(),
            address: Address::loopback(2),
            kind: NodeKind::Switchyard,
            zone: Some(zone.parse().unwrap()),
        });
    }
    let shard = &mut topology.shards[0];
    shard.in_sync = [("n-a", 1), ("f1", 2), ("f2", 3)]
        .map(|(name, life)| (name.parse().unwrap(), Some(Incarnation(life))))
        .into();
    shard.learners = [("l".parse().unwrap(), Some(Incarnation(4)))].into();
    shard.copies = 4;
    topology
}

fn next(topology: &mut Topology) -> Snapshot {
    topology.version = topology.version.next();
    snapshot_of(topology.clone())
}

/// Whom a pipe leads to.
fn asked(pipes: &mut PipeSet, role: Role, chance: usize) -> String {
    let lane = Lane { role, ..LANE };
    let number = pipes.pipe_to(ShardIndex::new(0).unwrap(), lane, chance);
    pipes.with_node(number).unwrap().1.id.to_string()
}

const FOLLOWER: Role = Role::Follower(Pledge::InSync);
const NEAREST: Role = Role::Nearest(Pledge::Async);

#[test]
fn reads_are_spread_over_followers_that_are_in_sync_and_go_to_the_primary_without_them() {
    let mut topology = with_followers();
    let mut pipes = pipes();
    pipes.follow(&next(&mut topology), Fence::of);
    let spread: Vec<String> = (0..4)
        .map(|chance| asked(&mut pipes, FOLLOWER, chance))
        .collect();
    assert_eq!(spread, ["f1", "f2", "f1", "f2"]);
    assert_eq!(asked(&mut pipes, Role::Primary(Pledge::InSync), 1), "n-a");
    let lane = Lane {
        role: FOLLOWER,
        ..LANE
    };
    let shard = ShardIndex::new(0).unwrap();
    let first = pipes.pipe_to(shard, lane, 0);
    let (_, node) = pipes.with_node(first).unwrap();
    let fence = Fence::Follows(Following::InSync(Incarnation(2)));
    assert_eq!(node.fence, fence);
    node.reach.lost(5);
    assert!(pipes.is_to_be_left(first));
    assert_eq!(asked(&mut pipes, FOLLOWER, 0), "f2");
    let second = pipes.pipe_to(shard, lane, 1);
    pipes.get_mut(second).unwrap().doom = Some(PipeError::Unready);
    assert_eq!(asked(&mut pipes, FOLLOWER, 0), "n-a");
    let at_primary = pipes.pipe_to(shard, lane, 0);
    let role = pipes.get_mut(at_primary).unwrap().lane.role;
    assert_eq!(
        role,
        Role::Primary(Pledge::InSync),
        "the way of writes of the same keys"
    );
    assert!(!pipes.is_to_be_left(at_primary));
    pipes.with_node(first).unwrap().1.reach.connected();
    assert_eq!(asked(&mut pipes, FOLLOWER, 1), "f1");
}

#[test]
fn the_nearest_is_in_our_zone_and_the_primary_where_nobody_is() {
    let mut topology = with_followers();
    let mut pipes = pipes();
    let mut check = |topology: &mut Topology, expected: &str| {
        pipes.follow(&next(topology), Fence::of);
        for chance in 0..3 {
            assert_eq!(asked(&mut pipes, NEAREST, chance), expected);
        }
    };
    check(&mut topology, "f2");
    topology.nodes[0].zone = Some("here".parse().unwrap());
    check(&mut topology, "n-a");
    topology.nodes[0].zone = None;
    topology.nodes[2].zone = None;
    check(&mut topology, "n-a");
}

#[test]
fn a_follower_that_leads_or_lives_anew_is_asked_by_another_pipe() {
    let mut topology = with_followers();
    let mut pipes = pipes();
    pipes.follow(&next(&mut topology), Fence::of);
    let lane = Lane {
        role: FOLLOWER,
        ..LANE
    };
    let shard = ShardIndex::new(0).unwrap();
    let before = pipes.pipe_to(shard, lane, 0);
    let life = topology.shards[0]
        .in_sync
        .get_mut(&"f1".parse().unwrap())
        .unwrap();
    *life = Some(Incarnation(9));
    pipes.follow(&next(&mut topology), Fence::of);
    // They stand in the order in which they came to be known.
    let after = pipes.pipe_to(shard, lane, 1);
    assert_eq!(pipes.with_node(after).unwrap().1.id.as_str(), "f1");
    assert_ne!(before, after);
    assert!(!pipes.with_node(before).unwrap().1.is_current);
    topology.shards[0].primary = "f1".parse().unwrap();
    topology.shards[0].epoch = Epoch(2);
    pipes.follow(&next(&mut topology), Fence::of);
    assert!(!pipes.with_node(after).unwrap().1.is_current);
    assert_eq!(asked(&mut pipes, Role::Primary(Pledge::Async), 0), "f1");
    let spread: Vec<String> = (0..2)
        .map(|chance| asked(&mut pipes, FOLLOWER, chance))
        .collect();
    assert_eq!(spread, ["f2", "n-a"]);
    // A life that nobody knows is not asked.
    topology.shards[0]
        .in_sync
        .insert("f2".parse().unwrap(), None);
    pipes.follow(&next(&mut topology), Fence::of);
    assert_eq!(asked(&mut pipes, FOLLOWER, 0), "n-a");
    assert_eq!(asked(&mut pipes, FOLLOWER, 1), "n-a");
}

#[test]
fn plain_servers_are_asked_whether_they_follow_and_may_be_replaced_where_there_are_several() {
    let mut topology = with_followers();
    let mut pipes = pipes();
    for node in &mut topology.nodes {
        node.kind = NodeKind::Redis;
    }
    topology.shards[0].in_sync = [("n-a".parse().unwrap(), None)].into();
    let learners = ["f1", "f2", "l"].map(|name| (name.parse().unwrap(), None));
    topology.shards[0].learners = learners.into();
    pipes.follow(&next(&mut topology), Fence::of);
    let lane = Lane {
        role: FOLLOWER,
        ..LANE
    };
    let shard = ShardIndex::new(0).unwrap();
    let follower = pipes.pipe_to(shard, lane, 0);
    let (_, node) = pipes.with_node(follower).unwrap();
    assert_eq!(node.fence, Fence::Follows(Following::Plain));
    assert!(!node.may_be_replaced());
    let primary = pipes.primary(shard);
    assert_eq!(primary.fence, Fence::Unfenced);
    assert!(primary.has_deputy && primary.may_be_replaced());
    topology.shards[0].learners.clear();
    topology.shards[0].copies = 1;
    pipes.follow(&next(&mut topology), Fence::of);
    assert!(!pipes.primary(shard).may_be_replaced());
    assert_eq!(asked(&mut pipes, FOLLOWER, 0), "n-a");
}

#[test]
fn nobody_connects_to_followers_where_no_policy_asks_them() {
    let mut pipes = PipeSet::new(PipeLimits {
        ask_followers: false,
        ..pipes().limits
    });
    pipes.follow(&next(&mut with_followers()), Fence::of);
    assert_eq!(pipes.nodes.len(), 1);
}
