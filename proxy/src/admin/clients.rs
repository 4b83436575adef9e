//! The clients of this proxy, for another proxy of which somebody wants to know those of all (CLIENT LIST ALL).
//! Never: asks other proxies. Who asks is asked what those are who give orders. Bound: [`LONGEST_BODY`] of a request.

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use shared::resp::{RequestBatch, RequestLimits, RequestScanner};
use shared::session::ListFilter;

use super::desk::Desk;
use crate::here::ClientOrder;
use crate::orders::{ANSWER_WITHIN, ask_clients_of_all};
use pages::Peer;

/// Longest body: as many ids as CLIENT LIST takes, of the greatest length.
const LONGEST_BODY: usize = 1 << 20;

/// `POST /clients`, of which the body is CLIENT LIST with its filters as a client would send it. It names clients.
pub(super) async fn list(
    State(desk): State<Desk>,
    ConnectInfo(Peer { address: peer, .. }): ConnectInfo<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if let Err(denied) = desk.allow(&headers, peer) {
        return (denied.status(), format!("{denied}\n")).into_response();
    }
    let body = to_bytes(body, LONGEST_BODY).await;
    let filter = body.ok().and_then(|body| filter_of(&body));
    let Some(filter) = filter else {
        return (StatusCode::BAD_REQUEST, "this is no CLIENT LIST\n").into_response();
    };
    let order = ClientOrder::List(filter);
    let asked = ask_clients_of_all(&desk.shared.threads, &order);
    let Ok(verdicts) = tokio::time::timeout(ANSWER_WITHIN, asked).await else {
        let text = "a thread of this proxy does not answer\n";
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let lines = verdicts.into_iter().flat_map(|verdict| verdict.lines);
    let text: String = lines.map(|(_, line)| line).collect();
    let name = [("x-switchyard-proxy", desk.shared.name().to_string())];
    (name, text).into_response()
}

/// Whom it means; `None`: it is another request, or none.
fn filter_of(body: &[u8]) -> Option<ListFilter> {
    let mut bytes = body.to_vec();
    let mut batch = RequestBatch::default();
    let mut scanner = RequestScanner::new(RequestLimits::AUTHENTICATED);
    scanner.scan(&mut bytes, &mut batch, 1).ok()?;
    let args = batch.args(&bytes, batch.requests().first()?);
    ListFilter::read(args).ok()
}
