//! WAIT and WAITAOF through a proxy: how many followers of every shard have all that was written.

use std::net::SocketAddr;
use std::time::Duration;

use crate::replication::{caught_up, follow};
use crate::snapshots::start_keeper;
use crate::support::eventually::{Stopwatch, eventually};
use crate::support::servers::{Cluster, SWITCHYARD, Server, start_node, start_proxy};
use crate::support::{Client, Reply, encode, redis_server};

/// A follower of this server, which has all.
fn follower_of(leader: &Server) -> Server {
    let follower = start_node(&[]);
    let mut client = follower.connect();
    follow(&mut client, leader.address);
    caught_up(&mut leader.connect(), &mut client);
    follower
}

/// A key of each shard is written.
fn write(client: &mut Client, value: &str) {
    for key in ["{a}k", "{b}k", "{c}k", "{d}k"] {
        assert_eq!(client.call(&["SET", key, value]), Reply::ok());
    }
}

#[test]
fn the_shard_with_fewest_copies_decides_and_time_ends_the_waiting() {
    let cluster = Cluster::start_with(2, &[], &["--threads", "2"]);
    let mut client = cluster.connect();
    write(&mut client, "0");
    assert_eq!(client.call_words("WAIT 0 0"), Reply::Integer(0));
    let followers: Vec<Server> = cluster.nodes.iter().map(follower_of).collect();
    let second = follower_of(&cluster.nodes[1]);
    for number in 0..50 {
        write(&mut client, &number.to_string());
        assert_eq!(client.call_words("WAIT 1 10000"), Reply::Integer(1));
        for follower in &followers {
            let mut copy = follower.connect();
            let has = ["{a}k", "{b}k"].map(|key| copy.call(&["GET", key]));
            assert!(has.contains(&Reply::bulk(number.to_string())), "{has:?}");
        }
    }
    // One follower stands still, though the other shard has two that do not.
    followers[0].freeze();
    write(&mut client, "later");
    let began = Stopwatch::start();
    assert_eq!(client.call_words("WAIT 1 500"), Reply::Integer(0));
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(500), "{took:?}");
    assert!(took < Duration::from_millis(1_500), "{took:?}");
    // Another client waits for ever, and others are served.
    let mut patient = cluster.connect();
    write(&mut patient, "patient");
    crate::leases::begin(&mut patient, "WAIT 1 0");
    eventually("it waits", || crate::leases::blocked(&cluster.proxy) == 1);
    assert_eq!(client.call_words("GET {a}k"), Reply::bulk("patient"));
    followers[0].thaw();
    assert_eq!(crate::leases::told(&mut patient), Reply::Integer(1));
    assert_eq!(client.call_words("WAIT 1 10000"), Reply::Integer(1));
    assert_eq!(client.call_words("WAIT 2 50"), Reply::Integer(1));
    // In a transaction nobody waits.
    client.call_words("MULTI");
    client.call_words("SET {a}k queued");
    client.call_words("WAIT 5 0");
    let replies = client.call_words("EXEC");
    assert_eq!(replies.elements()[0], Reply::ok());
    assert!(replies.elements()[1].integer() <= 2, "{replies:?}");
    drop(second);
}

#[test]
fn members_of_shards_are_counted() {
    let up = Server::start(SWITCHYARD, |address, _| {
        let line = format!("up --threads 1 --shards 2 --listen {address} --admin off");
        line.split(' ').map(str::to_owned).collect()
    });
    let mut client = up.connect();
    eventually("followers have all", || {
        write(&mut client, "v");
        client.call_words("WAIT 1 1000") == Reply::Integer(1)
    });
    assert_eq!(client.call_words("WAIT 2 100"), Reply::Integer(1));
}

#[test]
fn disks_are_waited_for_shard_by_shard() {
    let log = ["--save", "", "--appendonly", "true"];
    let nodes = [start_keeper(&log), start_keeper(&log)];
    let proxy = start_proxy(&nodes.each_ref().map(|node| node.address), &[]);
    let mut client = proxy.connect();
    eventually("they serve", || {
        client.call_words("SET {a}k 0") == Reply::ok()
            && client.call_words("SET {b}k 0") == Reply::ok()
    });
    let pair = |own, followers| Reply::Array(vec![Reply::Integer(own), Reply::Integer(followers)]);
    assert_eq!(client.call_words("WAITAOF 1 0 60000"), pair(1, 0));
    write(&mut client, "1");
    assert_eq!(client.call_words("WAITAOF 1 0 60000"), pair(1, 0));
    let follower = follower_of(&nodes[0]);
    write(&mut client, "2");
    let reply = client.call_words("WAITAOF 0 1 50");
    assert_eq!(reply.elements()[1], Reply::Integer(0), "{reply:?}");
    drop(follower);
    let other = Cluster::start(2);
    let refused = other.connect().call_words("WAITAOF 1 0 0").error_text();
    assert!(refused.is_some_and(|text| text.contains("appendonly is disabled")));
}

#[test]
fn one_shard_answers_as_a_redis_server_does() {
    let (Some(redis), Some(copy)) = (redis_server::start(&[]), redis_server::start(&[])) else {
        return;
    };
    let mut theirs = redis.connect();
    let mut client = copy.connect();
    follow(&mut client, redis.address);
    caught_up(&mut theirs, &mut client);
    let cluster = Cluster::start(1);
    let followers = follower_of(&cluster.nodes[0]);
    let mut ours = cluster.connect();
    for line in [
        "SET k v",
        "WAIT 1 10000",
        "SET k w",
        "WAIT 1 0",
        "WAIT 2 50",
        "WAIT x 1",
        "WAIT 1 x",
        "WAIT 1 -1",
        "WAIT 1",
        "WAIT 99999999999999999999 1",
    ] {
        assert_eq!(ours.call_words(line), theirs.call_words(line), "{line}");
    }
    copy.freeze();
    followers.freeze();
    for line in ["SET k z", "WAIT 1 100"] {
        assert_eq!(ours.call_words(line), theirs.call_words(line), "{line}");
    }
    copy.thaw();
    followers.thaw();
    let line = "WAIT 1 10000";
    assert_eq!(ours.call_words(line), theirs.call_words(line));
}

/// What one client in WAIT hears when another one ends that, and what that one hears; each end is as it is at all others.
fn unblocked(address: SocketAddr) -> Vec<String> {
    let (mut waiting, mut other) = (Client::connect(address), Client::connect(address));
    let id = waiting.call_words("CLIENT ID").integer();
    let mut said = Vec::new();
    for how in ["", " TIMEOUT", " ERROR", " ZORK"] {
        let unblock = format!("CLIENT UNBLOCK {id}{how}");
        said.push(format!("{:?}", other.call_words(&unblock)));
        assert_eq!(waiting.call_words("SET {a}k v"), Reply::ok());
        waiting.send(&encode(&["WAIT", "7", "0"])).expect("sent");
        waiting.send(&encode(&["PING"])).expect("sent");
        eventually("it waits, and is seen to", || {
            let info = other.call_words("INFO clients").text();
            let list = other.call_words(&format!("CLIENT LIST ID {id}")).text();
            info.contains("blocked_clients:1\r\n") && list.contains(" flags=b ")
        });
        said.push(format!("{:?}", other.call_words(&unblock)));
        if how == " ZORK" {
            other.call_words(&format!("CLIENT UNBLOCK {id}"));
        }
        said.push(format!("{:?}", waiting.receive().expect("an answer")));
        said.push(format!("{:?}", waiting.receive().expect("a pong")));
        said.push(format!("{:?}", other.call_words(&unblock)));
    }
    let info = other.call_words("INFO clients").text();
    assert!(info.contains("blocked_clients:0\r\n"), "{info}");
    said
}

#[test]
fn others_end_the_waiting_for_copies_as_at_a_redis_server() {
    let Some(redis) = redis_server::start(&[]) else {
        return;
    };
    let expected = unblocked(redis.address);
    assert_eq!(unblocked(start_node(&[]).address), expected, "a node");
    let cluster = Cluster::start_with(1, &[], &["--threads", "2"]);
    assert_eq!(unblocked(cluster.proxy.address), expected, "one shard");
    let cluster = Cluster::start_with(3, &[], &["--threads", "2"]);
    assert_eq!(unblocked(cluster.proxy.address), expected, "three");
}

#[test]
fn others_end_the_waiting_for_disks_at_a_node() {
    let node = start_keeper(&["--save", "", "--appendonly", "true"]);
    let (mut waiting, mut other) = (node.connect(), node.connect());
    let id = waiting.call_words("CLIENT ID").integer();
    assert_eq!(waiting.call_words("SET k v"), Reply::ok());
    let pair = |own, followers| Reply::Array(vec![Reply::Integer(own), Reply::Integer(followers)]);
    assert_eq!(waiting.call_words("WAITAOF 1 0 0"), pair(1, 0));
    for (how, expected) in [
        ("TIMEOUT", Ok(pair(1, 0))),
        (
            "ERROR",
            Err("UNBLOCKED client unblocked via CLIENT UNBLOCK"),
        ),
    ] {
        let wait = encode(&["WAITAOF", "1", "7", "0"]);
        waiting.send(&wait).expect("sent");
        eventually("its waiting is ended", || {
            other.call_words(&format!("CLIENT UNBLOCK {id} {how}")) == Reply::Integer(1)
        });
        let reply = waiting.receive().expect("an answer");
        match expected {
            Ok(expected) => assert_eq!(reply, expected),
            Err(expected) => assert_eq!(reply.error_text().as_deref(), Some(expected)),
        }
    }
}
