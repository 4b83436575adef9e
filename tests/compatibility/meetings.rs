//! Two clients whose transactions, scripts and functions meet on the same keys, to us and to a real redis-server: one watches what the other changes, a script is loaded by one and run by the other.
//! A proxy knows the text of a script also when it was queued and not run, and one that was queued before SCRIPT FLUSH still runs; so there nothing is queued that is not known, and nothing forgotten while something is queued. EVAL brings a text to one shard, and SCRIPT EXISTS asks whether all have it.
//! XSETID is drawn for keys that nobody watches, and BITFIELD never told to fail: Redis makes a string longer even if none of its fields could be set then, and neither tells
//! that nor what XSETID does to those who watch.
//! Everything is said one by one, in one order; every reply is compared, and now and then every key. At a node, and through a proxy over one shard and three, where all keys have one hash tag.

use super::draw::{Draw, Request, request};
use super::grammar::{draw_exact, key_space};
use super::report::Report;
use super::{allowed, commands, compare, dump};
use crate::support::dice::Dice;
use crate::support::servers::Cluster;
use crate::support::{Client, Reply, encode, redis_server, servers};
use std::net::SocketAddr;

/// Commands between two comparisons of every key.
const BETWEEN_DUMPS: usize = 500;
/// Databases that are compared; nothing here is about another one.
const DATABASES: usize = 1;

/// Bodies of scripts, by each of which a command in ARGV is carried out.
const BODIES: [&str; 5] = [
    "return redis.call(unpack(ARGV))",
    "return redis.pcall(unpack(ARGV))",
    "local reply = redis.pcall(unpack(ARGV)) return {type(reply), reply, KEYS[1]}",
    "redis.setresp(3) return {redis.pcall(unpack(ARGV))}",
    "redis.pcall('INCR', KEYS[1]) local reply = redis.call(unpack(ARGV)) redis.pcall('APPEND', KEYS[1], 'x') return reply",
];

/// Libraries; two of them have a function of one name.
const LIBRARIES: [&str; 4] = [
    "#!lua name=one\nredis.register_function('run', function(keys, args) return redis.call(unpack(args)) end)\nredis.register_function('try', function(keys, args) return {redis.pcall(unpack(args)), keys[1]} end)",
    "#!lua name=two\nredis.register_function{function_name='look', callback=function(keys, args) return redis.pcall(unpack(args)) end, flags={'no-writes'}}",
    "#!lua name=three\nredis.register_function('run', function() return 3 end)",
    "#!lua name=four\nlocal function broken( return end",
];

/// One server, with its clients.
struct Side {
    clients: [Client; 2],
    inspector: Client,
}

impl Side {
    fn new(address: SocketAddr, protocol: u8) -> Self {
        let mut clients = [Client::connect(address), Client::connect(address)];
        for client in &mut clients {
            client.call(&["HELLO", &protocol.to_string()]);
        }
        Self {
            clients,
            inspector: Client::connect(address),
        }
    }

    fn say(&mut self, client: usize, request: &Request) {
        self.clients[client].send(&encode(request)).expect("sent");
    }

    fn hear(&mut self, client: usize) -> Reply {
        self.clients[client].receive().expect("a reply")
    }
}

/// What is said, and by whom.
struct Story {
    draw: Draw,
    /// The names of [`BODIES`].
    digests: Vec<String>,
    is_queueing: [bool; 2],
    is_proxied: bool,
    /// Which of [`BODIES`] have come outside of transactions.
    is_known: [bool; BODIES.len()],
    /// Which of them SCRIPT LOAD has brought, to every shard.
    is_loaded: [bool; BODIES.len()],
}

impl Story {
    fn key(&mut self) -> Vec<u8> {
        let number = self.draw.dice.below(4) + 1;
        format!("{{a}}{number}").into_bytes()
    }

    fn next(&mut self) -> (usize, Request) {
        let client = self.draw.dice.below(2);
        let mut request = match self.is_queueing[client] {
            true => self.queued(client),
            false => self.plain(client),
        };
        let is = |word: &[u8], name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if request.iter().any(|word| is(word, "BITFIELD")) {
            let fails = request.iter_mut().filter(|word| is(word, "FAIL"));
            fails.for_each(|word| *word = b"SAT".to_vec());
        }
        (client, request)
    }

    fn queued(&mut self, client: usize) -> Request {
        match self.draw.dice.below(20) {
            0..=4 => {
                self.is_queueing[client] = false;
                request!["EXEC"]
            }
            5 => {
                self.is_queueing[client] = false;
                request!["DISCARD"]
            }
            6 => self
                .draw
                .dice
                .pick(&[
                    request!["MULTI"],
                    request!["WATCH", "{a}1"],
                    request!["GET"],
                    request!["NOSUCH"],
                ])
                .clone(),
            7..=11 => self.script(client),
            _ => draw_exact(&mut self.draw),
        }
    }

    fn plain(&mut self, client: usize) -> Request {
        match self.draw.dice.below(20) {
            0..=2 => {
                let mut request = request!["WATCH"];
                for _ in 0..=self.draw.dice.below(2) {
                    request.push(self.key());
                }
                request
            }
            3 => request!["UNWATCH"],
            4..=7 => {
                self.is_queueing[client] = true;
                request!["MULTI"]
            }
            8..=10 => self.script(client),
            11 => self.about_scripts(),
            12 => self
                .draw
                .dice
                .pick(&[request!["EXEC"], request!["DISCARD"]])
                .clone(),
            _ => draw_exact(&mut self.draw),
        }
    }

    /// A command within a script or a function.
    fn script(&mut self, client: usize) -> Request {
        let number = self.draw.dice.below(BODIES.len());
        let (key, digest) = (self.key(), self.digests[number].as_str());
        let may_come = match (self.is_queueing[client], self.is_proxied) {
            (true, true) => self.is_known[number],
            _ => true,
        };
        let mut request = match self.draw.dice.below(9) {
            kind @ 0..=2 if may_come => {
                self.is_known[number] |= !self.is_queueing[client];
                request![
                    *["EVAL", "EVAL", "EVAL_RO"].get(kind).expect("one of three"),
                    BODIES[number]
                ]
            }
            3..=4 => request!["EVALSHA", digest],
            5 => request!["EVALSHA_RO", digest],
            6 => request![
                "FCALL",
                *self.draw.dice.pick(&["run", "try", "look", "none"])
            ],
            7 => request!["FCALL", "run"],
            _ => request!["FCALL_RO", *self.draw.dice.pick(&["look", "run"])],
        };
        request.extend(request!["1", key]);
        request.extend(draw_exact(&mut self.draw));
        request
    }

    fn about_scripts(&mut self) -> Request {
        let library = *self.draw.dice.pick(&LIBRARIES);
        let number = self.draw.dice.below(BODIES.len());
        match self.draw.dice.below(12) {
            0..=3 => request!["FUNCTION", "LOAD", "REPLACE", library],
            4 => request!["FUNCTION", "LOAD", library],
            5 => request![
                "FUNCTION",
                "DELETE",
                *self.draw.dice.pick(&["one", "two", "none"])
            ],
            6 if !self.is_proxied || self.is_queueing == [false; 2] => {
                self.is_known = [false; BODIES.len()];
                self.is_loaded = [false; BODIES.len()];
                request!["SCRIPT", "FLUSH"]
            }
            7 if !self.is_proxied || self.is_loaded[number] => {
                request!["SCRIPT", "EXISTS", self.digests[number].as_str(), "none"]
            }
            8 => request!["FUNCTION", "FLUSH"],
            _ => {
                self.is_known[number] = true;
                self.is_loaded[number] = true;
                request!["SCRIPT", "LOAD", BODIES[number]]
            }
        }
    }
}

/// What both are told of queued commands is compared as a whole.
fn agree(request: &Request, ours: &Reply, redis: &Reply, report: &mut Report) {
    report.count_reply();
    if ours == redis || compare::agree(request, ours, redis) {
        return;
    }
    match allowed::find(request, ours, redis) {
        Some(allowed) => report.count_allowed(allowed.reason),
        None => report.add_reply(request, ours, redis),
    }
}

fn compare_with_redis(address: SocketAddr, shards: usize, is_proxied: bool, protocol: u8) {
    let Some(redis) = redis_server::start(&[]) else {
        return;
    };
    let seed = Dice::seed_from_environment();
    eprintln!("SWITCHYARD_SEED={seed}");
    let (mut ours, mut theirs) = (
        Side::new(address, protocol),
        Side::new(redis.address, protocol),
    );
    let digests = BODIES.map(|body| theirs.inspector.call(&["SCRIPT", "LOAD", body]).text());
    assert_eq!(theirs.inspector.call_words("SCRIPT FLUSH"), Reply::ok());
    let mut story = Story {
        draw: Draw::new(seed, key_space(shards), protocol),
        digests: digests.to_vec(),
        is_queueing: [false; 2],
        is_proxied,
        is_known: [false; BODIES.len()],
        is_loaded: [false; BODIES.len()],
    };
    let mut report = Report::default();
    for number in 0..commands() {
        let (client, request) = story.next();
        // Said to both at once, so that a key expires between two commands at both, or at neither.
        ours.say(client, &request);
        theirs.say(client, &request);
        let (our, their) = (ours.hear(client), theirs.hear(client));
        agree(&request, &our, &their, &mut report);
        if number % BETWEEN_DUMPS == 0
            && !dump::compare(
                &mut ours.inspector,
                &mut theirs.inspector,
                DATABASES,
                &mut report,
            )
        {
            break;
        }
    }
    eprintln!("{report}");
    assert_eq!(report.differences(), 0, "SWITCHYARD_SEED={seed}\n{report}");
}

#[test]
fn two_clients_meet_at_a_node_in_resp2() {
    let node = servers::start_node(&[]);
    compare_with_redis(node.address, 1, false, 2);
}

#[test]
fn two_clients_meet_at_a_node_in_resp3() {
    let node = servers::start_node(&[]);
    compare_with_redis(node.address, 1, false, 3);
}

#[test]
fn two_clients_meet_at_a_proxy_over_one_shard_in_resp2() {
    let cluster = Cluster::start(1);
    compare_with_redis(cluster.proxy.address, 1, true, 2);
}

#[test]
fn two_clients_meet_at_a_proxy_over_one_shard_in_resp3() {
    let cluster = Cluster::start(1);
    compare_with_redis(cluster.proxy.address, 1, true, 3);
}

#[test]
fn two_clients_meet_at_a_proxy_over_three_shards_in_resp2() {
    let cluster = Cluster::start(3);
    compare_with_redis(cluster.proxy.address, 3, true, 2);
}

#[test]
fn two_clients_meet_at_a_proxy_over_three_shards_in_resp3() {
    let cluster = Cluster::start(3);
    compare_with_redis(cluster.proxy.address, 3, true, 3);
}
