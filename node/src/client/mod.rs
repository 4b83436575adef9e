//! One client as the node knows it, apart by meaning: who it is, what it has chosen, what goes to and fro, and what is on its way to it.
//! Pure. Never: a socket, a clock; the shell and the handlers put here what they know.
//! Invariant: a turn of its commands has only the [`Session`] out of the registry (`node_state::clients`); the rest stays where others can reach it.

mod identity;
mod outbox;
mod peer;
mod session;
mod traffic;
mod transaction;
mod waiting;

pub use identity::Identity;
pub use outbox::{ErrandTicket, Offset, Outbox, Until};
pub use peer::Peer;
pub use session::Session;
pub use traffic::{Traffic, WaitsFor};
pub use transaction::{Transaction, Watched};
pub use waiting::{Block, CopiesWait, Narrowed, WaitKind, Waiting};

use shared::session::{ClientType, ListedClient, client_bytes};
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
    /// Its command that waits until a key has something for it.
    pub waiting: Option<Box<Waiting>>,
    /// Its command that waits until followers have all that there was.
    pub copies_wait: Option<CopiesWait>,
    /// Its connection ends when its replies are written.
    pub is_parting: bool,
    /// Who is at the other end; nobody is asked where there is no socket.
    pub(crate) peer: Option<Rc<dyn Peer>>,
    /// What it has chosen; `None` while a turn of its commands has it.
    pub(crate) session: Option<Box<Session>>,
    /// Others have sent it something of which it has not heard yet.
    pub(crate) is_to_wake: bool,
    /// Its connection is to be cut.
    pub(crate) is_condemned: bool,
}

impl Client {
    /// A client that has just connected.
    #[must_use]
    pub fn new(identity: Identity, session: Session) -> Self {
        Self {
            traffic: Traffic::new(identity.connected_ms),
            identity: Rc::new(identity),
            outbox: Outbox::default(),
            waiting: None,
            copies_wait: None,
            is_parting: false,
            peer: None,
            session: Some(Box::new(session)),
            is_to_wake: false,
            is_condemned: false,
        }
    }

    /// Whether its other end has closed, though its task has not come to see it yet.
    #[must_use]
    pub fn has_hung_up(&self) -> bool {
        self.peer.as_ref().is_some_and(|peer| peer.has_hung_up())
    }

    /// Bytes of its command that waits.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        let waiting = self.waiting.as_deref();
        waiting.map_or(0, Waiting::memory_bytes)
    }

    /// What it costs, given what it has chosen: buffers, names, queue, subscriptions and a command that waits included.
    #[must_use]
    pub fn memory_bytes(&self, session: &Session) -> usize {
        client_bytes(
            self.traffic.input_bytes,
            self.outbox.len(),
            session.kept_bytes() + session.subscribed.bytes + self.waiting_bytes(),
        )
    }
}

/// A client with what it has chosen, as the filters of CLIENT LIST and CLIENT KILL see it.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// Who it is.
    pub identity: &'a Identity,
    /// Whether it follows; whoever gives commands does not.
    pub is_follower: bool,
    /// What it has chosen.
    pub session: &'a Session,
}

impl ListedClient for Listed<'_> {
    fn id(&self) -> u64 {
        self.identity.id
    }

    fn client_type(&self) -> ClientType {
        if self.is_follower {
            ClientType::Replica
        } else if self.session.subscribed.are_any() {
            ClientType::Pubsub
        } else {
            ClientType::Normal
        }
    }

    fn is_from(&self, address: &[u8]) -> bool {
        self.identity.address.as_bytes() == address
    }

    fn is_connected_to(&self, address: &[u8]) -> bool {
        self.identity.local_address.as_bytes() == address
    }

    fn is_user(&self, name: &[u8]) -> bool {
        self.session.login.user().name() == name
    }
}
