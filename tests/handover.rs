//! FAILOVER: nodes and redis-servers hand the leadership to each other, and nothing written is lost or refused for good.

use std::time::Duration;

use crate::replication::{caught_up, follow, number, same, told};
use crate::snapshots::fill;
use crate::support::eventually::{eventually, eventually_within};
use crate::support::servers::{Server, start_node};
use crate::support::{Client, Reply, encode, redis_server};

/// Seconds for a handover on a busy machine.
const A_WHILE: Duration = Duration::from_secs(60);

/// The first hands over to the second, whoever they are, and takes over again.
fn hand_over(first: &Server, second: &Server) {
    let (mut leader, mut follower) = (first.connect(), second.connect());
    fill(&mut leader);
    follow(&mut follower, first.address);
    caught_up(&mut leader, &mut follower);
    let role = |client: &mut Client| told(client, "replication", "role");
    for round in 0..2 {
        let value = format!("of round {round}");
        leader.call(&["SET", "last", &value]);
        assert_eq!(leader.call(&["FAILOVER"]), Reply::ok());
        eventually_within(A_WHILE, "it is handed over", || {
            role(&mut follower) == "master" && role(&mut leader) == "slave"
        });
        caught_up(&mut follower, &mut leader);
        let state = told(&mut leader, "replication", "master_failover_state");
        assert_eq!(state, "no-failover");
        assert_eq!(follower.call(&["GET", "last"]), Reply::bulk(&value));
        assert_eq!(follower.call(&["SET", "after", &value]), Reply::ok());
        caught_up(&mut follower, &mut leader);
        assert_eq!(leader.call(&["GET", "after"]), Reply::bulk(&value));
        let full = number(&mut follower, "stats", "sync_full");
        assert_eq!(full, u64::from(round == 1), "it goes on with what it has");
        std::mem::swap(&mut leader, &mut follower);
    }
    same(&mut leader, &mut follower);
}

#[test]
fn the_leadership_is_handed_over_and_back() {
    hand_over(&start_node(&[]), &start_node(&[]));
}

#[test]
fn a_redis_server_takes_over_from_a_node_and_hands_back() {
    let redis = redis_server::start(&[]).expect("redis-server is needed");
    hand_over(&start_node(&[]), &redis);
}

#[test]
fn a_node_takes_over_from_a_redis_server_and_hands_back() {
    let redis = redis_server::start(&[]).expect("redis-server is needed");
    hand_over(&redis, &start_node(&[]));
}

#[test]
fn a_failover_waits_for_its_target_and_ends_in_time_or_when_that_is_wanted() {
    let (node, other) = (start_node(&[]), start_node(&[]));
    let (mut leader, mut follower) = (node.connect(), other.connect());
    follow(&mut follower, node.address);
    caught_up(&mut leader, &mut follower);
    let state = |client: &mut Client| told(client, "replication", "master_failover_state");
    let (host, port) = (
        other.address.ip().to_string(),
        other.address.port().to_string(),
    );
    other.freeze();
    leader.call(&["SET", "k", "1"]);
    let mut writer = node.connect();
    for words in [
        &["FAILOVER", "TO", &host, &port, "TIMEOUT", "200"][..],
        &["FAILOVER", "TO", &host, &port],
    ] {
        assert_eq!(leader.call(words), Reply::ok());
        let increment = encode(&["INCR", "n"]);
        writer.send(&increment).expect("sent");
        assert_eq!(leader.call(&["GET", "k"]), Reply::bulk("1"), "others go on");
        if words.len() == 4 {
            // Without an end of its own it waits.
            assert_eq!(state(&mut leader), "waiting-for-sync");
            assert_eq!(leader.call(&["FAILOVER", "ABORT"]), Reply::ok());
        }
        assert!(
            matches!(writer.receive(), Ok(Reply::Integer(_))),
            "it goes on"
        );
        assert_eq!(state(&mut leader), "no-failover");
    }
    // Whoever is forced takes over though it may lack something.
    let force = ["FAILOVER", "TO", &host, &port, "FORCE", "TIMEOUT", "100"];
    assert_eq!(leader.call(&force), Reply::ok());
    eventually("it is asked", || {
        state(&mut leader) == "failover-in-progress"
    });
    assert_eq!(leader.call(&["FAILOVER", "ABORT"]), Reply::ok());
    assert_eq!(
        leader.call(&["SET", "k", "2"]),
        Reply::ok(),
        "it leads again"
    );
    other.thaw();
    same(&mut leader, &mut follower);
    assert_eq!(leader.call(&force), Reply::ok());
    eventually_within(A_WHILE, "it leads", || {
        told(&mut follower, "replication", "role") == "master"
    });
    same(&mut follower, &mut leader);
}
