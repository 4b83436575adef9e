//! Who a client is: what was known of it when it connected, and never changes.
//! Pure.

/// One client's connection.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// Unique in this process, counted from 1.
    pub id: u64,
    /// `ip:port` of the client.
    pub address: String,
    /// `ip:port` it connected to.
    pub local_address: String,
    /// Number of the socket in this process, for CLIENT LIST.
    pub socket_number: i64,
    /// Unix milliseconds.
    pub connected_ms: u64,
}

impl Identity {
    /// A client without a socket.
    #[must_use]
    pub fn new(id: u64, connected_ms: u64) -> Self {
        Self {
            id,
            socket_number: -1,
            connected_ms,
            ..Self::default()
        }
    }

    /// Whether the client connected from this machine.
    #[must_use]
    pub fn is_of_this_machine(&self) -> bool {
        let address = self.address.parse::<std::net::SocketAddr>();
        address.is_ok_and(|address| address.ip().to_canonical().is_loopback())
    }
}
