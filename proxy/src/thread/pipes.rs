//! One connection to a node: opened, agreed upon, written to, read from, and opened again when it is lost.
//! Reaches: the pipe's own places in the thread, and those who wait for replies. Never: decides what may be sent twice ([`crate::pipe::retry`] does).
//! Invariant: whatever happens to the connection, each request appended to the pipe gets exactly one reply or one error.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use shared::command;
use shared::config::Secret;
use shared::resp::ReplyScanner;
use shared::topology::Address;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use crate::client::ReplyBytes;
use crate::pipe::error::PipeError;
use crate::pipe::handshake::Handshake;
use crate::pipe::line::CHUNKS_PER_WRITE;
use crate::pipe::retry::{Fate, fate};
use crate::pipe::set::{Lane, PipeNumber};
use crate::request::TURN_NS;
use crate::request::receivers::Failure;
use crate::thread::{ProxyThread, TurnEnd};

/// Reads from one node before others get their turn.
const READS_PER_TURN: usize = 4;

/// Bytes written to one node before others get their turn.
const WRITTEN_PER_TURN: usize = 1024 * 1024;

/// Least room made for the rest of a large reply.
const LEAST_READ_BYTES: usize = 64 * 1024;

/// Largest single reply, bytes: twice the largest value a node may hold.
pub(crate) const MOST_REPLY_BYTES: usize = 1024 * 1024 * 1024;

/// What a task needs to know to open a pipe.
#[derive(Debug)]
pub(crate) struct ConnectPlan {
    address: Address,
    lane: Lane,
    password: Secret,
    timeout: Duration,
}

/// A pipe's task: keeps it connected until nobody needs it any more.
pub(crate) async fn run_pipe(thread: Rc<RefCell<ProxyThread>>, number: PipeNumber) {
    let mut backoff = thread.borrow().reconnect_backoff();
    loop {
        let Some(plan) = thread.borrow_mut().connect_plan(number) else {
            return;
        };
        match connect(&plan).await {
            Ok(stream) => {
                backoff.reset();
                thread.borrow_mut().pipe_connected(number, stream);
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
            }
            Err(error) => thread.borrow_mut().pipe_not_connected(number, &error),
        }
        let dice = thread.borrow_mut().receivers.dice.throw();
        tokio::time::sleep(backoff.after_failure(dice)).await;
    }
}

async fn connect(plan: &ConnectPlan) -> Result<TcpStream, PipeError> {
    let attempt = async {
        let mut stream = TcpStream::connect(plan.address.pair()).await?;
        // Requests leave in batches already; waiting for more would only add delay.
        stream.set_nodelay(true)?;
        let mut first_words = Vec::new();
        let mut handshake = Handshake::begin(plan.lane, &plan.password, &mut first_words);
        stream.write_all(&first_words).await?;
        let mut answer = [0; 4096];
        loop {
            let count = stream.read(&mut answer).await?;
            if count == 0 {
                return Err(PipeError::Closed);
            }
            if handshake.take(&answer[..count])? {
                return Ok(stream);
            }
        }
    };
    tokio::time::timeout(plan.timeout, attempt)
        .await
        .unwrap_or_else(|_| {
            Err(PipeError::ConnectTimeout {
                after_ms: plan.timeout.as_millis(),
            })
        })
}

impl ProxyThread {
    /// How to open a pipe; `None` when nobody needs it any more, and it is closed.
    fn connect_plan(&mut self, number: PipeNumber) -> Option<ConnectPlan> {
        let now_ms = self.now_ms();
        let (pipe, node) = self.pipes.with_node(number)?;
        if node.is_current {
            return Some(ConnectPlan {
                address: node.address.clone(),
                lane: pipe.lane,
                password: self.proxy.config.node_password.clone(),
                timeout: self.proxy.config.connect_timeout,
            });
        }
        node.reach.lost(now_ms);
        self.route_line_again(number);
        self.pipes.close(number);
        None
    }

    fn pipe_connected(&mut self, number: PipeNumber, stream: TcpStream) {
        let Some((pipe, node)) = self.pipes.with_node(number) else {
            return;
        };
        if node.reach.is_lost() {
            tracing::info!(node = %node.id, address = %node.address, "node is back");
        }
        node.reach.connected();
        pipe.stream = Some(stream);
        // Its task writes what has waited; after that, the flusher does.
        pipe.is_write_blocked = true;
        pipe.scanner = ReplyScanner::default();
        pipe.begun = BytesMut::new();
        self.wake_flusher();
    }

    fn pipe_not_connected(&mut self, number: PipeNumber, error: &PipeError) {
        let now_ms = self.now_ms();
        let deadline = self.proxy.config.node_deadline;
        if let Some((_, node)) = self.pipes.with_node(number) {
            if !node.reach.is_lost() {
                tracing::warn!(node = %node.id, address = %node.address, %error, "node cannot be reached");
            }
            node.reach.lost(now_ms);
            if !node.reach.waits(now_ms, deadline) {
                self.fail_line(number);
            }
        }
    }

    /// Turn by turn while the connection lives. `Some`: it is lost. `None`: it was closed because nobody needs it any more.
    fn poll_pipe(
        &mut self,
        number: PipeNumber,
        cx: &mut Context<'_>,
    ) -> Poll<TurnEnd<Option<PipeError>>> {
        let Some((pipe, _)) = self.pipes.with_node(number) else {
            return Poll::Ready(TurnEnd::End(None));
        };
        if pipe
            .waker
            .as_ref()
            .is_none_or(|waker| !waker.will_wake(cx.waker()))
        {
            pipe.waker = Some(cx.waker().clone());
        }
        if let Some(doom) = pipe.doom.take() {
            return Poll::Ready(TurnEnd::End(Some(doom)));
        }
        let mut goes_on = false;
        if pipe.is_write_blocked {
            match self.write_pipe(number, cx) {
                Ok(may_take_more) => goes_on = may_take_more,
                Err(error) => return Poll::Ready(TurnEnd::End(Some(error.into()))),
            }
        }
        let began = self.receivers.stopwatch.read();
        for _ in 0..READS_PER_TURN {
            match self.read_pipe(number, cx) {
                // Putting replies of several nodes together may take long.
                Poll::Ready(Ok(())) if self.receivers.stopwatch.since_ns(began) > TURN_NS => break,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    self.wake_flusher();
                    return Poll::Ready(TurnEnd::End(Some(error)));
                }
                Poll::Pending => {
                    self.wake_flusher();
                    return match self.close_if_abandoned(number) {
                        Poll::Pending if goes_on => Poll::Ready(TurnEnd::Yield),
                        end => end.map(TurnEnd::End),
                    };
                }
            }
        }
        self.wake_flusher();
        Poll::Ready(TurnEnd::Yield)
    }

    /// A pipe whose node has left the topology ends when nothing is left in it.
    fn close_if_abandoned(&mut self, number: PipeNumber) -> Poll<Option<PipeError>> {
        let Some((pipe, node)) = self.pipes.with_node(number) else {
            return Poll::Ready(None);
        };
        if node.is_current || pipe.line.requests() > 0 {
            return Poll::Pending;
        }
        self.pipes.close(number);
        Poll::Ready(None)
    }

    /// Hands the line to the kernel as far as it takes it; true when it may take more after the others' turn.
    fn write_pipe(&mut self, number: PipeNumber, cx: &mut Context<'_>) -> io::Result<bool> {
        let Some(pipe) = self.pipes.get_mut(number) else {
            return Ok(false);
        };
        let Some(stream) = &mut pipe.stream else {
            return Ok(false);
        };
        pipe.is_write_blocked = false;
        let mut left = WRITTEN_PER_TURN;
        while pipe.line.wants_to_send() {
            if left == 0 {
                // Its own task goes on, after the others.
                pipe.is_write_blocked = true;
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
                    pipe.line.advance(count, &mut self.receivers.buffers);
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    pipe.is_write_blocked = true;
                    return Ok(false);
                }
            }
        }
        Ok(false)
    }

    /// Writes at the end of a turn, when all requests of the turn are in the line.
    pub(crate) fn flush_pipe(&mut self, number: PipeNumber) {
        let is_blocked = |thread: &mut Self| {
            thread
                .pipes
                .get_mut(number)
                .is_some_and(|pipe| pipe.is_write_blocked)
        };
        if is_blocked(self) {
            return;
        }
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let written = self.write_pipe(number, &mut cx);
        let Some(pipe) = self.pipes.get_mut(number) else {
            return;
        };
        if let Err(error) = written {
            pipe.doom = Some(error.into());
        } else if !pipe.is_write_blocked {
            return;
        }
        // Its own task is to end it, or to be told when there is room.
        if let Some(waker) = &pipe.waker {
            waker.wake_by_ref();
        }
    }

    fn read_pipe(
        &mut self,
        number: PipeNumber,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), PipeError>> {
        let Some(pipe) = self.pipes.get_mut(number) else {
            return Poll::Pending;
        };
        let Some(stream) = &mut pipe.stream else {
            return Poll::Pending;
        };
        if !pipe.begun.is_empty() {
            let room = pipe.begun.len().max(LEAST_READ_BYTES);
            pipe.begun.reserve(room);
            let read = pin!(stream.read_buf(&mut pipe.begun));
            return match Future::poll(read, cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Ok(0)) => Poll::Ready(Err(PipeError::Closed)),
                Poll::Ready(Ok(_)) => Poll::Ready(self.take_begun(number)),
                Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            };
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut buffer = ReadBuf::new(&mut scratch);
        let read = Pin::new(stream).poll_read(cx, &mut buffer);
        let count = buffer.filled().len();
        let result = match read {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) if count == 0 => Poll::Ready(Err(PipeError::Closed)),
            Poll::Ready(Ok(())) => Poll::Ready(self.take_fresh(number, &scratch[..count])),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
        };
        self.scratch = scratch;
        result
    }

    /// Replies that begin with the first of these bytes.
    fn take_fresh(&mut self, number: PipeNumber, bytes: &[u8]) -> Result<(), PipeError> {
        let taken = self.hand_out(number, bytes)?;
        if taken < bytes.len()
            && let Some(pipe) = self.pipes.get_mut(number)
        {
            pipe.begun.extend_from_slice(&bytes[taken..]);
        }
        Ok(())
    }

    /// More of a reply that had begun to arrive, and perhaps others behind it.
    fn take_begun(&mut self, number: PipeNumber) -> Result<(), PipeError> {
        let now = self.receivers.stopwatch.read();
        let Some((pipe, node)) = self.pipes.with_node(number) else {
            return Ok(());
        };
        // The one that is large, or was cut: it has this buffer for itself up to its end.
        let Some(end) = pipe.scanner.scan(&pipe.begun)? else {
            if pipe.begun.len() > MOST_REPLY_BYTES {
                return Err(PipeError::TooLarge {
                    limit: MOST_REPLY_BYTES,
                });
            }
            return Ok(());
        };
        if pipe.in_flight.first().is_none() {
            return Err(PipeError::Unasked);
        }
        let reply = pipe.begun.split_to(end).freeze();
        let mut rest = std::mem::take(&mut pipe.begun);
        let errors = u32::from(reply.first() == Some(&b'-'));
        let waiter = pipe.in_flight.take(1);
        pipe.line.answered(1, &mut self.receivers.buffers);
        self.receivers.deliver(
            waiter,
            ReplyBytes::Own(reply),
            errors,
            node.shard_index,
            now,
        );
        let taken = self.hand_out(number, &rest)?;
        rest.advance(taken);
        if let Some(pipe) = self.pipes.get_mut(number) {
            // The reply that was just handed on keeps its buffer; what follows begins one of its own.
            pipe.begun = BytesMut::from(&rest[..]);
        }
        Ok(())
    }

    /// Hands the complete replies in `bytes` to those who wait for them; gives the number of bytes that these were.
    fn hand_out(&mut self, number: PipeNumber, bytes: &[u8]) -> Result<usize, PipeError> {
        let now = self.receivers.stopwatch.read();
        let Some((pipe, node)) = self.pipes.with_node(number) else {
            return Ok(bytes.len());
        };
        let mut taken = 0;
        let mut answered = 0;
        let result = 'all: loop {
            if taken == bytes.len() {
                break Ok(());
            }
            let Some(first) = pipe.in_flight.first() else {
                break Err(PipeError::Unasked);
            };
            // A run of replies for one waiter is handed over in one piece.
            let (start, most) = (taken, first.count);
            let (mut count, mut errors) = (0, 0);
            let mut fault = None;
            while count < most {
                match pipe.scanner.scan(&bytes[taken..]) {
                    Ok(Some(_)) if bytes[taken] == b'>' => break 'all Err(PipeError::Unasked),
                    Ok(Some(length)) => {
                        errors += u32::from(bytes[taken] == b'-');
                        taken += length;
                        count += 1;
                    }
                    Ok(None) => break,
                    Err(error) => {
                        fault = Some(error);
                        break;
                    }
                }
            }
            if count > 0 {
                let waiter = pipe.in_flight.take(count);
                answered += count;
                let replies = ReplyBytes::Lent(&bytes[start..taken]);
                self.receivers
                    .deliver(waiter, replies, errors, node.shard_index, now);
            }
            match fault {
                Some(error) => break Err(error.into()),
                None if count < most => break Ok(()),
                None => {}
            }
        };
        pipe.line.answered(answered, &mut self.receivers.buffers);
        if !pipe.crowd.is_empty() {
            self.let_crowd_in(number);
        }
        result.map(|()| taken)
    }

    /// Clients that waited for room may try again.
    fn let_crowd_in(&mut self, number: PipeNumber) {
        let Some(pipe) = self.pipes.get_mut(number) else {
            return;
        };
        for key in std::mem::take(&mut pipe.crowd) {
            self.receivers.mark_dirty(key);
        }
    }

    /// The connection is gone: every request without a reply is kept for the next one, or told the truth.
    fn pipe_lost(&mut self, number: PipeNumber, error: &PipeError) {
        let now_ms = self.now_ms();
        let deadline = self.proxy.config.node_deadline;
        let Some((pipe, node)) = self.pipes.with_node(number) else {
            return;
        };
        tracing::warn!(node = %node.id, address = %node.address, %error, waiting = pipe.line.requests(), "connection to node lost");
        pipe.stream = None;
        pipe.doom = None;
        pipe.begun = BytesMut::new();
        pipe.scanner = ReplyScanner::default();
        self.receivers.stats.pipes_lost += 1;
        node.reach.lost(now_ms);
        let mut line = std::mem::take(&mut pipe.line);
        let mut waiters = std::mem::take(&mut pipe.in_flight);
        let (shard, shard_index) = (&*node.shard, node.shard_index);
        let receivers = &mut self.receivers;
        line.take_unanswered(|bytes, request| {
            let mut waiter = waiters.take(1);
            match fate(
                command::spec(waiter.command).retry,
                request.sent,
                waiter.attempts,
            ) {
                Fate::SendAgain => {
                    waiter.attempts += u8::from(request.sent);
                    pipe.line
                        .append(&bytes[request.frame.clone()], 1, &mut receivers.buffers);
                    pipe.in_flight.push(waiter);
                }
                Fate::NotApplied => receivers.fail(waiter, Failure::NotApplied, shard, shard_index),
                Fate::Unknown => receivers.fail(waiter, Failure::Unknown, shard, shard_index),
            }
        });
        assert!(waiters.is_empty(), "a waiter per request");
        if !node.reach.waits(now_ms, deadline) {
            self.fail_line(number);
        }
        self.let_crowd_in(number);
        self.wake_flusher();
    }

    /// Nothing in the line of a pipe without connection will be sent: all are told so. What was sent before and is still here only reads.
    pub(crate) fn fail_line(&mut self, number: PipeNumber) {
        let Some((pipe, node)) = self.pipes.with_node(number) else {
            return;
        };
        debug_assert!(pipe.stream.is_none(), "an open pipe answers by itself");
        let mut line = std::mem::take(&mut pipe.line);
        let mut waiters = std::mem::take(&mut pipe.in_flight);
        line.take_unanswered(|_, _| {
            let waiter = waiters.take(1);
            self.receivers
                .fail(waiter, Failure::NotApplied, &node.shard, node.shard_index);
        });
        self.let_crowd_in(number);
        self.wake_flusher();
    }
}
