//! Commands that concern several shards: split and merged, sent to every shard, walked. One answer, as from one server.

use std::collections::BTreeSet;
use std::thread;

use crate::support::servers::Cluster;
use crate::support::{Client, Reply};

/// `name` with `count` keys, each followed by what `more` gives.
fn with_keys(name: &str, count: usize, more: impl Fn(usize) -> Option<String>) -> Vec<String> {
    let mut command = vec![name.to_owned()];
    for number in 0..count {
        command.push(format!("key:{number}"));
        command.extend(more(number));
    }
    command
}

fn integer(value: usize) -> Reply {
    Reply::Integer(i64::try_from(value).expect("small"))
}

/// Every key that a whole walk finds, with the number of times it was given.
fn walk(client: &mut Client, options: &[&str]) -> Vec<String> {
    let mut cursor = "0".to_owned();
    let mut keys = Vec::new();
    for _ in 0..100_000 {
        let mut command = vec!["SCAN", &cursor];
        command.extend(options);
        let reply = client.call(&command);
        let [next, found] = reply.elements() else {
            panic!("{reply:?}");
        };
        keys.extend(found.elements().iter().map(Reply::text));
        cursor = next.text();
        if cursor == "0" {
            return keys;
        }
    }
    panic!("the walk does not end");
}

#[test]
fn many_keys_over_many_shards_are_one_command() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    const COUNT: usize = 5_000;
    let value = |number: usize| Some(format!("value {number}"));
    assert_eq!(client.call(&with_keys("MSET", COUNT, value)), Reply::ok());
    let values = (0..COUNT).map(|number| Reply::bulk(format!("value {number}")));
    let got = client.call(&with_keys("MGET", COUNT, |_| None));
    assert!(
        got == Reply::Array(values.collect()),
        "values in the order of their keys"
    );
    for name in ["EXISTS", "TOUCH"] {
        let counted = client.call(&with_keys(name, COUNT + 10, |_| None));
        assert_eq!(counted, integer(COUNT), "{name}");
    }
    assert_eq!(
        client.call(&with_keys("DEL", 1_000, |_| None)),
        integer(1_000)
    );
    assert_eq!(
        client.call(&with_keys("UNLINK", 2_000, |_| None)),
        integer(1_000)
    );
    assert_eq!(client.call_words("DBSIZE"), integer(COUNT - 2_000));
}

#[test]
fn keys_given_twice_are_answered_twice() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    // The last value of a key stands.
    assert_eq!(client.call_words("MSET a 1 b 2 a 3 c 4"), Reply::ok());
    let one = |text: &str| Reply::bulk(text);
    assert_eq!(
        client.call_words("MGET a nothing b a c a"),
        Reply::Array(vec![
            one("3"),
            Reply::NullBulk,
            one("2"),
            one("3"),
            one("4"),
            one("3")
        ])
    );
    assert_eq!(client.call_words("EXISTS a a b nothing"), Reply::Integer(3));
    assert_eq!(client.call_words("DEL a a b nothing c"), Reply::Integer(3));
}

#[test]
fn very_many_keys_keep_their_order_and_hold_up_what_follows() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    const COUNT: usize = 30_000;
    // The first value of each key is long gone when the last one comes.
    let mut write = with_keys("MSET", COUNT, |_| Some("old".to_owned()));
    write.extend(with_keys("MSET", COUNT, |number| Some(format!("new {number}"))).split_off(1));
    let read = with_keys("MGET", COUNT, |_| None);
    let get = |number: usize| vec![b"GET".to_vec(), format!("key:{number}").into_bytes()];
    let bytes = |words: &[String]| words.iter().map(|word| word.clone().into_bytes()).collect();
    let commands = [bytes(&write), get(0), bytes(&read), get(COUNT - 1)];
    let replies = client.pipeline(&commands);
    let new = |number: usize| Reply::bulk(format!("new {number}"));
    assert_eq!(replies[0], Reply::ok());
    assert_eq!(replies[1], new(0));
    assert!(replies[2] == Reply::Array((0..COUNT).map(new).collect()));
    assert_eq!(replies[3], new(COUNT - 1));
    // Few keys and much to carry: rounds of some values each.
    let value = "v".repeat(300_000);
    let write = with_keys("MSET", 40, |_| Some(value.clone()));
    assert_eq!(client.call(&write), Reply::ok());
    assert_eq!(client.call_words("GET key:39"), Reply::bulk(value));
    assert_eq!(
        client.call(&with_keys("DEL", COUNT, |_| None)),
        integer(COUNT)
    );
    assert_eq!(client.call_words("DBSIZE"), integer(0));
}

#[test]
fn wrong_arguments_are_refused_before_anything_is_sent() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    let error = client.call_words("MSET a 1 b").error_text();
    assert_eq!(
        error.expect("refused"),
        "ERR wrong number of arguments for 'mset' command"
    );
    let error = client.call_words("MGET").error_text();
    assert_eq!(
        error.expect("refused"),
        "ERR wrong number of arguments for 'mget' command"
    );
    assert_eq!(client.call_words("DBSIZE"), Reply::Integer(0));
}

#[test]
fn commands_for_every_shard_are_answered_as_by_one_server() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    assert!(client.call_words("RANDOMKEY").is_null());
    let set = client.call(&with_keys("MSET", 300, |_| Some("v".into())));
    assert_eq!(set, Reply::ok());
    assert_eq!(client.call_words("DBSIZE"), Reply::Integer(300));
    let keys = client.call_words("KEYS key:1?");
    let keys: BTreeSet<String> = keys.elements().iter().map(Reply::text).collect();
    let expected: BTreeSet<String> = (10..20).map(|number| format!("key:{number}")).collect();
    assert_eq!(keys, expected);
    assert!(client.call_words("RANDOMKEY").text().starts_with("key:"));
    assert_eq!(client.call_words("SWAPDB 0 3"), Reply::ok());
    assert_eq!(client.call_words("DBSIZE"), Reply::Integer(0));
    assert_eq!(client.call_words("SELECT 3"), Reply::ok());
    assert_eq!(client.call_words("DBSIZE"), Reply::Integer(300));
    assert_eq!(client.call_words("FLUSHALL"), Reply::ok());
    for node in &cluster.nodes {
        let mut direct = node.connect();
        assert!(!direct.call_words("INFO keyspace").text().contains("keys="));
    }
}

#[test]
fn a_setting_reaches_every_node() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    let set = client.call_words("CONFIG SET maxmemory-policy allkeys-lru maxmemory 1gb");
    assert_eq!(set, Reply::ok());
    for node in &cluster.nodes {
        let mut direct = node.connect();
        let policy = direct.call_words("CONFIG GET maxmemory-policy");
        assert_eq!(policy.elements()[1], Reply::bulk("allkeys-lru"));
        let limit = direct.call_words("CONFIG GET maxmemory");
        assert_eq!(limit.elements()[1], Reply::bulk("1073741824"));
    }
}

#[test]
fn a_walk_finds_every_key_of_every_shard() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    client.call(&with_keys("MSET", 5_000, |_| Some("v".into())));
    let expected: BTreeSet<String> = (0..5_000).map(|number| format!("key:{number}")).collect();
    for options in [
        &[][..],
        &["COUNT", "1000"],
        &["COUNT", "7"],
        &["TYPE", "string"],
    ] {
        let found: BTreeSet<String> = walk(&mut client, options).into_iter().collect();
        assert!(found == expected, "{options:?}: {} keys", found.len());
    }
    assert_eq!(walk(&mut client, &["TYPE", "list"]).len(), 0);
    let found: BTreeSet<String> = walk(&mut client, &["MATCH", "key:12?"])
        .into_iter()
        .collect();
    assert_eq!(found.len(), 10);
}

#[test]
fn a_walk_misses_no_key_while_others_come_and_go() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    client.call(&with_keys("MSET", 2_000, |_| Some("stays".into())));
    let stop = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = cluster.connect();
            // Growth and shrinking by a factor of ten, over and over.
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                for name in ["MSET", "DEL"] {
                    for block in 0..20 {
                        let mut command = vec![name.to_owned()];
                        for number in 0..1_000 {
                            command.push(format!("passing:{block}:{number}"));
                            command.extend((name == "MSET").then(|| "v".to_owned()));
                        }
                        writer.call(&command);
                    }
                }
            }
        });
        for round in 0..20 {
            let found: BTreeSet<String> = walk(&mut client, &["COUNT", "100"])
                .into_iter()
                .filter(|key| key.starts_with("key:"))
                .collect();
            if found.len() != 2_000 {
                stop.store(true, std::sync::atomic::Ordering::Relaxed);
                panic!("round {round}: {} of 2000 keys", found.len());
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn the_information_of_a_proxy_sums_its_shards() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    client.call(&with_keys("MSET", 300, |_| Some("v".into())));
    let info = client.call_words("INFO keyspace").text();
    assert!(info.contains("db0:keys=300,"), "{info}");
}
