//! The admin listener: HTTP for people and machines that watch, and for operators' orders, on a runtime of its own.
//! Never: on the data path; it asks threads for copies of their counters, not more often than [`WORDS_LAST_MS`] says.

mod advice;
mod clients;
mod failover;
mod listener;
mod permission;
mod report;
mod shown;
mod threads;
mod topology;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::Service;
use tokio::sync::{Mutex, watch};

use self::listener::{AdminListener, Peer};
use self::threads::{Threads, WORDS_LAST_MS, Word};
use crate::control::requests::{Requests, Shown};
use crate::facts::ProxyShared;
use crate::metrics::readiness::Readiness;

/// How long the part that looks after shards may take to say what it knows: it waits for nobody.
const SHOWN_WITHIN: Duration = Duration::from_secs(1);

/// The service.
pub(crate) struct AdminService {
    shared: Arc<ProxyShared>,
    listener: Option<TcpListener>,
    leaving: watch::Receiver<bool>,
    requests: Requests,
}

impl AdminService {
    /// Serves on this socket to the proxy's end; not ready from when `leaving` turns true. Orders are handed in as `requests`.
    pub(crate) fn new(
        shared: Arc<ProxyShared>,
        listener: TcpListener,
        leaving: watch::Receiver<bool>,
        requests: Requests,
    ) -> Self {
        Self {
            shared,
            listener: Some(listener),
            leaving,
            requests,
        }
    }
}

/// What handlers share.
#[derive(Clone)]
struct Desk {
    shared: Arc<ProxyShared>,
    leaving: watch::Receiver<bool>,
    requests: Requests,
    /// One request at a time asks the threads.
    threads: Arc<Mutex<Threads>>,
    /// The last page, and when it was made.
    metrics: Arc<Mutex<Option<(u64, String)>>>,
}

impl Desk {
    async fn words(&self) -> Vec<Word> {
        self.threads.lock().await.words(&self.shared).await
    }

    /// What is known of the topology, its nodes and its store. Where nobody looks after them, or is not heard at once, the topology alone is.
    async fn shown(&self) -> Shown {
        let shown = tokio::time::timeout(SHOWN_WITHIN, self.requests.show()).await;
        let known = shown.ok().and_then(Result::ok);
        known.unwrap_or_else(|| Shown::of(self.shared.topology.load().topology.clone()))
    }

    /// The page, made anew when it is too old.
    async fn metrics(&self) -> String {
        let mut last = self.metrics.lock().await;
        let now_ms = self.shared.clock.monotonic_ms();
        if let Some((made_ms, page)) = &*last
            && now_ms < made_ms + WORDS_LAST_MS
        {
            return page.clone();
        }
        let (words, shown) = tokio::join!(self.words(), self.shown());
        let page = report::render(&self.shared, &words, &shown);
        *last = Some((self.shared.clock.monotonic_ms(), page.clone()));
        page
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
        let desk = Desk {
            shared: Arc::clone(&self.shared),
            leaving: self.leaving.clone(),
            requests: self.requests.clone(),
            threads: Arc::default(),
            metrics: Arc::default(),
        };
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/clients", post(clients::list))
            .route("/topology", get(topology::show))
            .route("/topology/advice", get(topology::advise))
            .route("/topology/failover", post(topology::fail_over))
            .route("/topology/accept-loss", post(topology::accept_loss))
            .fallback(elsewhere)
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
    }

    fn name(&self) -> &str {
        "admin"
    }

    fn threads(&self) -> Option<usize> {
        Some(1)
    }
}

/// Every other path.
async fn elsewhere() -> (StatusCode, &'static str) {
    let text = "not found: there are /metrics, /healthz, /readyz, /topology and /topology/advice\n";
    (StatusCode::NOT_FOUND, text)
}

async fn metrics(State(desk): State<Desk>) -> Response {
    let text = desk.metrics().await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
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
