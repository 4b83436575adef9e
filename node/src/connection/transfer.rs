//! Bytes in and out of a connection's socket, without waiting for both at once.
//! Never: looks into them. Invariants: what a client sends while its commands wait is taken in up to a bound; buffers go back when they are empty.

use super::{Connection, Ending, INPUT_STEP_BYTES, STRANGER_MOST_BYTES, most_input_bytes};
use crate::shell::SCRATCH_BYTES;
use crate::socket::Socket;
use bytes::BufMut as _;
use shared::resp::{READ_AT_ONCE_BYTES, make_room};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::ReadBuf;

/// Waiting replies from which on no command runs, where `client-output-buffer-limit` names no soft limit.
const DEFAULT_SOFT_BYTES: usize = 1024 * 1024;
/// An incomplete request up to this length is kept apart and copied back into the shared buffer for the next read; a longer one gets a buffer of its own.
const COPIED_TAIL_BYTES: usize = SCRATCH_BYTES / 4;

/// Bytes written in one turn: a client that reads as fast as they come would else be served alone until it has all, 10 ms for 100 MB.
const WRITTEN_AT_ONCE: usize = 1024 * 1024;

/// Replies up to this length wait until others who are ready have run, bytes: all of them together stay in the second cache.
const TOGETHER_BYTES: usize = 8 * 1024;

/// Of a turn that took no longer, ns. The runtime lets some sixty run between two looks at the sockets, so that none waits longer than they take.
const TOGETHER_NS: u64 = 100_000;

/// A client that has got all, and sends nothing for so long, is done.
const QUIET_TIME: Duration = Duration::from_millis(500);

/// How long it is waited for one that has got all, and sends on as if it had not.
const DEAF_TIME: Duration = Duration::from_secs(2);

/// Why it is not read on, for the moment, from a client that has been told that nothing more comes.
enum Rest {
    /// The client has closed its side.
    Closed,
    /// It sends nothing.
    Quiet,
}

/// The task goes on when everybody who is ready has had a turn and the sockets have been looked at. One that wakes itself is polled some sixty times before, and whoever
/// sends something meanwhile is not seen.
pub(super) fn go_on_later(context: &mut Context<'_>) {
    // The first poll puts the waker where the runtime keeps those who have yielded.
    if pin!(tokio::task::yield_now()).poll(context).is_ready() {
        context.waker().wake_by_ref();
    }
}

impl Connection {
    /// Writes waiting replies as far as they go and reads what has come, whichever is possible first; resolves when something was read.
    pub(super) fn poll_exchange(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<(usize, bool), Ending>> {
        if let Poll::Ready(Err(error)) = self.poll_write(context) {
            return Poll::Ready(Err(error.into()));
        }
        let received = ready!(self.poll_read(context));
        Poll::Ready(received)
    }

    /// Bytes received, and whether they are in the shared buffer (behind those of `input`) or at the end of `input`.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<(usize, bool), Ending>> {
        let in_scratch = self.input.len() <= COPIED_TAIL_BYTES;
        let polled = if in_scratch {
            let scratch = &mut *self.shell.scratch.borrow_mut();
            let tail = self.input.len();
            scratch.input[..tail].copy_from_slice(&self.input);
            let mut room = ReadBuf::new(&mut scratch.input[tail..]);
            let polled = self.socket.poll_read(context, &mut room);
            polled.map_ok(|()| room.filled().len())
        } else {
            make_room(
                &mut self.input,
                self.scanner.expected_bytes(),
                INPUT_STEP_BYTES,
            );
            self.poll_read_input(context)
        };
        if polled.is_pending() {
            // Everybody else runs while this one waits.
            self.others_run();
        }
        polled
            .map_ok(|received| (received, in_scratch))
            .map_err(Ending::from)
    }

    fn poll_read_input(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut room = (&mut self.input).limit(READ_AT_ONCE_BYTES);
        self.socket.poll_read_behind(context, &mut room)
    }

    /// While no command of the client may run: writes what is ready, and takes in what it sends, up to `client-query-buffer-limit`. Asks to be polled again.
    pub(super) fn exchange_meanwhile(&mut self, context: &mut Context<'_>) -> Result<(), Ending> {
        if let Poll::Ready(Err(error)) = self.poll_write(context) {
            return Err(error.into());
        }
        if self.has_hung_up || self.lent_bytes + self.input.len() >= self.most_input_bytes() {
            return Ok(());
        }
        let length = self.input.len();
        if self.input.capacity() - length < INPUT_STEP_BYTES
            && self.input.try_reserve(INPUT_STEP_BYTES).is_err()
        {
            // No memory: it waits in the socket.
            return Ok(());
        }
        match self.poll_read_input(context)? {
            Poll::Pending => {}
            Poll::Ready(0) => self.has_hung_up = true,
            Poll::Ready(received) => {
                // There may be whole requests, and nothing more to come.
                self.unfinished = true;
                self.note_input_meanwhile(received);
                // Others have their turn, then there may be more.
                go_on_later(context);
            }
        }
        Ok(())
    }

    /// Bytes from the client that may wait to be executed.
    fn most_input_bytes(&self) -> usize {
        let most_bytes = most_input_bytes(&self.shell.core.borrow().node.settings.hot);
        if self.limits.before_auth {
            most_bytes.min(STRANGER_MOST_BYTES)
        } else {
            most_bytes
        }
    }

    fn note_input_meanwhile(&mut self, received: usize) {
        let now_ms = self.shell.clock.wall_ms();
        let node = &mut self.shell.core.borrow_mut().node;
        node.stats.reads += 1;
        node.stats.input_bytes += received as u64;
        let traffic = &mut node.clients.at(self.client).traffic;
        traffic.last_active_ms = now_ms;
        // Whoever sends before it reads is not stuck.
        traffic.progress_ms = now_ms;
        traffic.input_bytes += received;
        traffic.input_spare_bytes = self.input.capacity() - self.input.len();
    }

    /// Whether so little waits that more commands may run.
    pub(super) fn output_is_below_soft_bound(&self) -> bool {
        let node = &mut self.shell.core.borrow_mut().node;
        let client = node.clients.at(self.client);
        let waiting = client.outbox.len();
        if waiting == 0 {
            return true;
        }
        let hot = &node.settings.hot;
        let session = client.session.as_ref();
        let limit = session.map_or(hot.output_limit, |session| session.output_limit(hot));
        let soft_bytes = match limit.soft_bytes {
            0 => DEFAULT_SOFT_BYTES,
            bytes => usize::try_from(bytes).unwrap_or(usize::MAX),
        };
        if self.limits.before_auth {
            return waiting <= soft_bytes.min(STRANGER_MOST_BYTES);
        }
        waiting <= soft_bytes
    }

    /// Whether the replies of a short pipeline wait until others who are ready have run, so that all leave in a row: a client on this machine that waits is woken by
    /// the first and finds the others when it comes, and what runs commands stays in the caches meanwhile.
    pub(super) fn may_answer_with_others(&self) -> bool {
        let core = &mut *self.shell.core.borrow_mut();
        let took_ns = self
            .turn_began
            .map_or(0, |began| core.executor.watch().since_ns(began));
        let ready_bytes = core.node.clients.at(self.client).outbox.ready_bytes();
        // Where all is held there is nothing that could leave.
        took_ns < TOGETHER_NS && (1..=TOGETHER_BYTES).contains(&ready_bytes)
    }

    /// Writes without waiting.
    pub(super) fn write_what_goes(&mut self) -> io::Result<()> {
        self.write_with(Socket::try_write).map(|_| ())
    }

    /// Writes as far as it goes; ready when nothing is left that may be written. Whatever is put into the outbox later wakes this task.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let would_take_more = self.write_with(|socket, bytes| socket.poll_write(context, bytes))?;
        if would_take_more {
            // Others have their turn first.
            go_on_later(context);
        }
        let clients = &mut self.shell.core.borrow_mut().node.clients;
        let outbox = &mut clients.at(self.client).outbox;
        outbox.wake_with(context.waker());
        if outbox.ready().is_empty() {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    /// Says whether it stopped although the socket might take more.
    fn write_with(
        &mut self,
        mut write: impl FnMut(&Socket, &[u8]) -> Poll<io::Result<usize>>,
    ) -> io::Result<bool> {
        let core = &mut *self.shell.core.borrow_mut();
        let client = core.node.clients.at(self.client);
        let mut moved_bytes = 0;
        let mut would_take_more = false;
        loop {
            let ready = client.outbox.ready();
            if ready.is_empty() {
                break;
            }
            if moved_bytes >= WRITTEN_AT_ONCE {
                would_take_more = true;
                break;
            }
            let ready = &ready[..ready.len().min(WRITTEN_AT_ONCE)];
            match write(&self.socket, ready) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(written)) => {
                    client.outbox.wrote(written);
                    moved_bytes += written;
                }
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        let traffic = &mut client.traffic;
        if client.outbox.ready().is_empty() {
            traffic.is_unread = false;
        } else if moved_bytes > 0 || !traffic.is_unread {
            traffic.is_unread = true;
            traffic.progress_ms = self.shell.clock.wall_ms();
        }
        // The buffer goes back to whoever writes next.
        match client.outbox.give_buffer() {
            Some(buffer) if buffer.capacity() > 0 => {
                self.shell.scratch.borrow_mut().keep_output(buffer);
            }
            Some(_) => {}
            None => client.outbox.compact(),
        }
        Ok(would_take_more)
    }

    /// Writes what is left, as long as some of it moves every `patience`; whether all has gone.
    pub(super) async fn write_last_replies(&mut self, patience: Duration) -> bool {
        loop {
            let before = self.output_bytes();
            let some = poll_fn(|context| match self.poll_write(context) {
                Poll::Pending if self.output_bytes() == before => Poll::Pending,
                // What is held may still come.
                Poll::Ready(Ok(())) if self.output_bytes() == before && before > 0 => Poll::Pending,
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                _ => Poll::Ready(Ok(())),
            });
            match tokio::time::timeout(patience, some).await {
                Ok(Ok(())) if self.output_bytes() == 0 => return true,
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return false,
            }
        }
    }

    /// Tells the client that nothing more comes, and throws away what it still sends until it has got all: a socket in which something lies unread is reset when it is
    /// closed, and what the client has not got by then is lost.
    pub(super) async fn see_off(&mut self, patience: Duration) {
        let until_closed = async {
            poll_fn(|context| self.socket.poll_shutdown(context)).await?;
            loop {
                match tokio::time::timeout(DEAF_TIME, self.until_closed_or_quiet()).await {
                    Ok(Ok(Rest::Quiet)) | Err(_) if !self.socket.has_taken_all() => {}
                    _ => return io::Result::Ok(()),
                }
            }
        };
        // Late or broken, it is closed.
        tokio::time::timeout(patience, until_closed).await.ok();
    }

    async fn until_closed_or_quiet(&mut self) -> io::Result<Rest> {
        while let Ok(read) =
            tokio::time::timeout(QUIET_TIME, poll_fn(|context| self.throw_away(context))).await
        {
            if read? == 0 {
                return Ok(Rest::Closed);
            }
            tokio::task::yield_now().await;
        }
        Ok(Rest::Quiet)
    }

    /// Bytes received that nobody wants.
    fn throw_away(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let scratch = &mut *self.shell.scratch.borrow_mut();
        let mut room = ReadBuf::new(&mut scratch.input);
        ready!(self.socket.poll_read(context, &mut room))?;
        Poll::Ready(Ok(room.filled().len()))
    }

    pub(super) fn output_bytes(&self) -> usize {
        let clients = &mut self.shell.core.borrow_mut().node.clients;
        clients.at(self.client).outbox.len()
    }
}
