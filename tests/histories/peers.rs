//! The same kills done to Redis Cluster and to servers under Redis Sentinel, Debian's, for comparison. Runs when `SWITCHYARD_ROUNDS` is set; it asserts nothing
//! of others, it prints.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use super::clients::{Door, Load};
use super::kills::kill_primaries;
use super::rounds_wanted;
use super::stage::Shards;
use crate::support::dice::Dice;
use crate::support::eventually::eventually;
use crate::support::redis_server;
use crate::support::servers::{Server, free_address};
use crate::support::{Client, Reply};

const SHARDS: usize = 3;
const COPIES: usize = 2;

/// After how long without an answer a server counts as down, milliseconds: what people set who want a quick failover.
const DOWN_AFTER: &str = "1000";

fn ask(address: SocketAddr, words: &str) -> Option<Reply> {
    let mut client = Client::try_connect(address).ok()?;
    client.set_read_deadline(std::time::Duration::from_millis(500));
    client
        .try_call(&words.split_whitespace().collect::<Vec<_>>())
        .ok()
}

/// So far behind a replica may be that counts as a copy, bytes: what is under way. One that has just been given a copy is `online` before it is sent what came
/// after it, a second later.
const LAG: u64 = 64 * 1024;

/// Whether a server says of itself that it leads, and how many replicas have all but what is under way.
fn leads_with(address: SocketAddr) -> Option<usize> {
    let reply = ask(address, "INFO replication")?;
    let Reply::Bulk(text) = &reply else {
        return None;
    };
    let text = String::from_utf8_lossy(text);
    let number_behind = |part: &str, name: &str| -> Option<u64> {
        let (_, rest) = part.split_once(name)?;
        let digits = rest.split(|character: char| !character.is_ascii_digit());
        digits.into_iter().next()?.parse().ok()
    };
    let end = number_behind(&text, "master_repl_offset:")?;
    let has_all = |line: &&str| {
        let offset = number_behind(line, ",offset=");
        line.contains("state=online") && offset.is_some_and(|offset| offset + LAG >= end)
    };
    let leads = text.contains("role:master\r\n");
    leads.then(|| text.lines().filter(has_all).count())
}

/// An address in a reply of host and port.
fn address_in(host: &Reply, port: &Reply) -> Option<SocketAddr> {
    let port = match port {
        Reply::Integer(port) => port.to_string(),
        port => port.text(),
    };
    format!("{}:{port}", host.text()).parse().ok()
}

/// Servers of three shards, each with a replica, and whoever says who leads.
struct Peers<D> {
    nodes: Vec<Server>,
    door: D,
}

impl<D: Door> Shards for Peers<D> {
    fn nodes(&mut self) -> &mut [Server] {
        &mut self.nodes
    }

    fn primary(&self, shard: usize) -> Option<usize> {
        let leader = self.door.address(shard, 0)?;
        let number = self.nodes.iter().position(|node| node.address == leader)?;
        leads_with(leader).map(|_| number)
    }

    fn is_whole(&self) -> bool {
        let has_all = |shard: usize| {
            let primary = self.primary(shard)?;
            Some(leads_with(self.nodes[primary].address)? + 1 >= COPIES)
        };
        (0..SHARDS).all(|shard| has_all(shard).unwrap_or(false))
    }
}

/// A sentinel; whatever it learns it writes into its file.
fn start_sentinel(primaries: &[SocketAddr]) -> Server {
    Server::start("redis-server", |address, folder| {
        let mut text = format!("port {}\nbind 127.0.0.1\n", address.port());
        for (shard, primary) in primaries.iter().enumerate() {
            text += &format!(
                "sentinel monitor s{shard} 127.0.0.1 {} 2\nsentinel down-after-milliseconds s{shard} {DOWN_AFTER}\nsentinel failover-timeout s{shard} 10000\n",
                primary.port()
            );
        }
        let file: PathBuf = folder.join("sentinel.conf");
        fs::write(&file, text).expect("a file in a temporary folder");
        vec![file.display().to_string(), "--sentinel".to_owned()]
    })
}

/// Clients ask the sentinels.
struct Sentinels(Vec<SocketAddr>);

impl Door for Sentinels {
    fn lines(&self) -> usize {
        SHARDS
    }

    fn address(&self, line: usize, attempt: usize) -> Option<SocketAddr> {
        let sentinel = self.0[attempt % self.0.len()];
        let words = format!("SENTINEL get-master-addr-by-name s{line}");
        match ask(sentinel, &words)? {
            Reply::Array(parts) => address_in(parts.first()?, parts.get(1)?),
            _ => None,
        }
    }
}

/// Clients ask any node of a cluster.
struct Nodes(Vec<SocketAddr>);

impl Door for Nodes {
    fn lines(&self) -> usize {
        SHARDS
    }

    fn address(&self, line: usize, attempt: usize) -> Option<SocketAddr> {
        let slot = i64::try_from(line * 16_384 / SHARDS + 1).ok()?;
        let owner = |range: &Reply| {
            let Reply::Array(range) = range else {
                return None;
            };
            let owns = (range[0].integer()..=range[1].integer()).contains(&slot);
            let owner = range[2].elements();
            owns.then(|| address_in(&owner[0], &owner[1])).flatten()
        };
        let count = self.0.len();
        let nodes = (0..count).map(|step| self.0[(attempt + step) % count]);
        nodes
            .filter_map(|node| match ask(node, "CLUSTER SLOTS")? {
                Reply::Array(ranges) => ranges.iter().find_map(owner),
                _ => None,
            })
            .next()
    }
}

fn run_rounds<D: Door>(name: &str, peers: &mut Peers<D>, door: &D) {
    let Some(rounds) = rounds_wanted() else {
        return;
    };
    let seed = Dice::seed_from_environment();
    let shown = kill_primaries(peers, door, Load::mixed(SHARDS), rounds, seed);
    eprintln!("{name}, {rounds} rounds, SWITCHYARD_SEED={seed}\n{shown}");
}

/// Whether it is asked for and can be run; says why not.
fn is_wanted() -> bool {
    let is_wanted = rounds_wanted().is_some();
    if !is_wanted {
        eprintln!("skipped: a comparison with others; SWITCHYARD_ROUNDS=100 runs it");
    }
    is_wanted
}

#[test]
fn redis_sentinel() {
    if !is_wanted() {
        return;
    }
    let servers: Option<Vec<Server>> = (0..SHARDS * COPIES)
        .map(|_| redis_server::start(&[]))
        .collect();
    let Some(nodes) = servers else {
        return;
    };
    for pair in nodes.chunks(COPIES) {
        let words = format!("REPLICAOF 127.0.0.1 {}", pair[0].address.port());
        assert_eq!(pair[1].connect().call_words(&words), Reply::ok());
    }
    let primaries: Vec<SocketAddr> = nodes
        .iter()
        .step_by(COPIES)
        .map(|node| node.address)
        .collect();
    let sentinels: Vec<Server> = (0..3).map(|_| start_sentinel(&primaries)).collect();
    let addresses: Vec<SocketAddr> = sentinels.iter().map(|it| it.address).collect();
    for (sentinel, shard) in addresses
        .iter()
        .flat_map(|it| (0..SHARDS).map(move |shard| (it, shard)))
    {
        // Two others, and a replica: until then it cannot fail over.
        eventually("a sentinel knows all", || {
            let knows = |words: &str| match ask(*sentinel, &format!("SENTINEL {words} s{shard}")) {
                Some(Reply::Array(list)) => list.len(),
                _ => 0,
            };
            knows("sentinels") == 2 && knows("replicas") == COPIES - 1
        });
    }
    let mut peers = Peers {
        nodes,
        door: Sentinels(addresses.clone()),
    };
    run_rounds("Redis Sentinel", &mut peers, &Sentinels(addresses));
}

#[test]
fn redis_cluster() {
    if !is_wanted() {
        return;
    }
    let start = || {
        let bus = free_address().port().to_string();
        let further = ["--cluster-enabled", "yes", "--cluster-port", &bus];
        let timeout = ["--cluster-node-timeout", DOWN_AFTER];
        redis_server::start(&[&further[..], &timeout[..]].concat())
    };
    let servers: Option<Vec<Server>> = (0..SHARDS * COPIES).map(|_| start()).collect();
    let Some(nodes) = servers else {
        return;
    };
    let addresses: Vec<SocketAddr> = nodes.iter().map(|node| node.address).collect();
    let status = Command::new("redis-cli")
        .args(["--cluster", "create"])
        .args(addresses.iter().map(ToString::to_string))
        .args(["--cluster-replicas", "1", "--cluster-yes"])
        .output()
        .expect("redis-cli, which comes with redis-server");
    assert!(status.status.success(), "{status:?}");
    let mut peers = Peers {
        nodes,
        door: Nodes(addresses.clone()),
    };
    eventually("the cluster serves", || {
        let info = ask(addresses[0], "CLUSTER INFO");
        info.is_some_and(|info| info.text().contains("cluster_state:ok")) && peers.is_whole()
    });
    run_rounds("Redis Cluster", &mut peers, &Nodes(addresses));
}
