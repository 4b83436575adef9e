//! The admin listener: HTTP for people and machines that watch, on a runtime of its own.
//! Never: on the data path; it asks threads for copies of their counters, not more often than [`PAGE_LASTS_MS`] says.

mod listener;
mod report;

use std::net::TcpListener;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::Service;
use tokio::sync::{Mutex, watch};

use self::listener::AdminListener;
use crate::facts::ProxyShared;
use crate::metrics::readiness::Readiness;

/// How long what the threads have said is good for: each time costs them some microseconds, and anybody may ask as often as he likes.
const PAGE_LASTS_MS: u64 = 100;

/// The service.
pub(crate) struct AdminService {
    shared: Arc<ProxyShared>,
    listener: Option<TcpListener>,
    leaving: watch::Receiver<bool>,
}

impl AdminService {
    /// Serves on this socket to the proxy's end; not ready from when `leaving` turns true.
    pub(crate) fn new(
        shared: Arc<ProxyShared>,
        listener: TcpListener,
        leaving: watch::Receiver<bool>,
    ) -> Self {
        Self {
            shared,
            listener: Some(listener),
            leaving,
        }
    }
}

/// What handlers share.
#[derive(Clone)]
struct Desk {
    shared: Arc<ProxyShared>,
    leaving: watch::Receiver<bool>,
    metrics: Arc<Page<String>>,
    readiness: Arc<Page<Readiness>>,
}

/// What the threads said last; one request at a time asks them.
struct Page<T>(Mutex<Option<(u64, T)>>);

impl<T: Clone> Page<T> {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(None)))
    }

    /// The page, asked for anew when it is too old.
    async fn read(&self, shared: &ProxyShared, ask: impl Future<Output = T>) -> T {
        let mut last = self.0.lock().await;
        let now_ms = shared.clock.monotonic_ms();
        if let Some((asked_ms, page)) = &*last
            && now_ms < asked_ms + PAGE_LASTS_MS
        {
            return page.clone();
        }
        let page = ask.await;
        *last = Some((shared.clock.monotonic_ms(), page.clone()));
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
            metrics: Page::new(),
            readiness: Page::new(),
        };
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .fallback(elsewhere)
            .with_state(desk);
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
    let text = "not found: there are /metrics, /healthz and /readyz\n";
    (StatusCode::NOT_FOUND, text)
}

async fn metrics(State(desk): State<Desk>) -> Response {
    let asked = report::render(&desk.shared);
    let text = desk.metrics.read(&desk.shared, asked).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// The process lives.
async fn healthz() -> &'static str {
    "ok\n"
}

/// Clients are served: this proxy is not stopping, and reaches a shard at least.
async fn readyz(State(desk): State<Desk>) -> Response {
    if *desk.leaving.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    let asked = report::readiness(&desk.shared);
    let Readiness { is_ready, text } = desk.readiness.read(&desk.shared, asked).await;
    let status = if is_ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, text).into_response()
}
