//! CLIENT TRACKING: clients that keep what they read hear when it has changed, at a node as of redis-server, and through a proxy whatever becomes of nodes and topology.

mod cache;
mod own;
mod redirect;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::dice::Dice;
use crate::support::eventually::{eventually, pause};
use crate::support::fault::Relay;
use crate::support::servers::{
    Cluster, even_slots, start_node, start_proxy, topology_path, write_topology_that_loses_keys,
};
use crate::support::{Client, Reply, encode, redis_server};
use cache::{Cache, Style};
use std::time::Duration;

/// Who says what; the first one is told of changes.
const SCRIPT: &[(usize, &str)] = &[
    (0, "CLIENT TRACKING ON"),
    (0, "MGET a b c"),
    (1, "MSET a 1 c 1"),
    (1, "MSET a 2 b 2"),
    (0, "GET a"),
    (0, "SET a 3"),
    (1, "SET a 4"),
    (0, "MULTI; SET a 5; GET a; EXEC"),
    (1, "RENAME a b"),
    (0, "HGETALL h"),
    (0, "LRANGE l 0 -1"),
    (0, "SUNION s t"),
    (0, "EXISTS x y"),
    (1, "HSET h f 1"),
    (1, "RPUSH l 1 2 3"),
    (1, "LPOP l"),
    (1, "SADD t 1"),
    (1, "PERSIST x"),
    (1, "SETRANGE y 0 abc"),
    (0, "GET a"),
    (1, "FLUSHALL"),
    (0, "CLIENT TRACKINGINFO"),
    (0, "CLIENT TRACKING ON OPTIN OPTOUT"),
    (0, "CLIENT TRACKING ON BCAST"),
    (0, "CLIENT CACHING YES"),
    (0, "CLIENT TRACKING OFF"),
    (0, "CLIENT TRACKING ON OPTIN"),
    (0, "GET a"),
    (0, "CLIENT CACHING YES; MGET b c; GET d"),
    (1, "MSET a 1 b 1 c 1 d 1"),
    (0, "CLIENT CACHING NO"),
    (0, "CLIENT TRACKING OFF"),
    (0, "CLIENT TRACKING ON OPTOUT NOLOOP"),
    (0, "CLIENT CACHING NO; GET a; GET b; GET c; SET c 1"),
    (1, "MSET a 1 b 1 c 1"),
    (0, "CLIENT TRACKINGINFO"),
    (0, "CLIENT TRACKING OFF"),
    (0, "CLIENT TRACKING ON BCAST PREFIX ab PREFIX a"),
    (0, "CLIENT TRACKING ON BCAST PREFIX ab PREFIX x"),
    (0, "CLIENT TRACKING ON BCAST PREFIX abc"),
    (1, "MSET ab1 1 x1 1 y1 1"),
    (1, "DEL ab1 y1"),
    (0, "SET x2 1"),
    (0, "CLIENT TRACKINGINFO"),
    (0, "CLIENT GETREDIR"),
    (0, "RESET"),
    (0, "CLIENT GETREDIR"),
];

/// All that two clients hear, line by line.
fn heard(address: SocketAddr, version: &str) -> Vec<String> {
    let mut clients = [Client::connect(address), Client::connect(address)];
    let mut lines = Vec::new();
    for client in &mut clients {
        client.call(&["HELLO", version]);
    }
    for (who, line) in SCRIPT {
        for command in line.split("; ") {
            let words: Vec<&str> = command.split(' ').collect();
            clients[*who].send(&encode(&words)).expect("sent");
        }
        // When this one has its answers, the other one has been told.
        hear(&mut clients[*who], *who, line, &mut lines);
        for (name, client) in clients.iter_mut().enumerate() {
            hear(client, name, line, &mut lines);
        }
    }
    lines
}

fn hear(client: &mut Client, name: usize, line: &str, lines: &mut Vec<String>) {
    // Asked of the node, and answered behind all that it has told before.
    let mark = ["EVAL", "return 'so far'", "0"];
    client.send(&encode(&mark)).expect("sent");
    loop {
        let reply = client.receive().expect("a reply");
        if reply == Reply::bulk("so far") {
            return;
        }
        lines.push(format!("{line}: {name} hears {reply:?}"));
    }
}

#[test]
fn a_node_tells_what_redis_tells() {
    let Some(redis) = redis_server::start(&[]) else {
        return;
    };
    let node = start_node(&[]);
    for version in ["2", "3"] {
        assert_eq!(
            heard(node.address, version),
            heard(redis.address, version),
            "RESP{version}"
        );
    }
}

#[test]
fn a_proxy_tells_what_a_node_tells() {
    let node = start_node(&[]);
    let cluster = Cluster::start(1);
    // A way that tells of all changes has been opened, so what comes behind that is other.
    let of_reads = |address: SocketAddr| {
        let mut lines = heard(address, "3");
        let end = lines.iter().position(|line| line.contains("BCAST PREFIX"));
        lines.truncate(end.expect("it is said"));
        // Each of its ways to the node tells of FLUSHALL.
        lines.dedup();
        lines
    };
    assert_eq!(of_reads(cluster.proxy.address), of_reads(node.address));
}

/// Writers, caches, and somebody who disturbs them; in the end no cache has anything that is not so.
fn caches_hold(mut cluster: Cluster, seed: u64, disturb: impl FnOnce(&mut Cluster, &mut Dice)) {
    eprintln!("SWITCHYARD_SEED={seed}");
    let address = cluster.proxy.address;
    let ends = AtomicBool::new(false);
    let caches: Vec<Cache> = thread::scope(|scope| {
        let ends = &ends;
        let writers: Vec<_> = (0..2_u64)
            .map(|number| {
                scope.spawn(move || cache::write(address, Dice::new(seed ^ (1 + number)), ends))
            })
            .collect();
        let styles = [Style::Reads, Style::Reads, Style::OptIn, Style::Prefix];
        let caches: Vec<_> = (10_u64..)
            .zip(styles)
            .map(|(number, style)| {
                let dice = Dice::new(seed ^ number);
                scope.spawn(move || Cache::run(address, style, dice, ends))
            })
            .collect();
        let guard = EndsAll(ends);
        disturb(&mut cluster, &mut Dice::new(seed));
        drop(guard);
        for writer in writers {
            writer.join().expect("a writer's own words are above");
        }
        let caches = caches.into_iter();
        caches
            .map(|cache| cache.join().expect("a cache's own words are above"))
            .collect()
    });
    let mut asker = cluster.connect();
    for mut cache in caches {
        eventually("nothing in the cache is other than at the node", || {
            cache.differs_from(&mut asker).is_none()
        });
        eprintln!("{cache:?}");
        assert!(cache.was_told > 20, "it was told of changes");
    }
}

struct EndsAll<'a>(&'a AtomicBool);

impl Drop for EndsAll<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn no_cache_keeps_what_is_not_so() {
    let cluster = Cluster::start_with(3, &[], &["--threads", "2"]);
    caches_hold(cluster, Dice::seed_from_environment(), |_, _| {
        pause(Duration::from_millis(1_500));
    });
}

#[test]
fn no_cache_keeps_what_is_not_so_while_nodes_go_and_slots_move() {
    let cluster = Cluster::start_with(3, &[], &["--threads", "2"]);
    caches_hold(cluster, Dice::seed_from_environment(), |cluster, dice| {
        let nodes: Vec<SocketAddr> = cluster.nodes.iter().map(|node| node.address).collect();
        let topology = topology_path(cluster.proxy.folder());
        for version in 2..8 {
            pause(Duration::from_millis(200));
            let node = dice.below(nodes.len());
            cluster.nodes[node].kill();
            pause(Duration::from_millis(50));
            cluster.nodes[node].restart();
            pause(Duration::from_millis(200));
            let mut slots = even_slots(nodes.len());
            slots.rotate_left(usize::try_from(version).expect("small") % nodes.len());
            write_topology_that_loses_keys(&topology, version, &nodes, &slots);
        }
        pause(Duration::from_millis(300));
    });
}

#[test]
fn a_node_that_says_nothing_is_found_out_and_nothing_is_believed() {
    let cluster = Cluster::start_with(1, &[], &["--request-deadline", "500ms"]);
    let mut client = cluster.connect();
    client.call(&["HELLO", "3"]);
    for words in ["CLIENT TRACKING ON", "GET a"] {
        client.call_words(words);
    }
    // Whoever asks for nothing is told all the same.
    cluster.nodes[0].freeze();
    let told = client.receive().expect("a message");
    cluster.nodes[0].thaw();
    assert_eq!(
        told,
        Reply::Push(vec![Reply::bulk("invalidate"), Reply::Null])
    );
}

/// What a client that keeps what it reads believes of a key at the end, after these frames; the key is the last one of those that it has asked for.
fn believes(client: &mut Client, asked: usize) -> Option<String> {
    client.set_read_deadline(Duration::from_millis(1_500));
    let (mut answers, mut kept) = (0, None);
    while let Ok(frame) = client.receive() {
        match frame {
            Reply::Push(_) => kept = None,
            value => {
                answers += 1;
                kept = (answers == asked && !value.is_null()).then(|| value.text());
            }
        }
    }
    assert_eq!(answers, asked, "all are answered");
    kept
}

/// A client that is told so, and has been told all that was.
fn tracking(cluster: &Cluster, words: &str) -> Client {
    let mut client = cluster.connect();
    client.call(&["HELLO", "3"]);
    client
        .send(&encode(&words.split(' ').collect::<Vec<_>>()))
        .expect("sent");
    while let Reply::Push(_) = client.receive().expect("an answer") {}
    client
}

#[test]
fn a_value_that_comes_late_is_not_believed_when_it_has_changed_meanwhile() {
    for words in ["CLIENT TRACKING ON", "CLIENT TRACKING ON BCAST"] {
        let cluster = Cluster::start(2);
        let [slow, quick] = [0, 1].map(|shard| cluster.keys_on(shard, 1).remove(0));
        let mut other = cluster.connect();
        other.call(&["SET", &quick, "old"]);
        let mut client = tracking(&cluster, words);
        cluster.nodes[0].freeze();
        let asked = [encode(&["GET", &slow]), encode(&["GET", &quick])].concat();
        client.send(&asked).expect("sent");
        pause(Duration::from_millis(150));
        assert_eq!(other.call(&["SET", &quick, "new"]), Reply::ok());
        pause(Duration::from_millis(150));
        cluster.nodes[0].thaw();
        assert_eq!(believes(&mut client, 2), None, "{words}");
    }
}

#[test]
fn what_is_under_way_when_slots_move_is_not_believed() {
    let cluster = Cluster::start(2);
    let key = cluster.keys_on(0, 1).remove(0);
    cluster.connect().call(&["SET", &key, "old"]);
    let mut client = tracking(&cluster, "CLIENT TRACKING ON");
    cluster.nodes[0].freeze();
    client.send(&encode(&["GET", &key])).expect("sent");
    pause(Duration::from_millis(100));
    let nodes: Vec<SocketAddr> = cluster.nodes.iter().map(|node| node.address).collect();
    let topology = topology_path(cluster.proxy.folder());
    write_topology_that_loses_keys(&topology, 2, &nodes, &["".into(), "0-16383".into()]);
    let mut other = cluster.connect();
    eventually("the newer topology rules", || {
        other.call(&["SET", &key, "new"]) == Reply::ok()
    });
    cluster.nodes[0].thaw();
    assert_eq!(believes(&mut client, 1), None);
}

#[test]
fn who_asks_for_all_changes_while_a_node_is_lost_is_told_of_them_when_it_is_back() {
    let mut cluster = Cluster::start_with(2, &[], &["--threads", "1"]);
    let key = &cluster.keys_on(1, 1)[0];
    let ask = ["CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "k"];
    let (mut first, mut second) = (cluster.connect(), cluster.connect());
    for client in [&mut first, &mut second] {
        client.call(&["HELLO", "3"]);
    }
    let answer = |client: &mut Client| loop {
        match client.receive().expect("an answer") {
            Reply::Push(_) => {}
            told => return told,
        }
    };
    // The way on which nodes tell of all changes is open.
    first.send(&encode(&ask)).expect("sent");
    assert_eq!(answer(&mut first), Reply::ok());
    cluster.nodes[1].freeze();
    second.send(&encode(&ask)).expect("sent");
    cluster.connect().call(&["PING"]);
    cluster.nodes[1].kill();
    cluster.nodes[1].restart();
    assert_eq!(answer(&mut second), Reply::ok());
    cluster.connect().call(&["SET", key, "v"]);
    let changed = Reply::Push(vec![
        Reply::bulk("invalidate"),
        Reply::Array(vec![Reply::bulk(key)]),
    ]);
    while second.receive().expect("it is told") != changed {}
}

#[test]
fn a_way_that_is_opened_anew_for_whoever_has_gone_tells_of_no_changes() {
    let node = start_node(&[]);
    let relay = Relay::start(node.address);
    let proxy = start_proxy(&[relay.address], &["--threads", "1"]);
    let ask = ["CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "k"];
    let told_over = || {
        let clients = Client::connect(node.address).call(&["CLIENT", "LIST"]);
        let tells = |client: &&str| {
            let flags = client
                .split(' ')
                .find_map(|word| word.strip_prefix("flags="));
            flags.is_some_and(|flags| flags.contains('B'))
        };
        clients.text().lines().filter(tells).count()
    };
    let mut gone = proxy.connect();
    gone.call(&["HELLO", "3"]);
    gone.send(&encode(&ask)).expect("sent");
    while let Reply::Push(_) = gone.receive().expect("an answer") {}
    assert_eq!(told_over(), 1);
    // The way is lost, and opened again when a newer topology holds; the node does not answer yet.
    relay.hold();
    relay.cut();
    eventually("the node has heard of it", || told_over() == 0);
    let topology = topology_path(proxy.folder());
    write_topology_that_loses_keys(&topology, 2, &[relay.address], &even_slots(1));
    pause(Duration::from_millis(300));
    drop(gone);
    assert_eq!(proxy.connect().call(&["PING"]).text(), "PONG");
    relay.release();
    eventually("the shard serves again", || {
        proxy.connect().call(&["SET", "k", "v"]) == Reply::ok()
    });
    // The first words over the way may take as long.
    pause(Duration::from_millis(500));
    eventually("the node tells nobody", || told_over() == 0);
}
