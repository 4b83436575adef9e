//! How things go, once a second, to those who look on (server-sent events). Where nobody does it costs nothing.
//! Never: tells what only those are told who may give orders. Bounds: as many streams as [`MOST_STREAMS`](super::super::desk::MOST_STREAMS);
//! each ends before the listener cuts its connection, which it does after a minute, and whoever looks on comes again; [`MOST_NODES`] in what is told.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{ConnectInfo, State};
use axum::http::{StatusCode, header};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Sse};
use futures_util::stream;
use pages::Peer;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use utoipa::ToSchema;

use super::super::described::{SpareDescribed, StoreDescribed, TopologyDescribed};
use super::super::desk::{Desk, MOST_STREAMS};
use super::answer::{Problem, ProblemDescribed};
use super::look::{Look, NodeStatus, ShardStatus, Status};

/// How often.
const EVERY: Duration = Duration::from_secs(1);

/// Before its connection is cut a stream ends by itself: a beat may take a while on a busy machine.
const ENDS_BEFORE: Duration = Duration::from_secs(5);

/// After that whoever looks on comes again.
const COME_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// In topologies of more nodes they are left out, and whoever looks on asks for them more slowly.
const MOST_NODES: usize = 64;

/// How things go.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Beat {
    status: Status,
    /// Nothing where there are more nodes than are told every second.
    shards: Option<Vec<ShardStatus>>,
    /// The same.
    nodes: Option<Vec<NodeStatus>>,
    spares: Vec<SpareDescribed>,
    store: Option<StoreDescribed>,
}

impl Beat {
    async fn of(desk: &Desk) -> Self {
        let look = Look::at(desk).await;
        let TopologyDescribed { spares, store, .. } = TopologyDescribed::of(&look.shown);
        let is_small = look.shown.topology.nodes.len() <= MOST_NODES;
        Self {
            status: look.status(desk),
            shards: is_small.then(|| look.shards()),
            nodes: is_small.then(|| look.nodes(desk)),
            spares,
            store,
        }
    }
}

/// One who looks on.
struct Onlooker {
    desk: Desk,
    ticks: Interval,
    /// Behind the beat after that it is over.
    until: Instant,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

/// How things go, once a second: events named `beat`. A stream ends after a minute; whoever looks on comes again.
#[utoipa::path(
    get, path = "/api/v1/stream", tag = "look",
    responses((status = 200, body = Beat, content_type = "text/event-stream"), (status = 503, body = ProblemDescribed)),
)]
pub(super) async fn stream(
    State(desk): State<Desk>,
    ConnectInfo(peer): ConnectInfo<Peer>,
) -> Result<impl IntoResponse, Problem> {
    let place = std::sync::Arc::clone(&desk.streams).try_acquire_owned();
    let place = place.map_err(|_| {
        let text = format!("{MOST_STREAMS} look on already; ask /api/v1/status now and then");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, text)
    })?;
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let onlooker = Onlooker {
        desk,
        ticks,
        until: peer.cut_at.checked_sub(ENDS_BEFORE).unwrap_or(peer.cut_at),
        is_over: false,
        _place: place,
    };
    // Who comes again has a connection with a minute of its own.
    let parting = [(header::CONNECTION, "close")];
    Ok((parting, Sse::new(stream::unfold(onlooker, next))))
}

async fn next(mut onlooker: Onlooker) -> Option<(Result<Event, Infallible>, Onlooker)> {
    if onlooker.is_over {
        return None;
    }
    onlooker.ticks.tick().await;
    let beat = Beat::of(&onlooker.desk).await;
    // Names, numbers and lists of them are JSON, and JSON is one line.
    let text = serde_json::to_string(&beat).ok()?;
    let event = Event::default().event("beat").data(text);
    onlooker.is_over = Instant::now() >= onlooker.until;
    Some((Ok(event.retry(COME_AGAIN_AFTER)), onlooker))
}
