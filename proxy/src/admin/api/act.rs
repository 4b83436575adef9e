//! What operators have done: a planned failover, clients and this proxy sent away, files read again.
//! Never: does anything before it is known that whoever asks may give orders; waits for more than [`ANSWER_WITHIN`] or what [`requests`](crate::control::requests) bounds.

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use shared::session::KillFilter;
use shared::topology::{Epoch, NodeId, ShardId};
use tokio::time::timeout;
use utoipa::ToSchema;

use super::super::desk::Desk;
use super::super::topology::{order_failover, parsed};
use super::answer::{Json, Outcome, Problem, ProblemDescribed, said};
use crate::events::{Kind, News};
use crate::here::ClientOrder;
use crate::orders::{ANSWER_WITHIN, ask_clients_of_all};
use pages::Peer;

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Done {
    /// In words.
    done: String,
}

fn done(words: impl Into<String>) -> Outcome<Done> {
    Ok(Json(Done { done: words.into() }))
}

/// Another node is to lead a shard.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Failover {
    shard: String,
    /// Who is to lead; any that may, unless said.
    to: Option<String>,
    /// The shard's epoch when somebody looked: where another node leads since then, nothing is changed.
    epoch: Option<u64>,
}

/// A client is to be closed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Kill {
    /// Its number.
    id: u64,
}

/// Nothing needs to be said.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// Lets another node lead that has everything: clients are held for a moment, and nothing is lost.
#[utoipa::path(
    post, path = "/api/v1/actions/failover", tag = "orders", request_body = Failover,
    responses(
        (status = 200, body = Done), (status = 400, body = ProblemDescribed), (status = 401, body = ProblemDescribed), (status = 429, body = ProblemDescribed),
        (status = 403, body = ProblemDescribed), (status = 404, body = ProblemDescribed), (status = 409, body = ProblemDescribed),
        (status = 503, body = ProblemDescribed), (status = 504, body = ProblemDescribed),
    ),
)]
pub(super) async fn fail_over(
    State(desk): State<Desk>,
    ConnectInfo(Peer { address: peer, .. }): ConnectInfo<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Outcome<Done> {
    desk.allow(&headers, peer)?;
    let wish: Failover = said(body).await?;
    let shard: ShardId = parsed(&wish.shard)?;
    let to = wish.to.as_deref().map(parsed::<NodeId>).transpose()?;
    done(order_failover(&desk, peer, shard, to, wish.epoch.map(Epoch)).await?)
}

/// Lets all clients of this proxy go, and ends it: as SIGTERM does, with `drain-delay` and `shutdown-grace`.
#[utoipa::path(
    post, path = "/api/v1/actions/drain", tag = "orders", request_body = Nothing,
    responses(
        (status = 200, body = Done), (status = 401, body = ProblemDescribed), (status = 429, body = ProblemDescribed), (status = 403, body = ProblemDescribed),
        (status = 409, body = ProblemDescribed),
    ),
)]
pub(super) async fn drain(
    State(desk): State<Desk>,
    ConnectInfo(Peer { address: peer, .. }): ConnectInfo<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Outcome<Done> {
    desk.allow(&headers, peer)?;
    let Nothing {} = said(body).await?;
    if let Some(why) = desk.levers.no_drain {
        return Err(Problem::new(StatusCode::CONFLICT, why));
    }
    let news = News::warning(Kind::Order, "an operator lets this proxy's clients go");
    desk.shared.events.tell(news.of_peer(peer));
    desk.levers.drain.send_replace(true);
    done("clients are let go, and this proxy ends")
}

/// Closes a client of this proxy.
#[utoipa::path(
    post, path = "/api/v1/actions/kill-client", tag = "orders", request_body = Kill,
    responses(
        (status = 200, body = Done), (status = 400, body = ProblemDescribed), (status = 401, body = ProblemDescribed), (status = 429, body = ProblemDescribed),
        (status = 403, body = ProblemDescribed), (status = 404, body = ProblemDescribed), (status = 503, body = ProblemDescribed),
    ),
)]
pub(super) async fn kill_client(
    State(desk): State<Desk>,
    ConnectInfo(Peer { address: peer, .. }): ConnectInfo<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Outcome<Done> {
    desk.allow(&headers, peer)?;
    let Kill { id } = said(body).await?;
    let order = ClientOrder::Kill(KillFilter::of_id(id));
    let asked = ask_clients_of_all(&desk.shared.threads, &order);
    let Ok(verdicts) = timeout(ANSWER_WITHIN, asked).await else {
        let text = "a thread of this proxy does not answer; clients of the others were looked at";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, text));
    };
    if verdicts.iter().all(|verdict| verdict.killed == 0) {
        let text = format!("there is no client {id}");
        return Err(Problem::new(StatusCode::NOT_FOUND, text));
    }
    let news = News::info(Kind::Order, format!("an operator has closed client {id}"));
    desk.shared.events.tell(news.of_peer(peer));
    done(format!("client {id} is closed"))
}

/// Has topology, certificates and users read again, whether they have changed or not: as SIGHUP does.
#[utoipa::path(
    post, path = "/api/v1/actions/reload", tag = "orders", request_body = Nothing,
    responses((status = 200, body = Done), (status = 400, body = ProblemDescribed), (status = 401, body = ProblemDescribed), (status = 429, body = ProblemDescribed), (status = 403, body = ProblemDescribed)),
)]
pub(super) async fn reload(
    State(desk): State<Desk>,
    ConnectInfo(Peer { address: peer, .. }): ConnectInfo<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Outcome<Done> {
    desk.allow(&headers, peer)?;
    let Nothing {} = said(body).await?;
    let words = "an operator has topology, certificates and users read again";
    desk.shared
        .events
        .tell(News::info(Kind::Order, words).of_peer(peer));
    desk.levers.reloading.read_again();
    done("topology, certificates and users are read again; events tell what came of it")
}
