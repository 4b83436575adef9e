//! Commands that several nodes answer: collects the parts until the last one is here.
//! Pure. Invariant: each part is filled in exactly once; what the parts come to is [`crate::route::merge`]'s business.

use shared::clock::Reading;
use shared::command::CommandId;
use shared::resp::Protocol;

use crate::route::merge::{self, Plan};
use crate::slab::Key;

/// What became of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The node's reply, which may be an error.
    Reply(Vec<u8>),
    /// The shard could not be reached; nothing was done there.
    Down(Box<str>),
    /// The shard did not reply.
    Unknown(Box<str>),
}

/// A command under way.
#[derive(Debug)]
pub(crate) struct Gather {
    /// Who asked.
    pub(crate) client: Key,
    /// The number of the request in the client's reply queue.
    pub(crate) number: u64,
    /// What was asked.
    pub(crate) command: CommandId,
    /// When it was read.
    pub(crate) started: Reading,
    protocol: Protocol,
    plan: Plan,
    parts: Vec<Option<Part>>,
    missing: usize,
}

impl Gather {
    /// Waits for `parts` parts (at least one).
    pub(crate) fn new(client: Key, number: u64, command: CommandId, started: Reading, protocol: Protocol, plan: Plan, parts: usize) -> Self {
        assert!(parts > 0, "somebody must answer");
        Self {
            client,
            number,
            command,
            started,
            protocol,
            plan,
            parts: (0..parts).map(|_| None).collect(),
            missing: parts,
        }
    }

    /// Fills in a part; whether it was the last one.
    ///
    /// # Panics
    /// When the part is there already: our mistake.
    pub(crate) fn fill(&mut self, index: usize, part: Part) -> bool {
        let place = &mut self.parts[index];
        assert!(place.is_none(), "each part is filled in once");
        *place = Some(part);
        self.missing -= 1;
        self.missing == 0
    }

    /// The reply, once all parts are there.
    pub(crate) fn finish(self, out: &mut Vec<u8>) {
        let parts: Vec<Part> = self.parts.into_iter().flatten().collect();
        merge::merge(self.plan, parts, self.protocol, out);
    }
}
