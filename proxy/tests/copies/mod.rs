//! WAIT and WAITAOF over several shards: the least of all is told, in time, whatever the nodes do meanwhile.

use std::time::Duration;

use crate::support::client::Client;
use crate::support::node::{FakeNode, Manner};
use crate::support::{Timer, eventually, key_of, settings, start, topology};

fn says(node: &FakeNode, reply: &str) {
    node.behave(Manner::Says(reply.as_bytes().to_vec()));
}

#[test]
fn the_least_of_all_shards_is_told_behind_what_was_asked_before() {
    let (one, two) = (FakeNode::start(), FakeNode::start());
    one.behave(Manner::Slow(20_000));
    let proxy = start(settings(), &[&one, &two]);
    let mut client = Client::connect(proxy.client_address());
    let key = key_of(0, 2, 1);
    let set = format!("SET {key} 1");
    let waits = "WAIT 2 0";
    client.send(&[&set, waits, "PING"]);
    assert_eq!(client.reply().unwrap(), "+OK\r\n");
    // It is no number: it is what the client hears.
    assert_eq!(client.reply().unwrap(), "+OK\r\n");
    assert_eq!(client.reply().unwrap(), "+PONG\r\n");
    assert_eq!(one.log(), [set.as_str(), waits]);
    says(&one, ":5\r\n");
    says(&two, ":3\r\n");
    assert_eq!(client.ask(waits), ":3\r\n");
    says(&one, "*2\r\n:1\r\n:2\r\n");
    says(&two, "*2\r\n:0\r\n:4\r\n");
    assert_eq!(client.ask("WAITAOF 0 1 300"), "*2\r\n:0\r\n:2\r\n");
    says(&two, "-ERR no log\r\n");
    assert_eq!(client.ask("WAITAOF 1 0 0"), "-ERR no log\r\n");
    assert_eq!(client.ask("PING"), "+PONG\r\n");
    proxy.stop().unwrap();
}

#[test]
fn what_makes_no_sense_is_refused_in_the_words_of_redis() {
    let node = FakeNode::start();
    let proxy = start(settings(), &[&node]);
    let mut client = Client::connect(proxy.client_address());
    for (line, expected) in [
        ("WAIT x 1", "value is not an integer or out of range"),
        ("WAIT 1 x", "timeout is not an integer or out of range"),
        ("WAIT 1 -1", "timeout is negative"),
        (
            "WAITAOF 2 1 1",
            "value is out of range, value must between 0 and 1",
        ),
        ("WAITAOF 0 -1 1", "value is out of range, must be positive"),
        ("WAIT 1", "wrong number of arguments for 'wait' command"),
    ] {
        assert_eq!(client.ask(line), format!("-ERR {expected}\r\n"), "{line}");
    }
    assert_eq!(node.log().len(), 0);
    proxy.stop().unwrap();
}

#[test]
fn a_shard_that_says_nothing_counts_as_one_without_copies_when_the_time_is_over() {
    let (good, mute) = (FakeNode::start(), FakeNode::start());
    says(&good, ":2\r\n");
    mute.behave(Manner::Mute);
    let proxy = start(settings(), &[&good, &mute]);
    let mut client = Client::connect(proxy.client_address());
    let began = Timer::start();
    assert_eq!(client.ask("WAIT 1 200"), ":0\r\n");
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(200), "{took:?}");
    assert!(took < Duration::from_millis(1_500), "{took:?}");
    proxy.stop().unwrap();
}

#[test]
fn a_shard_that_cannot_be_reached_is_named() {
    let (good, dead) = (FakeNode::start(), FakeNode::start());
    says(&good, ":2\r\n");
    dead.kill();
    let proxy = start(settings(), &[&good, &dead]);
    let mut client = Client::connect(proxy.client_address());
    let down = "-CLUSTERDOWN shard s1 cannot be reached; the command was not applied and may be sent again\r\n";
    assert_eq!(client.ask("WAIT 1 0"), down);
    assert_eq!(client.ask("WAIT 1 100"), down);
    dead.come_back();
    says(&dead, ":1\r\n");
    eventually("it is reached", || client.ask("WAIT 1 0") == ":1\r\n");
    proxy.stop().unwrap();
}

#[test]
fn a_shard_whose_connection_breaks_is_asked_again_but_not_for_ever() {
    let (good, rude) = (FakeNode::start(), FakeNode::start());
    says(&good, ":2\r\n");
    rude.behave(Manner::Mute);
    let proxy = start(settings(), &[&good, &rude]);
    let mut client = Client::connect(proxy.client_address());
    client.send(&["WAIT 1 0"]);
    eventually("it waits", || rude.received("WAIT 1 0") == 1);
    says(&rude, ":7\r\n");
    rude.cut_connections();
    assert_eq!(client.reply().unwrap(), ":2\r\n");
    rude.behave(Manner::HangsUp);
    let down = "-CLUSTERDOWN shard s1 cannot be reached; the command was not applied and may be sent again\r\n";
    assert_eq!(client.ask("WAIT 1 0"), down);
    assert_eq!(rude.received("WAIT 1 0"), 5);
    proxy.stop().unwrap();
}

#[test]
fn what_a_node_says_before_the_time_is_over_is_not_the_last_word() {
    let node = FakeNode::start();
    says(&node, ":0\r\n");
    let proxy = start(settings(), &[&node]);
    let mut client = Client::connect(proxy.client_address());
    assert_eq!(client.ask("WAIT 1 5000"), ":0\r\n");
    assert_eq!(node.log().len(), 3);
    assert_eq!(client.ask("WAIT 0 5000"), ":0\r\n");
    assert_eq!(node.log().len(), 4);
    proxy.stop().unwrap();
}

#[test]
fn a_shard_that_moves_is_asked_where_it_is_for_the_time_that_is_left() {
    let (first, second, other) = (FakeNode::start(), FakeNode::start(), FakeNode::start());
    says(&other, ":4\r\n");
    first.behave(Manner::Mute);
    says(&second, ":1\r\n");
    let proxy = start(settings(), &[&first, &other]);
    let mut client = Client::connect(proxy.client_address());
    client.send(&["WAIT 1 60000"]);
    eventually("it waits", || first.log().len() == 1);
    let moved = topology(&[&second, &other], 2);
    proxy.topology().publish(moved).unwrap();
    assert_eq!(client.reply().unwrap(), ":1\r\n");
    let asked = second.log();
    let left = asked[0].strip_prefix("WAIT 1 ").unwrap();
    assert!(left.parse::<u64>().unwrap() < 60_000, "{left}");
    assert_eq!(other.log().len(), 1, "asked once");
    proxy.stop().unwrap();
}

#[test]
fn whoever_ends_the_waiting_has_it_asked_what_there_is() {
    let (good, mute) = (FakeNode::start(), FakeNode::start());
    says(&good, ":2\r\n");
    mute.behave(Manner::Mute);
    let proxy = start(settings(), &[&good, &mute]);
    let mut boss = Client::connect(proxy.client_address());
    let mut client = Client::connect(proxy.client_address());
    let id = client.ask("CLIENT ID");
    let id = id.trim_start_matches(':').trim_end();
    let unblock = format!("CLIENT UNBLOCK {id}");
    assert_eq!(boss.ask(&unblock), ":0\r\n");
    client.send(&["WAIT 1 0"]);
    eventually("it waits", || mute.received("WAIT 1 0") == 1);
    assert!(boss.ask("CLIENT LIST").contains("flags=b "));
    says(&mute, ":0\r\n");
    assert_eq!(boss.ask(&unblock), ":1\r\n");
    assert_eq!(client.reply().unwrap(), ":0\r\n");
    assert_eq!(mute.received("WAIT 0 1"), 1);
    mute.behave(Manner::Mute);
    client.send(&["WAIT 1 0"]);
    eventually("it waits", || mute.received("WAIT 1 0") == 2);
    eventually("it is told", || {
        boss.ask(&format!("{unblock} ERROR")) == ":1\r\n"
    });
    let forced = "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n";
    assert_eq!(client.reply().unwrap(), forced);
    // A client that goes waits no more.
    client.send(&["WAIT 1 0"]);
    eventually("it waits", || mute.received("WAIT 1 0") == 3);
    client.reset();
    eventually("nobody waits", || {
        boss.ask("CLIENT LIST").matches("flags=").count() == 1
    });
    proxy.stop().unwrap();
}
