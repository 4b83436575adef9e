//! TLS towards clients: rustls with ring, as pingora brings it.

/// A client's connection after the handshake.
pub(crate) type TlsStream = pingora_core::tls::ServerTlsStream<tokio::net::TcpStream>;
