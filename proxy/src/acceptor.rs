//! Listening sockets, and the service that deals accepted clients to the proxy threads, one after the other.
//! Never: reads from or writes to a client, but for the one line that refuses it.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::Service;
use shared::config::ProxyConfig;
use shared::resp::{ErrorReply, Protocol, ReplyWriter};
use shared::topology::Address;
use socket2::{Domain, Protocol as SocketProtocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::sync::{mpsc, watch};

use crate::facts::ProxyShared;
use crate::orders::{Arrival, Order};
use crate::server::ProxyError;

/// Pause after a failed accept (no file descriptors left): without it the loop would burn a core.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(20);

/// Every listening socket of a proxy.
#[derive(Debug)]
pub(crate) struct Listeners {
    clients: TcpListener,
    tls: Option<TcpListener>,
    pub(crate) admin: Option<TcpListener>,
    pub(crate) clients_address: SocketAddr,
    pub(crate) tls_address: Option<SocketAddr>,
    pub(crate) admin_address: Option<SocketAddr>,
}

impl Listeners {
    /// Takes every address that the settings name.
    pub(crate) fn bind(config: &ProxyConfig) -> Result<Self, ProxyError> {
        let listen = |address: &Address| {
            let listener =
                listen_on(address, config.tcp_backlog).map_err(|source| ProxyError::Listen {
                    address: address.clone(),
                    source,
                })?;
            let actual = listener.local_addr().map_err(|source| ProxyError::System {
                what: "read a socket's address",
                source,
            })?;
            Ok::<_, ProxyError>((listener, actual))
        };
        let (clients, clients_address) = listen(&config.listen)?;
        let (tls, tls_address) = config.tls_listen.as_ref().map(listen).transpose()?.unzip();
        let (admin, admin_address) = config.admin.as_ref().map(listen).transpose()?.unzip();
        Ok(Self {
            clients,
            tls,
            admin,
            clients_address,
            tls_address,
            admin_address,
        })
    }
}

fn listen_on(address: &Address, backlog: u32) -> io::Result<TcpListener> {
    use std::net::ToSocketAddrs as _;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for candidate in address.pair().to_socket_addrs()? {
        match listen_at(candidate, backlog) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn listen_at(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(SocketProtocol::TCP),
    )?;
    // A restarted proxy takes its port at once, whatever its old connections do.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// The service.
pub(crate) struct Acceptor {
    shared: Arc<ProxyShared>,
    threads: Vec<mpsc::Sender<Order>>,
    next_thread: AtomicUsize,
    clients: TcpListener,
    tls: Option<TcpListener>,
    drain: watch::Receiver<bool>,
}

impl Acceptor {
    /// Accepts on these sockets until `drain` turns true.
    pub(crate) fn new(
        shared: Arc<ProxyShared>,
        listeners: &Listeners,
        drain: watch::Receiver<bool>,
    ) -> Result<Self, ProxyError> {
        let copy = |listener: &TcpListener| {
            listener.try_clone().map_err(|source| ProxyError::System {
                what: "copy a listening socket",
                source,
            })
        };
        Ok(Self {
            threads: shared.threads(),
            shared,
            next_thread: AtomicUsize::new(0),
            clients: copy(&listeners.clients)?,
            tls: listeners.tls.as_ref().map(copy).transpose()?,
            drain,
        })
    }

    async fn accept_all(&self, listener: &tokio::net::TcpListener, is_tls: bool) {
        let mut is_failing = false;
        loop {
            // The socket leaves this thread's reactor at once: its own thread will watch it.
            match listener
                .accept()
                .await
                .and_then(|(stream, peer)| Ok((stream.into_std()?, peer)))
            {
                Ok((stream, peer)) => {
                    is_failing = false;
                    self.deal(stream, peer, is_tls).await;
                }
                Err(error) => {
                    // Said once: as long as it goes on, it goes on fifty times a second.
                    if !is_failing {
                        tracing::warn!(%error, "clients wait, for none can be accepted");
                    }
                    is_failing = true;
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
            }
        }
    }

    async fn deal(&self, stream: TcpStream, peer: SocketAddr, is_tls: bool) {
        self.shared
            .counters
            .accepted
            .fetch_add(1, Ordering::Relaxed);
        if let Err(error) = self.prepare(&stream) {
            tracing::debug!(%peer, %error, "a client left while it was accepted");
            return;
        }
        let config = &self.shared.config;
        if config.protected_mode
            && config.requirepass.is_empty()
            && !peer.ip().to_canonical().is_loopback()
        {
            return refuse(stream, &ErrorReply::Protected);
        }
        let before = self.shared.counters.clients.fetch_add(1, Ordering::Relaxed);
        if before >= config.maxclients as usize {
            self.shared.counters.clients.fetch_sub(1, Ordering::Relaxed);
            self.shared
                .counters
                .rejected
                .fetch_add(1, Ordering::Relaxed);
            return refuse(stream, &ErrorReply::TooManyClients);
        }
        let number = self.next_thread.fetch_add(1, Ordering::Relaxed) % self.threads.len();
        let order = Order::Serve(Arrival {
            stream,
            peer,
            is_tls,
        });
        if self.threads[number].send(order).await.is_err() {
            self.shared.counters.clients.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn prepare(&self, stream: &TcpStream) -> io::Result<()> {
        // Replies leave in batches already; waiting for more would only add delay.
        stream.set_nodelay(true)?;
        let keepalive = self.shared.config.tcp_keepalive;
        if !keepalive.is_zero() {
            let probes = TcpKeepalive::new()
                .with_time(keepalive)
                .with_interval(keepalive / 3);
            SockRef::from(stream).set_tcp_keepalive(&probes)?;
        }
        Ok(())
    }
}

/// One line, if the kernel takes it, and the end.
fn refuse(mut stream: TcpStream, error: &ErrorReply) {
    let mut line = Vec::new();
    ReplyWriter::new(&mut line, Protocol::Resp2).error(error);
    // A client that cannot even take this will see that the connection is closed.
    stream.write_all(&line).ok();
}

#[async_trait]
impl Service for Acceptor {
    async fn start_service(
        &mut self,
        fds: Option<ListenFds>,
        _shutdown: ShutdownWatch,
        _listeners_per_fd: usize,
    ) {
        if let Some(fds) = fds {
            fds.lock()
                .add(self.shared.address.to_string(), self.clients.as_raw_fd());
        }
        let watched = |listener: &TcpListener| {
            listener
                .try_clone()
                .and_then(tokio::net::TcpListener::from_std)
        };
        let (Ok(clients), Ok(tls)) = (
            watched(&self.clients),
            self.tls.as_ref().map(watched).transpose(),
        ) else {
            tracing::error!("the listening sockets cannot be used");
            return;
        };
        let with_tls = async {
            match &tls {
                Some(listener) => self.accept_all(listener, true).await,
                None => std::future::pending().await,
            }
        };
        let mut drain = self.drain.clone();
        tokio::select! {
            () = self.accept_all(&clients, false) => {}
            () = with_tls => {}
            _ = drain.wait_for(|is_draining| *is_draining) => {}
        }
    }

    fn name(&self) -> &str {
        "clients"
    }

    fn threads(&self) -> Option<usize> {
        Some(1)
    }
}
