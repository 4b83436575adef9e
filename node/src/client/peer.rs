//! [`Peer`]: what is asked of the other end of a connection by those who know of no sockets.

use std::fmt::Debug;

/// The other end of a client's connection.
pub trait Peer: Debug {
    /// Whether it has closed its side, read or not: nobody would get what a waiting command takes.
    fn has_hung_up(&self) -> bool;
}
