//! Whether all shards have the same functions, looked at when a proxy begins to look after shards, and when one is led by a node that has begun anew: what was added, or came back empty, while no proxy was there is found by nobody else.
//! Reaches: sockets of its own to the primaries, in a task. Never: decides what is missing ([`super::libraries`] does); replaces a library that is there.
//!
//! What some shards have and others lack is brought to those. Where two have other texts under one name, both stay, and that is told for as long as it is so: people know which
//! one is meant (`FUNCTION LOAD REPLACE` through any proxy puts it everywhere).
//! Bounds: it is looked again while something is wrong, less and less often ([`LONGEST_PAUSE`]); a shard that cannot be asked within [`LONGEST_MS`] is given up, and the log says so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shared::backoff::Backoff;
use shared::topology::{Address, NodeId, Shard, ShardId, Topology};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::Done;
use super::libraries::{self, Compared, Differing, LIST_TEXTS, Library};
use super::talk::{Problem, SETTLED_AFTER, Talk, Way, hand_over};
use crate::dice::Dice;
use crate::facts::ProxyShared;

/// Shards that cannot be asked are given up then, milliseconds.
const LONGEST_MS: u64 = 600_000;

/// Pauses between two looks.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The task, which ends with this.
#[derive(Debug)]
pub(super) struct Comparing {
    shards: BTreeMap<ShardId, Address>,
    handle: JoinHandle<()>,
}

impl Drop for Comparing {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

impl Comparing {
    /// Compares the shards of this topology; `None`: there is nothing to compare. What differs is told to `done`, each time it is other than before.
    pub(super) fn start(
        topology: &Topology,
        shared: &Arc<ProxyShared>,
        done: mpsc::Sender<Done>,
    ) -> Option<Self> {
        let shards = primaries(topology);
        if shards.len() < 2 {
            return None;
        }
        let work = run(shards.clone(), Arc::clone(shared), done);
        let handle = tokio::spawn(work);
        Some(Self { shards, handle })
    }

    /// Whether it goes on, and asks others than the primaries of this topology.
    pub(super) fn is_outdated(&self, topology: &Topology) -> bool {
        !self.handle.is_finished() && self.shards != primaries(topology)
    }
}

/// Whether a shard is led by a node in another life than it was in sync in: all its copies had begun anew, perhaps without functions.
pub(super) fn began_anew(before: &Topology, now: &Topology) -> bool {
    now.shards.iter().any(|shard| {
        let life = |shard: &Shard, node: &NodeId| shard.in_sync.get(node).copied().flatten();
        let led = before.shard(&shard.id);
        let was = led.and_then(|before| life(before, &shard.primary));
        was.is_some() && was != life(shard, &shard.primary)
    })
}

fn primaries(topology: &Topology) -> BTreeMap<ShardId, Address> {
    let shards = topology.shards.iter();
    let known = shards.filter_map(|shard| {
        let node = topology.node(&shard.primary)?;
        Some((shard.id.clone(), node.address.clone()))
    });
    known.collect()
}

async fn run(
    shards: BTreeMap<ShardId, Address>,
    shared: Arc<ProxyShared>,
    done: mpsc::Sender<Done>,
) {
    let way = Way::of(&shared.config);
    let began_ms = shared.clock.monotonic_ms();
    let mut backoff = Backoff::new(SHORTEST_PAUSE, LONGEST_PAUSE);
    let mut dice = Dice::new();
    let mut told: Option<Differing> = None;
    loop {
        let (compared, problem) = look(&shards, &way).await;
        let is_fine = compared.differing.is_empty();
        if told.as_ref() != Some(&compared.differing) {
            told = Some(compared.differing.clone());
            // Whoever would hear it has gone, and so will this.
            done.send(Done::Compared(compared.differing)).await.ok();
        }
        let is_late = shared.clock.monotonic_ms().saturating_sub(began_ms) >= LONGEST_MS;
        match problem {
            None if is_fine => return,
            Some((shard, problem)) if is_late && is_fine => {
                tracing::warn!(%shard, %problem, "whether this shard has all functions is not known, and not looked at again: load them anew (FUNCTION LOAD REPLACE) where FCALL finds none");
                return;
            }
            Some((shard, problem)) => {
                tracing::debug!(%shard, %problem, "functions cannot be compared yet");
            }
            None => {}
        }
        sleep(backoff.after_failure(dice.throw())).await;
    }
}

/// Looks once, and brings what is missing. What is said of a shard that cannot be asked.
async fn look(
    shards: &BTreeMap<ShardId, Address>,
    way: &Way,
) -> (Compared, Option<(ShardId, Problem)>) {
    let (mut compared, mut failed) = ask_all(shards, way).await;
    if !compared.differing.is_empty() {
        // FUNCTION LOAD REPLACE may be on its way to all of them.
        sleep(SETTLED_AFTER).await;
        (compared, failed) = ask_all(shards, way).await;
    }
    for (to, sources) in &compared.missing {
        for (from, names) in sources {
            let (Some(there), Some(here)) = (shards.get(from), shards.get(to)) else {
                continue;
            };
            let brought = async {
                let mut from = Talk::open(there, way).await?;
                let mut to = Talk::open(here, way).await?;
                hand_over(&mut from, &mut to, names.iter().cloned()).await
            };
            match brought.await {
                Ok(count) => {
                    tracing::info!(shard = %to, %from, count, "libraries of functions brought to a shard that had not got them");
                }
                Err(problem) => failed = Some((to.clone(), problem)),
            }
        }
    }
    (compared, failed)
}

async fn ask_all(
    shards: &BTreeMap<ShardId, Address>,
    way: &Way,
) -> (Compared, Option<(ShardId, Problem)>) {
    let (mut known, mut failed) = (BTreeMap::new(), None);
    for (shard, address) in shards {
        match ask(address, way).await {
            Ok(Some(libraries)) => {
                known.insert(shard.clone(), libraries);
            }
            // It knows nothing of functions.
            Ok(None) => {}
            Err(problem) => failed = Some((shard.clone(), problem)),
        }
    }
    (libraries::compare(&known), failed)
}

async fn ask(address: &Address, way: &Way) -> Result<Option<Vec<Library>>, Problem> {
    let mut talk = Talk::open(address, way).await?;
    talk.list(&LIST_TEXTS.map(str::as_bytes)).await
}
