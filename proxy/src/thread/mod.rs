//! One proxy thread: its runtime, its clients, its pipes, its counters. Nothing of it is shared but the topology.
//!
//! All of it is one value behind a `RefCell` that is borrowed for one turn of a task and never across an await. Tasks are thin: one per client, one per
//! pipe, and one, the flusher, that runs at the end of each turn of the loop and writes what the turn has brought.

pub(crate) mod clients;
pub(crate) mod departures;
pub(crate) mod pipes;
pub(crate) mod stream;
mod turn;

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use shared::backoff::Backoff;
use shared::clock::Clock;
use shared::resp::{Protocol, RequestBatch, RequestScanner};
use tokio::runtime::LocalOptions;
use tokio::sync::{mpsc, oneshot};

use crate::client::ClientState;
use crate::metrics::report::ThreadReport;
use crate::pipe::PipeError;
use crate::pipe::set::{Class, Lane, PipeLimits, PipeSet};
use crate::request::receivers::Receivers;
use crate::route::local::{ClientOrder, ClientVerdict};
use crate::route::{self, Split};
use crate::server::ProxyShared;
use crate::slab::Key;
use crate::thread::clients::Client;
use crate::thread::departures::Departures;
use crate::thread::pipes::run_pipe;
use crate::thread::stream::ClientStream;
use crate::topology::Snapshot;
use crate::topology::live::LiveView;

/// What one read takes at most, from a client or a node: a deep pipeline's worth, and small enough to stay in the second-level cache.
const SCRATCH_BYTES: usize = 64 * 1024;

/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(50);

/// Clients are looked at every so many ticks.
const TICKS_PER_CLIENT_ROUND: u32 = 20;

/// What a client's or a pipe's task does when a turn is over and there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TurnEnd<E = ()> {
    /// Lets the others run, and the sockets be looked at, which waking itself would put off for dozens of turns; then goes on.
    Yield,
    /// It ends.
    End(E),
}

/// A client that was accepted.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// The socket, not blocking.
    pub(crate) stream: std::net::TcpStream,
    /// Where it comes from.
    pub(crate) peer: SocketAddr,
    /// It wants TLS.
    pub(crate) is_tls: bool,
}

/// What the rest of the proxy may ask of a thread.
#[derive(Debug)]
pub(crate) enum Order {
    /// Serve this client.
    Serve(Arrival),
    /// Say how it goes.
    Report(oneshot::Sender<ThreadReport>),
    /// Carry this out on your clients.
    Clients(ClientOrder, oneshot::Sender<ClientVerdict>),
    /// Let clients have their replies and go.
    Stop,
}

/// Bounds of clients.
#[derive(Clone, Debug)]
pub(crate) struct ClientLimits {
    requests_in_flight: u64,
    pub(crate) output_soft_bytes: usize,
    pub(crate) output_hard_bytes: usize,
    pub(crate) input_bytes: usize,
}

impl ClientLimits {
    /// Whether more may be read from this client.
    #[inline]
    pub(crate) fn lets_read(&self, client: &Client) -> bool {
        client.queue.missing() < self.requests_in_flight && self.lets_answer(client)
    }

    /// Whether it has taken so much of its replies that there may be more.
    #[inline]
    pub(crate) fn lets_answer(&self, client: &Client) -> bool {
        client.queue.bytes() < self.output_soft_bytes
    }
}

/// All that a thread has.
pub(crate) struct ProxyThread {
    /// What all threads share: configuration and a few counters.
    pub(crate) proxy: Arc<ProxyShared>,
    pub(crate) me: Weak<RefCell<Self>>,
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
    /// Sockets to be closed.
    pub(crate) departures: Rc<Departures>,
    pub(crate) clock: Clock,
    /// Monotonic milliseconds at the last tick.
    pub(crate) tick_ms: u64,
    is_stopping: bool,
    /// CLIENT PAUSE was in force at the last tick.
    was_held: bool,
    ticks: u32,
    /// Requests that other threads know of.
    published_requests: u64,
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
            databases: config.databases.into(),
            queue_bytes: config.pipe_queue_bytes.as_usize(),
            queue_requests: config.pipe_queue_requests as usize,
            node_deadline: config.node_deadline,
        });
        let snapshot = proxy.topology.load();
        pipes.follow(&snapshot);
        Rc::new_cyclic(|me| {
            RefCell::new(Self {
                me: me.clone(),
                receivers: Receivers::new(),
                pipes,
                snapshot,
                view: proxy.topology.view(),
                limits,
                scratch: vec![0; SCRATCH_BYTES],
                batch: RequestBatch::default(),
                split: Split::default(),
                flusher: None,
                departures: Rc::new(Departures::new()),
                tick_ms: proxy.clock.monotonic_ms(),
                clock: proxy.clock.clone(),
                is_stopping: false,
                was_held: false,
                ticks: 0,
                published_requests: 0,
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
        let state = ClientState::new(id, peer, local, needs_password, self.now_ms());
        let scanner = RequestScanner::new(state.limits(self.proxy.bulk_bytes()));
        let mut client = Client::new(stream, state, scanner, self.snapshot.version());
        client.is_ending = self.is_stopping;
        let key = self.receivers.clients.insert(Box::new(client));
        if let Some(thread) = self.me.upgrade() {
            tokio::task::spawn_local(tokio::task::unconstrained(run_client(thread, key)));
        }
    }

    /// Pauses between attempts to reach a node.
    pub(crate) fn reconnect_backoff(&self) -> Backoff {
        let config = &self.proxy.config;
        Backoff::new(config.reconnect_pause_min, config.reconnect_pause_max)
    }

    /// Opens a pipe to every shard's primary, so that whether it can be reached is known before somebody asks.
    fn open_first_pipes(&mut self) {
        let lane = Lane {
            class: Class::Primary,
            protocol: Protocol::Resp2,
            database: 0,
        };
        for shard in route::all_shards(&self.snapshot) {
            self.pipes.pipe_to(shard, lane);
        }
        self.start_pipes();
    }

    /// Deadlines of pipes and clients, and the counters that other threads may see.
    fn tick(&mut self) {
        self.tick_ms = self.now_ms();
        self.follow_topology();
        self.tick_pipes();
        self.tick_clients();
        let requests = self.receivers.stats.requests;
        let news = requests - self.published_requests;
        self.published_requests = requests;
        self.proxy.commands.fetch_add(news, Ordering::Relaxed);
        self.wake_flusher();
    }

    fn tick_pipes(&mut self) {
        let now_ms = self.now_ms();
        let now = self.receivers.stopwatch.read();
        let node_deadline = self.proxy.config.node_deadline;
        let request_deadline = self.proxy.config.request_deadline;
        for number in self.pipes.numbers() {
            let Some((pipe, node)) = self.pipes.with_node(number) else {
                continue;
            };
            let Some(first) = pipe.in_flight.first() else {
                continue;
            };
            if pipe.stream.is_none() {
                if !node.reach.waits(now_ms, node_deadline) {
                    self.fail_line(number);
                }
                continue;
            }
            let waited =
                Duration::from_nanos(self.receivers.stopwatch.between_ns(first.started, now));
            if !request_deadline.is_zero() && waited > request_deadline && pipe.doom.is_none() {
                // One request without an answer holds up all behind it: the pipe is given up, and each is told what is true for it.
                pipe.doom = Some(PipeError::Silent {
                    after_ms: request_deadline.as_millis(),
                });
                if let Some(waker) = &pipe.waker {
                    waker.wake_by_ref();
                }
            }
        }
    }

    fn tick_clients(&mut self) {
        let now_ms = self.now_ms();
        let config = &self.proxy.config;
        let idle_ms = millis(config.timeout);
        let stall_ms = millis(config.client_output_stall);
        let is_held = self.proxy.hold(now_ms).is_some();
        let was_held = std::mem::replace(&mut self.was_held, is_held);
        // Every tick would be too often for thousands of clients of which nearly all are idle.
        self.ticks = self.ticks.wrapping_add(1);
        let is_round = self.ticks.is_multiple_of(TICKS_PER_CLIENT_ROUND);
        if !is_round && was_held == is_held {
            return;
        }
        for key in self.receivers.clients.keys() {
            let Some(client) = self.receivers.clients.get_mut(key) else {
                continue;
            };
            if client.queue.bytes() < self.limits.output_soft_bytes {
                client.stalled_since_ms = None;
            } else {
                let since = *client.stalled_since_ms.get_or_insert(now_ms);
                if stall_ms > 0 && now_ms.saturating_sub(since) >= stall_ms {
                    tracing::warn!(
                        client = client.state.id,
                        bytes = client.queue.bytes(),
                        "client closed: it has not taken its replies for too long"
                    );
                    self.remove_client(key);
                    continue;
                }
            }
            let is_idle =
                client.queue.is_idle() && now_ms.saturating_sub(client.state.active_ms) >= idle_ms;
            if idle_ms > 0 && is_idle {
                self.remove_client(key);
            } else if was_held && !is_held {
                client.wake();
            }
        }
    }

    fn report(&self) -> ThreadReport {
        let mut report = ThreadReport {
            stats: self.receivers.stats.clone(),
            shards: self.pipes.shard_names().to_vec(),
            clients: self.receivers.clients.len(),
            pipes_open: 0,
            requests_waiting: 0,
            bytes_waiting: 0,
            reachable: Vec::new(),
        };
        for pipe in self.pipes.iter() {
            report.pipes_open += usize::from(pipe.stream.is_some());
            report.requests_waiting += pipe.line.requests();
            report.bytes_waiting += pipe.line.bytes();
        }
        report.reachable = self
            .pipes
            .primaries()
            .map(|node| (node.shard.clone(), !node.reach.is_lost()))
            .collect();
        report
    }

    /// From now on clients only get the replies that they wait for.
    fn stop(&mut self) {
        self.is_stopping = true;
        for key in self.receivers.clients.keys() {
            self.end_client(key);
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

async fn run_client(thread: Rc<RefCell<ProxyThread>>, key: Key) {
    while poll_fn(|cx| thread.borrow_mut().poll_client(key, cx)).await == TurnEnd::Yield {
        tokio::task::yield_now().await;
    }
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

/// Runs a thread until it is told to stop, and its clients are gone.
pub(crate) fn run_thread(
    proxy: Arc<ProxyShared>,
    orders: mpsc::Receiver<Order>,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())?;
    let grace = proxy.config.shutdown_grace;
    runtime.block_on(async move {
        let thread = ProxyThread::new(proxy);
        tokio::task::spawn_local(tokio::task::unconstrained(run_flusher(Rc::clone(&thread))));
        tokio::task::spawn_local(run_ticks(Rc::clone(&thread)));
        let departures = Rc::clone(&thread.borrow().departures);
        tokio::task::spawn_local(departures::close_all(departures));
        thread.borrow_mut().open_first_pipes();
        take_orders(&thread, orders).await;
        thread.borrow_mut().stop();
        let all_gone = async {
            while thread.borrow().receivers.clients.len() > 0 {
                tokio::time::sleep(TICK / 5).await;
            }
        };
        if tokio::time::timeout(grace, all_gone).await.is_err() {
            let clients = thread.borrow().receivers.clients.len();
            tracing::warn!(
                clients,
                "clients cut off: they did not take their last replies in time"
            );
        }
    });
    Ok(())
}

/// Until the order to stop.
async fn take_orders(thread: &Rc<RefCell<ProxyThread>>, mut orders: mpsc::Receiver<Order>) {
    while let Some(order) = orders.recv().await {
        match order {
            Order::Serve(arrival) => serve_arrival(thread, arrival),
            Order::Report(answer) => {
                // Whoever asked may have lost patience.
                answer.send(thread.borrow().report()).ok();
            }
            Order::Clients(order, answer) => {
                let verdict = thread.borrow_mut().clients_order(&order);
                answer.send(verdict).ok();
            }
            Order::Stop => return,
        }
    }
}

fn serve_arrival(thread: &Rc<RefCell<ProxyThread>>, arrival: Arrival) {
    let Arrival {
        stream,
        peer,
        is_tls,
    } = arrival;
    let accepted = stream
        .local_addr()
        .and_then(|local| Ok((tokio::net::TcpStream::from_std(stream)?, local)));
    let (stream, local) = match accepted {
        Ok(accepted) => accepted,
        Err(error) => {
            tracing::debug!(%peer, %error, "a client left while it was accepted");
            thread.borrow().forget_client();
            return;
        }
    };
    let front = thread.borrow().proxy.tls.clone();
    match front {
        Some(front) if is_tls => {
            let thread = Rc::clone(thread);
            tokio::task::spawn_local(async move {
                match front.greet(stream).await {
                    Some(stream) => {
                        thread
                            .borrow_mut()
                            .serve(ClientStream::Tls(Box::new(stream)), peer, local);
                    }
                    None => thread.borrow().forget_client(),
                }
            });
        }
        _ => thread
            .borrow_mut()
            .serve(ClientStream::Plain(stream), peer, local),
    }
}
