//! CLIENT TRACKING … NOLOOP: a client is told of what others change, and not of what it changes itself, however it does that.

use std::net::SocketAddr;

use crate::support::servers::{Cluster, start_node};
use crate::support::{Client, Reply, encode, redis_server};

/// A client that is told so.
fn tracker(address: SocketAddr, words: &str) -> Client {
    let mut client = Client::connect(address);
    client.call(&["HELLO", "3"]);
    let words: Vec<&str> = words.split(' ').collect();
    client.send(&encode(&words)).expect("sent");
    while let Reply::Push(_) = client.receive().expect("an answer") {}
    client
}

/// What it is answered; of changes nobody tells it before.
fn asks(client: &mut Client, words: &[&str]) -> Reply {
    client.send(&encode(words)).expect("sent");
    match client.receive().expect("an answer") {
        Reply::Push(told) => panic!("{words:?}: {told:?}"),
        reply => reply,
    }
}

/// The next message names these keys, and no others.
fn is_told(client: &mut Client, keys: &[&str]) {
    let keys = keys.iter().map(|key| Reply::bulk(*key)).collect();
    let expected = Reply::Push(vec![Reply::bulk("invalidate"), Reply::Array(keys)]);
    assert_eq!(client.receive().expect("told"), expected);
}

/// What a client may do to `{t}a` and `{t}d`.
const OWN: &[&[&[&str]]] = &[
    &[&["SET", "{t}a", "1"]],
    &[&["APPEND", "{t}a", "1"]],
    &[&["MSET", "{t}a", "1", "{u}z", "2", "{v}z", "3"]],
    &[&["EVAL", "return redis.call('set', KEYS[1], 1)", "1", "{t}a"]],
    &[
        &["MULTI"],
        &["SET", "{t}a", "2"],
        &["DEL", "{t}d"],
        &["EXEC"],
    ],
    &[&["SUNIONSTORE", "{t}d", "{t}large", "{t}other"]],
    &[&["COPY", "{t}large", "{t}d", "REPLACE"]],
    &[&["UNLINK", "{t}a", "{t}d", "{u}z", "{v}z"]],
];

fn fill(writer: &mut Client) {
    for key in ["{t}large", "{t}other"] {
        for start in 0..20 {
            let members: Vec<String> = (0..2_000)
                .map(|number| format!("{key}{}", start * 2_000 + number))
                .collect();
            let mut words = vec!["SADD", key];
            words.extend(members.iter().map(String::as_str));
            writer.call(&words);
        }
    }
}

fn hears_of_others_alone(address: SocketAddr) {
    let mut writer = Client::connect(address);
    fill(&mut writer);
    let mut first = tracker(address, "CLIENT TRACKING ON NOLOOP");
    let mut second = tracker(address, "CLIENT TRACKING ON NOLOOP");
    // Connections for those who have asked for little so far.
    for client in [&mut first, &mut second] {
        for _ in 0..5 {
            asks(client, &["GET", "{t}nothing"]);
        }
    }
    for own in OWN {
        for client in [&mut first, &mut second] {
            for key in ["{t}a", "{t}b", "{t}d"] {
                asks(client, &["EXISTS", key]);
            }
        }
        for words in *own {
            let reply = asks(&mut first, words);
            assert_eq!(reply.error_text(), None, "{words:?}");
        }
        writer.call(&["SET", "{t}b", "1"]);
        is_told(&mut first, &["{t}b"]);
        // Who shares its connections to the nodes is told.
        let mut told = Vec::new();
        while !told.contains(&Reply::bulk("{t}b")) {
            match second.receive().expect("told") {
                Reply::Push(words) => told.extend(words[1].elements().to_vec()),
                other => panic!("{other:?}"),
            }
        }
        assert!(told.len() > 1, "{own:?}: {told:?}");
        writer.call(&["DEL", "{t}b"]);
    }
    // What it has changed itself is not remembered for it.
    asks(&mut first, &["GET", "{t}a"]);
    asks(&mut first, &["GET", "{t}b"]);
    asks(&mut first, &["SET", "{t}a", "1"]);
    writer.call(&["SET", "{t}a", "2"]);
    writer.call(&["SET", "{t}b", "2"]);
    is_told(&mut first, &["{t}b"]);
    // It wants to hear of it again.
    assert_eq!(asks(&mut first, &["CLIENT", "TRACKING", "ON"]), Reply::ok());
    asks(&mut first, &["GET", "{t}a"]);
    asks(&mut first, &["SET", "{t}a", "1"]);
    is_told(&mut first, &["{t}a"]);
}

#[test]
fn who_does_not_want_to_hear_of_its_own_changes_does_not() {
    if let Some(redis) = redis_server::start(&[]) {
        hears_of_others_alone(redis.address);
    }
    hears_of_others_alone(start_node(&[]).address);
    for shards in [1, 3] {
        let cluster = Cluster::start_with(shards, &[], &["--threads", "1"]);
        hears_of_others_alone(cluster.proxy.address);
    }
}

/// The next message that is not that anything may have changed, which is said when a way that tells of all is opened.
fn next_keys(client: &mut Client) -> Vec<String> {
    loop {
        match client.receive().expect("told") {
            Reply::Push(words) if words[1].is_null() => {}
            Reply::Push(words) => {
                return words[1].elements().iter().map(Reply::text).collect();
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn by_prefix_as_well() {
    let check = |address: SocketAddr| {
        let on = "CLIENT TRACKING ON BCAST PREFIX {t} NOLOOP";
        let (mut first, mut second) = (tracker(address, on), tracker(address, on));
        let mut writer = Client::connect(address);
        writer.call(&["SET", "{t}begin", "1"]);
        for client in [&mut first, &mut second] {
            assert_eq!(next_keys(client), ["{t}begin"]);
        }
        for own in OWN.iter().take(5) {
            for words in *own {
                let reply = asks(&mut first, words);
                assert_eq!(reply.error_text(), None, "{words:?}");
            }
        }
        writer.call(&["SET", "{t}b", "1"]);
        assert_eq!(next_keys(&mut first), ["{t}b"]);
        for _ in 0..5 {
            assert!(next_keys(&mut second).contains(&"{t}a".to_owned()));
        }
        assert_eq!(next_keys(&mut second), ["{t}b"]);
    };
    check(start_node(&[]).address);
    for shards in [1, 3] {
        let cluster = Cluster::start_with(shards, &[], &["--threads", "1"]);
        check(cluster.proxy.address);
    }
}

#[test]
fn a_node_tells_nobody_else_on_whose_behalf_keys_were_changed() {
    let node = start_node(&[]);
    let author = "0123456789abcdef0123456789abcdef";
    let mut plain = tracker(node.address, "CLIENT TRACKING ON");
    let mut told = tracker(node.address, "NODE PUSHES");
    assert_eq!(asks(&mut told, &["CLIENT", "TRACKING", "ON"]), Reply::ok());
    for client in [&mut plain, &mut told] {
        asks(client, &["GET", "k"]);
    }
    let mut proxy = node.connect();
    let say = |proxy: &mut Client, words: &[&str]| {
        proxy.call(&[&["NODE", "FOR", author], words].concat())
    };
    assert_eq!(say(&mut proxy, &["SET", "k", "1"]), Reply::ok());
    is_told(&mut plain, &["k"]);
    let with_author = Reply::Push(vec![
        Reply::bulk("invalidate"),
        Reply::Array(vec![Reply::bulk("k")]),
        Reply::bulk(author),
    ]);
    assert_eq!(told.receive().expect("told"), with_author);
    // It holds for that command alone.
    asks(&mut told, &["GET", "k"]);
    proxy.call(&["SET", "k", "2"]);
    is_told(&mut told, &["k"]);
    for wrong in [
        &["NODE", "STATUS"][..],
        &["NODE", "FOR", author, "PING"],
        &[],
    ] {
        let refused = say(&mut proxy, wrong).error_text();
        assert_eq!(refused.as_deref(), Some("ERR syntax error"), "{wrong:?}");
    }
    let unknown = say(&mut proxy, &["ZORK"]).error_text().expect("an error");
    assert!(unknown.contains("unknown command 'ZORK'"), "{unknown}");
    let refused = proxy.call(&["NODE", "FOR", "x", "PING"]).error_text();
    assert_eq!(refused.as_deref(), Some("ERR syntax error"));
}
