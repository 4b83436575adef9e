//! Requests that do not get their reply at once: late, lost with their connection, refused, or for a node that leads their slot no more.

use std::time::Duration;

use shared::config::ProxyConfig;

use crate::support::client::Client;
use crate::support::node::{FakeNode, Manner};
use crate::support::{Timer, eventually, key_of, settings, start, topology};

#[test]
fn what_was_not_sent_goes_by_the_newest_topology_though_its_node_leads_others() {
    let (first, second) = (FakeNode::start(), FakeNode::start());
    let config = ProxyConfig {
        node_deadline: Duration::from_secs(8),
        ..settings()
    };
    let proxy = start(config, &[&first, &second]);
    let (moved, other) = (key_of(0, 2, 1), key_of(1, 2, 1));
    first.kill();
    let mut client = Client::connect(proxy.client_address());
    eventually("the loss is noticed", || {
        client.ask("INFO proxy").contains("shards_reachable:1")
    });
    let (set, get) = (format!("SET {moved} 1"), format!("GET {moved}"));
    client.send(&[&set, &get, "GET a", "GET b", &format!("GET {other}")]);
    eventually("they wait", || {
        second.received(&format!("GET {other}")) == 1
    });
    // The primaries are exchanged; both still lead something.
    let exchanged = topology(&[&second, &first], 2);
    proxy.topology().publish(exchanged).unwrap();
    eventually("the write is where its slot is", || {
        second.received(&set) == 1
    });
    first.come_back();
    assert_eq!(client.reply().unwrap(), "+OK\r\n");
    let value = |key: &str| format!("${}\r\n{key}\r\n", key.len());
    for key in [&*moved, "a", "b", &*other] {
        assert_eq!(client.reply().unwrap(), value(key));
    }
    assert_eq!((first.received(&set), first.received(&get)), (0, 0));
    let log = second.log();
    let place = |line: &str| log.iter().position(|known| known == line).unwrap();
    assert!(place(&set) < place(&get), "{log:?}");
    proxy.stop().unwrap();
}

#[test]
fn a_second_try_does_not_add_a_second_deadline() {
    let node = FakeNode::start();
    let config = ProxyConfig {
        request_deadline: Duration::from_millis(600),
        node_deadline: Duration::from_secs(6),
        ..settings()
    };
    let proxy = start(config, &[&node]);
    let mut client = Client::connect(proxy.client_address());
    assert_eq!(client.ask("GET a"), "$1\r\na\r\n");
    node.behave(Manner::Mute);
    let begin = Timer::start();
    client.send(&["GET b", "SET c 1"]);
    eventually("they arrive", || node.received("SET c 1") == 1);
    node.kill();
    assert!(
        client
            .reply()
            .unwrap()
            .starts_with("-CLUSTERDOWN shard s0 ")
    );
    assert!(begin.elapsed() < Duration::from_secs(5), "not the node's");
    assert!(client.reply().unwrap().starts_with("-UNKNOWN shard s0 "));
    proxy.stop().unwrap();
}

#[test]
fn a_command_that_takes_longer_than_its_deadline_is_not_repeated_and_hurts_nobody_in_time() {
    let node = FakeNode::start();
    let config = ProxyConfig {
        threads: 1,
        request_deadline: Duration::from_millis(400),
        ..settings()
    };
    let proxy = start(config, &[&node]);
    let mut slow = Client::connect(proxy.client_address());
    let mut bystander = Client::connect(proxy.client_address());
    assert_eq!(bystander.ask("GET a"), "$1\r\na\r\n");
    let connections = node.connections();
    // It begins, is over after more than its own time, and somebody whose time is not over waits behind it.
    node.behave(Manner::WaitsAt(2));
    slow.send(&["KEYS x"]);
    eventually("it arrives", || node.received("KEYS x") == 1);
    crate::support::pause(Duration::from_millis(250));
    bystander.send(&["SET b 1"]);
    assert!(slow.reply().unwrap().starts_with("-CLUSTERDOWN shard s0 "));
    node.behave(Manner::Good);
    assert_eq!(bystander.reply().unwrap(), "+OK\r\n");
    assert_eq!(
        slow.ask("GET c"),
        "$1\r\nc\r\n",
        "the late reply is dropped"
    );
    assert_eq!(node.received("KEYS x"), 1);
    assert_eq!(node.connections(), connections, "the connection is kept");
    proxy.stop().unwrap();
}

#[test]
fn a_database_that_a_node_does_not_have_is_the_trouble_of_those_who_ask_for_it() {
    let node = FakeNode::start();
    let proxy = start(settings(), &[&node]);
    let mut client = Client::connect(proxy.client_address());
    let mut bystander = Client::connect(proxy.client_address());
    assert_eq!(bystander.ask("GET a"), "$1\r\na\r\n");
    node.refuse_databases();
    assert_eq!(client.ask("SELECT 5"), "+OK\r\n");
    let refusal = "-ERR DB index is out of range\r\n";
    for line in ["GET x", "DBSIZE", "SET x 1", "MGET x y"] {
        assert_eq!(client.ask(line), refusal, "{line}");
        assert_eq!(bystander.ask("GET a"), "$1\r\na\r\n");
    }
    assert!(bystander.ask("INFO proxy").contains("shards_reachable:1"));
    assert_eq!(client.ask("SELECT 0"), "+OK\r\n");
    assert_eq!(client.ask("GET x"), "$1\r\nx\r\n");
    proxy.stop().unwrap();
}

#[test]
fn a_message_of_a_node_is_no_reply() {
    let node = FakeNode::start();
    let proxy = start(settings(), &[&node]);
    let mut client = Client::connect(proxy.client_address());
    assert_eq!(client.ask("GET a"), "$1\r\na\r\n");
    let connections = node.connections();
    let message = b">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n".to_vec();
    let large = format!(">2\r\n+message\r\n$200000\r\n{}\r\n", "m".repeat(200_000));
    for message in [message, large.into_bytes()] {
        node.behave(Manner::SaysBefore(message));
        client.send(&["GET b", "SET c 1", "GETRANGE k 0 100000", "GET d"]);
        assert_eq!(client.reply().unwrap(), "$1\r\nb\r\n");
        assert_eq!(client.reply().unwrap(), "+OK\r\n");
        assert_eq!(client.reply().unwrap().len(), 100_011);
        assert_eq!(client.reply().unwrap(), "$1\r\nd\r\n");
    }
    assert_eq!(node.connections(), connections, "the connection lives");
    proxy.stop().unwrap();
}

#[test]
fn a_node_that_obeys_a_newer_epoch_is_told_anew_who_asks() {
    let node = FakeNode::start();
    let config = ProxyConfig {
        threads: 1,
        ..settings()
    };
    let proxy = start(config, &[&node]);
    let mut client = Client::connect(proxy.client_address());
    assert_eq!(client.ask("GET warm"), "$4\r\nwarm\r\n");
    let connections = node.connections();
    node.behave(Manner::Stale(3));
    client.send(&["SET a 1", "SET b 1", "GET c", "SET d 1"]);
    for expected in ["+OK\r\n", "+OK\r\n", "$1\r\nc\r\n", "+OK\r\n"] {
        assert_eq!(client.reply().unwrap(), expected);
    }
    let log = node.log();
    // The last one was executed the first time, and what was refused came again in its order.
    assert_eq!(
        log[1..],
        [
            "SET a 1", "SET b 1", "GET c", "SET d 1", "SET a 1", "SET b 1", "GET c"
        ]
    );
    eventually("over a new connection", || {
        node.connections() == connections + 1
    });
    proxy.stop().unwrap();
}

#[test]
fn a_connection_that_is_given_up_is_cut_by_its_name_before_the_next_is_used() {
    let node = FakeNode::start();
    let config = ProxyConfig {
        threads: 1,
        request_deadline: Duration::from_millis(300),
        ..settings()
    };
    let proxy = start(config, &[&node]);
    let mut client = Client::connect(proxy.client_address());
    assert_eq!(client.ask("GET a"), "$1\r\na\r\n");
    node.behave(Manner::Mute);
    client.send(&["SET b 1"]);
    assert!(client.reply().unwrap().starts_with("-UNKNOWN shard s0 "));
    eventually("another connection", || node.connections() == 2);
    node.behave(Manner::Good);
    eventually("it serves", || client.ask("SET c 1") == "+OK\r\n");
    let words = node.first_words();
    assert_eq!(words[0], "CLIENT INFO");
    let kill = words
        .iter()
        .position(|line| line == "CLIENT KILL ID 1 ADDR 1.2.3.4:1");
    assert_eq!(kill, Some(2), "{words:?}");
    proxy.stop().unwrap();
}
