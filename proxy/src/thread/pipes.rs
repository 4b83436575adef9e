//! Pipes' sockets: opened, written to, read from, and opened again when they are lost.
//! Reaches: the pipe's own socket and line. Never: decides what becomes of requests without a reply ([`crate::request`] does).
//! Invariant: a connection that is given up is reset, and what may still lie in it is never executed after something that is sent later.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use shared::backoff::Backoff;
use shared::resp::READ_AT_ONCE_BYTES;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::connect::{ConnectPlan, connect};
use super::{ProxyThread, TurnEnd};
use crate::pipe::PipeError;
use crate::pipe::handshake::ConnectionName;
use crate::pipe::line::CHUNKS_PER_WRITE;
use crate::pipe::set::PipeNumber;
use crate::request::TURN_NS;

/// Reads from one node before others get their turn.
const READS_PER_TURN: usize = 4;

/// Bytes written to one node before others get their turn.
const WRITTEN_PER_TURN: usize = 1024 * 1024;

/// Pauses before a node is asked again that has not obeyed.
const SHORTEST_FENCED: Duration = Duration::from_millis(10);
const LONGEST_FENCED: Duration = Duration::from_millis(200);

/// Least room made for the rest of a large reply.
const LEAST_READ_BYTES: usize = 64 * 1024;
/// From here on a reply is long: moving it takes a millisecond.
const LONG_BYTES: usize = 4 * 1024 * 1024;
/// Most addresses that are taken at once for the rest of one.
const MOST_ADDRESSED: usize = 256 * 1024 * 1024;

/// The socket of a pipe.
#[derive(Debug, Default)]
pub(super) struct PipeSocket {
    /// Open and agreed upon.
    stream: Option<TcpStream>,
    /// The beginning of a reply that has not arrived completely.
    begun: BytesMut,
    /// Wakes the task that owns the connection.
    waker: Option<Waker>,
    /// A write could not be completed: nothing is tried until the kernel has room again.
    is_write_blocked: bool,
}

impl PipeSocket {
    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

/// A pipe's task: keeps it connected until nobody needs it any more.
pub(super) async fn run_pipe(thread: Rc<RefCell<ProxyThread>>, number: PipeNumber) {
    let mut backoff = thread.borrow().reconnect_backoff();
    let mut fenced = Backoff::new(SHORTEST_FENCED, LONGEST_FENCED);
    loop {
        let Some(plan) = thread.borrow_mut().connect_plan(number) else {
            return;
        };
        match connect(&plan).await {
            Ok((stream, name)) => {
                backoff.reset();
                let told = plan.words.local_keys.clone();
                thread
                    .borrow_mut()
                    .pipe_connected(number, stream, name, told);
                let lost = loop {
                    match poll_fn(|cx| thread.borrow_mut().poll_pipe(number, cx)).await {
                        TurnEnd::Yield => tokio::task::yield_now().await,
                        TurnEnd::End(lost) => break lost,
                    }
                };
                let Some(error) = lost else {
                    return;
                };
                thread.borrow_mut().pipe_lost(number, &error);
                if matches!(error, PipeError::Fenced) {
                    // It obeys somebody newer, or has no orders yet: that ends soon, or somebody has to do something.
                    let dice = thread.borrow_mut().exchange.receivers.dice.throw();
                    tokio::time::sleep(fenced.after_failure(dice)).await;
                    continue;
                }
                fenced.reset();
            }
            Err(error) => {
                let mut thread = thread.borrow_mut();
                thread.exchange.pipe_not_connected(number, &error);
                thread.wake_flusher();
                if error.of_its_lane().is_some() {
                    backoff = thread.longest_pause();
                }
            }
        }
        let dice = thread.borrow_mut().exchange.receivers.dice.throw();
        tokio::time::sleep(backoff.after_failure(dice)).await;
        if thread.borrow_mut().exchange.forget_refusal(number) {
            return;
        }
    }
}

impl ProxyThread {
    /// How to open a pipe; `None` when nobody needs it any more, and it is closed.
    fn connect_plan(&mut self, number: PipeNumber) -> Option<ConnectPlan> {
        let now_ms = self.exchange.now_ms();
        let (pipe, node) = self.exchange.pipes.with_node(number)?;
        if !node.is_current {
            node.reach.lost(now_ms);
            self.exchange.close_pipe(number);
            self.wake_flusher();
            return None;
        }
        let config = &self.exchange.proxy.config;
        Some(ConnectPlan {
            address: node.address.clone(),
            words: node.first_words(
                pipe.lane,
                pipe.last_connection.clone(),
                config.node_password.clone(),
                self.exchange.snapshot.version(),
            ),
            timeout: config.connect_timeout,
        })
    }

    /// Between two looks at a lane that its node refuses.
    fn longest_pause(&self) -> Backoff {
        let longest = self.exchange.proxy.config.reconnect_pause_max;
        Backoff::new(longest, longest)
    }

    fn socket(&mut self, number: PipeNumber) -> &mut PipeSocket {
        let place = number as usize;
        if place >= self.sockets.len() {
            self.sockets.resize_with(place + 1, PipeSocket::default);
        }
        &mut self.sockets[place]
    }

    fn pipe_connected(
        &mut self,
        number: PipeNumber,
        stream: TcpStream,
        name: Option<ConnectionName>,
        told_keys: Option<Arc<[u8]>>,
    ) {
        *self.socket(number) = PipeSocket {
            stream: Some(stream),
            // Its task writes what has waited; after that, the flusher does.
            is_write_blocked: true,
            ..PipeSocket::default()
        };
        if let Some((pipe, node)) = self.exchange.pipes.with_node(number) {
            if node.reach.is_lost() {
                tracing::info!(node = %node.id, address = %node.address, "node is back");
            }
            node.reach.connected();
            pipe.is_open = true;
            // What waits in its line may name scripts that the node does not have any more; what is asked from now on brings them.
            pipe.scripts.forget();
            pipe.last_connection = name;
            pipe.told_keys = told_keys;
        }
        self.exchange.old_connection_cut(number);
        self.exchange.begins_to_tell(number);
        self.exchange.tell_keys(number);
        self.wake_flusher();
    }

    fn pipe_lost(&mut self, number: PipeNumber, error: &PipeError) {
        let socket = std::mem::take(self.socket(number));
        if let Some(stream) = socket.stream {
            // What the kernel has not sent yet is not to arrive late. When that fails the connection is gone already.
            SockRef::from(&stream).set_linger(Some(Duration::ZERO)).ok();
        }
        self.exchange.pipe_lost(number, error);
        self.wake_flusher();
    }

    /// Turn by turn while the connection lives. `Some`: it is lost. `None`: it was closed because nobody needs it any more.
    fn poll_pipe(
        &mut self,
        number: PipeNumber,
        cx: &mut Context<'_>,
    ) -> Poll<TurnEnd<Option<PipeError>>> {
        let socket = self.socket(number);
        let waker = socket.waker.as_ref();
        if waker.is_none_or(|waker| !waker.will_wake(cx.waker())) {
            socket.waker = Some(cx.waker().clone());
        }
        let is_write_blocked = socket.is_write_blocked;
        if let Some(doom) = self
            .exchange
            .pipes
            .get_mut(number)
            .and_then(|pipe| pipe.doom.take())
        {
            return Poll::Ready(TurnEnd::End(Some(doom)));
        }
        let mut goes_on = false;
        if is_write_blocked {
            self.look_for_stall();
            match self.write_pipe(number, cx) {
                Ok(may_take_more) => goes_on = may_take_more,
                Err(error) => return Poll::Ready(TurnEnd::End(Some(error.into()))),
            }
        }
        let end = self.read_some(number, cx);
        self.wake_flusher();
        match end {
            Poll::Ready(Ok(())) => Poll::Ready(TurnEnd::Yield),
            Poll::Ready(Err(error)) => Poll::Ready(TurnEnd::End(Some(error))),
            Poll::Pending if self.close_if_abandoned(number) => Poll::Ready(TurnEnd::End(None)),
            Poll::Pending if goes_on => Poll::Ready(TurnEnd::Yield),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Reads as much as one turn may; `Pending` when there is no more.
    fn read_some(
        &mut self,
        number: PipeNumber,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), PipeError>> {
        let began = self.exchange.receivers.stopwatch.read();
        for _ in 0..READS_PER_TURN {
            match self.read_pipe(number, cx) {
                Poll::Ready(Ok(())) => {}
                end => return end,
            }
            // Putting replies of several nodes together may take long.
            if self.exchange.receivers.stopwatch.since_ns(began) > TURN_NS {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// A pipe whose node leads no shard any more ends when nothing is left in it. Whether it did.
    fn close_if_abandoned(&mut self, number: PipeNumber) -> bool {
        let is_abandoned = self
            .exchange
            .pipes
            .with_node(number)
            .is_some_and(|(pipe, node)| !node.is_current && pipe.is_empty());
        if is_abandoned {
            *self.socket(number) = PipeSocket::default();
            self.exchange.close_pipe(number);
            self.wake_flusher();
        }
        is_abandoned
    }

    /// Hands the line to the kernel as far as it takes it; true when it may take more after the others' turn.
    fn write_pipe(&mut self, number: PipeNumber, cx: &mut Context<'_>) -> io::Result<bool> {
        let now_ms = self.exchange.tick_ms;
        let Some(socket) = self.sockets.get_mut(number as usize) else {
            return Ok(false);
        };
        let (Some(stream), Some(pipe)) = (&mut socket.stream, self.exchange.pipes.get_mut(number))
        else {
            return Ok(false);
        };
        if pipe.doom.is_some() {
            // What is in its line goes over the next connection.
            return Ok(false);
        }
        socket.is_write_blocked = false;
        let mut left = WRITTEN_PER_TURN;
        while pipe.line.wants_to_send() {
            if left == 0 {
                // Its own task goes on, after the others.
                socket.is_write_blocked = true;
                return Ok(true);
            }
            let mut slices = [IoSlice::new(&[]); CHUNKS_PER_WRITE];
            let filled = pipe.line.slices(&mut slices);
            let stream = Pin::new(&mut *stream);
            let written = match &slices[..filled] {
                [one] => stream.poll_write(cx, one),
                many => stream.poll_write_vectored(cx, many),
            };
            match written {
                Poll::Ready(Ok(count)) => {
                    left = left.saturating_sub(count);
                    pipe.silence.asked(now_ms, pipe.line.is_owed());
                    pipe.line
                        .advance(count, &mut self.exchange.receivers.buffers);
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    socket.is_write_blocked = true;
                    return Ok(false);
                }
            }
        }
        Ok(false)
    }

    /// Writes at the end of a turn, when all requests of the turn are in the line.
    pub(super) fn flush_pipe(&mut self, number: PipeNumber) {
        let mut cx = Context::from_waker(Waker::noop());
        let is_blocked = self.socket(number).is_write_blocked;
        let written = if is_blocked {
            Ok(false)
        } else {
            self.write_pipe(number, &mut cx)
        };
        let Some((pipe, node)) = self.exchange.pipes.with_node(number) else {
            return;
        };
        if let Err(error) = written {
            pipe.doom = Some(error.into());
        }
        // Its own task is to end it, or to be told when there is room.
        let is_over = pipe.doom.is_some() || (!node.is_current && pipe.is_empty());
        let socket = self.socket(number);
        if is_over || (socket.is_write_blocked && !is_blocked) {
            socket.wake();
        }
    }

    fn read_pipe(
        &mut self,
        number: PipeNumber,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), PipeError>> {
        let expected = self.exchange.expected_of_reply(number);
        let most = self.exchange.limits.hard_bytes;
        let socket = &mut self.sockets[number as usize];
        let Some(stream) = &mut socket.stream else {
            return Poll::Pending;
        };
        if !socket.begun.is_empty() {
            make_room(&mut socket.begun, expected, most);
            let mut room = (&mut socket.begun).limit(READ_AT_ONCE_BYTES);
            let read = pin!(stream.read_buf(&mut room));
            return match Future::poll(read, cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Ok(0)) => Poll::Ready(Err(PipeError::Closed)),
                Poll::Ready(Ok(_)) => Poll::Ready(self.take_begun(number)),
                Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            };
        }
        let mut buffer = ReadBuf::new(&mut self.scratch);
        let read = Pin::new(stream).poll_read(cx, &mut buffer);
        let count = buffer.filled().len();
        match read {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) if count == 0 => Poll::Ready(Err(PipeError::Closed)),
            Poll::Ready(Ok(())) => Poll::Ready(self.take_fresh(number, count)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
        }
    }

    /// Replies that begin with the first of `count` bytes in the scratch buffer.
    fn take_fresh(&mut self, number: PipeNumber, count: usize) -> Result<(), PipeError> {
        let bytes = &self.scratch[..count];
        let taken = self.exchange.hand_out(number, bytes)?;
        let begun = &mut self.sockets[number as usize].begun;
        begun.extend_from_slice(&bytes[taken..]);
        Ok(())
    }

    /// More of a reply that had begun to arrive, and perhaps others behind it.
    fn take_begun(&mut self, number: PipeNumber) -> Result<(), PipeError> {
        let begun = &mut self.sockets[number as usize].begun;
        // The one that is large, or was cut: it has this buffer for itself up to its end.
        let Some(end) = self.exchange.end_of_reply(number, begun)? else {
            self.exchange.begin_large(number, begun);
            return Ok(());
        };
        let mut rest = std::mem::take(begun);
        let reply = if end < LONG_BYTES && end < rest.capacity() / 2 {
            // It would keep a buffer that is far too large for it.
            let reply = Bytes::copy_from_slice(&rest[..end]);
            rest.advance(end);
            reply
        } else {
            rest.split_to(end).freeze()
        };
        self.exchange.hand_out_large(number, reply)?;
        let taken = self.exchange.hand_out(number, &rest)?;
        rest.advance(taken);
        // The reply that was just handed on keeps its buffer; what follows begins one of its own.
        self.sockets[number as usize].begun = BytesMut::from(&rest[..]);
        Ok(())
    }
}

/// Makes room behind the beginning of a reply: up to its end, if `expected` says where that is, but no more than as much as is there. Only when there is none: to
/// ask for as much again before each read would leave most of it unused. Behind a long one there is room at once for as much as anybody may have waiting (`most`): it
/// is made of addresses alone until something comes, and what has come is not moved again, which would hold everybody up.
fn make_room(begun: &mut BytesMut, expected: Option<usize>, most: usize) {
    let length = begun.len();
    let missing = expected.map_or(0, |end| end.saturating_sub(length));
    let spare = begun.capacity() - length;
    if spare >= LEAST_READ_BYTES || (missing > 0 && spare >= missing) {
        return;
    }
    if length >= LONG_BYTES && begun.capacity() < most.min(MOST_ADDRESSED) {
        let mut room = Vec::new();
        // Where addresses are few it grows step by step.
        if room.try_reserve_exact(most.min(MOST_ADDRESSED)).is_ok() {
            room.extend_from_slice(begun);
            *begun = BytesMut::from(Bytes::from(room));
            return;
        }
    }
    begun.reserve(missing.min(length).max(LEAST_READ_BYTES));
}
