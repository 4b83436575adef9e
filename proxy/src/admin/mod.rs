//! The admin listener: HTTP for people and machines that watch, on a runtime of its own.
//! Never: on the data path; it asks threads for copies of their counters.

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
use tokio::sync::watch;

use crate::metrics::report;
use crate::server::ProxyShared;

/// The service.
pub(crate) struct AdminService {
    shared: Arc<ProxyShared>,
    listener: Option<TcpListener>,
    drain: watch::Receiver<bool>,
}

impl AdminService {
    /// Serves on this socket until `drain` turns true.
    pub(crate) fn new(
        shared: Arc<ProxyShared>,
        listener: TcpListener,
        drain: watch::Receiver<bool>,
    ) -> Self {
        Self {
            shared,
            listener: Some(listener),
            drain,
        }
    }
}

/// What handlers share.
#[derive(Clone)]
struct Desk {
    shared: Arc<ProxyShared>,
    drain: watch::Receiver<bool>,
}

#[async_trait]
impl Service for AdminService {
    async fn start_service(
        &mut self,
        _fds: Option<ListenFds>,
        _shutdown: ShutdownWatch,
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
            drain: self.drain.clone(),
        };
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .with_state(desk);
        let mut drain = self.drain.clone();
        let end = async move {
            drain.wait_for(|is_draining| *is_draining).await.ok();
        };
        if let Err(error) = axum::serve(listener, router)
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

async fn metrics(State(desk): State<Desk>) -> Response {
    let text = report::render(&desk.shared).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// The process lives.
async fn healthz() -> &'static str {
    "ok\n"
}

/// Clients are served: threads answer, and this proxy is not stopping. Nodes may be down; their keys get an error.
async fn readyz(State(desk): State<Desk>) -> Response {
    if *desk.drain.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    let shards = report::reachable_shards(&desk.shared).await;
    match shards {
        Some((reachable, all)) => (
            StatusCode::OK,
            format!("ok: {reachable} of {all} shards can be reached\n"),
        )
            .into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "threads do not answer\n").into_response(),
    }
}
