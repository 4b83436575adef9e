//! Clients of one thread.
//!
//! - [`received`] ◇: those bytes, and who keeps them.
//! - [`state`] ◇: what a client has chosen: database, protocol, name. [`reply_queue`] ◇ and [`output`] ◇: its replies, in order.

pub(crate) mod output;
pub(crate) mod received;
pub(crate) mod reply_queue;
pub(crate) mod state;

pub(crate) use output::ReplyBytes;
pub(crate) use reply_queue::Source;
pub(crate) use state::ClientState;
