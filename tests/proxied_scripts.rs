//! Scripts through a proxy: they go to the shard of their keys, and a shard that has not seen one is given its text.

use crate::support::Reply;
use crate::support::eventually::eventually;
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
    let first = cluster.keys_on(0, 1).remove(0);
    let script = format!("return redis.call('INCR', '{first}')");
    for _ in 0..20 {
        client.call(&["EVAL", &script, "0"]);
    }
    assert_eq!(client.call(&["GET", &first]), Reply::bulk("20"));
    let library = "#!lua name=lib\nredis.register_function('f', function(keys) return redis.call('GET', keys[1]) end)";
    assert_eq!(client.call(&["FUNCTION", "LOAD", library]).text(), "lib");
    for number in 0..20 {
        let key = format!("k{number}");
        client.call(&["SET", &key, &key]);
        assert_eq!(client.call(&["FCALL", "f", "1", &key]).text(), key);
    }
}

#[test]
fn a_script_that_names_a_key_of_another_shard_is_told_which_also_when_shards_change() {
    const SCRIPT: &str = "redis.call('SET', KEYS[1], 1) return redis.pcall('INCR', ARGV[1])";
    let rule = "\n[[colocate]]\nname = \"jobs\"\nkeys = [\"job:*\"]\n";
    let cluster = Cluster::start_by(3, rule, &[]);
    let mut client = cluster.connect();
    let [here, there, further] = [0, 1, 2].map(|shard| cluster.keys_on(shard, 1).remove(0));
    let own = format!("{{{here}}}:n");
    let mut eval = |key: &str, named: &str| client.call(&["EVAL", SCRIPT, "1", key, named]);
    assert_eq!(eval(&here, &own), Reply::Integer(1));
    for stranger in [&there, &further] {
        let refused = eval(&here, stranger).text();
        assert!(
            refused.starts_with("CROSSSLOT ") && refused.contains(&format!("'{stranger}'")),
            "{refused}"
        );
        assert!(refused.contains("[[colocate]]"), "{refused}");
    }
    assert_eq!(eval("job:1", "job:2"), Reply::Integer(1));
    // In a transaction, and by a function.
    client.call_words("MULTI");
    client.call(&["EVAL", SCRIPT, "1", &here, &there]);
    let replies = client.call_words("EXEC");
    assert!(
        replies.elements()[0].text().starts_with("CROSSSLOT "),
        "{replies:?}"
    );
    let library = "#!lua name=lib\nredis.register_function('f', function(keys, args) return redis.call('GET', args[1]) end)";
    client.call(&["FUNCTION", "LOAD", library]);
    let refused = client.call(&["FCALL", "f", "1", &here, &there]).text();
    assert!(refused.contains("CROSSSLOT"), "{refused}");
    // The first two shards become one's.
    let nodes: Vec<_> = cluster.nodes.iter().map(|node| node.address).collect();
    let slots = [
        "0-10922".to_owned(),
        String::new(),
        "10923-16383".to_owned(),
    ];
    let topology = servers::topology_path(cluster.proxy.folder());
    servers::write_topology_that_loses_keys(&topology, 2, &nodes, &slots);
    eventually("the newer topology rules", || {
        client.call(&["EVAL", SCRIPT, "1", &here, &there]) != Reply::Null
            && client
                .call(&["EVAL", SCRIPT, "1", &here, &there])
                .error_text()
                .is_none()
    });
    let refused = client.call(&["EVAL", SCRIPT, "1", &here, &further]).text();
    assert!(refused.starts_with("CROSSSLOT "), "{refused}");
}
