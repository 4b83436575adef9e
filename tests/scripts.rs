//! Scripts and functions: what redis-server 7.0.15 makes of them, what is logged of them, and what others get meanwhile.

use std::time::Duration;

use crate::replication::{follow, same};
use crate::snapshots::{everything, start_keeper};
use crate::support::eventually::{Stopwatch, eventually};
use crate::support::servers::{Cluster, Server, start_node};
use crate::support::{Client, Reply, redis_server};

/// Scripts whose replies are compared with a real server's, one behind the other.
const EXPRESSIONS: &str = include_str!("scripts/expressions.txt");
const BETWEEN: &str = "\n@@\n";

fn eval(client: &mut Client, script: &str) -> Reply {
    client.call(&["EVAL", script, "2", "k1", "k2", "a1", "a2"])
}

#[test]
fn scripts_reply_as_those_of_a_real_server() {
    let Some(redis) = redis_server::start(&[]) else {
        return;
    };
    let node = start_node(&[]);
    for protocol in ["2", "3"] {
        let (mut theirs, mut ours) = (redis.connect(), node.connect());
        for client in [&mut theirs, &mut ours] {
            client.call(&["HELLO", protocol]);
            client.call(&["FLUSHALL"]);
        }
        for script in EXPRESSIONS.split(BETWEEN) {
            let script = script.trim_end_matches('\n');
            let expected = eval(&mut theirs, script);
            assert_eq!(
                eval(&mut ours, script),
                expected,
                "RESP{protocol}: {script}"
            );
        }
    }
}

#[test]
fn a_script_that_runs_for_long_lets_others_be_told_and_is_killed() {
    let node = start_node(&[]);
    let mut client = node.connect();
    let mut other = node.connect();
    other.call_words("CONFIG SET busy-reply-threshold 100");
    for endless in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "while true do pcall(redis.call, 'get', 'x') end",
    ] {
        client
            .send(&crate::support::encode(&["EVAL", endless, "0"]))
            .expect("sent");
        eventually("others are told", || {
            let reply = other.call(&["GET", "x"]);
            reply
                .error_text()
                .is_some_and(|text| text.starts_with("BUSY "))
        });
        let error = other.call(&["PING"]).text();
        assert_eq!(
            error,
            "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
        );
        assert!(
            other
                .call(&["FUNCTION", "KILL"])
                .text()
                .starts_with("BUSY ")
        );
        assert_eq!(other.call(&["SCRIPT", "KILL"]), Reply::ok());
        let reply = client.receive().expect("a reply").text();
        assert!(
            reply.starts_with("ERR Script killed by user with SCRIPT KILL."),
            "{reply}"
        );
        assert_eq!(other.call(&["SET", "x", "1"]), Reply::ok());
        assert_eq!(
            other.call(&["SCRIPT", "KILL"]).text(),
            "NOTBUSY No scripts in execution right now."
        );
    }
}

#[test]
fn what_a_long_script_changes_others_see_as_a_whole() {
    let node = start_node(&[]);
    let (mut client, mut other) = (node.connect(), node.connect());
    let script = "for i=1,20000 do redis.call('incr','a') redis.call('incr','b') end return 1";
    for commands in [&[][..], &["MULTI"][..]] {
        let mut bytes = Vec::new();
        for word in commands {
            bytes.extend(crate::support::encode(&[word]));
        }
        bytes.extend(crate::support::encode(&["EVAL", script, "0"]));
        if !commands.is_empty() {
            bytes.extend(crate::support::encode(&["SET", "c", "1"]));
            bytes.extend(crate::support::encode(&["SELECT", "3"]));
            bytes.extend(crate::support::encode(&["EXEC"]));
            bytes.extend(crate::support::encode(&["DBSIZE"]));
        }
        client.send(&bytes).expect("sent");
        for _ in 0..200 {
            let values = other.call(&["MGET", "a", "b"]);
            let [a, b] = values.elements() else {
                panic!("{values:?}");
            };
            assert_eq!(a, b);
            assert_eq!(other.call(&["PING"]).text(), "PONG");
        }
        if commands.is_empty() {
            assert_eq!(client.receive().expect("a reply"), Reply::Integer(1));
            continue;
        }
        for _ in 0..4 {
            client.receive().expect("OK and QUEUED");
        }
        let reply = client.receive().expect("a reply");
        assert_eq!(
            reply.elements(),
            [Reply::Integer(1), Reply::ok(), Reply::ok()]
        );
        assert_eq!(client.receive().expect("a reply"), Reply::Integer(0));
    }
}

#[test]
fn no_script_takes_the_node_down_or_holds_it_up() {
    let mut node = start_node(&[]);
    let mut client = node.connect();
    client.call_words("CONFIG SET lua-memory-limit 64mb");
    for script in [
        "return #string.rep('x', 2000000000)",
        "local s='x' while true do s=s..s end",
        "local t={} while true do t={t} end",
        "local t={} for i=1,1e9 do t[i]={} end",
        "local function f() return 1+f() end return f()",
        "return string.find(('a'):rep(40000), ('a?'):rep(40000))",
        "error({a=1})",
        "return cjson.decode(('['):rep(1000000))",
    ] {
        let reply = client.call(&["EVAL", script, "0"]);
        assert!(reply.error_text().is_some(), "{script}: {reply:?}");
        assert_eq!(
            client.call(&["EVAL", "return 1", "0"]),
            Reply::Integer(1),
            "{script}"
        );
    }
    assert!(node.is_alive());
}

fn start_logging() -> Server {
    start_keeper(&[
        "--save",
        "",
        "--appendonly",
        "true",
        "--appendfsync",
        "always",
    ])
}

const LIBRARY: &str = "#!lua name=lib\nredis.register_function('put', function(keys, args) redis.call('set', keys[1], args[1]) redis.call('rpush', 'l', args[1]) return redis.call('time')[1] end)\nredis.register_function{function_name='look', callback=function(keys) return redis.call('get', keys[1]) end, flags={'no-writes'}}";

#[test]
fn effects_are_logged_and_functions_stand_in_log_and_snapshot() {
    let mut node = start_logging();
    let mut client = node.connect();
    assert_eq!(
        client.call(&["FUNCTION", "LOAD", LIBRARY]),
        Reply::bulk("lib")
    );
    client.call(&["FCALL", "put", "1", "k", "v"]);
    let script = "redis.call('spop','s') return redis.call('incrbyfloat','f','1.5')";
    client.call_words("SADD s a b c d e");
    client.call(&["EVAL", script, "0"]);
    client.call(&[
        "EVAL",
        "redis.call('set','e','1','px',100000) error('x')",
        "0",
    ]);
    for round in 0..2 {
        let before = everything(&mut client);
        node.kill();
        node.restart();
        client = node.connect();
        eventually("the data is loaded", || {
            matches!(client.call(&["DBSIZE"]), Reply::Integer(_))
        });
        assert_eq!(everything(&mut client), before, "{round}");
        assert_eq!(
            client.call(&["FCALL_RO", "look", "1", "k"]),
            Reply::bulk("v")
        );
        // The next time they come from a snapshot.
        client.call(&["BGREWRITEAOF"]);
        eventually("the log is rewritten", || {
            let info = client.call(&["INFO", "persistence"]).text();
            info.contains("aof_rewrite_in_progress:0")
        });
    }
    let payload = client.call(&["FUNCTION", "DUMP"]);
    let Reply::Bulk(payload) = payload else {
        panic!("{payload:?}");
    };
    assert_eq!(client.call(&["FUNCTION", "FLUSH"]), Reply::ok());
    let gone = client.call(&["FCALL_RO", "look", "1", "k"]);
    assert_eq!(gone.text(), "ERR Function not found");
    assert_eq!(
        client.call(&[&b"FUNCTION"[..], b"RESTORE", &payload]),
        Reply::ok()
    );
    assert_eq!(
        client.call(&["FCALL_RO", "look", "1", "k"]),
        Reply::bulk("v")
    );
    if let Some(redis) = redis_server::start(&[]) {
        let mut theirs = redis.connect();
        assert_eq!(
            theirs.call(&[&b"FUNCTION"[..], b"RESTORE", &payload]),
            Reply::ok()
        );
        theirs.call(&["SET", "k", "w"]);
        assert_eq!(
            theirs.call(&["FCALL_RO", "look", "1", "k"]),
            Reply::bulk("w")
        );
    }
}

#[test]
fn a_follower_has_what_scripts_have_changed_and_the_functions() {
    let leader = start_node(&[]);
    let mut client = leader.connect();
    client.call(&["FUNCTION", "LOAD", LIBRARY]);
    let follower = start_node(&[]);
    let mut there = follower.connect();
    follow(&mut there, leader.address);
    let script = "for i=1,200 do redis.call('sadd','s',i) redis.call('rpush','l',i) end return redis.call('spop','s',50)";
    for _ in 0..20 {
        client.call(&["EVAL", script, "0"]);
    }
    client.call(&["FCALL", "put", "1", "k", "v"]);
    same(&mut client, &mut there);
    assert_eq!(
        there.call(&["FCALL_RO", "look", "1", "k"]),
        Reply::bulk("v")
    );
    let error = there
        .call(&["EVAL", "return redis.call('set','k','w')", "0"])
        .text();
    assert!(
        error.starts_with("READONLY You can't write against a read only replica."),
        "{error}"
    );
}

#[test]
fn through_a_proxy_scripts_run_where_their_keys_are() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    let digest = client
        .call(&["SCRIPT", "LOAD", "return redis.call('incr',KEYS[1])"])
        .text();
    assert_eq!(
        client.call(&["SCRIPT", "EXISTS", &digest]).elements(),
        [Reply::Integer(1)]
    );
    for tag in 0..60 {
        let key = format!("k:{tag}");
        assert_eq!(
            client.call(&["EVALSHA", &digest, "1", &key]),
            Reply::Integer(1)
        );
        assert_eq!(client.call(&["INCR", &key]), Reply::Integer(2));
    }
    let error = client.call(&["EVAL", "return 1", "2", "a", "b"]).text();
    assert!(error.starts_with("CROSSSLOT "), "{error}");
    assert_eq!(client.call(&["EVAL", "return 7", "0"]), Reply::Integer(7));
    assert_eq!(client.call_words("MULTI"), Reply::ok());
    client.call(&["EVALSHA", &digest, "1", "k:1"]);
    client.call(&["GET", "k:1"]);
    assert_eq!(
        client.call_words("EXEC").elements(),
        [Reply::Integer(3), Reply::bulk("3")]
    );
    assert_eq!(
        client.call(&["FUNCTION", "LOAD", LIBRARY]),
        Reply::bulk("lib")
    );
    for tag in 0..20 {
        let key = format!("k:{tag}");
        let said = client.call(&["FCALL_RO", "look", "1", &key]).text();
        assert!(!said.is_empty());
    }
    assert_eq!(client.call_words("SCRIPT FLUSH"), Reply::ok());
    let error = client.call(&["EVALSHA", &digest, "1", "k:1"]).text();
    assert_eq!(error, "NOSCRIPT No matching script. Please use EVAL.");
}

#[test]
fn others_are_served_while_many_scripts_run() {
    let node = start_node(&[]);
    let (mut client, mut other) = (node.connect(), node.connect());
    let script = "local t={} for i=1,3000000 do t[i%100]=i end return 1";
    let watch = Stopwatch::start();
    let request = crate::support::encode(&["EVAL", script, "0"]);
    client.send(&request.repeat(5)).expect("sent");
    let mut pings = 0;
    for _ in 0..5 {
        for _ in 0..10 {
            assert_eq!(other.call(&["PING"]).text(), "PONG");
            pings += 1;
        }
        assert_eq!(client.receive().expect("a reply"), Reply::Integer(1));
    }
    assert_eq!(pings, 50);
    assert!(watch.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_shards_keys_are_known_however_many_rules_tell_them() {
    let node = start_node(&[]);
    for rules in [1, 200, 5_000] {
        let mut client = node.connect();
        let mut words: Vec<String> = ["NODE", "KEYS", "0-8191"].map(str::to_owned).to_vec();
        for rule in 0..rules {
            if rule % 64 == 0 {
                words.extend(["RULE".to_owned(), "b".to_owned()]);
            }
            words.extend(["KEYS".to_owned(), format!("p{rule}:*")]);
        }
        assert_eq!(client.call(&words), Reply::ok(), "{rules}");
        let mut set = |key: &str| {
            let script = "return redis.call('SET', ARGV[1], 'x')";
            client.call(&["EVAL", script, "0", key])
        };
        // `a` has slot 15495.
        let refused = set("a").text();
        assert!(refused.starts_with("CROSSSLOT "), "{rules}: {refused}");
        assert_eq!(set(&format!("p{}:a", rules - 1)), Reply::ok(), "{rules}");
    }
}
