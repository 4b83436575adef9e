//! Pipes: connections to nodes that all clients of a thread share.
//!
//! - [`set`]: which pipes there are, one per node, database, class and protocol; opened when first needed.
//! - [`line`] ◇ keeps requests until they are answered, [`parcel`] ◇ knows who waits for the answers.
//! - [`reach`] ◇ and [`retry`] ◇: what becomes of requests when the node is lost.

pub(crate) mod error;
pub(crate) mod handshake;
pub(crate) mod line;
pub(crate) mod parcel;
pub(crate) mod reach;
pub(crate) mod retry;
pub(crate) mod set;

pub(crate) use error::PipeError;
pub(crate) use parcel::{Target, Waiter};
