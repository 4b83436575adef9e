//! The stateless proxy: routes clients to nodes over shared, pipelined connections.
//! Never imports the node; they meet on the wire.

mod acceptor;
mod admin;
mod buffers;
mod client;
mod dice;
mod dispatch;
mod fan_out;
mod gather;
mod hold;
mod local;
mod metrics;
mod pipe;
mod receivers;
mod retry;
mod route;
mod server;
mod slab;
mod thread;
mod tls;
mod topology;

pub use server::{Proxy, ProxyError, ProxyHandle};
pub use tls::TlsError;
pub use topology::{LiveTopology, StaleTopology};
