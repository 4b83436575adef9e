//! Pipes: connections to nodes that all clients of a thread share.
//!
//! - [`set`]: which pipes there are, one per node, database, class and protocol; opened when first needed.
//! - [`send_queue`] ◇ keeps requests until they are answered, [`in_flight`] ◇ knows who waits for the answers.
//! - [`connection`]: the socket: connecting and first words, writing, reading and handing out replies, and what happens when it is lost.

pub(crate) mod connection;
pub(crate) mod error;
pub(crate) mod handshake;
pub(crate) mod in_flight;
pub(crate) mod send_queue;
pub(crate) mod set;

pub(crate) use error::PipeError;
pub(crate) use in_flight::{Target, Waiter};
