//! Policies by key pattern: who answers reads, and when writes are acknowledged, of shards with followers behind a proxy.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use crate::fence::read_status;
use crate::replication::told;
use crate::support::eventually::eventually;
use crate::support::servers::{SWITCHYARD, Server, start_node, topology_path};
use crate::support::{Client, Reply, encode};

/// So long nothing comes that must not come.
const NEVER: Duration = Duration::from_millis(300);

/// A shard of two nodes, of which the first leads to begin with, and the proxy that looks after them.
struct Pair {
    nodes: Vec<Server>,
    proxy: Server,
}

impl Pair {
    fn start(zones: [&str; 2], further: &[&str]) -> Self {
        Self::with_shard(zones, "", further)
    }

    /// The same with more lines about the shard.
    fn with_shard(zones: [&str; 2], more: &str, further: &[&str]) -> Self {
        let nodes: Vec<Server> = (0..2).map(|_| start_node(&[])).collect();
        let addresses: Vec<SocketAddr> = nodes.iter().map(|node| node.address).collect();
        let proxy = Server::start(SWITCHYARD, |address, folder| {
            let topology = topology_path(folder);
            let mut text = "version = 1\n".to_owned();
            for (number, (address, zone)) in addresses.iter().zip(zones).enumerate() {
                text += &format!(
                    "\n[[node]]\nid = \"n{number}\"\naddress = \"{address}\"\nzone = \"{zone}\"\n"
                );
            }
            text += "\n[[shard]]\nid = \"s0\"\nepoch = 1\nprimary = \"n0\"\nin-sync = [\"n0\"]\nlearners = [\"n1\"]\nslots = \"0-16383\"\n";
            text += more;
            fs::write(&topology, text).expect("a file in a temporary folder");
            let (address, topology) = (address.to_string(), topology.display().to_string());
            let words = ["proxy", "--threads", "1", "--admin", "off", "--listen"];
            let words = words
                .into_iter()
                .chain([&*address, "--topology", &topology]);
            let words = words.chain(further.iter().copied());
            words.map(str::to_owned).collect()
        });
        let pair = Self { nodes, proxy };
        pair.await_follower(1);
        pair
    }

    /// Until this one is in sync, and its proxy knows of it.
    fn await_follower(&self, follower: usize) {
        let name = format!("n{follower}@{}", self.status(follower, "life"));
        eventually("the follower is in sync", || {
            let text = fs::read_to_string(topology_path(self.proxy.folder())).unwrap_or_default();
            let mut lines = text.lines();
            lines.any(|line| line.starts_with("in-sync") && line.contains(&name))
        });
    }

    fn status(&self, node: usize, name: &str) -> String {
        let reply = self.nodes[node].connect().call(&["NODE", "STATUS"]);
        read_status(&reply).remove(name).unwrap_or_default()
    }

    /// How many of these commands a node has carried out.
    fn count(&self, node: usize, command: &str) -> u64 {
        let mut client = self.nodes[node].connect();
        let line = told(&mut client, "commandstats", &format!("cmdstat_{command}"));
        let calls = line.strip_prefix("calls=").unwrap_or("0");
        calls
            .split(',')
            .next()
            .and_then(|calls| calls.parse().ok())
            .unwrap_or(0)
    }
}

/// Reads until the follower answers: the first may be sent before the proxy knows of it.
fn read_at(pair: &Pair, client: &mut Client, node: usize, key: &str, value: &str) {
    eventually("this node answers reads", || {
        let before = pair.count(node, "get");
        assert_eq!(client.call(&["GET", key]), Reply::bulk(value));
        pair.count(node, "get") > before
    });
}

#[test]
fn followers_answer_reads_and_the_primary_where_they_cannot() {
    let policies = "fresh:* read-from=primary";
    let further = [
        "--read-from",
        "follower",
        "--acks",
        "in-sync",
        "--policies",
        policies,
    ];
    let mut pair = Pair::start(["a", "b"], &further);
    let mut client = pair.proxy.connect();
    for key in ["k", "fresh:k"] {
        assert_eq!(client.call(&["SET", key, "v"]), Reply::ok());
    }
    read_at(&pair, &mut client, 1, "k", "v");
    let before = [0, 1].map(|node| pair.count(node, "get"));
    let gets: Vec<_> = (0..100)
        .map(|_| vec![b"GET".to_vec(), b"k".to_vec()])
        .collect();
    assert!(
        client
            .pipeline(&gets)
            .iter()
            .all(|reply| *reply == Reply::bulk("v"))
    );
    assert_eq!(
        [0, 1].map(|node| pair.count(node, "get")),
        [before[0], before[1] + 100]
    );
    assert_eq!(client.call(&["GET", "fresh:k"]), Reply::bulk("v"));
    let both = Reply::Array(vec![Reply::bulk("v"), Reply::bulk("v")]);
    assert_eq!(
        client.call(&["MGET", "k", "fresh:k"]),
        both,
        "the strictest"
    );
    assert_eq!(pair.count(0, "get"), before[0] + 1);
    // What is read under a WATCH is not older than the watch.
    assert_eq!(client.call(&["WATCH", "k"]), Reply::ok());
    assert_eq!(client.call(&["GET", "k"]), Reply::bulk("v"));
    assert_eq!(pair.count(0, "get"), before[0] + 2);
    assert_eq!(client.call(&["UNWATCH"]), Reply::ok());
    assert_eq!([0, 1].map(|node| pair.count(node, "mget")), [1, 0]);
    // Cursors are a node's own.
    client.call(&["HSCAN", "h", "0"]);
    assert_eq!([0, 1].map(|node| pair.count(node, "hscan")), [1, 0]);

    // It stands still with requests under way, and dies: nobody sees an error.
    pair.nodes[1].freeze();
    client.send(&encode(&["GET", "k"])).expect("sent");
    assert_eq!(client.receive().expect("a reply"), Reply::bulk("v"));
    pair.nodes[1].thaw();
    read_at(&pair, &mut client, 1, "k", "v");
    pair.nodes[1].kill();
    let replies = client.pipeline(&gets);
    assert!(
        replies.iter().all(|reply| *reply == Reply::bulk("v")),
        "{replies:?}"
    );
    // It comes back empty: it is not asked before it has everything again.
    pair.nodes[1].restart();
    for _ in 0..100 {
        assert_eq!(client.call(&["GET", "k"]), Reply::bulk("v"));
    }
    pair.await_follower(1);
    read_at(&pair, &mut client, 1, "k", "v");
}

#[test]
fn reads_go_on_at_a_follower_that_is_promoted_and_at_the_one_that_comes_back() {
    let mut pair = Pair::start(
        ["a", "b"],
        &["--read-from", "follower", "--acks", "in-sync"],
    );
    let mut client = pair.proxy.connect();
    assert_eq!(client.call(&["SET", "k", "v"]), Reply::ok());
    read_at(&pair, &mut client, 1, "k", "v");
    pair.nodes[0].kill();
    eventually("the other one leads", || {
        assert_eq!(client.call(&["GET", "k"]), Reply::bulk("v"));
        pair.status(1, "role") == "primary"
    });
    assert_eq!(client.call(&["SET", "k", "w"]), Reply::ok());
    for _ in 0..100 {
        assert_eq!(client.call(&["GET", "k"]), Reply::bulk("w"));
    }
    pair.nodes[0].restart();
    pair.await_follower(0);
    read_at(&pair, &mut client, 0, "k", "w");
}

#[test]
fn the_nearest_member_answers() {
    for (zones, expected) in [(["a", "b"], 1), (["b", "a"], 0), (["b", "b"], 0)] {
        let further = ["--read-from", "nearest", "--zone", "b", "--acks", "in-sync"];
        let pair = Pair::start(zones, &further);
        let mut client = pair.proxy.connect();
        assert_eq!(client.call(&["SET", "k", "v"]), Reply::ok());
        read_at(&pair, &mut client, expected, "k", "v");
        let before = pair.count(1 - expected, "get");
        read_at(&pair, &mut client, expected, "k", "v");
        assert_eq!(pair.count(1 - expected, "get"), before);
    }
}

#[test]
fn writes_wait_for_followers_where_their_keys_say_so() {
    let policies = ["--policies", "cart:* acks=in-sync"];
    // Nobody goes on without the follower.
    let pair = Pair::with_shard(["a", "b"], "min-in-sync = 2\n", &policies);
    let mut client = pair.proxy.connect();
    assert_eq!(
        client.call(&["MSET", "cart:1", "x", "log:1", "x"]),
        Reply::ok()
    );
    pair.nodes[1].freeze();
    assert_eq!(client.call(&["SET", "log:1", "y"]), Reply::ok());
    client.set_read_deadline(NEVER);
    client.send(&encode(&["SET", "cart:1", "y"])).expect("sent");
    assert!(client.receive().is_err(), "the follower has not got it");
    // Of several keys the strictest; and what comes behind waits for it, by whatever way.
    let mut other = pair.proxy.connect();
    other.set_read_deadline(NEVER);
    other
        .send(&encode(&["MSET", "log:1", "z", "cart:2", "z"]))
        .expect("sent");
    other.send(&encode(&["GET", "log:1"])).expect("sent");
    assert!(other.receive().is_err(), "the follower has not got it");
    pair.nodes[1].thaw();
    client.set_read_deadline(crate::support::eventually::PATIENCE);
    other.set_read_deadline(crate::support::eventually::PATIENCE);
    assert_eq!(client.receive().expect("a reply"), Reply::ok());
    assert_eq!(other.receive().expect("a reply"), Reply::ok());
    assert_eq!(other.receive().expect("a reply"), Reply::bulk("z"));
}

#[test]
fn a_client_sees_its_commands_in_order_whatever_their_policies() {
    let policies = "a:* acks=in-sync; b:* acks=async";
    let pair = Pair::start(["a", "b"], &["--policies", policies]);
    let mut client = pair.proxy.connect();
    let words = |line: String| {
        line.split(' ')
            .map(|word| word.as_bytes().to_vec())
            .collect()
    };
    let lines = |round: usize| {
        [
            format!("SET a:k {round}"),
            format!("SET b:k -{round}"),
            "MGET a:k b:k".to_owned(),
            "DEL a:k b:k".to_owned(),
            "DBSIZE".to_owned(),
        ]
    };
    let requests: Vec<Vec<Vec<u8>>> = (0..200).flat_map(lines).map(words).collect();
    for (round, replies) in client.pipeline(&requests).chunks(5).enumerate() {
        let (a, b) = (round.to_string(), format!("-{round}"));
        let expected = [
            Reply::ok(),
            Reply::ok(),
            Reply::Array(vec![Reply::bulk(&a), Reply::bulk(&b)]),
            Reply::Integer(2),
            Reply::Integer(0),
        ];
        assert_eq!(replies, expected, "round {round}");
    }
}
