//! Functions for shards that lack them: those that a version has added, and those whose only node was away and may have come back empty. FUNCTION LOAD reaches the shards that
//! there are; a task for each other one brings from one of these what is missing.
//! Reaches: sockets of its own to the primaries, in tasks. Never: decides what is missing ([`super::libraries`] does); waits for a task.
//!
//! Every proxy does so, and whoever comes second finds nothing missing: a library that is there is never replaced by one that was read before it came. What clients load,
//! replace or delete while it is brought is looked for a moment later, for until then other threads may have sent it to the shards of the version before.
//! Bounds: a task for each shard; a shard that cannot be given its functions within [`LONGEST_MS`] is given up, and the log says so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shared::backoff::Backoff;
use shared::config::ProxyConfig;
use shared::topology::{Address, NodeId, ShardId, Topology};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::libraries::{self, LIST, Library};
use super::talk::{Problem, Talk, Way, hand_over};
use crate::dice::Dice;
use crate::facts::ProxyShared;

/// After that nobody tries any more, milliseconds.
const LONGEST_MS: u64 = 600_000;

/// Pauses between two attempts.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What is brought where, for how long.
#[derive(Debug)]
struct Task {
    job: Job,
    began_ms: u64,
    handle: JoinHandle<()>,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// All that is being brought.
#[derive(Debug, Default)]
pub(super) struct Bringing {
    tasks: BTreeMap<ShardId, Task>,
}

impl Bringing {
    /// Another topology is in use: its new shards are given what the others have; what is under way goes where its shards are by now.
    pub(super) fn follow(&mut self, before: &Topology, now: &Topology, shared: &Arc<ProxyShared>) {
        self.tasks.retain(|shard, task| {
            let is_there = now.shards.iter().any(|known| known.id == *shard);
            is_there && !task.handle.is_finished()
        });
        let new = libraries::new_shards(before, now);
        let under_way: Vec<ShardId> = self.tasks.keys().cloned().collect();
        for shard in new.into_iter().chain(under_way) {
            self.start(shard, now, shared);
        }
    }

    /// A node was lost: when it is back it may have nothing.
    pub(super) fn lost(&mut self, node: &NodeId, now: &Topology, shared: &Arc<ProxyShared>) {
        let Some(shard) = libraries::alone(now, node) else {
            return;
        };
        let task = self.tasks.get(&shard);
        if task.is_none_or(|task| task.handle.is_finished()) {
            self.tasks.remove(&shard);
            self.start(shard, now, shared);
        }
    }

    fn start(&mut self, shard: ShardId, now: &Topology, shared: &Arc<ProxyShared>) {
        let Some(job) = Job::new(&shard, now, &shared.config) else {
            return;
        };
        let known = self.tasks.get(&shard);
        if known.is_some_and(|known| known.job == job) {
            return;
        }
        let now_ms = shared.clock.monotonic_ms();
        let began_ms = known.map_or(now_ms, |known| known.began_ms);
        let run = run(job.clone(), Arc::clone(shared), began_ms);
        let handle = tokio::spawn(run);
        let task = Task {
            job,
            began_ms,
            handle,
        };
        self.tasks.insert(shard, task);
    }
}

/// What is to be brought from where.
#[derive(Clone, Debug, PartialEq)]
struct Job {
    shard: ShardId,
    to: Address,
    from: Vec<Address>,
    way: Way,
}

async fn run(job: Job, shared: Arc<ProxyShared>, began_ms: u64) {
    let mut backoff = Backoff::new(SHORTEST_PAUSE, LONGEST_PAUSE);
    let mut dice = Dice::new();
    let shard = &job.shard;
    loop {
        let problem = match job.bring().await {
            Ok(count) => {
                if count > 0 {
                    tracing::info!(%shard, count, "libraries of functions brought to a shard that had not got them");
                }
                return;
            }
            Err(problem) => problem,
        };
        tracing::debug!(%shard, %problem, "functions cannot be brought yet");
        if shared.clock.monotonic_ms().saturating_sub(began_ms) >= LONGEST_MS {
            tracing::warn!(%shard, %problem, "functions were not brought to this shard, and it is not tried again: load them anew (FUNCTION LOAD REPLACE) where FCALL finds none");
            return;
        }
        sleep(backoff.after_failure(dice.throw())).await;
    }
}

impl Job {
    /// The way to a shard, and to all others.
    fn new(shard: &ShardId, now: &Topology, config: &ProxyConfig) -> Option<Self> {
        let address = |node| now.node(node).map(|node| node.address.clone());
        let meant = now.shards.iter().find(|known| known.id == *shard)?;
        let others = now.shards.iter().filter(|known| known.id != *shard);
        Some(Self {
            shard: shard.clone(),
            to: address(&meant.primary)?,
            from: others.filter_map(|known| address(&known.primary)).collect(),
            way: Way::of(config),
        })
    }

    /// Brings what is missing; how many libraries that were.
    async fn bring(&self) -> Result<usize, Problem> {
        let mut to = Talk::open(&self.to, &self.way).await?;
        let Some(there) = to.list(&LIST.map(str::as_bytes)).await? else {
            return Ok(0);
        };
        let Some((mut from, all)) = self.source().await? else {
            return Ok(0);
        };
        let is_missing = |library: &Library| there.iter().all(|known| known.name != library.name);
        let missing = all.into_iter().filter(is_missing);
        hand_over(&mut from, &mut to, missing.map(|library| library.name)).await
    }

    /// The first of the others that has any: one that was added, or lost, at the same time has none yet. An error: nobody has, and not all have been asked.
    async fn source(&self) -> Result<Option<(Talk, Vec<Library>)>, Problem> {
        let mut failed = None;
        for address in &self.from {
            let asked = async {
                let mut talk = Talk::open(address, &self.way).await?;
                let listed = talk.list(&LIST.map(str::as_bytes)).await?;
                Ok((talk, listed.unwrap_or_default()))
            };
            match asked.await {
                Ok((_, listed)) if listed.is_empty() => {}
                Ok(found) => return Ok(Some(found)),
                Err(problem) => failed = Some(problem),
            }
        }
        failed.map_or(Ok(None), Err)
    }
}
