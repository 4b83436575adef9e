//! The service that deals accepted clients to the proxy threads, one after the other.
//! Never: reads from or writes to a client, but for the header of a load balancer, on a task of its own ([`introduced`]); who is not taken in hears it from
//! [`Refusals`]. Never: waits for a thread. Bound: [`MOST_HEADERS`].

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::Service;
use shared::resp::{AccessError, ErrorReply};
use shared::socket::{PAUSE_AFTER_FAILED_ACCEPT, prepare_accepted};
use shared::throttle::Throttle;
use socket2::SockRef;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, watch};

use super::introduction::{HEADER_WITHIN, NoIntroduction, introduced};
use super::listeners::{Listener, Listeners};
use super::refusal::Refusals;
use super::server::ProxyError;
use crate::events::{Kind, News};
use crate::facts::ProxyShared;
use crate::orders::{Arrival, Order, ThreadContact};
use crate::tls::TlsFront;

/// Connections of load balancers whose header has not come yet; one more is turned away: theirs come with the first packet.
const MOST_HEADERS: usize = 1_024;

/// The service.
pub(super) struct Acceptor {
    door: Arc<Door>,
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
            door: Arc::new(Door {
                shared,
                next_thread: AtomicUsize::new(0),
                refusals: Refusals::new(),
                headers: Arc::new(Semaphore::new(MOST_HEADERS)),
            }),
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
            match listener.accept().await {
                Ok((stream, peer)) => self.door.welcome(stream, peer, front),
                Err(error) => {
                    static NONE_ACCEPTED: Throttle = Throttle::new();
                    if let Some(left_out) = NONE_ACCEPTED.admit(self.door.shared.clock.wall_ms()) {
                        tracing::warn!(%error, left_out, "clients wait, for none can be accepted");
                    }
                    tokio::time::sleep(PAUSE_AFTER_FAILED_ACCEPT).await;
                }
            }
        }
    }
}

/// What every connection passes.
struct Door {
    shared: Arc<ProxyShared>,
    next_thread: AtomicUsize,
    refusals: Refusals,
    headers: Arc<Semaphore>,
}

impl Door {
    /// Deals a connection, or has a load balancer say first whose it is.
    fn welcome(
        self: &Arc<Self>,
        stream: tokio::net::TcpStream,
        peer: SocketAddr,
        front: Option<&TlsFront>,
    ) {
        if !self.shared.config.proxy_protocol_from.hold(peer.ip()) {
            return self.deal(stream, peer, front);
        }
        // Whoever is named and sends nothing takes the places of those who are named, and keeps nobody else waiting.
        let Ok(permit) = Arc::clone(&self.headers).try_acquire_owned() else {
            return self.turn_away(stream, peer, front, &NoIntroduction::Crowd);
        };
        let (door, front) = (Arc::clone(self), front.cloned());
        tokio::spawn(async move {
            door.hear(stream, peer, front.as_ref()).await;
            drop(permit);
        });
    }

    /// Waits for the header, and deals the connection as that of whom it names.
    async fn hear(
        &self,
        mut stream: tokio::net::TcpStream,
        balancer: SocketAddr,
        front: Option<&TlsFront>,
    ) {
        match introduced(&mut stream).await {
            Ok(client) => self.deal(stream, client.unwrap_or(balancer), front),
            Err(reason) => self.turn_away(stream, balancer, front, &reason),
        }
    }

    /// Whose connection this is nobody knows.
    fn turn_away(
        &self,
        stream: tokio::net::TcpStream,
        balancer: SocketAddr,
        front: Option<&TlsFront>,
        reason: &NoIntroduction,
    ) {
        self.shared.counters.accepted.add(1);
        self.shared.counters.rejected.add(1);
        static NOBODY: Throttle = Throttle::new();
        if let Some(left_out) = NOBODY.admit(self.shared.clock.wall_ms()) {
            tracing::warn!(%balancer, %reason, left_out, "turned away: named in proxy-protocol-from, and does not say whose connection it is");
        }
        // Who came for TLS has not begun to speak it, and would not understand.
        if front.is_none()
            && let Ok(stream) = stream.into_std()
        {
            let error = AccessError::NoProxyHeader(HEADER_WITHIN.as_secs()).into();
            self.refusals.refuse_plain(stream, &error);
        }
    }

    fn deal(&self, stream: tokio::net::TcpStream, peer: SocketAddr, front: Option<&TlsFront>) {
        self.shared.counters.accepted.add(1);
        // The socket leaves this thread's reactor at once: its own thread will watch it.
        let stream = match stream.into_std() {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(%peer, %error, "a client was lost while it was accepted");
                return;
            }
        };
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
                let words = format!(
                    "turned away: there are as many clients as maxclients allows, {maxclients}"
                );
                let news = News::warning(Kind::ClientsCut, words).of_peer(peer);
                self.shared.events.tell(news.after(left_out));
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
                let words = "turned away: no thread takes clients in";
                let news = News::error(Kind::ClientsCut, words).of_peer(peer);
                self.shared.events.tell(news.after(left_out));
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
                .add(self.door.shared.address.to_string(), plain.as_raw_fd());
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
            () = self.accept_all(tls, self.door.shared.tls.as_ref()) => {}
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
