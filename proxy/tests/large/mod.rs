//! Large requests and replies through the proxy, before nodes that do as they are told.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::io::{Read as _, Write as _};

use crate::support::client::Client;
use crate::support::node::{FakeNode, Manner};
use crate::support::{eventually, key_of, settings, start};
use shared::resp::encode_request;

fn frame(words: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_request(&mut out, words);
    out
}

#[test]
fn a_large_request_that_was_handed_over_is_repeated_or_unknown_when_its_node_is_lost() {
    let node = FakeNode::start();
    let proxy = start(settings(), &[&node]);
    let mut client = Client::connect(proxy.client_address());
    let large = "x".repeat(1_500_000);
    let (write, read) = (frame(&["SET", "handed", &large]), frame(&["GET", &large]));
    let answer = format!("$1500000\r\n{large}\r\n");
    node.behave(Manner::Mute);
    for request in [&write, &read] {
        let received = node.log().len();
        // What follows has begun to arrive in the same buffer.
        client.send_bytes(&[&request[..], b"*2\r\n$3\r\nG"].concat());
        eventually("the request arrives", || node.log().len() > received);
        node.kill();
        node.behave(Manner::Good);
        node.come_back();
        client.send_bytes(b"ET\r\n$5\r\nafter\r\n");
        let first = client.reply().unwrap();
        if request == &write {
            assert!(
                first.starts_with("-UNKNOWN shard s0 did not reply"),
                "{first}"
            );
        } else {
            assert!(first == answer, "a read is sent again, whole");
        }
        assert_eq!(client.reply().unwrap(), "$5\r\nafter\r\n");
        node.behave(Manner::Mute);
    }
    let count = |start: &str| {
        node.log()
            .iter()
            .filter(|line| line.starts_with(start))
            .count()
    };
    assert_eq!((count("SET handed"), count("GET xxx")), (1, 2));
    proxy.stop().unwrap();
}

#[test]
fn large_requests_keep_their_order_with_small_ones_when_the_line_is_full() {
    let node = FakeNode::start();
    let mut config = settings();
    config.pipe_queue_bytes = shared::config::ByteCount(64 << 10);
    let proxy = start(config, &[&node]);
    let mut client = Client::connect(proxy.client_address());
    let value = "v".repeat(700_000);
    let mut bytes = Vec::new();
    for number in 0..8 {
        bytes.extend_from_slice(&frame(&["SET", &format!("large{number}"), &value]));
        for small in 0..3 {
            bytes.extend_from_slice(&frame(&["GET", &format!("small{number}-{small}")]));
        }
    }
    client.send_bytes(&bytes);
    let mut expected = Vec::new();
    for number in 0..8 {
        assert_eq!(client.reply().unwrap(), "+OK\r\n");
        expected.push(format!("SET large{number} {value}"));
        for small in 0..3 {
            let key = format!("small{number}-{small}");
            assert_eq!(client.reply().unwrap(), format!("$8\r\n{key}\r\n"));
            expected.push(format!("GET {key}"));
        }
    }
    assert!(node.log() == expected, "each request once, in order, whole");
    proxy.stop().unwrap();
}

#[test]
fn what_is_sent_ahead_keeps_its_order_when_a_pipe_gives_the_buffer_back_meanwhile() {
    let (quick, slow) = (FakeNode::start(), FakeNode::start());
    let mut config = settings();
    config.threads = 1;
    config.client_requests_in_flight = 8;
    let proxy = start(config, &[&quick, &slow]);
    let mut boss = Client::connect(proxy.client_address());
    let mut client = Client::connect(proxy.client_address());
    let (here, there) = (key_of(0, 2, 1), key_of(1, 2, 1));
    // It goes by the pipes for large requests from the beginning.
    client.ask(&format!("GET {}", "x".repeat(100_000)));
    let before = slow.log().len();
    slow.behave(Manner::WaitsAt(before + 1));
    let mut bytes = frame(&["GET", &there]).repeat(8);
    bytes.extend_from_slice(&frame(&["SET", &there, &"x".repeat(1_900_000)]));
    bytes.extend_from_slice(&frame(&["GETRANGE", &here, "0", "30000000"]));
    // So many that the last ones have to wait, and with them the buffer in which the write lies.
    bytes.extend_from_slice(&frame(&["GETRANGE", &here, "0", "1"]).repeat(12));
    let input_of = |boss: &mut Client| {
        let list = boss.ask("CLIENT LIST");
        let sizes = list.split("qbuf=").skip(1);
        let sizes = sizes.map(|rest| rest.split(' ').next().unwrap().parse::<usize>().unwrap());
        sizes.max().unwrap()
    };
    client.send_bytes(&bytes);
    eventually("all waits", || input_of(&mut boss) > 1_900_000 + 12 * 30);
    slow.behave(Manner::WaitsAt(before + 9));
    for _ in 0..8 {
        assert_eq!(client.reply().unwrap().len(), there.len() + 6);
    }
    eventually("the write is sent", || slow.log().len() == before + 9);
    let ahead = |name: &str| -> Vec<u8> {
        let requests = (0..3).map(|number| frame(&["GET", &format!("{name}{number}")]));
        requests.flatten().collect()
    };
    let before = input_of(&mut boss);
    client.send_bytes(&ahead("a"));
    eventually("more is read", || input_of(&mut boss) > before);
    slow.behave(Manner::Good);
    assert_eq!(client.reply().unwrap(), "+OK\r\n");
    let before = input_of(&mut boss);
    client.send_bytes(&ahead("b"));
    eventually("still more is read", || input_of(&mut boss) > before);
    assert_eq!(client.reply().unwrap().len(), 30_000_013);
    for _ in 0..12 {
        assert_eq!(client.reply().unwrap(), "$1\r\nx\r\n");
    }
    for key in ["a0", "a1", "a2", "b0", "b1", "b2"] {
        assert_eq!(client.reply().unwrap(), format!("$2\r\n{key}\r\n"));
    }
    proxy.stop().unwrap();
}

#[test]
fn no_more_large_replies_of_several_shards_are_asked_for_than_the_client_takes() {
    let nodes = [FakeNode::start(), FakeNode::start()];
    let proxy = start(settings(), &[&nodes[0], &nodes[1]]);
    let mut client = Client::connect(proxy.client_address());
    let key = |shard: usize| format!("{{{}}}{}", key_of(shard, 2, 1), "x".repeat(300_000));
    let request = frame(&["MGET", &key(0), &key(1)]);
    client.send_bytes(&request);
    let length = client.reply().unwrap().len();
    assert!(length > 600_000);
    // Now none is answered, and so none fills what the client may leave.
    let before = nodes[0].log().len();
    for node in &nodes {
        node.behave(Manner::Mute);
    }
    client.send_bytes(&request.repeat(30));
    eventually("they are asked for", || nodes[0].log().len() > before);
    crate::support::pause(std::time::Duration::from_millis(500));
    let asked = nodes[0].log().len() - before;
    for node in &nodes {
        node.kill();
    }
    assert!(asked <= 2, "{asked} are asked for");
    proxy.stop().unwrap();
}

#[test]
fn a_run_is_no_longer_than_there_is_room_in_its_pipe() {
    let node = FakeNode::start();
    let mut config = settings();
    config.threads = 1;
    // A megabyte is eight replies like the first one: all behind these waits for them, and is one run.
    config.client_output_soft_limit = shared::config::ByteCount(1 << 20);
    config.pipe_queue_bytes = shared::config::ByteCount(64 << 10);
    config.admin = Some(shared::topology::Address::loopback(0));
    let proxy = start(config, &[&node]);
    let admin = proxy.admin_address().unwrap();
    let waiting = || -> usize {
        let mut page = String::new();
        let mut stream = std::net::TcpStream::connect(admin).unwrap();
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .unwrap();
        stream.read_to_string(&mut page).unwrap();
        let name = "switchyard_proxy_waiting_bytes ";
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().parse().unwrap()
    };
    let mut client = Client::connect(proxy.client_address());
    let large = "x".repeat(100_000);
    client.ask("SET b 1");
    client.ask(&format!("GET {large}"));
    node.behave(Manner::WaitsAt(3));
    let mut bytes = frame(&["GET", "a"]).repeat(9);
    bytes.extend_from_slice(&frame(&["SET", "b", &large[..30_000]]).repeat(200));
    client.send_bytes(&bytes);
    eventually("it arrives", || node.log().len() == 3);
    crate::support::pause(std::time::Duration::from_millis(300));
    node.behave(Manner::WaitsAt(12));
    eventually("writes arrive", || node.log().len() == 12);
    crate::support::pause(std::time::Duration::from_millis(200));
    let most = 2 * (64 << 10);
    assert!(waiting() < most, "{} bytes wait", waiting());
    node.behave(Manner::Good);
    for _ in 0..9 {
        assert_eq!(client.reply().unwrap(), "$1\r\na\r\n");
    }
    for _ in 0..200 {
        assert_eq!(client.reply().unwrap(), "+OK\r\n");
    }
    proxy.stop().unwrap();
}

/// The first `count` bytes that come.
fn beginning(client: &Client, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let mut stream = client.stream();
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_large_reply_goes_on_its_way_before_it_is_whole() {
    let node = FakeNode::start();
    let config = shared::config::ProxyConfig {
        threads: 1,
        ..settings()
    };
    let proxy = start(config, &[&node]);
    let mut client = Client::connect(proxy.client_address());
    let mut other = Client::connect(proxy.client_address());
    for client in [&mut client, &mut other] {
        // By the same pipe, as clients of whom something is known.
        assert_eq!(client.ask("GETRANGE k 0 1"), "$1\r\nx\r\n");
        assert_eq!(client.ask("GET warm"), "$4\r\nwarm\r\n");
    }
    // In two halves; the second comes when the client has the first.
    let half = "v".repeat(20_000_000);
    let head = "*3\r\n$3\r\none\r\n$40000000\r\n";
    node.behave(Manner::Says(format!("{head}{half}").into_bytes()));
    client.send(&["LRANGE k 0 -1"]);
    let begun = beginning(&client, 19_000_000);
    assert!(begun.starts_with(head.as_bytes()));
    let rest = format!("{half}\r\n$5\r\nthree\r\n");
    node.behave(Manner::SaysBefore(rest.into_bytes()));
    assert_eq!(other.ask("GET other"), "$5\r\nother\r\n");
    let left = head.len() + 40_000_000 - begun.len();
    let end = beginning(&client, left + "\r\n$5\r\nthree\r\n".len());
    assert!(end.ends_with(b"vv\r\n$5\r\nthree\r\n"));
    node.behave(Manner::Good);
    assert_eq!(client.ask("GET behind"), "$6\r\nbehind\r\n");
    proxy.stop().unwrap();
}

#[test]
fn half_of_a_large_reply_is_never_taken_for_a_whole_one() {
    let node = FakeNode::start();
    let config = shared::config::ProxyConfig {
        threads: 1,
        ..settings()
    };
    let proxy = start(config, &[&node]);
    let mut client = Client::connect(proxy.client_address());
    let mut other = Client::connect(proxy.client_address());
    assert_eq!(client.ask("GET warm"), "$4\r\nwarm\r\n");
    let begun = format!("$2000000\r\n{}", "v".repeat(1_000_000));
    node.behave(Manner::Says(begun.into_bytes()));
    client.send(&["GET k"]);
    beginning(&client, 900_000);
    node.behave(Manner::Mute);
    client.send(&["GET l"]);
    other.send(&["GET m"]);
    let arrived = |line| node.received(line) == 1;
    eventually("they arrive", || arrived("GET l") && arrived("GET m"));
    node.behave(Manner::Good);
    node.cut_connections();
    assert_eq!(other.reply().unwrap(), "$1\r\nm\r\n", "it is sent again");
    // What was begun has no end, and the connection none of the replies behind.
    let mut rest = Vec::new();
    client.stream().read_to_end(&mut rest).unwrap();
    assert!(rest.len() < 200_000 && rest.iter().all(|byte| *byte == b'v'));
    proxy.stop().unwrap();
}
