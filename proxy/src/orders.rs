//! What the rest of the proxy may ask of a thread. Plain data on a bounded channel.

use std::net::SocketAddr;

use tokio::sync::oneshot;

use crate::here::{ClientOrder, ClientVerdict};
use crate::metrics::report::ThreadReport;

/// A client that was accepted.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// The socket, not blocking.
    pub(crate) stream: std::net::TcpStream,
    /// Where it comes from.
    pub(crate) peer: SocketAddr,
    /// It wants TLS.
    pub(crate) is_tls: bool,
}

/// An order.
#[derive(Debug)]
pub(crate) enum Order {
    /// Serve this client.
    Serve(Arrival),
    /// Say how it goes.
    Report(oneshot::Sender<ThreadReport>),
    /// Carry this out on your clients.
    Clients(ClientOrder, oneshot::Sender<ClientVerdict>),
    /// Let clients have their replies and go.
    Stop,
}
