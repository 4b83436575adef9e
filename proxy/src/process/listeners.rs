//! Every listening socket of a proxy, taken before anything else starts.
//! Never: accepts. Invariant: there is at least one that clients can connect to; the settings see to it.

use std::net::{SocketAddr, TcpListener};

use shared::config::ProxyConfig;
use shared::socket;
use shared::topology::Address;

use super::server::ProxyError;

/// A socket, and where it turned out to listen.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) socket: TcpListener,
    pub(super) address: SocketAddr,
}

/// Every listening socket.
#[derive(Debug)]
pub(super) struct Listeners {
    /// Clients that speak as they are.
    pub(super) plain: Option<Listener>,
    /// Clients that speak TLS.
    pub(super) tls: Option<Listener>,
    /// HTTP.
    pub(super) admin: Option<Listener>,
}

impl Listeners {
    /// Takes every address that the settings name.
    pub(super) fn bind(config: &ProxyConfig) -> Result<Self, ProxyError> {
        let listen = |setting, address: &Option<Address>| {
            let address = address.as_ref();
            address
                .map(|address| Listener::bind(setting, address, config.tcp_backlog))
                .transpose()
        };
        Ok(Self {
            plain: listen("listen", &config.listen)?,
            tls: listen("tls-listen", &config.tls_listen)?,
            admin: listen("admin", &config.admin)?,
        })
    }

    /// Where clients connect without TLS; where nobody can, with it.
    pub(super) fn for_clients(&self) -> Option<SocketAddr> {
        let first = self.plain.as_ref().or(self.tls.as_ref());
        first.map(|listener| listener.address)
    }
}

impl Listener {
    fn bind(setting: &'static str, address: &Address, backlog: u32) -> Result<Self, ProxyError> {
        let socket = socket::listen(address, backlog).map_err(|source| ProxyError::Listen {
            address: address.clone(),
            setting,
            source,
        })?;
        let address = socket.local_addr().map_err(|source| ProxyError::System {
            what: "read a socket's address",
            source,
        })?;
        Ok(Self { socket, address })
    }

    /// The same socket once more, for a runtime to wait on.
    pub(super) fn copy(&self) -> Result<TcpListener, ProxyError> {
        self.socket
            .try_clone()
            .map_err(|source| ProxyError::System {
                what: "copy a listening socket",
                source,
            })
    }
}
