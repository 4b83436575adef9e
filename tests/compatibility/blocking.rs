//! Commands that wait for a key, to us and to a real redis-server: some clients begin to wait one after the other, another one changes keys, and what all of them are told
//! is compared, and then every key. At a node, and through a proxy with one shard and with three, where all keys have one hash tag.
//!
//! Not drawn, for there Redis looks at how a key came to be, and we at what it has: SORT and the like with STORE over a key of another type, XGROUP SETID, and entries that
//! are removed in the transaction that adds them. SWAPDB only where all wait for one key: with several, Redis serves those that are there then in the order of a table whose
//! seed it draws as it starts. Of several keys that one transaction changes, ours are looked at in the order in which they changed, those of Redis in that in which they
//! became something that anybody at all waits for; so where clients wait for several keys, transactions of several commands push to lists alone.

use std::io::ErrorKind;
use std::time::Duration;

use super::commands;
use crate::leases::blocked;
use crate::support::dice::Dice;
use crate::support::eventually::{PATIENCE, eventually};
use crate::support::servers::{Cluster, Server};
use crate::support::{Client, Reply, encode, redis_server, servers};

/// Clients that may wait at once.
const WAITERS: usize = 4;
/// A round has about so many commands.
const COMMANDS_OF_ROUND: usize = 40;
const KEYS: [&str; 4] = ["a", "b", "c", "d"];
/// What changes more than a key or two.
const OF_ALL: [&str; 4] = ["SWAPDB 0 1", "FLUSHALL", "FLUSHDB", "DEL a b c d"];

/// One server, or several behind a proxy, with its clients.
struct Side<'a> {
    changer: Client,
    waiters: Vec<(Client, i64)>,
    /// Where clients connect.
    front: &'a Server,
    /// Where they wait.
    nodes: Vec<&'a Server>,
}

impl<'a> Side<'a> {
    fn new(front: &'a Server, nodes: Vec<&'a Server>, protocol: u8) -> Self {
        let connect = || front.connect();
        let hello = || {
            let mut client = connect();
            client.call_words(&format!("HELLO {protocol}"));
            let id = client.call_words("CLIENT ID").integer();
            (client, id)
        };
        let (changer, _) = hello();
        let waiters = (0..WAITERS).map(|_| hello()).collect();
        Self {
            changer,
            waiters,
            front,
            nodes,
        }
    }

    /// How many wait where they are served.
    fn waiting(&self) -> usize {
        self.nodes.iter().map(|node| blocked(node)).sum()
    }

    /// Sends a command that may wait; returns when it waits, or has been answered.
    fn begin(&mut self, waiter: usize, line: &str) {
        let before = self.waiting();
        let nodes = self.nodes.clone();
        let (client, _) = &mut self.waiters[waiter];
        let words: Vec<&str> = line.split(' ').collect();
        client.send(&encode(&words)).expect("sent");
        client.set_read_deadline(Duration::from_millis(1));
        eventually("it waits, or is answered", || {
            let is_answered = match client.socket().peek(&mut [0]) {
                Ok(bytes) => bytes > 0,
                Err(error) => {
                    let late = [ErrorKind::WouldBlock, ErrorKind::TimedOut];
                    assert!(late.contains(&error.kind()), "{error}");
                    false
                }
            };
            is_answered || nodes.iter().map(|node| blocked(node)).sum::<usize>() == before + 1
        });
        client.set_read_deadline(PATIENCE);
    }

    /// Ends the waiting of whoever still does; whether each did, and what each was told.
    fn end(&mut self) -> Vec<(Reply, Reply)> {
        eventually("who was served has heard of it", || {
            blocked(self.front) == self.waiting()
        });
        let changer = &mut self.changer;
        let told = self.waiters.iter_mut().map(|(client, id)| {
            let waited = changer.call_words(&format!("CLIENT UNBLOCK {id}"));
            (waited, client.receive().expect("a reply"))
        });
        told.collect()
    }

    /// All there is.
    fn keys(&mut self, written: fn(&str) -> String) -> Vec<Reply> {
        let ways = |key: &&str| {
            [
                format!("GET {key}"),
                format!("LRANGE {key} 0 -1"),
                format!("ZRANGE {key} 0 -1 WITHSCORES"),
                format!("XRANGE {key} - +"),
                format!("XPENDING {key} g"),
            ]
        };
        let lines: Vec<String> = KEYS.iter().flat_map(ways).collect();
        let told = lines
            .iter()
            .map(|line| self.changer.call_words(&written(line)));
        told.collect()
    }
}

fn waiting_command(dice: &mut Dice, keys: &[&str]) -> String {
    let mut key = || *dice.pick(keys);
    let (first, second) = (key(), key());
    let ends = ["LEFT", "RIGHT"];
    let (from, to) = (*dice.pick(&ends), *dice.pick(&ends));
    let count = dice.between(1, 3);
    match dice.below(11) {
        0 => format!("BLPOP {first} 0"),
        1 => format!("BLPOP {first} {second} 100.5"),
        2 => format!("BRPOP {first} {second} 0"),
        3 => format!("BLMOVE {first} {second} {from} {to} 0"),
        4 => format!("BRPOPLPUSH {first} {second} 1e3"),
        5 => format!("BLMPOP 0 2 {first} {second} {from} COUNT {count}"),
        6 => format!("BZPOPMIN {first} {second} 0"),
        7 => format!("BZPOPMAX {first} 0"),
        8 => format!("BZMPOP 0 2 {first} {second} MAX COUNT {count}"),
        9 => {
            let id = dice.pick(&["$", "0", "5"]);
            format!("XREAD COUNT {count} BLOCK 0 STREAMS {first} {second} {id} $")
        }
        _ => format!("XREADGROUP GROUP g c{count} BLOCK 0 STREAMS {first} >"),
    }
}

fn push(dice: &mut Dice, number: &mut u64) -> String {
    *number += 1;
    let key = *dice.pick(&KEYS);
    match dice.below(3) {
        0 => format!("LPUSH {key} l{number} m{number} n{number}"),
        _ => format!("RPUSH {key} r{number}"),
    }
}

fn change(dice: &mut Dice, number: &mut u64, of_all: &[&str]) -> String {
    if dice.percent(25) {
        return push(dice, number);
    }
    *number += 1;
    let mut key = || *dice.pick(&KEYS);
    let (first, second) = (key(), key());
    match dice.between(4, 15) {
        4 => format!("ZADD {first} {number} z{number}"),
        5 => format!("ZADD {first} 1 x 2 y 3 z"),
        6..=7 => format!("XADD {first} {number}-1 f v"),
        8 => format!("XGROUP CREATE {first} g $ MKSTREAM"),
        9 => format!("XGROUP DESTROY {first} g"),
        10 => format!("SET {first} v"),
        11 => format!("DEL {first}"),
        12 => format!("RENAME {first} {second}"),
        13 => format!("COPY {first} {second} REPLACE"),
        14 => format!("LPOP {first}"),
        _ => String::from(*dice.pick(of_all)),
    }
}

/// What happens in one round after all have begun to wait.
fn changes(dice: &mut Dice, number: &mut u64, is_one_key: bool) -> Vec<String> {
    let of_all = if is_one_key { &OF_ALL } else { &OF_ALL[1..] };
    let mut lines = Vec::new();
    for _ in 0..dice.between(1, 4) {
        let is_one = dice.percent(40);
        let count = if is_one { dice.between(1, 4) } else { 1 };
        if is_one {
            lines.push("MULTI".to_owned());
        }
        lines.extend((0..count).map(|_| match is_one_key || count == 1 {
            true => change(dice, number, of_all),
            false => push(dice, number),
        }));
        if is_one {
            lines.push("EXEC".to_owned());
        }
    }
    lines
}

/// Where all keys are of one shard among several: what concerns every shard can be no part of a transaction there.
fn of_one_tag(line: &str) -> String {
    let line = match line {
        "SWAPDB 0 1" | "FLUSHALL" | "FLUSHDB" => "DEL a b c d",
        line => line,
    };
    let words = line.split(' ').map(|word| match KEYS.contains(&word) {
        true => format!("{{t}}{word}"),
        false => word.to_owned(),
    });
    words.collect::<Vec<String>>().join(" ")
}

fn compare_node(protocol: u8) {
    let node = servers::start_node(&[]);
    compare(&node, vec![&node], protocol, str::to_owned);
}

fn compare_proxy(shards: usize, protocol: u8) {
    let cluster = Cluster::start(shards);
    let written = if shards == 1 {
        str::to_owned
    } else {
        of_one_tag
    };
    compare(
        &cluster.proxy,
        cluster.nodes.iter().collect(),
        protocol,
        written,
    );
}

fn compare(front: &Server, nodes: Vec<&Server>, protocol: u8, written: fn(&str) -> String) {
    let Some(redis) = redis_server::start(&[]) else {
        return;
    };
    let seed = Dice::seed_from_environment();
    eprintln!("SWITCHYARD_SEED={seed}");
    let mut dice = Dice::new(seed);
    let mut ours = Side::new(front, nodes, protocol);
    let mut theirs = Side::new(&redis, vec![&redis], protocol);
    let mut number = 0;
    for round in 0..commands() / COMMANDS_OF_ROUND {
        let mut story = Vec::new();
        let is_one_key = dice.percent(25);
        let keys = if is_one_key { &KEYS[..1] } else { &KEYS };
        for waiter in 0..WAITERS {
            let line = written(&waiting_command(&mut dice, keys));
            ours.begin(waiter, &line);
            theirs.begin(waiter, &line);
            story.push(line);
        }
        for line in changes(&mut dice, &mut number, is_one_key) {
            let line = written(&line);
            story.push(line.clone());
            let (our, their) = (
                ours.changer.call_words(&line),
                theirs.changer.call_words(&line),
            );
            assert_eq!(
                our, their,
                "SWITCHYARD_SEED={seed} round {round}: {story:#?}"
            );
        }
        assert_eq!(
            ours.end(),
            theirs.end(),
            "SWITCHYARD_SEED={seed} round {round}: {story:#?}"
        );
        assert_eq!(
            ours.keys(written),
            theirs.keys(written),
            "SWITCHYARD_SEED={seed} round {round}: {story:#?}"
        );
    }
    let late = [
        "BLPOP none 0.01",
        "BLMOVE {t}none {t}a LEFT LEFT 0.001",
        "XREAD BLOCK 1 STREAMS none $",
    ];
    for line in late {
        let (our, their) = (
            ours.changer.call_words(line),
            theirs.changer.call_words(line),
        );
        assert_eq!(our, their, "{line}");
    }
}

#[test]
fn clients_that_wait_are_told_what_redis_tells_them_in_resp2() {
    compare_node(2);
}

#[test]
fn clients_that_wait_are_told_what_redis_tells_them_in_resp3() {
    compare_node(3);
}

#[test]
fn the_same_through_a_proxy_with_one_shard() {
    compare_proxy(1, 2);
}

#[test]
fn the_same_through_a_proxy_with_one_shard_in_resp3() {
    compare_proxy(1, 3);
}

#[test]
fn the_same_through_a_proxy_with_three_shards() {
    compare_proxy(3, 3);
}

#[test]
fn the_same_through_a_proxy_with_three_shards_in_resp2() {
    compare_proxy(3, 2);
}
