//! Commands over very many keys: in rounds over the shards, with others in between, and with nodes and clients that go in the middle.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::net::SocketAddr;

use proxy::ProxyHandle;
use shared::config::{ByteCount, ProxyConfig};
use shared::resp::encode_request;
use shared::slot::SlotId;

use crate::support::client::Client;
use crate::support::node::{FakeNode, Manner};
use crate::support::{eventually, key_of, settings, start, topology};

/// Keys of a long command.
const KEYS: usize = 100_000;

/// Most keys of one round.
const ROUND_KEYS: usize = 4096;

fn nodes<const N: usize>() -> [FakeNode; N] {
    std::array::from_fn(|_| FakeNode::start())
}

fn start_before(config: ProxyConfig, nodes: &[FakeNode]) -> ProxyHandle {
    start(config, &nodes.iter().collect::<Vec<_>>())
}

fn keys(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("key:{number}")).collect()
}

/// The command over these keys, each with a value where it takes one.
fn frame(name: &str, keys: &[String]) -> Vec<u8> {
    let mut words = vec![name];
    for key in keys {
        words.push(key);
        if name == "MSET" {
            words.push("v");
        }
    }
    let mut out = Vec::new();
    encode_request(&mut out, words);
    out
}

fn commands(node: &FakeNode, name: &str) -> Vec<String> {
    let is_one = |line: &String| line.starts_with(&format!("{name} "));
    node.log().into_iter().filter(is_one).collect()
}

fn client_with(address: SocketAddr, bytes: &[u8]) -> Client {
    let mut client = Client::connect(address);
    client.send_bytes(bytes);
    client
}

fn check_results(config: ProxyConfig, count: usize) {
    let nodes = nodes::<3>();
    let proxy = start_before(config, &nodes);
    let mut client = Client::connect(proxy.client_address());
    let keys = keys(count);
    for name in ["MSET", "MGET", "EXISTS", "TOUCH", "DEL", "UNLINK"] {
        client.send_bytes(&frame(name, &keys));
        let expected = match name {
            "MSET" => "+OK\r\n".to_owned(),
            "MGET" => {
                let values = keys
                    .iter()
                    .map(|key| format!("${}\r\n{key}\r\n", key.len()));
                format!("*{count}\r\n{}", values.collect::<String>())
            }
            _ => format!(":{count}\r\n"),
        };
        assert!(client.reply().unwrap() == expected, "{name}");
        let step = if name == "MSET" { 2 } else { 1 };
        let mut asked: Vec<String> = Vec::new();
        for node in &nodes {
            for line in commands(node, name) {
                let words: Vec<&str> = line.split(' ').collect();
                assert!(
                    words.len() <= 1 + ROUND_KEYS * step,
                    "{} words",
                    words.len()
                );
                asked.extend(words[1..].iter().step_by(step).map(|key| (*key).to_owned()));
            }
        }
        asked.sort_unstable();
        let mut wanted = keys.clone();
        wanted.sort_unstable();
        assert!(asked == wanted, "{name}: each key once");
    }
    proxy.stop().unwrap();
}

#[test]
fn very_many_keys_give_the_reply_of_the_whole() {
    check_results(settings(), KEYS);
}

#[test]
fn rounds_get_along_with_narrow_bounds() {
    let config = ProxyConfig {
        client_requests_in_flight: 1,
        pipe_queue_bytes: ByteCount(1),
        pipe_queue_requests: 1,
        ..settings()
    };
    check_results(config, 3 * ROUND_KEYS);
}

#[test]
fn others_are_served_between_two_rounds() {
    let nodes = nodes::<3>();
    let proxy = start_before(
        ProxyConfig {
            threads: 1,
            ..settings()
        },
        &nodes,
    );
    nodes[1].behave(Manner::WaitsAt(2));
    let mut long = client_with(proxy.client_address(), &frame("EXISTS", &keys(KEYS)));
    eventually("the second round", || {
        commands(&nodes[1], "EXISTS").len() == 2
    });
    let mut other = Client::connect(proxy.client_address());
    for shard in 0..3 {
        let key = key_of(shard, 3, 1);
        let reply = other.ask(&format!("GET {key}"));
        assert_eq!(reply, format!("${}\r\n{key}\r\n", key.len()));
    }
    let rounds = nodes.each_ref().map(|node| commands(node, "EXISTS").len());
    assert_eq!(
        rounds,
        [2, 2, 2],
        "no third round before the second is answered"
    );
    nodes[1].behave(Manner::Good);
    assert_eq!(long.reply().unwrap(), format!(":{KEYS}\r\n"));
    proxy.stop().unwrap();
}

#[test]
fn a_pause_that_begins_in_the_middle_holds_up_what_follows() {
    let nodes = nodes::<2>();
    let proxy = start_before(settings(), &nodes);
    nodes[1].behave(Manner::WaitsAt(2));
    let bytes = [
        &frame("DEL", &keys(KEYS))[..],
        b"*2\r\n$3\r\nDEL\r\n$6\r\nbehind\r\n",
    ]
    .concat();
    let mut client = client_with(proxy.client_address(), &bytes);
    eventually("the second round", || commands(&nodes[1], "DEL").len() == 2);
    let mut boss = Client::connect(proxy.client_address());
    assert_eq!(boss.ask("CLIENT PAUSE 100000 WRITE"), "+OK\r\n");
    nodes[1].behave(Manner::Good);
    // It has begun, so it comes to its end.
    assert_eq!(client.reply().unwrap(), format!(":{KEYS}\r\n"));
    assert_eq!(boss.ask("PING"), "+PONG\r\n");
    let sent: usize = nodes.iter().map(|node| node.received("DEL behind")).sum();
    assert_eq!(sent, 0);
    assert_eq!(boss.ask("CLIENT UNPAUSE"), "+OK\r\n");
    assert_eq!(client.reply().unwrap(), ":1\r\n");
    proxy.stop().unwrap();
}

#[test]
fn what_follows_a_long_command_waits_for_its_end() {
    let nodes = nodes::<2>();
    let proxy = start_before(settings(), &nodes);
    let keys = keys(KEYS);
    // Of the first round, but behind the last one.
    let line = format!("*2\r\n$3\r\nGET\r\n$5\r\n{}\r\n", keys[0]);
    let bytes = [&frame("MSET", &keys)[..], line.as_bytes()].concat();
    let mut client = client_with(proxy.client_address(), &bytes);
    assert_eq!(client.reply().unwrap(), "+OK\r\n");
    assert_eq!(client.reply().unwrap(), "$5\r\nkey:0\r\n");
    let owner = usize::from(SlotId::of_key(keys[0].as_bytes()).number()) * 2 / 16384;
    assert_eq!(nodes[owner].log().last().unwrap(), "GET key:0");
    proxy.stop().unwrap();
}

#[test]
fn a_shard_that_is_lost_in_the_middle_ends_the_command_with_the_truth() {
    for (name, error) in [
        (
            "MSET",
            "-UNKNOWN shard s1 failed; the command may have been applied in part",
        ),
        (
            "DEL",
            "-UNKNOWN shard s1 failed; the command may have been applied in part",
        ),
        (
            "EXISTS",
            "-CLUSTERDOWN shard s1 cannot be reached; the command was not applied",
        ),
    ] {
        let nodes = nodes::<2>();
        let proxy = start_before(settings(), &nodes);
        nodes[1].behave(Manner::WaitsAt(2));
        let bytes = [&frame(name, &keys(KEYS))[..], b"PING\r\n"].concat();
        let mut client = client_with(proxy.client_address(), &bytes);
        eventually("the second round", || commands(&nodes[1], name).len() == 2);
        nodes[1].kill();
        nodes[1].behave(Manner::Good);
        let reply = client.reply().unwrap();
        assert!(reply.starts_with(error), "{name}: {reply}");
        assert_eq!(client.reply().unwrap(), "+PONG\r\n");
        assert_eq!(
            commands(&nodes[0], name).len(),
            2,
            "{name}: no further round"
        );
        proxy.stop().unwrap();
    }
}

#[test]
fn with_every_shard_down_nothing_was_applied() {
    let nodes = nodes::<2>();
    nodes.iter().for_each(FakeNode::kill);
    let proxy = start_before(settings(), &nodes);
    let mut client = Client::connect(proxy.client_address());
    for _ in 0..2 {
        client.send_bytes(&frame("MSET", &keys(KEYS)));
        let reply = client.reply().unwrap();
        assert!(reply.starts_with("-CLUSTERDOWN shard s"), "{reply}");
    }
    assert_eq!(client.ask("PING"), "+PONG\r\n");
    proxy.stop().unwrap();
}

#[test]
fn later_rounds_go_where_a_newer_topology_says() {
    let nodes = nodes::<3>();
    let proxy = start_before(settings(), &nodes);
    nodes[1].behave(Manner::WaitsAt(2));
    let mut client = client_with(proxy.client_address(), &frame("DEL", &keys(KEYS)));
    eventually("the second round", || commands(&nodes[1], "DEL").len() == 2);
    let swapped = topology(&[&nodes[2], &nodes[1], &nodes[0]], 2);
    assert!(proxy.topology().publish(swapped).unwrap());
    nodes[1].behave(Manner::Good);
    assert_eq!(client.reply().unwrap(), format!(":{KEYS}\r\n"));
    let thirds = |line: &String, third: usize| {
        line.split(' ')
            .skip(1)
            .all(|key| usize::from(SlotId::of_key(key.as_bytes()).number()) * 3 / 16384 == third)
    };
    let log = commands(&nodes[0], "DEL");
    assert!(log[..2].iter().all(|line| thirds(line, 0)));
    assert!(log[2..].iter().all(|line| thirds(line, 2)) && log.len() > 10);
    // One shard is left: what is not done yet goes there, not all of it again.
    nodes[1].behave(Manner::WaitsAt(nodes[1].log().len() + 3));
    let before = commands(&nodes[1], "DEL").len();
    client.send_bytes(&frame("DEL", &keys(KEYS)));
    eventually("the third round", || {
        commands(&nodes[1], "DEL").len() == before + 3
    });
    assert!(proxy.topology().publish(topology(&[&nodes[1]], 3)).unwrap());
    nodes[1].behave(Manner::Good);
    assert_eq!(client.reply().unwrap(), format!(":{KEYS}\r\n"));
    proxy.stop().unwrap();
}

#[test]
fn no_further_round_is_sent_for_a_client_that_is_gone() {
    let nodes = nodes::<2>();
    let proxy = start_before(settings(), &nodes);
    nodes[1].behave(Manner::WaitsAt(2));
    let bytes = [b"PING\r\n", &frame("UNLINK", &keys(KEYS))[..]].concat();
    let client = client_with(proxy.client_address(), &bytes);
    eventually("the second round", || {
        commands(&nodes[1], "UNLINK").len() == 2
    });
    // A reply that was not read resets the connection.
    drop(client);
    nodes[1].behave(Manner::Good);
    let mut other = Client::connect(proxy.client_address());
    eventually("the client is forgotten", || {
        other.ask("CLIENT LIST").matches("id=").count() == 1
    });
    let rounds = nodes.each_ref().map(|node| commands(node, "UNLINK").len());
    assert_eq!(rounds, [2, 2]);
    proxy.stop().unwrap();
}

#[test]
fn a_command_that_is_cut_short_is_refused_before_anything_is_sent() {
    let nodes = nodes::<2>();
    let proxy = start_before(settings(), &nodes);
    let mut words = vec!["MSET".to_owned()];
    words.extend(keys(KEYS + 1));
    let mut bytes = Vec::new();
    encode_request(&mut bytes, &words);
    let mut client = client_with(proxy.client_address(), &bytes);
    assert_eq!(
        client.reply().unwrap(),
        "-ERR wrong number of arguments for 'mset' command\r\n"
    );
    assert!(nodes.iter().all(|node| node.log().is_empty()));
    proxy.stop().unwrap();
}

#[test]
fn a_reply_that_is_not_wanted_is_not_given() {
    let nodes = nodes::<2>();
    let proxy = start_before(settings(), &nodes);
    let long = frame("MGET", &keys(KEYS));
    let bytes = [b"CLIENT REPLY SKIP\r\n", &long[..], b"PING\r\n", &long[..]].concat();
    let mut client = client_with(proxy.client_address(), &bytes);
    assert_eq!(client.reply().unwrap(), "+PONG\r\n");
    assert!(client.reply().unwrap().starts_with("*100000\r\n"));
    proxy.stop().unwrap();
}

#[test]
fn a_stop_lets_a_long_command_come_to_its_end() {
    let nodes = nodes::<2>();
    let proxy = start_before(settings(), &nodes);
    let address = proxy.client_address();
    nodes[1].behave(Manner::WaitsAt(2));
    let bytes = [&frame("EXISTS", &keys(KEYS))[..], b"PING\r\n"].concat();
    let mut idle = Client::connect(address);
    assert_eq!(idle.ask("PING"), "+PONG\r\n");
    let mut client = client_with(address, &bytes);
    eventually("the second round", || {
        commands(&nodes[1], "EXISTS").len() == 2
    });
    std::thread::scope(|scope| {
        scope.spawn(|| proxy.stop().unwrap());
        // Whoever waits for nothing is let go at once.
        assert_eq!(idle.reply(), None);
        nodes[1].behave(Manner::Good);
        assert_eq!(client.reply().unwrap(), format!(":{KEYS}\r\n"));
        assert_eq!(client.reply(), None, "what waited behind it was not begun");
    });
}

#[test]
fn a_reply_beyond_the_hard_limit_closes_the_client() {
    let nodes = nodes::<2>();
    let config = ProxyConfig {
        client_output_hard_limit: ByteCount(256 << 10),
        ..settings()
    };
    let proxy = start_before(config, &nodes);
    let mut client = client_with(proxy.client_address(), &frame("MGET", &keys(KEYS)));
    assert_eq!(client.reply(), None);
    assert!(commands(&nodes[0], "MGET").len() < 10);
    let mut other = Client::connect(proxy.client_address());
    assert_eq!(other.ask("PING"), "+PONG\r\n");
    proxy.stop().unwrap();
}

#[test]
fn half_a_reply_is_never_taken_for_a_whole_one() {
    let nodes = nodes::<2>();
    let proxy = start_before(settings(), &nodes);
    // Nodes answer with the key: a round has a megabyte, and from 16 MB on the reply flows.
    let keys: Vec<String> = (0..60)
        .map(|number| format!("{}{number}", "k".repeat(1 << 20)))
        .collect();
    nodes[1].behave(Manner::WaitsAt(20));
    let mut client = client_with(proxy.client_address(), &frame("MGET", &keys));
    let reader = std::thread::spawn(move || client.reply().map(|reply| reply.len()));
    eventually("far more than is kept has come", || {
        nodes[1].log().len() == 20
    });
    nodes[1].kill();
    nodes[1].behave(Manner::Good);
    let reply = reader.join().unwrap();
    assert_eq!(reply, None, "the connection ends in the middle");
    // Everybody else is served.
    let key = key_of(0, 2, 1);
    let mut other = Client::connect(proxy.client_address());
    assert_eq!(
        other.ask(&format!("GET {key}")),
        format!("${}\r\n{key}\r\n", key.len())
    );
    proxy.stop().unwrap();
}
