//! What passes most: hot keys, big keys, and what keys begin with. It names keys of clients: it is told to those alone who may give orders.
//! Never: asks a thread; it shows what these have said within the last second.

use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;

use super::super::desk::Desk;
use super::answer::{Json, Outcome, ProblemDescribed};
use crate::heat::shown::{AllSeen, BigKeys, HotKeys, Prefixes};
use pages::Peer;

/// The keys that are used most often through this proxy.
#[utoipa::path(
    get, path = "/api/v1/hot-keys", tag = "with the password",
    responses((status = 200, body = HotKeys), (status = 401, body = ProblemDescribed), (status = 429, body = ProblemDescribed), (status = 403, body = ProblemDescribed)),
)]
pub(super) async fn hot_keys(
    State(desk): State<Desk>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
) -> Outcome<HotKeys> {
    shown(&desk, peer, &headers, AllSeen::hot_keys)
}

/// The keys whose requests and replies are large, and those of which most bytes pass.
#[utoipa::path(
    get, path = "/api/v1/big-keys", tag = "with the password",
    responses((status = 200, body = BigKeys), (status = 401, body = ProblemDescribed), (status = 429, body = ProblemDescribed), (status = 403, body = ProblemDescribed)),
)]
pub(super) async fn big_keys(
    State(desk): State<Desk>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
) -> Outcome<BigKeys> {
    shown(&desk, peer, &headers, AllSeen::big_keys)
}

/// What the keys begin with that are used most often through this proxy.
#[utoipa::path(
    get, path = "/api/v1/prefixes", tag = "with the password",
    responses((status = 200, body = Prefixes), (status = 401, body = ProblemDescribed), (status = 429, body = ProblemDescribed), (status = 403, body = ProblemDescribed)),
)]
pub(super) async fn prefixes(
    State(desk): State<Desk>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
) -> Outcome<Prefixes> {
    shown(&desk, peer, &headers, AllSeen::prefixes)
}

fn shown<T>(
    desk: &Desk,
    Peer { address: peer, .. }: Peer,
    headers: &HeaderMap,
    what: impl FnOnce(&AllSeen) -> T,
) -> Outcome<T> {
    desk.allow(headers, peer)?;
    Ok(Json(what(&desk.shared.all_seen())))
}
