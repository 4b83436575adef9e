//! What the tests of both stores share: topologies that count their changes, writers that compete, children that are killed.
//! Starts this very test program again as a child, and ends it by its process id.
#![allow(dead_code, reason = "each of the test programs uses a part of it")]

pub(crate) mod etcd;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use shared::topology::{Address, Node, NodeId, NodeKind, Topology, Version, Weight};
use store::{CasError, TopologyStore};

/// So often a thing that must come true is looked at: about a minute with the pauses between.
const MOST_LOOKS: usize = 3_000;

/// The pause between two looks.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long a thing may take that must end: far longer than it does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// One node, one shard; the shard's weight is the version, so that a lost change shows.
pub(crate) fn topology(version: u64) -> Topology {
    let node = Node {
        id: NodeId::numbered(1),
        address: Address::loopback(7001),
        kind: NodeKind::Switchyard,
        zone: None,
    };
    let mut topology = Topology::initial(vec![node], 0).unwrap();
    topology.version = Version(version);
    topology.shards[0].weight = weight(version);
    topology
}

fn weight(number: u64) -> Weight {
    Weight::new(u16::try_from(number).unwrap()).unwrap()
}

/// The topology after this one: its count is one higher, whatever its version.
pub(crate) fn counted_on(topology: &Topology) -> Topology {
    let mut next = topology.clone();
    next.version = topology.version.next();
    next.shards[0].weight = weight(count(topology) + 1);
    next
}

/// How many changes have been made to it, and one.
pub(crate) fn count(topology: &Topology) -> u64 {
    topology.shards[0].weight.get().into()
}

/// What a writer knows of its changes.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// The versions that it has made.
    pub(crate) won: Vec<u64>,
    /// Those of which nobody has told it whether it made them.
    pub(crate) unknown: Vec<u64>,
    /// How often somebody else was faster.
    pub(crate) lost: usize,
}

/// Counts on until it has won so often. What is wrong in between is tried again.
pub(crate) async fn write(store: &TopologyStore, wins: usize) -> Written {
    let mut written = Written::default();
    for _ in 0..MOST_LOOKS {
        if written.won.len() >= wins {
            return written;
        }
        let Ok(there) = store.load().await else {
            tokio::time::sleep(LOOK_EVERY).await;
            continue;
        };
        let next = counted_on(&there.topology);
        match store.compare_and_set(there.topology.version, &next).await {
            Ok(()) => written.won.push(next.version.0),
            Err(CasError::Lost) => written.lost += 1,
            Err(CasError::Unknown(_)) => written.unknown.push(next.version.0),
            Err(CasError::NotDone(_)) => tokio::time::sleep(LOOK_EVERY).await,
            Err(error @ CasError::Rules(_)) => panic!("{error}"),
        }
    }
    panic!("{} of {wins} changes came through", written.won.len());
}

/// Every version was made by one writer, and none was lost: what is there now has counted each.
pub(crate) fn assert_each_version_was_won_once(writers: &[Written], last: &Topology) {
    let mut won: Vec<u64> = writers.iter().flat_map(|it| it.won.clone()).collect();
    won.sort_unstable();
    let winners = won.len();
    won.dedup();
    assert_eq!(won.len(), winners, "two have won the same version");
    assert_eq!(
        count(last),
        last.version.0,
        "a change was lost or made twice"
    );
    let unknown: Vec<u64> = writers.iter().flat_map(|it| it.unknown.clone()).collect();
    for version in 2..=last.version.0 {
        assert!(
            won.binary_search(&version).is_ok() || unknown.contains(&version),
            "nobody has made version {version}"
        );
    }
    assert!(won.last().is_none_or(|&newest| newest <= last.version.0));
}

/// Looks until it is so.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    for _ in 0..MOST_LOOKS {
        if is_so().await {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    panic!("never: {what}");
}

/// This test program as a process of its own; killed at the end at the latest.
pub(crate) struct Process {
    child: Child,
    lines: BufReader<ChildStdout>,
}

/// Names the store to a child, and so tells it that it is one.
pub(crate) const STORE_OF_CHILD: &str = "SWITCHYARD_TEST_STORE";

impl Process {
    /// Runs one test of this program with the store's name.
    pub(crate) fn start(test: &str, store: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(STORE_OF_CHILD, store)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// What follows on the next line in which the child says `word`; `None` when it has ended.
    pub(crate) fn next(&mut self, word: &str) -> Option<String> {
        for _ in 0..100_000 {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some((_, rest)) = line.rsplit_once(word) {
                return Some(rest.trim().to_owned());
            }
        }
        panic!("a child talks without end");
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Numbers for a test, the same for the same seed (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    /// By `SWITCHYARD_SEED`, or a fixed one; it is printed.
    pub(crate) fn new() -> Self {
        let seed = std::env::var("SWITCHYARD_SEED").ok();
        let seed = seed.and_then(|seed| seed.parse().ok()).unwrap_or(1);
        println!("SWITCHYARD_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 31)) % bound
    }
}
