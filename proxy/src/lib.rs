//! The stateless proxy: routes clients to nodes over shared, pipelined connections.
//! Never imports the node; they meet on the wire.

mod buffers;
mod client;
mod dispatch;
mod gather;
mod hold;
mod local;
mod metrics;
mod pipe;
mod receivers;
mod retry;
mod route;
pub mod server;
mod slab;
mod thread;
mod tls;
mod topology;
