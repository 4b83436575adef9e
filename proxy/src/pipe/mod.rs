//! Pipes: connections to nodes that all clients of a thread share, as far as they are no sockets.
//! Pure. Invariant: as long as a pipe keeps its number, requests appended to it are answered in the order in which they were appended.
//!
//! - [`lane`]: what is agreed with a node. [`set`]: which pipes there are, one per node (with its fence) and lane; opened when first needed.
//! - [`parcel`]: the unit of a pipe. [`line`] keeps parcels until they are answered.
//! - [`reach`], [`retry`], [`verdict`]: what becomes of parcels when a node is lost, a connection is lost, an error comes back. [`late`]: writes that may still
//!   be carried out although nobody waits for them.
//! - [`lease`]: connections that belong to one client for a while.
//! - [`policies`]: as what a node is asked, by the keys of a command.
//! - [`handshake`]: the first words on a connection. [`error`]: why one is given up.

pub(crate) mod error;
pub(crate) mod handshake;
pub(crate) mod lane;
pub(crate) mod late;
pub(crate) mod lease;
pub(crate) mod line;
pub(crate) mod parcel;
pub(crate) mod policies;
pub(crate) mod reach;
pub(crate) mod retry;
pub(crate) mod set;
pub(crate) mod verdict;

pub(crate) use error::PipeError;
pub(crate) use lane::{Class, Lane, Pledge, Role, Tells};
pub(crate) use parcel::{Parcel, Target};

use std::sync::Arc;

use shared::resp::ReplyScanner;

use self::handshake::ConnectionName;
use self::line::{Line, Recovered};
use self::reach::Silence;
use crate::scripts::Carried;
use crate::slab::Key;

/// A connection to a node, or the line that waits for one.
#[derive(Debug)]
pub(crate) struct Pipe {
    /// Index of its node.
    pub(crate) node: usize,
    /// What was agreed with the node.
    pub(crate) lane: Lane,
    /// The requests; what was sent is kept until it is answered.
    pub(crate) line: Line,
    /// Requests that are to be routed again.
    pub(crate) aside: Aside,
    /// Connected, and agreed upon.
    pub(crate) is_open: bool,
    /// Finds the ends of replies.
    pub(crate) scanner: ReplyScanner,
    /// Bytes of replies over this connection that nobody waited for any more.
    pub(crate) unwanted_bytes: usize,
    /// Bytes of the reply that comes now which have gone on their way.
    pub(crate) flown_bytes: usize,
    /// How long the node has owed replies.
    pub(crate) silence: Silence,
    /// There is something for its task to do, or to be written.
    pub(crate) is_dirty: bool,
    /// Clients that wait for room in the line.
    pub(crate) crowd: Vec<Key>,
    /// Found to be of no more use by somebody else than its task, which is to end it.
    pub(crate) doom: Option<PipeError>,
    /// The node refuses this lane, and says why.
    pub(crate) refusal: Option<Box<str>>,
    /// What the node calls the last connection. It is to cut it before the next one is used: bytes may lie in it that nobody waits for any more.
    pub(crate) last_connection: Option<ConnectionName>,
    /// Which keys are its shard's, as the node was told over this connection.
    pub(crate) told_keys: Option<Arc<[u8]>>,
    /// Scripts that the node has got over this connection.
    pub(crate) scripts: Carried,
}

/// Requests that were taken out of a line whose node still owes replies to their predecessors; they are routed again when it has paid.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    /// In order.
    pub(crate) parcels: Vec<Recovered>,
    /// How many of them, at the beginning, have been sent and came back.
    pub(crate) came_back: usize,
    /// Replies that are to come before.
    pub(crate) owed: usize,
}

impl Aside {
    /// Takes out what `is_over`; who waits for that is `told`.
    pub(crate) fn drop_some(
        &mut self,
        is_over: impl Fn(&Parcel) -> bool,
        mut told: impl FnMut(Parcel),
    ) {
        let came_back = self.came_back;
        let mut place = 0;
        self.parcels.retain(|recovered| {
            let stays = !is_over(&recovered.parcel);
            self.came_back -= usize::from(!stays && place < came_back);
            place += 1;
            if !stays {
                told(recovered.parcel);
            }
            stays
        });
    }

    /// Requests in it.
    pub(crate) fn requests(&self) -> usize {
        let counts = self.parcels.iter();
        counts
            .map(|recovered| recovered.parcel.count as usize)
            .sum()
    }
}

impl Pipe {
    /// One that is not open.
    pub(crate) fn new(node: usize, lane: Lane) -> Self {
        Self {
            node,
            lane,
            line: Line::default(),
            aside: Aside::default(),
            is_open: false,
            scanner: ReplyScanner::default(),
            unwanted_bytes: 0,
            flown_bytes: 0,
            silence: Silence::default(),
            is_dirty: false,
            crowd: Vec::new(),
            doom: None,
            refusal: None,
            last_connection: None,
            told_keys: None,
            scripts: Carried::default(),
        }
    }

    /// Takes over what was counted of replies over this connection that nobody waited for.
    #[inline]
    pub(crate) fn note_unwanted(&mut self, bytes: &mut usize) {
        self.unwanted_bytes = self.unwanted_bytes.saturating_add(std::mem::take(bytes));
    }

    /// Whether nothing stands in the way of one more request, or it is not known yet.
    fn can_be_asked(&self) -> bool {
        self.doom.is_none() && self.refusal.is_none() && self.aside.parcels.is_empty()
    }

    /// Whether nobody waits for it.
    pub(crate) fn is_empty(&self) -> bool {
        self.line.requests() == 0 && self.aside.parcels.is_empty()
    }
}
