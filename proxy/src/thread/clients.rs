//! One client's socket: requests in, replies out in request order.
//! Reaches: the client's own places in the thread. Never: decides where a request goes.
//! Bounds: nothing is read from a client with too many requests under way or too many bytes not taken; one that does not take them for too long,
//! or lets too many pile up, is closed.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use bytes::BufMut as _;
use shared::resp::{ErrorReply, READ_AT_ONCE_BYTES, RequestScanner, make_room};
use shared::topology::Version;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::stream::ClientStream;
use super::turn::{Paused, ReadEnd};
use crate::buffers::Buffers;
use crate::client::output::SLICES_PER_WRITE;
use crate::client::received::Received;
use crate::client::reply_queue::ReplyQueue;
use crate::client::state::ClientState;
use crate::route::rounds::Rounds;
use crate::route::split::Search;
use crate::slab::Key;
use crate::thread::{ProxyThread, TurnEnd};

/// Reads from one client before others get their turn.
const READS_PER_TURN: usize = 2;

/// Bytes of replies written to one client before others get their turn.
const WRITTEN_PER_TURN: usize = 1024 * 1024;

/// Least room that is made behind the beginning of a request before more of it is read.
const LEAST_READ_BYTES: usize = 16 * 1024;

/// What the thread keeps of a client.
#[derive(Debug)]
pub(crate) struct Client {
    /// The socket.
    pub(crate) stream: ClientStream,
    /// What it has chosen.
    pub(crate) state: ClientState,
    /// Its replies.
    pub(crate) queue: ReplyQueue,
    /// Finds requests.
    pub(crate) scanner: RequestScanner,
    /// The beginning of a request; empty for most clients at most times.
    pub(crate) input: Vec<u8>,
    /// Requests that were found but have to wait.
    pub(crate) paused: Option<Box<Paused>>,
    /// The command over many keys that is carried out in rounds: the request before those in `paused`, which wait for its end.
    pub(crate) rounds: Option<Box<Rounds>>,
    /// What is known of the owners of the keys of the next command, when it has very many.
    pub(crate) search: Option<Search>,
    /// Wakes the client's task.
    waker: Option<Waker>,
    /// It is in the thread's list of clients with something to write.
    pub(crate) is_dirty: bool,
    /// The kernel has no room for its replies, or others have to have their turn first.
    is_write_blocked: bool,
    /// It is the latter.
    is_write_cut: bool,
    /// Its task waits for replies to leave before it reads on.
    is_stopped: bool,
    /// No more requests are read; it is closed as soon as all replies are written.
    pub(crate) is_ending: bool,
    /// Since when it leaves more than the soft limit waiting, monotonic milliseconds.
    pub(crate) stalled_since_ms: Option<u64>,
    /// The topology by which its requests under way were routed.
    pub(crate) routed_by: Version,
    /// The command that is being carried out alone: later ones wait for its reply.
    pub(crate) is_alone: bool,
}

impl Client {
    /// A client that has just been accepted.
    pub(crate) fn new(
        stream: ClientStream,
        state: ClientState,
        scanner: RequestScanner,
        routed_by: Version,
    ) -> Self {
        Self {
            stream,
            state,
            queue: ReplyQueue::default(),
            scanner,
            input: Vec::new(),
            paused: None,
            rounds: None,
            search: None,
            waker: None,
            is_dirty: false,
            is_write_blocked: false,
            is_write_cut: false,
            is_stopped: false,
            is_ending: false,
            stalled_since_ms: None,
            routed_by,
            is_alone: false,
        }
    }

    /// Lets its task run again.
    pub(crate) fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    /// Bytes of requests that are kept for it.
    pub(crate) fn input_bytes(&self) -> usize {
        let paused = self.paused.as_ref().map_or(0, |paused| paused.bytes.len());
        self.input.len() + paused
    }

    /// Bytes of replies that are kept for it.
    pub(crate) fn output_bytes(&self) -> usize {
        let gathered = self.rounds.as_ref().map_or(0, |rounds| rounds.bytes());
        self.queue.bytes() + gathered
    }

    /// Writes what can be written. `Ok(true)`: nothing is left.
    fn write(&mut self, cx: &mut Context<'_>, buffers: &mut Buffers) -> io::Result<bool> {
        let output = self.queue.output();
        if output.is_empty() && !self.is_write_blocked {
            return Ok(true);
        }
        let mut left = WRITTEN_PER_TURN;
        self.is_write_cut = false;
        while !output.is_empty() {
            if left == 0 {
                // Its own task goes on, after the others.
                self.is_write_blocked = true;
                self.is_write_cut = true;
                return Ok(false);
            }
            let stream = Pin::new(&mut self.stream);
            let written = match output.single() {
                Some(bytes) => stream.poll_write(cx, bytes),
                None => {
                    let mut slices = [IoSlice::new(&[]); SLICES_PER_WRITE];
                    let filled = output.slices(&mut slices);
                    stream.poll_write_vectored(cx, &slices[..filled])
                }
            };
            match written {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => {
                    left = left.saturating_sub(count);
                    output.advance(count, buffers);
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.is_write_blocked = true;
                    return Ok(false);
                }
            }
        }
        // TLS may hold bytes back; a plain socket never does.
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                self.is_write_blocked = false;
                Ok(true)
            }
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => {
                self.is_write_blocked = true;
                Ok(false)
            }
        }
    }
}

impl ProxyThread {
    /// The whole life of a client's task, one turn at a time; `End` when the client is gone.
    pub(crate) fn poll_client(&mut self, key: Key, cx: &mut Context<'_>) -> Poll<TurnEnd> {
        let Some(client) = self.receivers.clients.get_mut(key) else {
            return Poll::Ready(TurnEnd::End(()));
        };
        if client
            .waker
            .as_ref()
            .is_none_or(|waker| !waker.will_wake(cx.waker()))
        {
            client.waker = Some(cx.waker().clone());
        }
        if client.is_write_blocked && self.write_client(key, cx).is_ready() {
            return Poll::Ready(TurnEnd::End(()));
        }
        let client = self.receivers.clients.get_mut(key);
        if client.is_some_and(|client| client.is_write_cut) {
            return Poll::Ready(TurnEnd::Yield);
        }
        for _ in 0..READS_PER_TURN {
            let Some(client) = self.receivers.clients.get_mut(key) else {
                return Poll::Ready(TurnEnd::End(()));
            };
            client.is_stopped = false;
            let end = if client.is_ending && client.rounds.is_none() {
                return self.close_if_done(key).map(TurnEnd::End);
            } else if client.paused.is_some() && self.limits.lets_answer(client) {
                self.resume_client(key)
            } else if self.limits.lets_read(client) {
                self.read_client(key, cx)
            } else {
                client.is_stopped = true;
                if !self.limits.lets_answer(client) {
                    client.state.keep_apart(self.tick_ms);
                }
                return Poll::Pending;
            };
            match end {
                ReadEnd::Done => {}
                ReadEnd::Pending => return Poll::Pending,
                ReadEnd::Paused => {
                    if let Some(client) = self.receivers.clients.get_mut(key) {
                        client.is_stopped = true;
                    }
                    return Poll::Pending;
                }
                ReadEnd::Yield => break,
                ReadEnd::Gone => {
                    self.remove_client(key);
                    return Poll::Ready(TurnEnd::End(()));
                }
            }
        }
        Poll::Ready(TurnEnd::Yield)
    }

    /// Writes what waits for the client; `Ready` when it is gone afterwards.
    pub(crate) fn write_client(&mut self, key: Key, cx: &mut Context<'_>) -> Poll<()> {
        let Some(client) = self.receivers.clients.get_mut(key) else {
            return Poll::Ready(());
        };
        match client.write(cx, &mut self.receivers.buffers) {
            Ok(true) if client.is_ending && client.queue.is_idle() => {
                return self.close_if_done(key);
            }
            Ok(_) => {}
            Err(_) => {
                // It went away without waiting for its replies: nothing that a person must know.
                self.remove_client(key);
                return Poll::Ready(());
            }
        }
        let output_bytes = client.output_bytes();
        if output_bytes > self.limits.output_hard_bytes {
            tracing::warn!(
                client = client.state.id,
                bytes = output_bytes,
                "client closed: it does not take its replies"
            );
            self.remove_client(key);
            return Poll::Ready(());
        }
        if client.is_stopped {
            client.wake();
        }
        Poll::Pending
    }

    /// Writes for a client whose task does something else at the moment.
    pub(crate) fn flush_client(&mut self, key: Key) {
        let mut cx = Context::from_waker(Waker::noop());
        if self.write_client(key, &mut cx).is_pending()
            && let Some(client) = self.receivers.clients.get_mut(key)
            && client.is_write_blocked
        {
            // Its own task is to be told when there is room.
            client.wake();
        }
    }

    fn close_if_done(&mut self, key: Key) -> Poll<()> {
        match self.receivers.clients.get_mut(key) {
            Some(client) if !client.queue.is_idle() || client.is_write_blocked => Poll::Pending,
            _ => {
                self.remove_client(key);
                Poll::Ready(())
            }
        }
    }

    fn read_client(&mut self, key: Key, cx: &mut Context<'_>) -> ReadEnd {
        let Some(client) = self.receivers.clients.get_mut(key) else {
            return ReadEnd::Gone;
        };
        if client.input.is_empty() {
            let mut scratch = std::mem::take(&mut self.scratch);
            let end = self.read_into_scratch(key, cx, &mut scratch);
            self.scratch = scratch;
            return end;
        }
        let expected = client.scanner.expected_bytes();
        make_room(&mut client.input, expected, LEAST_READ_BYTES);
        let mut room = (&mut client.input).limit(READ_AT_ONCE_BYTES);
        let read = pin!(client.stream.read_buf(&mut room));
        match Future::poll(read, cx) {
            Poll::Pending => return ReadEnd::Pending,
            Poll::Ready(Ok(0)) => return self.end_of_requests(key),
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(_)) => return ReadEnd::Gone,
        }
        let mut input = Rc::new(std::mem::take(&mut client.input));
        let end = self.run(key, Received::Own(&mut input), None);
        self.keep_rest(key, input, end)
    }

    fn read_into_scratch(&mut self, key: Key, cx: &mut Context<'_>, scratch: &mut [u8]) -> ReadEnd {
        let Some(client) = self.receivers.clients.get_mut(key) else {
            return ReadEnd::Gone;
        };
        let mut buffer = ReadBuf::new(scratch);
        match Pin::new(&mut client.stream).poll_read(cx, &mut buffer) {
            Poll::Pending => return ReadEnd::Pending,
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return ReadEnd::Gone,
        }
        let read = buffer.filled().len();
        if read == 0 {
            return self.end_of_requests(key);
        }
        let bytes = &mut scratch[..read];
        let end = self.run(key, Received::Lent(bytes), None);
        let Some(client) = self.receivers.clients.get_mut(key) else {
            return ReadEnd::Gone;
        };
        if let Some(paused) = &mut client.paused {
            paused.bytes = Rc::new(bytes.to_vec());
        } else {
            let finished = client.scanner.finished_bytes();
            client.input.extend_from_slice(&bytes[finished..]);
            client.scanner.dropped(finished);
        }
        end
    }

    /// The client has closed its side: what it asked is still answered.
    fn end_of_requests(&mut self, key: Key) -> ReadEnd {
        match self.receivers.clients.get_mut(key) {
            Some(client) if !client.queue.is_idle() => {
                client.is_ending = true;
                ReadEnd::Done
            }
            _ => ReadEnd::Gone,
        }
    }

    /// The last thing that the client hears.
    pub(crate) fn refuse_client(&mut self, key: Key, error: &ErrorReply) {
        if let Some(client) = self.receivers.clients.get_mut(key) {
            let protocol = client.state.protocol;
            client.queue.answer(&mut self.receivers.buffers, |out| {
                shared::resp::ReplyWriter::new(out, protocol).error(error);
            });
            client.is_ending = true;
            self.receivers.mark_dirty(key);
            self.wake_flusher();
        }
    }

    /// Lets a client have the replies that it waits for, and closes it. A command that has begun comes to its end; what waits behind it does not begin.
    pub(crate) fn end_client(&mut self, key: Key) {
        if let Some(client) = self.receivers.clients.get_mut(key) {
            client.is_ending = true;
            if client.rounds.is_none() {
                client.paused = None;
            }
            client.wake();
        }
    }

    /// Closes a client; replies to it that are still on their way will be dropped when they arrive.
    pub(crate) fn remove_client(&mut self, key: Key) {
        if let Some(client) = self.receivers.clients.remove(key) {
            client.wake();
            self.departures.close_soon(client.stream);
            self.forget_client();
        }
    }

    /// One client less.
    pub(crate) fn forget_client(&self) {
        self.proxy.clients.fetch_sub(1, Ordering::Relaxed);
    }
}
