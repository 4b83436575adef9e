//! The topology changes under full load, and a node dies and returns: no reply is lost, doubled or out of order.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, ScopedJoinHandle};

use shared::slot::SlotId;

use crate::support::eventually::eventually;
use crate::support::servers::{
    Cluster, even_slots, topology_path, write_topology, write_topology_that_loses_keys,
};
use crate::support::{Client, Reply, encode};

/// Clients at full load; each has keys of its own.
const CLIENTS: usize = 12;

/// Commands of a client under way at a time.
const WINDOW: u64 = 32;

/// Shards, a node each.
const SHARDS: usize = 3;

/// The node that is killed and restarted; it keeps nothing.
const KILLED: usize = 1;

/// How often.
const KILLS: u64 = 10;

/// Versions that follow the first.
const CHANGES: u64 = 100;

/// Lets whoever disturbs see how far the clients are, and the clients when to end.
#[derive(Default)]
struct Load {
    replies: AtomicU64,
    refused: AtomicU64,
    ends: AtomicBool,
}

impl Load {
    /// Waits until `count` more replies have come: a fault or a swap meets commands under way, on any machine.
    fn advances_by(&self, count: u64) {
        let goal = self.replies.load(Ordering::Relaxed) + count;
        eventually("the clients go on", || {
            self.replies.load(Ordering::Relaxed) >= goal
        });
    }
}

/// The slots of each shard after `change` changes: half of them stay where they are, all others move on by one shard each time.
fn slots_after(change: u64) -> Vec<String> {
    let halves: Vec<[String; 2]> = (0..SHARDS).map(halves_of).collect();
    let owner_of_moving = |shard: usize| (shard + usize::try_from(change).expect("small")) % SHARDS;
    (0..SHARDS)
        .map(|shard| format!("{} {}", halves[shard][0], halves[owner_of_moving(shard)][1]))
        .collect()
}

/// A shard's part of the slots in two halves: the one that stays, the one that moves.
fn halves_of(shard: usize) -> [String; 2] {
    let (from, to) = slot_bounds(shard);
    let middle = from.midpoint(to);
    [
        format!("{from}-{}", middle - 1),
        format!("{middle}-{}", to - 1),
    ]
}

/// The first slot of a shard's part, and the one behind its last.
fn slot_bounds(shard: usize) -> (usize, usize) {
    let start = |shard: usize| shard * 16_384 / SHARDS;
    (start(shard), start(shard + 1))
}

/// A key in the half of `shard` that stays.
fn key_that_stays_on(shard: usize, client: usize) -> String {
    let (from, to) = slot_bounds(shard);
    (0..100_000)
        .map(|number| format!("counter:{client}:{shard}:{number}"))
        .find(|key| {
            let slot = usize::from(SlotId::of_key(key.as_bytes()).number());
            (from..from.midpoint(to)).contains(&slot)
        })
        .expect("one key in six")
}

/// What a client knows of a key that it alone increments: how far its node must have counted, and how far it may have.
#[derive(Debug)]
struct Counter {
    key: String,
    shard: usize,
    /// The last value heard of.
    last: i64,
    /// Increments that the node has acknowledged since it was last born.
    acknowledged: i64,
    /// Increments since then of which nobody knows; those since the last acknowledged one belong to the next life if there was a death.
    unknown: i64,
    unknown_since_last: i64,
    deaths: u64,
}

impl Counter {
    fn new(client: usize, shard: usize) -> Self {
        Self {
            key: key_that_stays_on(shard, client),
            shard,
            last: 0,
            acknowledged: 0,
            unknown: 0,
            unknown_since_last: 0,
            deaths: 0,
        }
    }

    /// An increment was acknowledged with this value: acknowledged <= value <= acknowledged + unknown, in this life of the node.
    /// So what was refused as not applied was not applied.
    fn acknowledge(&mut self, value: i64) {
        if value <= self.last {
            self.deaths += 1;
            self.acknowledged = 0;
            self.unknown = self.unknown_since_last;
        }
        self.acknowledged += 1;
        self.unknown_since_last = 0;
        self.last = value;
        let bounds = self.acknowledged..=self.acknowledged + self.unknown;
        assert!(bounds.contains(&value), "{value} is beyond {self:?}");
        let may_die = if self.shard == KILLED { KILLS } else { 0 };
        assert!(
            self.deaths <= may_die,
            "{value} was counted twice: {self:?}"
        );
    }

    fn take(&mut self, reply: &Reply, load: &Load) {
        match reply.error_text() {
            None => self.acknowledge(reply.integer()),
            Some(text) => {
                assert_eq!(
                    self.shard, KILLED,
                    "a node that lives and keeps the key: {text}"
                );
                if is_unknown(&text) {
                    self.unknown += 1;
                    self.unknown_since_last += 1;
                }
                load.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Whether an error says that nobody knows; any other must be the one that says that nothing was done.
fn is_unknown(text: &str) -> bool {
    let is_unknown = text.starts_with("UNKNOWN ");
    assert!(is_unknown || text.starts_with("CLUSTERDOWN "), "{text}");
    is_unknown
}

/// What command `number` of a client is.
enum Kind {
    /// No fault can touch it.
    Echo,
    /// Of the key that stays on this shard.
    Count(usize),
    /// Its reply tells its number, whichever node executes it and whatever that node holds: the length that SETRANGE makes, for offsets only grow.
    Write,
}

fn kind_of(number: u64) -> Kind {
    match number % 4 {
        0 => Kind::Echo,
        1 => Kind::Count(usize::try_from(number / 4 % SHARDS as u64).expect("below SHARDS")),
        _ => Kind::Write,
    }
}

fn numbered_command(client: usize, number: u64, counters: &[Counter]) -> Vec<u8> {
    match kind_of(number) {
        Kind::Echo => encode(&["ECHO", &format!("{client}:{number}")]),
        Kind::Count(shard) => encode(&["INCR", &counters[shard].key]),
        Kind::Write => {
            let key = format!("client:{client}:{}", number / 512);
            encode(&["SETRANGE", &key, &(number % 512).to_string(), "x"])
        }
    }
}

fn check_reply(client: usize, number: u64, reply: &Reply, counters: &mut [Counter], load: &Load) {
    match kind_of(number) {
        Kind::Echo => assert_eq!(*reply, Reply::bulk(format!("{client}:{number}"))),
        Kind::Count(shard) => counters[shard].take(reply, load),
        Kind::Write => match reply.error_text() {
            None => {
                let length = i64::try_from(number % 512 + 1).expect("small");
                assert_eq!(*reply, Reply::Integer(length), "client {client}, {number}");
            }
            Some(text) => {
                is_unknown(&text);
                load.refused.fetch_add(1, Ordering::Relaxed);
            }
        },
    }
}

/// Keeps a window of commands under way until the load ends; then no reply may be missing and none too many.
fn run_client(mut client: Client, name: usize, load: &Load) -> Vec<Counter> {
    let mut counters: Vec<Counter> = (0..SHARDS).map(|shard| Counter::new(name, shard)).collect();
    let (mut sent, mut received) = (0, 0);
    loop {
        let ends = load.ends.load(Ordering::Relaxed);
        let mut bytes = Vec::new();
        while !ends && sent < received + WINDOW {
            bytes.extend(numbered_command(name, sent, &counters));
            sent += 1;
        }
        client.send(&bytes).expect("the proxy lives");
        if received == sent {
            break;
        }
        let reply = client.receive().expect("no reply is lost");
        check_reply(name, received, &reply, &mut counters, load);
        received += 1;
        load.replies.fetch_add(1, Ordering::Relaxed);
    }
    let end = client.call(&["ECHO", "nothing came before this"]);
    assert_eq!(end, Reply::bulk("nothing came before this"));
    counters
}

/// Runs the clients while `disturb` works on the cluster.
fn under_load(
    cluster: &mut Cluster,
    disturb: impl FnOnce(&mut Cluster, &Load),
) -> (Load, Vec<Counter>) {
    let load = Load::default();
    let counters = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|name| {
                let client = cluster.connect();
                let load = &load;
                scope.spawn(move || run_client(client, name, load))
            })
            .collect();
        let ending = EndsLoad(&load);
        disturb(cluster, &load);
        drop(ending);
        let counters = clients.into_iter().map(ScopedJoinHandle::join);
        counters
            .flat_map(|counters| counters.expect("a client's own words are above"))
            .collect()
    });
    (load, counters)
}

/// The clients must end also when the disturbing thread fails, or the failure would look like a hang.
struct EndsLoad<'a>(&'a Load);

impl Drop for EndsLoad<'_> {
    fn drop(&mut self) {
        self.0.ends.store(true, Ordering::Relaxed);
    }
}

fn addresses(cluster: &Cluster) -> Vec<SocketAddr> {
    cluster.nodes.iter().map(|node| node.address).collect()
}

/// The version of the topology by which the proxy's thread that serves `client` routes; of a section that is answered whichever nodes are there.
fn version_in_use(client: &mut Client) -> u64 {
    let info = client.call_words("INFO proxy").text();
    let version = info
        .lines()
        .find_map(|line| line.strip_prefix("topology_version:"));
    let version = version.expect("a field of the proxy's own").trim();
    version.parse().expect("a number")
}

#[test]
fn no_reply_is_lost_doubled_or_out_of_order_while_topology_and_nodes_change() {
    let mut cluster = Cluster::start(SHARDS);
    let nodes = addresses(&cluster);
    let topology = topology_path(cluster.proxy.folder());
    let mut asker = cluster.connect();
    let (load, counters) = under_load(&mut cluster, |cluster, load| {
        for change in 1..=CHANGES {
            let version = 1 + change;
            write_topology_that_loses_keys(&topology, version, &nodes, &slots_after(change));
            eventually("the version is in use", || {
                version_in_use(&mut asker) == version
            });
            load.advances_by(500);
            if change % (CHANGES / KILLS) == 5 {
                cluster.nodes[KILLED].kill();
                load.advances_by(500);
                cluster.nodes[KILLED].restart();
                load.advances_by(500);
            }
        }
    });
    let refused = load.refused.load(Ordering::Relaxed);
    let replies = load.replies.load(Ordering::Relaxed);
    eprintln!("{replies} replies, {refused} of them refusals while a node was down");
    assert!(replies > 50_000);
    the_nodes_have_counted(&cluster, counters);
    the_last_topology_rules(&cluster, &nodes, 1 + CHANGES);
}

/// One more increment of each counter, while nobody disturbs: it is acknowledged, within the bounds, and what its node holds.
fn the_nodes_have_counted(cluster: &Cluster, counters: Vec<Counter>) {
    let mut client = cluster.connect();
    assert_eq!(counters.len(), CLIENTS * SHARDS);
    for mut counter in counters {
        let mut reply = Reply::Null;
        // Each thread of the proxy finds out by itself that the node is back; until then nothing is applied.
        eventually("the thread has found the node again", || {
            reply = client.call(&["INCR", &counter.key]);
            reply.error_text().is_none_or(|text| is_unknown(&text))
        });
        counter.acknowledge(reply.integer());
        for (number, node) in cluster.nodes.iter().enumerate() {
            let held = node.connect().call(&["GET", &counter.key]);
            if number == counter.shard {
                assert_eq!(held, Reply::bulk(counter.last.to_string()), "{counter:?}");
            } else {
                assert!(held.is_null(), "on node {number} too: {counter:?}");
            }
        }
    }
}

/// After the last change keys go where it says.
fn the_last_topology_rules(cluster: &Cluster, nodes: &[SocketAddr], version: u64) {
    let topology = topology_path(cluster.proxy.folder());
    // Everything to the last shard: seen at once by looking at the nodes.
    let slots = ["".to_owned(), "".to_owned(), "0-16383".to_owned()];
    write_topology_that_loses_keys(&topology, version + 1, nodes, &slots);
    eventually("the newest topology rules", || {
        let mut client = cluster.connect();
        client.call_words("FLUSHALL");
        for number in 0..30 {
            client.call(&["SET", &format!("after:{number}"), "v"]);
        }
        let mut last = cluster.nodes[2].connect();
        last.call_words("DBSIZE") == Reply::Integer(30)
    });
}

#[test]
fn a_change_that_moves_no_slot_disturbs_no_counter() {
    let mut cluster = Cluster::start(3);
    let nodes = addresses(&cluster);
    let topology = topology_path(cluster.proxy.folder());
    let ends = AtomicBool::new(false);
    let counted = AtomicU64::new(0);
    thread::scope(|scope| {
        for name in 0..CLIENTS {
            let mut client = cluster.connect();
            let (ends, counted) = (&ends, &counted);
            scope.spawn(move || {
                let key = format!("counter:{name}").into_bytes();
                let batch = vec![vec![b"INCR".to_vec(), key]; 16];
                let mut value = 0;
                while !ends.load(Ordering::Relaxed) {
                    for reply in client.pipeline(&batch) {
                        value += 1;
                        assert_eq!(reply, Reply::Integer(value), "each once, in order");
                    }
                    counted.fetch_add(16, Ordering::Relaxed);
                }
            });
        }
        for version in 2..=60 {
            write_topology(&topology, version, &nodes, &even_slots(3));
            let goal = counted.load(Ordering::Relaxed) + 500;
            eventually("the clients go on", || {
                counted.load(Ordering::Relaxed) >= goal
            });
        }
        ends.store(true, Ordering::Relaxed);
    });
    assert!(cluster.proxy.is_alive());
}

/// How often the proxy's log says that it has not used a topology file.
fn refusals(cluster: &Cluster) -> usize {
    let log = cluster.proxy.output();
    log.matches("topology not used").count()
}

#[test]
fn a_broken_or_older_topology_file_is_refused_and_the_old_one_stays() {
    let mut cluster = Cluster::start(2);
    let nodes = addresses(&cluster);
    let topology = topology_path(cluster.proxy.folder());
    let mut client = cluster.connect();
    let everything_on = |shard: usize| {
        let slots = |number| if number == shard { "0-16383" } else { "" };
        [slots(0).to_owned(), slots(1).to_owned()]
    };
    let mut arrives_at = |cluster: &Cluster, shard: usize, value: &str| {
        client.call(&["SET", "wanderer", value]);
        let mut node = cluster.nodes[shard].connect();
        node.call(&["GET", "wanderer"]) == Reply::bulk(value)
    };
    write_topology_that_loses_keys(&topology, 5, &nodes, &everything_on(1));
    eventually("version 5 is taken", || arrives_at(&cluster, 1, "five"));
    let look = || std::fs::write(&topology, "version = 9\n[[node").expect("written");
    let refused: [(&str, &dyn Fn()); 3] = [
        ("older", &|| {
            write_topology(&topology, 3, &nodes, &everything_on(0));
        }),
        ("torn", &look),
        ("slots without owner", &|| {
            let slots = ["0-100".to_owned(), "200-16383".to_owned()];
            write_topology(&topology, 9, &nodes, &slots);
        }),
    ];
    for (what, write) in refused {
        let refused_before = refusals(&cluster);
        write();
        eventually("the file is looked at, and refused", || {
            refusals(&cluster) > refused_before
        });
        assert!(
            arrives_at(&cluster, 1, what),
            "a file that is {what} was taken"
        );
    }
    write_topology_that_loses_keys(&topology, 10, &nodes, &everything_on(0));
    eventually("a good file is taken again", || {
        arrives_at(&cluster, 0, "ten")
    });
    assert!(cluster.proxy.is_alive());
}

#[test]
fn slots_leave_their_keys_behind_only_where_the_file_says_so() {
    let cluster = Cluster::start(2);
    let nodes = addresses(&cluster);
    let topology = topology_path(cluster.proxy.folder());
    let mut client = cluster.connect();
    let key = &cluster.keys_on(0, 1)[0];
    client.call(&["SET", key, "here"]);
    let everything_on_the_second = ["".to_owned(), "0-16383".to_owned()];

    write_topology(&topology, 2, &nodes, &everything_on_the_second);
    let refusal = "version 1 → 2: 8192 slots change hands, and their keys do not travel: they would stay behind, out of reach; where this is meant, write key-loss-accepted-at-version = 2 above the first table of the file";
    eventually("the log says what would be lost, and what to write", || {
        cluster.proxy.output().contains(refusal)
    });
    assert_eq!(client.call(&["GET", key]), Reply::bulk("here"));
    assert_eq!(version_in_use(&mut client), 1);

    // What was meant for one version is not meant for a later one by proxies that have made that step.
    write_topology_that_loses_keys(&topology, 3, &nodes, &even_slots(2));
    eventually("a version that loses nothing is taken", || {
        version_in_use(&mut client) == 3
    });
    let stale = std::fs::read_to_string(&topology).expect("read");
    write_topology(&topology, 4, &nodes, &everything_on_the_second);
    let moved = std::fs::read_to_string(&topology).expect("read");
    let acceptance = stale.lines().nth(1).expect("the acceptance of version 3");
    let text = moved.replace("version = 4\n", &format!("version = 4\n{acceptance}\n"));
    std::fs::write(&topology, text).expect("written");
    eventually("the old word does not count", || {
        cluster
            .proxy
            .output()
            .contains("version 3 → 4: 8192 slots change hands")
    });
    assert_eq!(client.call(&["GET", key]), Reply::bulk("here"));

    write_topology_that_loses_keys(&topology, 5, &nodes, &everything_on_the_second);
    eventually("the file says so", || version_in_use(&mut client) == 5);
    assert!(client.call(&["GET", key]).is_null());
    let log = cluster.proxy.output();
    assert!(
        log.contains(
            "topology published as it asks: 8192 slots, 0 key patterns and 0 databases change hands, and their keys stay behind, out of reach event=\"topology_taken\" version=5"
        ),
        "{log}"
    );
}
