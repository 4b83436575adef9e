//! Expired keys: never seen, and soon gone, however many they are.

use crate::support::eventually::{PATIENCE, eventually, eventually_within, now_nanoseconds};
use crate::support::servers::{Cluster, Server, start_node};
use crate::support::{Client, Reply, encode};

/// How soon an expired key's memory is free again, milliseconds. The node plans for half of that; the rest is for a machine that is busy with other things.
const GONE_WITHIN_MS: u64 = 5_000;

fn now_ms() -> u64 {
    now_nanoseconds() / 1_000_000
}

/// Sends `count` commands in large writes; every reply must be OK.
fn fill(client: &mut Client, count: usize, command: impl Fn(usize) -> Vec<u8>) {
    for start in (0..count).step_by(1_000) {
        let numbers = start..(start + 1_000).min(count);
        let bytes: Vec<u8> = numbers.clone().flat_map(&command).collect();
        client.send(&bytes).expect("sent");
        for _ in numbers {
            assert_eq!(client.receive().expect("a reply"), Reply::ok());
        }
    }
}

fn number_in(info: &str, field: &str) -> u64 {
    let value = info.lines().find_map(|line| line.strip_prefix(field));
    value.expect("a field of INFO").parse().expect("a number")
}

/// Waits until the node's clock is past what expires in `ms` from now: it is the same machine's.
fn let_expire(ms: u64) {
    let moment = now_ms() + ms;
    eventually("the moment has come", || now_ms() > moment);
}

fn keys_of(server: &Server) -> i64 {
    server.connect().call_words("DBSIZE").integer()
}

#[test]
fn a_million_expired_keys_are_gone_within_seconds_and_the_others_stay() {
    const COUNT: usize = 1_000_000;
    let node = start_node(&[]);
    let mut client = node.connect();
    let moment = (now_ms() + 20_000).to_string();
    fill(&mut client, COUNT, |number| {
        encode(&[
            "SET",
            &format!("dies:{number}"),
            "0123456789abcdef",
            "PXAT",
            &moment,
        ])
    });
    fill(&mut client, 1_000, |number| {
        encode(&["SET", &format!("stays:{number}"), "v", "EX", "1000"])
    });
    let moment: u64 = moment.parse().expect("a number");
    assert!(
        now_ms() < moment,
        "this machine is too slow to fill a million keys in 20 s"
    );
    assert_eq!(keys_of(&node), 1_001_000);
    eventually_within(2 * PATIENCE, "expired keys are gone", || {
        keys_of(&node) == 1_000
    });
    // The node's own measure: how long at most a key was dead before it was removed.
    let stay_ms = number_in(
        &client.call_words("INFO stats").text(),
        "expired_longest_stay_ms:",
    );
    eprintln!("none of a million keys was dead for more than {stay_ms} ms");
    assert!(stay_ms <= GONE_WITHIN_MS, "{stay_ms}");
    for number in 0..1_000 {
        assert_eq!(
            client.call(&["GET", &format!("stays:{number}")]),
            Reply::bulk("v")
        );
    }
}

#[test]
fn an_expired_key_is_not_seen_by_any_command() {
    let node = start_node(&["--enable-debug-command", "local"]);
    let mut client = node.connect();
    // Without the sweep: what remains is exactness on access.
    assert_eq!(client.call_words("DEBUG SET-ACTIVE-EXPIRE 0"), Reply::ok());
    for words in [
        "SET a v PX 30",
        "SET b v PX 30",
        "SET c 5 PX 30",
        "SET d v PX 30",
        "SET e v PX 30",
    ] {
        assert_eq!(client.call_words(words), Reply::ok());
    }
    let_expire(30);
    assert!(client.call_words("GET a").is_null());
    assert_eq!(client.call_words("EXISTS a b c"), Reply::Integer(0));
    assert_eq!(client.call_words("TTL b"), Reply::Integer(-2));
    assert_eq!(client.call_words("INCR c"), Reply::Integer(1));
    assert_eq!(client.call_words("TTL c"), Reply::Integer(-1));
    assert!(client.call_words("SET d w XX").is_null());
    assert_eq!(client.call_words("APPEND e x"), Reply::Integer(1));
    let keys = client.call_words("KEYS *");
    let mut names: Vec<String> = keys.elements().iter().map(Reply::text).collect();
    names.sort();
    assert_eq!(names, ["c", "e"]);
    assert_eq!(client.call_words("DEBUG SET-ACTIVE-EXPIRE 1"), Reply::ok());
}

#[test]
fn times_to_live_count_down_and_can_be_changed() {
    let node = start_node(&[]);
    let mut client = node.connect();
    client.call_words("SET k v PX 100000");
    let first = client.call_words("PTTL k").integer();
    assert!(first <= 100_000, "{first}");
    eventually("it counts down", || {
        client.call_words("PTTL k").integer() < first
    });
    assert_eq!(client.call_words("PERSIST k"), Reply::Integer(1));
    assert_eq!(client.call_words("TTL k"), Reply::Integer(-1));
    assert_eq!(client.call_words("PEXPIRE k 20"), Reply::Integer(1));
    eventually("it expires", || client.call_words("GET k").is_null());
}

#[test]
fn fields_of_hashes_expire_on_nodes_and_behind_proxies() {
    let node = start_node(&[]);
    let cluster = Cluster::start(3);
    for address in [node.address, cluster.proxy.address] {
        let mut client = Client::connect(address);
        for number in 0..20 {
            let key = format!("session:{number}");
            let set = ["HSETEX", &key, "EX", "1000", "FIELDS", "2"];
            let set = [&set[..], &["token", "1", "code", "2"]].concat();
            assert_eq!(client.call(&set), Reply::Integer(1));
            let stays = ["HSET", &key, "name", "n", "code", "3"];
            assert_eq!(client.call(&stays), Reply::Integer(1));
            let soon = client.call(&["HPEXPIRE", &key, "30", "FIELDS", "1", "token"]);
            assert_eq!(soon, Reply::Array(vec![Reply::Integer(1)]));
            let ends = ["HEXPIRE", &key, "100", "NX", "FIELDS", "2", "name", "none"];
            let expected = Reply::Array(vec![Reply::Integer(1), Reply::Integer(-2)]);
            assert_eq!(client.call(&ends), expected);
        }
        for number in 0..20 {
            let key = format!("session:{number}");
            eventually("a field expires", || {
                client.call(&["HGET", &key, "token"]).is_null()
            });
            assert_eq!(client.call(&["HLEN", &key]), Reply::Integer(2));
            let ttl = client.call(&["HTTL", &key, "FIELDS", "3", "token", "code", "name"]);
            assert_eq!(
                ttl.elements()[..2],
                [Reply::Integer(-2), Reply::Integer(-1)]
            );
            assert!((1..=100).contains(&ttl.elements()[2].integer()));
            let taken = client.call(&["HGETDEL", &key, "FIELDS", "1", "code"]);
            assert_eq!(taken, Reply::Array(vec![Reply::bulk("3")]));
            let read = client.call(&["HGETEX", &key, "PERSIST", "FIELDS", "1", "name"]);
            assert_eq!(read, Reply::Array(vec![Reply::bulk("n")]));
            let lasting = client.call(&["HPERSIST", &key, "FIELDS", "1", "name"]);
            assert_eq!(lasting, Reply::Array(vec![Reply::Integer(-1)]));
        }
        eventually_within(2 * PATIENCE, "all that expired is swept", || {
            let info = client.call_words("INFO stats").text();
            number_in(&info, "expired_subkeys:") >= 20
        });
    }
}
