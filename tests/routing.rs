//! Every key has one home: the shard of its slot, whoever asks and through whatever command.

use std::collections::HashMap;

use crate::support::eventually::eventually;
use crate::support::servers::Cluster;
use crate::support::{Client, Reply};

fn keys_of(client: &mut Client) -> Vec<String> {
    let reply = client.call_words("KEYS *");
    reply.elements().iter().map(Reply::text).collect()
}

#[test]
fn every_key_lies_on_exactly_one_node_and_every_node_has_some() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    for number in 0..3_000 {
        let set = client.call(&["SET", &format!("key:{number}"), "v"]);
        assert_eq!(set, Reply::ok());
    }
    let mut homes: HashMap<String, usize> = HashMap::new();
    for (index, node) in cluster.nodes.iter().enumerate() {
        let keys = keys_of(&mut node.connect());
        assert!(keys.len() > 300, "node {index} has {}", keys.len());
        for key in keys {
            let other = homes.insert(key.clone(), index);
            assert_eq!(other, None, "{key} lies twice");
        }
    }
    assert_eq!(homes.len(), 3_000);
    assert_eq!(client.call_words("DBSIZE"), Reply::Integer(3_000));
}

#[test]
fn keys_with_one_hash_tag_live_together() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    for number in 0..50 {
        client.call(&["SET", &format!("{{user:{}}}:{number}", number % 5), "v"]);
    }
    for node in &cluster.nodes {
        let mut tags: HashMap<String, usize> = HashMap::new();
        for key in keys_of(&mut node.connect()) {
            let tag = key.split('}').next().expect("a tag").to_owned();
            *tags.entry(tag).or_default() += 1;
        }
        assert!(tags.values().all(|count| *count == 10), "{tags:?}");
    }
}

#[test]
fn commands_on_keys_of_one_slot_work_and_on_others_name_the_keys() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    let call = |client: &mut Client, words: &str| client.call_words(words);
    assert_eq!(call(&mut client, "MSETNX {t}a 1 {t}b 2"), Reply::Integer(1));
    assert_eq!(call(&mut client, "RENAME {t}a {t}c"), Reply::ok());
    assert_eq!(call(&mut client, "COPY {t}c {t}d"), Reply::Integer(1));
    assert_eq!(
        call(&mut client, "BITOP OR {t}e {t}c {t}d"),
        Reply::Integer(1)
    );
    assert_eq!(call(&mut client, "MGET {t}b {t}c {t}e").elements().len(), 3);
    for words in [
        "MSETNX left 1 right 2",
        "RENAME left right",
        "BITOP AND left right left",
        "COPY left right",
    ] {
        let error = call(&mut client, words).error_text().expect("two slots");
        assert!(error.starts_with("CROSSSLOT "), "{words}: {error}");
        assert!(
            error.contains("left") && error.contains("right"),
            "{words}: {error}"
        );
    }
    assert_eq!(call(&mut client, "EXISTS left right"), Reply::Integer(0));
}

#[test]
fn databases_are_apart_through_the_proxy_too() {
    let cluster = Cluster::start(3);
    let mut first = cluster.connect();
    let mut second = cluster.connect();
    assert_eq!(second.call_words("SELECT 5"), Reply::ok());
    for number in 0..100 {
        let key = format!("key:{number}");
        first.call(&["SET", &key, "zero"]);
        second.call(&["SET", &key, "five"]);
    }
    for number in 0..100 {
        let key = format!("key:{number}");
        assert_eq!(first.call(&["GET", &key]), Reply::bulk("zero"));
        assert_eq!(second.call(&["GET", &key]), Reply::bulk("five"));
    }
    let error = first.call_words("SELECT 16").error_text();
    assert_eq!(error.expect("16 databases"), "ERR DB index is out of range");
    assert_eq!(second.call_words("FLUSHDB"), Reply::ok());
    assert_eq!(second.call_words("DBSIZE"), Reply::Integer(0));
    assert_eq!(first.call_words("DBSIZE"), Reply::Integer(100));
}

#[test]
fn selecting_within_a_pipeline_holds_for_the_commands_behind_it() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    let mut commands = Vec::new();
    for round in 0..300 {
        let database = round % 3;
        for words in [
            format!("SELECT {database}"),
            format!("SET key:{} {database}", round % 7),
            format!("GET key:{}", round % 7),
        ] {
            commands.push(words.split(' ').map(Vec::from).collect::<Vec<Vec<u8>>>());
        }
    }
    for (round, replies) in client.pipeline(&commands).chunks(3).enumerate() {
        let expected = [
            Reply::ok(),
            Reply::ok(),
            Reply::bulk((round % 3).to_string()),
        ];
        assert_eq!(replies, expected, "round {round}");
    }
}

#[test]
fn one_server_is_no_cluster_in_anything_it_says() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    // What Redis 7.0 says with cluster support disabled.
    for command in [
        "CLUSTER SLOTS",
        "CLUSTER INFO",
        "CLUSTER HELP",
        "CLUSTER MEET 127.0.0.1 7000",
        "READONLY",
        "READWRITE",
        "ASKING",
    ] {
        let error = client.call_words(command).error_text();
        assert_eq!(
            error.as_deref(),
            Some("ERR This instance has cluster support disabled"),
            "{command}"
        );
    }
    let info = client.call_words("INFO everything").text();
    assert!(info.contains("redis_mode:standalone\r\n") && info.contains("cluster_enabled:0\r\n"));
    let hello = client.call_words("HELLO 2");
    assert!(hello.elements().contains(&Reply::bulk("standalone")));
    let setting = client.call_words("CONFIG GET cluster-enabled");
    assert_eq!(setting.elements()[1], Reply::bulk("no"));
    assert_eq!(client.call_words("SELECT 3"), Reply::ok());
}

#[test]
fn a_cluster_client_sees_one_node_that_owns_all_slots() {
    let cluster = Cluster::start_with(3, &[], &["--present-as", "cluster"]);
    let mut client = cluster.connect();
    let port = i64::from(cluster.proxy.address.port());
    let slots = client.call_words("CLUSTER SLOTS");
    let [range] = slots.elements() else {
        panic!("one range of slots: {slots:?}");
    };
    let [first, last, home, ..] = range.elements() else {
        panic!("start, end, node: {range:?}");
    };
    assert_eq!((first.integer(), last.integer()), (0, 16_383));
    assert_eq!(home.elements()[1].integer(), port);
    // The slot of this key is in the cluster specification of Redis.
    assert_eq!(
        client.call_words("CLUSTER KEYSLOT 123456789"),
        Reply::Integer(12_739)
    );
    let info = client.call_words("INFO everything").text();
    assert!(info.contains("redis_mode:cluster\r\n") && info.contains("cluster_enabled:1\r\n"));
    let hello = client.call_words("HELLO 3");
    assert!(format!("{hello:?}").contains("cluster"), "{hello:?}");
    let setting = client.call_words("CONFIG GET cluster-enabled");
    assert!(format!("{setting:?}").contains("yes"), "{setting:?}");
    for (command, expected) in [
        ("SELECT 1", "ERR SELECT is not allowed in cluster mode"),
        ("SWAPDB 0 1", "ERR SWAPDB is not allowed in cluster mode"),
        ("MOVE a 1", "ERR MOVE is not allowed in cluster mode"),
        (
            "COPY {a}1 {a}2 DB 1",
            "ERR Copying to another database is not allowed in cluster mode",
        ),
        (
            "CLUSTER MEET 127.0.0.1 7000",
            "ERR 'cluster meet' is not possible through a proxy",
        ),
        (
            "CLUSTER COUNTKEYSINSLOT 1",
            "ERR 'cluster countkeysinslot' is not possible through a proxy",
        ),
    ] {
        let error = client.call_words(command).error_text();
        assert_eq!(error.as_deref(), Some(expected), "{command}");
    }
    for command in ["SELECT 0", "READONLY", "READWRITE", "ASKING"] {
        assert_eq!(client.call_words(command), Reply::ok(), "{command}");
    }
    let state = client.call_words("CLUSTER INFO").text();
    assert!(state.contains("cluster_state:ok\r\n"), "{state}");
    for mut node in cluster.nodes {
        node.kill();
    }
    eventually("all slots fail", || {
        let state = client.call_words("CLUSTER INFO").text();
        state.contains("cluster_state:fail\r\n") && state.contains("cluster_slots_ok:0\r\n")
    });
}
