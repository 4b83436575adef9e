//! Clients whose commands wait for a key: who is served and when, who goes, and what a node's role, log and followers have to do with it.

use std::io::Write;
use std::time::Duration;

use crate::snapshots::start_keeper;
use crate::support::eventually::{PATIENCE, eventually};
use crate::support::servers::{Cluster, Server, start_node};
use crate::support::{Client, Reply, encode};

/// How many clients wait.
fn blocked(client: &mut Client) -> usize {
    let info = client.call_words("INFO clients").text();
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("blocked_clients:"));
    line.and_then(|count| count.trim().parse().ok())
        .expect("told")
}

/// A client that sends a command which waits, when it does.
fn block(node: &Server, line: &str) -> Client {
    let mut watch = node.connect();
    let before = blocked(&mut watch);
    let mut client = node.connect();
    let words: Vec<&str> = line.split(' ').collect();
    client.send(&encode(&words)).expect("sent");
    client.set_read_deadline(Duration::from_millis(1));
    eventually("it waits", || {
        if client.socket().peek(&mut [0]).is_ok_and(|bytes| bytes > 0) {
            panic!("{line} does not wait: {:?}", client.receive());
        }
        blocked(&mut watch) == before + 1
    });
    client.set_read_deadline(PATIENCE);
    client
}

fn popped(key: &str, element: &str) -> Reply {
    Reply::Array(vec![Reply::bulk(key), Reply::bulk(element)])
}

#[test]
fn who_waits_is_served_before_the_next_command_of_the_same_batch() {
    let node = start_node(&[]);
    let mut waiting = block(&node, "BLPOP a 0");
    let mut pusher = node.connect();
    let list = pusher.call_words("CLIENT LIST").text();
    assert!(
        list.contains("flags=b ") && list.contains("cmd=blpop "),
        "{list}"
    );
    let mut batch = encode(&["RPUSH", "a", "1", "2"]);
    batch.extend(encode(&["LRANGE", "a", "0", "-1"]));
    pusher.send(&batch).expect("sent");
    assert_eq!(pusher.receive().expect("a reply"), Reply::Integer(2));
    let left = pusher.receive().expect("a reply");
    assert_eq!(left, Reply::Array(vec![Reply::bulk("2")]));
    assert_eq!(waiting.receive().expect("a reply"), popped("a", "1"));
    assert_eq!(blocked(&mut pusher), 0);
}

#[test]
fn what_a_client_sends_behind_its_command_runs_when_that_is_over() {
    let node = start_node(&[]);
    let mut waiting = block(&node, "BLPOP a 0");
    waiting.send(&encode(&["PING"])).expect("sent");
    waiting
        .send(&encode(&["BLPOP", "b", "0.01"]))
        .expect("sent");
    waiting.send(&encode(&["LLEN", "a"])).expect("sent");
    node.connect().call_words("RPUSH a 1 2");
    assert_eq!(waiting.receive().expect("a reply"), popped("a", "1"));
    assert_eq!(waiting.receive().expect("a reply").text(), "PONG");
    assert!(waiting.receive().expect("a reply").is_null());
    assert_eq!(waiting.receive().expect("a reply"), Reply::Integer(1));
}

#[test]
fn who_goes_leaves_no_trace_and_takes_nothing() {
    let node = start_node(&[]);
    let mut other = node.connect();
    let lines = [
        "BLPOP a 0",
        "XREAD BLOCK 0 STREAMS a $",
        "BLMPOP 5 2 b a LEFT",
    ];
    for line in lines {
        drop(block(&node, line));
        eventually("it has gone", || blocked(&mut other) == 0);
        // One that only says that nothing more comes gets nothing more, as at Redis.
        let half = block(&node, line);
        half.socket()
            .shutdown(std::net::Shutdown::Write)
            .expect("shut");
        eventually("it waits no more", || blocked(&mut other) == 0);
    }
    let mut killed = block(&node, "BLPOP a 0");
    let list = other.call_words("CLIENT LIST").text();
    let waiting = list.lines().filter(|line| line.contains("cmd=blpop "));
    let id = waiting
        .filter_map(|line| line.split([' ', '=']).nth(1))
        .next_back();
    other.call_words(&format!("CLIENT KILL ID {}", id.expect("it is listed")));
    assert!(killed.is_closed_by_server());
    eventually("nobody waits", || blocked(&mut other) == 0);
    assert_eq!(other.call_words("RPUSH a 1"), Reply::Integer(1));
    assert_eq!(other.call_words("LLEN a"), Reply::Integer(1));
}

#[test]
fn who_goes_while_the_node_stands_still_takes_nothing_though_the_element_is_seen_first() {
    let node = start_node(&[]);
    let mut pusher = node.connect();
    let gone = [block(&node, "BLPOP a 0"), block(&node, "BLPOP b a 0")];
    let mut last = block(&node, "BLPOP c 0");
    let mut other = block(&node, "BLPOP a 0");
    node.freeze();
    // The connection of who pushes is the first one of which the node hears; what follows it finds behind that.
    pusher.send(&encode(&["PING"])).expect("sent");
    drop(gone);
    for words in [["RPUSH", "a", "1"], ["RPUSH", "b", "2"]] {
        pusher.send(&encode(&words)).expect("sent");
    }
    // More than one who only sends.
    last.send(&encode(&["PING"])).expect("sent");
    pusher.send(&encode(&["RPUSH", "c", "3"])).expect("sent");
    node.thaw();
    assert_eq!(pusher.receive().expect("a reply").text(), "PONG");
    for _ in 0..3 {
        assert_eq!(pusher.receive().expect("a reply"), Reply::Integer(1));
    }
    assert_eq!(other.receive().expect("a reply"), popped("a", "1"));
    assert_eq!(last.receive().expect("a reply"), popped("c", "3"));
    assert_eq!(
        pusher.call_words("LRANGE b 0 -1"),
        Reply::Array(vec![Reply::bulk("2")])
    );
    eventually("they have gone", || blocked(&mut pusher) == 0);
}

#[test]
fn a_node_that_follows_another_one_releases_all_who_wait_and_closes_them() {
    let (leader, node) = (start_node(&[]), start_node(&[]));
    let waiting = ["BLPOP a 0", "XREAD BLOCK 0 STREAMS s $"].map(|line| block(&node, line));
    let place = format!("REPLICAOF 127.0.0.1 {}", leader.address.port());
    node.connect().call_words(&place);
    for mut client in waiting {
        let told = client.receive().expect("a reply").error_text();
        let told = told.expect("an error");
        assert!(told.starts_with("UNBLOCKED force unblock"), "{told}");
        assert!(client.is_closed_by_server());
    }
    let mut other = node.connect();
    eventually("it has what its leader has", || {
        other
            .call_words("INFO replication")
            .text()
            .contains("master_link_status:up")
    });
    let refused = other.call_words("BLPOP a 0").error_text();
    assert!(refused.is_some_and(|text| text.starts_with("READONLY")));
    // Who reads waits for what the leader says.
    let mut reader = block(&node, "XREAD BLOCK 0 STREAMS s $");
    let mut pop = block(&leader, "BLPOP l 0");
    leader.connect().call_words("XADD s 7-1 f v");
    let told = reader.receive().expect("a reply");
    assert!(format!("{told:?}").contains("7-1"), "{told:?}");
    // What was pushed and popped at once is nowhere.
    leader.connect().call_words("RPUSH l 1 2");
    assert_eq!(pop.receive().expect("a reply"), popped("l", "1"));
    eventually("the follower has the rest", || {
        other.call_words("LRANGE l 0 -1") == Reply::Array(vec![Reply::bulk("2")])
    });
}

#[test]
fn what_was_popped_is_in_the_log_when_it_is_told() {
    let mut node = start_keeper(&["--appendonly", "true", "--appendfsync", "always"]);
    eventually("it has read its log", || {
        node.connect().call_words("PING").error_text().is_none()
    });
    for round in 0..20 {
        let mut waiting = block(&node, "BLMOVE a b LEFT RIGHT 0");
        node.connect().call_words(&format!("RPUSH a {round} more"));
        assert_eq!(
            waiting.receive().expect("a reply").text(),
            round.to_string()
        );
        node.connect().call_words("DEL a");
    }
    let mut waiting = block(&node, "BLPOP c 0");
    let mut pusher = node.connect();
    pusher
        .send(&encode(&["RPUSH", "c", "1", "2"]))
        .expect("sent");
    assert_eq!(waiting.receive().expect("a reply"), popped("c", "1"));
    node.kill();
    node.restart();
    let mut client = node.connect();
    eventually("it has read its log", || {
        client.call_words("PING").error_text().is_none()
    });
    assert_eq!(client.call_words("LLEN b"), Reply::Integer(20));
    let left = Reply::Array(vec![Reply::bulk("2")]);
    assert_eq!(client.call_words("LRANGE c 0 -1"), left);
}

#[test]
fn a_pause_holds_who_pushes_and_not_the_time_of_who_waits() {
    let node = start_node(&[]);
    let mut waiting = block(&node, "BLPOP a 0.2");
    let mut other = node.connect();
    other.call_words("CLIENT PAUSE 60000 WRITE");
    assert!(waiting.receive().expect("a reply").is_null());
    // A command that may write waits for the end of the pause first.
    let mut late = block(&node, "BLPOP a 0");
    let mut pusher = block(&node, "RPUSH a 1");
    other.call_words("CLIENT UNPAUSE");
    assert_eq!(pusher.receive().expect("a reply"), Reply::Integer(1));
    assert_eq!(late.receive().expect("a reply"), popped("a", "1"));
}

#[test]
fn through_a_proxy_a_name_is_no_option_of_a_command_that_waits() {
    let cluster = Cluster::start(2);
    let mut client = cluster.connect();
    client.call_words("XGROUP CREATE BLOCK BLOCK $ MKSTREAM");
    let read = client.call_words("XREADGROUP GROUP BLOCK BLOCK STREAMS BLOCK >");
    assert!(read.is_null(), "{read:?}");
}

#[test]
fn a_node_ends_though_clients_wait() {
    let mut node = start_node(&[]);
    let mut waiting = block(&node, "BLPOP a 0");
    node.ask_to_stop();
    assert!(waiting.is_closed_by_server());
    assert!(node.wait_for_exit(Duration::from_secs(20)).success());
}

#[test]
fn rubbish_behind_a_command_that_waits_is_refused_when_its_turn_comes() {
    let node = start_node(&[]);
    let mut waiting = block(&node, "BLPOP a 0");
    waiting.sender().write_all(b"*1\r\n$-5\r\n").expect("sent");
    node.connect().call_words("RPUSH a 1");
    assert_eq!(waiting.receive().expect("a reply"), popped("a", "1"));
    let refused = waiting.receive().expect("a reply").error_text();
    assert!(refused.is_some_and(|text| text.starts_with("ERR Protocol error")));
    assert!(waiting.is_closed_by_server());
}

#[test]
fn who_waits_is_served_when_a_long_script_ends_and_not_told_that_it_is_busy() {
    let node = start_node(&[]);
    let mut client = node.connect();
    client.call_words("CONFIG SET busy-reply-threshold 50");
    let mut waiting = block(&node, "BLPOP list 0");
    let mut runner = node.connect();
    let script = "redis.call('RPUSH', KEYS[1], 'x') for i = 1, 300000 do redis.call('EXISTS', KEYS[1]) end return redis.call('LLEN', KEYS[1])";
    let sent = runner.send(&encode(&["EVAL", script, "1", "list"]));
    sent.expect("it takes it");
    eventually("it is busy", || {
        let reply = client.call_words("GET other");
        reply
            .error_text()
            .is_some_and(|text| text.starts_with("BUSY "))
    });
    assert_eq!(runner.receive().expect("a reply"), Reply::Integer(1));
    assert_eq!(waiting.receive().expect("a reply"), popped("list", "x"));
    assert_eq!(client.call_words("EXISTS list").integer(), 0);
}
