//! Random commands with edge arguments to us and to a real redis-server 7.0.15: replies and their types are compared, and now and then every key.
//!
//! `SWITCHYARD_COMPATIBILITY_COMMANDS` says how many commands each target gets; `SWITCHYARD_SEED` repeats a run.
//! [`draw`] and [`grammar`] say what is sent, [`inline`] how a person would type it, [`compare`] when replies agree, [`allowed`] which differences are meant and why.
//! [`access`] users and what they may. [`deep`] large collections. [`blocking`] clients that wait while others change keys. [`meetings`] two clients with transactions, scripts and functions. [`lua`] the libraries of scripts.

mod access;
mod allowed;
mod blocking;
mod compare;
mod deep;
mod draw;
mod dump;
mod grammar;
mod inline;
mod lua;
mod meetings;
mod password;
mod report;
mod run;
mod told;

use std::net::SocketAddr;
use std::time::Duration;

use crate::support::dice::Dice;
use crate::support::{Client, Reply, encode, redis_server, servers};
use grammar::Scope;
use run::{Run, Side};

/// Commands per target where nothing else is said: a few seconds each.
const COMMANDS: usize = 10_000;

fn commands() -> usize {
    std::env::var("SWITCHYARD_COMPATIBILITY_COMMANDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(COMMANDS)
}

/// Compares the server at `address` with a fresh redis-server.
fn compare_with_redis(address: SocketAddr, shards: usize, scope: Scope, protocol: u8) {
    let Some(redis) = redis_server::start(&[]) else {
        return;
    };
    let seed = Dice::seed_from_environment();
    eprintln!("SWITCHYARD_SEED={seed}");
    let run = Run::new(seed, scope, shards, protocol);
    let report = run.compare(Side::new(address), Side::new(redis.address), commands());
    eprintln!("{report}");
    assert_eq!(report.differences(), 0, "SWITCHYARD_SEED={seed}\n{report}");
}

#[test]
fn a_node_answers_as_redis_does_in_resp2() {
    let node = servers::start_node(&["--enable-debug-command", "local"]);
    compare_with_redis(node.address, 1, Scope::Server, 2);
}

#[test]
fn a_node_answers_as_redis_does_in_resp3() {
    let node = servers::start_node(&["--enable-debug-command", "local"]);
    compare_with_redis(node.address, 1, Scope::Server, 3);
}

#[test]
fn a_proxy_over_one_shard_answers_as_redis_does_in_resp2() {
    let cluster = servers::Cluster::start(1);
    compare_with_redis(cluster.proxy.address, 1, Scope::Proxy, 2);
}

#[test]
fn a_proxy_over_one_shard_answers_as_redis_does_in_resp3() {
    let cluster = servers::Cluster::start(1);
    compare_with_redis(cluster.proxy.address, 1, Scope::Proxy, 3);
}

#[test]
fn a_proxy_over_three_shards_answers_as_redis_does_in_resp2() {
    let cluster = servers::Cluster::start(3);
    compare_with_redis(cluster.proxy.address, 3, Scope::Proxy, 2);
}

#[test]
fn a_proxy_over_three_shards_answers_as_redis_does_in_resp3() {
    let cluster = servers::Cluster::start(3);
    compare_with_redis(cluster.proxy.address, 3, Scope::Proxy, 3);
}

#[test]
fn redis_differs_in_nothing_from_itself() {
    let Some(other) = redis_server::start(&[]) else {
        return;
    };
    compare_with_redis(other.address, 1, Scope::Server, 3);
}

#[test]
fn an_altered_reply_is_found() {
    let (Some(redis), Some(other)) = (redis_server::start(&[]), redis_server::start(&[])) else {
        return;
    };
    let mut altering = Side::new(other.address);
    // Only replies that are compared byte for byte: an altered TTL or cursor may be within its rule.
    altering.alter = Some(|request, reply| {
        let exact = ["GET", "INCR", "APPEND", "MGET", "BITCOUNT"];
        if !exact.contains(&compare::name(request).as_str()) {
            return;
        }
        match reply {
            Reply::Integer(value) => *value = value.wrapping_add(1),
            Reply::Bulk(bytes) => bytes.push(b'!'),
            Reply::Array(elements) => elements.reverse(),
            Reply::Null => *reply = Reply::NullBulk,
            _ => {}
        }
    });
    let run = Run::new(7, Scope::Server, 1, 3);
    let report = run.compare(altering, Side::new(redis.address), 6_000);
    assert!(report.compared() > 2_000, "{report}");
    for command in ["GET", "INCR", "APPEND", "MGET", "BITCOUNT"] {
        assert!(
            report.to_string().contains(&format!("  {command}: ")),
            "{command} in {report}"
        );
    }
}

/// Each is sent on a connection of its own; Redis answers with an error and closes.
const BROKEN_STREAMS: &[&[u8]] = &[
    b"*abc\r\n",
    b"*-1\r\n*0\r\n\r\nPING\r\n",
    b"*2147483648\r\n",
    b"*99999999999999999999\r\n",
    b"*1\r\n$-1\r\n",
    b"*1\r\n$-5\r\n",
    b"*1\r\n$536870913\r\n",
    b"*1\r\n$99999999999999999999\r\n",
    b"*1\r\n$abc\r\n",
    b"*1\r\nPING\r\n",
    b"*1\r\n:4\r\n",
    b"*1\r\n\r\n",
    b"*2\r\n$4\r\nPING\r\n\x00\r\n",
    b"SET \"unbalanced\r\n",
    b"SET 'a'b\r\n",
    b"SET \"a\"b c\r\n",
    b"PING \"\\x41\\n\\q\"\r\n",
    b"   PING   spaced   \r\n",
    b"\r\n\r\nPING\r\n",
    b"PING\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\n\r\n",
    b"Host: x\r\n",
];

/// How long a server may think before its silence is taken for its answer; some of the streams wait for more bytes.
const SILENCE: Duration = Duration::from_secs(3);

/// What a server says to `bytes` until it closes or has answered the marker behind them.
fn answers_to(address: SocketAddr, bytes: &[u8]) -> Vec<String> {
    let mut client = Client::connect(address);
    client.set_read_deadline(SILENCE);
    client.send(bytes).expect("sent");
    // The server may have closed already; then the marker is not answered either.
    drop(client.send(&encode(&["ECHO", "marker"])));
    let mut answers = Vec::new();
    loop {
        match client.receive() {
            Ok(reply) if reply == Reply::bulk("marker") => return answers,
            Ok(reply) => answers.push(format!("{reply:?}")),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                answers.push("silence".into());
                return answers;
            }
            Err(_) => {
                answers.push("closed".into());
                return answers;
            }
        }
    }
}

fn compare_broken_streams(address: SocketAddr) {
    let Some(redis) = redis_server::start(&[]) else {
        return;
    };
    for bytes in BROKEN_STREAMS {
        let (mut ours, redis) = (answers_to(address, bytes), answers_to(redis.address, bytes));
        if redis == ["closed"] {
            // Redis cuts such a client at once, and with it replies that wait; that it is cut is what matters.
            ours.drain(..ours.len() - 1);
        }
        assert_eq!(ours, redis, "to {:?}", bytes.escape_ascii().to_string());
    }
}

#[test]
fn a_node_answers_broken_streams_in_the_words_of_redis() {
    let node = servers::start_node(&[]);
    compare_broken_streams(node.address);
}

#[test]
fn a_proxy_answers_broken_streams_in_the_words_of_redis() {
    let cluster = servers::Cluster::start(1);
    compare_broken_streams(cluster.proxy.address);
}
