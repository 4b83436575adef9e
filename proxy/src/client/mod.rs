//! Clients of one thread.
//!
//! - [`stream`]: the socket, plain or TLS. [`connection`]: reading requests, writing replies, and the bounds of both. [`turn`]: what becomes of the bytes read.
//! - [`received`] ◇: those bytes, and who keeps them.
//! - [`state`] ◇: what a client has chosen: database, protocol, name. [`reply_queue`] ◇ and [`output`] ◇: its replies, in order.

pub(crate) mod connection;
pub(crate) mod output;
pub(crate) mod received;
pub(crate) mod reply_queue;
pub(crate) mod state;
pub(crate) mod stream;
mod turn;

pub(crate) use connection::Client;
pub(crate) use output::ReplyBytes;
pub(crate) use reply_queue::Source;
pub(crate) use state::ClientState;
