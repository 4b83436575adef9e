//! Connections that belong to one client for a while: opened, written to, read from, closed.
//! Reaches: its own socket, and the lease. Never: decides what becomes of what was under way ([`crate::request`] does).
//! Bounds: a reply has no more bytes than a client may have waiting; a connection that nobody wants any more is closed at once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use shared::resp::{Protocol, ReplyScanner, encode_request};
use shared::topology::Address;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::connect::{ConnectPlan, connect};
use super::{ProxyThread, TurnEnd};
use crate::pipe::handshake::FirstWords;
use crate::pipe::lease::{Errand, LeaseKey};
use crate::pipe::{Class, Lane, PipeError, Pledge, Role, Tells};

/// Reads from one node before others get their turn.
const READS_PER_TURN: usize = 4;

/// What is made room for at once.
const LEAST_READ_BYTES: usize = 4 * 1024;

/// Up to here a reply is copied out of the buffer in which it came.
const SMALL_BYTES: usize = 16 * 1024;

/// Nobody may say anything for hours where a client waits for ever: a node that has vanished without a word is found out by the kernel.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 3;

/// Errands to one node over one connection.
const ERRANDS_AT_ONCE: usize = 1_024;

/// A connection, and the beginning of a reply.
struct LeaseSocket {
    stream: TcpStream,
    begun: BytesMut,
    scanner: ReplyScanner,
}

async fn run_lease(thread: Rc<RefCell<ProxyThread>>, key: LeaseKey) {
    let error = match open(&thread, key).await {
        Some(mut socket) => {
            let error = loop {
                match poll_fn(|cx| thread.borrow_mut().poll_lease(key, &mut socket, cx)).await {
                    TurnEnd::Yield => tokio::task::yield_now().await,
                    TurnEnd::End(error) => break error,
                }
            };
            // What the kernel has not sent yet is not to arrive late. When that fails the connection is gone already.
            SockRef::from(&socket.stream)
                .set_linger(Some(Duration::ZERO))
                .ok();
            error
        }
        None => None,
    };
    let mut thread = thread.borrow_mut();
    if let Some(error) = error {
        tracing::debug!(%error, "a client's own connection to a node is lost");
        thread.exchange.lease_lost(key, &error);
    }
    thread.lease_wakers.remove(&key);
    thread.exchange.leases.left(key);
    thread.wake_flusher();
}

/// Opens the connection, as often as it takes; `None` when nobody wants it any more.
async fn open(thread: &Rc<RefCell<ProxyThread>>, key: LeaseKey) -> Option<LeaseSocket> {
    let plan = thread.borrow_mut().lease_plan(key)?;
    let mut backoff = thread.borrow().reconnect_backoff();
    loop {
        match connect(&plan).await {
            Ok((stream, name)) => {
                keep_alive(&stream);
                let mut thread = thread.borrow_mut();
                let is_wanted = thread.exchange.lease_opened(key, name);
                thread.wake_flusher();
                return is_wanted.then(|| LeaseSocket {
                    stream,
                    begun: BytesMut::new(),
                    scanner: ReplyScanner::default(),
                });
            }
            Err(error) => {
                let mut thread = thread.borrow_mut();
                let is_wanted = thread.exchange.lease_not_opened(key, &error);
                thread.wake_flusher();
                if !is_wanted {
                    return None;
                }
            }
        }
        let dice = thread.borrow_mut().exchange.receivers.dice.throw();
        tokio::time::sleep(backoff.after_failure(dice)).await;
    }
}

fn keep_alive(stream: &TcpStream) {
    let settings = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_EVERY)
        .with_retries(KEEPALIVE_PROBES);
    // Without it a node that vanishes is found out when something is asked, or by the topology.
    SockRef::from(stream).set_tcp_keepalive(&settings).ok();
}

impl ProxyThread {
    /// Opens leases, wakes those with something to do, and runs errands to nodes.
    pub(super) fn look_after_leases(&mut self) {
        if !self.exchange.leases.has_dirty() {
            return;
        }
        let Some(me) = self.me.upgrade() else {
            return;
        };
        for key in self.exchange.leases.take_unstarted() {
            tokio::task::spawn_local(run_lease(Rc::clone(&me), key));
        }
        for key in self.exchange.leases.take_dirty() {
            if let Some(waker) = self.lease_wakers.get(&key) {
                waker.wake_by_ref();
            }
        }
        let mut errands: HashMap<Address, Vec<Errand>> = HashMap::new();
        for errand in self.exchange.leases.take_errands() {
            errands
                .entry(errand.address.clone())
                .or_default()
                .push(errand);
        }
        for (address, errands) in errands {
            for some in errands.chunks(ERRANDS_AT_ONCE) {
                let plan = self.errand_plan(&address);
                tokio::task::spawn_local(run_errands(plan, words_of(some), some.len()));
            }
        }
    }

    fn lease_plan(&mut self, key: LeaseKey) -> Option<ConnectPlan> {
        let (address, words) = self.exchange.leases.take_words(key)?;
        Some(ConnectPlan {
            address,
            words,
            timeout: self.exchange.proxy.config.connect_timeout,
        })
    }

    /// Words that any node takes, whomever it obeys.
    fn errand_plan(&self, address: &Address) -> ConnectPlan {
        let config = &self.exchange.proxy.config;
        ConnectPlan {
            address: address.clone(),
            words: FirstWords {
                lane: Lane {
                    role: Role::Primary(Pledge::Async),
                    class: Class::Common,
                    tells: Tells::Nothing,
                    protocol: Protocol::Resp2,
                    database: 0,
                },
                password: config.node_password.clone(),
                last: None,
                fence: None,
                follower: None,
                is_plain: false,
                local_keys: None,
            },
            timeout: config.connect_timeout,
        }
    }

    /// Turn by turn while the connection lives. `Some`: it is lost. `None`: nobody wants it any more.
    fn poll_lease(
        &mut self,
        key: LeaseKey,
        socket: &mut LeaseSocket,
        cx: &mut Context<'_>,
    ) -> Poll<TurnEnd<Option<PipeError>>> {
        let waker = self.lease_wakers.get(&key);
        if waker.is_none_or(|waker| !waker.will_wake(cx.waker())) {
            self.lease_wakers.insert(key, cx.waker().clone());
        }
        let end = self.turn_of_lease(key, socket, cx);
        self.wake_flusher();
        match end {
            Ok(Some(is_pending)) if is_pending => Poll::Pending,
            Ok(Some(_)) => Poll::Ready(TurnEnd::Yield),
            Ok(None) => Poll::Ready(TurnEnd::End(None)),
            Err(error) => Poll::Ready(TurnEnd::End(Some(error))),
        }
    }

    /// Writes and reads; whether there is nothing to do before somebody wakes it. `None`: nobody wants it.
    fn turn_of_lease(
        &mut self,
        key: LeaseKey,
        socket: &mut LeaseSocket,
        cx: &mut Context<'_>,
    ) -> Result<Option<bool>, PipeError> {
        loop {
            let Some(lease) = self.exchange.leases.get_mut(key) else {
                return Ok(None);
            };
            if lease.unwritten().is_empty() {
                break;
            }
            match Pin::new(&mut socket.stream).poll_write(cx, lease.unwritten()) {
                Poll::Ready(Ok(0)) => return Err(PipeError::Closed),
                Poll::Ready(Ok(count)) => lease.wrote(count),
                Poll::Ready(Err(error)) => return Err(error.into()),
                Poll::Pending => break,
            }
        }
        for _ in 0..READS_PER_TURN {
            let limit = self.exchange.limits.hard_bytes;
            socket.begun.reserve(LEAST_READ_BYTES);
            let read = pin!(socket.stream.read_buf(&mut socket.begun));
            match Future::poll(read, cx) {
                Poll::Pending => return Ok(Some(true)),
                Poll::Ready(Ok(0)) => return Err(PipeError::Closed),
                Poll::Ready(Ok(_)) => self.take_replies_of_lease(key, socket)?,
                Poll::Ready(Err(error)) => return Err(error.into()),
            }
            if socket.begun.len() > limit {
                return Err(PipeError::TooLarge { limit });
            }
        }
        Ok(Some(false))
    }

    fn take_replies_of_lease(
        &mut self,
        key: LeaseKey,
        socket: &mut LeaseSocket,
    ) -> Result<(), PipeError> {
        while let Some(end) = socket.scanner.scan(&socket.begun)? {
            let is_push = socket.begun.first() == Some(&b'>');
            let reply: Bytes = match end < SMALL_BYTES {
                // It would keep a buffer that is far too large for it.
                true => {
                    let reply = Bytes::copy_from_slice(&socket.begun[..end]);
                    bytes::Buf::advance(&mut socket.begun, end);
                    reply
                }
                false => socket.begun.split_to(end).freeze(),
            };
            if !is_push {
                self.exchange.lease_replied(key, reply)?;
            }
        }
        if socket.begun.is_empty() {
            // Most wait for long, and need none.
            socket.begun = BytesMut::new();
        }
        Ok(())
    }
}

fn words_of(errands: &[Errand]) -> Vec<u8> {
    let mut words = Vec::new();
    for errand in errands {
        let how = match errand.with_error {
            true => "ERROR",
            false => "TIMEOUT",
        };
        encode_request(
            &mut words,
            ["CLIENT", "UNBLOCK", &errand.id.to_string(), how],
        );
    }
    words
}

/// Tells a node what it is to be told. When that fails nobody is waited for longer than the lease's own time says.
async fn run_errands(plan: ConnectPlan, words: Vec<u8>, count: usize) {
    let errand = async {
        let (mut stream, _) = connect(&plan).await?;
        stream.write_all(&words).await?;
        let mut scanner = ReplyScanner::default();
        let (mut replies, mut missing) = (BytesMut::new(), count);
        while missing > 0 {
            if stream.read_buf(&mut replies).await? == 0 {
                return Err(PipeError::Closed);
            }
            while let Some(end) = scanner.scan(&replies)? {
                bytes::Buf::advance(&mut replies, end);
                missing = missing.saturating_sub(1);
            }
        }
        Ok(())
    };
    if let Ok(Err(error)) = tokio::time::timeout(ERRAND_TIME, errand).await {
        tracing::debug!(address = %plan.address, %error, "a node could not be told that a client waits there no longer");
    }
}

/// How long an errand may take.
const ERRAND_TIME: Duration = Duration::from_secs(5);
