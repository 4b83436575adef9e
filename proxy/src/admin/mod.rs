//! The admin listener: HTTP for people and machines that watch, and for operators' orders, on a runtime of its own.
//! Never: on the data path.
//! [`api`] JSON. [`page`] ◇ the dashboard. [`desk`] what handlers share. [`permission`] ◇ and [`guesses`] ◇ who may ask for what. [`recorder`] fills the [`history`] ◇ of what [`totals`] ◇ and [`vitals`] say.
//! [`described`] ◇ and [`shown`] ◇ what is known, for machines and people.

mod advice;
mod api;
mod clients;
mod described;
mod desk;
mod failover;
mod guesses;
mod history;
mod limits;
mod page;
mod permission;
mod recorder;
mod report;
mod shown;
mod threads;
mod topology;
mod totals;
mod vitals;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use pages::{AdminListener, METRICS_TYPE, Peer};
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::Service;
use tokio::sync::watch;
use tokio::time::Instant;

use self::desk::Desk;
pub(crate) use self::desk::Levers;
use crate::control::requests::Requests;
use crate::facts::ProxyShared;
use crate::metrics::readiness::Readiness;

/// The service.
pub(crate) struct AdminService {
    shared: Arc<ProxyShared>,
    listener: Option<TcpListener>,
    leaving: watch::Receiver<bool>,
    requests: Requests,
    levers: Levers,
}

impl AdminService {
    /// Serves on this socket to the proxy's end; not ready from when `leaving` turns true. Orders are handed in as `requests`, or by the `levers`.
    pub(crate) fn new(
        shared: Arc<ProxyShared>,
        listener: TcpListener,
        leaving: watch::Receiver<bool>,
        requests: Requests,
        levers: Levers,
    ) -> Self {
        Self {
            shared,
            listener: Some(listener),
            leaving,
            requests,
            levers,
        }
    }
}

#[async_trait]
impl Service for AdminService {
    async fn start_service(
        &mut self,
        _fds: Option<ListenFds>,
        mut shutdown: ShutdownWatch,
        _listeners_per_fd: usize,
    ) {
        let Some(listener) = self.listener.take().map(tokio::net::TcpListener::from_std) else {
            return;
        };
        let listener = match listener {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "the admin listener cannot be used");
                return;
            }
        };
        let desk = Desk::new(
            Arc::clone(&self.shared),
            self.leaving.clone(),
            self.requests.clone(),
            self.levers.clone(),
        );
        let recording = tokio::spawn(recorder::record(desk.clone()));
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/clients", post(clients::list))
            .route("/topology", get(topology::show))
            .route("/topology/advice", get(topology::advise))
            .route("/topology/failover", post(topology::fail_over))
            .route("/topology/accept-loss", post(topology::accept_loss))
            .nest("/api/v1", api::routes())
            .merge(page::routes())
            .fallback(elsewhere)
            .layer(map_response(guarded))
            .layer(from_fn(parting))
            .with_state(desk)
            .into_make_service_with_connect_info::<Peer>();
        let clock = self.shared.clock.clone();
        let end = async move {
            shutdown.wait_for(|is_over| *is_over).await.ok();
        };
        if let Err(error) = axum::serve(AdminListener::new(listener, clock), router)
            .with_graceful_shutdown(end)
            .await
        {
            tracing::error!(%error, "the admin listener ended");
        }
        recording.abort();
    }

    fn name(&self) -> &str {
        "admin"
    }

    fn threads(&self) -> Option<usize> {
        Some(1)
    }
}

/// What browsers are told of every answer: nothing is a page of somebody else's, runs what it brought, or is kept.
const FOR_BROWSERS: &[(HeaderName, &str)] = &[
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in FOR_BROWSERS {
        headers.insert(name.clone(), HeaderValue::from_static(value));
    }
    response
}

/// A connection that is cut soon ends with this answer: the next question would be in its midst.
const PARTS_BEFORE: Duration = Duration::from_secs(10);

async fn parting(ConnectInfo(peer): ConnectInfo<Peer>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if Instant::now() + PARTS_BEFORE > peer.cut_at {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// Every other path.
async fn elsewhere() -> (StatusCode, &'static str) {
    let text = "not found: there are / (the dashboard), /metrics, /healthz, /readyz, /topology, /topology/advice and /api/v1/openapi.json\n";
    (StatusCode::NOT_FOUND, text)
}

async fn metrics(State(desk): State<Desk>) -> Response {
    let text = desk.metrics().await;
    ([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response()
}

/// The process lives.
async fn healthz() -> &'static str {
    "ok\n"
}

/// Clients are served: this proxy is not stopping, all its threads answer, and it reaches a shard at least. That the topology's store is away is said, and no
/// reason to send clients elsewhere: other proxies have the same one.
async fn readyz(State(desk): State<Desk>) -> Response {
    if *desk.leaving.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    let (words, shown) = tokio::join!(desk.words(), desk.shown());
    let Readiness { is_ready, text } = report::readiness(&words, shown.store_away_ms());
    let status = if is_ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, text).into_response()
}
