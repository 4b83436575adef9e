//! Relays' sockets: one connection to each shard's primary over which the thread subscribes to what its clients have subscribed to, and hears what is published.
//! Reaches: the relay's own socket. Never: decides who gets a message ([`crate::request::messages`]), or what is to be said ([`crate::channels`]).
//! Bounds: nothing is read while clients that have got messages wait to be written to, so a node that publishes faster than clients can be served keeps what it
//! has until its own bound, and then cuts the relay.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use shared::resp::{Protocol, ReplyScanner};
use shared::throttle::Throttle;
use shared::topology::ShardIndex;
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::connect::{ConnectPlan, connect};
use super::{ProxyThread, TurnEnd};
use crate::channels::relay::Relay;
use crate::pipe::handshake::ConnectionName;
use crate::pipe::{Class, Lane, PipeError, Pledge, Role, Tells};
use crate::request::TURN_NS;
use crate::request::messages::{Heard, PushBytes};

/// Clients that are written to before others get their turn.
const WRITTEN_TO_AT_ONCE: usize = 256;

/// Room that is made before a read.
const READ_BYTES: usize = 64 * 1024;

/// Messages from here on are shared by all who get them, and not copied.
const SHARED_BYTES: usize = 4 * 1024;

/// Longest frame: a value of 512 MiB, its channel, and some.
const MOST_FRAME_BYTES: usize = 1 << 30;

/// A shard that says nothing for so long is asked whether it is there, milliseconds.
const QUIET_MS: u64 = 1_000;

/// How long a shard may owe an answer, whatever `node-deadline` says.
const LEAST_PATIENCE: Duration = Duration::from_millis(500);
const MOST_PATIENCE: Duration = Duration::from_secs(10);

/// The socket of a relay.
#[derive(Debug, Default)]
pub(super) struct RelaySocket {
    /// There is a task.
    has_task: bool,
    stream: Option<TcpStream>,
    waker: Option<Waker>,
    out: Vec<u8>,
    written: usize,
    input: BytesMut,
    scanner: ReplyScanner,
    /// There may be a whole frame in `input`.
    has_frames: bool,
    last: Option<ConnectionName>,
    news: Rc<Notify>,
    doom: Option<PipeError>,
}

impl RelaySocket {
    fn wake(&self) {
        self.news.notify_one();
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

/// A relay's task: keeps it connected as long as there is its shard.
async fn run_relay(thread: Rc<RefCell<ProxyThread>>, shard: usize, news: Rc<Notify>) {
    let mut backoff = thread.borrow().reconnect_backoff();
    loop {
        let Some(plan) = thread.borrow_mut().relay_plan(shard) else {
            return;
        };
        match connect(&plan).await {
            Ok((stream, name)) => {
                backoff.reset();
                thread.borrow_mut().relay_opened(shard, stream, name);
                let error = loop {
                    match poll_fn(|cx| thread.borrow_mut().poll_relay(shard, cx)).await {
                        TurnEnd::Yield => tokio::task::yield_now().await,
                        TurnEnd::End(error) => break error,
                    }
                };
                let is_replaced = error.is_none();
                thread.borrow_mut().relay_lost(shard, error.as_ref());
                if is_replaced {
                    continue;
                }
            }
            Err(error) => thread.borrow_mut().relay_not_opened(shard, &error),
        }
        let dice = thread.borrow_mut().exchange.receivers.dice.throw();
        let pause = tokio::time::sleep(backoff.after_failure(dice));
        tokio::select! {
            () = pause => {}
            () = until_replaced(&thread, shard, &news) => {}
        }
    }
}

/// Until the shard has another primary, which is worth an attempt at once.
async fn until_replaced(thread: &Rc<RefCell<ProxyThread>>, shard: usize, news: &Notify) {
    let before = thread.borrow_mut().relay_target(shard);
    loop {
        news.notified().await;
        if thread.borrow_mut().relay_target(shard) != before {
            return;
        }
    }
}

impl ProxyThread {
    /// Starts relays that are wanted, tells them what is new, and lets go on who waited for what they have confirmed.
    pub(super) fn flush_relays(&mut self) {
        if !self.exchange.channels.take_news() {
            return;
        }
        if self.exchange.channels.are_wanted() {
            self.start_relays();
        }
        for socket in &self.relays {
            socket.wake();
        }
        self.exchange.let_confirmed_go();
    }

    fn start_relays(&mut self) {
        let begun: Vec<bool> = self.exchange.channels.relays().map(Relay::begin).collect();
        if self.relays.len() < begun.len() {
            self.relays.resize_with(begun.len(), RelaySocket::default);
        }
        for (shard, _) in begun.iter().enumerate().filter(|(_, begins)| **begins) {
            // That of a shard which was there before goes on.
            if std::mem::replace(&mut self.relays[shard].has_task, true) {
                continue;
            }
            if let Some(thread) = self.me.upgrade() {
                let news = Rc::clone(&self.relays[shard].news);
                let task = run_relay(thread, shard, news);
                tokio::task::spawn_local(tokio::task::unconstrained(task));
            }
        }
    }

    fn relay_target(&mut self, shard: usize) -> Option<crate::channels::relay::Target> {
        self.exchange.channels.relay(shard)?.target().cloned()
    }

    /// How to open a relay; `None` when its shard is gone.
    fn relay_plan(&mut self, shard: usize) -> Option<ConnectPlan> {
        let index = ShardIndex::new(shard)?;
        if shard >= self.exchange.snapshot.shard_count() {
            self.relays[shard].has_task = false;
            return None;
        }
        let node = self.exchange.pipes.primary(index);
        let config = &self.exchange.proxy.config;
        let lane = Lane {
            role: Role::Primary(Pledge::Async),
            class: Class::Common,
            tells: Tells::Nothing,
            protocol: Protocol::Resp3,
            database: 0,
        };
        Some(ConnectPlan {
            address: node.address.clone(),
            words: node.first_words(
                lane,
                self.relays.get(shard)?.last.clone(),
                config.node_password.clone(),
                self.exchange.snapshot.version(),
            ),
            timeout: config.connect_timeout,
        })
    }

    fn relay_opened(&mut self, shard: usize, stream: TcpStream, name: Option<ConnectionName>) {
        let news = Rc::clone(&self.relays[shard].news);
        self.relays[shard] = RelaySocket {
            has_task: true,
            stream: Some(stream),
            last: name,
            news,
            ..RelaySocket::default()
        };
        let now_ms = self.exchange.now_ms();
        let Some(relay) = self.exchange.channels.relay(shard) else {
            return;
        };
        if relay.opened(now_ms) {
            self.exchange.proxy.counters.resubscribed.add(1);
            tracing::info!(
                shard,
                "subscribed again: what was published meanwhile did not reach subscribers here"
            );
        }
        self.relay_has_news();
    }

    fn relay_lost(&mut self, shard: usize, error: Option<&PipeError>) {
        self.relays[shard].stream = None;
        self.relays[shard].waker = None;
        if let Some(relay) = self.exchange.channels.relay(shard) {
            relay.lost();
        }
        if let Some(error) = error {
            tracing::warn!(shard, %error, "the connection for subscriptions is lost");
        }
        self.relay_has_news();
    }

    fn relay_not_opened(&mut self, shard: usize, error: &PipeError) {
        static NOT_OPENED: Throttle = Throttle::new();
        if let Some(left_out) = NOT_OPENED.admit(self.exchange.clock.wall_ms()) {
            tracing::warn!(shard, %error, left_out, "no connection for subscriptions");
        }
        if let Some(relay) = self.exchange.channels.relay(shard) {
            relay.not_opened();
        }
        self.relay_has_news();
    }

    fn relay_has_news(&mut self) {
        self.exchange.channels.note_progress();
        self.wake_flusher();
    }

    /// Looks whether shards that owe an answer are there, and asks those that have been quiet.
    pub(super) fn tick_relays(&mut self) {
        self.exchange.channels.forget_some();
        let now_ms = self.exchange.tick_ms;
        // Whoever subscribes waits for that: some bound holds always.
        let config = &self.exchange.proxy.config;
        let patience = config.node_deadline.clamp(LEAST_PATIENCE, MOST_PATIENCE);
        let patience_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        let relays = self.exchange.channels.relays();
        for (relay, socket) in relays.zip(&mut self.relays) {
            let owes_ms = relay.owes_for_ms(now_ms);
            if owes_ms.is_some_and(|ms| ms >= patience_ms) {
                let after_ms = patience.as_millis();
                socket.doom = Some(PipeError::Silent { after_ms });
                socket.wake();
            } else if relay.is_quiet(now_ms, QUIET_MS) {
                relay.ask(now_ms, &mut socket.out);
                socket.wake();
            }
        }
    }

    /// Turn by turn while the connection lives; `None`: its shard has another primary, or is gone.
    fn poll_relay(
        &mut self,
        shard: usize,
        cx: &mut Context<'_>,
    ) -> Poll<TurnEnd<Option<PipeError>>> {
        self.relays[shard].waker = Some(cx.waker().clone());
        let is_doomed = match self.exchange.channels.relay(shard) {
            Some(relay) => relay.is_doomed(),
            None => true,
        };
        if is_doomed {
            return Poll::Ready(TurnEnd::End(None));
        }
        let end = match self.relays[shard].doom.take() {
            Some(doom) => Err(doom),
            None => self.relay_turn(shard, cx),
        };
        self.wake_flusher();
        match end {
            Ok(true) => Poll::Ready(TurnEnd::Yield),
            Ok(false) => Poll::Pending,
            Err(error) => Poll::Ready(TurnEnd::End(Some(error))),
        }
    }

    /// Whether there is more to do after the others' turn.
    fn relay_turn(&mut self, shard: usize, cx: &mut Context<'_>) -> Result<bool, PipeError> {
        self.write_relay(shard, cx)?;
        if self.exchange.write_to_some(WRITTEN_TO_AT_ONCE) {
            return Ok(true);
        }
        if !self.relays[shard].has_frames {
            let socket = &mut self.relays[shard];
            let Some(stream) = &mut socket.stream else {
                return Err(PipeError::Closed);
            };
            socket.input.reserve(READ_BYTES);
            match Future::poll(pin!(stream.read_buf(&mut socket.input)), cx) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Ok(0)) => return Err(PipeError::Closed),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Err(error.into()),
            }
        }
        self.hand_out_frames(shard)?;
        Ok(true)
    }

    fn write_relay(&mut self, shard: usize, cx: &mut Context<'_>) -> Result<(), PipeError> {
        loop {
            let socket = &mut self.relays[shard];
            if socket.written == socket.out.len() {
                socket.out.clear();
                socket.written = 0;
            }
            let now_ms = self.exchange.tick_ms;
            let (channels, snapshot) = (&mut self.exchange.channels, &self.exchange.snapshot);
            if socket.out.is_empty()
                && !channels.next_words(shard, snapshot, now_ms, &mut socket.out)
            {
                return Ok(());
            }
            let Some(stream) = &mut socket.stream else {
                return Err(PipeError::Closed);
            };
            match Pin::new(stream).poll_write(cx, &socket.out[socket.written..]) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(count)) => socket.written += count,
                Poll::Ready(Err(error)) => return Err(error.into()),
            }
        }
    }

    /// Hands on what has come, as far as one turn may.
    fn hand_out_frames(&mut self, shard: usize) -> Result<(), PipeError> {
        let now_ms = self.exchange.tick_ms;
        let began = self.exchange.receivers.stopwatch.read();
        if let Some(relay) = self.exchange.channels.relay(shard) {
            relay.heard(now_ms);
        }
        loop {
            let socket = &mut self.relays[shard];
            socket.has_frames = false;
            let Some(end) = socket.scanner.scan(&socket.input)? else {
                if socket.input.len() > MOST_FRAME_BYTES {
                    let limit = MOST_FRAME_BYTES;
                    return Err(PipeError::TooLarge { limit });
                }
                return Ok(());
            };
            socket.has_frames = socket.input.len() > end;
            let heard = if end < SHARED_BYTES {
                let heard = self
                    .exchange
                    .hear(shard, &PushBytes::Lent(&socket.input[..end]))?;
                socket.input.advance(end);
                heard
            } else {
                let frame = take_frame(&mut socket.input, end);
                self.exchange.hear(shard, &PushBytes::Shared(frame))?
            };
            if let Heard::Refused(text) = heard {
                return Err(PipeError::Refused {
                    command: "SUBSCRIBE",
                    reply: text,
                });
            }
            if self.exchange.receivers.stopwatch.since_ns(began) > TURN_NS {
                return Ok(());
            }
        }
    }
}

/// A frame that keeps no more of the buffer than it needs.
fn take_frame(input: &mut BytesMut, end: usize) -> Bytes {
    if end < input.capacity() / 2 {
        let frame = Bytes::copy_from_slice(&input[..end]);
        input.advance(end);
        return frame;
    }
    input.split_to(end).freeze()
}
