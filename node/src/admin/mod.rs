//! The node's admin listener: metrics and health over HTTP, on a thread and a runtime of its own.
//! Never: on the data path; the thread that serves is asked for a report, not more often than [`asking`] says, and what is made of it is made here. Takes no
//! orders: whoever reaches it may read, and nothing else. Bounds: those of [`AdminListener`].

mod asking;

use crate::report::Readiness;
use crate::shell::Shell;
use asking::{ANSWER_WITHIN, Asking, Known};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use pages::{AdminListener, METRICS_TYPE, Samples};
use shared::clock::Clock;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::runtime::Builder;
use tokio::sync::{Mutex, oneshot};
use tracing::{error, info};

/// The thread of the admin listener; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Admin {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Admin {
    /// Serves on this socket. To be called on the thread that serves the node's clients, whose tasks it joins.
    ///
    /// # Errors
    /// The system gives no thread, or the socket cannot be used.
    pub(crate) fn start(shell: &Rc<Shell>, socket: TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        info!(address = %socket.local_addr()?, "metrics and health are served");
        let (asking, questions) = Asking::new(shell.clock.clone(), ANSWER_WITHIN);
        tokio::task::spawn_local(asking::answer(Rc::clone(shell), questions));
        let (end, ended) = oneshot::channel();
        let clock = shell.clock.clone();
        let work = move || runtime.block_on(serve(socket, clock, asking, ended));
        let thread = std::thread::Builder::new().name("admin".to_owned());
        Ok(Self {
            end: Some(end),
            thread: Some(thread.spawn(work)?),
        })
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            error!("the thread of the admin listener ended before its time");
        }
    }
}

/// What handlers share: one of them at a time asks the thread that serves.
type Desk = Arc<Mutex<Asking>>;

async fn serve(socket: TcpListener, clock: Clock, asking: Asking, ended: oneshot::Receiver<()>) {
    let socket = match tokio::net::TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            error!(%error, "the admin listener cannot be used");
            return;
        }
    };
    let desk: Desk = Arc::new(Mutex::new(asking));
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .fallback(elsewhere)
        .with_state(desk);
    let served = axum::serve(AdminListener::new(socket, clock), router);
    tokio::select! {
        // Said by whoever drops the other end.
        _ = ended => {}
        served = served => {
            if let Err(error) = served {
                error!(%error, "the admin listener ended");
            }
        }
    }
}

async fn metrics(State(desk): State<Desk>) -> Response {
    let known = desk.lock().await.known().await;
    let page = match &known.report {
        Some(report) => report.page_with(&beside(&known)),
        // It hangs since its start.
        None => {
            let mut page = pages::Page::default();
            page.put(&beside(&known));
            page.into_text()
        }
    };
    ([(header::CONTENT_TYPE, METRICS_TYPE)], page).into_response()
}

/// What the thread that serves need not say.
fn beside(known: &Known) -> Samples {
    let mut samples = Samples::default();
    samples.gauge(
        "switchyard_node_thread_answers",
        "Whether the thread that serves answers: 1 or 0; what else is shown is what it said last.",
        known.answers,
    );
    samples.gauge(
        "switchyard_node_open_files",
        "Files that the process has open, sockets among them; with switchyard up those of all nodes and the proxy.",
        pages::open_files(),
    );
    samples.gauge(
        "switchyard_node_open_files_limit",
        "Files that the process may have open.",
        pages::most_open_files(),
    );
    samples
}

/// The process lives.
async fn healthz() -> &'static str {
    "ok\n"
}

/// The node is of use: it has read its data, takes writes, has orders, and follows its leader where it is to.
async fn readyz(State(desk): State<Desk>) -> Response {
    let known = desk.lock().await.known().await;
    let readiness = match &known.report {
        Some(report) if known.answers => report.readiness().clone(),
        _ => Readiness::not("the thread that serves does not answer"),
    };
    let status = match readiness.is_ready() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, readiness.text()).into_response()
}

/// Every other path.
async fn elsewhere() -> (StatusCode, &'static str) {
    let text = "not found: there are /metrics, /healthz and /readyz\n";
    (StatusCode::NOT_FOUND, text)
}
