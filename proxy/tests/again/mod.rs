//! Requests that do not get their reply at once: late, lost with their connection, refused, or for a node that leads their slot no more.

use std::time::Duration;

use shared::config::ProxyConfig;

use crate::support::client::Client;
use crate::support::node::{FakeNode, Manner};
use crate::support::{
    Timer, all_pipes_stand, eventually, key_of, pipes_stand, settings, start, topology,
};

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
        request_deadline: Duration::from_secs(2),
        ..settings()
    };
    let proxy = start(config, &[&node]);
    let mut slow = Client::connect(proxy.client_address());
    let mut bystander = Client::connect(proxy.client_address());
    // By the same pipe, as clients of whom something is known.
    assert_eq!(slow.ask("GETRANGE k 0 1"), "$1\r\nx\r\n");
    assert_eq!(slow.ask("GET a"), "$1\r\na\r\n");
    assert_eq!(bystander.ask("GET a"), "$1\r\na\r\n");
    all_pipes_stand(&node);
    let connections = node.connections();
    // It begins, is over after more than its own time, and somebody whose time is not over waits behind it.
    node.behave(Manner::WaitsAt(4));
    slow.send(&["KEYS x"]);
    eventually("it arrives", || node.received("KEYS x") == 1);
    crate::support::pause(Duration::from_secs(1));
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
    let config = ProxyConfig {
        threads: 1,
        ..settings()
    };
    let proxy = start(config, &[&node]);
    let mut client = Client::connect(proxy.client_address());
    assert_eq!(client.ask("GETRANGE k 0 1"), "$1\r\nx\r\n");
    assert_eq!(client.ask("GET a"), "$1\r\na\r\n");
    all_pipes_stand(&node);
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
    pipes_stand(&node);
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
fn a_client_does_not_overtake_its_own_late_write_by_another_pipe() {
    for other_way in ["HELLO 3", "SELECT 1"] {
        let node = FakeNode::start();
        let config = ProxyConfig {
            threads: 1,
            request_deadline: Duration::from_secs(2),
            ..settings()
        };
        let proxy = start(config, &[&node]);
        let mut client = Client::connect(proxy.client_address());
        let mut bystander = Client::connect(proxy.client_address());
        assert_eq!(bystander.ask("GET a"), "$1\r\na\r\n");
        node.behave(Manner::WaitsAt(2));
        client.send(&["SET k old"]);
        eventually("it arrives", || node.received("SET k old") == 1);
        // Somebody whose time is not over waits behind it, so the pipe lives on.
        crate::support::pause(Duration::from_secs(1));
        bystander.send(&["SET b 1"]);
        assert!(client.reply().unwrap().starts_with("-UNKNOWN shard s0 "));
        client.ask(other_way);
        client.send(&["SET k new"]);
        let mut others = Client::connect(proxy.client_address());
        others.ask(other_way);
        assert_eq!(
            others.ask("SET c 1"),
            "+OK\r\n",
            "it is nobody else's trouble"
        );
        assert_eq!(node.received("SET k new"), 0, "{other_way}");
        node.behave(Manner::Good);
        assert_eq!(bystander.reply().unwrap(), "+OK\r\n");
        assert_eq!(client.reply().unwrap(), "+OK\r\n", "{other_way}");
        assert_eq!(node.received("SET k new"), 1);
        proxy.stop().unwrap();
    }
}

#[test]
fn a_read_is_not_repeated_behind_a_write_that_its_client_sent_after_it() {
    let (node, other) = (FakeNode::start(), FakeNode::start());
    let config = ProxyConfig {
        threads: 1,
        ..settings()
    };
    let proxy = start(config, &[&node, &other]);
    let [k, l, m] = [1, 2, 3].map(|number| key_of(0, 2, number));
    let value = |key: &str| format!("${}\r\n{key}\r\n", key.len());
    let (get_k, get_l, get_m) = (format!("GET {k}"), format!("GET {l}"), format!("GET {m}"));
    let (read_two, write) = (format!("MGET {k} {l}"), format!("SET {k} 1"));
    let mut writer = Client::connect(proxy.client_address());
    let mut reader = Client::connect(proxy.client_address());
    assert_eq!(reader.ask(&get_m), value(&m));
    node.behave(Manner::Mute);
    writer.send(&[&get_k, &read_two, &get_m, &write, &get_l]);
    eventually("they arrive", || node.received(&get_l) == 1);
    reader.send(&[&get_k]);
    eventually("so does another's", || node.received(&get_k) == 2);
    node.behave(Manner::Good);
    node.cut_connections();
    for _ in 0..2 {
        let reply = writer.reply().unwrap();
        assert!(reply.starts_with("-CLUSTERDOWN shard s0 "), "{reply}");
    }
    assert_eq!(writer.reply().unwrap(), value(&m), "nobody wrote it");
    assert!(writer.reply().unwrap().starts_with("-UNKNOWN shard s0 "));
    assert_eq!(writer.reply().unwrap(), value(&l), "behind the write");
    assert_eq!(reader.reply().unwrap(), value(&k), "another's");
    assert_eq!(node.received(&write), 1);
    proxy.stop().unwrap();
}

#[test]
fn who_waits_for_a_late_write_is_told_so_at_the_deadline() {
    let (stuck, well) = (FakeNode::start(), FakeNode::start());
    let config = ProxyConfig {
        threads: 1,
        request_deadline: Duration::from_millis(300),
        ..settings()
    };
    let proxy = start(config, &[&stuck, &well]);
    let (there, elsewhere) = (key_of(0, 2, 1), key_of(1, 2, 1));
    let mut client = Client::connect(proxy.client_address());
    assert_eq!(client.ask(&format!("SET {there} 1")), "+OK\r\n");
    stuck.behave(Manner::Mute);
    client.send(&[&format!("SET {there} old")]);
    assert!(client.reply().unwrap().starts_with("-UNKNOWN shard s0 "));
    stuck.kill();
    client.ask("HELLO 3");
    assert_eq!(client.ask(&format!("SET {elsewhere} 1")), "+OK\r\n");
    let refused = client.ask(&format!("SET {there} new"));
    assert!(refused.starts_with("-CLUSTERDOWN shard s0 "), "{refused}");
    stuck.behave(Manner::Good);
    stuck.come_back();
    eventually("it serves again", || {
        client.ask(&format!("SET {there} newer")) == "+OK\r\n"
    });
    assert_eq!(stuck.received(&format!("SET {there} new")), 0);
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
    pipes_stand(&node);
    node.behave(Manner::Mute);
    client.send(&["SET b 1"]);
    assert!(client.reply().unwrap().starts_with("-UNKNOWN shard s0 "));
    eventually("another connection", || node.connections() == 3);
    node.behave(Manner::Good);
    eventually("it serves", || client.ask("SET c 1") == "+OK\r\n");
    let words = node.first_words();
    assert_eq!(words[0], "CLIENT INFO");
    let kills = words.iter().filter(|line| line.starts_with("CLIENT KILL"));
    let kills: Vec<&String> = kills.collect();
    assert_eq!(kills.len(), 1, "{words:?}");
    let of_the_first_two = [
        "CLIENT KILL ID 1 ADDR 1.2.3.4:1",
        "CLIENT KILL ID 2 ADDR 1.2.3.4:2",
    ];
    assert!(of_the_first_two.contains(&kills[0].as_str()), "{words:?}");
    proxy.stop().unwrap();
}

#[test]
fn what_is_routed_to_a_lane_that_its_node_refuses_is_told_so() {
    let (first, second) = (FakeNode::start(), FakeNode::start());
    let config = ProxyConfig {
        threads: 1,
        node_deadline: Duration::from_secs(8),
        reconnect_pause_max: Duration::from_secs(1),
        ..settings()
    };
    let proxy = start(config, &[&first, &second]);
    let mut client = Client::connect(proxy.client_address());
    let mut bystander = Client::connect(proxy.client_address());
    first.refuse_databases();
    second.kill();
    eventually("the loss is noticed", || {
        bystander.ask("INFO proxy").contains("shards_reachable:1")
    });
    assert_eq!(client.ask("SELECT 5"), "+OK\r\n");
    let refusal = "-ERR DB index is out of range\r\n";
    let (here, there) = (key_of(0, 2, 1), key_of(1, 2, 1));
    client.send(&[&format!("SET {there} 1"), &format!("GET {here}")]);
    eventually("both are under way", || {
        bystander.ask("CLIENT LIST").contains("cmd=get")
    });
    assert_eq!(bystander.ask(&format!("GET {here}")).len(), here.len() + 6);
    // Now the first one leads the slots of both, and does not have the database.
    proxy
        .topology()
        .publish(topology(&[&second, &first], 2))
        .unwrap();
    assert_eq!(client.reply().unwrap(), refusal);
    assert_eq!(client.reply().unwrap(), refusal);
    assert_eq!(bystander.ask("PING"), "+PONG\r\n");
    assert_eq!(client.ask("SELECT 0"), "+OK\r\n");
    assert_eq!(client.ask("PING"), "+PONG\r\n");
    proxy.stop().unwrap();
}

#[test]
fn of_a_run_that_was_sent_in_part_the_rest_goes_by_the_newest_topology() {
    let (first, second) = (FakeNode::start(), FakeNode::start());
    let config = ProxyConfig {
        threads: 1,
        ..settings()
    };
    let proxy = start(config, &[&first, &second]);
    let mut client = Client::connect(proxy.client_address());
    let key = key_of(0, 2, 1);
    // What waits for the first eight replies goes as one run, of which the node takes no more than the kernel does.
    first.behave(Manner::WaitsAt(1));
    let value = "v".repeat(30_000);
    let lines: Vec<String> = (0..500)
        .map(|number| format!("SET {key} {number}{value}"))
        .collect();
    client.send(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    crate::support::pause(Duration::from_millis(500));
    first.behave(Manner::WaitsAt(9));
    eventually("it is stuck", || first.log().len() == 9);
    crate::support::pause(Duration::from_millis(300));
    proxy
        .topology()
        .publish(topology(&[&second, &first], 2))
        .unwrap();
    crate::support::pause(Duration::from_millis(200));
    first.behave(Manner::Good);
    for number in 0..500 {
        assert_eq!(client.reply().unwrap(), "+OK\r\n", "{number}");
    }
    let numbers = |node: &FakeNode| -> Vec<usize> {
        let number = |line: &String| line.split([' ', 'v']).nth(2).unwrap().parse().unwrap();
        node.log().iter().map(number).collect()
    };
    let all: Vec<usize> = [numbers(&first), numbers(&second)].concat();
    assert_eq!(all, (0..500).collect::<Vec<_>>());
    let here = first.log().len();
    assert!(
        here < 400,
        "{here} went to the node that leads the slot no more"
    );
    proxy.stop().unwrap();
}

#[test]
fn a_node_that_leads_again_is_asked_whatever_was_known_of_it() {
    let nodes = [FakeNode::start(), FakeNode::start(), FakeNode::start()];
    let config = ProxyConfig {
        threads: 1,
        node_deadline: Duration::from_millis(50),
        ..settings()
    };
    let proxy = start(config, &[&nodes[0], &nodes[1]]);
    let mut client = Client::connect(proxy.client_address());
    nodes[1].kill();
    let reachable = |client: &mut Client, line: &str| client.ask("INFO proxy").contains(line);
    eventually("the loss is noticed", || {
        reachable(&mut client, "shards_reachable:1")
    });
    proxy
        .topology()
        .publish(topology(&[&nodes[0], &nodes[2]], 2))
        .unwrap();
    eventually("another leads", || {
        reachable(&mut client, "shards_reachable:2")
    });
    crate::support::pause(Duration::from_millis(300));
    nodes[1].come_back();
    proxy
        .topology()
        .publish(topology(&[&nodes[0], &nodes[1]], 3))
        .unwrap();
    let key = key_of(1, 2, 1);
    assert_eq!(client.ask(&format!("SET {key} 1")), "+OK\r\n");
    assert_eq!(nodes[1].received(&format!("SET {key} 1")), 1);
    proxy.stop().unwrap();
}
