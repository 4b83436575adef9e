//! The service that deals accepted clients to the proxy threads, one after the other.
//! Never: reads from or writes to a client; who is not taken in hears it from [`Refusals`].

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::Service;
use shared::access::Access;
use shared::resp::ErrorReply;
use shared::socket::{PAUSE_AFTER_FAILED_ACCEPT, prepare_accepted};
use shared::throttle::Throttle;
use socket2::SockRef;
use tokio::sync::{mpsc, watch};

use super::listeners::{Listener, Listeners};
use super::refusal::Refusals;
use super::server::ProxyError;
use crate::facts::ProxyShared;
use crate::orders::{Arrival, Order};
use crate::tls::TlsFront;

/// The service.
pub(super) struct Acceptor {
    shared: Arc<ProxyShared>,
    threads: Vec<mpsc::Sender<Order>>,
    next_thread: AtomicUsize,
    refusals: Refusals,
    plain: Option<TcpListener>,
    tls: Option<TcpListener>,
    drain: watch::Receiver<bool>,
}

impl Acceptor {
    /// Accepts on these sockets until `drain` turns true.
    pub(super) fn new(
        shared: Arc<ProxyShared>,
        listeners: &Listeners,
        drain: watch::Receiver<bool>,
    ) -> Result<Self, ProxyError> {
        let copy = |listener: &Option<Listener>| {
            let listener = listener.as_ref();
            listener.map(Listener::copy).transpose()
        };
        Ok(Self {
            threads: shared.threads(),
            shared,
            next_thread: AtomicUsize::new(0),
            refusals: Refusals::new(),
            plain: copy(&listeners.plain)?,
            tls: copy(&listeners.tls)?,
            drain,
        })
    }

    /// For ever; who comes through `front` speaks TLS.
    async fn accept_all(
        &self,
        listener: Option<tokio::net::TcpListener>,
        front: Option<&TlsFront>,
    ) {
        let Some(listener) = listener else {
            return std::future::pending().await;
        };
        loop {
            // The socket leaves this thread's reactor at once: its own thread will watch it.
            match listener
                .accept()
                .await
                .and_then(|(stream, peer)| Ok((stream.into_std()?, peer)))
            {
                Ok((stream, peer)) => self.deal(stream, peer, front).await,
                Err(error) => {
                    static NONE_ACCEPTED: Throttle = Throttle::new();
                    if let Some(left_out) = NONE_ACCEPTED.admit(self.shared.clock.wall_ms()) {
                        tracing::warn!(%error, left_out, "clients wait, for none can be accepted");
                    }
                    tokio::time::sleep(PAUSE_AFTER_FAILED_ACCEPT).await;
                }
            }
        }
    }

    async fn deal(&self, stream: TcpStream, peer: SocketAddr, front: Option<&TlsFront>) {
        self.shared.counters.accepted.add(1);
        let config = &self.shared.config;
        if let Err(error) = prepare_accepted(&stream, config.tcp_keepalive) {
            tracing::debug!(%peer, %error, "a client left while it was accepted");
            return;
        }
        if config.protected_mode && !Access::new(&config.requirepass).is_safe_for(peer.ip()) {
            return self.refuse(stream, front, &ErrorReply::ProtectedProxy);
        }
        let before = self.shared.counters.clients.fetch_add(1, Ordering::Relaxed);
        if before >= config.maxclients as usize {
            self.shared.counters.clients.fetch_sub(1, Ordering::Relaxed);
            self.shared.counters.rejected.add(1);
            static TOO_MANY: Throttle = Throttle::new();
            if let Some(left_out) = TOO_MANY.admit(self.shared.clock.wall_ms()) {
                let maxclients = config.maxclients;
                tracing::warn!(%peer, maxclients, left_out, "turned away: there are as many clients as maxclients allows");
            }
            return self.refuse(stream, front, &ErrorReply::TooManyClients);
        }
        let number = self.next_thread.fetch_add(1, Ordering::Relaxed) % self.threads.len();
        let order = Order::Serve(Arrival {
            stream,
            peer,
            is_tls: front.is_some(),
        });
        if self.threads[number].send(order).await.is_err() {
            self.shared.counters.clients.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn refuse(&self, stream: TcpStream, front: Option<&TlsFront>, error: &ErrorReply) {
        match front {
            Some(front) => self.refusals.refuse_tls(front.clone(), stream, error),
            None => self.refusals.refuse_plain(stream, error),
        }
    }
}

#[async_trait]
impl Service for Acceptor {
    async fn start_service(
        &mut self,
        fds: Option<ListenFds>,
        _shutdown: ShutdownWatch,
        _listeners_per_fd: usize,
    ) {
        if let (Some(fds), Some(plain)) = (fds, &self.plain) {
            fds.lock()
                .add(self.shared.address.to_string(), plain.as_raw_fd());
        }
        let watched = |listener: &Option<TcpListener>| {
            let copy = listener.as_ref().map(TcpListener::try_clone).transpose()?;
            copy.map(tokio::net::TcpListener::from_std).transpose()
        };
        let (Ok(plain), Ok(tls)) = (watched(&self.plain), watched(&self.tls)) else {
            tracing::error!("the listening sockets cannot be used");
            return;
        };
        let mut drain = self.drain.clone();
        tokio::select! {
            () = self.accept_all(plain, None) => {}
            () = self.accept_all(tls, self.shared.tls.as_ref()) => {}
            _ = drain.wait_for(|is_draining| *is_draining) => {}
        }
        // Whoever comes from now on is refused instead of waiting in a socket that nobody accepts from; so are those who wait there already.
        for listener in [&self.plain, &self.tls].into_iter().flatten() {
            SockRef::from(listener).shutdown(Shutdown::Both).ok();
        }
    }

    fn name(&self) -> &str {
        "clients"
    }

    fn threads(&self) -> Option<usize> {
        Some(1)
    }
}
