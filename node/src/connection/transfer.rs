//! Bytes in and out of a connection's socket, without waiting for both at once.
//! Never: looks into them. Invariants: reading stops above the soft bound of waiting replies; buffers go back when they are empty.

use super::{Connection, Ending, INPUT_STEP_BYTES};
use crate::shell::SCRATCH_BYTES;
use bytes::BufMut as _;
use shared::resp::{READ_AT_ONCE_BYTES, make_room};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// Waiting replies from which on nothing is read, where `client-output-buffer-limit` names no soft limit.
const DEFAULT_SOFT_BYTES: usize = 1024 * 1024;
/// An incomplete request up to this length is kept apart and copied back into the shared buffer for the next read; a longer one gets a buffer of its own.
const COPIED_TAIL_BYTES: usize = SCRATCH_BYTES / 4;

impl Connection {
    /// Writes waiting replies as far as they go and reads what has come, whichever is possible first; resolves when something was read.
    /// Above the soft bound nothing is read.
    pub(super) fn poll_exchange(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<(usize, bool), Ending>> {
        if self.unwritten() > 0 {
            if let Poll::Ready(Err(error)) = self.poll_write(context) {
                return Poll::Ready(Err(error.into()));
            }
            self.note_output();
            if self.unwritten() > self.soft_bytes() {
                return Poll::Pending;
            }
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
            let polled = Pin::new(&mut self.stream).poll_read(context, &mut room);
            polled.map_ok(|()| room.filled().len())
        } else {
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
        make_room(
            &mut self.input,
            self.scanner.expected_bytes(),
            INPUT_STEP_BYTES,
        );
        let mut room = (&mut self.input).limit(READ_AT_ONCE_BYTES);
        pin!(self.stream.read_buf(&mut room)).poll(context)
    }

    pub(super) fn unwritten(&self) -> usize {
        self.output.len() - self.written
    }

    /// Waiting replies from which on nothing is read.
    fn soft_bytes(&self) -> usize {
        let core = self.shell.core.borrow();
        match core.node.settings.hot.output_limit.soft_bytes {
            0 => DEFAULT_SOFT_BYTES,
            bytes => usize::try_from(bytes).unwrap_or(usize::MAX),
        }
    }

    /// Writes without waiting.
    pub(super) fn write_what_goes(&mut self) -> Result<(), Ending> {
        let waited = self.written > 0;
        while self.unwritten() > 0 {
            match self.stream.try_write(&self.output[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.note_output();
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
        if waited {
            self.note_output();
        }
        self.give_back_output();
        Ok(())
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.unwritten() > 0 {
            let rest = &self.output[self.written..];
            self.written += ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
        }
        self.give_back_output();
        Poll::Ready(Ok(()))
    }

    pub(super) async fn write_all(&mut self) -> io::Result<()> {
        poll_fn(|context| self.poll_write(context)).await
    }

    /// Waits until the client has read so much that only what the soft bound allows is left.
    pub(super) async fn write_below_soft_bound(&mut self) -> Result<(), Ending> {
        let soft_bytes = self.soft_bytes();
        poll_fn(|context| {
            let polled = self.poll_write(context);
            self.note_output();
            match polled {
                Poll::Pending if self.unwritten() <= soft_bytes => Poll::Ready(Ok(())),
                polled => polled,
            }
        })
        .await?;
        Ok(())
    }

    /// The buffer goes back to whoever writes next.
    fn give_back_output(&mut self) {
        self.written = 0;
        let output = std::mem::take(&mut self.output);
        let scratch = &mut *self.shell.scratch.borrow_mut();
        if scratch.output.capacity() == 0 {
            scratch.output = output;
            scratch.clear_output();
        }
    }

    /// Tells the registry how much waits, and that some of it has moved.
    fn note_output(&mut self) {
        if self.written > self.unwritten() {
            // Bytes are moved at most once each.
            self.output.drain(..self.written);
            self.written = 0;
        }
        let now_ms = self.shell.clock.wall_ms();
        let core = &mut *self.shell.core.borrow_mut();
        let client = core.node.clients.at(self.place);
        let waiting = self.output.len() - self.written;
        if waiting < client.output_bytes || client.output_bytes == 0 {
            client.output_progress_ms = now_ms;
        }
        client.output_bytes = waiting;
    }
}
