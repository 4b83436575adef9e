//! The service that deals accepted clients to the proxy threads, one after the other.
//! Never: reads from or writes to a client; who is not taken in hears it from [`Refusals`]. Never: waits for a thread.

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::Service;
use shared::resp::ErrorReply;
use shared::socket::{PAUSE_AFTER_FAILED_ACCEPT, prepare_accepted};
use shared::throttle::Throttle;
use socket2::SockRef;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::watch;

use super::listeners::{Listener, Listeners};
use super::refusal::Refusals;
use super::server::ProxyError;
use crate::facts::ProxyShared;
use crate::orders::{Arrival, Order, ThreadContact};
use crate::tls::TlsFront;

/// The service.
pub(super) struct Acceptor {
    shared: Arc<ProxyShared>,
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
                Ok((stream, peer)) => self.deal(stream, peer, front),
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

    fn deal(&self, stream: TcpStream, peer: SocketAddr, front: Option<&TlsFront>) {
        self.shared.counters.accepted.add(1);
        let config = &self.shared.config;
        if let Err(error) = prepare_accepted(&stream, config.tcp_keepalive) {
            tracing::debug!(%peer, %error, "a client left while it was accepted");
            return;
        }
        if config.protected_mode && !self.shared.access.users().is_safe_for(peer.ip()) {
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
        let arrival = Arrival {
            stream,
            peer,
            is_tls: front.is_some(),
        };
        let first = self.next_thread.fetch_add(1, Ordering::Relaxed);
        if let Err(arrival) = hand_over(arrival, &self.shared.threads, first) {
            self.shared.counters.clients.fetch_sub(1, Ordering::Relaxed);
            self.shared.counters.rejected.add(1);
            static NO_THREAD: Throttle = Throttle::new();
            if let Some(left_out) = NO_THREAD.admit(self.shared.clock.wall_ms()) {
                tracing::error!(%peer, left_out, "turned away: no thread takes clients in");
            }
            self.refuse(arrival.stream, front, &ErrorReply::ThreadsBusy);
        }
    }

    fn refuse(&self, stream: TcpStream, front: Option<&TlsFront>, error: &ErrorReply) {
        match front {
            Some(front) => self.refusals.refuse_tls(front.clone(), stream, error),
            None => self.refusals.refuse_plain(stream, error),
        }
    }
}

/// To the thread of this number, modulo how many there are, or the next one that has room for an order.
fn hand_over(arrival: Arrival, threads: &[ThreadContact], first: usize) -> Result<(), Arrival> {
    let mut order = Order::Serve(arrival);
    for turn in 0..threads.len() {
        let number = first.wrapping_add(turn) % threads.len();
        match threads[number].orders.try_send(order) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(back) | TrySendError::Closed(back)) => order = back,
        }
    }
    match order {
        Order::Serve(arrival) => Err(arrival),
        _ => unreachable!("what comes back is what was sent"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_takes_no_orders_keeps_no_client_from_the_others() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let arrival = || Arrival {
            stream: TcpStream::connect(address).unwrap(),
            peer: address,
            is_tls: false,
        };
        let room_of_each = [1, 3, 2];
        let (threads, mut orders): (Vec<_>, Vec<_>) =
            room_of_each.into_iter().map(ThreadContact::new).unzip();
        for first in 0..6 {
            assert!(hand_over(arrival(), &threads, first).is_ok(), "{first}");
        }
        assert!(hand_over(arrival(), &threads, 6).is_err(), "all are full");
        for (taken, room) in orders.iter_mut().zip(room_of_each) {
            assert_eq!(taken.len(), room);
            taken.close();
        }
        assert!(hand_over(arrival(), &threads, 7).is_err(), "all have ended");
    }
}
