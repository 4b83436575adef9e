//! The attacks: each is carried out once and returns; whoever measures repeats it.
//! The same kinds as in `tests/hostile.rs`, which says what must come of each.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::support::dice::Dice;
use crate::support::eventually::pause;
use crate::support::{Client, encode};

/// One kind of harm.
pub(super) struct Attack {
    /// As printed.
    pub(super) name: &'static str,
    /// Does it once.
    pub(super) run: fn(SocketAddr),
}

/// Those by number and form, and none.
pub(super) const ALL: &[Attack] = &[
    Attack {
        name: "nobody attacks",
        run: |_| pause(Duration::from_secs(1)),
    },
    Attack {
        name: "lengths that cannot be",
        run: impossible_lengths,
    },
    Attack {
        name: "frames byte by byte",
        run: half_frames,
    },
    Attack {
        name: "EXISTS of 1 M keys",
        run: exists_of_a_million,
    },
    Attack {
        name: "MSET and DEL of 500 k keys",
        run: mset_of_half_a_million,
    },
    Attack {
        name: "1 M names, values, fields",
        run: a_million_of_others,
    },
    Attack {
        name: "100 commands of 10 k keys at once",
        run: long_commands_at_once,
    },
    Attack {
        name: "binary rubbish, HTTP, TLS",
        run: rubbish,
    },
    Attack {
        name: "10,000 connections come and go",
        run: crowd,
    },
    Attack {
        name: "200,000 x 10 KB, never read",
        run: never_reads,
    },
    Attack {
        name: "50,000 PINGs in one write",
        run: deep_pipeline,
    },
    Attack {
        name: "long replies to short requests",
        run: long_replies,
    },
    Attack {
        name: "a value of 256 MB, sent and deleted",
        run: large_value,
    },
];

/// Connections of a crowd; a server takes 10,000 and some others are there.
const CROWD: usize = 9_900;

/// Reads until the server closes, or has sent `enough` bytes.
pub(super) fn read_away(mut socket: &TcpStream, enough: usize) {
    let mut buffer = vec![0; 256 * 1024];
    let mut seen = 0;
    while seen < enough {
        match socket.read(&mut buffer) {
            Ok(length) if length > 0 => seen += length,
            _ => return,
        }
    }
}

/// Sends what may be refused before its end.
pub(super) fn throw(address: SocketAddr, bytes: &[u8]) {
    let client = Client::connect(address);
    // The server may close at any time: that is one of the answers.
    drop(client.socket().write_all(bytes));
    client.set_read_deadline(Duration::from_millis(20));
    read_away(client.socket(), usize::MAX);
}

fn impossible_lengths(address: SocketAddr) {
    for bytes in [
        &b"*1048577\r\n"[..],
        b"*9223372036854775807\r\n",
        b"*1\r\n$536870913\r\n",
        b"*1\r\n$-1\r\n",
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nonly this",
        b"*1048576\r\n$4\r\nMGET\r\n",
        &[b'a'; 70_000],
    ] {
        throw(address, bytes);
    }
}

fn half_frames(address: SocketAddr) {
    let frame = encode(&["SET", "half", "frame"]);
    let mut clients: Vec<Client> = (0..100).map(|_| Client::connect(address)).collect();
    for byte in &frame {
        for client in &mut clients {
            client.send(std::slice::from_ref(byte)).expect("sent");
        }
    }
    for client in &mut clients {
        client.receive().expect("a reply");
    }
}

/// A command with `count` arguments, the numbers from 0 on; each as often as `times` says.
fn with_numbers(name: &str, count: usize, times: usize) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n${}\r\n{name}\r\n", count * times + 1, name.len()).into_bytes();
    for number in 0..count {
        let key = format!("key:{number}");
        let argument = format!("${}\r\n{key}\r\n", key.len());
        for _ in 0..times {
            bytes.extend_from_slice(argument.as_bytes());
        }
    }
    bytes
}

pub(super) fn call(client: &mut Client, bytes: &[u8]) {
    client.send(bytes).expect("sent");
    client.receive().expect("a reply");
}

fn exists_of_a_million(address: SocketAddr) {
    let bytes = with_numbers("EXISTS", 1_048_575, 1);
    call(&mut Client::connect(address), &bytes);
}

/// What is no key.
fn a_million_of_others(address: SocketAddr) {
    for (words, argument) in [
        // Of these redis answers each within the deadline; with patterns in CONFIG GET it takes half a minute.
        ("PING", "x"),
        ("CONFIG GET", "maxmemory"),
        ("COMMAND INFO", "get"),
        ("COMMAND GETKEYS MGET", "key"),
        ("SET bystander v", "NX"),
        ("NO SUCH COMMAND", "x"),
    ] {
        const COUNT: usize = 1_000_000;
        let words: Vec<&str> = words.split(' ').collect();
        let mut bytes = format!("*{}\r\n", words.len() + COUNT).into_bytes();
        for word in words {
            bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
        }
        let argument = format!("${}\r\n{argument}\r\n", argument.len());
        bytes.extend_from_slice(argument.repeat(COUNT).as_bytes());
        call(&mut Client::connect(address), &bytes);
    }
}

fn mset_of_half_a_million(address: SocketAddr) {
    let mut client = Client::connect(address);
    call(&mut client, &with_numbers("MSET", 500_000, 2));
    call(&mut client, &with_numbers("DEL", 500_000, 1));
}

fn long_commands_at_once(address: SocketAddr) {
    let mut client = Client::connect(address);
    let command = with_numbers("EXISTS", 10_000, 1);
    client.send(&command.repeat(100)).expect("sent");
    for _ in 0..100 {
        client.receive().expect("a reply");
    }
}

fn rubbish(address: SocketAddr) {
    let mut dice = Dice::new(1);
    for round in 0..50 {
        let mut bytes = dice.bytes(3_000);
        if round % 3 == 0 {
            bytes.splice(0..0, b"*3\r\n$3\r\nSET\r\n$5\r\n".iter().copied());
        }
        drop(
            TcpStream::connect(address)
                .expect("connected")
                .write_all(&bytes),
        );
    }
    throw(address, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    throw(
        address,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello",
    );
}

/// Connect as fast as can be, half of them with half a command, and all go at once.
fn crowd(address: SocketAddr) {
    let mut clients = Vec::with_capacity(CROWD);
    for number in 0..CROWD {
        // Those of the last round may not have left yet: then there is no place for all.
        let Ok(mut client) = TcpStream::connect(address) else {
            continue;
        };
        if number % 2 == 0 {
            drop(client.write_all(b"*1\r\n$4\r\nPI"));
        }
        clients.push(client);
    }
}

fn never_reads(address: SocketAddr) {
    let mut setter = Client::connect(address);
    setter.call(&["SET", "large", &"v".repeat(10_000)]);
    let lazy = TcpStream::connect(address).expect("connected");
    lazy.set_write_timeout(Some(Duration::from_millis(300)))
        .expect("a deadline");
    let batch = encode(&["GET", "large"]).repeat(1_000);
    for _ in 0..200 {
        if (&lazy).write_all(&batch).is_err() {
            // The server has stopped reading, as it should.
            return;
        }
    }
}

fn deep_pipeline(address: SocketAddr) {
    let mut client = Client::connect(address);
    client
        .send(&encode(&["PING"]).repeat(50_000))
        .expect("sent");
    for _ in 0..50_000 {
        client.receive().expect("a reply");
    }
}

/// The longest replies that a few bytes can ask for, many at once, from a client that takes what it gets.
fn long_replies(address: SocketAddr) {
    let client = Client::connect(address);
    for words in ["COMMAND\r\n", "INFO\r\n", "COMMAND DOCS\r\n"] {
        let socket = client.socket();
        socket
            .set_write_timeout(Some(Duration::from_millis(300)))
            .expect("a deadline");
        let mut sender = client.sender();
        std::thread::scope(|scope| {
            scope.spawn(move || drop(sender.write_all(words.repeat(2_000).as_bytes())));
            read_away(socket, 50_000_000);
        });
    }
}

fn large_value(address: SocketAddr) {
    let mut client = Client::connect(address);
    let value = vec![b'v'; 256 * 1024 * 1024];
    client
        .send(format!("*3\r\n$3\r\nSET\r\n$4\r\nhuge\r\n${}\r\n", value.len()).as_bytes())
        .expect("sent");
    client.send(&value).expect("sent");
    call(&mut client, b"\r\n");
    client.call_words("DEL huge");
}
