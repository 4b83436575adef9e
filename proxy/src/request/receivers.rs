//! Those who get replies: the clients of a thread, and the commands of many parts between nodes and clients.
//! Does no I/O. Invariant: whoever is gone gets nothing, and nobody else gets it instead.

use bytes::Bytes;
use shared::clock::{Reading, Stopwatch};
use shared::resp::{ErrorReply, ReplyWriter};

use crate::buffers::Buffers;
use crate::client::ReplyBytes;
use crate::dice::Dice;
use crate::metrics::{Outcome, ThreadStats};
use crate::pipe::{Target, Waiter};
use crate::request::gather::Gather;
use crate::route::merge::Part;
use crate::slab::{Key, Slab};
use crate::thread::clients::Client;

/// Clients and collectors, and what they share.
#[derive(Debug)]
pub(crate) struct Receivers {
    /// Every client.
    pub(crate) clients: Slab<Box<Client>>,
    /// Every command of which parts are under way.
    pub(crate) gathers: Slab<Gather>,
    /// Buffers to lend.
    pub(crate) buffers: Buffers,
    /// Clients with something to write.
    dirty: Vec<Key>,
    /// Counts what is delivered.
    pub(crate) stats: ThreadStats,
    /// Tells how long it took.
    pub(crate) stopwatch: Stopwatch,
    /// For free choices.
    pub(crate) dice: Dice,
}

/// Why commands get no reply from their node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// They were certainly not executed.
    NotApplied,
    /// Nobody knows.
    Unknown,
}

impl Receivers {
    /// Without clients.
    pub(crate) fn new() -> Self {
        Self {
            clients: Slab::new(),
            gathers: Slab::new(),
            buffers: Buffers::default(),
            dirty: Vec::new(),
            stats: ThreadStats::default(),
            stopwatch: Stopwatch::new(),
            dice: Dice::new(),
        }
    }

    /// Hands the replies of a node to those who wait; `waiter.count` of them, `errors` among them errors.
    #[inline]
    pub(crate) fn deliver(
        &mut self,
        waiter: Waiter,
        reply: ReplyBytes<'_>,
        errors: u32,
        shard: usize,
        now: Reading,
    ) {
        let elapsed_ns = self.stopwatch.between_ns(waiter.started, now);
        self.stats
            .record(waiter.command, shard, waiter.count, errors, elapsed_ns);
        match waiter.target {
            Target::Client { client: key, first } => {
                if let Some(client) = self.clients.get_mut(key) {
                    client
                        .queue
                        .deliver(first, waiter.count, reply, &mut self.buffers);
                    if !client.is_dirty {
                        client.is_dirty = true;
                        self.dirty.push(key);
                    }
                }
            }
            Target::Part { gather, part } => {
                let bytes = match reply {
                    ReplyBytes::Lent(bytes) => bytes.to_vec(),
                    ReplyBytes::Own(bytes) => bytes.into(),
                };
                self.fill(gather, part, Part::Reply(bytes));
            }
        }
    }

    /// Tells those who wait that no reply will come.
    pub(crate) fn fail(
        &mut self,
        waiter: Waiter,
        failure: Failure,
        shard: &str,
        shard_index: usize,
    ) {
        let outcome = match failure {
            Failure::NotApplied => Outcome::ShardDown,
            Failure::Unknown => Outcome::Unknown,
        };
        self.stats
            .record_failure(waiter.command, shard_index, waiter.count, outcome);
        match waiter.target {
            Target::Client { client: key, first } => {
                let Some(client) = self.clients.get_mut(key) else {
                    return;
                };
                let error = error_of(failure, shard);
                let mut reply = Vec::new();
                for _ in 0..waiter.count {
                    ReplyWriter::new(&mut reply, client.state.protocol).error(&error);
                }
                client.queue.deliver(
                    first,
                    waiter.count,
                    ReplyBytes::Lent(&reply),
                    &mut self.buffers,
                );
                self.mark_dirty(key);
            }
            Target::Part { gather, part } => {
                let shard = shard.into();
                self.fill(
                    gather,
                    part,
                    match failure {
                        Failure::NotApplied => Part::Down(shard),
                        Failure::Unknown => Part::Unknown(shard),
                    },
                );
            }
        }
    }

    /// Fills in a part of a command; the last one completes the reply, or the round.
    pub(crate) fn fill(&mut self, key: Key, part: u16, value: Part) {
        let is_complete = self
            .gathers
            .get_mut(key)
            .is_some_and(|gather| gather.fill(usize::from(part), value));
        if is_complete && let Some(gather) = self.gathers.remove(key) {
            let (client_key, number) = (gather.client, gather.number);
            let Some(client) = self.clients.get_mut(client_key) else {
                return;
            };
            let mut reply = self.buffers.take();
            gather.finish(&mut reply);
            match &mut client.rounds {
                Some(rounds) if rounds.number == number => {
                    if rounds.answered(reply) {
                        self.end_rounds(client_key);
                    }
                }
                _ if reply.len() < LARGE_REPLY_BYTES => {
                    let lent = ReplyBytes::Lent(&reply);
                    client.queue.deliver(number, 1, lent, &mut self.buffers);
                    self.buffers.give_back(reply);
                }
                _ => {
                    let own = ReplyBytes::Own(Bytes::from(reply));
                    client.queue.deliver(number, 1, own, &mut self.buffers);
                }
            }
            self.mark_dirty(client_key);
        }
    }

    /// The last round of the client's command has been answered: it gets the reply.
    fn end_rounds(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let Some(rounds) = client.rounds.take() else {
            return;
        };
        let number = rounds.number;
        let mut pieces = rounds.into_reply();
        let last = ReplyBytes::Own(pieces.pop().unwrap_or_default());
        for piece in pieces {
            let piece = ReplyBytes::Own(piece);
            client
                .queue
                .deliver_beginning(number, piece, &mut self.buffers);
        }
        client.queue.deliver(number, 1, last, &mut self.buffers);
    }

    /// The client has something to write, or waits for nothing any more.
    #[inline]
    pub(crate) fn mark_dirty(&mut self, key: Key) {
        if let Some(client) = self.clients.get_mut(key)
            && !client.is_dirty
        {
            client.is_dirty = true;
            self.dirty.push(key);
        }
    }

    /// Whether some client has something to write.
    #[inline]
    pub(crate) fn has_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// A client with something to write; it counts as clean from now on.
    #[inline]
    pub(crate) fn next_dirty(&mut self) -> Option<Key> {
        while let Some(key) = self.dirty.pop() {
            if let Some(client) = self.clients.get_mut(key) {
                client.is_dirty = false;
                return Some(key);
            }
        }
        None
    }
}

/// A reply of this size is handed on as it is instead of being copied.
const LARGE_REPLY_BYTES: usize = 16 * 1024;

/// What the client is told.
pub(crate) fn error_of(failure: Failure, shard: &str) -> ErrorReply {
    let shard = shard.into();
    match failure {
        Failure::NotApplied => ErrorReply::ShardDown { shard },
        Failure::Unknown => ErrorReply::OutcomeUnknown { shard },
    }
}
