//! Clients' sockets: requests are read from them, replies are written to them.
//! Reaches: the client's own socket and state. Never: decides what becomes of a request.
//! Bounds: nothing is carried out for a client with too many requests under way or too many bytes not taken, and no more is read from it than may be kept; one
//! that neither sends nor takes anything for too long, or lets too many replies pile up, is closed.

use std::collections::HashSet;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::BufMut as _;
use shared::command::Retry;
use shared::resp::{READ_AT_ONCE_BYTES, make_room};
use shared::throttle::Throttle;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::stream::ClientStream;
use super::{ProxyThread, TurnEnd};
use crate::buffers::Buffers;
use crate::client::output::{Output, SLICES_PER_WRITE};
use crate::client::{Client, Outlet, WaitsFor, Work};
use crate::events::{Kind, News};
use crate::slab::Key;

/// Reads from one client before others get their turn.
const READS_PER_TURN: usize = 2;

/// Bytes of replies written to one client before others get their turn.
const WRITTEN_PER_TURN: usize = 1024 * 1024;

/// Least room that is made behind the beginning of a request before more of it is read.
const LEAST_READ_BYTES: usize = 16 * 1024;

/// Most bytes that a client may send ahead while its requests wait, whatever the settings say: positions in a buffer have 32 bits.
const MOST_AHEAD_BYTES: usize = 1 << 31;

/// A client, and its socket.
#[derive(Debug)]
pub(super) struct Connection {
    /// Its outlet's key.
    pub(super) key: Key,
    pub(super) stream: ClientStream,
    pub(super) client: Client,
    /// Wakes its task.
    waker: Option<Waker>,
    sending: Sending,
    /// It is told that nothing more comes, and not cut.
    is_over: bool,
    /// Bytes kept for it, requests and replies, as they were counted last.
    kept_bytes: usize,
    /// It may have come, and gone, while the thread stood still: that is looked at once.
    is_doubtful: bool,
    /// Its last turn has ended before its requests did: others are looked at before the next.
    has_had_turn: bool,
}

/// How far its replies have gone out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    /// As far as there are any.
    Free,
    /// Until others have had their turn.
    Cut,
    /// Until the kernel has room.
    Blocked,
}

/// What a step of a turn came to.
enum StepEnd {
    /// There may be more to do.
    Next,
    /// Nothing to do before somebody wakes it.
    Pending,
    /// There is more to do after the others' turn.
    Yield,
    /// It has all its replies, and gets no more.
    Over,
    /// The client is gone, or cut.
    Gone,
}

impl Connection {
    /// A client that has just been accepted; `is_doubtful`: it may have waited for it while the thread stood still.
    pub(super) fn new(key: Key, stream: ClientStream, client: Client, is_doubtful: bool) -> Self {
        Self {
            key,
            stream,
            client,
            waker: None,
            sending: Sending::Free,
            is_over: false,
            kept_bytes: 0,
            is_doubtful,
            has_had_turn: false,
        }
    }

    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    /// Writes what can be written; gives the number of bytes.
    fn write(
        &mut self,
        cx: &mut Context<'_>,
        output: &mut Output,
        buffers: &mut Buffers,
    ) -> io::Result<usize> {
        if output.is_empty() && self.sending == Sending::Free {
            return Ok(0);
        }
        let mut written = 0;
        while !output.is_empty() {
            if written >= WRITTEN_PER_TURN {
                self.sending = Sending::Cut;
                return Ok(written);
            }
            let stream = Pin::new(&mut self.stream);
            let step = match output.single() {
                Some(bytes) => stream.poll_write(cx, bytes),
                None => {
                    let mut slices = [IoSlice::new(&[]); SLICES_PER_WRITE];
                    let filled = output.slices(&mut slices);
                    stream.poll_write_vectored(cx, &slices[..filled])
                }
            };
            match step {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => {
                    written += count;
                    output.advance(count, buffers);
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.sending = Sending::Blocked;
                    return Ok(written);
                }
            }
        }
        // TLS may hold bytes back; a plain socket never does.
        self.sending = match Pin::new(&mut self.stream).poll_flush(cx)? {
            Poll::Ready(()) => Sending::Free,
            Poll::Pending => Sending::Blocked,
        };
        Ok(written)
    }
}

impl ProxyThread {
    /// The whole life of a client's task, one turn at a time; `End` when the client is gone.
    pub(super) fn poll_client(&mut self, key: Key, cx: &mut Context<'_>) -> Poll<TurnEnd> {
        self.look_for_stall();
        let Some(mut connection) = self.take_out(key) else {
            return Poll::Ready(TurnEnd::End(()));
        };
        let waker = connection.waker.as_ref();
        if waker.is_none_or(|waker| !waker.will_wake(cx.waker())) {
            connection.waker = Some(cx.waker().clone());
        }
        let is_doubtful = std::mem::take(&mut connection.is_doubtful);
        let end = if is_doubtful && self.came_and_went(&connection) {
            connection.is_over = true;
            Poll::Ready(TurnEnd::End(()))
        } else {
            self.client_turn(&mut connection, cx)
        };
        match end {
            Poll::Ready(TurnEnd::End(())) => self.part_with(connection),
            _ => self.put_back(connection),
        }
        self.wake_flusher();
        end
    }

    /// Clients that went while the thread stood still, or a load balancer for them, may have asked somebody else for the same by now, and more. What of theirs
    /// has not been sent to a node is not any more; one that has only said all that it has to say is told so.
    #[cold]
    pub(super) fn leave_who_has_left(&mut self) {
        let all = self.connections.iter().flatten();
        // Who had said all before that waits for replies.
        let left: HashSet<Key> = all
            .filter(|connection| !connection.client.has_said_all())
            .filter(|connection| connection.stream.has_hung_up())
            .map(|connection| connection.key)
            .collect();
        self.exchange.fail_unsent_of(&left);
        for key in left {
            self.end_client(key);
        }
    }

    /// Whether a client that has just been accepted came, asked and went while the thread stood still.
    fn came_and_went(&self, connection: &Connection) -> bool {
        let since_ms = self.exchange.now_ms() - self.stalled_ms.unwrap_or_default();
        connection.stream.has_hung_up() && connection.stream.silent_for_ms() >= since_ms
    }

    fn client_turn(&mut self, connection: &mut Connection, cx: &mut Context<'_>) -> Poll<TurnEnd> {
        if std::mem::take(&mut connection.has_had_turn) {
            // The flusher may have woken it. Without this the two would pass the turn to and fro, and no socket would be looked at meanwhile.
            return Poll::Ready(TurnEnd::Yield);
        }
        if connection.sending != Sending::Free {
            if self.write_client(connection, cx).is_err() {
                return Poll::Ready(TurnEnd::End(()));
            }
            if connection.sending == Sending::Cut {
                return Poll::Ready(TurnEnd::Yield);
            }
        }
        for _ in 0..READS_PER_TURN {
            match self.client_step(connection, cx) {
                StepEnd::Next => {}
                StepEnd::Pending => return Poll::Pending,
                StepEnd::Yield => break,
                StepEnd::Over => {
                    connection.is_over = true;
                    return Poll::Ready(TurnEnd::End(()));
                }
                StepEnd::Gone => return Poll::Ready(TurnEnd::End(())),
            }
        }
        Poll::Ready(TurnEnd::Yield)
    }

    fn client_step(&mut self, connection: &mut Connection, cx: &mut Context<'_>) -> StepEnd {
        let key = connection.key;
        let limits = &self.exchange.limits;
        let outlet = self.exchange.receivers.outlets.at_mut(key);
        match (&mut connection.client.work, outlet.waits_for()) {
            (Work::Ending, _) if outlet.queue.is_idle() && connection.sending == Sending::Free => {
                StepEnd::Over
            }
            (Work::Reading, _) => {
                if outlet.queue.missing() < limits.requests
                    && outlet.pending_bytes() < limits.soft_bytes
                {
                    return self.read_client(connection, cx);
                }
                self.exchange.hold_back(key, &mut connection.client);
                StepEnd::Next
            }
            (Work::Waiting(_), None) if outlet.pending_bytes() < limits.soft_bytes => {
                self.resume_client(connection)
            }
            (Work::Waiting(_), None) if outlet.rounds.is_some() => {
                self.exchange.wait(key, WaitsFor::Round);
                StepEnd::Next
            }
            (Work::Waiting(held), None) => {
                held.is_timed = false;
                self.exchange.wait(key, WaitsFor::Outlet(Retry::Never));
                StepEnd::Next
            }
            (Work::Waiting(_), Some(WaitsFor::Outlet(_) | WaitsFor::Lease)) => {
                self.read_ahead(connection, cx)
            }
            (Work::Waiting(_), Some(_)) | (Work::Ending, _) => StepEnd::Pending,
        }
    }

    /// Goes on with requests that had to wait.
    fn resume_client(&mut self, connection: &mut Connection) -> StepEnd {
        let Work::Waiting(held) = std::mem::replace(&mut connection.client.work, Work::Reading)
        else {
            return StepEnd::Next;
        };
        let key = connection.key;
        if self.exchange.receivers.outlet(key).rounds.is_some() && connection.stream.is_broken() {
            return StepEnd::Gone;
        }
        match self.exchange.resume(key, &mut connection.client, held) {
            Ok(()) => self.after_requests(connection),
            Err(too_large) => {
                let exchange = &self.exchange;
                too_large.tell(&connection.client, &exchange.clock, &exchange.proxy.events);
                StepEnd::Gone
            }
        }
    }

    /// A client whose requests wait for nothing but their next turn lets others have theirs.
    fn after_requests(&mut self, connection: &mut Connection) -> StepEnd {
        let outlet = self.exchange.receivers.outlet(connection.key);
        match connection.client.work {
            Work::Waiting(_) if outlet.waits_for().is_none() => {
                connection.has_had_turn = true;
                StepEnd::Yield
            }
            _ => StepEnd::Next,
        }
    }

    fn read_client(&mut self, connection: &mut Connection, cx: &mut Context<'_>) -> StepEnd {
        if connection.client.input.is_empty() {
            let mut scratch = std::mem::take(&mut self.scratch);
            let end = self.read_into_scratch(connection, cx, &mut scratch);
            self.scratch = scratch;
            return end;
        }
        let client = &mut connection.client;
        let expected = client.scanner.expected_bytes();
        make_room(&mut client.input, expected, LEAST_READ_BYTES);
        match poll_read_buf(&mut connection.stream, &mut client.input, cx) {
            Poll::Pending => return StepEnd::Pending,
            Poll::Ready(Ok(0)) => return self.end_of_requests(connection),
            Poll::Ready(Ok(count)) => self.note_received(connection.key, count),
            Poll::Ready(Err(_)) => return StepEnd::Gone,
        }
        let client = &mut connection.client;
        match self.exchange.take_input(connection.key, client) {
            Ok(()) => self.after_requests(connection),
            Err(too_large) => {
                let exchange = &self.exchange;
                too_large.tell(client, &exchange.clock, &exchange.proxy.events);
                StepEnd::Gone
            }
        }
    }

    fn read_into_scratch(
        &mut self,
        connection: &mut Connection,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
    ) -> StepEnd {
        let mut buffer = ReadBuf::new(scratch);
        match Pin::new(&mut connection.stream).poll_read(cx, &mut buffer) {
            Poll::Pending => return StepEnd::Pending,
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return StepEnd::Gone,
        }
        let read = buffer.filled().len();
        if read == 0 {
            return self.end_of_requests(connection);
        }
        self.note_received(connection.key, read);
        let client = &mut connection.client;
        self.exchange
            .take_lent(connection.key, client, &mut scratch[..read]);
        self.after_requests(connection)
    }

    /// Reads on while nothing can be carried out because replies wait: a client may write all that it has before it reads.
    fn read_ahead(&mut self, connection: &mut Connection, cx: &mut Context<'_>) -> StepEnd {
        let is_blocked = self.is_blocked(connection.key);
        let Work::Waiting(held) = &mut connection.client.work else {
            return StepEnd::Next;
        };
        if is_blocked && held.is_last && !held.is_dropped {
            // It went before it had to wait.
            return StepEnd::Gone;
        }
        let most = self.exchange.input_bytes.min(MOST_AHEAD_BYTES);
        if held.is_last || held.len() >= most {
            return StepEnd::Pending;
        }
        // Behind what was read while a pipe kept the buffer, also when it has given it back since.
        let buffer = match Rc::get_mut(&mut held.bytes) {
            Some(buffer) if held.ahead.is_empty() => buffer,
            _ => &mut held.ahead,
        };
        buffer.reserve(LEAST_READ_BYTES);
        match poll_read_buf(&mut connection.stream, buffer, cx) {
            Poll::Pending => return StepEnd::Pending,
            // As at Redis: who waits at a node, and goes, is gone.
            Poll::Ready(Ok(0)) if is_blocked => return StepEnd::Gone,
            Poll::Ready(Ok(0)) => held.is_last = true,
            Poll::Ready(Ok(count)) => self.note_received(connection.key, count),
            Poll::Ready(Err(_)) => return StepEnd::Gone,
        }
        StepEnd::Next
    }

    fn is_blocked(&self, key: Key) -> bool {
        let outlet = self.exchange.receivers.outlets.get(key);
        outlet.is_some_and(|outlet| outlet.is_blocked)
    }

    #[inline]
    fn note_received(&mut self, key: Key, count: usize) {
        let now_ms = self.exchange.tick_ms;
        let receivers = &mut self.exchange.receivers;
        receivers.stats.received_bytes += count as u64;
        receivers.outlet(key).progress_ms = now_ms;
    }

    /// The client has closed its side: what it asked is still answered.
    fn end_of_requests(&mut self, connection: &mut Connection) -> StepEnd {
        let outlet = self.exchange.receivers.outlet(connection.key);
        // What a monitor is shown has no end.
        if outlet.queue.is_idle() || connection.client.state.is_monitor {
            return StepEnd::Gone;
        }
        connection.client.work = Work::Ending;
        StepEnd::Next
    }

    /// Writes what waits for the client.
    fn write_client(
        &mut self,
        connection: &mut Connection,
        cx: &mut Context<'_>,
    ) -> io::Result<()> {
        let exchange = &mut self.exchange;
        let outlet = exchange.receivers.outlets.at_mut(connection.key);
        let buffers = &mut exchange.receivers.buffers;
        // When it fails, it went away without waiting for its replies: nothing that a person must know.
        let written = connection.write(cx, outlet.queue.output(), buffers)?;
        if written > 0 {
            exchange.receivers.stats.sent_bytes += written as u64;
            outlet.progress_ms = exchange.tick_ms;
        }
        let bytes = outlet.bytes();
        if bytes >= exchange.limits.soft_bytes {
            connection.client.state.keep_apart(exchange.tick_ms);
            if bytes > exchange.limits.hard_bytes {
                static TAKES_TOO_LITTLE: Throttle = Throttle::new();
                if let Some(left_out) = TAKES_TOO_LITTLE.admit(exchange.clock.wall_ms()) {
                    let peer = connection.client.state.peer;
                    let words =
                        format!("client closed: it does not take its replies, {bytes} bytes");
                    let news = News::warning(Kind::ClientsCut, words).of_peer(peer);
                    exchange.proxy.events.tell(news.after(left_out));
                }
                return Err(io::ErrorKind::OutOfMemory.into());
            }
        }
        exchange.receivers.let_go_on(connection.key);
        Ok(())
    }

    /// Writes for a client whose task does something else at the moment, and lets it go on if what it waits for has come to pass.
    pub(super) fn flush_client(&mut self, key: Key) {
        let Some(mut connection) = self.take_out(key) else {
            return;
        };
        let mut cx = Context::from_waker(Waker::noop());
        let is_gone = self.write_client(&mut connection, &mut cx).is_err();
        let outlet = self.exchange.receivers.outlet(key);
        if outlet.is_broken {
            connection.client.work = Work::Ending;
            outlet.release();
        }
        let is_blocked = connection.sending != Sending::Free;
        let wants_turn = match connection.client.work {
            Work::Reading => is_blocked,
            Work::Waiting(_) => is_blocked || outlet.waits_for().is_none(),
            Work::Ending => true,
        };
        if is_gone {
            return self.part_with(connection);
        }
        if wants_turn {
            connection.wake();
        }
        self.put_back(connection);
    }

    /// A client has its turn.
    #[inline]
    fn take_out(&mut self, key: Key) -> Option<Box<Connection>> {
        self.connections
            .get_mut(key.place())?
            .take_if(|connection| connection.key == key)
    }

    #[inline]
    fn put_back(&mut self, mut connection: Box<Connection>) {
        let outlet = self.exchange.receivers.outlets.get(connection.key);
        let kept_bytes = outlet.map_or(0, Outlet::kept_bytes) + connection.client.kept_bytes();
        self.kept_bytes = self.kept_bytes - connection.kept_bytes + kept_bytes;
        connection.kept_bytes = kept_bytes;
        let place = connection.key.place();
        if place >= self.connections.len() {
            self.connections.resize_with(place + 1, || None);
        }
        self.connections[place] = Some(connection);
    }

    /// Whether the connection of a client was reset.
    pub(super) fn is_broken(&self, key: Key) -> bool {
        let connection = self.connections.get(key.place());
        let connection = connection.and_then(Option::as_ref);
        connection.is_some_and(|connection| connection.stream.is_broken())
    }

    /// A client that begins.
    pub(super) fn begin_client(&mut self, connection: Box<Connection>) {
        self.put_back(connection);
    }

    /// The client of this key.
    pub(super) fn client(&self, key: Key) -> Option<&Client> {
        let connection = self.connections.get(key.place())?.as_ref()?;
        (connection.key == key).then_some(&connection.client)
    }

    /// A client that has not its turn.
    pub(super) fn client_mut(&mut self, key: Key) -> Option<&mut Client> {
        let connection = self.connections.get_mut(key.place())?.as_mut()?;
        (connection.key == key).then_some(&mut connection.client)
    }

    /// Lets a client have the replies that it waits for, and closes it. A command that has begun comes to its end; what waits behind it does not begin.
    pub(super) fn end_client(&mut self, key: Key) {
        // What a monitor is shown has no end.
        self.exchange.stop_monitoring(key);
        if let Some(mut connection) = self.take_out(key) {
            connection.client.end(self.exchange.receivers.outlet(key));
            if matches!(connection.client.work, Work::Ending) {
                self.exchange.stop_waiting(key);
            }
            connection.wake();
            self.put_back(connection);
            self.exchange.receivers.mark_dirty(key);
        }
    }

    /// Closes a client; replies to it that are still on their way will be dropped when they arrive.
    pub(super) fn remove_client(&mut self, key: Key) {
        if let Some(connection) = self.take_out(key) {
            self.part_with(connection);
        }
    }

    /// Closes those clients for which most is kept, until no more than `most_bytes` are.
    pub(super) fn close_largest(&mut self, most_bytes: usize) {
        let all = self.connections.iter().flatten();
        let mut by_bytes: Vec<(usize, Key)> = all
            .map(|connection| (connection.kept_bytes, connection.key))
            .collect();
        by_bytes.sort_unstable_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        for (bytes, key) in by_bytes {
            if self.kept_bytes <= most_bytes {
                return;
            }
            static TOO_MUCH_FOR_ALL: Throttle = Throttle::new();
            let peer = self.client(key).map(|client| client.state.peer);
            if let Some(left_out) = TOO_MUCH_FOR_ALL.admit(self.exchange.clock.wall_ms())
                && let Some(peer) = peer
            {
                let words = format!(
                    "client closed: all together keep more than clients-buffer-limit, and it the most, {bytes} bytes"
                );
                let news = News::warning(Kind::ClientsCut, words).of_peer(peer);
                self.exchange.proxy.events.tell(news.after(left_out));
            }
            self.remove_client(key);
        }
    }

    fn part_with(&mut self, connection: Box<Connection>) {
        connection.wake();
        self.kept_bytes -= connection.kept_bytes;
        let whereabouts = &self.exchange.proxy.whereabouts;
        whereabouts.leave(connection.client.state.id);
        let watch = connection.client.state.watch.as_deref();
        self.exchange.forget(connection.key, watch);
        if connection.is_over {
            self.departures.part(connection.stream, self.is_stopping);
        } else {
            self.departures.close_soon(connection.stream);
        }
    }
}

fn poll_read_buf(
    stream: &mut ClientStream,
    buffer: &mut Vec<u8>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut room = buffer.limit(READ_AT_ONCE_BYTES);
    let read = pin!(stream.read_buf(&mut room));
    Future::poll(read, cx)
}
