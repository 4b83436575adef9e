//! The proxy between clients and nodes that are slow, silent, rude or gone.

mod again;
mod copies;
mod ends;
mod large;
mod monitors;
mod rounds;
mod support;
mod waits;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use shared::config::{ByteCount, Secret};
use support::client::Client;
use support::node::{FakeNode, Manner};
use support::{Timer, eventually, key_of, settings, start, topology};

#[test]
fn replies_come_in_request_order_when_one_shard_is_slow() {
    let (fast, slow) = (FakeNode::start(), FakeNode::start());
    slow.behave(Manner::Slow(300));
    let proxy = start(settings(), &[&fast, &slow]);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let address = proxy.client_address();
            scope.spawn(move || {
                let mut client = Client::connect(address);
                for round in 0..5 {
                    let keys: Vec<String> = (0..80)
                        .map(|number| format!("k{thread}-{round}-{number}"))
                        .collect();
                    let mut lines: Vec<String> = Vec::new();
                    let mut expected: Vec<String> = Vec::new();
                    for (number, key) in keys.iter().enumerate() {
                        match number % 7 {
                            3 => {
                                lines.push("PING".to_owned());
                                expected.push("+PONG\r\n".to_owned());
                            }
                            5 => {
                                lines.push(format!("MGET {key} a b c"));
                                expected.push(format!(
                                    "*4\r\n${}\r\n{key}\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n",
                                    key.len()
                                ));
                            }
                            _ => {
                                lines.push(format!("GET {key}"));
                                expected.push(format!("${}\r\n{key}\r\n", key.len()));
                            }
                        }
                    }
                    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
                    client.send(&lines);
                    for line in expected {
                        assert_eq!(client.reply().unwrap(), line);
                    }
                }
            });
        }
    });
    proxy.stop().unwrap();
}

#[test]
fn a_dead_node_fails_only_its_keys_and_comes_back_without_a_restart() {
    let (well, ill) = (FakeNode::start(), FakeNode::start());
    ill.kill();
    let proxy = start(settings(), &[&well, &ill]);
    let (good_key, bad_key) = (key_of(0, 2, 1), key_of(1, 2, 1));
    let mut client = Client::connect(proxy.client_address());
    assert_eq!(client.ask(&format!("SET {good_key} 1")), "+OK\r\n");
    let down = "-CLUSTERDOWN shard s1 cannot be reached; the command was not applied and may be sent again\r\n";
    assert_eq!(client.ask(&format!("SET {bad_key} 1")), down);
    // From now on it fails at once.
    let begin = Timer::start();
    assert_eq!(client.ask(&format!("GET {bad_key}")), down);
    assert!(begin.elapsed() < Duration::from_millis(200), "failed fast");
    assert_eq!(
        client.ask(&format!("GET {good_key}")),
        format!("${}\r\n{good_key}\r\n", good_key.len())
    );
    assert!(
        client
            .ask(&format!("MGET {good_key} {bad_key}"))
            .starts_with("-CLUSTERDOWN shard s1 ")
    );
    assert!(
        client
            .ask(&format!("DEL {good_key} {bad_key}"))
            .starts_with("-UNKNOWN shard s1 failed")
    );
    ill.come_back();
    eventually("the node serves again", || {
        client.ask(&format!("SET {bad_key} 1")) == "+OK\r\n"
    });
    proxy.stop().unwrap();
}

#[test]
fn commands_wait_for_a_node_that_is_back_before_the_deadline() {
    let node = FakeNode::start();
    let mut config = settings();
    config.node_deadline = Duration::from_secs(5);
    let proxy = start(config, &[&node]);
    let mut client = Client::connect(proxy.client_address());
    assert_eq!(client.ask("SET a 1"), "+OK\r\n");
    node.kill();
    let down = Timer::start();
    client.send(&["SET b 1", "GET b", "SET c 1"]);
    while down.elapsed() < Duration::from_millis(150) {
        std::thread::yield_now();
    }
    node.come_back();
    let replies: Vec<String> = (0..3).map(|_| client.reply().unwrap()).collect();
    // The first may have met the dying connection.
    assert!(
        replies[0] == "+OK\r\n" || replies[0].starts_with("-UNKNOWN shard s0"),
        "{}",
        replies[0]
    );
    assert_eq!(replies[1], "$1\r\nb\r\n");
    assert!(
        replies[2] == "+OK\r\n" || replies[2].starts_with("-UNKNOWN shard s0"),
        "{}",
        replies[2]
    );
    proxy.stop().unwrap();
}

#[test]
fn a_write_without_a_reply_is_unknown_and_never_repeated_while_reads_are() {
    let node = FakeNode::start();
    let proxy = start(settings(), &[&node]);
    let mut client = Client::connect(proxy.client_address());
    assert_eq!(client.ask("SET warm 1"), "+OK\r\n");
    node.behave(Manner::Mute);
    client.send(&["SET x 1", "INCR z", "GET y"]);
    eventually("the requests arrive", || node.received("GET y") == 1);
    node.kill();
    node.behave(Manner::Good);
    node.come_back();
    let unknown =
        "-UNKNOWN shard s0 did not reply; it is unknown whether the command was applied\r\n";
    assert_eq!(client.reply().unwrap(), unknown);
    assert_eq!(client.reply().unwrap(), unknown);
    assert_eq!(client.reply().unwrap(), "$1\r\ny\r\n");
    assert_eq!(node.received("SET x 1"), 1);
    assert_eq!(node.received("INCR z"), 1);
    assert_eq!(node.received("GET y"), 2);
    proxy.stop().unwrap();
}

#[test]
fn a_node_that_hangs_is_given_up_at_the_request_deadline() {
    let (well, ill) = (FakeNode::start(), FakeNode::start());
    let mut config = settings();
    config.request_deadline = Duration::from_millis(300);
    let proxy = start(config, &[&well, &ill]);
    let (good_key, bad_key) = (key_of(0, 2, 1), key_of(1, 2, 1));
    ill.behave(Manner::Mute);
    let mut client = Client::connect(proxy.client_address());
    let begin = Timer::start();
    client.send(&[&format!("SET {bad_key} 1"), &format!("GET {good_key}")]);
    assert!(
        client
            .reply()
            .unwrap()
            .starts_with("-UNKNOWN shard s1 did not reply")
    );
    assert!(begin.elapsed() < Duration::from_secs(3));
    assert_eq!(
        client.reply().unwrap(),
        format!("${}\r\n{good_key}\r\n", good_key.len())
    );
    proxy.stop().unwrap();
}

#[test]
fn a_node_that_sends_rubbish_loses_its_connection_and_hurts_nobody_else() {
    let (well, rogue) = (FakeNode::start(), FakeNode::start());
    let proxy = start(settings(), &[&well, &rogue]);
    let (good_key, bad_key) = (key_of(0, 2, 1), key_of(1, 2, 1));
    let deep = [b"*1\r\n".repeat(100), b"what\r\n".to_vec()].concat();
    let rubbish: [&[u8]; 5] = [
        b"HTTP/1.1 200 OK\r\n\r\n",
        &deep,
        b"$99999999999999999999\r\n",
        b"*-7\r\n",
        b"\x16\x03\x01\x02\x00",
    ];
    let mut client = Client::connect(proxy.client_address());
    for bytes in rubbish {
        rogue.behave(Manner::Says(bytes.to_vec()));
        client.send(&[&format!("SET {bad_key} 1"), &format!("GET {good_key}")]);
        let reply = client.reply().unwrap();
        let shown = bytes.escape_ascii();
        assert!(
            reply.starts_with("-UNKNOWN shard s1 ") || reply.starts_with("-CLUSTERDOWN shard s1 "),
            "{shown}: {reply}"
        );
        assert_eq!(
            client.reply().unwrap(),
            format!("${}\r\n{good_key}\r\n", good_key.len())
        );
    }
    rogue.behave(Manner::Says(b"+OK\r\n+OK\r\n".to_vec()));
    // One answer too many: the answer is right, and nobody gets the other one.
    let reply = client.ask(&format!("SET {bad_key} 1"));
    assert!(
        reply == "+OK\r\n"
            || reply.starts_with("-UNKNOWN shard s1 ")
            || reply.starts_with("-CLUSTERDOWN"),
        "{reply}"
    );
    rogue.behave(Manner::Good);
    let value = format!("${}\r\n{bad_key}\r\n", bad_key.len());
    eventually("the node is believed again", || {
        client.ask(&format!("GET {bad_key}")) == value
    });
    proxy.stop().unwrap();
}

#[test]
fn a_read_that_ends_every_connection_is_not_repeated_for_ever() {
    let node = FakeNode::start();
    let mut config = settings();
    config.node_deadline = Duration::from_secs(5);
    let proxy = start(config, &[&node]);
    node.behave(Manner::HangsUp);
    let mut client = Client::connect(proxy.client_address());
    assert!(
        client
            .ask("GET poison")
            .starts_with("-CLUSTERDOWN shard s0 ")
    );
    assert_eq!(node.received("GET poison"), 3);
    proxy.stop().unwrap();
}

#[test]
fn replies_to_a_client_that_left_reach_nobody_else() {
    let node = FakeNode::start();
    let mut config = settings();
    config.threads = 1;
    let proxy = start(config, &[&node]);
    for round in 0..30 {
        node.behave(Manner::Slow(3_000));
        let mut leaver = Client::connect(proxy.client_address());
        leaver.send(&["GET old1", "GET old2", "MGET old3 old4", "DBSIZE"]);
        drop(leaver);
        // Most likely takes the leaver's place.
        let mut newcomer = Client::connect(proxy.client_address());
        let key = format!("new{round}");
        assert_eq!(
            newcomer.ask(&format!("GET {key}")),
            format!("${}\r\n{key}\r\n", key.len())
        );
        assert_eq!(newcomer.ask("PING"), "+PONG\r\n");
    }
    proxy.stop().unwrap();
}

#[test]
fn a_client_that_never_reads_is_stopped_and_then_cut_while_others_go_on() {
    let node = FakeNode::start();
    let mut config = settings();
    config.threads = 1;
    config.client_output_stall = Duration::from_secs(1);
    // As long as it may send, it does something.
    config.client_query_buffer_limit = ByteCount(1 << 20);
    config.client_output_hard_limit = ByteCount(16 << 20);
    let proxy = start(config, &[&node]);
    let greedy = Client::connect(proxy.client_address());
    let lines: Vec<&str> = vec!["GETRANGE k 0 10000"; 500];
    greedy
        .stream()
        .set_write_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let mut other = Client::connect(proxy.client_address());
    let begin = Timer::start();
    let mut was_cut = false;
    while begin.elapsed() < Duration::from_secs(10) && !was_cut {
        let mut out = Vec::new();
        for line in &lines {
            shared::resp::encode_request(&mut out, line.split(' ').collect::<Vec<_>>());
        }
        was_cut = match std::io::Write::write_all(&mut greedy.stream(), &out) {
            Ok(()) => false,
            Err(error) => !matches!(
                error.kind(),
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
            ),
        };
        assert_eq!(other.ask("GET x"), "$1\r\nx\r\n");
    }
    assert!(was_cut, "the client that does not read is closed");
    assert_eq!(other.ask("GET x"), "$1\r\nx\r\n");
    proxy.stop().unwrap();
}

/// The clients end also when what disturbs them fails, or the failure would look like a hang.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn the_topology_may_change_a_hundred_times_under_load() {
    let nodes: Vec<FakeNode> = (0..4).map(|_| FakeNode::start()).collect();
    let shapes: [Vec<&FakeNode>; 4] = [
        vec![&nodes[0], &nodes[1], &nodes[2]],
        vec![&nodes[0], &nodes[1]],
        vec![&nodes[3], &nodes[1], &nodes[2]],
        vec![&nodes[2], &nodes[3], &nodes[0], &nodes[1]],
    ];
    let proxy = start(settings(), &shapes[0]);
    let (is_over, batches) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (is_over, batches) = (&is_over, &batches);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let address = proxy.client_address();
            scope.spawn(move || {
                let mut client = Client::connect(address);
                let mut number = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let keys: Vec<String> = (0..20)
                        .map(|place| format!("k{thread}-{number}-{place}"))
                        .collect();
                    let lines: Vec<String> = keys.iter().map(|key| format!("GET {key}")).collect();
                    client.send(&lines.iter().map(String::as_str).collect::<Vec<_>>());
                    for key in keys {
                        assert_eq!(
                            client.reply().unwrap(),
                            format!("${}\r\n{key}\r\n", key.len())
                        );
                    }
                    number += 1;
                    batches.fetch_add(1, Ordering::Relaxed);
                }
                assert!(number > 0);
            });
        }
        let ends = Ends(is_over);
        for version in 2..102 {
            let shape = &shapes[usize::try_from(version).unwrap() % shapes.len()];
            let goal = batches.load(Ordering::Relaxed) + 8;
            assert!(proxy.topology().publish(topology(shape, version)).unwrap());
            eventually("the clients go on", || {
                batches.load(Ordering::Relaxed) >= goal
            });
        }
        drop(ends);
    });
    let stale = proxy.topology().publish(topology(&shapes[1], 50));
    assert_eq!(
        stale.unwrap_err().to_string(),
        "topology version 50 is not newer than version 101, which is in use"
    );
    proxy.stop().unwrap();
}

#[test]
fn commands_held_for_a_lost_node_follow_their_keys_to_the_new_one() {
    let (old, new) = (FakeNode::start(), FakeNode::start());
    let mut config = settings();
    config.node_deadline = Duration::from_secs(8);
    let proxy = start(config, &[&old]);
    let mut client = Client::connect(proxy.client_address());
    assert_eq!(client.ask("SET a 1"), "+OK\r\n");
    old.kill();
    // The loss is noticed before anything is sent.
    let mut other = Client::connect(proxy.client_address());
    eventually("the loss is noticed", || {
        other.ask("INFO proxy").contains("shards_reachable:0")
    });
    client.send(&["SET b 1", "GET b"]);
    proxy.topology().publish(topology(&[&new], 2)).unwrap();
    assert_eq!(client.reply().unwrap(), "+OK\r\n");
    assert_eq!(client.reply().unwrap(), "$1\r\nb\r\n");
    assert_eq!(new.log(), ["SET b 1", "GET b"]);
    proxy.stop().unwrap();
}

#[test]
fn a_password_is_asked_for_and_strangers_are_kept_small() {
    let node = FakeNode::start();
    let mut config = settings();
    config.requirepass = Secret::new("secret");
    let proxy = start(config, &[&node]);
    let mut client = Client::connect(proxy.client_address());
    let locked = "-NOAUTH Authentication required.\r\n";
    assert_eq!(client.ask("GET a"), locked);
    assert_eq!(client.ask("PING"), locked);
    assert!(client.ask("AUTH wrong").starts_with("-WRONGPASS"));
    client.send(&["AUTH secret", "GET a"]);
    assert_eq!(client.reply().unwrap(), "+OK\r\n");
    assert_eq!(client.reply().unwrap(), "$1\r\na\r\n");
    let mut stranger = Client::connect(proxy.client_address());
    stranger.send_bytes(b"*11\r\n");
    assert_eq!(
        stranger.reply().unwrap(),
        "-ERR Protocol error: unauthenticated multibulk length\r\n"
    );
    assert_eq!(stranger.reply(), None);
    let mut http = Client::connect(proxy.client_address());
    http.send_bytes(b"*1\r\n!\r\n");
    assert!(
        http.reply()
            .unwrap()
            .starts_with("-ERR Protocol error: expected '$', got '!'")
    );
    assert_eq!(http.reply(), None);
    proxy.stop().unwrap();
}

#[test]
fn quit_answers_and_closes_and_http_is_hung_up_on() {
    let node = FakeNode::start();
    let proxy = start(settings(), &[&node]);
    let mut client = Client::connect(proxy.client_address());
    client.send(&["GET a", "QUIT", "GET b"]);
    assert_eq!(client.reply().unwrap(), "$1\r\na\r\n");
    assert_eq!(client.reply().unwrap(), "+OK\r\n");
    assert_eq!(client.reply(), None);
    let mut browser = Client::connect(proxy.client_address());
    browser.send_bytes(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nSET a 1\r\n");
    assert_eq!(browser.reply(), None);
    // Whoever stands before the proxy and is not believed: a client behind it would take each reply for that of the command before.
    let mut balancer = Client::connect(proxy.client_address());
    balancer.send_bytes(b"PROXY TCP4 192.0.2.7 10.0.0.1 8080 6379\r\nSET a 1\r\n");
    assert_eq!(balancer.reply(), None);
    let mut odd = Client::connect(proxy.client_address());
    odd.send(&["PROXY a", "GET a"]);
    assert!(
        odd.reply()
            .unwrap()
            .starts_with("-ERR unknown command 'PROXY'")
    );
    assert_eq!(odd.reply().unwrap(), "$1\r\na\r\n");
    assert_eq!(node.log(), ["GET a", "GET a"]);
    proxy.stop().unwrap();
}

#[test]
fn clients_beyond_the_bound_are_told_so() {
    let node = FakeNode::start();
    let mut config = settings();
    config.maxclients = 2;
    let proxy = start(config, &[&node]);
    let mut first = Client::connect(proxy.client_address());
    let mut second = Client::connect(proxy.client_address());
    assert_eq!(first.ask("PING"), "+PONG\r\n");
    assert_eq!(second.ask("PING"), "+PONG\r\n");
    let mut third = Client::connect(proxy.client_address());
    assert_eq!(
        third.reply().unwrap(),
        "-ERR max number of clients reached\r\n"
    );
    assert_eq!(third.reply(), None);
    drop(first);
    eventually("a place is free", || {
        let mut next = Client::connect(proxy.client_address());
        next.send(&["PING"]);
        next.reply().is_some_and(|reply| reply == "+PONG\r\n")
    });
    proxy.stop().unwrap();
}

#[test]
fn a_stopping_proxy_lets_clients_have_their_replies() {
    let node = FakeNode::start();
    node.behave(Manner::Slow(100_000));
    let proxy = start(settings(), &[&node]);
    let mut client = Client::connect(proxy.client_address());
    let mut idle = Client::connect(proxy.client_address());
    assert_eq!(idle.ask("PING"), "+PONG\r\n");
    client.send(&["GET a", "GET b", "GET c"]);
    eventually("the requests are on their way", || !node.log().is_empty());
    proxy.stop().unwrap();
    for key in ["a", "b", "c"] {
        assert_eq!(client.reply().unwrap(), format!("$1\r\n{key}\r\n"));
    }
    assert_eq!(client.reply(), None);
    assert_eq!(idle.reply(), None);
}

#[test]
fn commands_over_all_databases_keep_their_place_among_the_others() {
    let node = FakeNode::start();
    node.behave(Manner::Slow(2_000));
    let proxy = start(settings(), &[&node]);
    let mut client = Client::connect(proxy.client_address());
    client.send(&[
        "SET a 1",
        "SELECT 1",
        "SET b 1",
        "FLUSHALL",
        "SET c 1",
        "SELECT 0",
        "SET d 1",
        "SWAPDB 0 1",
        "SET e 1",
    ]);
    for _ in 0..9 {
        assert_eq!(client.reply().unwrap(), "+OK\r\n");
    }
    let log = node.log();
    let place = |line: &str| log.iter().position(|known| known == line).unwrap();
    for (before, after) in [
        ("SET a 1", "FLUSHALL"),
        ("SET b 1", "FLUSHALL"),
        ("FLUSHALL", "SET c 1"),
        ("FLUSHALL", "SET d 1"),
        ("SET c 1", "SWAPDB 0 1"),
        ("SET d 1", "SWAPDB 0 1"),
        ("SWAPDB 0 1", "SET e 1"),
    ] {
        assert!(
            place(before) < place(after),
            "{before} before {after}: {log:?}"
        );
    }
    proxy.stop().unwrap();
}

#[test]
fn scan_walks_over_all_shards() {
    let (one, two) = (FakeNode::start(), FakeNode::start());
    let proxy = start(settings(), &[&one, &two]);
    let mut client = Client::connect(proxy.client_address());
    let mut cursor = "0".to_owned();
    let mut calls = 0;
    loop {
        let reply = client.ask(&format!("SCAN {cursor} MATCH x* COUNT 7"));
        calls += 1;
        cursor = reply.split("\r\n").nth(2).unwrap().to_owned();
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(calls, 4);
    for node in [&one, &two] {
        assert_eq!(
            node.log(),
            ["SCAN 0 MATCH x* COUNT 7", "SCAN 5 MATCH x* COUNT 7"]
        );
    }
    assert_eq!(client.ask("SCAN zork"), "-ERR invalid cursor\r\n");
    assert_eq!(client.ask("DBSIZE"), ":14\r\n");
    proxy.stop().unwrap();
}

#[test]
fn replies_can_be_left_out_as_the_client_wishes() {
    let node = FakeNode::start();
    let proxy = start(settings(), &[&node]);
    let mut client = Client::connect(proxy.client_address());
    client.send(&[
        "CLIENT REPLY SKIP",
        "GET a",
        "GET b",
        "CLIENT REPLY OFF",
        "GET c",
        "PING",
        "ZORK",
        "CLIENT REPLY ON",
        "GET d",
    ]);
    for expected in ["$1\r\nb\r\n", "+OK\r\n", "$1\r\nd\r\n"] {
        assert_eq!(client.reply().unwrap(), expected);
    }
    proxy.stop().unwrap();
}

#[test]
fn clients_of_all_threads_are_listed_and_killed() {
    let node = FakeNode::start();
    let proxy = start(settings(), &[&node]);
    let mut clients: Vec<Client> = (0..4)
        .map(|_| Client::connect(proxy.client_address()))
        .collect();
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.ask(&format!("CLIENT SETNAME c{number}")), "+OK\r\n");
    }
    let list = clients[0].ask("CLIENT LIST");
    for number in 0..4 {
        assert!(list.contains(&format!("name=c{number} ")), "{list}");
    }
    let id = clients[2].ask("CLIENT ID");
    let id = id.trim().trim_start_matches(':').to_owned();
    assert_eq!(clients[0].ask(&format!("CLIENT KILL ID {id}")), ":1\r\n");
    assert_eq!(clients[2].reply(), None);
    assert_eq!(
        clients[0].ask("CLIENT KILL TYPE normal SKIPME no"),
        ":3\r\n"
    );
    for client in &mut clients {
        assert_eq!(client.reply(), None);
    }
    proxy.stop().unwrap();
}

#[test]
fn a_pause_holds_writes_or_everything_and_ends() {
    let node = FakeNode::start();
    let proxy = start(settings(), &[&node]);
    let mut boss = Client::connect(proxy.client_address());
    let mut client = Client::connect(proxy.client_address());
    assert_eq!(boss.ask("CLIENT PAUSE 100000 WRITE"), "+OK\r\n");
    assert_eq!(client.ask("GET a"), "$1\r\na\r\n");
    client.send(&["SET a 1", "GET b"]);
    assert_eq!(boss.ask("GET c"), "$1\r\nc\r\n");
    assert_eq!(node.received("SET a 1"), 0);
    assert_eq!(boss.ask("CLIENT UNPAUSE"), "+OK\r\n");
    assert_eq!(client.reply().unwrap(), "+OK\r\n");
    assert_eq!(client.reply().unwrap(), "$1\r\nb\r\n");
    // However slow the machine is: no earlier. (The proxy's clock may be a tick behind when the pause begins.)
    let begin = Timer::start();
    assert_eq!(boss.ask("CLIENT PAUSE 150"), "+OK\r\n");
    assert_eq!(client.ask("PING"), "+PONG\r\n");
    assert!(begin.elapsed() >= Duration::from_millis(100));
    proxy.stop().unwrap();
}

#[test]
fn a_client_with_something_large_gets_pipes_of_its_own_and_keeps_its_order() {
    let node = FakeNode::start();
    let mut config = settings();
    config.threads = 1;
    let proxy = start(config, &[&node]);
    let mut others = Client::connect(proxy.client_address());
    assert_eq!(others.ask("GET a"), "$1\r\na\r\n");
    // Slow, so that small commands are under way when the large one comes.
    node.behave(Manner::Slow(2_000));
    let large = format!("SET k {}", "v".repeat(300_000));
    let mut client = Client::connect(proxy.client_address());
    assert_eq!(client.ask("GET a"), "$1\r\na\r\n");
    for _ in 0..3 {
        client.send(&["GET one", "GET two", &large, "GET three", "PING"]);
        assert_eq!(client.reply().unwrap(), "$3\r\none\r\n");
        assert_eq!(client.reply().unwrap(), "$3\r\ntwo\r\n");
        assert_eq!(client.reply().unwrap(), "+OK\r\n");
        assert_eq!(client.reply().unwrap(), "$5\r\nthree\r\n");
        assert_eq!(client.reply().unwrap(), "+PONG\r\n");
        assert_eq!(others.ask("GET a"), "$1\r\na\r\n");
    }
    assert_eq!(
        node.connections(),
        3,
        "one for whoever is large, one for whoever is unknown"
    );
    let log = node.log();
    let own: Vec<&str> = log
        .iter()
        .filter(|line| *line != "GET a")
        .map(|line| line.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(own, ["one", "two", "k", "three"].repeat(3), "in order");
    proxy.stop().unwrap();
}
