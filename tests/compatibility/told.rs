//! What clients are told that they have not asked for at that moment: messages of channels, events of keys, commands of others. The same goes to us and to a
//! redis-server, and what its subscriber, or its monitor, hears is compared, command for command.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use super::commands;
use super::draw::{Draw, Request};
use super::grammar::{draw_change, key_space};
use crate::support::dice::Dice;
use crate::support::{Client, Reply, encode, redis_server, servers};

/// Commands whose events are compared, for each that is compared otherwise: each takes several round trips.
const SHARE: usize = 4;

/// How long a server may take to say all that it has to say.
const SILENCE: Duration = Duration::from_millis(200);

/// A server with one client that changes keys, and one that hears of it.
struct Listener {
    client: Client,
    subscriber: Client,
    said: usize,
}

impl Listener {
    fn new(address: SocketAddr, events: &str) -> Self {
        let mut client = Client::connect(address);
        let set = client.call(&["CONFIG", "SET", "notify-keyspace-events", events]);
        assert_eq!(set, Reply::Simple(b"OK".to_vec()));
        let mut subscriber = Client::connect(address);
        subscriber.call(&["PSUBSCRIBE", "*"]);
        Self {
            client,
            subscriber,
            said: 0,
        }
    }

    /// What is heard of a command, up to a message that is published behind it.
    fn heard_of(&mut self, request: &Request) -> Vec<String> {
        self.client.send(&encode(request)).expect("sent");
        self.client.receive().expect("a reply");
        self.said += 1;
        let mark = format!("mark {}", self.said);
        self.client.call(&["PUBLISH", "mark", &mark]);
        let mut heard = Vec::new();
        loop {
            let message = format!("{:?}", self.subscriber.receive().expect("a message"));
            if message.contains(&mark) {
                return heard;
            }
            heard.push(message);
        }
    }
}

/// Whether chance, or a moment of time, decides what becomes of the key, so that two servers may differ.
fn is_up_to_chance(request: &Request) -> bool {
    let is = |name: &&str| request[0].eq_ignore_ascii_case(name.as_bytes());
    let is_soon = |word: &Vec<u8>| {
        let number = String::from_utf8_lossy(word).parse::<i64>();
        number.is_ok_and(|number| (1..100_000).contains(&number))
    };
    is(&"SPOP")
        || fails_and_grows(request)
        || EXPIRING.iter().any(is) && request.iter().skip(2).any(is_soon)
}

/// Redis makes the key of a BITFIELD as long as its operations ask for even if all of them fail, and tells nobody; here what grows is told, for it is logged.
fn fails_and_grows(request: &Request) -> bool {
    let is_fail = |word: &Vec<u8>| word.eq_ignore_ascii_case(b"FAIL");
    request[0].eq_ignore_ascii_case(b"BITFIELD") && request.iter().any(is_fail)
}

/// Commands after which a key may be over soon.
const EXPIRING: &[&str] = &[
    "SET",
    "SETEX",
    "PSETEX",
    "GETEX",
    "EXPIRE",
    "PEXPIRE",
    "EXPIREAT",
    "PEXPIREAT",
    "RESTORE",
];

#[test]
fn every_command_is_told_as_the_events_that_redis_tells() {
    let Some(redis) = redis_server::start(&[]) else {
        return;
    };
    let node = servers::start_node(&[]);
    let seed = Dice::seed_from_environment();
    eprintln!("SWITCHYARD_SEED={seed}");
    let mut ours = Listener::new(node.address, "AKEn");
    let mut theirs = Listener::new(redis.address, "AKEn");
    let mut draw = Draw::new(seed, key_space(1), 2);
    let mut events = 0;
    for _ in 0..commands() / SHARE {
        let request = draw_change(&mut draw);
        if is_up_to_chance(&request) {
            continue;
        }
        let (mut ours, mut theirs) = (ours.heard_of(&request), theirs.heard_of(&request));
        // When a key that is over is found to be is a matter of who looks first, the sweep or a command.
        for heard in [&mut ours, &mut theirs] {
            heard.retain(|event| !event.contains("expired"));
        }
        events += theirs.len();
        let words: Vec<String> = request
            .iter()
            .map(|word| word.escape_ascii().to_string())
            .collect();
        assert_eq!(ours, theirs, "of {words:?}, SWITCHYARD_SEED={seed}");
    }
    assert!(events > 0, "something happened");
}

/// What one connection says, line after line, and others beside it: what comes back on that one connection is compared.
const SCRIPTS: &[&[&str]] = &[
    &[
        "SUBSCRIBE a b a",
        "PSUBSCRIBE a* b",
        "SSUBSCRIBE a",
        "PING",
        "PING x",
        "GET a",
        "PUBLISH a b",
        "HELLO 3",
        "UNSUBSCRIBE a zork",
        "UNSUBSCRIBE b",
        "PUNSUBSCRIBE b a*",
        "PUNSUBSCRIBE",
        "SUNSUBSCRIBE",
        "SUNSUBSCRIBE",
        "GET a",
    ],
    &[
        "HELLO 3",
        "SUBSCRIBE a",
        "PUBLISH a x",
        "PSUBSCRIBE *",
        "PUBLISH a y",
        "SPUBLISH a z",
        "CLIENT REPLY OFF",
        "PUBLISH a w",
        "SUBSCRIBE b",
        "CLIENT REPLY ON",
        "PUBSUB CHANNELS a",
        "PUBSUB NUMPAT",
        "PUBSUB NUMSUB a b zork",
        "PUBSUB SHARDNUMSUB a",
        "PUBSUB SHARDCHANNELS",
        "PUBSUB CHANNELS a b",
        "PUBSUB NUMPAT x",
        "PUBSUB ZORK",
        "RESET",
        "PUBLISH a w",
        "SUBSCRIBE",
        "PUBLISH a",
    ],
    &[
        "MONITOR",
        "PING",
        "GET a",
        "PUBLISH a b",
        "DBSIZE",
        "SELECT 1",
        "SUBSCRIBE a",
        "PING",
        "UNSUBSCRIBE a",
        "RESET",
        "PING",
        "GET a",
    ],
];

/// What others say meanwhile, and a monitor sees.
const SEEN: &[&str] = &[
    "PING",
    "SET a b",
    "SET a b\"\\c 12345",
    "LPUSH a x",
    "ZORK x",
    "GET",
    "SELECT 1",
    "DBSIZE",
    "AUTH secret",
    "AUTH user secret",
    "HELLO 3 AUTH default secret",
    "CONFIG GET hz",
    "CLIENT LIST",
    "CLIENT ID",
    "SUBSCRIBE a",
    "UNSUBSCRIBE",
    "PUBLISH a b",
    "OBJECT HELP",
    "SLOWLOG LEN",
];

/// All that comes until nothing does, without what no two servers have in common: times, ports.
fn heard(client: &mut Client) -> Vec<String> {
    client.set_read_deadline(SILENCE);
    let mut heard = Vec::new();
    while let Ok(reply) = client.receive() {
        heard.push(match reply {
            Reply::Simple(line) if line.first().is_some_and(u8::is_ascii_digit) => {
                let line = String::from_utf8_lossy(&line).into_owned();
                let behind_time = line.split_once(' ').map_or("", |(_, rest)| rest);
                let (db, words) = behind_time.split_once("] ").unwrap_or_default();
                let db = db.split_once(' ').map_or("", |(db, _)| db);
                format!("{db}] {words}")
            }
            reply => format!("{reply:?}"),
        });
    }
    heard
}

fn said(address: SocketAddr, script: &[&str]) -> Vec<(String, Vec<String>)> {
    let mut client = Client::connect(address);
    let mut said = Vec::new();
    for line in script {
        let request = encode(&line.split(' ').collect::<Vec<_>>());
        client.send(&request).expect("sent");
        let mut answers = heard(&mut client);
        if line.starts_with("HELLO") {
            // The greeting tells who is greeted.
            answers.retain(|answer| answer.starts_with("Error"));
        }
        said.push(((*line).to_owned(), answers));
    }
    said
}

#[test]
fn subscribers_and_monitors_are_answered_in_the_words_of_redis() {
    let Some(redis) = redis_server::start(&[]) else {
        return;
    };
    let node = servers::start_node(&[]);
    for script in SCRIPTS {
        assert_eq!(said(node.address, script), said(redis.address, script));
    }
}

/// Whoever publishes to itself gets the message and the reply by different connections of the proxy, whichever comes first.
fn in_any_order(mut said: Vec<(String, Vec<String>)>) -> Vec<(String, Vec<String>)> {
    let published = said
        .iter_mut()
        .filter(|(line, _)| line.starts_with("PUBLISH"));
    published.for_each(|(_, answers)| answers.sort());
    said
}

/// Through a proxy, over one shard and over three. MONITOR is not there yet.
#[test]
fn subscribers_of_a_proxy_are_answered_in_the_words_of_redis() {
    let Some(redis) = redis_server::start(&[]) else {
        return;
    };
    for script in SCRIPTS.iter().filter(|script| script[0] != "MONITOR") {
        let expected = {
            let address = redis.address;
            thread::spawn(move || said(address, script))
        };
        let ours = [1, 3].map(|shards| {
            let cluster = servers::Cluster::start(shards);
            thread::spawn(move || {
                let cluster = cluster;
                said(cluster.proxy.address, script)
            })
        });
        let expected = in_any_order(expected.join().expect("said"));
        for said in ours {
            assert_eq!(in_any_order(said.join().expect("said")), expected);
        }
    }
}

#[test]
fn a_monitor_sees_what_redis_shows() {
    let Some(redis) = redis_server::start(&[]) else {
        return;
    };
    let node = servers::start_node(&[]);
    let seen = |address: SocketAddr| -> Vec<Vec<String>> {
        let mut monitor = Client::connect(address);
        assert_eq!(monitor.call(&["MONITOR"]), Reply::Simple(b"OK".to_vec()));
        let mut client = Client::connect(address);
        let show = |line: &&str| {
            let request = encode(&line.split(' ').collect::<Vec<_>>());
            client.send(&request).expect("sent");
            heard(&mut client);
            heard(&mut monitor)
        };
        SEEN.iter().map(show).collect()
    };
    assert_eq!(seen(node.address), seen(redis.address));
}
