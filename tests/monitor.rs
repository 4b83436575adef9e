//! MONITOR through a proxy shows what a redis-server shows: the same lines for the same session, and nothing of what it hides.

use crate::support::servers::{Cluster, Server};
use crate::support::{Client, redis_server};

/// What one client says. No command of it fails for where its keys lie.
const SESSION: &[&str] = &[
    "SET {a}1 v",
    "get {a}1",
    "LPUSH {a}1 x",
    "GET",
    "NOPE x",
    "CONFIG GET port",
    "AUTH hunter2",
    "AUTH user hunter2",
    "HELLO 3 AUTH default hunter2",
    "CLIENT SETNAME me",
    "CLIENT LIST",
    "SELECT 3",
    "SELECT 99",
    "MSET {a}1 1 {a}2 2",
    "MULTI",
    "SET {a}1 w",
    "GET {a}1",
    "MULTI",
    "WATCH {a}1",
    "EXEC",
    "MULTI",
    "GET",
    "EXEC",
    "MULTI",
    "INCR {a}n",
    "DISCARD",
    "EXEC",
    "WATCH {a}1",
    "MULTI",
    "PING",
    "SET {a}1 u",
    "EXEC",
    "EVAL return(1) 1 {a}k",
    "SCRIPT LOAD return(2)",
    "BLPOP {a}none 0.01",
    "PUBLISH channel text",
    "INFO server",
    "COMMAND COUNT",
    "PING",
    "RESET",
    "QUIT",
];

/// What a monitor is shown of the session, without times and addresses.
fn seen(server: &Server, mut monitor: Client) -> Vec<String> {
    assert_eq!(monitor.call_words("MONITOR").text(), "OK");
    let mut client = server.connect();
    for line in SESSION {
        client.call_words(line);
    }
    let mut lines = Vec::new();
    loop {
        let line = monitor.receive().expect("a line").text();
        let (time, rest) = line.split_once(" [").expect("a time");
        let (seconds, micros) = time.split_once('.').expect("a fraction");
        assert!(
            seconds.parse::<u64>().is_ok() && micros.len() == 6,
            "{line}"
        );
        let (place, words) = rest.split_once("] ").expect("a client");
        let (database, address) = place.split_once(' ').expect("an address");
        assert!(address.starts_with("127.0.0.1:"), "{line}");
        lines.push(format!("{database} {words}"));
        if words == "\"QUIT\"" {
            return lines;
        }
    }
}

#[test]
fn a_proxy_shows_its_clients_as_a_redis_server_does() {
    let Some(redis) = redis_server::start(&[]) else {
        return;
    };
    let expected = seen(&redis, redis.connect());
    assert!(expected.contains(&"0 \"AUTH\" \"(redacted)\"".to_owned()));
    let cluster = Cluster::start(3);
    for hello in ["HELLO 2", "HELLO 3"] {
        let mut monitor = cluster.connect();
        monitor.call_words(hello);
        assert_eq!(seen(&cluster.proxy, monitor), expected, "{hello}");
    }
}

#[test]
fn words_are_escaped_as_a_redis_server_does_and_long_ones_shown_in_part() {
    let words: &[&[u8]] = &[b"ECHO", b"\x00\"\n\r\t\x07\x08\\\xff~ \x7f\xc3\xa4"];
    let line = |server: &Server| {
        let mut monitor = server.connect();
        assert_eq!(monitor.call_words("MONITOR").text(), "OK");
        server.connect().call(words);
        let line = monitor.receive().expect("a line").text();
        line.split_once("] ").expect("a client").1.to_owned()
    };
    let Some(redis) = redis_server::start(&[]) else {
        return;
    };
    let cluster = Cluster::start(2);
    assert_eq!(line(&cluster.proxy), line(&redis));
    let mut monitor = cluster.connect();
    assert_eq!(monitor.call_words("MONITOR").text(), "OK");
    let long = vec![b'x'; 8 << 20];
    cluster.connect().call(&[&b"SET"[..], b"k", &long]);
    let line = monitor.receive().expect("a line").text();
    assert!(line.len() < 70_000, "{} bytes", line.len());
    assert!(
        line.ends_with("... (8323076 more bytes)"),
        "{}",
        &line[line.len() - 40..]
    );
}
