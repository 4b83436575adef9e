//! One proxy thread: its runtime, its clients, its pipes, its counters. Nothing of it is shared but the topology.
//!
//! All of it is one value behind a `RefCell` that is borrowed for one turn of a task and never across an await. Tasks are thin: one per client, one per
//! pipe, and one, the flusher, that runs at the end of each turn of the loop and writes what the turn has brought.

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use shared::clock::Clock;
use shared::resp::{RequestBatch, RequestScanner};
use tokio::runtime::LocalOptions;
use tokio::sync::mpsc;

use crate::client::connection::Client;
use crate::client::stream::ClientStream;
use crate::client::ClientState;
use crate::pipe::connection::run_pipe;
use crate::pipe::set::{PipeLimits, PipeNumber, PipeSet};
use crate::receivers::Receivers;
use crate::route::Split;
use crate::server::ProxyShared;
use crate::slab::Key;
use crate::topology::Snapshot;
use crate::topology::live::LiveView;

/// What one read takes at most, from a client or a node: a deep pipeline's worth, and small enough to stay in the second-level cache.
const SCRATCH_BYTES: usize = 64 * 1024;

/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(50);

/// What the rest of the proxy may ask of a thread.
pub(crate) enum Order {
    /// Serve this client.
    Serve(std::net::TcpStream, SocketAddr),
    /// Let clients go.
    Stop,
}

/// Bounds of clients.
#[derive(Clone, Debug)]
pub(crate) struct ClientLimits {
    requests_in_flight: u64,
    output_soft_bytes: usize,
    pub(crate) output_hard_bytes: usize,
    pub(crate) input_bytes: usize,
}

impl ClientLimits {
    /// Whether more may be read from this client.
    #[inline]
    pub(crate) fn lets_read(&self, client: &Client) -> bool {
        client.queue.missing() < self.requests_in_flight && client.queue.bytes() < self.output_soft_bytes
    }
}

/// All that a thread has.
pub(crate) struct ProxyThread {
    /// What all threads share: configuration and a few counters.
    pub(crate) proxy: Arc<ProxyShared>,
    me: Weak<RefCell<Self>>,
    pub(crate) receivers: Receivers,
    pub(crate) pipes: PipeSet,
    pub(crate) snapshot: Arc<Snapshot>,
    view: LiveView,
    pub(crate) limits: ClientLimits,
    /// Reads go here first; empty while somebody reads.
    pub(crate) scratch: Vec<u8>,
    /// Requests found in a buffer; reused.
    pub(crate) batch: RequestBatch,
    /// How keys spread; reused.
    pub(crate) split: Split,
    flusher: Option<Waker>,
    clock: Clock,
}

impl ProxyThread {
    fn new(proxy: Arc<ProxyShared>) -> Rc<RefCell<Self>> {
        let config = &proxy.config;
        let limits = ClientLimits {
            requests_in_flight: u64::from(config.client_requests_in_flight),
            output_soft_bytes: config.client_output_soft_limit.as_usize(),
            output_hard_bytes: config.client_output_hard_limit.as_usize(),
            input_bytes: config.client_query_buffer_limit.as_usize(),
        };
        let mut pipes = PipeSet::new(PipeLimits {
            databases: config.databases,
            queue_bytes: config.pipe_queue_bytes.as_usize(),
            queue_requests: config.pipe_queue_requests as usize,
            node_deadline: config.node_deadline,
        });
        let snapshot = proxy.topology.load();
        pipes.follow(&snapshot);
        Rc::new_cyclic(|me| {
            RefCell::new(Self {
                me: me.clone(),
                receivers: Receivers::new(crate::metrics::ThreadStats::default()),
                pipes,
                snapshot,
                view: proxy.topology.view(),
                limits,
                scratch: vec![0; SCRATCH_BYTES],
                batch: RequestBatch::default(),
                split: Split::default(),
                flusher: None,
                clock: Clock::system(),
                proxy,
            })
        })
    }

    /// Monotonic milliseconds.
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.monotonic_ms()
    }

    /// Takes over a newer topology, if there is one.
    #[inline]
    pub(crate) fn follow_topology(&mut self) {
        if !Arc::ptr_eq(self.view.load(), &self.snapshot) {
            self.swap_topology();
        }
    }

    #[cold]
    fn swap_topology(&mut self) {
        self.snapshot = Arc::clone(self.view.load());
        self.pipes.follow(&self.snapshot);
        for number in self.pipes.numbers() {
            let Some((pipe, node)) = self.pipes.with_node(number) else {
                continue;
            };
            if node.is_current {
                continue;
            }
            match pipe.stream {
                // It ends when all that was routed to it is answered.
                Some(_) => {
                    if let Some(waker) = &pipe.waker {
                        waker.wake_by_ref();
                    }
                }
                None => self.route_line_again(number),
            }
        }
    }

    /// The flusher is to run at the end of this turn, if there is something to write.
    #[inline]
    pub(crate) fn wake_flusher(&mut self) {
        if (self.pipes.has_dirty() || self.receivers.has_dirty())
            && let Some(waker) = self.flusher.take()
        {
            waker.wake();
        }
    }

    /// Writes what the turn has brought: first requests, so that nodes work while clients are written to.
    fn flush(&mut self, cx: &Context<'_>) {
        self.start_pipes();
        while let Some(number) = self.pipes.next_dirty() {
            self.flush_pipe(number);
        }
        while let Some(key) = self.receivers.next_dirty() {
            self.flush_client(key);
        }
        self.flusher = Some(cx.waker().clone());
        // Writing may have ended something that others wait for.
        self.wake_flusher();
    }

    fn start_pipes(&mut self) {
        for number in self.pipes.take_unstarted() {
            if let Some(thread) = self.me.upgrade() {
                tokio::task::spawn_local(tokio::task::unconstrained(run_pipe(thread, number)));
            }
        }
    }

    fn serve(&mut self, stream: ClientStream, peer: SocketAddr, local: SocketAddr) {
        let needs_password = !self.proxy.config.requirepass.is_empty();
        let id = self.proxy.next_client.fetch_add(1, Ordering::Relaxed);
        let state = ClientState::new(id, peer, local, needs_password, self.clock.wall_ms());
        let scanner = RequestScanner::new(state.limits(self.proxy.bulk_bytes()));
        let client = Client::new(stream, state, scanner, self.snapshot.version());
        let key = self.receivers.clients.insert(Box::new(client));
        if let Some(thread) = self.me.upgrade() {
            tokio::task::spawn_local(tokio::task::unconstrained(run_client(thread, key)));
        }
    }

    /// How long to wait between attempts to reach a node.
    pub(crate) fn reconnect_pauses(&self, _number: PipeNumber) -> Pauses {
        Pauses {
            least: self.proxy.config.reconnect_pause_min,
            most: self.proxy.config.reconnect_pause_max,
            next: self.proxy.config.reconnect_pause_min,
        }
    }

    /// Deadlines.
    fn tick(&mut self) {
        let now_ms = self.now_ms();
        self.follow_topology();
        for number in self.pipes.numbers() {
            let deadline = self.pipes.limits().node_deadline;
            let Some((pipe, node)) = self.pipes.with_node(number) else {
                continue;
            };
            if pipe.stream.is_none() && pipe.line.requests() > 0 && !node.reach.waits(now_ms, deadline) {
                self.fail_line(number);
            }
        }
        self.wake_flusher();
    }
}

/// Pauses between attempts.
pub(crate) struct Pauses {
    least: Duration,
    most: Duration,
    next: Duration,
}

impl Pauses {
    pub(crate) fn reset(&mut self) {
        self.next = self.least;
    }

    pub(crate) fn next_pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.most);
        pause
    }
}

async fn run_client(thread: Rc<RefCell<ProxyThread>>, key: Key) {
    poll_fn(|cx| thread.borrow_mut().poll_client(key, cx)).await;
}

async fn run_flusher(thread: Rc<RefCell<ProxyThread>>) {
    poll_fn(|cx| {
        thread.borrow_mut().flush(cx);
        Poll::<()>::Pending
    })
    .await;
}

async fn run_ticks(thread: Rc<RefCell<ProxyThread>>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        thread.borrow_mut().tick();
    }
}

/// Runs a thread until it is told to stop.
pub(crate) fn run_thread(proxy: Arc<ProxyShared>, mut orders: mpsc::Receiver<Order>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())?;
    runtime.block_on(async move {
        let thread = ProxyThread::new(proxy);
        tokio::task::spawn_local(tokio::task::unconstrained(run_flusher(Rc::clone(&thread))));
        tokio::task::spawn_local(run_ticks(Rc::clone(&thread)));
        while let Some(order) = orders.recv().await {
            match order {
                Order::Serve(stream, peer) => {
                    let accepted = stream.set_nonblocking(true).and_then(|()| {
                        stream.set_nodelay(true)?;
                        let local = stream.local_addr()?;
                        Ok((tokio::net::TcpStream::from_std(stream)?, local))
                    });
                    match accepted {
                        Ok((stream, local)) => thread.borrow_mut().serve(ClientStream::Plain(stream), peer, local),
                        Err(error) => {
                            proxy_gone(&thread);
                            tracing::debug!(%peer, %error, "client left while it was accepted");
                        }
                    }
                }
                Order::Stop => break,
            }
        }
    });
    Ok(())
}

fn proxy_gone(thread: &Rc<RefCell<ProxyThread>>) {
    thread.borrow().proxy.clients.fetch_sub(1, Ordering::Relaxed);
}
