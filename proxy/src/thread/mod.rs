//! One proxy thread: its runtime, its clients' sockets, its pipes' sockets. Nothing of it is shared but the topology and a few atomics.
//! The only place that implements [`ProxyThread`], and the only one that holds sockets. What is to be done with what they bring is [`crate::request`]'s business.
//!
//! All of it is one value behind a `RefCell` that is borrowed for one turn of a task and never across an await. Tasks are thin: one per client ([`clients`]),
//! one per pipe ([`pipes`]), one per connection of a client's own ([`leases`]), one that looks at deadlines ([`tick`]), one that waits for the end of a pause, and one, the flusher, that runs at the end of each
//! turn of the loop and writes what the turn has brought.

pub(crate) mod clients;
mod connect;
pub(crate) mod departures;
mod leases;
mod orders;
mod pipes;
mod proxies;
mod relays;
mod rest;
pub(crate) mod stream;
mod tick;

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use shared::backoff::Backoff;
use tokio::runtime::LocalOptions;
use tokio::sync::mpsc;

use self::clients::Connection;
use self::departures::Departures;
use self::pipes::{PipeSocket, run_pipe};
use self::relays::RelaySocket;
use crate::events::{Kind, News};
use crate::facts::ProxyShared;
use crate::orders::Order;
use crate::pipe::lease::LeaseKey;
use crate::request::Exchange;
use crate::slab::Key;

/// What one read takes at most, from a client or a node: a deep pipeline's worth, and small enough to stay in the second-level cache.
const SCRATCH_BYTES: usize = 64 * 1024;

/// How often it is looked whether the last clients are gone.
const LAST_LOOK: Duration = Duration::from_millis(10);

/// What a client's or a pipe's task does when a turn is over and there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TurnEnd<E = ()> {
    /// Lets the others run, and the sockets be looked at, which waking itself would put off for dozens of turns; then goes on.
    Yield,
    /// It ends.
    End(E),
}

/// All that a thread has.
struct ProxyThread {
    exchange: Exchange,
    me: Weak<RefCell<Self>>,
    /// Clients by the place of their key; empty while one has its turn.
    connections: Vec<Option<Box<Connection>>>,
    /// Pipes' sockets by number.
    sockets: Vec<PipeSocket>,
    /// Relays' sockets by shard.
    relays: Vec<RelaySocket>,
    /// Wake the tasks of leases.
    lease_wakers: HashMap<LeaseKey, Waker>,
    /// Reads go here first; empty while somebody reads.
    scratch: Vec<u8>,
    flusher: Option<Waker>,
    rest: rest::Rest,
    /// Sockets to be closed.
    departures: Rc<Departures>,
    is_stopping: bool,
    /// Bytes kept for all clients, requests and replies.
    kept_bytes: usize,
    /// Of these, what other threads know of.
    published_bytes: usize,
    ticks: u32,
    /// The users that its clients know of.
    users_version: u64,
    /// When the thread last had stood still, monotonic milliseconds.
    stalled_ms: Option<u64>,
    /// Requests that other threads know of.
    published_requests: u64,
}

impl ProxyThread {
    fn new(proxy: Arc<ProxyShared>, number: usize) -> Rc<RefCell<Self>> {
        let rest = rest::Rest::new(proxy.config.turn_wait_max);
        Rc::new_cyclic(|me| {
            RefCell::new(Self {
                exchange: Exchange::new(proxy, number),
                me: me.clone(),
                connections: Vec::new(),
                sockets: Vec::new(),
                relays: Vec::new(),
                lease_wakers: HashMap::new(),
                scratch: vec![0; SCRATCH_BYTES],
                flusher: None,
                rest,
                departures: Rc::new(Departures::new()),
                is_stopping: false,
                kept_bytes: 0,
                published_bytes: 0,
                ticks: 0,
                users_version: 0,
                stalled_ms: None,
                published_requests: 0,
            })
        })
    }

    /// The flusher is to run at the end of this turn, if there is something to write.
    #[inline]
    fn wake_flusher(&mut self) {
        if self.exchange.has_dirty()
            && let Some(waker) = self.flusher.take()
        {
            waker.wake();
        }
    }

    /// Writes what the turn has brought: first requests, so that nodes work while clients are written to.
    fn flush(&mut self, cx: &Context<'_>) {
        self.look_for_stall();
        self.start_pipes();
        self.flush_relays();
        self.look_after_leases();
        self.send_shown();
        self.send_words();
        let mut pipes = 0;
        while let Some(number) = self.exchange.pipes.next_dirty() {
            self.flush_pipe(number);
            pipes += 1;
        }
        while let Some(key) = self.exchange.receivers.next_dirty() {
            self.flush_client(key);
        }
        for question in std::mem::take(&mut self.exchange.questions) {
            self.ask_threads(question);
        }
        for errand in std::mem::take(&mut self.exchange.errands) {
            self.carry_out(errand);
        }
        self.flusher = Some(cx.waker().clone());
        // Writing may have ended something that others wait for.
        self.wake_flusher();
        self.rest.after_turn(&self.exchange, pipes);
    }

    fn start_pipes(&mut self) {
        for number in self.exchange.pipes.take_unstarted() {
            if let Some(thread) = self.me.upgrade() {
                tokio::task::spawn_local(tokio::task::unconstrained(run_pipe(thread, number)));
            }
        }
    }

    /// Pauses between attempts to reach a node.
    fn reconnect_backoff(&self) -> Backoff {
        let config = &self.exchange.proxy.config;
        Backoff::new(config.reconnect_pause_min, config.reconnect_pause_max)
    }

    /// The keys of all clients.
    fn clients(&self) -> Vec<Key> {
        self.exchange.receivers.outlets.keys()
    }
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

/// Lets clients go on when a pause ends, by itself or by UNPAUSE: for ever.
async fn run_pauses(thread: Rc<RefCell<ProxyThread>>) {
    let proxy = Arc::clone(&thread.borrow().exchange.proxy);
    let mut news = proxy.pause.news();
    loop {
        let end = async {
            match proxy.pause.left_ms(proxy.clock.monotonic_ms()) {
                Some(left_ms) => tokio::time::sleep(Duration::from_millis(left_ms)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = news.changed() => {}
            () = end => {}
        }
        let mut thread = thread.borrow_mut();
        thread.exchange.let_paused_go();
        thread.wake_flusher();
    }
}

/// Runs the thread of this number until it is told to stop, and its clients are gone.
pub(crate) fn run_thread(
    proxy: Arc<ProxyShared>,
    number: usize,
    mut orders: mpsc::Receiver<Order>,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())?;
    let grace = proxy.config.shutdown_grace;
    runtime.block_on(async move {
        let thread = ProxyThread::new(Arc::clone(&proxy), number);
        tokio::task::spawn_local(tokio::task::unconstrained(run_flusher(Rc::clone(&thread))));
        tokio::task::spawn_local(tick::run_ticks(Rc::clone(&thread)));
        tokio::task::spawn_local(run_pauses(Rc::clone(&thread)));
        let departures = Rc::clone(&thread.borrow().departures);
        tokio::task::spawn_local(departures::close_all(departures));
        thread.borrow_mut().exchange.want_first_pipes();
        thread.borrow_mut().start_pipes();
        orders::take_orders(&thread, &mut orders).await;
        thread.borrow_mut().stop();
        let last_orders = Rc::clone(&thread);
        tokio::task::spawn_local(async move {
            orders::take_orders(&last_orders, &mut orders).await;
        });
        let count = || {
            let thread = thread.borrow();
            thread.exchange.receivers.outlets.len() + thread.departures.parting()
        };
        let all_gone = async {
            while count() > 0 {
                tokio::time::sleep(LAST_LOOK).await;
            }
        };
        if tokio::time::timeout(grace, all_gone).await.is_err() {
            let clients = count();
            let words =
                format!("clients cut off: {clients} did not take their last replies in time");
            proxy.events.tell(News::warning(Kind::ClientsCut, words));
        }
        let last_words = Arc::new(thread.borrow().report().of_the_end());
        // Nobody else says them.
        proxy.threads[number].last_words.set(last_words).ok();
    });
    Ok(())
}
