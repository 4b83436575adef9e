//! Attacks by length: what is asked or said is short and what it costs is long, or the other way round.
//! Each is carried out once and returns, with nothing left behind in the keyspace; `tests/` says what must come of each.

use std::net::SocketAddr;
use std::time::Duration;

use super::attack::{Attack, call, read_away, throw};
use crate::support::eventually::pause;
use crate::support::{Client, encode};

/// All of them.
pub(super) const ALL: &[Attack] = &[
    Attack {
        name: "8 x GET of 10 MB, SET of 60 MB, then read",
        run: writes_before_it_reads,
    },
    Attack {
        name: "128 x GET of 7 MB, never read",
        run: never_reads_large_ones,
    },
    Attack {
        name: "MGET of 1,000 values of 1 MB",
        run: many_large_ones,
    },
    Attack {
        name: "a class of 60,000 against 60,000",
        run: long_pattern,
    },
    Attack {
        name: "CLIENT LIST ID of 1 M, 1,000 clients",
        run: list_of_a_million,
    },
    Attack {
        name: "BITOP AND of 100 x 64 MB",
        run: long_bitop,
    },
    Attack {
        name: "20 names of 20 MB",
        run: long_names,
    },
    Attack {
        name: "300 HTTP strangers",
        run: strangers,
    },
];

const MB: usize = 1024 * 1024;

/// A client for whom these keys hold so many bytes.
fn with_values(address: SocketAddr, keys: &[&str], bytes: usize) -> Client {
    let mut client = Client::connect(address);
    let value = vec![b'v'; bytes];
    for key in keys {
        client.call(&[b"SET", key.as_bytes(), &value]);
    }
    client
}

fn writes_before_it_reads(address: SocketAddr) {
    let mut client = with_values(address, &["large"], 10 * MB);
    let mut bytes = encode(&["GET", "large"]).repeat(8);
    bytes.extend(encode(&[&b"SET"[..], b"larger", &vec![b'w'; 60 * MB]]));
    // Redis keeps all replies; whoever closes after its limits has answered as well.
    if client.send(&bytes).is_ok() {
        read_away(client.socket(), 80 * MB);
    }
    Client::connect(address).call_words("DEL large larger");
}

fn never_reads_large_ones(address: SocketAddr) {
    let mut client = with_values(address, &["large"], 7 * MB);
    client
        .send(&encode(&["GET", "large"]).repeat(128))
        .expect("a few bytes");
    pause(Duration::from_secs(1));
    drop(client);
    Client::connect(address).call_words("DEL large");
}

/// Of two keys, which two shards hold where there are two.
fn many_large_ones(address: SocketAddr) {
    let keys = ["{a}large", "{b}large"];
    let mut client = with_values(address, &keys, MB);
    let mut words = vec!["MGET"];
    words.extend(keys.iter().flat_map(|key| [*key; 500]));
    client.send(&encode(&words)).expect("sent");
    read_away(client.socket(), 1000 * MB);
    Client::connect(address).call_words("DEL {a}large {b}large");
}

fn long_pattern(address: SocketAddr) {
    const LENGTH: usize = 60_000;
    let key = "a".repeat(LENGTH);
    let pattern = format!("*[{}]", "b".repeat(LENGTH));
    let mut client = Client::connect(address);
    client.call(&["SET", &key, "v"]);
    client.call(&["SCAN", "0", "MATCH", &pattern, "COUNT", "1000"]);
    client.call(&["KEYS", &pattern]);
    client.call(&["CONFIG", "GET", &pattern]);
    client.call(&["COMMAND", "LIST", "FILTERBY", "PATTERN", &pattern]);
    client.call(&["DEL", &key]);
}

fn list_of_a_million(address: SocketAddr) {
    const CLIENTS: usize = 1_000;
    const NUMBERS: usize = 1_000_000;
    let crowd: Vec<Client> = (0..CLIENTS).map(|_| Client::connect(address)).collect();
    let mut words: Vec<String> = ["CLIENT", "LIST", "ID"].map(str::to_owned).to_vec();
    words.extend((1..=NUMBERS).map(|number| number.to_string()));
    call(&mut Client::connect(address), &encode(&words));
    drop(crowd);
}

fn long_bitop(address: SocketAddr) {
    let mut client = with_values(address, &["{bits}"], 64 * MB);
    let mut words = vec!["BITOP", "AND", "{bits}result"];
    words.extend(["{bits}"; 100]);
    call(&mut client, &encode(&words));
    client.call_words("DEL {bits} {bits}result");
}

fn long_names(address: SocketAddr) {
    let name = "n".repeat(20 * MB);
    let named = |_| {
        let mut client = Client::connect(address);
        let words = encode(&["CLIENT", "SETNAME", &name]);
        // The server may refuse it by closing.
        client.send(&words).and_then(|()| client.receive()).ok();
        client
    };
    let crowd: Vec<Client> = (0..20).map(named).collect();
    drop(crowd);
}

fn strangers(address: SocketAddr) {
    for _ in 0..300 {
        throw(address, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
}
