//! Commands that concern several shards: split and merged, sent to every shard, walked. One answer, as from one server.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;

use crate::support::eventually::{PATIENCE, eventually};
use crate::support::servers::Cluster;
use crate::support::{Client, Reply, encode};

/// `name` with `count` keys, each followed by what `more` gives.
fn with_keys(name: &str, count: usize, more: impl Fn(usize) -> Option<String>) -> Vec<String> {
    let mut command = vec![name.to_owned()];
    for number in 0..count {
        command.push(format!("key:{number}"));
        command.extend(more(number));
    }
    command
}

fn integer(value: usize) -> Reply {
    Reply::Integer(i64::try_from(value).expect("small"))
}

/// Every key that a whole walk finds, with the number of times it was given.
fn walk(client: &mut Client, options: &[&str]) -> Vec<String> {
    let mut cursor = "0".to_owned();
    let mut keys = Vec::new();
    for _ in 0..100_000 {
        let mut command = vec!["SCAN", &cursor];
        command.extend(options);
        let reply = client.call(&command);
        let [next, found] = reply.elements() else {
            panic!("{reply:?}");
        };
        keys.extend(found.elements().iter().map(Reply::text));
        cursor = next.text();
        // Clients that read it as a floating-point number must get it back as it was.
        let number: u64 = cursor.parse().expect("a number");
        assert!(number < 1 << 53, "{cursor} is not exact as a float");
        if cursor == "0" {
            return keys;
        }
    }
    panic!("the walk does not end");
}

#[test]
fn many_keys_over_many_shards_are_one_command() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    const COUNT: usize = 5_000;
    let value = |number: usize| Some(format!("value {number}"));
    assert_eq!(client.call(&with_keys("MSET", COUNT, value)), Reply::ok());
    let values = (0..COUNT).map(|number| Reply::bulk(format!("value {number}")));
    let got = client.call(&with_keys("MGET", COUNT, |_| None));
    assert!(
        got == Reply::Array(values.collect()),
        "values in the order of their keys"
    );
    for name in ["EXISTS", "TOUCH"] {
        let counted = client.call(&with_keys(name, COUNT + 10, |_| None));
        assert_eq!(counted, integer(COUNT), "{name}");
    }
    assert_eq!(
        client.call(&with_keys("DEL", 1_000, |_| None)),
        integer(1_000)
    );
    assert_eq!(
        client.call(&with_keys("UNLINK", 2_000, |_| None)),
        integer(1_000)
    );
    assert_eq!(client.call_words("DBSIZE"), integer(COUNT - 2_000));
}

#[test]
fn keys_given_twice_are_answered_twice() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    // The last value of a key stands.
    assert_eq!(client.call_words("MSET a 1 b 2 a 3 c 4"), Reply::ok());
    let one = |text: &str| Reply::bulk(text);
    assert_eq!(
        client.call_words("MGET a nothing b a c a"),
        Reply::Array(vec![
            one("3"),
            Reply::NullBulk,
            one("2"),
            one("3"),
            one("4"),
            one("3")
        ])
    );
    assert_eq!(client.call_words("EXISTS a a b nothing"), Reply::Integer(3));
    assert_eq!(client.call_words("DEL a a b nothing c"), Reply::Integer(3));
}

#[test]
fn very_many_keys_keep_their_order_and_hold_up_what_follows() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    const COUNT: usize = 30_000;
    // The first value of each key is long gone when the last one comes.
    let mut write = with_keys("MSET", COUNT, |_| Some("old".to_owned()));
    write.extend(with_keys("MSET", COUNT, |number| Some(format!("new {number}"))).split_off(1));
    let read = with_keys("MGET", COUNT, |_| None);
    let get = |number: usize| vec![b"GET".to_vec(), format!("key:{number}").into_bytes()];
    let bytes = |words: &[String]| words.iter().map(|word| word.clone().into_bytes()).collect();
    let commands = [bytes(&write), get(0), bytes(&read), get(COUNT - 1)];
    let replies = client.pipeline(&commands);
    let new = |number: usize| Reply::bulk(format!("new {number}"));
    assert_eq!(replies[0], Reply::ok());
    assert_eq!(replies[1], new(0));
    assert!(replies[2] == Reply::Array((0..COUNT).map(new).collect()));
    assert_eq!(replies[3], new(COUNT - 1));
    // Few keys and much to carry: rounds of some values each.
    let value = "v".repeat(300_000);
    let write = with_keys("MSET", 40, |_| Some(value.clone()));
    assert_eq!(client.call(&write), Reply::ok());
    assert_eq!(client.call_words("GET key:39"), Reply::bulk(value));
    assert_eq!(
        client.call(&with_keys("DEL", COUNT, |_| None)),
        integer(COUNT)
    );
    assert_eq!(client.call_words("DBSIZE"), integer(0));
}

#[test]
fn wrong_arguments_are_refused_before_anything_is_sent() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    let error = client.call_words("MSET a 1 b").error_text();
    assert_eq!(
        error.expect("refused"),
        "ERR wrong number of arguments for 'mset' command"
    );
    let error = client.call_words("MGET").error_text();
    assert_eq!(
        error.expect("refused"),
        "ERR wrong number of arguments for 'mget' command"
    );
    assert_eq!(client.call_words("DBSIZE"), Reply::Integer(0));
}

#[test]
fn commands_for_every_shard_are_answered_as_by_one_server() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    assert!(client.call_words("RANDOMKEY").is_null());
    let set = client.call(&with_keys("MSET", 300, |_| Some("v".into())));
    assert_eq!(set, Reply::ok());
    assert_eq!(client.call_words("DBSIZE"), Reply::Integer(300));
    let keys = client.call_words("KEYS key:1?");
    let keys: BTreeSet<String> = keys.elements().iter().map(Reply::text).collect();
    let expected: BTreeSet<String> = (10..20).map(|number| format!("key:{number}")).collect();
    assert_eq!(keys, expected);
    assert!(client.call_words("RANDOMKEY").text().starts_with("key:"));
    assert_eq!(client.call_words("SWAPDB 0 3"), Reply::ok());
    assert_eq!(client.call_words("DBSIZE"), Reply::Integer(0));
    assert_eq!(client.call_words("SELECT 3"), Reply::ok());
    assert_eq!(client.call_words("DBSIZE"), Reply::Integer(300));
    assert_eq!(client.call_words("FLUSHALL"), Reply::ok());
    for node in &cluster.nodes {
        let mut direct = node.connect();
        assert!(!direct.call_words("INFO keyspace").text().contains("keys="));
    }
}

#[test]
fn a_setting_reaches_every_node() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    // Clients see one server: a limit of all data is dealt out to the nodes.
    let set = client.call_words("CONFIG SET maxmemory-policy allkeys-lru maxmemory 3gb");
    assert_eq!(set, Reply::ok());
    let limit = client.call_words("CONFIG GET maxmemory");
    assert_eq!(limit.elements()[1], Reply::bulk("3221225472"));
    let info = client.call_words("INFO memory").text();
    for line in ["maxmemory:3221225472\r\n", "maxmemory_human:3.00G\r\n"] {
        assert!(info.contains(line), "{info}");
    }
    for node in &cluster.nodes {
        let mut direct = node.connect();
        let policy = direct.call_words("CONFIG GET maxmemory-policy");
        assert_eq!(policy.elements()[1], Reply::bulk("allkeys-lru"));
        let limit = direct.call_words("CONFIG GET maxmemory");
        assert_eq!(limit.elements()[1], Reply::bulk("1073741824"));
    }
}

#[test]
fn counters_of_the_proxy_begin_anew_with_those_of_the_nodes() {
    let cluster = Cluster::start(2);
    let mut client = cluster.connect();
    for _ in 0..5 {
        cluster.connect().call_words("PING");
    }
    let received = |client: &mut Client| -> u64 {
        let info = client.call_words("INFO stats").text();
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("total_connections_received:"));
        line.expect("a field").trim().parse().expect("a number")
    };
    assert!(received(&mut client) >= 6);
    assert_eq!(client.call_words("CONFIG RESETSTAT"), Reply::ok());
    assert_eq!(received(&mut client), 0);
    cluster.connect().call_words("PING");
    assert_eq!(received(&mut client), 1);
}

#[test]
fn settings_of_the_proxy_are_not_set_at_its_nodes() {
    let cluster = Cluster::start(2);
    let mut client = cluster.connect();
    for command in [
        "CONFIG SET proto-max-bulk-len 2mb",
        "CONFIG SET port 1",
        "CONFIG SET bind 0.0.0.0",
    ] {
        let error = client.call_words(command).error_text().expect("refused");
        assert!(error.contains("it belongs to the proxy"), "{error}");
    }
    // What it is already may be set.
    let port = cluster.proxy.address.port();
    assert_eq!(
        client.call_words(&format!("CONFIG SET port {port} hz 11")),
        Reply::ok()
    );
    let hz = cluster.nodes[1].connect().call_words("CONFIG GET hz");
    assert_eq!(hz.elements()[1], Reply::bulk("11"));
    // A value beyond the limit that was refused still goes through.
    let value = "v".repeat(3 << 20);
    assert_eq!(client.call(&["SET", "large", &value]), Reply::ok());
    assert_eq!(client.call_words("GET large"), Reply::bulk(value));
    assert!(client.call_words("SCRIPT HELP").elements().len() > 3);
}

#[test]
fn a_report_does_without_a_shard_that_is_lost() {
    let mut cluster = Cluster::start_with(3, &[], &["--node-deadline", "50ms"]);
    let mut client = cluster.connect();
    client.call_words("CONFIG SET slowlog-log-slower-than 0");
    client.call_words("GET a");
    // The first one, which is asked where any would do.
    cluster.nodes[0].kill();
    eventually("lost", || {
        client.call_words("DBSIZE").error_text().is_some()
    });
    for command in [
        "INFO",
        "CONFIG GET hz",
        "SLOWLOG GET",
        "SLOWLOG LEN",
        "LATENCY LATEST",
        "LATENCY HISTORY command",
        "LATENCY DOCTOR",
        "MEMORY DOCTOR",
        "MEMORY STATS",
        "LOLWUT",
    ] {
        let error = client.call_words(command).error_text();
        assert_eq!(error, None, "{command}");
    }
    for command in [
        "DBSIZE",
        "KEYS *",
        "RANDOMKEY",
        "SLOWLOG RESET",
        "CONFIG SET hz 10",
    ] {
        let error = client.call_words(command).error_text().expect("an error");
        assert!(error.contains("s0"), "{command}: {error}");
    }
}

#[test]
fn keys_are_drawn_as_often_from_small_shards_as_from_large_ones() {
    let cluster = Cluster::start(2);
    let mut client = cluster.connect();
    // One shard has ten keys, the other ninety.
    for (shard, count) in [(0, 10), (1, 90)] {
        for key in cluster.keys_on(shard, count) {
            client.call(&["SET", &format!("{{{key}}}{shard}"), "v"]);
        }
    }
    const DRAWS: u32 = 2_000;
    let mut of_small = 0;
    for _ in 0..DRAWS {
        let key = client.call_words("RANDOMKEY").text();
        of_small += u32::from(key.ends_with("}0"));
    }
    // Of 2,000 draws 200 are expected, with a deviation of 13.4; shards drawn evenly gave 1,000.
    assert!((120..280).contains(&of_small), "{of_small} of {DRAWS}");
}

#[test]
fn large_values_of_several_shards_flow_and_take_little_memory() {
    const VALUE: usize = 256 << 10;
    const TIMES: usize = 500;
    let cluster = Cluster::start(2);
    let mut bystander = cluster.connect();
    let value = "v".repeat(VALUE);
    let keys: Vec<String> = (0..2).flat_map(|shard| cluster.keys_on(shard, 1)).collect();
    for key in &keys {
        assert_eq!(bystander.call(&["SET", key, &value]), Reply::ok());
    }
    let before = cluster.proxy.resident_bytes();
    let mut command = vec!["MGET".to_owned()];
    (0..TIMES).for_each(|_| command.extend(keys.iter().cloned()));
    let socket = TcpStream::connect(cluster.proxy.address).expect("the proxy");
    socket.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    let mut stream = BufReader::new(socket);
    stream.get_mut().write_all(&encode(&command)).expect("sent");
    let mut most = 0;
    let mut line = String::new();
    stream.read_line(&mut line).expect("a header");
    assert_eq!(line, "*1000\r\n");
    let expected = format!("${VALUE}\r\n{value}\r\n").into_bytes();
    let mut element = vec![0; expected.len()];
    for number in 0..2 * TIMES {
        stream.read_exact(&mut element).expect("a value");
        assert!(element == expected, "value {number}");
        if number % 20 == 0 {
            bystander.call_words("PING");
            most = most.max(cluster.proxy.resident_bytes());
        }
    }
    // 256 MB went through. What is held at a time is the first round, 32 MB, in buffers that double.
    let growth = most.saturating_sub(before);
    assert!(growth < 128 << 20, "grew by {growth}");
}

#[test]
fn a_walk_finds_every_key_of_every_shard() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    client.call(&with_keys("MSET", 5_000, |_| Some("v".into())));
    let expected: BTreeSet<String> = (0..5_000).map(|number| format!("key:{number}")).collect();
    for options in [
        &[][..],
        &["COUNT", "1000"],
        &["COUNT", "7"],
        &["TYPE", "string"],
    ] {
        let found: BTreeSet<String> = walk(&mut client, options).into_iter().collect();
        assert!(found == expected, "{options:?}: {} keys", found.len());
    }
    assert_eq!(walk(&mut client, &["TYPE", "list"]).len(), 0);
    let found: BTreeSet<String> = walk(&mut client, &["MATCH", "key:12?"])
        .into_iter()
        .collect();
    assert_eq!(found.len(), 10);
}

#[test]
fn a_walk_misses_no_key_while_others_come_and_go() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    client.call(&with_keys("MSET", 2_000, |_| Some("stays".into())));
    let stop = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = cluster.connect();
            // Growth and shrinking by a factor of ten, over and over.
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                for name in ["MSET", "DEL"] {
                    for block in 0..20 {
                        let mut command = vec![name.to_owned()];
                        for number in 0..1_000 {
                            command.push(format!("passing:{block}:{number}"));
                            command.extend((name == "MSET").then(|| "v".to_owned()));
                        }
                        writer.call(&command);
                    }
                }
            }
        });
        for round in 0..20 {
            let found: BTreeSet<String> = walk(&mut client, &["COUNT", "100"])
                .into_iter()
                .filter(|key| key.starts_with("key:"))
                .collect();
            if found.len() != 2_000 {
                stop.store(true, std::sync::atomic::Ordering::Relaxed);
                panic!("round {round}: {} of 2000 keys", found.len());
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn the_information_of_a_proxy_sums_its_shards() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    client.call(&with_keys("MSET", 300, |_| Some("v".into())));
    let info = client.call_words("INFO keyspace").text();
    assert!(info.contains("db0:keys=300,"), "{info}");
}
