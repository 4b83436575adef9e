//! Scripts, transactions, messages, hand-overs and watches, at a node and through a proxy, beside a redis-server: CPU for each of them, as a ratio; and what rules
//! for users and clients that track cost a plain GET.

use std::net::SocketAddr;
use std::thread;

use crate::Settings;
use crate::compare::median;
use crate::machine::cpu_nanoseconds;
use crate::peers::{self, Target};
use crate::support::{Client, Reply, encode};
use crate::table::{Table, digits};

/// Clients that ask at the same time.
const CLIENTS: usize = 20;

/// What each of them asks in one write.
const AT_ONCE: usize = 16;

/// Subscribers to the channel.
const SUBSCRIBERS: usize = 10;

/// A script that reads and writes.
const SCRIPT: &str = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])";

/// Does something again and again, and says how often it has been done.
type Work = fn(SocketAddr, usize) -> usize;

/// What is measured, and the ratio to reach.
const WORK: &[(&str, f64, Work)] = &[
    ("EVALSHA of GET and SET, P16", 1.2, evaluate),
    ("MULTI of 4, EXEC, P4", 0.8, transact),
    ("PUBLISH to 10 subscribers, P16", 0.8, publish),
    ("BLPOP, handed over by RPUSH", 0.8, hand_over),
    ("WATCH, GET, MULTI, SET, EXEC", 0.8, watch),
];

pub(super) fn measure(settings: &Settings, table: &mut Table) {
    let (redis, node, proxy) = (peers::redis(), peers::node(), peers::proxy(1, &[]));
    let targets = [&redis, &node, &proxy];
    for (name, goal, work) in WORK {
        let figures = rounds(&targets, settings, *work);
        for (at, target) in [(1, "node"), (2, "proxy and node")] {
            let ratios = figures[at].iter().zip(&figures[0]);
            let ratio = median(ratios.map(|(own, redis)| own / redis).collect());
            table.at_most(
                &format!("{target}, {name}: CPU / redis"),
                *goal,
                ratio,
                " x",
            );
        }
        for (target, figures) in targets.iter().zip(figures) {
            let figure = format!("{} us", digits(median(figures)));
            table.figure(&format!("  {}: CPU for each", target.name), &figure);
        }
    }
    guarded(settings, table, &node);
}

/// CPU microseconds for each unit of work, of all processes of each target, round after round.
fn rounds(targets: &[&Target], settings: &Settings, work: Work) -> Vec<Vec<f64>> {
    let mut figures = vec![Vec::new(); targets.len()];
    for _ in 0..settings.runs {
        for (target, figures) in targets.iter().zip(&mut figures) {
            figures.push(cost(target, settings, work));
        }
    }
    figures
}

fn cost(target: &Target, settings: &Settings, work: Work) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "some thousands, and microseconds with a few digits"
    )]
    {
        let loops = (300.0 * settings.length.as_secs_f64()) as usize;
        let pids = target.pids();
        let before = cpu_nanoseconds(&pids);
        let units = work(target.address, loops.max(50));
        (cpu_nanoseconds(&pids) - before) as f64 / 1_000.0 / units as f64
    }
}

fn connect(address: SocketAddr) -> Vec<Client> {
    (0..CLIENTS).map(|_| Client::connect(address)).collect()
}

/// Every client sends its commands, and then each is answered, none of them with an error.
fn ask(clients: &mut [Client], commands: impl Fn(usize) -> Vec<Vec<u8>>) {
    let mut counts = Vec::new();
    for (number, client) in clients.iter_mut().enumerate() {
        let commands = commands(number);
        client.send(&commands.concat()).expect("sent");
        counts.push(commands.len());
    }
    for (client, count) in clients.iter_mut().zip(counts) {
        for _ in 0..count {
            let reply = client.receive().expect("a reply");
            assert!(!matches!(reply, Reply::Error(_)), "{reply:?}");
        }
    }
}

fn key(client: usize, number: usize) -> String {
    format!("{{{client}}}:{number}")
}

/// What stands at the keys of the other work is no list.
fn list(client: usize) -> String {
    format!("{{{client}}}:list")
}

fn evaluate(address: SocketAddr, loops: usize) -> usize {
    let mut clients = connect(address);
    let name = clients[0].call(&["SCRIPT", "LOAD", SCRIPT]).text();
    for number in 0..loops {
        ask(&mut clients, |client| {
            let one = |at| encode(&["EVALSHA", &name, "1", &key(client, number + at), "value"]);
            (0..AT_ONCE).map(one).collect()
        });
    }
    loops * CLIENTS * AT_ONCE
}

fn transact(address: SocketAddr, loops: usize) -> usize {
    let mut clients = connect(address);
    for number in 0..loops {
        ask(&mut clients, |client| {
            let (one, other) = (key(client, number), key(client, 0));
            let queue = [
                encode(&["MULTI"]),
                encode(&["SET", &one, "value"]),
                encode(&["GET", &one]),
                encode(&["INCRBY", &format!("{other}n"), "1"]),
                encode(&["GET", &other]),
                encode(&["EXEC"]),
            ];
            vec![queue; AT_ONCE / 4].concat()
        });
    }
    loops * CLIENTS * (AT_ONCE / 4)
}

fn publish(address: SocketAddr, loops: usize) -> usize {
    let count = loops * AT_ONCE;
    let listeners: Vec<_> = (0..SUBSCRIBERS)
        .map(|_| {
            let mut client = Client::connect(address);
            client.call_words("SUBSCRIBE news");
            thread::spawn(move || {
                for _ in 0..count {
                    client.receive().expect("a message");
                }
            })
        })
        .collect();
    let mut publisher = [Client::connect(address)];
    for _ in 0..loops {
        ask(&mut publisher, |_| {
            vec![encode(&["PUBLISH", "news", "something has happened"]); AT_ONCE]
        });
    }
    for listener in listeners {
        listener.join().expect("all messages came");
    }
    count
}

fn hand_over(address: SocketAddr, loops: usize) -> usize {
    let (mut waiting, mut pushing) = (connect(address), connect(address));
    for _ in 0..loops {
        for (number, client) in waiting.iter_mut().enumerate() {
            let pop = encode(&["BLPOP", &list(number), "10"]);
            client.send(&pop).expect("sent");
        }
        ask(&mut pushing, |client| {
            vec![encode(&["RPUSH", &list(client), "job"])]
        });
        for client in &mut waiting {
            let popped = client.receive().expect("an element");
            assert!(!popped.is_null(), "{popped:?}");
        }
    }
    loops * CLIENTS
}

fn watch(address: SocketAddr, loops: usize) -> usize {
    let mut clients = connect(address);
    for _ in 0..loops {
        let command = |client: usize, words: &[&str]| {
            let mut words = words.to_vec();
            let key = key(client, 0);
            words.insert(1, &key);
            encode(&words)
        };
        ask(&mut clients, |client| {
            vec![command(client, &["WATCH"]), command(client, &["GET"])]
        });
        ask(&mut clients, |client| {
            let set = command(client, &["SET", "value"]);
            vec![encode(&["MULTI"]), set, encode(&["EXEC"])]
        });
    }
    loops * CLIENTS
}

fn get_as(address: SocketAddr, loops: usize, user: Option<&str>) -> usize {
    let mut clients = connect(address);
    if let Some(user) = user {
        for client in &mut clients {
            assert_eq!(client.call(&["AUTH", user, "secret"]), Reply::ok());
        }
    }
    for number in 0..loops * 4 {
        ask(&mut clients, |client| {
            let get = |at| encode(&["GET", &key(client, number + at)]);
            (0..AT_ONCE).map(get).collect()
        });
    }
    loops * 4 * CLIENTS * AT_ONCE
}

/// Plain GETs: with nobody else, as a user whose rules are asked, and beside clients that track and are idle.
fn guarded(settings: &Settings, table: &mut Table, node: &Target) {
    let plain = |address, loops| get_as(address, loops, None);
    let as_user = |address, loops| get_as(address, loops, Some("reader"));
    let mut admin = node.front.connect();
    let rules = ["ACL", "SETUSER", "reader", "on", ">secret", "+@read", "~{*"];
    assert_eq!(admin.call(&rules), Reply::ok());
    let (mut alone, mut user, mut beside) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..settings.runs {
        alone.push(cost(node, settings, plain));
        user.push(cost(node, settings, as_user));
        let mut tracking = node.front.connect();
        tracking.call_words("HELLO 3");
        tracking.call_words("CLIENT TRACKING ON");
        for number in 0..1_000 {
            tracking.call(&["GET", &format!("tracked:{number}")]);
        }
        beside.push(cost(node, settings, plain));
    }
    for (what, figures) in [
        ("as a user with rules", user),
        ("beside a client that tracks", beside),
    ] {
        let ratios = figures.iter().zip(&alone);
        let ratio = median(ratios.map(|(one, other)| one / other).collect());
        table.at_most(
            &format!("node, GET P16 {what}: CPU / plain"),
            1.02,
            ratio,
            " x",
        );
    }
}
