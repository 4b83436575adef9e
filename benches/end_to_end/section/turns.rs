//! What somebody else waits while a very large collection is built, changed, scanned, read as a whole, deleted, and expires.

use std::io::Read as _;
use std::net::SocketAddr;
use std::time::Duration;

use crate::Settings;
use crate::bystander::{Waits, watched};
use crate::collections::{self, Shape, fill};
use crate::load::fill_with;
use crate::peers::{self, Target};
use crate::support::eventually::pause;
use crate::support::{Client, encode};
use crate::table::{Table, digits};

/// What a bystander may wait, milliseconds: 99 of 100 times, and for the server's own work.
const GOAL_MS: f64 = 5.0;

/// What is asked of one kind of collection, at `c:0`.
struct Asked {
    shape: Shape,
    /// The command that reads all of it.
    whole: &'static str,
    /// The command that scans; none when there is no such command.
    scan: Option<&'static str>,
    /// The command that changes the element of this number, or takes one away.
    change: fn(usize) -> Vec<String>,
}

const ALL: &[Asked] = &[
    Asked {
        shape: collections::HASH,
        whole: "HGETALL c:0",
        scan: Some("HSCAN"),
        change: |number| ["HDEL".into(), "c:0".into(), format!("memb{number:012}")].into(),
    },
    Asked {
        shape: collections::SET,
        whole: "SMEMBERS c:0",
        scan: Some("SSCAN"),
        change: |number| ["SREM".into(), "c:0".into(), format!("memb{number:012}")].into(),
    },
    Asked {
        shape: collections::SORTED_SET,
        whole: "ZRANGE c:0 0 -1",
        scan: Some("ZSCAN"),
        change: |number| {
            let member = format!("memb{number:012}");
            ["ZADD".into(), "c:0".into(), number.to_string(), member].into()
        },
    },
    Asked {
        shape: collections::LIST,
        whole: "LRANGE c:0 0 -1",
        scan: None,
        change: |_| ["LPOP".into(), "c:0".into()].into(),
    },
    Asked {
        shape: collections::STREAM,
        whole: "XRANGE c:0 - +",
        scan: None,
        change: |number| {
            let words = ["XADD", "c:0", "MAXLEN", "~", "1000000", "*", "n"];
            let mut words: Vec<String> = words.map(str::to_owned).into();
            words.push(number.to_string());
            words
        },
    },
];

pub(super) fn measure(settings: &Settings, table: &mut Table) {
    let elements = settings.elements;
    let wanted = |asked: &&Asked| asked.shape.name.starts_with(&settings.shape);
    for asked in ALL.iter().filter(wanted) {
        for (is_ours, target) in [(true, peers::node()), (false, peers::redis())] {
            let name = format!("{}, {elements}, {}", asked.shape.name, target.name);
            let mut show = |phase: &str, work: &mut (dyn FnMut(SocketAddr) + Send)| {
                let seen = watched(&target, Duration::from_millis(10), work);
                print(table, &format!("{name}: {phase}"), is_ours, &seen.waits);
            };
            let build = |address| {
                let mut client = Client::connect(address);
                fill(&mut client, asked.shape, "c", 0..elements, elements);
            };
            show("built", &mut |address| build(address));
            show("a fifth changed", &mut |address| {
                let mut client = Client::connect(address);
                fill_with(&mut client, elements / 5, 16, |number| {
                    encode(&(asked.change)(number))
                });
            });
            if let Some(command) = asked.scan {
                show("scanned", &mut |address| scan(address, command));
            }
            show("read as a whole", &mut |address| {
                read_whole(address, asked.whole);
            });
            show("deleted", &mut |address| {
                Client::connect(address).call_words("DEL c:0");
                settle(&target);
            });
            build(target.address);
            show("expired", &mut |address| {
                Client::connect(address).call_words("PEXPIRE c:0 1");
                settle(&target);
            });
        }
    }
}

fn print(table: &mut Table, what: &str, is_ours: bool, waits: &Waits) {
    let ms = |value: f64| format!("{} ms", digits(value));
    if is_ours {
        table.at_most(what, GOAL_MS, waits.p99_ms, " ms, p99");
        let own = "  the server's own of the greatest";
        table.at_most(own, GOAL_MS, waits.own_ms, " ms");
    } else {
        table.figure(what, &format!("{} ms, p99", digits(waits.p99_ms)));
        table.figure("  the server's own of the greatest", &ms(waits.own_ms));
    }
    table.figure("  the greatest", &ms(waits.greatest_ms));
}

/// Until what has gone is freed, or long enough that it must be.
fn settle(target: &Target) {
    let mut before = u64::MAX;
    for _ in 0..40 {
        pause(Duration::from_millis(250));
        let now = target.front.resident_bytes();
        if now >= before {
            return;
        }
        before = now;
    }
}

fn scan(address: SocketAddr, command: &str) {
    let mut client = Client::connect(address);
    let mut cursor = "0".to_owned();
    loop {
        let reply = client.call_words(&format!("{command} c:0 {cursor} COUNT 1000"));
        cursor = reply.elements()[0].text();
        if cursor == "0" {
            return;
        }
    }
}

/// Reads a reply to its end without looking at it: what follows it is known.
fn read_whole(address: SocketAddr, words: &str) {
    read_to_its_end(address, words, Duration::ZERO);
}

/// The same, with a pause after each 256 KiB.
pub(super) fn read_to_its_end(address: SocketAddr, words: &str, rest: Duration) {
    const MARK: &[u8] = b"+PONG\r\n";
    let mut client = Client::connect(address);
    let line = format!("{words}\r\nPING\r\n");
    client.send(line.as_bytes()).expect("sent");
    let mut socket = client.socket();
    let mut buffer = vec![0; 256 * 1024];
    let (mut tail, mut since_rest) = (Vec::new(), 0);
    while !tail.ends_with(MARK) {
        let length = socket.read(&mut buffer).expect("a reply");
        assert!(length > 0, "{words}: closed");
        tail.extend_from_slice(&buffer[length.saturating_sub(MARK.len())..length]);
        tail.drain(..tail.len().saturating_sub(MARK.len()));
        since_rest += length;
        if since_rest >= buffer.len() && !rest.is_zero() {
            since_rest = 0;
            pause(rest);
        }
    }
}
