//! Keys that a rule of the topology keeps together: commands and transactions over them work on several shards, and a rule that would put keys out of reach is refused.

use std::fs;

use crate::support::eventually::eventually;
use crate::support::servers::{Cluster, Server, topology_path};
use crate::support::{Client, Reply};

const RULES: &str = "
[[colocate]]
name = \"bull\"
keys = [\"bull:*\", \"unacked*\"]
";

/// To whom it says where keys go.
const CLUSTER: &[&str] = &["--present-as", "cluster"];

#[test]
fn keys_of_one_rule_are_used_together() {
    let cluster = Cluster::start_by(3, RULES, CLUSTER);
    let mut client = cluster.connect();
    assert_eq!(client.call_words("RPUSH bull:a 3 1 2"), Reply::Integer(3));
    assert_eq!(client.call_words("RENAME bull:a unacked"), Reply::ok());
    assert_eq!(
        client
            .call_words("LMOVE unacked bull:{x}:b LEFT LEFT")
            .text(),
        "3"
    );
    client.call_words("SET bull:w:1 9");
    client.call_words("SET bull:w:2 8");
    let sorted = client.call_words("SORT unacked BY bull:w:* GET bull:w:*");
    assert_eq!(
        sorted,
        Reply::Array(vec![Reply::bulk("8"), Reply::bulk("9")])
    );
    assert_eq!(client.call_words("MULTI"), Reply::ok());
    for line in [
        "SET bull:1 a",
        "SADD unacked:2 b",
        "EXISTS bull:1 unacked:2 bull:w:1",
    ] {
        assert_eq!(client.call_words(line).text(), "QUEUED", "{line}");
    }
    let replies = client.call_words("EXEC");
    assert_eq!(replies.elements()[2], Reply::Integer(3));
    // All of them are at one node, whatever their names.
    let sizes: Vec<i64> = cluster
        .nodes
        .iter()
        .map(|node| node.connect().call_words("DBSIZE").integer())
        .collect();
    assert_eq!(
        sizes.iter().filter(|size| **size > 0).count(),
        1,
        "{sizes:?}"
    );
    let error = client.call_words("RENAME bull:1 other").text();
    assert!(
        error.starts_with("CROSSSLOT ") && error.contains("bull:1"),
        "{error}"
    );
    let error = client.call_words("SORT unacked BY w:*").text();
    assert!(error.contains("BY"), "{error}");
    let slots = ["bull", "bull:1", "unacked"].map(|key| {
        client
            .call_words(&format!("CLUSTER KEYSLOT {key}"))
            .integer()
    });
    assert!(slots.iter().all(|slot| *slot == slots[0]), "{slots:?}");
}

#[test]
fn a_rule_that_puts_keys_out_of_reach_is_taken_up_only_where_that_is_meant() {
    let cluster = Cluster::start_by(2, RULES, CLUSTER);
    let path = topology_path(cluster.proxy.folder());
    let mut client = cluster.connect();
    let slot = |client: &mut Client| client.call_words("CLUSTER KEYSLOT q:1").integer();
    let before = slot(&mut client);
    let publish = |version: u64, acceptance: &str| {
        let text = fs::read_to_string(&path).expect("it is there");
        let (_, rest) = text.split_once("\n").expect("lines");
        let rest = rest.trim_start_matches("key-loss-accepted-at-version = 2\n");
        let more = if rest.contains("\"q\"") {
            ""
        } else {
            "\n[[colocate]]\nname = \"q\"\nkeys = [\"q:*\"]\n"
        };
        fs::write(
            path.with_extension("new"),
            format!("version = {version}\n{acceptance}{rest}{more}"),
        )
        .expect("written");
        fs::rename(path.with_extension("new"), &path).expect("in place");
    };
    publish(2, "");
    eventually("it is refused, and said why", || {
        cluster
            .proxy
            .output()
            .contains("keys q:* get another slot, and their keys do not travel")
    });
    assert_eq!(slot(&mut client), before);
    publish(3, "key-loss-accepted-at-version = 3\n");
    eventually("it is taken up", || slot(&mut client) != before);
}

const DATABASES: &str = "
[[colocate]]
name = \"celery\"
database = [3, 4]

[[colocate]]
name = \"bull\"
keys = [\"bull:*\"]
database = 5
";

/// A client that means this database.
fn client_in(cluster: &Cluster, database: u8) -> Client {
    let mut client = cluster.connect();
    assert_eq!(
        client.call_words(&format!("SELECT {database}")),
        Reply::ok()
    );
    client
}

#[test]
fn all_keys_of_a_database_are_used_together_whatever_their_names() {
    let cluster = Cluster::start_by(3, DATABASES, &[]);
    let mut client = client_in(&cluster, 3);
    let mut other = client_in(&cluster, 0);
    for key in 0..50 {
        client.call_words(&format!("SET k{key} v"));
        other.call_words(&format!("SET k{key} v"));
    }
    let sizes = |database: u8| {
        let size = |node: &Server| {
            let mut client = node.connect();
            client.call_words(&format!("SELECT {database}"));
            client.call_words("DBSIZE").integer()
        };
        let mut sizes: Vec<i64> = cluster.nodes.iter().map(size).collect();
        sizes.sort_unstable();
        sizes
    };
    assert_eq!(sizes(3), [0, 0, 50]);
    assert!(sizes(0)[0] > 0);
    assert_eq!(client.call_words("DBSIZE"), Reply::Integer(50));
    let mut seen = 0;
    let mut cursor = "0".to_owned();
    loop {
        let reply = client.call_words(&format!("SCAN {cursor} COUNT 7"));
        seen += reply.elements()[1].elements().len();
        cursor = reply.elements()[0].text();
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen, 50);
    assert!(client.call_words("RANDOMKEY").text().starts_with('k'));
    // Several keys, transactions, watches, scripts, and what waits.
    client.call_words("RPUSH list 2 1");
    assert_eq!(
        client
            .call_words("SORT list BY w:* GET k*")
            .elements()
            .len(),
        2
    );
    assert_eq!(client.call_words("LMOVE list bull:x LEFT LEFT").text(), "2");
    assert_eq!(client.call_words("WATCH k1 k2 {x}y"), Reply::ok());
    assert_eq!(client.call_words("MULTI"), Reply::ok());
    client.call_words("RENAME k1 renamed");
    client.call_words("EXISTS k1 k2 renamed");
    assert_eq!(client.call_words("EXEC").elements()[1], Reply::Integer(2));
    // What names no key runs where the keys are, also those that it names by itself.
    let script = "return(redis.call('exists','k2','k3','renamed'))";
    assert_eq!(
        client.call_words(&format!("EVAL {script} 0")),
        Reply::Integer(3)
    );
    let popped = client.call_words("BRPOPLPUSH bull:x {t}unlike 1");
    assert_eq!(popped.text(), "2");
    let mut waiting = client_in(&cluster, 3);
    let popper = std::thread::spawn(move || waiting.call_words("BLMPOP 10 2 one {two} LEFT"));
    eventually("it waits", || {
        client
            .call_words("CLIENT LIST")
            .text()
            .contains(" flags=b ")
    });
    client.call_words("RPUSH {two} x");
    assert_eq!(
        popper.join().expect("it ends").elements()[0].text(),
        "{two}"
    );
}

#[test]
fn keys_go_to_another_database_where_they_keep_their_slot_and_nowhere_else() {
    let cluster = Cluster::start_by(3, DATABASES, &[]);
    let mut client = client_in(&cluster, 3);
    client.call_words("SET a 1");
    client.call_words("SET b 2");
    let check = |client: &mut Client, line: &str, expected: Result<Reply, (u8, u8)>| {
        let reply = client.call_words(line);
        match expected {
            Ok(expected) => assert_eq!(reply, expected, "{line}"),
            Err((one, other)) => {
                let error = reply.error_text().unwrap_or_default();
                let words = format!("keys of database {one} apart from those of database {other};");
                assert!(
                    error.starts_with("CROSSSLOT ") && error.contains(&words),
                    "{line}: {error}"
                );
            }
        }
    };
    check(&mut client, "MOVE a 4", Ok(Reply::Integer(1)));
    check(&mut client, "MOVE b 0", Err((3, 0)));
    check(&mut client, "COPY b other DB 4", Ok(Reply::Integer(1)));
    check(&mut client, "COPY b other DB 5", Err((3, 5)));
    check(&mut client, "COPY b {celery}x DB 0", Ok(Reply::Integer(1)));
    check(&mut client, "SWAPDB 3 4", Ok(Reply::ok()));
    check(
        &mut client,
        "MGET a other",
        Ok(Reply::Array(vec![Reply::bulk("1"), Reply::bulk("2")])),
    );
    check(&mut client, "SWAPDB 3 0", Err((3, 0)));
    check(&mut client, "SWAPDB 0 1", Ok(Reply::ok()));
    client.call_words("SELECT 1");
    check(&mut client, "GET {celery}x", Ok(Reply::bulk("2")));
    check(&mut client, "MOVE {celery}x 3", Ok(Reply::Integer(1)));
    client.call_words("SELECT 5");
    check(&mut client, "MSETNX bull:1 1 x 2", Ok(Reply::Integer(1)));
}

#[test]
fn a_database_gets_a_slot_only_where_that_is_meant() {
    let cluster = Cluster::start_by(2, "", CLUSTER);
    let path = topology_path(cluster.proxy.folder());
    let mut client = cluster.connect();
    let mut slots = || {
        ["a", "b"].map(|key| {
            client
                .call_words(&format!("CLUSTER KEYSLOT {key}"))
                .integer()
        })
    };
    let before = slots();
    assert_ne!(before[0], before[1]);
    let text = fs::read_to_string(&path).expect("it is there");
    let (_, rest) = text.split_once('\n').expect("lines");
    let publish = |version: u64, acceptance: &str| {
        let rule = "\n[[colocate]]\nname = \"q\"\ndatabase = 0\n";
        let text = format!("version = {version}\n{acceptance}{rest}{rule}");
        fs::write(path.with_extension("new"), text).expect("written");
        fs::rename(path.with_extension("new"), &path).expect("in place");
    };
    publish(2, "");
    eventually("it is refused, and said why", || {
        let said = "all keys of database 0 get another slot, and their keys do not travel";
        cluster.proxy.output().contains(said)
    });
    assert_eq!(slots(), before);
    publish(3, "key-loss-accepted-at-version = 3\n");
    eventually("it is taken up", || {
        let [one, other] = slots();
        one == other
    });
}
