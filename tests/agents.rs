//! What people run against a Redis already, unchanged: the tools of the real redis-cli, redis_exporter, and what RedisInsight asks. Each at a proxy over two shards and at a
//! node.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::admin::get;
use crate::support::eventually::eventually;
use crate::support::servers::{Cluster, Server, free_address, start_node};
use crate::support::{Client, Reply};

/// Strings of 1 to 200 bytes, and one key of each other type.
fn fill(client: &mut Client) {
    for number in 1..=200 {
        client.call(&["SET", &format!("user:{number}"), &"x".repeat(number)]);
    }
    for number in 0..50 {
        for words in [
            format!("HSET hash f{number} 1"),
            format!("RPUSH list {number}"),
            format!("SADD set {number}"),
            format!("ZADD zset {number} {number}"),
            format!("XADD stream * f {number}"),
        ] {
            client.call_words(&words);
        }
    }
}

/// What a tool of redis-cli prints until it ends; `None` when there is no redis-cli.
fn tool(address: SocketAddr, flags: &[&str]) -> Option<String> {
    let command = redis_cli(address, flags)?;
    let output = { command }.output().expect("redis-cli runs");
    let error = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && error.is_empty(),
        "{flags:?}: {text}{error}"
    );
    assert!(!text.contains("ERR"), "{flags:?}: {text}");
    Some(text)
}

fn redis_cli(address: SocketAddr, flags: &[&str]) -> Option<Command> {
    if !is_there("redis-cli") {
        return None;
    }
    // Line by line, also where nobody looks on.
    let mut command = Command::new("stdbuf");
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    command.args(["-oL", "redis-cli", "-h", &host, "-p", &port]);
    command.args(flags).stdin(Stdio::null());
    Some(command)
}

/// Says so when it is not.
fn is_there(program: &str) -> bool {
    let version = Command::new(program).arg("--version").output();
    let is_there = version.is_ok();
    if !is_there {
        eprintln!("SKIPPED: {program} is not installed; Debian 12 has it");
    }
    is_there
}

/// A child that is ended when nobody needs it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A proxy over two shards, and a node by itself; both have the same keys.
fn both() -> (Cluster, Server) {
    let (cluster, node) = (Cluster::start(2), start_node(&[]));
    fill(&mut cluster.connect());
    fill(&mut node.connect());
    (cluster, node)
}

fn addresses((cluster, node): &(Cluster, Server)) -> [SocketAddr; 2] {
    [cluster.proxy.address, node.address]
}

#[test]
fn redis_cli_finds_big_keys_and_keys_that_take_memory() {
    let servers = both();
    for address in addresses(&servers) {
        let Some(text) = tool(address, &["--bigkeys"]) else {
            return;
        };
        for line in [
            "Sampled 205 keys in the keyspace!",
            "Biggest string found '\"user:200\"' has 200 bytes",
            "Biggest   list found '\"list\"' has 50 items",
            "Biggest   hash found '\"hash\"' has 50 fields",
            "Biggest    set found '\"set\"' has 50 members",
            "Biggest   zset found '\"zset\"' has 50 members",
            "Biggest stream found '\"stream\"' has 50 entries",
        ] {
            assert!(text.contains(line), "{address}, {line}: {text}");
        }
        let text = tool(address, &["--memkeys"]).expect("it was there");
        assert!(text.contains("Sampled 205 keys"), "{address}: {text}");
        assert!(text.contains("200 strings with "), "{address}: {text}");
        let some = tool(address, &["--memkeys-samples", "3"]).expect("it was there");
        assert!(some.contains("Sampled 205 keys"), "{address}: {some}");
    }
}

#[test]
fn redis_cli_finds_hot_keys_under_a_policy_that_counts() {
    let servers = both();
    for address in addresses(&servers) {
        let mut client = Client::connect(address);
        let policy = ["CONFIG", "SET", "maxmemory-policy", "allkeys-lfu"];
        assert_eq!(client.call(&policy), Reply::ok());
        for _ in 0..2_000 {
            client.call(&["GET", "user:7"]);
        }
        let Some(text) = tool(address, &["--hotkeys"]) else {
            return;
        };
        let first = text.lines().find(|line| line.starts_with("hot key found"));
        assert!(
            first.is_some_and(|line| line.ends_with("keyname: \"user:7\"")),
            "{address}: {text}"
        );
    }
}

#[test]
fn redis_cli_scans_and_measures() {
    let servers = both();
    for address in addresses(&servers) {
        let Some(text) = tool(address, &["--scan", "--pattern", "user:1?"]) else {
            return;
        };
        assert_eq!(text.lines().count(), 10, "{address}: {text}");
        let latency = tool(address, &["--latency", "--raw", "-i", "1"]).expect("it was there");
        let figures: Vec<f64> = latency
            .split_whitespace()
            .map(|figure| figure.parse().expect("a number"))
            .collect();
        assert!(
            figures.len() == 4 && figures[3] > 1.0,
            "{address}: {latency}"
        );
        let command = redis_cli(address, &["--stat", "-i", "0.1"]).expect("it was there");
        let mut child = Running({ command }.stdout(Stdio::piped()).spawn().expect("it runs"));
        let output = BufReader::new(child.0.stdout.take().expect("a pipe"));
        let lines: Vec<String> = output.lines().map_while(Result::ok).take(4).collect();
        let keys: Vec<&str> = lines[2].split_whitespace().collect();
        assert!(lines[1].starts_with("keys"), "{address}: {lines:?}");
        assert_eq!(keys[0], "205", "{address}: {lines:?}");
    }
}

/// The value of the sample that is named so.
fn sample(metrics: &str, name: &str) -> Option<f64> {
    let mut lines = metrics.lines();
    let line = lines.find(|line| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(' '))
    });
    line?.rsplit(' ').next()?.parse().ok()
}

#[test]
fn redis_exporter_sees_a_proxy_and_a_node_as_a_redis() {
    // Debian's name, and its own.
    let names = ["prometheus-redis-exporter", "redis_exporter"];
    let Some(program) = names.into_iter().find(|name| is_there(name)) else {
        return;
    };
    let servers = both();
    for address in addresses(&servers) {
        let mut client = Client::connect(address);
        client.call(&["GET", "user:1"]);
        client.call(&["GET", "missing"]);
        let listen = free_address();
        let child = Command::new(program)
            .arg("-redis.addr")
            .arg(format!("redis://{address}"))
            .args(["-web.listen-address", &listen.to_string()])
            .args(["-export-client-list", "-include-system-metrics"])
            .args(["-check-single-keys", "user:200", "-count-keys", "user:1*"])
            .args(["-check-single-streams", "stream"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let _exporter = Running(child.expect("it runs"));
        eventually("it listens", || {
            std::net::TcpStream::connect(listen).is_ok()
        });
        let (status, metrics) = get(listen, "/metrics");
        assert_eq!(status, 200);
        let check = |name: &str, expected: f64| {
            assert_eq!(
                sample(&metrics, name),
                Some(expected),
                "{name} of {address}"
            );
        };
        check("redis_up", 1.0);
        check("redis_exporter_last_scrape_error{err=\"\"}", 0.0);
        check("redis_db_keys{db=\"db0\"}", 205.0);
        check("redis_key_size{db=\"db0\",key=\"user:200\"}", 200.0);
        check("redis_keys_count{db=\"db0\",key=\"user:1*\"}", 111.0);
        check("redis_stream_length{db=\"db0\",stream=\"stream\"}", 50.0);
        check("redis_slowlog_length", 0.0);
        for name in [
            "redis_connected_clients",
            "redis_memory_used_bytes",
            "redis_config_maxclients",
            "redis_keyspace_hits_total",
            "redis_keyspace_misses_total",
            "redis_commands_processed_total",
            "redis_commands_total{cmd=\"set\"}",
        ] {
            let value = sample(&metrics, name);
            assert!(value > Some(0.0), "{name} of {address}: {value:?}");
        }
        assert!(
            metrics.contains("redis_connected_client_info{")
                || metrics.contains("redis_connected_clients_details{"),
            "{address}"
        );
        assert!(metrics.contains("redis_instance_info{"), "{address}");
    }
}

/// What RedisInsight asks when it connects, on its browser page, and on those of the slow log and the analysis; and whether that is answered.
const INSIGHT: &[(&str, bool)] = &[
    ("CLIENT SETNAME redisinsight-common-3f2a9c41", true),
    ("INFO", true),
    ("CLUSTER INFO", false),
    ("SENTINEL masters", false),
    ("MODULE LIST", true),
    ("COMMAND", true),
    ("COMMAND INFO ft._list json.get ts.get", true),
    ("ACL WHOAMI", true),
    ("ACL CAT", true),
    ("ACL DRYRUN default GET user:1", true),
    ("CLIENT INFO", true),
    ("CLIENT LIST", true),
    ("CONFIG GET databases", true),
    ("INFO keyspace", true),
    ("INFO server", true),
    ("DBSIZE", true),
    ("SCAN 0 MATCH * COUNT 500", true),
    ("SCAN 0 MATCH user:1* COUNT 500 TYPE string", true),
    ("TYPE user:1", true),
    ("TTL user:1", true),
    ("MEMORY USAGE user:1 SAMPLES 0", true),
    ("OBJECT ENCODING user:1", true),
    ("STRLEN user:1", true),
    ("GETRANGE user:1 0 4999", true),
    ("HLEN hash", true),
    ("HSCAN hash 0 MATCH * COUNT 500", true),
    ("LRANGE list 0 499", true),
    ("SSCAN set 0 MATCH * COUNT 500", true),
    ("ZRANGE zset 0 499 WITHSCORES", true),
    ("XINFO STREAM stream", true),
    ("XINFO GROUPS stream", true),
    ("XREVRANGE stream + - COUNT 500", true),
    ("FT._LIST", false),
    ("FT.INFO idx", false),
    ("JSON.GET doc", false),
    ("TS.INFO series", false),
    ("SLOWLOG GET 50", true),
    ("SLOWLOG LEN", true),
    ("CONFIG GET slowlog*", true),
    ("CONFIG GET maxmemory-policy", true),
    ("CONFIG GET *", true),
    ("LATENCY LATEST", true),
    ("LATENCY HISTOGRAM", true),
    ("MEMORY STATS", true),
    ("MEMORY DOCTOR", true),
    ("PUBSUB CHANNELS", true),
    ("FUNCTION LIST", true),
    ("ROLE", true),
];

#[test]
fn what_redisinsight_asks_is_answered_or_refused_as_a_redis_without_modules_does() {
    let servers = both();
    for address in addresses(&servers) {
        let mut client = Client::connect(address);
        for (line, is_answered) in INSIGHT {
            let reply = client.call_words(line);
            let error = reply.error_text();
            assert_eq!(
                error.is_none(),
                *is_answered,
                "{line} at {address}: {error:?}"
            );
            if let Some(error) = error {
                assert!(error.starts_with("ERR "), "{line} at {address}: {error}");
            }
        }
        assert_eq!(client.call_words("MODULE LIST").elements(), &[]);
        // What it makes of SCAN: pages until the cursor is 0 again.
        let (mut cursor, mut found) = ("0".to_owned(), 0);
        loop {
            let page = client.call_words(&format!("SCAN {cursor} COUNT 100 TYPE string"));
            let [next, keys] = page.elements() else {
                panic!("{page:?}");
            };
            found += keys.elements().len();
            cursor = next.text();
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(found, 200, "{address}");
    }
    // Clients of Redis Sentinel are told.
    let told = servers.0.connect().call_words("SENTINEL masters");
    assert_eq!(told.elements().len(), 1);
}
