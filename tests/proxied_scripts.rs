//! Scripts and functions through a proxy: they go to the shard of their keys, and a shard that has not got one is given its text.

use std::time::Duration;

use crate::histories::stage::{Plan, Shards as _, Stage};
use crate::support::eventually::{Stopwatch, eventually, pause};
use crate::support::servers::{self, Cluster};
use crate::support::{Reply, encode};

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
    assert_eq!(client.call(&["FUNCTION", "LOAD", LIBRARY]).text(), "lib");
    assert!(call_all(&mut client));
}

const LIBRARY: &str = "#!lua name=lib\nredis.register_function('f', function(keys) return redis.call('GET', keys[1]) end)";

/// How often each of some keys, of all shards, finds the function.
fn call_all(client: &mut crate::support::Client) -> bool {
    (0..30).all(|number| {
        let key = format!("k{number}");
        client.call(&["SET", &key, &key]);
        client.call(&["FCALL", "f", "1", &key]) == Reply::bulk(key)
    })
}

/// The topology of the first so many nodes is in place, and in use.
fn grow(cluster: &Cluster, version: u64, count: usize) {
    let nodes: Vec<_> = cluster.nodes.iter().map(|node| node.address).collect();
    let path = servers::topology_path(cluster.proxy.folder());
    let slots = servers::even_slots(count);
    servers::write_topology_that_loses_keys(&path, version, &nodes[..count], &slots);
    let in_use = format!("topology_version:{version}");
    eventually("it is in use", || {
        let mut client = cluster.connect();
        client.call_words("INFO proxy").text().contains(&in_use)
    });
}

#[test]
fn a_shard_that_is_added_later_has_the_functions() {
    let mut cluster = Cluster::start(2);
    let mut client = cluster.connect();
    assert_eq!(client.call(&["FUNCTION", "LOAD", LIBRARY]).text(), "lib");
    assert!(call_all(&mut client));
    cluster.nodes.push(servers::start_node(&[]));
    grow(&cluster, 2, 3);
    // A moment is left to it.
    let began = Stopwatch::start();
    eventually("it has them", || call_all(&mut client));
    assert!(began.elapsed() < Duration::from_secs(2));
    let mut third = cluster.nodes[2].connect();
    assert!(third.call_words("DBSIZE").integer() > 0);
    // One that cannot be reached yet gets them when it can, and what is there stays.
    let fourth = servers::start_node(&[]);
    let other = LIBRARY
        .replace("name=lib", "name=other")
        .replace("'f'", "'g'");
    assert_eq!(client.call(&["FUNCTION", "LOAD", &other]).text(), "other");
    let newer = LIBRARY.replace("GET", "STRLEN");
    let mut there = fourth.connect();
    assert_eq!(there.call(&["FUNCTION", "LOAD", &newer]).text(), "lib");
    fourth.freeze();
    cluster.nodes.push(fourth);
    grow(&cluster, 3, 4);
    cluster.nodes[3].thaw();
    eventually("it has the one that it had not", || {
        let listed = there.call_words("FUNCTION LIST WITHCODE");
        listed.elements().len() == 2
    });
    let listed = there.call_words("FUNCTION LIST LIBRARYNAME lib WITHCODE");
    let library = listed.elements()[0].elements();
    assert!(library.contains(&Reply::bulk(newer)), "{library:?}");
}

#[test]
fn a_node_that_comes_back_empty_gets_its_functions_again() {
    let mut cluster = Cluster::start(2);
    let mut client = cluster.connect();
    assert_eq!(client.call(&["FUNCTION", "LOAD", LIBRARY]).text(), "lib");
    for node in 0..2 {
        cluster.nodes[node].kill();
        cluster.nodes[node].restart();
        eventually("it has them", || call_all(&mut client));
    }
}

#[test]
fn what_changes_while_no_proxy_is_there_has_the_functions_when_one_is_again() {
    let mut cluster = Cluster::start_with(2, &[], &["--threads", "2"]);
    let mut client = cluster.connect();
    assert_eq!(client.call(&["FUNCTION", "LOAD", LIBRARY]).text(), "lib");
    // One node comes back empty, and a shard is added.
    cluster.proxy.kill();
    cluster.nodes[1].kill();
    cluster.nodes[1].restart();
    cluster.nodes.push(servers::start_node(&[]));
    let nodes: Vec<_> = cluster.nodes.iter().map(|node| node.address).collect();
    let path = servers::topology_path(cluster.proxy.folder());
    servers::write_topology_that_loses_keys(&path, 2, &nodes, &servers::even_slots(3));
    cluster.proxy.restart();
    let mut client = cluster.connect();
    eventually("all have them", || call_all(&mut client));
    let mut added = cluster.nodes[2].connect();
    assert!(added.call_words("DBSIZE").integer() > 0);
}

#[test]
fn functions_that_differ_are_named_until_somebody_says_which_is_meant() {
    let admin = servers::free_address();
    let mut cluster = Cluster::start_with(2, &[], &["--admin", &admin.to_string()]);
    cluster.proxy.kill();
    let other = LIBRARY.replace("GET", "STRLEN");
    for (node, text) in [(0, LIBRARY), (1, other.as_str())] {
        let mut there = cluster.nodes[node].connect();
        assert_eq!(there.call(&["FUNCTION", "LOAD", text]).text(), "lib");
    }
    let more = LIBRARY
        .replace("name=lib", "name=more")
        .replace("'f'", "'g'");
    let mut there = cluster.nodes[1].connect();
    assert_eq!(there.call(&["FUNCTION", "LOAD", &more]).text(), "more");
    cluster.proxy.restart();
    let is_told = || {
        let (_, page) = crate::admin::get(admin, "/metrics");
        page.contains("switchyard_proxy_condition{condition=\"functions_differ\"")
    };
    eventually("it is told", is_told);
    let (_, shown) = crate::admin::get(admin, "/topology?as=table");
    assert!(
        shown.contains("the library lib of functions is not the same everywhere"),
        "{shown}"
    );
    // What is only at one of them is brought, and what differs is left as it is.
    let text_at = |node: usize, name: &str| {
        let mut there = cluster.nodes[node].connect();
        let listed = there.call(&["FUNCTION", "LIST", "LIBRARYNAME", name, "WITHCODE"]);
        let first = listed
            .elements()
            .first()
            .map(|library| library.elements().to_vec());
        first.and_then(|facts| facts.last().map(Reply::text))
    };
    eventually("it is brought", || {
        text_at(0, "more").as_ref() == Some(&more)
    });
    assert_eq!(text_at(0, "lib").as_deref(), Some(LIBRARY));
    assert_eq!(text_at(1, "lib").as_ref(), Some(&other));
    let mut client = cluster.connect();
    assert_eq!(
        client.call(&["FUNCTION", "LOAD", "REPLACE", &other]).text(),
        "lib"
    );
    eventually("nothing is told any more", || !is_told());
    assert_eq!(text_at(0, "lib").as_ref(), Some(&other));
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

#[test]
fn a_shard_whose_script_does_not_end_keeps_its_primary_and_its_copies() {
    let plan = Plan {
        proxies: 2,
        ..Plan::SMALL
    };
    let mut stage = Stage::start_by(plan, "", &[]);
    let proxy = &stage.proxies[0];
    for node in &stage.nodes {
        let reply = node
            .connect()
            .call_words("CONFIG SET busy-reply-threshold 100");
        assert_eq!(reply, Reply::ok());
    }
    let mut client = proxy.connect();
    assert_eq!(client.call_words("SET k before"), Reply::ok());
    let changes = || {
        let told = proxy.output();
        told.matches("topology published").count()
    };
    let before = changes();
    let mut looping = proxy.connect();
    let looped = looping.send(&encode(&["EVAL", "while true do end", "1", "k"]));
    looped.expect("it takes it");
    let is_busy = |reply: &Reply| {
        let text = reply.error_text();
        text.is_some_and(|text| text.starts_with("BUSY "))
    };
    eventually("it is busy", || is_busy(&client.call_words("GET k")));
    // Longer than it takes until a node is given up, or a copy is.
    pause(Duration::from_secs(4));
    let reply = client.call_words("GET k");
    assert!(is_busy(&reply), "{reply:?}");
    assert_eq!(changes(), before, "{}", proxy.output());
    // Replies wait for followers here, and these have not what the script has begun.
    stage.proxies[1].kill();
    stage.proxies[1].restart();
    let mut late = stage.proxies[1].connect();
    for words in ["GET k", "SET k there", "GET k"] {
        let reply = late.call_words(words);
        assert!(is_busy(&reply), "{reply:?}");
    }
    assert_eq!(late.call_words("SCRIPT KILL"), Reply::ok());
    let ended = looping.receive().expect("an end");
    assert!(ended.error_text().is_some(), "{ended:?}");
    assert_eq!(client.call_words("SET k after"), Reply::ok());
    assert_eq!(client.call_words("GET k").text(), "after");
}

#[test]
fn a_shard_of_which_all_copies_came_back_empty_has_the_functions_again() {
    let mut stage = Stage::start_by(Plan::SMALL, "", &[]);
    let mut client = stage.proxies[0].connect();
    assert_eq!(client.call(&["FUNCTION", "LOAD", LIBRARY]).text(), "lib");
    assert!(call_all(&mut client));
    let nodes = stage.members(1);
    for node in nodes.clone() {
        stage.nodes[node].kill();
    }
    for node in nodes {
        stage.nodes[node].restart();
    }
    eventually("all have them", || call_all(&mut client));
}

#[test]
fn a_proxy_that_comes_while_a_script_runs_tells_of_it_and_can_end_it() {
    let cluster = Cluster::start(2);
    let nodes: Vec<_> = cluster.nodes.iter().map(|node| node.address).collect();
    for node in &cluster.nodes {
        let reply = node
            .connect()
            .call_words("CONFIG SET busy-reply-threshold 100");
        assert_eq!(reply, Reply::ok());
    }
    let mut looping = cluster.connect();
    let looped = looping.send(&encode(&["EVAL", "while true do end", "1", "k"]));
    looped.expect("it takes it");
    let is_busy = |reply: &Reply| {
        let text = reply.error_text();
        text.is_some_and(|text| text.starts_with("BUSY "))
    };
    let mut client = cluster.connect();
    eventually("it is busy", || is_busy(&client.call_words("GET k")));
    let late = servers::start_proxy(&nodes, &[]);
    let mut there = late.connect();
    assert!(is_busy(&there.call_words("GET k")));
    assert_eq!(there.call_words("SELECT 3"), Reply::ok());
    assert!(is_busy(&there.call_words("SET k 3")));
    assert_eq!(there.call_words("SCRIPT KILL"), Reply::ok());
    let ended = looping.receive().expect("an end");
    assert!(ended.error_text().is_some(), "{ended:?}");
    assert_eq!(there.call_words("SET k 3"), Reply::ok());
    assert_eq!(client.call_words("EXISTS k").integer(), 0);
}

/// A script that changes two keys, with much to do between.
const TWO_PARTS: &str = "redis.call('INCR', KEYS[1]) for i = 1, ARGV[1] do redis.call('EXISTS', KEYS[1]) end redis.call('INCR', KEYS[2]) return 'done'";

#[test]
fn a_script_in_whose_midst_another_node_is_to_lead_is_whole_and_ran_once() {
    let stage = Stage::start_by(Plan::SMALL, "", &[]);
    let proxy = &stage.proxies[0];
    let mut client = proxy.connect();
    client.call_words("SET {k}base 1");
    let has_it = |shard: &usize| {
        let mut there = stage.nodes[stage.leader(*shard)].connect();
        there.call_words("EXISTS {k}base").integer() == 1
    };
    let shard = (0..2).find(has_it).expect("one of them");
    for round in 0..3 {
        stage.becomes_whole();
        let keys = [format!("{{k}}one:{round}"), format!("{{k}}two:{round}")];
        let mut runner = proxy.connect();
        let script = ["EVAL", TWO_PARTS, "2", &keys[0], &keys[1], "300000"];
        let sent = runner.send(&encode(&script));
        sent.expect("it takes it");
        pause(Duration::from_millis(100));
        let failover = std::process::Command::new(servers::SWITCHYARD)
            .args(["topology", "failover", &format!("s{shard}"), "--admin"])
            .arg(stage.admin(0))
            .output()
            .expect("it runs");
        let reply = runner.receive().expect("a reply");
        let counts = keys.map(|key| client.call(&["GET", &key]).text());
        let told = format!("{reply:?}: {counts:?}, {failover:?}");
        // Whoever was told nothing may find all of it, or nothing.
        match reply.error_text() {
            None => assert_eq!(counts, ["1", "1"], "{told}"),
            Some(text) => {
                assert!(text.starts_with("UNKNOWN "), "{told}");
                assert_eq!(counts[0], counts[1], "{told}");
            }
        }
    }
}

#[test]
fn an_error_that_a_script_makes_up_is_nobodys_order_to_run_it_again() {
    let cluster = Cluster::start(2);
    let mut client = cluster.connect();
    let script = "redis.call('INCR', KEYS[1]) return redis.error_reply(ARGV[1])";
    let name = name_of(script, &mut client);
    for (number, words) in [
        "STALEEPOCH 9 9 x",
        "NOSCRIPT none",
        "LOADING",
        "MINE is mine",
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("count:{number}");
        for (times, command) in (1..).zip(["EVAL", "EVALSHA"]) {
            let text = match command {
                "EVAL" => script,
                _ => &name,
            };
            let reply = client.call(&[command, text, "1", &key, words]);
            let told = reply.error_text().expect("an error");
            assert!(told.ends_with(words), "{told}");
            let count = client.call(&["GET", &key]).text();
            assert_eq!(count, times.to_string(), "{words}, {told}");
        }
    }
}
