//! Where a client's replies gather: the part of a client that whoever delivers can reach, also while the client itself has its turn.
//! Pure. Invariant: a client is let go on once for each time that it waits.

use std::collections::VecDeque;

use bytes::Bytes;
use shared::command::Retry;
use shared::resp::Protocol;
use shared::session::Notices;
use shared::tracking::Author;

use super::reply_queue::ReplyQueue;
use super::work::WaitsFor;
use crate::pipe::lease::LeaseKey;
use crate::pipe::set::PipeNumber;
use crate::redirects::ClientPlace;
use crate::route::rounds::Rounds;
use crate::slab::Key;

/// What a client's replies may come to.
#[derive(Clone, Debug)]
pub(crate) struct OutletLimits {
    /// Most requests under way.
    pub(crate) requests: u64,
    /// Bytes of replies from which on no more requests are carried out.
    pub(crate) soft_bytes: usize,
    /// Bytes of replies at which the client is closed.
    pub(crate) hard_bytes: usize,
}

/// Keys that one request reads of which its client wants to be told, until its reply has gone out.
#[derive(Debug)]
pub(crate) struct Read {
    /// The request.
    pub(crate) number: u64,
    /// How many changes had been told when the first of it may have been read and was not on its way out yet; `None` while there is no such moment.
    pub(crate) since: Option<u64>,
    /// The keys; `None`: whatever it keeps.
    pub(crate) keys: Option<Vec<Box<[u8]>>>,
}

impl Read {
    /// Bytes of the keys.
    pub(crate) fn key_bytes(&self) -> usize {
        let keys = self.keys.iter().flatten();
        keys.map(|key| key.len()).sum()
    }
}

/// One client's outlet.
#[derive(Debug, Default)]
pub(crate) struct Outlet {
    /// Its replies.
    pub(crate) queue: ReplyQueue,
    /// The command over many keys that is carried out in rounds.
    pub(crate) rounds: Option<Box<Rounds>>,
    /// The collectors of its commands of several parts, oldest first.
    pub(crate) gathers: VecDeque<Key>,
    /// Bytes that collectors keep for it: parts of replies that are not whole yet.
    pub(crate) gathered_bytes: usize,
    /// What the client waits for.
    waits_for: Option<WaitsFor>,
    /// In which pipe's crowd the client stands.
    pub(crate) crowd: Option<PipeNumber>,
    /// It is in the list of those with something to write, or to go on with.
    pub(crate) is_dirty: bool,
    /// It is in the list of those who have got a message.
    pub(crate) is_due: bool,
    /// How its client is spoken to.
    pub(crate) protocol: Protocol,
    /// Its client has been told that it has subscribed to something.
    pub(crate) is_subscriber: bool,
    /// As whom nodes know its client, where that does not want to hear of what it changes itself.
    pub(crate) author: Option<Author>,
    /// Who is told in its place what has changed of what it has read.
    pub(crate) redirect: Option<ClientPlace>,
    /// What it wants to be told of what is about to happen to it.
    pub(crate) notices: Notices,
    /// It has been told that this proxy stops.
    pub(crate) is_told_to_move: bool,
    /// Connections of its own.
    pub(crate) leases: Vec<LeaseKey>,
    /// Something about one of them is to be looked at.
    pub(crate) has_news: bool,
    /// It waits at a node, and is counted and shown as one that does.
    pub(crate) is_blocked: bool,
    /// What a key was asked that it waits for, with those of other shards, is answered.
    pub(crate) asked: Option<Bytes>,
    /// Its waiting is to end: with an error, or as if its time were over.
    pub(crate) unblock: Option<bool>,
    /// A reply that had begun has no end: the client is closed when it has what is there.
    pub(crate) is_broken: bool,
    /// What it has asked for and wants to be told of, oldest first.
    pub(crate) reads: VecDeque<Read>,
    /// Bytes of those keys.
    pub(crate) read_bytes: usize,
    /// When its client last sent or took something, monotonic milliseconds.
    pub(crate) progress_ms: u64,
}

impl Outlet {
    /// A command of several parts is whole. They end about in the order in which they began.
    pub(crate) fn forget_gather(&mut self, gather: Key) {
        if let Some(place) = self.gathers.iter().position(|known| *known == gather) {
            self.gathers.remove(place);
        }
    }

    /// Whoever waits at a node waits no longer: it hears an error, or what it would hear if its time were over.
    pub(crate) fn unblock(&mut self, with_error: bool) {
        self.unblock = Some(with_error);
        self.has_news = true;
    }

    /// What the client waits for.
    #[inline]
    pub(crate) fn waits_for(&self) -> Option<WaitsFor> {
        self.waits_for
    }

    /// From now on the client waits.
    pub(crate) fn wait(&mut self, what: WaitsFor) {
        self.waits_for = Some(what);
    }

    /// It has come to pass; what it was.
    pub(crate) fn release(&mut self) -> Option<WaitsFor> {
        self.waits_for.take()
    }

    /// Whether what the client waits for can be seen here, and has come to pass.
    #[inline]
    pub(crate) fn is_satisfied(&mut self, limits: &OutletLimits) -> bool {
        match self.waits_for {
            None | Some(WaitsFor::Room(_) | WaitsFor::Pause | WaitsFor::Subscribed) => false,
            Some(WaitsFor::Lease) => self.has_news,
            Some(WaitsFor::Replies(but)) => self.queue.missing() <= but,
            Some(WaitsFor::Outlet(kind)) => self.has_room_for_parts(limits, kind),
            // The beginning of a long reply may be on its way already: the next round is for a client that takes it.
            Some(WaitsFor::Round) => {
                let is_taken = self.queue.bytes() < limits.soft_bytes;
                let Some(rounds) = &mut self.rounds else {
                    return is_taken;
                };
                if !rounds.is_under_way() && !is_taken {
                    rounds.wait_for_client();
                }
                !rounds.is_under_way() && is_taken
            }
        }
    }

    /// Requests of this kind that may be sent besides those that are under way.
    #[inline]
    pub(crate) fn room(&self, limits: &OutletLimits, kind: Retry) -> u64 {
        let left = limits.soft_bytes.saturating_sub(self.pending_bytes());
        if left == 0 {
            return 0;
        }
        let most = limits.requests.min(self.queue.requests_for(left, kind));
        most.saturating_sub(self.queue.missing())
    }

    /// Whether a command of several parts may be sent. As long as nobody knows how long its client's replies are, one at a time: its parts gather here.
    pub(crate) fn has_room_for_parts(&self, limits: &OutletLimits, kind: Retry) -> bool {
        let is_unknown = kind == Retry::Safe && !self.queue.knows_reads();
        self.room(limits, kind) > 0 && (self.gathers.is_empty() || !is_unknown)
    }

    /// Bytes of replies, and of parts of replies.
    #[inline]
    pub(crate) fn pending_bytes(&self) -> usize {
        self.queue.bytes() + self.gathered_bytes
    }

    /// All bytes of replies that are kept for the client.
    pub(crate) fn bytes(&self) -> usize {
        self.pending_bytes() + self.rounds.as_ref().map_or(0, |rounds| rounds.bytes())
    }

    /// These, and what is known of replies that are to come.
    #[inline]
    pub(crate) fn kept_bytes(&self) -> usize {
        self.bytes() + self.queue.spare_bytes() + self.read_bytes
    }

    /// Whether its client has left more than the soft limit waiting, and neither sent nor taken anything, for so long. Replies that wait for others are not
    /// the client's fault.
    pub(crate) fn is_stalled(&mut self, limits: &OutletLimits, now_ms: u64, stall_ms: u64) -> bool {
        stall_ms > 0
            && self.queue.bytes() >= limits.soft_bytes
            && !self.queue.output().is_empty()
            && now_ms.saturating_sub(self.progress_ms) >= stall_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffers::Buffers;
    use crate::client::{ReplyBytes, Source};

    const LIMITS: OutletLimits = OutletLimits {
        requests: 100,
        soft_bytes: 1_000,
        hard_bytes: 10_000,
    };

    #[test]
    fn a_client_goes_on_when_what_it_waits_for_has_come() {
        let mut buffers = Buffers::default();
        let mut outlet = Outlet::default();
        let first = outlet.queue.expect(Source::Gathered, 1, false);
        let second = outlet.queue.expect(Source::Gathered, 1, false);
        outlet.wait(WaitsFor::Replies(1));
        assert!(!outlet.is_satisfied(&LIMITS));
        let reply = |length: usize| vec![b'r'; length];
        outlet.queue.deliver(
            first,
            1,
            ReplyBytes::Lent(&reply(600)),
            Retry::Safe,
            &mut buffers,
        );
        assert!(outlet.is_satisfied(&LIMITS));
        assert_eq!(outlet.release(), Some(WaitsFor::Replies(1)));
        assert!(!outlet.is_satisfied(&LIMITS), "once");
        // A reply of 600 bytes is under way, and 600 are not taken: no other one.
        outlet.wait(WaitsFor::Outlet(Retry::Safe));
        assert!(!outlet.is_satisfied(&LIMITS));
        outlet.queue.deliver(
            second,
            1,
            ReplyBytes::Lent(&reply(600)),
            Retry::Safe,
            &mut buffers,
        );
        assert!(!outlet.is_satisfied(&LIMITS));
        outlet.queue.output().advance(600, &mut buffers);
        assert!(outlet.is_satisfied(&LIMITS));
    }

    #[test]
    fn only_a_client_that_does_nothing_stalls() {
        let mut buffers = Buffers::default();
        let mut outlet = Outlet::default();
        let slow = outlet.queue.expect(Source::Gathered, 1, false);
        outlet
            .queue
            .answer(&mut buffers, |out| out.resize(5_000, b'r'));
        assert!(!outlet.is_stalled(&LIMITS, 9_000, 4_000), "a node is slow");
        outlet
            .queue
            .deliver(slow, 1, ReplyBytes::Lent(b"r"), Retry::Safe, &mut buffers);
        assert!(outlet.is_stalled(&LIMITS, 9_000, 4_000));
        assert!(!outlet.is_stalled(&LIMITS, 9_000, 0), "for ever");
        outlet.progress_ms = 5_001;
        assert!(!outlet.is_stalled(&LIMITS, 9_000, 4_000));
        outlet.queue.output().advance(4_500, &mut buffers);
        assert!(!outlet.is_stalled(&LIMITS, 99_000, 4_000), "little is left");
    }
}
