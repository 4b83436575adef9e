//! Commands that several nodes answer: collects the parts until the last one is here.
//! Pure. Invariant: each part is filled in exactly once; what the parts come to is [`crate::route::merge`]'s business.
//! Bound: a collector keeps no more bytes than any client may have waiting; at the first part beyond, all are dropped, and so are the others as they come.

use bytes::Bytes;
use shared::clock::Reading;
use shared::command::{CommandId, Retry};
use shared::resp::{ErrorReply, Protocol};

use crate::route::Outcome;
use crate::route::merge::{self, Part, Parts, Pieces, Plan};
use crate::slab::Key;

/// Whose command it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    /// Who asked.
    pub(crate) client: Key,
    /// The number of the request in the client's reply queue.
    pub(crate) number: u64,
    /// What it is.
    pub(crate) command: CommandId,
    /// Whether it only reads.
    pub(crate) retry: Retry,
    /// When it was read.
    pub(crate) started: Reading,
    /// The proxy's own threads answer, not nodes.
    pub(crate) is_local: bool,
}

/// A command under way.
#[derive(Debug)]
pub(crate) struct Gather {
    /// Whose it is.
    pub(crate) asker: Asker,
    protocol: Protocol,
    plan: Plan,
    /// Names of the shards that answer the parts.
    shards: Vec<Box<str>>,
    parts: Vec<Option<Part>>,
    missing: usize,
    chance: u64,
    /// Bytes of parts that have no end yet, by part; empty as long as no part was large enough.
    begun: Vec<usize>,
    /// Bytes of the replies that are here, whole or not.
    held_bytes: usize,
    /// Most of them.
    most_bytes: usize,
    /// There were more: nothing is kept any more.
    is_too_large: bool,
}

impl Gather {
    /// Waits for one part from each of these shards (at least one).
    pub(crate) fn new(
        asker: Asker,
        protocol: Protocol,
        plan: Plan,
        shards: Vec<Box<str>>,
        chance: u64,
        most_bytes: usize,
    ) -> Self {
        assert!(!shards.is_empty(), "somebody must answer");
        Self {
            asker,
            protocol,
            plan,
            parts: vec![None; shards.len()],
            missing: shards.len(),
            shards,
            chance,
            begun: Vec::new(),
            held_bytes: 0,
            most_bytes,
            is_too_large: false,
        }
    }

    /// Fills in a part; whether it was the last one.
    ///
    /// # Panics
    /// When the part is there already: our mistake.
    pub(crate) fn fill(&mut self, index: usize, part: Part) -> bool {
        let place = &mut self.parts[index];
        assert!(place.is_none(), "each part is filled in once");
        if let Some(begun) = self.begun.get_mut(index) {
            self.held_bytes -= std::mem::take(begun);
        }
        if let Part::Reply(bytes) = &part {
            self.held_bytes = self.held_bytes.saturating_add(bytes.len());
        }
        *place = Some(part);
        self.drop_if_too_large();
        self.missing -= 1;
        self.missing == 0
    }

    /// Of a part, `bytes` are here, and its end is not; whether they are to be kept.
    pub(crate) fn begin(&mut self, index: usize, bytes: usize) -> bool {
        if self.begun.is_empty() {
            self.begun = vec![0; self.parts.len()];
        }
        let before = std::mem::replace(&mut self.begun[index], bytes);
        self.held_bytes = (self.held_bytes - before).saturating_add(bytes);
        self.drop_if_too_large();
        !self.is_too_large
    }

    fn drop_if_too_large(&mut self) {
        self.is_too_large |= self.held_bytes > self.most_bytes;
        if self.is_too_large {
            for place in self.parts.iter_mut().flatten() {
                *place = Part::Reply(Bytes::new());
            }
        }
    }

    /// Bytes of replies that are kept.
    pub(crate) fn bytes(&self) -> usize {
        if self.is_too_large {
            return 0;
        }
        self.held_bytes
    }

    /// The reply, once all parts are there, and what it says of the command; what is small is written to `buffer`.
    pub(crate) fn finish(self, buffer: Vec<u8>) -> (Pieces, Outcome) {
        let mut reply = Pieces::new(buffer, self.protocol);
        if self.is_too_large {
            let limit = self.most_bytes;
            reply
                .writer()
                .error(&ErrorReply::GatheredTooLarge { limit });
            return (reply, Outcome::Error);
        }
        let parts: Vec<Part> = self.parts.into_iter().flatten().collect();
        let parts = Parts::of(&parts, &self.shards, self.chance);
        let outcome = merge::merge(&self.plan, &parts, &mut reply);
        (reply, outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Slab;

    fn of_two(most_bytes: usize) -> Gather {
        let client = Slab::new().insert(());
        let plan = Plan::KeyOrder(vec![0, 1, 0]);
        let shards = vec!["a".into(), "b".into()];
        let asker = Asker {
            client,
            number: 1,
            command: CommandId::Mget,
            retry: Retry::Safe,
            started: shared::clock::Stopwatch::new().read(),
            is_local: false,
        };
        Gather::new(asker, Protocol::Resp2, plan, shards, 0, most_bytes)
    }

    #[test]
    fn parts_become_one_reply_without_being_copied() {
        let large = "x".repeat(100_000);
        let part = Bytes::from(format!("*2\r\n$100000\r\n{large}\r\n$1\r\nz\r\n"));
        let place = part[4..].as_ptr();
        let mut gather = of_two(1_000_000);
        assert!(!gather.fill(1, Part::Reply(Bytes::from_static(b"*1\r\n$1\r\ny\r\n"))));
        assert!(gather.fill(0, Part::Reply(part)));
        let (reply, outcome) = gather.finish(Vec::new());
        assert_eq!(outcome, Outcome::Whole);
        let pieces = reply.into_vec();
        assert_eq!(
            pieces[1].as_ptr(),
            place,
            "the value stays where it came in"
        );
        let all = pieces.concat();
        assert_eq!(all.len(), 4 + 11 + 100_000 + 7 + 7);
        assert!(all.ends_with(b"\r\n$1\r\ny\r\n$1\r\nz\r\n"));
    }

    #[test]
    fn parts_that_have_no_end_yet_count_as_well() {
        let mut gather = of_two(1_000);
        assert!(gather.begin(0, 300));
        assert!(gather.begin(0, 600));
        assert!(gather.begin(1, 300));
        assert_eq!(gather.bytes(), 900);
        let part = Bytes::from(vec![b'x'; 700]);
        assert!(!gather.fill(0, Part::Reply(part.clone())));
        assert_eq!(gather.bytes(), 1_000, "what is whole counts once");
        assert!(!gather.begin(1, 301), "nothing of it is kept from here on");
        assert!(part.is_unique());
        assert_eq!(gather.bytes(), 0);
        assert!(gather.fill(1, Part::Reply(Bytes::from_static(b"the rest"))));
        assert_eq!(gather.finish(Vec::new()).1, Outcome::Error);
    }

    #[test]
    fn beyond_the_bound_all_is_dropped_and_the_client_is_told() {
        let part = Bytes::from(vec![b'x'; 600]);
        let mut gather = of_two(1_000);
        gather.fill(0, Part::Reply(part.clone()));
        assert!(gather.fill(1, Part::Reply(part.clone())));
        assert!(part.is_unique(), "nothing of it is kept");
        let (reply, outcome) = gather.finish(Vec::new());
        assert_eq!(outcome, Outcome::Error);
        let reply = reply.into_vec().concat();
        assert!(reply.starts_with(
            b"-ERR the reply would be more than client-output-hard-limit (1000 bytes)"
        ));
    }
}
