//! Scripts through a proxy: they go to the shard of their keys, and a shard that has not seen one is given its text.

use crate::support::Reply;
use crate::support::servers::{self, Cluster};

const SCRIPT: &str = "return {redis.call('INCR', KEYS[1]), ARGV[1]}";

fn name_of(script: &str, client: &mut crate::support::Client) -> String {
    let name = client.call(&["EVAL", "return redis.sha1hex(ARGV[1])", "0", script]);
    name.text()
}

#[test]
fn a_script_that_has_come_through_the_proxy_is_known_at_every_shard() {
    let mut cluster = Cluster::start(3);
    let mut client = cluster.connect();
    let name = name_of(SCRIPT, &mut client);
    let unknown = client.call(&["EVALSHA", &name, "1", "k", "x"]).text();
    assert!(unknown.starts_with("NOSCRIPT "), "{unknown}");
    assert_eq!(
        client.call(&["EVAL", SCRIPT, "1", "k", "x"]).elements()[0],
        Reply::Integer(1)
    );
    let keys: Vec<String> = (0..30).map(|number| format!("key:{number}")).collect();
    for key in &keys {
        for count in 1..3 {
            let reply = client.call(&["EVALSHA", &name.to_uppercase(), "1", key, "x"]);
            assert_eq!(
                reply.elements()[0],
                Reply::Integer(count),
                "{key}: {reply:?}"
            );
        }
    }
    // Also at another proxy's client once it is loaded there, in a transaction, and where a node has begun anew.
    let nodes: Vec<_> = cluster.nodes.iter().map(|node| node.address).collect();
    let other = servers::start_proxy(&nodes, &[]);
    let mut elsewhere = other.connect();
    assert_eq!(elsewhere.call(&["SCRIPT", "LOAD", SCRIPT]).text(), name);
    let exists = elsewhere.call(&["SCRIPT", "EXISTS", &name]);
    assert_eq!(exists, Reply::Array(vec![Reply::Integer(1)]));
    cluster.nodes[1].kill();
    cluster.nodes[1].restart();
    for key in &keys {
        client.call_words("MULTI");
        client.call(&["EVALSHA", &name, "1", key, "y"]);
        client.call(&["GET", key]);
        let replies = client.call_words("EXEC");
        let count = &replies.elements()[0].elements()[0];
        assert_eq!(
            replies.elements()[1].text(),
            count.integer().to_string(),
            "{key}: {replies:?}"
        );
    }
    assert_eq!(client.call_words("SCRIPT FLUSH"), Reply::ok());
    let unknown = client.call(&["EVALSHA", &name, "1", "k", "x"]).text();
    assert!(unknown.starts_with("NOSCRIPT "), "{unknown}");
}

#[test]
fn keys_decide_where_a_script_runs_and_without_keys_it_is_always_the_same_shard() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    let refused = client.call(&["EVAL", "return 1", "2", "a", "b"]).text();
    assert!(
        refused.starts_with("CROSSSLOT ") && refused.contains("'a'"),
        "{refused}"
    );
    for _ in 0..20 {
        client.call(&["EVAL", "return redis.call('INCR', 'undeclared')", "0"]);
    }
    let counted: Vec<Reply> = cluster
        .nodes
        .iter()
        .map(|node| node.connect().call_words("GET undeclared"))
        .filter(|value| !value.is_null())
        .collect();
    assert_eq!(counted, [Reply::bulk("20")]);
    let library = "#!lua name=lib\nredis.register_function('f', function(keys) return redis.call('GET', keys[1]) end)";
    assert_eq!(client.call(&["FUNCTION", "LOAD", library]).text(), "lib");
    for number in 0..20 {
        let key = format!("k{number}");
        client.call(&["SET", &key, &key]);
        assert_eq!(client.call(&["FCALL", "f", "1", &key]).text(), key);
    }
}
