//! Commands over so much that others have their turns meanwhile happen again as a whole: from the log of a node, from a redis-server's, which says them as they were asked, and at followers of both.

use std::fs;

use crate::append_only::{copy, loaded, log_folder, start};
use crate::replication::{follow, same};
use crate::snapshots::{data, everything, start_keeper};
use crate::support::eventually::eventually;
use crate::support::servers::start_node;
use crate::support::{Client, Reply, redis_server};

/// Elements that a key holds: of each kind too many to be treated at once.
const ELEMENTS: usize = 20_000;

/// Large values.
fn fill(client: &mut Client) {
    for first in (0..ELEMENTS).step_by(1_000) {
        let numbers = || (first..first + 1_000).map(|number| number.to_string());
        let pairs = |name: &'static str, other: &'static str| {
            numbers()
                .flat_map(move |number| [format!("{name}{number}"), format!("{other}{number}")])
        };
        let mut all: [Vec<String>; 5] = [
            pairs("f", "v").collect(),
            numbers()
                .map(|number| format!("e{}", number.len()))
                .collect(),
            pairs("m", "n").collect(),
            pairs("n", "o").collect(),
            numbers()
                .flat_map(|number| [number.clone(), format!("m{number}")])
                .collect(),
        ];
        for (words, key) in all.iter_mut().zip(["hash", "list", "set", "other", "zset"]) {
            let command = match key {
                "hash" => "HSET",
                "list" => "RPUSH",
                "zset" => "ZADD",
                _ => "SADD",
            };
            words.splice(0..0, [command.to_owned(), key.to_owned()]);
            assert!(matches!(client.call(words), Reply::Integer(_)));
        }
        for number in first..first + 1_000 {
            let id = format!("{}-1", number + 1);
            client.call(&["XADD", "stream", &id, "f", "v"]);
        }
    }
    client.call(&["SETRANGE", "bits", "3000000", "x"]);
    client.call(&["SETRANGE", "more", "2000000", "y"]);
}

/// Every command that changes so much, or looks at so much.
fn change(client: &mut Client) {
    for line in [
        "COPY hash copy",
        "COPY hash hash DB 3",
        "MOVE copy 3",
        "COPY list short",
        "LTRIM short 9000 11000",
        "LREM list 0 e4",
        "LPOP list 4000",
        "COPY set less",
        "SPOP less 9000",
        "SUNIONSTORE union set other",
        "SINTERSTORE inter union other",
        "SDIFFSTORE differ set other",
        "ZUNIONSTORE sum 2 zset set",
        "ZINTERSTORE product 2 zset set WEIGHTS 2 3",
        "ZRANGESTORE range zset 100 15000",
        "ZREMRANGEBYRANK sum 100 12000",
        "ZREMRANGEBYSCORE range 0 9000",
        "ZPOPMIN zset 6000",
        "XTRIM stream MAXLEN 3000",
        "SORT other BY nosort ALPHA LIMIT 0 100000 STORE sorted",
        "BITOP OR both bits more",
        "RENAME both renamed",
        "DEL inter",
        "SET after 1",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let said = client.call(&words);
        assert!(said.error_text().is_none(), "{line}: {said:?}");
    }
}

#[test]
fn it_happens_again_from_a_nodes_own_log() {
    let mut node = start("always");
    let mut client = loaded(&node);
    fill(&mut client);
    change(&mut client);
    let before = everything(&mut client);
    assert_eq!(before.len(), 20);
    node.kill();
    node.restart();
    assert!(everything(&mut loaded(&node)) == before);
}

#[test]
fn it_happens_again_from_the_log_of_a_redis_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let there = folder.path().display().to_string();
    let further = [
        "--dir",
        &there,
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
    ];
    let Some(redis) = redis_server::start(&further) else {
        return;
    };
    let mut client = redis.connect();
    fill(&mut client);
    change(&mut client);
    let before = everything(&mut client);
    let mut node = start("everysec");
    loaded(&node);
    node.kill();
    fs::remove_dir_all(log_folder(&node)).expect("removed");
    copy(&folder.path().join("appendonlydir"), &log_folder(&node));
    node.restart();
    assert!(everything(&mut loaded(&node)) == before);
}

#[test]
fn it_happens_again_at_followers_of_a_node_and_of_a_redis_server() {
    let redis = redis_server::start(&[]);
    let node = start_node(&[]);
    for leader in redis.iter().chain([&node]) {
        let mut client = leader.connect();
        let follower_node = start_keeper(&["--appendonly", "true"]);
        let mut follower = loaded(&follower_node);
        follow(&mut follower, leader.address);
        fill(&mut client);
        same(&mut client, &mut follower);
        change(&mut client);
        same(&mut client, &mut follower);
        assert!(data(follower_node.folder()).is_dir());
    }
}

#[test]
fn a_hash_whose_time_is_over_while_the_log_is_rewritten_does_not_come_back() {
    let mut node = start("always");
    let mut client = loaded(&node);
    client.call(&["CONFIG", "SET", "hz", "1"]);
    fill(&mut client);
    for number in 0..12 {
        client.call(&["COPY", "hash", &format!("h{number}")]);
    }
    for round in 0..4 {
        for number in 0..12 {
            client.call(&["COPY", "hash", &format!("h{number}"), "REPLACE"]);
        }
        let keys = || (0..12).map(|number| format!("h{number}"));
        let mut batch: Vec<String> = keys().map(|key| format!("PEXPIRE {key} 25")).collect();
        batch.push("BGREWRITEAOF".to_owned());
        batch.extend(keys().map(|key| format!("HSET {key} new 1")));
        client
            .send((batch.join("\r\n") + "\r\n").as_bytes())
            .expect("sent");
        for _ in &batch {
            client.receive().expect("a reply");
        }
        eventually("the log is rewritten", || {
            crate::snapshots::info(&mut client, "aof_rewrite_in_progress") == "0"
        });
        node.kill();
        node.restart();
        client = loaded(&node);
        client.call(&["CONFIG", "SET", "hz", "1"]);
        for number in 0..12 {
            let key = format!("h{number}");
            assert!(
                client.call(&["HGETALL", &key]).elements().is_empty(),
                "{round} {key}"
            );
        }
    }
}
