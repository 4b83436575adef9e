//! Keys that a rule of the topology keeps together: commands and transactions over them work on several shards, and a rule that would put keys out of reach is refused.

use std::fs;

use crate::support::Reply;
use crate::support::eventually::eventually;
use crate::support::servers::{Cluster, topology_path};

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
    let slot =
        |client: &mut crate::support::Client| client.call_words("CLUSTER KEYSLOT q:1").integer();
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
