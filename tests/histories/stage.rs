//! What is tested: shards of several nodes, proxies that look after them, and where their topology lies, a file or a real etcd. All are processes of their own.
//! Touches: processes and files that it made. Never: decides who leads; it asks the nodes.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::clients::Proxies;
use super::space::{self, Place, Space};
use super::unfenced::without_fence;
use crate::fence::read_status;
use crate::support::etcd::Members;
use crate::support::eventually::{eventually, eventually_within};
use crate::support::fault::Relay;
use crate::support::servers::{SWITCHYARD, Server, even_slots, free_address};
use crate::support::{Client, Reply};

/// The key under which proxies look for the topology in etcd.
const TOPOLOGY_KEY: &str = "/switchyard/topology";

/// How long a node may take to say what it is: it may stand still.
const STATUS_DEADLINE: Duration = Duration::from_millis(500);

/// Whoever has shards with primaries, whichever product it is.
pub(crate) trait Shards {
    /// All nodes, those of a shard behind each other.
    fn nodes(&mut self) -> &mut [Server];

    /// The number of the node that leads a shard now, if one says so.
    fn primary(&self, shard: usize) -> Option<usize>;

    /// Whether every shard has a primary, and all copies that it is to have.
    fn is_whole(&self) -> bool;

    /// Waits until it is.
    fn becomes_whole(&self) {
        // A node that has died again and again is taken up at ever longer intervals, up to a minute.
        let patience = Duration::from_secs(150);
        eventually_within(
            patience,
            "every shard has its primary and its copies",
            || self.is_whole(),
        );
    }

    /// The same, of a shard that has one.
    fn leader(&self, shard: usize) -> usize {
        let mut leader = None;
        eventually("a shard has a primary", || {
            leader = self.primary(shard);
            leader.is_some()
        });
        leader.expect("just found")
    }
}

/// What is to be built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) shards: usize,
    pub(crate) copies: usize,
    pub(crate) proxies: usize,
    /// `in-sync` or `async`.
    pub(crate) acks: &'static str,
    /// Members of etcd; with none the topology lies in a file.
    pub(crate) etcd: usize,
    pub(crate) disk: Disk,
    pub(crate) net: Net,
    pub(crate) clocks: Clocks,
}

/// What time of day processes believe it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clocks {
    /// The machine's.
    True,
    /// Each what a file in its folder says, within a second.
    Set,
}

/// What nodes keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disk {
    /// Nothing.
    Unused,
    /// Every write, before it is acknowledged.
    Always,
    /// The same, on a disk so small that it can be filled. Only in namespaces of the test's own.
    Small,
}

/// How others reach the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Net {
    Loopback,
    /// Over relays, which can be held and cut.
    Relays,
    /// Over relays that take away what binds a proxy's connection to an epoch and a life.
    WithoutFence,
    /// Each node and proxy in a network of its own, all of them on one bridge.
    Spaces,
}

impl Plan {
    /// Two shards of two nodes that keep nothing on disk, and one proxy.
    pub(crate) const SMALL: Self = Self {
        shards: 2,
        copies: 2,
        proxies: 1,
        acks: "in-sync",
        etcd: 0,
        disk: Disk::Unused,
        net: Net::Loopback,
        clocks: Clocks::True,
    };
}

/// All of it, running.
pub(crate) struct Stage {
    pub(crate) plan: Plan,
    pub(crate) nodes: Vec<Server>,
    pub(crate) relays: Vec<Relay>,
    pub(crate) proxies: Vec<Server>,
    pub(super) etcd: Option<Members>,
    pub(super) space: Option<Space>,
    /// Holds the topology file.
    folder: TempDir,
}

impl Stage {
    /// Starts everything; returns when every shard has its copies.
    pub(crate) fn start(plan: Plan) -> Self {
        Self::start_by(plan, "", &[])
    }

    /// The same with further tables of the topology, and arguments of proxies.
    pub(crate) fn start_by(plan: Plan, tables: &str, for_proxies: &[&str]) -> Self {
        let space = (plan.net == Net::Spaces).then(Space::build);
        let nodes: Vec<Server> = (0..plan.shards * plan.copies)
            .map(|number| start_member(plan, space.as_ref(), number))
            .collect();
        let relays: Vec<Relay> = nodes
            .iter()
            .filter_map(|node| relay(plan.net, node.address))
            .collect();
        let addresses: Vec<SocketAddr> = match relays.is_empty() {
            true => nodes.iter().map(|node| node.address).collect(),
            false => relays.iter().map(|relay| relay.address).collect(),
        };
        let topology = topology(plan, &addresses) + tables;
        let folder = TempDir::with_prefix("switchyard-test-").expect("a temporary folder");
        let etcd = (plan.etcd > 0).then(|| start_etcd(plan.etcd));
        let place = match &etcd {
            Some(etcd) => put_topology(etcd, plan.etcd, &topology),
            None => {
                let file = topology_file(&folder);
                fs::write(&file, topology).expect("a file in a temporary folder");
                file.display().to_string()
            }
        };
        let proxies = (0..plan.proxies)
            .map(|number| {
                let words = [&["--acks", plan.acks][..], for_proxies].concat();
                start_controlling_proxy(plan, &place, &words, space.as_ref(), number)
            })
            .collect();
        let stage = Self {
            plan,
            nodes,
            relays,
            proxies,
            etcd,
            space,
            folder,
        };
        stage.becomes_whole();
        stage
    }

    /// Where clients find it.
    pub(super) fn door(&self) -> Proxies {
        Proxies(self.proxies.iter().map(|proxy| proxy.address).collect())
    }

    /// The topology as it is kept; nothing when it cannot be read now.
    fn document(&self) -> String {
        match &self.etcd {
            None => fs::read_to_string(topology_file(&self.folder)).unwrap_or_default(),
            Some(etcd) => {
                let endpoints = endpoints(etcd, self.plan.etcd);
                let output = Command::new("etcdctl")
                    .args(["--endpoints", &endpoints, "get", "--print-value-only"])
                    .args([
                        "--dial-timeout",
                        "500ms",
                        "--command-timeout",
                        "1s",
                        TOPOLOGY_KEY,
                    ])
                    .output();
                let text = output.map(|output| output.stdout).unwrap_or_default();
                String::from_utf8_lossy(&text).into_owned()
            }
        }
    }

    /// Where a proxy's admin page is.
    pub(crate) fn admin(&self, proxy: usize) -> String {
        let file = admin_of(self.proxies[proxy].folder());
        fs::read_to_string(file).expect("written before it started")
    }

    /// The nodes of a shard.
    pub(crate) fn members(&self, shard: usize) -> Range<usize> {
        shard * self.plan.copies..(shard + 1) * self.plan.copies
    }

    /// A node of the shard that does not lead it.
    pub(crate) fn follower(&self, shard: usize) -> usize {
        let leader = self.leader(shard);
        let mut members = self.members(shard);
        members
            .find(|member| *member != leader)
            .expect("a shard has several nodes")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.plan.disk == Disk::Small {
            for node in &self.nodes {
                let disk = disk_of(node.folder()).display().to_string();
                // Its files are open; it goes with them.
                space::run(&["umount", "--lazy", &disk]);
            }
        }
    }
}

impl Shards for Stage {
    fn nodes(&mut self) -> &mut [Server] {
        &mut self.nodes
    }

    fn primary(&self, shard: usize) -> Option<usize> {
        let leads = |member: &usize| {
            let status = status(self.nodes[*member].address)?;
            let is_primary = status.get("role")? == "primary";
            let epoch: u64 = status.get("role-epoch")?.parse().ok()?;
            // One that was fenced off leads no more.
            let is_current = status.get("seen-epoch")? == &epoch.to_string();
            (is_primary && is_current).then_some((epoch, *member))
        };
        let leaders = self.members(shard).filter_map(|member| leads(&member));
        leaders.max().map(|(_, member)| member)
    }

    fn is_whole(&self) -> bool {
        // What counts at the next failure is the document; what counts for the next write is the primary. Both may tell of a life that is over: a node that
        // was back at once is missed only later, and has nothing until then.
        let document = self.document();
        let in_sync: Vec<&str> = document
            .lines()
            .filter_map(|line| line.strip_prefix("in-sync = "))
            .collect();
        in_sync.len() == self.plan.shards
            && in_sync.into_iter().enumerate().all(|(shard, members)| {
                let members: Vec<&str> = members.split('"').filter(|it| it.contains('@')).collect();
                members.len() >= self.plan.copies && self.are_in_sync(shard, &members)
            })
    }
}

impl Stage {
    /// Whether these, `n1@` and a life, live, and the primary waits for all others.
    fn are_in_sync(&self, shard: usize, members: &[&str]) -> bool {
        let Some(primary) = self.primary(shard) else {
            return false;
        };
        let leading = status(self.nodes[primary].address).unwrap_or_default();
        let waits_for = leading.get("waits-for").map_or("", String::as_str);
        members.iter().all(|member| {
            let (name, life) = member.split_once('@').expect("looked for");
            let number: usize = name[1..].parse().expect("a number behind n");
            let status = status(self.nodes[number].address).unwrap_or_default();
            let lives = status.get("life").is_some_and(|it| it == life);
            let is_waited_for = waits_for.split_whitespace().any(|other| other == *member);
            lives && (number == primary || is_waited_for)
        })
    }
}

/// What a node says of itself; `None` when it cannot be asked.
pub(super) fn status(address: SocketAddr) -> Option<BTreeMap<String, String>> {
    let mut client = Client::try_connect(address).ok()?;
    client.set_read_deadline(STATUS_DEADLINE);
    let reply = client.try_call(&["NODE", "STATUS"]).ok()?;
    matches!(reply, Reply::Array(_)).then(|| read_status(&reply))
}

/// Where a small disk is mounted for a node.
pub(super) fn disk_of(folder: &Path) -> PathBuf {
    folder.join("disk")
}

/// Where a node keeps its data.
pub(super) fn data_of(folder: &Path) -> PathBuf {
    disk_of(folder).join("data")
}

fn relay(net: Net, node: SocketAddr) -> Option<Relay> {
    match net {
        Net::Loopback | Net::Spaces => None,
        Net::Relays => Some(Relay::start(node)),
        Net::WithoutFence => Some(Relay::start_with(node, without_fence)),
    }
}

fn start_member(plan: Plan, space: Option<&Space>, number: usize) -> Server {
    let arguments = |address: SocketAddr, folder: &Path| {
        let address = address.to_string();
        let mut words = vec!["node", "--listen", &address, "--save", ""];
        let data = data_of(folder).display().to_string();
        if plan.disk == Disk::Small {
            mount_small_disk(&disk_of(folder));
        }
        if plan.disk != Disk::Unused {
            fs::create_dir_all(&data).expect("a folder in a temporary folder");
            words.extend(["--data-dir", &data]);
            words.extend(["--appendonly", "true", "--appendfsync", "always"]);
        }
        words.into_iter().map(str::to_owned).collect()
    };
    match space {
        None => start_with_clock(plan.clocks, arguments),
        Some(space) => space.start(Place::Node(number), arguments),
    }
}

/// Tells a process another time of day; the clock by which it measures how long something takes goes on.
pub(super) const FALSE_CLOCK: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/// Where it stands by how many seconds a process' clock is wrong.
pub(super) fn clock_of(folder: &Path) -> PathBuf {
    folder.join("clock")
}

fn start_with_clock(
    clocks: Clocks,
    arguments: impl Fn(SocketAddr, &Path) -> Vec<String>,
) -> Server {
    if clocks == Clocks::True {
        return Server::start(SWITCHYARD, arguments);
    }
    Server::start("env", |address, folder| {
        let clock = clock_of(folder);
        fs::write(&clock, "+0").expect("a file in a temporary folder");
        let mut words = vec![
            format!("LD_PRELOAD={FALSE_CLOCK}"),
            format!("FAKETIME_TIMESTAMP_FILE={}", clock.display()),
            "FAKETIME_CACHE_DURATION=1".to_owned(),
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
            SWITCHYARD.to_owned(),
        ];
        words.extend(arguments(address, folder));
        words
    })
}

/// Bytes of a small disk: a few seconds of writes.
const SMALL_DISK: &str = "size=16m";

fn mount_small_disk(disk: &Path) {
    fs::create_dir_all(disk).expect("a folder in a temporary folder");
    let disk = disk.display().to_string();
    space::run(&["mount", "-t", "tmpfs", "-o", SMALL_DISK, "tmpfs", &disk]);
}

fn start_controlling_proxy(
    plan: Plan,
    topology: &str,
    further: &[&str],
    space: Option<&Space>,
    number: usize,
) -> Server {
    let arguments = |address: SocketAddr, folder: &Path| {
        let listen = address.to_string();
        let admin = SocketAddr::new(address.ip(), free_address().port()).to_string();
        fs::write(admin_of(folder), &admin).expect("a file in a temporary folder");
        let gossip = SocketAddr::new(address.ip(), 0).to_string();
        let words = ["proxy", "--listen", &listen, "--topology", topology];
        let own = ["--admin", &admin, "--gossip", &gossip];
        let words = words.iter().chain(&own).chain(further);
        words.map(ToString::to_string).collect()
    };
    match space {
        None => start_with_clock(plan.clocks, arguments),
        Some(space) => space.start(Place::Proxy(number), arguments),
    }
}

/// As people write it: who belongs to which shard, and the first of each leads.
fn topology(plan: Plan, addresses: &[SocketAddr]) -> String {
    let mut text = "version = 1\n".to_owned();
    for (number, address) in addresses.iter().enumerate() {
        text += &format!("\n[[node]]\nid = \"n{number}\"\naddress = \"{address}\"\n");
    }
    for (shard, slots) in even_slots(plan.shards).iter().enumerate() {
        let first = shard * plan.copies;
        let learners: Vec<String> = (first + 1..first + plan.copies)
            .map(|node| format!("\"n{node}\""))
            .collect();
        let learners = learners.join(", ");
        text += &format!(
            "\n[[shard]]\nid = \"s{shard}\"\nepoch = 1\nprimary = \"n{first}\"\nin-sync = [\"n{first}\"]\nlearners = [{learners}]\nslots = \"{slots}\"\n"
        );
    }
    text
}

/// Where the address of a proxy's admin page is written.
fn admin_of(folder: &Path) -> PathBuf {
    folder.join("admin")
}

fn start_etcd(count: usize) -> Members {
    let etcd = Members::start(count);
    for place in 0..count {
        eventually("etcd serves", || etcd.serves(place));
    }
    etcd
}

fn topology_file(folder: &TempDir) -> PathBuf {
    folder.path().join("topology.toml")
}

fn endpoints(etcd: &Members, members: usize) -> String {
    let endpoints: Vec<String> = (0..members)
        .map(|place| format!("127.0.0.1:{}", etcd.port(place)))
        .collect();
    endpoints.join(",")
}

/// Writes the topology and says where proxies find it.
fn put_topology(etcd: &Members, members: usize, topology: &str) -> String {
    let endpoints = endpoints(etcd, members);
    let mut child = Command::new("etcdctl")
        .args(["--endpoints", &endpoints, "put", TOPOLOGY_KEY])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("etcdctl, from Debian's etcd-client");
    let mut input = child.stdin.take().expect("piped");
    input.write_all(topology.as_bytes()).expect("it reads");
    drop(input);
    assert!(child.wait().expect("own child").success());
    format!("etcd://{endpoints}")
}
