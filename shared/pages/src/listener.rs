//! The admin listener's sockets: few at a time and none for ever, so that nobody can keep the others out by holding many or by saying nothing.
//! Never: looks into what is said. Bounds: [`MOST_CONNECTIONS`], of which the oldest is cut for a new one; [`LONGEST`] for each, whatever it does.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use shared::clock::Clock;
use shared::socket::PAUSE_AFTER_FAILED_ACCEPT;
use shared::throttle::Throttle;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};

/// Connections at a time: some people, some machines that watch, and what an attacker may take of memory (HTTP keeps up to half a megabyte of headers each).
const MOST_CONNECTIONS: usize = 64;

/// How long a connection may live: longer than the pause of most who ask again and again over the same one.
const LONGEST: Duration = Duration::from_secs(60);

/// Accepts, and cuts the oldest.
#[derive(Debug)]
pub struct AdminListener {
    listener: TcpListener,
    clock: Clock,
    /// Of every connection that may still be open, oldest first; dropping one cuts it.
    open: VecDeque<oneshot::Sender<()>>,
}

impl AdminListener {
    /// Accepts on this socket.
    #[must_use]
    pub fn new(listener: TcpListener, clock: Clock) -> Self {
        Self {
            listener,
            clock,
            open: VecDeque::new(),
        }
    }

    fn admit(&mut self, stream: TcpStream) -> AdminStream {
        if self.open.len() >= MOST_CONNECTIONS {
            self.open.retain(|connection| !connection.is_closed());
        }
        if self.open.len() >= MOST_CONNECTIONS {
            self.open.pop_front();
        }
        let (holder, cut) = oneshot::channel();
        self.open.push_back(holder);
        AdminStream {
            stream,
            cut,
            deadline: Box::pin(tokio::time::sleep(LONGEST)),
            is_over: false,
        }
    }
}

impl axum::serve::Listener for AdminListener {
    type Io = AdminStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (AdminStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => return (self.admit(stream), peer),
                Err(error) => {
                    static NONE_ACCEPTED: Throttle = Throttle::new();
                    if let Some(left_out) = NONE_ACCEPTED.admit(self.clock.wall_ms()) {
                        tracing::warn!(%error, left_out, "connections to the admin listener wait, for none can be accepted");
                    }
                    tokio::time::sleep(PAUSE_AFTER_FAILED_ACCEPT).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection, to who is asked over it.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The other side's address.
    pub address: SocketAddr,
    /// When it is cut, whatever is under way.
    pub cut_at: Instant,
}

impl Connected<IncomingStream<'_, AdminListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, AdminListener>) -> Self {
        Self {
            address: *stream.remote_addr(),
            cut_at: stream.io().deadline.deadline(),
        }
    }
}

/// A connection that ends when it is cut, or when its time is over.
#[derive(Debug)]
pub struct AdminStream {
    stream: TcpStream,
    cut: oneshot::Receiver<()>,
    deadline: Pin<Box<Sleep>>,
    is_over: bool,
}

impl AdminStream {
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        self.is_over = self.is_over
            || Pin::new(&mut self.cut).poll(cx).is_ready()
            || self.deadline.as_mut().poll(cx).is_ready();
        if self.is_over {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

impl AsyncRead for AdminStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for AdminStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::serve::Listener as _;
    use tokio::io::AsyncReadExt as _;

    #[tokio::test(flavor = "current_thread")]
    async fn the_oldest_is_cut_for_a_new_one() {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let mut listener = AdminListener::new(socket, Clock::system());
        let mut clients = Vec::new();
        let mut streams = VecDeque::new();
        for _ in 0..=MOST_CONNECTIONS {
            clients.push(TcpStream::connect(address).await.unwrap());
            streams.push_back(listener.accept().await.0);
        }
        let mut oldest = streams.pop_front().unwrap();
        let error = oldest.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
        // One that has ended makes room by itself.
        drop(streams.pop_front());
        clients.push(TcpStream::connect(address).await.unwrap());
        streams.push_back(listener.accept().await.0);
        assert!(
            streams
                .iter_mut()
                .all(|stream| stream.cut.try_recv().is_err())
        );
        assert_eq!(listener.open.len(), MOST_CONNECTIONS);
    }
}
