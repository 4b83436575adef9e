//! `/api/v1`: what is known, and orders, as JSON; described at `/api/v1/openapi.json` by the very shapes that are sent.
//! [`look`] what everybody may see who may watch, [`stream`] the same every second. [`told`] what names clients, keys or arguments, [`heat`] which keys pass most, [`explain`] a command, [`act`] orders:
//! for who may give orders. [`answer`] answers and problems.
//! Never: changes anything but what [`act`] asks others for.

mod act;
mod answer;
mod explain;
mod heat;
mod look;
mod stream;
mod told;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use utoipa::OpenApi;

use super::desk::Desk;
use answer::Problem;

/// All of it, as it is described.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Switchyard: a proxy's admin API",
        description = "What is tagged `look` is for everybody who reaches the admin listener. The rest needs the header `X-Switchyard: yes`, and where the proxy's default user has a password (requirepass, or users of its own), or is off, `Authorization: Bearer PASSWORD`; without a password it is for this machine alone, unless protected-mode is off. Ten wrong passwords from one address, and none is taken from there for a minute."
    ),
    paths(
        look::status,
        look::topology,
        look::all_shards,
        look::all_nodes,
        look::series,
        stream::stream,
        told::clients,
        told::slow_log,
        told::events,
        told::configuration,
        heat::hot_keys,
        heat::big_keys,
        heat::prefixes,
        explain::explain,
        act::fail_over,
        act::drain,
        act::kill_client,
        act::reload,
    )
)]
struct Description;

/// What stands below `/api/v1`.
pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/openapi.json", get(describe))
        .route("/status", get(look::status))
        .route("/topology", get(look::topology))
        .route("/shards", get(look::all_shards))
        .route("/nodes", get(look::all_nodes))
        .route("/series", get(look::series))
        .route("/stream", get(stream::stream))
        .route("/clients", get(told::clients))
        .route("/slow-log", get(told::slow_log))
        .route("/events", get(told::events))
        .route("/configuration", get(told::configuration))
        .route("/hot-keys", get(heat::hot_keys))
        .route("/big-keys", get(heat::big_keys))
        .route("/prefixes", get(heat::prefixes))
        .route("/explain", post(explain::explain))
        .route("/actions/failover", post(act::fail_over))
        .route("/actions/drain", post(act::drain))
        .route("/actions/kill-client", post(act::kill_client))
        .route("/actions/reload", post(act::reload))
        .fallback(answer::no_such_path)
        .method_not_allowed_fallback(answer::no_such_method)
}

async fn describe() -> Response {
    match Description::openapi().to_json() {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Problem::new(status, error.to_string()).into_response()
        }
    }
}
