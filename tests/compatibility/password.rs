//! A server with a password: what it says before the password is given, in which order it looks, and how large a stranger's request may be.
//! The same words go to us and to a redis-server, each script over a connection of its own.

use std::io::ErrorKind;
use std::net::SocketAddr;

use crate::support::{Client, encode, redis_server, servers};

/// Commands of one connection, one after the other; `_` stands for an empty argument.
const SCRIPTS: &[&[&str]] = &[
    &["PING", "ECHO a", "GET a", "SELECT 1", "QUIT"],
    &[
        "NOSUCH a b",
        "GET",
        "GETSET",
        "CONFIG",
        "CONFIG NOSUCH",
        "CONFIG GET",
        "CLIENT",
        "AUTH",
        "HELLO",
        "RESET",
    ],
    &[
        "HELLO 3",
        "HELLO 2",
        "HELLO 4",
        "HELLO x",
        "HELLO 3 AUTH default",
        "HELLO 3 BOGUS",
        "HELLO 3 SETNAME name",
    ],
    &[
        "AUTH",
        "AUTH wrong",
        "AUTH _",
        "AUTH default",
        "AUTH default wrong",
        "AUTH nobody secret",
        "AUTH a b c",
        "PING",
    ],
    &[
        "AUTH secret",
        "PING",
        "SET a 1",
        "GET a",
        "AUTH wrong",
        "PING",
        "AUTH default secret",
        "AUTH secret extra",
        "DEL a",
    ],
    &[
        "AUTH default secret",
        "CLIENT GETNAME",
        "CLIENT SETNAME name",
        "RESET",
        "PING",
        "CLIENT GETNAME",
        "AUTH secret",
        "CLIENT GETNAME",
    ],
    &[
        "HELLO 3 AUTH default wrong",
        "PING",
        "HELLO 3 AUTH nobody secret",
        "HELLO 3 SETNAME name AUTH default wrong",
        "PING",
    ],
    // What a wrong HELLO leaves behind is not compared: until 7.2 Redis authenticates before it sees that the rest is wrong; a HELLO of ours, as one
    // of 7.2, takes effect as a whole or not at all.
    &["HELLO 3 AUTH default secret SETNAME name BOGUS"],
    &[
        "HELLO 3 AUTH default secret SETNAME name",
        "CLIENT GETNAME",
        "RESET",
        "CLIENT GETNAME",
    ],
    &["CLIENT REPLY OFF", "PING", "AUTH secret", "PING"],
    &[
        "CLIENT NOSUCH",
        "COMMAND COUNT",
        "COMMAND NOSUCH",
        "DBSIZE",
        "FLUSHALL",
        "SHUTDOWN NOSUCH",
        "SCAN x",
        "SET a b NX XX",
        "RESET x",
    ],
    &[
        "AUTH secret",
        "SCAN x",
        "SET a b NX XX",
        "GET",
        "NOSUCH",
        "QUIT",
    ],
];

/// Requests at and beyond what a stranger may send.
fn large_requests() -> Vec<Vec<u8>> {
    let words = |count: usize| {
        let mut request = vec![b"PING".to_vec()];
        request.resize(count, b"x".to_vec());
        encode(&request)
    };
    let word = |bytes: usize| encode(&[b"PING".to_vec(), vec![b'x'; bytes]]);
    vec![
        words(10),
        words(11),
        word(16_384),
        word(16_385),
        b"*11\r\n".to_vec(),
        b"*2\r\n$4\r\nPING\r\n$16385\r\n".to_vec(),
        [encode(&["AUTH", "secret"]), words(11)].concat(),
        [encode(&["AUTH", "secret"]), word(16_385)].concat(),
        [encode(&["AUTH", "wrong"]), word(16_385)].concat(),
    ]
}

fn script_bytes(script: &[&str]) -> Vec<u8> {
    let request = |line: &&str| {
        let words = line
            .split(' ')
            .map(|word| if word == "_" { "" } else { word });
        encode(&words.collect::<Vec<_>>())
    };
    script.iter().flat_map(request).collect()
}

/// What a server says to `bytes` and a QUIT until it closes, and whether it cut the connection, with what was still under way.
fn answers_to(address: SocketAddr, bytes: &[u8]) -> (Vec<String>, bool) {
    let mut client = Client::connect(address);
    // The server may have closed before it has read all.
    drop(client.send(&[bytes, &encode(&["QUIT"])].concat()));
    let mut answers = Vec::new();
    loop {
        match client.receive() {
            // Greetings tell the process; that there is one is compared.
            Ok(reply) if format!("{reply:?}").contains("\"server\"") => {
                answers.push("a greeting".to_owned());
            }
            Ok(reply) => answers.push(format!("{reply:?}")),
            Err(error) => return (answers, error.kind() == ErrorKind::ConnectionReset),
        }
    }
}

fn compare(address: SocketAddr) {
    let Some(redis) = redis_server::start(&["--requirepass", "secret"]) else {
        return;
    };
    let scripts = SCRIPTS.iter().map(|script| script_bytes(script));
    for bytes in scripts.chain(large_requests()) {
        let (ours, _) = answers_to(address, &bytes);
        let (redis, was_cut) = answers_to(redis.address, &bytes);
        let compared = if was_cut { redis.len() } else { ours.len() };
        let shown = bytes[..bytes.len().min(400)].escape_ascii();
        assert_eq!(ours.get(..compared), Some(&redis[..]), "to {shown}");
    }
}

#[test]
fn a_node_with_a_password_answers_as_redis_does() {
    let node = servers::start_node(&["--requirepass", "secret"]);
    compare(node.address);
}

#[test]
fn a_proxy_with_a_password_answers_as_redis_does() {
    let cluster = servers::Cluster::start_with(1, &[], &["--requirepass", "secret"]);
    compare(cluster.proxy.address);
}
