//! One client as the node knows it, apart by meaning: who it is, what it has chosen, what goes to and fro, and what is on its way to it.
//! Pure. Never: a socket, a clock; the shell and the handlers put here what they know.
//! Invariant: a turn of its commands has only the [`Session`] out of the registry (`node_state::clients`); the rest stays where others can reach it.

mod identity;
mod outbox;
mod session;
mod traffic;
mod transaction;

pub use identity::Identity;
pub use outbox::{ErrandTicket, Offset, Outbox, Until};
pub use session::Session;
pub use traffic::{Traffic, WaitsFor};
pub use transaction::{Transaction, Watched};

use shared::session::client_bytes;
use std::rc::Rc;

/// One connected client.
#[derive(Debug)]
pub struct Client {
    /// Who it is; shared with a command that outlives its connection.
    pub identity: Rc<Identity>,
    /// What it sends and takes, and whether it waits.
    pub traffic: Traffic,
    /// What is on its way to it.
    pub outbox: Outbox,
    /// What it has chosen; `None` while a turn of its commands has it.
    pub(crate) session: Option<Box<Session>>,
}

impl Client {
    /// A client that has just connected.
    #[must_use]
    pub fn new(identity: Identity, session: Session) -> Self {
        Self {
            traffic: Traffic::new(identity.connected_ms),
            identity: Rc::new(identity),
            outbox: Outbox::default(),
            session: Some(Box::new(session)),
        }
    }

    /// What it costs, given what it has chosen: buffers, names and queue included.
    #[must_use]
    pub fn memory_bytes(&self, session: &Session) -> usize {
        client_bytes(
            self.traffic.input_bytes,
            self.outbox.len(),
            session.kept_bytes(),
        )
    }
}
