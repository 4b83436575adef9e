//! One command over very many keys: others are served meanwhile, and to them it still happens at one moment.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::eventually::{eventually, pause};
use crate::support::servers::{Cluster, Server, start_node};
use crate::support::{Client, Reply, encode};

/// Enough for many turns of a node.
const KEYS: usize = 200_000;

/// `name` over `KEYS` keys, with `value` behind each.
fn over_all_keys(name: &str, value: Option<&str>) -> Vec<u8> {
    let mut words = vec![name.to_owned()];
    for number in 0..KEYS {
        words.push(key(number));
        words.extend(value.map(str::to_owned));
    }
    encode(&words)
}

/// All of one slot.
fn key(number: usize) -> String {
    format!("{{tag}}key:{number}")
}

fn call(client: &mut Client, bytes: &[u8]) -> Reply {
    client.send(bytes).expect("sent");
    client.receive().expect("a reply")
}

/// A node alone, and a proxy over one or three, of which one owns the slot: all do as one Redis would.
fn on_one_node(check: impl Fn(SocketAddr)) {
    check(start_node(&[]).address);
    check(Cluster::start(1).proxy.address);
    check(Cluster::start(3).proxy.address);
}

/// Some of the keys, from both ends and between.
fn some_keys() -> Vec<String> {
    let numbers = [KEYS - 1, 0, KEYS / 2, 1, KEYS - 2];
    let keys = numbers.into_iter().map(key);
    std::iter::once("MGET".to_owned()).chain(keys).collect()
}

/// Whether all of these keys hold the same.
fn agree(values: &Reply) -> bool {
    let Reply::Array(values) = values else {
        panic!("{values:?}");
    };
    values.windows(2).all(|pair| pair[0] == pair[1])
}

#[test]
fn nobody_sees_half_of_it_and_others_are_served_meanwhile() {
    on_one_node(|address| {
        let is_over = AtomicBool::new(false);
        let looks = thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let (mut client, request) = (Client::connect(address), some_keys());
                let mut looks = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let values = client.call(&request);
                    assert!(agree(&values), "half of it is seen: {values:?}");
                    looks += 1;
                }
                looks
            });
            let bystander = scope.spawn(|| {
                let mut client = Client::connect(address);
                let mut count = 0;
                while !is_over.load(Ordering::Relaxed) {
                    count += 1;
                    assert_eq!(client.call_words("INCR beside").integer(), count);
                }
                count
            });
            let another = scope.spawn(|| {
                let mut client = Client::connect(address);
                while !is_over.load(Ordering::Relaxed) {
                    call(&mut client, &over_all_keys("EXISTS", None)).integer();
                }
            });
            let mut writer = Client::connect(address);
            for round in 0..5 {
                let value = format!("round {round}");
                let set = call(&mut writer, &over_all_keys("MSET", Some(&value)));
                assert_eq!(set, Reply::ok());
                let set = call(&mut writer, &over_all_keys("MSETNX", Some("never")));
                assert_eq!(set.integer(), 0);
                let Reply::Array(values) = call(&mut writer, &over_all_keys("MGET", None)) else {
                    panic!("no array");
                };
                assert!(
                    values.len() == KEYS && values.iter().all(|one| *one == Reply::bulk(&value))
                );
                let count = i64::try_from(KEYS).expect("small");
                for name in ["EXISTS", "TOUCH", "DEL"] {
                    assert_eq!(
                        call(&mut writer, &over_all_keys(name, None)).integer(),
                        count
                    );
                }
            }
            is_over.store(true, Ordering::Relaxed);
            bystander.join().expect("served");
            another.join().expect("served");
            reader.join().expect("served")
        });
        eprintln!("looked at {looks} times meanwhile");
    });
}

#[test]
fn what_is_asked_behind_it_comes_after_it() {
    on_one_node(|address| {
        let mut client = Client::connect(address);
        let mut bytes = over_all_keys("MSET", Some("v"));
        bytes.extend(encode(&["GET", &key(KEYS - 1)]));
        bytes.extend(over_all_keys("DEL", None));
        bytes.extend(encode(&["EXISTS", &key(0)]));
        bytes.extend(encode(&["CLIENT", "REPLY", "SKIP"]));
        bytes.extend(over_all_keys("MSET", Some("w")));
        bytes.extend(encode(&["GET", &key(1)]));
        client.send(&bytes).expect("sent");
        let count = i64::try_from(KEYS).expect("small");
        for expected in [
            Reply::ok(),
            Reply::bulk("v"),
            Reply::Integer(count),
            Reply::Integer(0),
            Reply::bulk("w"),
        ] {
            assert_eq!(client.receive().expect("a reply"), expected);
        }
    });
}

#[test]
fn who_does_not_read_its_replies_gets_no_more_of_them() {
    const GROWTH: u64 = 256 * 1024 * 1024;
    let node = start_node(&[]);
    let mut setter = node.connect();
    setter.call(&["SET", "long", &"v".repeat(10_000)]);
    // A hundred megabytes each.
    let mut words = vec!["MGET"; 10_001];
    words[1..].fill("long");
    let request = encode(&words);
    let before = node.resident_bytes();
    let mut lazy = node.connect();
    let mut sender = lazy.sender();
    thread::scope(|scope| {
        scope.spawn(move || sender.write_all(&request.repeat(8)).expect("sent"));
        eventually("the first is answered", || {
            setter
                .call_words("INFO commandstats")
                .text()
                .contains("cmdstat_mget:calls=1,")
        });
        // The node goes on at once, if it does.
        for _ in 0..200 {
            assert_eq!(setter.call_words("STRLEN long").integer(), 10_000);
            let growth = node.resident_bytes().saturating_sub(before);
            assert!(growth < GROWTH, "grew by {growth} bytes");
            pause(Duration::from_millis(5));
        }
        for _ in 0..8 {
            let Reply::Array(values) = lazy.receive().expect("a reply") else {
                panic!("no array");
            };
            assert_eq!(values.len(), 10_000);
        }
    });
}

/// Begins an MSET of all keys on `node`, and calls `end` when the node has the whole of it.
fn set_all_and(node: &mut Server, end: impl FnOnce(&mut Server, Client)) {
    let mut client = node.connect();
    client.call_words("CLIENT SETNAME many");
    client
        .send(&over_all_keys("MSET", Some("v")))
        .expect("sent");
    let mut operator = node.connect();
    eventually("the command has begun", || {
        let clients = operator.call_words("CLIENT LIST").text();
        clients.contains("name=many") && clients.contains("cmd=mset")
    });
    end(node, client);
}

#[test]
fn it_comes_to_its_end_whoever_leaves_meanwhile() {
    let mut node = start_node(&[]);
    let count = i64::try_from(KEYS).expect("small");
    // DBSIZE waits for it, so there is no moment at which some of the keys are there.
    set_all_and(&mut node, |node, client| {
        drop(client);
        assert_eq!(node.connect().call_words("DBSIZE").integer(), count);
        node.connect().call_words("FLUSHALL");
    });
    set_all_and(&mut node, |node, _client| {
        let mut operator = node.connect();
        let id = operator.call_words("CLIENT LIST").text();
        let id = id
            .lines()
            .find(|line| line.contains("name=many"))
            .expect("listed");
        let id = id
            .split_whitespace()
            .next()
            .and_then(|id| id.strip_prefix("id="));
        let killed = operator.call(&["CLIENT", "KILL", "ID", id.expect("a number")]);
        assert_eq!(killed.integer(), 1);
        assert_eq!(operator.call_words("DBSIZE").integer(), count);
    });
}

#[test]
fn a_node_that_stops_meanwhile_answers_it_first() {
    let mut node = start_node(&[]);
    set_all_and(&mut node, |node, mut client| {
        node.ask_to_stop();
        assert_eq!(client.receive().expect("a reply"), Reply::ok());
        let status = node.wait_for_exit(Duration::from_secs(30));
        assert!(status.success(), "{status}: {}", node.output());
    });
}
