//! How the proxy, its shards and its nodes are, for everybody who may watch: no name of a client, no key, no argument.
//! Never: changes anything.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::described::{
    ConditionDescribed, NodeDescribed, ShardDescribed, TopologyDescribed,
};
use super::super::desk::Desk;
use super::super::history::Series;
use super::super::report::{count_of, readiness, report_of, shards};
use super::super::threads::{State as ThreadState, Word};
use super::super::totals::Rates;
use super::super::vitals::Vitals;
use super::answer::{Json, Outcome, numbers};
use crate::control::requests::Shown;
use crate::metrics::readiness::{Access, Readiness};

/// How the proxy is.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct Status {
    /// By which other proxies know it.
    proxy: String,
    /// Of the program.
    version: String,
    /// Where clients connect.
    address: String,
    /// Milliseconds since 1970 when it was started.
    started_at_ms: u64,
    /// Milliseconds since 1970 now.
    now_ms: u64,
    /// Whether clients should be sent here.
    is_ready: bool,
    /// Why, in words.
    readiness: String,
    /// Whether it lets its clients go, and ends.
    is_leaving: bool,
    /// Whether orders, and what names clients or keys, need the password.
    needs_password: bool,
    /// Why it may not be drained by itself; nothing where it may.
    no_drain_because: Option<String>,
    threads: usize,
    /// Threads of these that do not answer.
    silent_threads: usize,
    topology_version: u64,
    /// Whether this proxy is the one that changes the topology.
    is_controller: bool,
    shards: usize,
    /// Shards of these whose primary can be reached.
    reachable_shards: usize,
    maxclients: u32,
    /// What clients of this proxy have seen just now; nothing in the first seconds.
    now: Option<Rates>,
    /// Of reads, at the primaries, in the last seconds; nothing where there were none.
    hit_ratio: Option<f64>,
    /// What lasts and people should know of.
    conditions: Vec<ConditionDescribed>,
    /// Number of the newest event.
    last_event: u64,
}

/// A shard, and how it is.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct ShardStatus {
    #[serde(flatten)]
    shard: ShardDescribed,
    /// Whether this proxy reaches its primary; nothing where no thread has said so.
    is_reachable: Option<bool>,
    /// Requests that wait for a way to it.
    waiting_requests: usize,
    /// Requests that it answered just now, and parts of requests.
    requests_per_second: Option<f64>,
    /// What lasts there and people should know of.
    conditions: Vec<ConditionDescribed>,
}

/// What a node said so long ago is not told as what it is now, milliseconds.
const OLD_MS: u64 = 10_000;

/// A node, and how it is.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct NodeStatus {
    #[serde(flatten)]
    node: NodeDescribed,
    /// What it holds, as it said last; nothing where it is down, or has said nothing in the last seconds.
    holds: Option<Vitals>,
}

/// All shards.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Shards {
    topology_version: u64,
    shards: Vec<ShardStatus>,
}

/// All nodes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Nodes {
    topology_version: u64,
    nodes: Vec<NodeStatus>,
}

/// What was known when it was asked for.
pub(super) struct Look {
    words: Vec<Word>,
    pub(super) shown: Shown,
    rates: Option<Rates>,
}

impl Look {
    pub(super) async fn at(desk: &Desk) -> Self {
        let (words, shown) = tokio::join!(desk.words(), desk.shown());
        let rates = desk.rates(&words);
        Self {
            words,
            shown,
            rates,
        }
    }

    pub(super) fn status(&self, desk: &Desk) -> Status {
        let (shared, shown) = (&desk.shared, &self.shown);
        let is_leaving = desk.is_leaving();
        let Readiness { is_ready, text } = readiness(&self.words, shown.store_away_ms());
        let shards = shards(&self.words);
        let open = shards.values().filter(|access| **access == Access::Open);
        let ended = count_of(&self.words, ThreadState::Ended);
        Status {
            proxy: shared.name().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            address: shared.address.to_string(),
            started_at_ms: shared.started_ms,
            now_ms: shared.clock.wall_ms(),
            is_ready: is_ready && !is_leaving,
            readiness: match is_leaving {
                true => "stopping".to_owned(),
                false => text.trim_end().to_owned(),
            },
            is_leaving,
            needs_password: shared.access.users().needs_password(),
            no_drain_because: desk.levers.no_drain.map(str::to_owned),
            threads: self.words.len() - ended,
            silent_threads: count_of(&self.words, ThreadState::Silent),
            topology_version: shown.topology.version.0,
            is_controller: shown.is_controller,
            shards: shown.topology.shards.len(),
            reachable_shards: open.count(),
            maxclients: shared.config.maxclients,
            now: self.rates.clone(),
            hit_ratio: desk.kept().history.last().and_then(|last| last.hit_ratio),
            conditions: shown.matters.iter().map(ConditionDescribed::of).collect(),
            last_event: shared.events.last(),
        }
    }

    pub(super) fn shards(&self) -> Vec<ShardStatus> {
        let reachable = shards(&self.words);
        let mut waiting: BTreeMap<&str, usize> = BTreeMap::new();
        let reports = self.words.iter().filter_map(report_of);
        for (shard, count) in reports.flat_map(|report| &report.waiting) {
            *waiting.entry(shard).or_default() += count;
        }
        let rates = self.rates.as_ref();
        let by_shard = rates.map(|rates| &rates.requests_per_second_by_shard);
        let all = self.shown.topology.shards.iter().map(|shard| {
            let name = shard.id.as_str();
            let matters = self.shown.matters.iter();
            let own = matters.filter(|lasting| lasting.matter.shard() == Some(&shard.id));
            ShardStatus {
                shard: ShardDescribed::of(&self.shown, shard),
                is_reachable: reachable.get(name).map(|access| *access == Access::Open),
                waiting_requests: waiting.get(name).copied().unwrap_or_default(),
                requests_per_second: by_shard.and_then(|rates| rates.get(name).copied()),
                conditions: own.map(ConditionDescribed::of).collect(),
            }
        });
        all.collect()
    }

    pub(super) fn nodes(&self, desk: &Desk) -> Vec<NodeStatus> {
        let now_ms = desk.shared.clock.monotonic_ms();
        let kept = desk.kept();
        let all = self.shown.topology.nodes.iter().map(|node| {
            let said = kept.vitals.get(&node.id);
            let holds = said.map(|(said_ms, vitals)| Vitals {
                said_ms_ago: now_ms.saturating_sub(*said_ms),
                ..vitals.clone()
            });
            let node = NodeDescribed::of(&self.shown, node);
            // What a node held that is gone is nothing that anybody has now.
            let is_gone = node.is_down == Some(true);
            let holds = holds.filter(|vitals| !is_gone && vitals.said_ms_ago < OLD_MS);
            NodeStatus { node, holds }
        });
        all.collect()
    }
}

/// How the proxy is.
#[utoipa::path(get, path = "/api/v1/status", tag = "look", responses((status = 200, body = Status)))]
pub(super) async fn status(State(desk): State<Desk>) -> Json<Status> {
    Json(Look::at(&desk).await.status(&desk))
}

/// The topology, and what nodes say of themselves as members of shards.
#[utoipa::path(get, path = "/api/v1/topology", tag = "look", responses((status = 200, body = TopologyDescribed)))]
pub(super) async fn topology(State(desk): State<Desk>) -> Json<TopologyDescribed> {
    Json(TopologyDescribed::of(&desk.shown().await))
}

/// Shards: epochs, members, lag, whether they are reached, what waits, conditions.
#[utoipa::path(get, path = "/api/v1/shards", tag = "look", responses((status = 200, body = Shards)))]
pub(super) async fn all_shards(State(desk): State<Desk>) -> Json<Shards> {
    let look = Look::at(&desk).await;
    Json(Shards {
        topology_version: look.shown.topology.version.0,
        shards: look.shards(),
    })
}

/// Nodes: where they are, what they say of themselves, what they hold.
#[utoipa::path(get, path = "/api/v1/nodes", tag = "look", responses((status = 200, body = Nodes)))]
pub(super) async fn all_nodes(State(desk): State<Desk>) -> Json<Nodes> {
    let look = Look::at(&desk).await;
    Json(Nodes {
        topology_version: look.shown.topology.version.0,
        nodes: look.nodes(&desk),
    })
}

/// The last hour, or what came of it after a moment.
#[utoipa::path(
    get, path = "/api/v1/series", tag = "look",
    params(("after" = Option<u64>, Query, description = "Milliseconds since 1970: only what is newer")),
    responses((status = 200, body = Series), (status = 400, body = super::answer::ProblemDescribed)),
)]
pub(super) async fn series(State(desk): State<Desk>, uri: Uri) -> Outcome<Series> {
    let [after] = numbers(&uri, ["after"])?;
    Ok(Json(desk.kept().history.since(after.unwrap_or_default())))
}
