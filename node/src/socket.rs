//! A connection's socket, where others can see whether anybody is left at its other end.
//! Never: looks into bytes. Invariant: it is borrowed within one call, never across an await.

use crate::client::Peer;
use bytes::BufMut;
use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// The socket of one client.
#[derive(Debug)]
pub(crate) struct Socket(RefCell<TcpStream>);

impl Socket {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self(RefCell::new(stream))
    }

    /// Reads into `room`.
    pub(crate) fn poll_read(
        &self,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_read(context, room)
    }

    /// Reads to the end of `room`; how many bytes.
    pub(crate) fn poll_read_behind(
        &self,
        context: &mut Context<'_>,
        room: &mut impl BufMut,
    ) -> Poll<io::Result<usize>> {
        pin!(self.0.borrow_mut().read_buf(room)).poll(context)
    }

    /// Writes some of `bytes`; how many.
    pub(crate) fn poll_write(
        &self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_write(context, bytes)
    }

    /// The same, or that it would have to wait; nobody is woken when it need not any more.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.0.borrow().try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            done => Poll::Ready(done),
        }
    }

    /// Tells the client that nothing more comes.
    pub(crate) fn poll_shutdown(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_shutdown(context)
    }

    /// Whether the client's kernel has all that was sent, after that.
    pub(crate) fn has_taken_all(&self) -> bool {
        shared::socket::has_taken_all(&*self.0.borrow())
    }
}

impl Peer for Socket {
    fn has_hung_up(&self) -> bool {
        let stream = self.0.borrow();
        // Where nothing has come since it was read last, the kernel need not be asked.
        let asked = stream.try_io(Interest::READABLE, || {
            Ok(shared::socket::has_hung_up(&*stream))
        });
        asked.unwrap_or(false)
    }
}
