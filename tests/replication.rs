//! Nodes and redis-servers follow each other: whatever breaks meanwhile, followers have what their leader has in the end, and go on where they were if that is known.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use crate::snapshots::{data, everything, fill, sorted, start_keeper};
use crate::support::dice::Dice;
use crate::support::eventually::{Stopwatch, eventually, eventually_within, pause};
use crate::support::fault::Relay;
use crate::support::servers::{Server, start_node};
use crate::support::{Client, Reply, redis_server};

/// Seconds for a copy of some megabytes on a busy machine.
const A_WHILE: Duration = Duration::from_secs(60);

/// A line of INFO.
pub(crate) fn told(client: &mut Client, section: &str, name: &str) -> String {
    let Reply::Bulk(text) = client.call(&["INFO", section]) else {
        panic!("INFO")
    };
    let text = String::from_utf8(text).expect("text");
    let line = text.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        (field == name).then(|| value.trim().to_owned())
    });
    line.unwrap_or_default()
}

pub(crate) fn number(client: &mut Client, section: &str, name: &str) -> u64 {
    told(client, section, name).parse().expect("a number")
}

pub(crate) fn follow(follower: &mut Client, leader: SocketAddr) {
    let (host, port) = (leader.ip().to_string(), leader.port().to_string());
    assert_eq!(follower.call(&["REPLICAOF", &host, &port]), Reply::ok());
}

/// Waits until the follower has all that the leader has said.
pub(crate) fn caught_up(leader: &mut Client, follower: &mut Client) {
    eventually_within(10 * A_WHILE, "the follower has all", || {
        told(follower, "replication", "master_link_status") == "up"
            && number(leader, "replication", "master_repl_offset")
                == number(follower, "replication", "master_repl_offset")
    });
}

pub(crate) fn same(leader: &mut Client, follower: &mut Client) {
    caught_up(leader, follower);
    equal(&everything(leader), &everything(follower));
}

/// One by one, for all of them together fill pages.
fn equal(one: &[(String, Reply, Reply)], other: &[(String, Reply, Reply)]) {
    for (one, other) in one.iter().zip(other) {
        assert_eq!(one, other);
    }
    assert_eq!(one.len(), other.len());
}

/// Some hundred commands of all kinds, of which every one that changes something must arrive.
pub(crate) fn change_much(client: &mut Client, dice: &mut Dice, count: usize) {
    for _ in 0..count {
        let key = format!("k{}", dice.below(40));
        let (small, other) = (dice.below(20).to_string(), format!("k{}", dice.below(40)));
        let line = match dice.below(26) {
            0 => format!("SET {key} {small}"),
            1 => format!("SET {key} v PX {}", 1_000_000 + dice.below(100_000)),
            2 => format!("INCR n{small}"),
            3 => format!("APPEND s{small} {other}"),
            4 => format!("LPUSH l{small} a b {other}"),
            5 => format!("RPOP l{small}"),
            6 => format!("SADD set{small} {other} x y"),
            7 => format!("SPOP set{small} 1"),
            8 => format!("ZADD z{small} {small} {other}"),
            9 => format!("ZPOPMIN z{small}"),
            10 => format!("HSET h{small} {other} {small}"),
            11 => format!("HINCRBYFLOAT h{small} f 1.5"),
            12 => format!("XADD x{small} * a {other}"),
            13 => format!("XTRIM x{small} MAXLEN 5"),
            14 => format!("DEL {key} {other}"),
            15 => format!("PEXPIRE {key} {}", dice.below(3)),
            16 => format!("RENAME {key} {other}"),
            17 => format!("COPY {key} {other} REPLACE"),
            18 => format!("SUNIONSTORE set{small} set1 set2 set3"),
            19 => format!("ZUNIONSTORE z{small} 2 z1 z2"),
            20 => format!("GETEX {key} EX 100000"),
            21 => format!("SETBIT b{small} {} 1", dice.below(1_000)),
            22 => format!("PFADD p{small} {other} {key}"),
            23 => "SELECT 3".to_owned(),
            24 => "SELECT 0".to_owned(),
            _ => format!("LMOVE l{small} l1 LEFT RIGHT"),
        };
        client.call_words(&line);
    }
    client.call(&["SELECT", "0"]);
}

#[test]
fn a_node_follows_a_redis_server_and_is_followed_by_one_under_writes() {
    let (Some(first), Some(last)) = (redis_server::start(&[]), redis_server::start(&[])) else {
        panic!("redis-server is needed: apt-get install redis-server");
    };
    let node = start_node(&[]);
    let (mut leader, mut middle, mut end) = (first.connect(), node.connect(), last.connect());
    fill(&mut leader);
    let mut writer = first.connect();
    let seed = Dice::seed_from_environment();
    let mut dice = Dice::new(seed);
    follow(&mut middle, first.address);
    change_much(&mut writer, &mut dice, 2_000);
    follow(&mut end, node.address);
    change_much(&mut writer, &mut dice, 2_000);
    same(&mut leader, &mut middle);
    same(&mut middle, &mut end);
    assert_eq!(told(&mut middle, "replication", "role"), "slave");
    assert_eq!(told(&mut middle, "replication", "connected_slaves"), "1");
    // The node leads: its follower goes on with what it has.
    assert_eq!(middle.call(&["REPLICAOF", "NO", "ONE"]), Reply::ok());
    change_much(&mut middle, &mut dice, 2_000);
    eventually("the follower has it", || {
        number(&mut middle, "replication", "master_repl_offset")
            == number(&mut end, "replication", "master_repl_offset")
    });
    same(&mut middle, &mut end);
    assert_eq!(told(&mut middle, "stats", "sync_full"), "1");
    // And the first one follows, which has a part of the log.
    follow(&mut leader, node.address);
    same(&mut middle, &mut leader);
}

#[test]
fn who_was_away_goes_on_where_it_was() {
    let node = start_node(&[]);
    let between = Relay::start(node.address);
    let other = start_node(&[]);
    let (mut leader, mut follower) = (node.connect(), other.connect());
    fill(&mut leader);
    follow(&mut follower, between.address);
    same(&mut leader, &mut follower);
    let mut dice = Dice::new(Dice::seed_from_environment());
    for _ in 0..5 {
        change_much(&mut leader, &mut dice, 200);
        between.cut();
        change_much(&mut leader, &mut dice, 200);
        caught_up(&mut leader, &mut follower);
    }
    same(&mut leader, &mut follower);
    assert_eq!(number(&mut leader, "stats", "sync_full"), 1);
    assert!(number(&mut leader, "stats", "sync_partial_ok") >= 1);
}

#[test]
fn who_was_away_for_too_long_copies_anew() {
    let node = start_node(&[]);
    let between = Relay::start(node.address);
    let other = start_node(&[]);
    let (mut leader, mut follower) = (node.connect(), other.connect());
    leader.call(&["CONFIG", "SET", "repl-backlog-size", "16384"]);
    follow(&mut follower, between.address);
    caught_up(&mut leader, &mut follower);
    between.hold();
    between.cut();
    let value = "v".repeat(1_000);
    for number in 0..1_000 {
        leader.call(&["SET", &format!("key:{number}"), &value]);
    }
    eventually("it has gone", || {
        told(&mut leader, "replication", "connected_slaves") == "0"
    });
    // Forgotten with the next tick.
    eventually("the log is short", || {
        number(&mut leader, "replication", "repl_backlog_histlen") < 200_000
    });
    between.release();
    same(&mut leader, &mut follower);
    assert_eq!(number(&mut leader, "stats", "sync_full"), 2);
}

#[test]
fn a_follower_refuses_writes_and_leaves_the_end_of_keys_to_its_leader() {
    let (node, other) = (start_node(&[]), start_node(&[]));
    let (mut leader, mut follower) = (node.connect(), other.connect());
    leader.call(&["SET", "k", "v", "PX", "300"]);
    leader.call(&["HSET", "h", "f", "v"]);
    follow(&mut follower, node.address);
    caught_up(&mut leader, &mut follower);
    let refused = follower.call(&["SET", "k", "w"]).error_text();
    let expected = "READONLY You can't write against a read only replica.";
    assert_eq!(refused.as_deref(), Some(expected));
    assert_eq!(follower.call(&["GET", "k"]), Reply::bulk("v"));
    eventually("it ends for readers", || {
        follower.call(&["GET", "k"]).is_null()
    });
    eventually("its leader says so", || {
        follower.call(&["DBSIZE"]) == Reply::Integer(1)
    });
    assert_eq!(leader.call(&["DBSIZE"]), Reply::Integer(1));
    // Nobody else's any more, it goes on with what it has.
    assert_eq!(follower.call(&["REPLICAOF", "NO", "ONE"]), Reply::ok());
    assert_eq!(follower.call(&["HGET", "h", "f"]), Reply::bulk("v"));
    assert_eq!(follower.call(&["SET", "k", "w"]), Reply::ok());
}

#[test]
fn writes_are_waited_for() {
    let (node, other) = (start_node(&[]), start_node(&[]));
    let (mut leader, mut follower) = (node.connect(), other.connect());
    assert_eq!(leader.call(&["WAIT", "0", "0"]), Reply::Integer(0));
    assert_eq!(leader.call(&["WAIT", "1", "20"]), Reply::Integer(0));
    follow(&mut follower, node.address);
    caught_up(&mut leader, &mut follower);
    for number in 0..200 {
        leader.call(&["SET", "k", &number.to_string()]);
        assert_eq!(leader.call(&["WAIT", "1", "10000"]), Reply::Integer(1));
        assert_eq!(
            follower.call(&["GET", "k"]),
            Reply::bulk(number.to_string())
        );
    }
    if let Some(redis) = redis_server::start(&[]) {
        let mut third = redis.connect();
        follow(&mut third, node.address);
        caught_up(&mut leader, &mut third);
        leader.call(&["SET", "k", "all"]);
        assert_eq!(leader.call(&["WAIT", "2", "10000"]), Reply::Integer(2));
    }
    other.freeze();
    leader.call(&["SET", "k", "later"]);
    assert_eq!(leader.call(&["WAIT", "1", "50"]), Reply::Integer(0));
    other.thaw();
}

/// How many disks have all, as WAITAOF says: this node's, and those of followers.
fn on_disks(client: &mut Client, own: u8, followers: u8, timeout_ms: u64) -> (Reply, Reply) {
    let (own, followers) = (own.to_string(), followers.to_string());
    let reply = client.call(&["WAITAOF", &own, &followers, &timeout_ms.to_string()]);
    let Reply::Array(numbers) = reply else {
        panic!("WAITAOF: {reply:?}")
    };
    let [own, followers] = numbers.try_into().expect("two numbers");
    (own, followers)
}

#[test]
fn writes_are_waited_for_until_they_are_on_disk() {
    let (none, one) = (Reply::Integer(0), Reply::Integer(1));
    let log = ["--save", "", "--appendonly", "true"];
    let node = start_keeper(&log);
    let mut leader = node.connect();
    eventually("it serves", || {
        leader.call(&["SET", "k", "0"]) == Reply::ok()
    });
    // The first rewrite makes the log count.
    assert_eq!(
        on_disks(&mut leader, 1, 0, 60_000),
        (one.clone(), none.clone())
    );
    let (without, with) = (start_node(&[]), start_keeper(&log));
    let mut follower = without.connect();
    follow(&mut follower, node.address);
    caught_up(&mut leader, &mut follower);
    leader.call(&["SET", "k", "1"]);
    assert_eq!(leader.call(&["WAIT", "1", "60000"]), Reply::Integer(1));
    let (_, followers) = on_disks(&mut leader, 0, 1, 50);
    assert_eq!(
        followers, none,
        "a follower without a log has nothing on disk"
    );
    let mut follower = with.connect();
    eventually("it serves", || {
        follower.call(&["SET", "own", "1"]) == Reply::ok()
    });
    follow(&mut follower, node.address);
    caught_up(&mut leader, &mut follower);
    for number in 0..5 {
        leader.call(&["SET", "k", &number.to_string()]);
        assert_eq!(
            on_disks(&mut leader, 1, 1, 60_000),
            (one.clone(), one.clone())
        );
    }
    with.freeze();
    leader.call(&["SET", "k", "later"]);
    assert_eq!(on_disks(&mut leader, 0, 1, 50).1, none);
    assert_eq!(on_disks(&mut leader, 1, 0, 60_000), (one, none));
    with.thaw();
    let refused = follower.call(&["WAITAOF", "1", "0", "0"]).error_text();
    assert!(
        refused.is_some_and(|text| text.starts_with("ERR WAITAOF cannot be used with replica"))
    );
}

#[test]
fn a_command_over_very_much_is_seen_as_a_whole() {
    let (node, other) = (start_node(&[]), start_node(&[]));
    let (mut leader, mut follower) = (node.connect(), other.connect());
    follow(&mut follower, node.address);
    let keys: Vec<String> = (0..50_000).map(|number| format!("key:{number}")).collect();
    for round in 0..3 {
        let mut words = vec!["MSET"];
        let value = round.to_string();
        words.extend(keys.iter().flat_map(|key| [key.as_str(), value.as_str()]));
        leader.call(&words);
        let mut words = vec!["DEL"];
        words.extend(keys.iter().map(String::as_str));
        leader.send(&crate::support::encode(&words)).expect("sent");
        loop {
            let Reply::Integer(size) = follower.call(&["DBSIZE"]) else {
                panic!("DBSIZE")
            };
            assert!(size == 0 || size == 50_000, "{size} keys are seen");
            if size == 0
                && number(&mut follower, "replication", "master_repl_offset")
                    > 1_000_000 * (1 + 2 * round)
            {
                break;
            }
        }
        assert_eq!(leader.receive().expect("a reply"), Reply::Integer(50_000));
        caught_up(&mut leader, &mut follower);
    }
}

#[test]
fn a_follower_with_a_log_has_all_after_a_restart() {
    let node = start_node(&[]);
    let mut leader = node.connect();
    fill(&mut leader);
    let log = [
        "--save",
        "",
        "--appendonly",
        "true",
        "--appendfsync",
        "always",
    ];
    let mut other = start_keeper(&log);
    let mut follower = other.connect();
    eventually("it serves", || {
        follower.call(&["SET", "own", "1"]) == Reply::ok()
    });
    follow(&mut follower, node.address);
    let mut dice = Dice::new(Dice::seed_from_environment());
    change_much(&mut leader, &mut dice, 500);
    // The copy counts on disk when the log has been rewritten; in another database than the first, too.
    leader.call(&["SELECT", "3"]);
    leader.call(&["SET", "in", "three"]);
    caught_up(&mut leader, &mut follower);
    eventually_within(A_WHILE, "the log has the copy", || {
        told(&mut follower, "persistence", "aof_rewrites") == "2"
    });
    eventually("and can be rewritten", || {
        follower.call(&["BGREWRITEAOF"]).error_text().is_none()
    });
    leader.call(&["SET", "in", "three again"]);
    leader.call(&["SELECT", "0"]);
    change_much(&mut leader, &mut dice, 500);
    same(&mut leader, &mut follower);
    let expected = everything(&mut follower);
    other.kill();
    other.restart();
    let mut follower = other.connect();
    eventually_within(A_WHILE, "it has its data", || {
        matches!(follower.call(&["DBSIZE"]), Reply::Integer(_))
    });
    equal(&everything(&mut follower), &expected);
    assert!(data(other.folder()).join("appendonlydir").exists());
}

#[test]
fn a_leader_that_speaks_rubbish_hurts_nobody() {
    let node = start_node(&[]);
    let mut client = node.connect();
    client.call(&["SET", "k", "v"]);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let id = "a".repeat(40);
    let full = format!("+FULLRESYNC {id} 5\r\n");
    let answers: Vec<Vec<u8>> = vec![
        b"rubbish\r\n".to_vec(),
        b"+FULLRESYNC x\r\n".to_vec(),
        format!("{full}rubbish\r\n").into_bytes(),
        format!("{full}$100\r\nREDIS0009").into_bytes(),
        format!("{full}$18446744073709551615\r\nREDIS0010\x7f").into_bytes(),
        format!("{full}$20\r\n{}", "x".repeat(20)).into_bytes(),
        format!("{full}$EOF:short\r\n").into_bytes(),
        vec![b'x'; 100_000],
    ];
    let heard = answers.len();
    let talking = std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().expect("asked");
            let mut buffer = [0; 4_096];
            // PING, REPLCONF, REPLCONF, PSYNC.
            for _ in 0..3 {
                assert!(stream.read(&mut buffer).expect("read") > 0);
                stream.write_all(b"+OK\r\n").expect("written");
            }
            assert!(stream.read(&mut buffer).expect("read") > 0);
            // It may have heard enough before the end.
            stream.write_all(&answer).ok();
        }
    });
    follow(&mut client, address);
    let begin = Stopwatch::start();
    while !talking.is_finished() {
        assert!(begin.elapsed() < A_WHILE, "{heard} answers were heard");
        assert_eq!(client.call(&["PING"]).text(), "PONG");
        pause(Duration::from_millis(20));
    }
    talking.join().expect("all were asked for");
    assert_eq!(client.call(&["REPLICAOF", "NO", "ONE"]), Reply::ok());
    assert_eq!(client.call(&["SET", "k", "w"]), Reply::ok());
    assert!(node.output().contains("the leader's log is not had"));
}

#[test]
fn a_follower_that_takes_nothing_is_cut_at_a_bound() {
    let (node, other) = (start_node(&[]), start_node(&[]));
    let (mut leader, mut follower) = (node.connect(), other.connect());
    leader.call(&[
        "CONFIG",
        "SET",
        "client-output-buffer-limit",
        "replica 8mb 0 0",
    ]);
    follow(&mut follower, node.address);
    caught_up(&mut leader, &mut follower);
    other.freeze();
    let value = "v".repeat(100_000);
    for number in 0..400 {
        leader.call(&["SET", &format!("k{}", number % 10), &value]);
    }
    eventually("it is cut", || {
        told(&mut leader, "replication", "connected_slaves") == "0"
    });
    eventually("and the log is short again", || {
        number(&mut leader, "replication", "repl_backlog_histlen") < 2_000_000
    });
    other.thaw();
    same(&mut leader, &mut follower);
}

/// Of a server that leads, the follower's view of it ends when it dies, and begins anew when it is back.
#[test]
fn a_leader_that_comes_back_empty_is_copied_as_it_is() {
    let mut node = start_node(&[]);
    let other = start_node(&[]);
    let (mut leader, mut follower) = (node.connect(), other.connect());
    fill(&mut leader);
    follow(&mut follower, node.address);
    same(&mut leader, &mut follower);
    node.kill();
    eventually("it is noticed", || {
        told(&mut follower, "replication", "master_link_status") == "down"
    });
    assert_eq!(follower.call(&["GET", "key:1"]), Reply::bulk("value:1"));
    node.restart();
    let mut leader = node.connect();
    leader.call(&["SET", "new", "1"]);
    same(&mut leader, &mut follower);
}

/// With a log on disk a follower that was away goes on from there, however much was written meanwhile.
#[test]
fn who_was_away_for_long_goes_on_from_the_disk() {
    let log = ["--save", "", "--appendonly", "true"];
    let node = start_keeper(&log);
    let between = Relay::start(node.address);
    let other = start_node(&[]);
    let (mut leader, mut follower) = (node.connect(), other.connect());
    eventually("it serves", || {
        leader.call(&["CONFIG", "SET", "repl-backlog-size", "16384"]) == Reply::ok()
    });
    leader.call(&["SET", "k", "v"]);
    follow(&mut follower, between.address);
    caught_up(&mut leader, &mut follower);
    for round in 0..3 {
        between.hold();
        between.cut();
        let value = "v".repeat(1_000);
        for number in 0..1_000 {
            leader.call(&["SET", &format!("key:{round}:{number}"), &value]);
        }
        eventually("it has gone", || {
            told(&mut leader, "replication", "connected_slaves") == "0"
        });
        eventually("the log in memory is short", || {
            number(&mut leader, "replication", "repl_backlog_histlen") < 200_000
        });
        between.release();
        same(&mut leader, &mut follower);
    }
    assert_eq!(number(&mut leader, "stats", "sync_full"), 1);
    assert_eq!(number(&mut leader, "stats", "sync_partial_ok"), 3);
}

/// Every database, key, type, moment of its end and element, whatever the order: how many keys, and one number for all of them.
fn digest(client: &mut Client) -> (u64, u64) {
    let (mut keys, mut sum) = (0, 0_u64);
    for db in 0..4 {
        client.call(&["SELECT", &db.to_string()]);
        let mut cursor = "0".to_owned();
        loop {
            let reply = client.call(&["SCAN", &cursor, "COUNT", "1000"]);
            let elements = reply.elements();
            let names: Vec<String> = elements[1].elements().iter().map(Reply::text).collect();
            let mut ask = |words: &dyn Fn(&str) -> Vec<String>| {
                let commands: Vec<Vec<Vec<u8>>> = names
                    .iter()
                    .map(|name| words(name).into_iter().map(String::into_bytes).collect())
                    .collect();
                client.pipeline(&commands)
            };
            let kinds = ask(&|name| vec!["TYPE".to_owned(), name.to_owned()]);
            let ends = ask(&|name| vec!["PEXPIRETIME".to_owned(), name.to_owned()]);
            let kind_of: BTreeMap<&String, String> =
                names.iter().zip(kinds.iter().map(Reply::text)).collect();
            let values = ask(&|name| read_all(&kind_of[&name.to_owned()], name));
            for (((name, kind), end), value) in names.iter().zip(&kinds).zip(&ends).zip(values) {
                let value = match &*kind.text() {
                    "hash" => sorted(value, 2),
                    "set" => sorted(value, 1),
                    _ => value,
                };
                let mut hasher = DefaultHasher::new();
                (db, name, kind, end, value).hash(&mut hasher);
                sum = sum.wrapping_add(hasher.finish());
                keys += 1;
            }
            cursor = elements[0].text();
            if cursor == "0" {
                break;
            }
        }
    }
    client.call(&["SELECT", "0"]);
    (keys, sum)
}

/// The command that reads a whole value.
fn read_all(kind: &str, name: &str) -> Vec<String> {
    let words: &[&str] = match kind {
        "hash" => &["HGETALL", name],
        "set" => &["SMEMBERS", name],
        "list" => &["LRANGE", name, "0", "-1"],
        "zset" => &["ZRANGE", name, "0", "-1", "WITHSCORES"],
        "stream" => &["XRANGE", name, "-", "+"],
        _ => &["GET", name],
    };
    words.iter().map(ToString::to_string).collect()
}

/// So many keys of all types, a thousand commands at a time.
fn fill_with(client: &mut Client, keys: usize, begin: usize) {
    let numbers: Vec<usize> = (begin..begin + keys).collect();
    for chunk in numbers.chunks(1_000) {
        let line = |number: &usize| {
            let line = match number % 7 {
                0 => format!("SET s:{number} value:{number}"),
                1 => format!("SET i:{number} {number} PX {}", 10_000_000 + number),
                2 => format!("HSET h:{number} a {number} b x{number}"),
                3 => format!("RPUSH l:{number} a {number} c"),
                4 => format!("SADD e:{number} {number} b x{number}"),
                5 => format!("ZADD z:{number} {number}.5 a 2 b"),
                _ => format!("XADD x:{number} {}-1 a {number}", number + 1),
            };
            line.split(' ')
                .map(|word| word.as_bytes().to_vec())
                .collect()
        };
        let commands: Vec<Vec<Vec<u8>>> = chunk.iter().map(line).collect();
        for reply in client.pipeline(&commands) {
            assert!(reply.error_text().is_none(), "{reply:?}");
        }
    }
}

/// `SWITCHYARD_REPLICATION_KEYS=2000000` is the long form.
#[test]
fn many_keys_of_all_types_are_the_same_at_the_end_of_a_chain() {
    let (Some(first), Some(last)) = (redis_server::start(&[]), redis_server::start(&[])) else {
        panic!("redis-server is needed: apt-get install redis-server");
    };
    let keys = std::env::var("SWITCHYARD_REPLICATION_KEYS");
    let keys = keys.map_or(20_000, |keys| keys.parse().expect("a number"));
    let node = start_node(&[]);
    let (mut leader, mut middle, mut end) = (first.connect(), node.connect(), last.connect());
    fill_with(&mut leader, keys, 0);
    follow(&mut middle, first.address);
    // Meanwhile, and while the last one copies.
    fill_with(&mut leader, keys / 10, keys);
    follow(&mut end, node.address);
    let mut dice = Dice::new(Dice::seed_from_environment());
    change_much(&mut leader, &mut dice, 2_000);
    fill_with(&mut leader, keys / 10, 2 * keys);
    caught_up(&mut leader, &mut middle);
    caught_up(&mut middle, &mut end);
    let expected = digest(&mut leader);
    eprintln!("{} keys at the leader", expected.0);
    assert_eq!(digest(&mut middle), expected);
    assert_eq!(digest(&mut end), expected);
}

/// A transaction of a redis-server is here as a whole or not at all, also when the node ceases to follow in the midst of it.
#[test]
fn a_transaction_is_a_whole_whoever_interrupts_it() {
    let Some(first) = redis_server::start(&[]) else {
        panic!("redis-server is needed: apt-get install redis-server");
    };
    let node = start_node(&[]);
    let (mut leader, mut follower) = (first.connect(), node.connect());
    for round in 0..6 {
        leader.call(&["DEL", "list"]);
        follow(&mut follower, first.address);
        caught_up(&mut leader, &mut follower);
        let mut commands = crate::support::encode(&["MULTI"]);
        for _ in 0..30_000 {
            commands.extend(crate::support::encode(&["RPUSH", "list", "element"]));
        }
        commands.extend(crate::support::encode(&["EXEC"]));
        leader.send(&commands).expect("sent");
        pause(Duration::from_millis(5 * round));
        assert_eq!(follower.call(&["REPLICAOF", "NO", "ONE"]), Reply::ok());
        let length = follower.call(&["LLEN", "list"]).integer();
        assert!(length == 0 || length == 30_000, "{length}");
        for _ in 0..30_002 {
            leader.receive().expect("a reply");
        }
    }
}

/// What stands in a log after its last SELECT is meant for that database, also for who copies from one that follows itself.
#[test]
fn the_database_that_is_selected_is_carried_along() {
    let nodes = [start_node(&[]), start_node(&[]), start_node(&[])];
    let mut clients: Vec<Client> = nodes.iter().map(Server::connect).collect();
    follow(&mut clients[1], nodes[0].address);
    clients[0].call(&["SELECT", "3"]);
    clients[0].call(&["SET", "a", "1"]);
    eventually("the second has it", || {
        told(&mut clients[1], "keyspace", "db3").starts_with("keys=1,")
    });
    follow(&mut clients[2], nodes[1].address);
    eventually("the third has it", || {
        told(&mut clients[2], "keyspace", "db3").starts_with("keys=1,")
    });
    clients[0].call(&["SET", "b", "1"]);
    eventually("it goes where it belongs", || {
        told(&mut clients[2], "keyspace", "db3").starts_with("keys=2,")
    });
    assert_eq!(told(&mut clients[2], "keyspace", "db0"), "");
}
