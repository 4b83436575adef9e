//! Nodes and Valkey servers follow each other, and read each other's files, with what Redis has not: fields that expire.

use crate::replication::{caught_up, change_much, follow, same, told};
use crate::snapshots::{everything, fill, start_keeper};
use crate::support::dice::Dice;
use crate::support::servers::start_node;
use crate::support::{Client, Reply, redis_server};

/// A hash of which one field ends, and one of which all do.
fn add_fields_that_end(client: &mut Client) {
    for line in [
        "HSET timed a 1 b 2 c 3",
        "HEXPIRE timed 100000 FIELDS 1 b",
        "HSET all a 1",
        "HPEXPIREAT all 4000000000000 FIELDS 1 a",
    ] {
        assert!(client.call_words(line).error_text().is_none(), "{line}");
    }
}

/// When fields end, as far as the moment is named.
fn ends(client: &mut Client) -> Vec<Reply> {
    ["timed", "all"]
        .map(|key| client.call(&["HPEXPIRETIME", key, "FIELDS", "3", "a", "b", "c"]))
        .into()
}

#[test]
fn a_node_follows_a_valkey_server_and_is_followed_by_one_under_writes() {
    let first = redis_server::start_valkey(&[]);
    let (Some(first), Some(last)) = (first, redis_server::start_valkey(&[])) else {
        return;
    };
    let node = start_node(&[]);
    let (mut leader, mut middle, mut end) = (first.connect(), node.connect(), last.connect());
    fill(&mut leader);
    add_fields_that_end(&mut leader);
    let mut writer = first.connect();
    let mut dice = Dice::new(Dice::seed_from_environment());
    follow(&mut middle, first.address);
    change_much(&mut writer, &mut dice, 2_000);
    caught_up(&mut leader, &mut middle);
    // What a node writes of such fields is Redis' encoding, which Valkey has not; what comes over the stream it has.
    leader.call_words("HPERSIST timed FIELDS 1 b");
    leader.call_words("DEL all");
    caught_up(&mut leader, &mut middle);
    follow(&mut end, node.address);
    change_much(&mut writer, &mut dice, 2_000);
    caught_up(&mut middle, &mut end);
    leader.call_words("HEXPIRE timed 200000 FIELDS 1 c");
    same(&mut leader, &mut middle);
    same(&mut middle, &mut end);
    assert_eq!(ends(&mut middle), ends(&mut leader));
    assert_eq!(ends(&mut end), ends(&mut leader));
    // The node leads, and then the first one follows, which has a part of the log.
    assert_eq!(middle.call(&["REPLICAOF", "NO", "ONE"]), Reply::ok());
    change_much(&mut middle, &mut dice, 2_000);
    middle.call_words("HPERSIST timed FIELDS 1 b");
    same(&mut middle, &mut end);
    follow(&mut leader, node.address);
    same(&mut middle, &mut leader);
    assert_eq!(ends(&mut leader), ends(&mut middle));
    assert_eq!(told(&mut middle, "replication", "role"), "master");
}

#[test]
fn a_node_starts_with_the_snapshot_of_a_valkey_server() {
    let Some(valkey) = redis_server::start_valkey(&[]) else {
        return;
    };
    let mut client = valkey.connect();
    fill(&mut client);
    add_fields_that_end(&mut client);
    assert_eq!(client.call(&["SAVE"]), Reply::ok());
    let mut keeper = start_keeper(&[]);
    keeper.kill();
    let from = valkey.folder().join("dump.rdb");
    let to = crate::snapshots::data(keeper.folder()).join("dump.rdb");
    std::fs::copy(from, to).expect("a file in a temporary folder");
    keeper.restart();
    let mut own = keeper.connect();
    crate::support::eventually::eventually("it has read it", || {
        own.call(&["DBSIZE"]) == client.call(&["DBSIZE"])
    });
    assert_eq!(everything(&mut own), everything(&mut client));
    assert_eq!(ends(&mut own), ends(&mut client));
}
