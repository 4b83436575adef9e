//! Commands that several nodes answer: collects the parts until the last one is here.
//! Pure. Invariant: each part is filled in exactly once; what the parts come to is [`crate::route::merge`]'s business.

use shared::command::Retry;
use shared::resp::Protocol;

use crate::route::merge::{self, Part, Parts, Plan};
use crate::slab::Key;

/// A command under way.
#[derive(Debug)]
pub(crate) struct Gather {
    /// Who asked.
    pub(crate) client: Key,
    /// The number of the request in the client's reply queue.
    pub(crate) number: u64,
    /// Whether it only reads.
    pub(crate) retry: Retry,
    protocol: Protocol,
    plan: Plan,
    /// Names of the shards that answer the parts.
    shards: Vec<Box<str>>,
    parts: Vec<Option<Part>>,
    missing: usize,
    chance: u64,
}

impl Gather {
    /// Waits for one part from each of these shards (at least one).
    pub(crate) fn new(
        client: Key,
        number: u64,
        retry: Retry,
        protocol: Protocol,
        plan: Plan,
        shards: Vec<Box<str>>,
        chance: u64,
    ) -> Self {
        assert!(!shards.is_empty(), "somebody must answer");
        Self {
            client,
            number,
            retry,
            protocol,
            plan,
            parts: vec![None; shards.len()],
            missing: shards.len(),
            shards,
            chance,
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
        let parts = Parts {
            parts: &parts,
            shards: &self.shards,
            chance: self.chance,
        };
        merge::merge(&self.plan, parts, self.protocol, out);
    }
}
