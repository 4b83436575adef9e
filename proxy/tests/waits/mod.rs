//! Clients that wait: for the end of a pause, for replies, for room; each is let go on, and costs nothing meanwhile.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::io::{Read as _, Write as _};
use std::time::Duration;

use shared::config::ProxyConfig;
use shared::resp::encode_request;

use crate::support::client::Client;
use crate::support::node::{FakeNode, Manner};
use crate::support::{eventually, pause, settings, start};

/// What is said to a command that a pause holds up beyond its deadline.
const PAUSED: &str = "-CLUSTERDOWN commands are held up by CLIENT PAUSE; the command was not applied and may be sent again\r\n";

#[test]
fn a_pause_of_some_milliseconds_ends_for_everybody() {
    let node = FakeNode::start();
    let proxy = start(settings(), &[&node]);
    let mut boss = Client::connect(proxy.client_address());
    let mut clients: Vec<Client> = (0..4)
        .map(|_| Client::connect(proxy.client_address()))
        .collect();
    for milliseconds in [1, 5, 20, 49, 51, 70] {
        boss.send(&[&format!("CLIENT PAUSE {milliseconds}"), "GET boss"]);
        for client in &mut clients {
            client.send(&["GET x", "SET y 1"]);
        }
        assert_eq!(boss.reply().unwrap(), "+OK\r\n");
        assert_eq!(boss.reply().unwrap(), "$4\r\nboss\r\n");
        for client in &mut clients {
            assert_eq!(client.reply().unwrap(), "$1\r\nx\r\n");
            assert_eq!(client.reply().unwrap(), "+OK\r\n");
        }
    }
    proxy.stop().unwrap();
}

#[test]
fn a_command_does_not_wait_for_the_end_of_a_pause_beyond_its_deadline() {
    let node = FakeNode::start();
    let config = ProxyConfig {
        request_deadline: Duration::from_millis(200),
        ..settings()
    };
    let proxy = start(config, &[&node]);
    let mut client = Client::connect(proxy.client_address());
    client.send(&["CLIENT PAUSE 100000 WRITE", "SET a 1", "GET b", "SET c 1"]);
    for expected in ["+OK\r\n", PAUSED, "$1\r\nb\r\n", PAUSED] {
        assert_eq!(client.reply().unwrap(), expected);
    }
    assert_eq!(client.ask("CLIENT UNPAUSE"), "+OK\r\n");
    assert_eq!(client.ask("SET a 1"), "+OK\r\n");
    assert_eq!(node.log_of_clients(), ["GET b", "SET a 1"]);
    proxy.stop().unwrap();
}

#[test]
fn whoever_waits_for_the_end_of_a_pause_is_blocked_and_not_idle() {
    let node = FakeNode::start();
    let config = ProxyConfig {
        timeout: Duration::from_secs(1),
        ..settings()
    };
    let proxy = start(config, &[&node]);
    let mut boss = Client::connect(proxy.client_address());
    let mut client = Client::connect(proxy.client_address());
    let mut idle = Client::connect(proxy.client_address());
    assert_eq!(idle.ask("PING"), "+PONG\r\n");
    assert_eq!(boss.ask("CLIENT PAUSE 100000 WRITE"), "+OK\r\n");
    client.send(&["CLIENT SETNAME waits", "SET a 1"]);
    assert_eq!(client.reply().unwrap(), "+OK\r\n");
    let line = |list: &str, name: &str| {
        let mut lines = list.lines().map(str::to_owned);
        lines.find(|line| line.contains(name)).unwrap_or_default()
    };
    eventually("it is blocked", || {
        line(&boss.ask("CLIENT LIST"), "name=waits").contains(" flags=b ")
    });
    // By then the idle one is gone, and this one has waited as long.
    eventually("the idle client is closed", || {
        boss.ask("CLIENT LIST").matches("id=").count() == 2
    });
    assert_eq!(boss.ask("CLIENT UNPAUSE"), "+OK\r\n");
    assert_eq!(client.reply().unwrap(), "+OK\r\n");
    assert_eq!(idle.reply(), None);
    let list = boss.ask("CLIENT LIST");
    assert!(line(&list, "name=waits").contains("flags=N"), "{list}");
    assert!(line(&list, "name=waits").contains("cmd=set"), "{list}");
    proxy.stop().unwrap();
}

/// Hundredths of a second that this process has worked.
fn worked() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let behind_name = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = behind_name.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn clients_that_wait_cost_nothing() {
    let node = FakeNode::start();
    let config = ProxyConfig {
        threads: 1,
        pipe_queue_requests: 16,
        ..settings()
    };
    let proxy = start(config, &[&node]);
    let mut boss = Client::connect(proxy.client_address());
    assert_eq!(boss.ask("GET a"), "$1\r\na\r\n");
    assert_eq!(boss.ask("CLIENT PAUSE 100000 WRITE"), "+OK\r\n");
    node.behave(Manner::Mute);
    // For all replies; for the end of the pause; for room in the pipe.
    let mut waits_for_replies = Client::connect(proxy.client_address());
    waits_for_replies.send(&["GET k", "RESET"]);
    let mut waits_for_pause = Client::connect(proxy.client_address());
    let lines = [&["GET k"; 8][..], &["SET k 1"]].concat();
    waits_for_pause.send(&lines);
    let mut wait_for_room: Vec<Client> = (0..4)
        .map(|_| Client::connect(proxy.client_address()))
        .collect();
    for client in &mut wait_for_room {
        client.send(&["GET k"; 200]);
    }
    eventually("the requests arrive", || node.received("GET k") >= 9);
    pause(Duration::from_millis(100));
    let before = worked();
    pause(Duration::from_millis(600));
    let spent = worked() - before;
    assert!(spent < 30, "{spent} hundredths of a second of sixty");
    drop(wait_for_room);
    proxy.stop().unwrap();
}

#[test]
fn a_client_may_write_all_that_it_has_before_it_reads() {
    let node = FakeNode::start();
    let config = ProxyConfig {
        client_output_stall: Duration::from_secs(5),
        ..settings()
    };
    let proxy = start(config, &[&node]);
    let client = Client::connect(proxy.client_address());
    let mut out = Vec::new();
    for _ in 0..8 {
        encode_request(&mut out, ["GETRANGE", "k", "0", "4000000"]);
    }
    let value = "v".repeat(24_000_000);
    encode_request(&mut out, ["SET", "k", &value]);
    for number in 0..100_000 {
        encode_request(&mut out, ["GET", &format!("key{number}")]);
    }
    client.stream().write_all(&out).unwrap();
    let mut expected = format!("$4000000\r\n{}\r\n", "x".repeat(4_000_000)).repeat(8);
    expected.push_str("+OK\r\n");
    for number in 0..100_000 {
        let key = format!("key{number}");
        expected.push_str(&format!("${}\r\n{key}\r\n", key.len()));
    }
    let mut got = vec![0; expected.len()];
    client.stream().read_exact(&mut got).unwrap();
    assert!(got == expected.as_bytes());
    proxy.stop().unwrap();
}

#[test]
fn a_client_that_takes_its_replies_slowly_but_steadily_is_not_cut() {
    let node = FakeNode::start();
    let config = ProxyConfig {
        client_output_stall: Duration::from_secs(1),
        ..settings()
    };
    let proxy = start(config, &[&node]);
    let mut client = Client::connect(proxy.client_address());
    client.send(&["GETRANGE k 0 30000000"]);
    let mut left = "$30000000\r\n\r\n".len() + 30_000_000;
    let mut piece = vec![0; 100_000];
    while left > 0 {
        let count = client.stream().read(&mut piece).unwrap();
        assert!(count > 0, "cut with {left} bytes to come");
        left -= count;
        // Thirty megabytes in three seconds at least.
        pause(Duration::from_millis(10));
    }
    assert_eq!(client.ask("GET a"), "$1\r\na\r\n");
    proxy.stop().unwrap();
}

#[test]
fn requests_are_not_late_because_their_client_reads_slowly() {
    let node = FakeNode::start();
    let config = ProxyConfig {
        request_deadline: Duration::from_millis(300),
        ..settings()
    };
    let proxy = start(config, &[&node]);
    let mut client = Client::connect(proxy.client_address());
    client.send(&["GETRANGE k 0 200000"; 100]);
    for number in 0..100 {
        if number % 20 == 0 {
            pause(Duration::from_millis(200));
        }
        assert_eq!(client.reply().unwrap().len(), 200_011, "reply {number}");
    }
    proxy.stop().unwrap();
}

#[test]
fn no_more_large_replies_are_asked_for_than_the_client_takes() {
    let node = FakeNode::start();
    let config = ProxyConfig {
        client_output_stall: Duration::from_secs(60),
        ..settings()
    };
    let proxy = start(config, &[&node]);
    let mut client = Client::connect(proxy.client_address());
    // Writes before it say nothing about the length of what is read.
    for _ in 0..10 {
        assert_eq!(client.ask("SET k 1"), "+OK\r\n");
    }
    client.send(&["GETRANGE k 0 3000000"; 128]);
    let received = || node.received("GETRANGE k 0 3000000");
    eventually("the first are asked for", || received() >= 8);
    pause(Duration::from_millis(300));
    assert!(received() <= 10, "{} under way", received());
    for _ in 0..128 {
        assert_eq!(client.reply().unwrap().len(), 3_000_012);
    }
    assert_eq!(received(), 128);
    proxy.stop().unwrap();
}

#[test]
fn what_is_to_be_skipped_is_skipped_whoever_answers() {
    let node = FakeNode::start();
    let proxy = start(settings(), &[&node]);
    let mut client = Client::connect(proxy.client_address());
    for line in [
        "INFO",
        "CONFIG GET maxclients",
        "SLOWLOG GET",
        "SLOWLOG LEN",
        "LATENCY LATEST",
        "MEMORY DOCTOR",
        "LOLWUT",
        "CLIENT LIST",
        "CLIENT KILL ID 4711",
        "CLIENT ID",
        "CLIENT REPLY ZORK",
        "DBSIZE",
        "KEYS x",
        "MGET a b",
        "SCAN 0",
        "SCAN zork",
        "FLUSHALL",
        "HELLO 2",
        "ZORK",
        "PING",
        "GET a",
        "CLIENT REPLY SKIP",
    ] {
        client.send(&["CLIENT REPLY SKIP", line, "GET b", "GET c"]);
        let expected = if line.ends_with("SKIP") {
            &["$1\r\nc\r\n"][..]
        } else {
            &["$1\r\nb\r\n", "$1\r\nc\r\n"]
        };
        for reply in expected {
            assert_eq!(client.reply().unwrap(), *reply, "behind {line}");
        }
    }
    client.send(&["CLIENT REPLY SKIP", "CLIENT REPLY ON", "GET d"]);
    assert_eq!(client.reply().unwrap(), "+OK\r\n");
    assert_eq!(client.reply().unwrap(), "$1\r\nd\r\n");
    client.send(&["CLIENT REPLY OFF", "INFO", "CLIENT LIST", "RESET", "GET e"]);
    assert_eq!(client.reply().unwrap(), "+RESET\r\n");
    assert_eq!(client.reply().unwrap(), "$1\r\ne\r\n");
    proxy.stop().unwrap();
}

#[test]
fn a_skip_is_not_used_up_by_waiting() {
    let node = FakeNode::start();
    let proxy = start(settings(), &[&node]);
    let mut client = Client::connect(proxy.client_address());
    let mut boss = Client::connect(proxy.client_address());
    assert_eq!(boss.ask("CLIENT PAUSE 100000 WRITE"), "+OK\r\n");
    client.send(&["CLIENT REPLY SKIP", "SET a 1", "GET b"]);
    eventually("it waits", || boss.ask("CLIENT LIST").contains("flags=b"));
    assert_eq!(boss.ask("CLIENT UNPAUSE"), "+OK\r\n");
    assert_eq!(client.reply().unwrap(), "$1\r\nb\r\n");
    assert_eq!(node.log_of_clients(), ["SET a 1", "GET b"]);
    proxy.stop().unwrap();
}

#[test]
fn a_pause_of_no_length_ends_none() {
    let node = FakeNode::start();
    let proxy = start(settings(), &[&node]);
    let mut client = Client::connect(proxy.client_address());
    let mut boss = Client::connect(proxy.client_address());
    assert_eq!(boss.ask("CLIENT PAUSE 100000 WRITE"), "+OK\r\n");
    client.send(&["SET a 1"]);
    let waits = |boss: &mut Client| boss.ask("CLIENT LIST").contains("flags=b");
    eventually("it waits", || waits(&mut boss));
    assert_eq!(boss.ask("CLIENT PAUSE 0 WRITE"), "+OK\r\n");
    let mut other = Client::connect(proxy.client_address());
    assert_eq!(other.ask("GET b"), "$1\r\nb\r\n");
    assert!(waits(&mut boss), "still");
    assert_eq!(boss.ask("CLIENT UNPAUSE"), "+OK\r\n");
    assert_eq!(client.reply().unwrap(), "+OK\r\n");
    assert_eq!(node.log_of_clients(), ["GET b", "SET a 1"]);
    proxy.stop().unwrap();
}
