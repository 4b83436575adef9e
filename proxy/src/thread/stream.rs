//! A client's socket, plain or TLS, with one face.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use shared::socket::{has_taken_all, silent_for_ms};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::tls::TlsStream;

/// A connection to a client.
#[derive(Debug)]
pub(crate) enum ClientStream {
    /// Bytes as they are.
    Plain(TcpStream),
    /// After a TLS handshake.
    Tls(Box<TlsStream>),
}

impl ClientStream {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    /// Whether the client has closed its side, or the connection is broken, whatever lies unread before that.
    pub(crate) fn has_hung_up(&self) -> bool {
        let ends = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
        let mut poll_fd = [PollFd::new(self.socket(), ends)];
        // When nobody can tell, it is read to find out.
        poll(&mut poll_fd, Some(&Timespec::default())).is_ok()
            && poll_fd[0].revents().intersects(ends)
    }

    /// Whether the client has all that was sent to it, after it was told that nothing more comes.
    pub(crate) fn has_taken_all(&self) -> bool {
        has_taken_all(self.socket())
    }

    /// How long ago the last bytes came, milliseconds.
    pub(crate) fn silent_for_ms(&self) -> u64 {
        silent_for_ms(self.socket())
    }

    /// Whether the connection was reset: the client is gone, and did not just say all that it has to say.
    pub(crate) fn is_broken(&self) -> bool {
        !matches!(self.socket().take_error(), Ok(None))
    }
}

impl Drop for ClientStream {
    /// However it ends, TLS says so: without its goodbye the other side must take the end for a cut. One attempt, for nobody waits for a client that is gone.
    fn drop(&mut self) {
        if let Self::Tls(stream) = self {
            let mut cx = Context::from_waker(Waker::noop());
            // Where the kernel has no room the client has left too much unread to hear it.
            drop(Pin::new(&mut **stream).poll_shutdown(&mut cx));
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, slices),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }
}
