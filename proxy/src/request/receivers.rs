//! Those who get replies: the clients' outlets, and the commands of many parts between nodes and clients.
//! Does no I/O. Invariants: whoever is gone gets nothing, and nobody else gets it instead; a client's request is counted once, when it ends, and a part of one
//! as a part.

use std::collections::BTreeMap;

use bytes::Bytes;
use shared::clock::{Reading, Stopwatch};
use shared::command::Retry;
use shared::resp::{ErrorReply, Protocol, ReplyWriter};
use shared::tracking::{Author, Tracking};

use super::gather::{Asker, Gather};
use crate::buffers::Buffers;
use crate::client::{Outlet, OutletLimits, ReplyBytes};
use crate::dice::Dice;
use crate::heat::Heat;
use crate::metrics::ThreadStats;
use crate::pipe::late::LateWrites;
use crate::pipe::reach::Reach;
use crate::pipe::{Parcel, Target};
use crate::redirects::Redirects;
use crate::route::Outcome;
use crate::route::merge::{Part, Pieces};
use crate::slab::{Key, Slab};

/// Outlets and collectors, and what they share.
#[derive(Debug)]
pub(crate) struct Receivers {
    /// Every client's outlet, under the client's key.
    pub(crate) outlets: Slab<Outlet>,
    limits: OutletLimits,
    /// Every command of which parts are under way.
    pub(crate) gathers: Slab<Gather>,
    /// Writes that were given up, and that a node may still carry out.
    pub(crate) late: LateWrites,
    /// Buffers to lend.
    pub(crate) buffers: Buffers,
    /// Clients with something to write.
    dirty: Vec<Key>,
    /// Clients have gone, since it was looked last, without all their replies.
    pub(crate) some_left: bool,
    /// Who is told of which changes.
    pub(crate) tracking: Tracking<Key>,
    /// Who is not told of what it changes itself, as nodes know it.
    pub(super) authors: BTreeMap<Author, Key>,
    /// What clients of other threads are told in the place of these.
    pub(crate) redirects: Redirects,
    /// How many changes nodes have told.
    pub(super) changes: u64,
    /// Most keys that are remembered.
    pub(super) most_tracked: usize,
    /// Bytes of replies that nobody waited for any more.
    pub(crate) unwanted_bytes: usize,
    /// Counts what is delivered.
    pub(crate) stats: ThreadStats,
    /// Tells how long it took.
    pub(crate) stopwatch: Stopwatch,
    /// For free choices.
    pub(crate) dice: Dice,
    /// What passes most.
    pub(crate) heat: Heat,
}

/// Why commands get no reply from their node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure<'a> {
    /// They were certainly not executed.
    NotApplied,
    /// The same, for their deadline is over.
    Late,
    /// The same, for the node does not take the proxy's password.
    Barred,
    /// Nobody knows.
    Unknown,
    /// The node refuses them all, and says this.
    Refused(&'a str),
}

impl Failure<'_> {
    /// Of what was not sent to a node.
    pub(crate) fn to_send(reach: &Reach) -> Self {
        if reach.is_barred() {
            Self::Barred
        } else {
            Self::NotApplied
        }
    }

    /// What the client is told.
    pub(crate) fn error(self, shard: &str) -> ErrorReply {
        let shard = shard.into();
        match self {
            Self::NotApplied => ErrorReply::ShardDown { shard },
            Self::Late => ErrorReply::ShardLate { shard },
            Self::Barred => ErrorReply::NodePassword { shard },
            Self::Unknown => ErrorReply::OutcomeUnknown { shard },
            Self::Refused(text) => ErrorReply::Text(text.to_owned().into()),
        }
    }
}

impl Receivers {
    /// Without clients.
    pub(crate) fn new(limits: OutletLimits, redirects: Redirects) -> Self {
        Self {
            redirects,
            authors: BTreeMap::new(),
            outlets: Slab::new(),
            limits,
            gathers: Slab::new(),
            late: LateWrites::default(),
            buffers: Buffers::default(),
            dirty: Vec::new(),
            some_left: false,
            tracking: Tracking::default(),
            changes: 0,
            most_tracked: 0,
            unwanted_bytes: 0,
            stats: ThreadStats::default(),
            stopwatch: Stopwatch::new(),
            dice: Dice::new(),
            heat: Heat::new(0, 0),
        }
    }

    /// Hands the replies of a node to those who wait; `parcel.count` of them, `errors` among them errors.
    #[inline]
    pub(crate) fn deliver(
        &mut self,
        parcel: Parcel,
        reply: ReplyBytes<'_>,
        errors: u32,
        shard: usize,
        now: Reading,
    ) {
        let elapsed_ns = self.stopwatch.between_ns(parcel.started, now);
        match parcel.target {
            Target::Client { client: key, first } => {
                self.stats
                    .record(parcel.command, shard, parcel.count, errors, elapsed_ns);
                if let Some(outlet) = self.outlets.get_mut(key) {
                    if errors > 0 && outlet.queue.is_heard(first) {
                        self.stats.error_replies += u64::from(errors);
                    }
                    let buffers = &mut self.buffers;
                    outlet
                        .queue
                        .deliver(first, parcel.count, reply, parcel.retry, buffers);
                    if !outlet.is_dirty {
                        outlet.is_dirty = true;
                        self.dirty.push(key);
                    }
                    if !outlet.reads.is_empty() {
                        self.settle(key, first..first + u64::from(parcel.count));
                    }
                } else {
                    self.unwanted_bytes += reply.len();
                }
            }
            Target::Nobody => self.unwanted_bytes += reply.len(),
            Target::Late { client, pipe } => self.late.answered(client, pipe, parcel.count),
            Target::Part { gather, part } => {
                let bytes = match reply {
                    ReplyBytes::Lent(bytes) => Bytes::copy_from_slice(bytes),
                    ReplyBytes::Own(bytes) => bytes,
                };
                let outcome = match errors {
                    0 => Outcome::Whole,
                    _ => Outcome::Error,
                };
                self.stats.record_part(shard, outcome, elapsed_ns);
                if self.gathers.get(gather).is_none() {
                    self.unwanted_bytes += bytes.len();
                }
                self.fill(gather, part, Part::Reply(bytes));
            }
        }
    }

    /// Hands the beginning of a reply to the client that waits for it.
    pub(crate) fn begin(&mut self, client: Key, number: u64, piece: Bytes) {
        if let Some(outlet) = self.outlets.get_mut(client) {
            let piece = ReplyBytes::Own(piece);
            outlet
                .queue
                .deliver_beginning(number, piece, &mut self.buffers);
        }
        self.mark_dirty(client);
    }

    /// The rest of a reply that had begun will not come. Half of one cannot be taken back, and the client must not take it for a whole one: if it has some of it
    /// it is closed; else it is to be told, as `false` says.
    pub(crate) fn break_off(&mut self, parcel: &Parcel) -> bool {
        let Target::Client { client, first } = parcel.target else {
            return false;
        };
        let Some(outlet) = self.outlets.get_mut(client) else {
            return false;
        };
        if !outlet.queue.break_off(first, &mut self.buffers) {
            return false;
        }
        outlet.is_broken = true;
        self.mark_dirty(client);
        tracing::warn!("client closed: its shard was lost in the middle of a reply that had begun");
        true
    }

    /// Tells those who wait that no reply will come.
    pub(crate) fn fail(
        &mut self,
        parcel: Parcel,
        failure: Failure<'_>,
        shard: &str,
        shard_index: usize,
    ) {
        let outcome = match failure {
            Failure::NotApplied | Failure::Late | Failure::Barred | Failure::Refused(_) => {
                Outcome::ShardDown
            }
            Failure::Unknown => Outcome::Unknown,
        };
        let elapsed_ns = self.stopwatch.since_ns(parcel.started);
        match parcel.target {
            Target::Client { client: key, first } => {
                let (label, count) = (Some(shard_index), parcel.count);
                self.stats
                    .record_end(parcel.command, label, count, outcome, elapsed_ns);
                let Some(outlet) = self.outlets.get_mut(key) else {
                    return;
                };
                if outlet.queue.is_heard(first) {
                    self.stats.error_replies += u64::from(count);
                }
                let error = failure.error(shard);
                let mut reply = Vec::new();
                for _ in 0..parcel.count {
                    // An error looks the same in every version of the protocol.
                    ReplyWriter::new(&mut reply, Protocol::Resp2).error(&error);
                }
                outlet.queue.deliver(
                    first,
                    parcel.count,
                    ReplyBytes::Lent(&reply),
                    Retry::Never,
                    &mut self.buffers,
                );
                self.mark_dirty(key);
                self.settle(key, first..first + u64::from(count));
            }
            Target::Part { gather, part } => {
                self.stats.record_part(shard_index, outcome, elapsed_ns);
                let value = match failure {
                    Failure::NotApplied => Part::Down(shard.into()),
                    Failure::Late => Part::Late(shard.into()),
                    Failure::Barred => Part::Barred(shard.into()),
                    Failure::Unknown => Part::Unknown(shard.into()),
                    Failure::Refused(_) => {
                        let mut reply = Vec::new();
                        ReplyWriter::new(&mut reply, Protocol::Resp2).error(&failure.error(shard));
                        Part::Reply(reply.into())
                    }
                };
                self.fill(gather, part, value);
            }
            Target::Nobody | Target::Late { .. } => {}
        }
    }

    /// The client of whoever waits; `None` when it has gone, or nobody waits.
    pub(crate) fn client_of(&self, target: Target) -> Option<Key> {
        let key = match target {
            Target::Client { client, .. } => client,
            Target::Part { gather, .. } => self.gathers.get(gather)?.asker.client,
            Target::Nobody | Target::Late { .. } => return None,
        };
        self.outlets.get(key).map(|_| key)
    }

    /// Fills in a part of a command; the last one completes the reply, or the round.
    pub(crate) fn fill(&mut self, key: Key, part: u16, value: Part) {
        let Some(gather) = self.gathers.get_mut(key) else {
            return;
        };
        let before = gather.bytes();
        let is_complete = gather.fill(usize::from(part), value);
        let (client, now) = (gather.asker.client, gather.bytes());
        if is_complete {
            self.count_gathered(client, before, 0);
            if let Some(outlet) = self.outlets.get_mut(client) {
                outlet.forget_gather(key);
            }
            if let Some(gather) = self.gathers.remove(key) {
                self.complete(gather);
            }
        } else {
            self.count_gathered(client, before, now);
        }
    }

    /// A collector of the client's keeps `now` bytes instead of `before`.
    fn count_gathered(&mut self, client: Key, before: usize, now: usize) {
        let Some(outlet) = self.outlets.get_mut(client) else {
            return;
        };
        let all_before = outlet.gathered_bytes;
        outlet.gathered_bytes = all_before + now - before;
        // Whether that is too much is looked at where its other bytes are, so often that little is not counted.
        let has_grown = outlet.gathered_bytes / LARGE_REPLY_BYTES > all_before / LARGE_REPLY_BYTES;
        if has_grown || outlet.bytes() > self.limits.hard_bytes {
            self.mark_dirty(client);
        }
    }

    /// The client has gone, and with it all that was kept for it.
    pub(crate) fn forget(&mut self, client: Key) {
        self.late.forget(client);
        let Some(outlet) = self.outlets.remove(client) else {
            return;
        };
        self.some_left |= outlet.queue.missing() > 0;
        let round = outlet.rounds.as_ref().map(|rounds| rounds.number);
        if let Some(rounds) = &outlet.rounds {
            self.stats
                .record_end(rounds.spec.id, None, 1, Outcome::Left, 0);
        }
        for key in outlet.gathers {
            if let Some(gather) = self.gathers.remove(key)
                && round != Some(gather.asker.number)
            {
                self.count(&gather.asker, Outcome::Left, false);
            }
        }
    }

    /// Nothing was sent of what a client that has gone had asked, and nothing will be.
    pub(crate) fn count_left(&mut self, parcel: &Parcel, shard: usize) {
        let elapsed_ns = self.stopwatch.since_ns(parcel.started);
        match parcel.target {
            Target::Part { .. } => self.stats.record_part(shard, Outcome::Left, elapsed_ns),
            _ => self.stats.record_end(
                parcel.command,
                Some(shard),
                parcel.count,
                Outcome::Left,
                elapsed_ns,
            ),
        }
    }

    /// Of a part, `bytes` have come, and the end has not. Whether somebody still waits for it.
    pub(crate) fn wants_part(&mut self, key: Key, part: u16, bytes: usize) -> bool {
        let Some(gather) = self.gathers.get_mut(key) else {
            return false;
        };
        let client = gather.asker.client;
        if self.outlets.get(client).is_none() {
            return false;
        }
        let before = gather.bytes();
        let is_wanted = gather.begin(usize::from(part), bytes);
        let now = gather.bytes();
        self.count_gathered(client, before, now);
        is_wanted
    }

    /// All parts are there: the client gets the reply, or its rounds the answer.
    fn complete(&mut self, gather: Gather) {
        let asker = gather.asker;
        let (key, number, kind) = (asker.client, asker.number, asker.retry);
        let (reply, outcome) = gather.finish(self.buffers.take());
        let Some(outlet) = self.outlets.get_mut(key) else {
            return self.count(&asker, outcome, false);
        };
        if number == ASKING {
            outlet.asked = Some(one_piece(reply));
            outlet.has_news = true;
            return self.mark_dirty(key);
        }
        let is_heard = outlet.queue.is_heard(number);
        match &mut outlet.rounds {
            Some(rounds) if rounds.number == number => {
                if rounds.answered(reply) {
                    let is_told = self.end_rounds(key);
                    self.count(&asker, outcome, is_heard && is_told);
                } else {
                    let flowing = rounds.take_flowing();
                    begin_reply(outlet, number, flowing, &mut self.buffers);
                }
            }
            _ => {
                let (pieces, last) = reply.into_parts();
                begin_reply(outlet, number, pieces, &mut self.buffers);
                let buffers = &mut self.buffers;
                if last.len() < LARGE_REPLY_BYTES {
                    let lent = ReplyBytes::Lent(&last);
                    outlet.queue.deliver(number, 1, lent, kind, buffers);
                    self.buffers.give_back(last);
                } else {
                    let own = ReplyBytes::Own(Bytes::from(last));
                    outlet.queue.deliver(number, 1, own, kind, buffers);
                }
                self.count(&asker, outcome, is_heard);
            }
        }
        self.mark_dirty(key);
        self.settle(key, number..number + 1);
    }

    /// A command of several parts has ended.
    fn count(&mut self, asker: &Asker, outcome: Outcome, is_heard: bool) {
        if asker.is_local {
            self.stats.refused += u64::from(outcome != Outcome::Whole);
        } else {
            let elapsed_ns = self.stopwatch.since_ns(asker.started);
            self.stats
                .record_end(asker.command, None, 1, outcome, elapsed_ns);
        }
        self.stats.error_replies += u64::from(is_heard && outcome != Outcome::Whole);
    }

    /// The last round of the client's command has been answered: it gets the reply. `false`: it has got half of one, and is closed.
    fn end_rounds(&mut self, key: Key) -> bool {
        let outlet = self.outlets.at_mut(key);
        let Some(rounds) = outlet.rounds.take() else {
            return false;
        };
        let (number, kind) = (rounds.number, rounds.spec.retry);
        let mut pieces = match rounds.into_reply() {
            Ok(pieces) => pieces,
            Err(error) => {
                let buffers = &mut self.buffers;
                let is_half = outlet.queue.break_off(number, buffers);
                if is_half {
                    // Half a reply cannot be taken back: the client must not take it for a whole one.
                    outlet.is_broken = true;
                    let error = String::from_utf8_lossy(&error);
                    tracing::warn!(
                        error = error.trim_end(),
                        "client closed: a shard failed in the middle of a reply that had begun"
                    );
                }
                let error = ReplyBytes::Lent(&error);
                outlet.queue.deliver(number, 1, error, kind, buffers);
                return !is_half;
            }
        };
        let last = ReplyBytes::Own(pieces.pop().unwrap_or_default());
        begin_reply(outlet, number, pieces, &mut self.buffers);
        outlet
            .queue
            .deliver(number, 1, last, kind, &mut self.buffers);
        true
    }

    /// The outlet of a client that is here.
    #[inline]
    pub(crate) fn outlet(&mut self, key: Key) -> &mut Outlet {
        self.outlets.at_mut(key)
    }

    /// If what the client waits for has come to pass, it waits for nothing from now on.
    #[inline]
    pub(crate) fn let_go_on(&mut self, key: Key) {
        if let Some(outlet) = self.outlets.get_mut(key)
            && outlet.is_satisfied(&self.limits)
        {
            outlet.release();
        }
    }

    /// The client has something to write, or may go on.
    #[inline]
    pub(crate) fn mark_dirty(&mut self, key: Key) {
        if let Some(outlet) = self.outlets.get_mut(key)
            && !outlet.is_dirty
        {
            outlet.is_dirty = true;
            self.dirty.push(key);
        }
    }

    /// Whether some client has something to write, or may go on.
    #[inline]
    pub(crate) fn has_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Such a client; it counts as clean from now on.
    #[inline]
    pub(crate) fn next_dirty(&mut self) -> Option<Key> {
        while let Some(key) = self.dirty.pop() {
            if let Some(outlet) = self.outlets.get_mut(key) {
                outlet.is_dirty = false;
                return Some(key);
            }
        }
        None
    }
}

/// Delivers what comes before the end of a reply.
fn begin_reply(outlet: &mut Outlet, number: u64, pieces: Vec<Bytes>, buffers: &mut Buffers) {
    for piece in pieces {
        let piece = ReplyBytes::Own(piece);
        outlet.queue.deliver_beginning(number, piece, buffers);
    }
}

/// In place of the number of a request: what a client asks on the way to the answer to another one, which hears of it ([`Outlet::asked`]).
pub(crate) const ASKING: u64 = u64::MAX;

/// A reply that is not for the client as it is.
fn one_piece(reply: Pieces) -> Bytes {
    let mut pieces = reply.into_vec();
    pieces.retain(|piece| !piece.is_empty());
    match pieces.len() {
        1 => pieces.remove(0),
        _ => pieces.concat().into(),
    }
}

/// A reply of this size is handed on as it is instead of being copied.
const LARGE_REPLY_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Source;
    use crate::route::Place;
    use shared::command::CommandId;

    fn receivers() -> Receivers {
        let limits = OutletLimits {
            requests: 10,
            soft_bytes: 1_000,
            hard_bytes: 10_000,
        };
        Receivers::new(limits, Redirects::new(0, 1))
    }

    fn parcel(receivers: &Receivers, target: Target, count: u32) -> Parcel {
        let now = receivers.stopwatch.read();
        Parcel::new(target, Place::Anywhere, CommandId::Incr, count, now)
    }

    /// Requests, errors that clients saw.
    fn counted(receivers: &Receivers) -> (u64, u64) {
        (receivers.stats.requests, receivers.stats.error_replies)
    }

    #[test]
    fn a_reply_that_comes_after_its_client_was_told_is_not_counted_again() {
        let mut receivers = receivers();
        let client = receivers.outlets.insert(Outlet::default());
        let queue = &mut receivers.outlet(client).queue;
        let first = queue.expect(Source::Pipe(0), 3, false);
        let asked = parcel(&receivers, Target::Client { client, first }, 3);
        receivers.fail(asked, Failure::Unknown, "s0", 0);
        assert_eq!(counted(&receivers), (3, 3));
        let cells = receivers.stats.cells();
        let timed: u64 = cells.map(|(_, _, cell)| cell.latency.count()).sum();
        assert_eq!(timed, 3, "with the time that they took");
        let now = receivers.stopwatch.read();
        for target in [Target::Nobody, Target::Late { client, pipe: 0 }] {
            let late = parcel(&receivers, target, 3);
            let replies = ReplyBytes::Lent(b":1\r\n-ERR no\r\n:2\r\n");
            receivers.deliver(late, replies, 1, 0, now);
        }
        assert_eq!(counted(&receivers), (3, 3));
    }

    #[test]
    fn errors_that_nobody_hears_are_no_errors_that_clients_saw() {
        let mut receivers = receivers();
        let client = receivers.outlets.insert(Outlet::default());
        let now = receivers.stopwatch.read();
        for (silent, seen) in [(true, 0), (false, 2)] {
            let queue = &mut receivers.outlet(client).queue;
            let first = queue.expect(Source::Pipe(0), 2, silent);
            let asked = parcel(&receivers, Target::Client { client, first }, 2);
            let replies = ReplyBytes::Lent(b"-ERR a\r\n-ERR b\r\n");
            receivers.deliver(asked, replies, 2, 0, now);
            assert_eq!(receivers.stats.error_replies, seen);
        }
        assert_eq!(receivers.stats.requests, 4);
    }

    #[test]
    fn nothing_stays_of_the_commands_of_a_client_that_has_gone() {
        let mut receivers = receivers();
        let client = receivers.outlets.insert(Outlet::default());
        let asker = Asker {
            client,
            number: receivers
                .outlet(client)
                .queue
                .expect(Source::Gathered, 1, false),
            command: CommandId::Mget,
            retry: Retry::Safe,
            started: receivers.stopwatch.read(),
            is_local: false,
        };
        let shards = vec!["a".into(), "b".into()];
        let plan = crate::route::merge::Plan::KeyOrder(vec![0, 1]);
        let gather = Gather::new(asker, Protocol::Resp2, plan, shards, 0, 10_000);
        let key = receivers.gathers.insert(gather);
        receivers.outlet(client).gathers.push_back(key);
        receivers.forget(client);
        assert!(
            receivers.gathers.get(key).is_none(),
            "though no part was here"
        );
        assert!(receivers.some_left);
        assert_eq!(counted(&receivers), (1, 0));
        let left: u64 = receivers.stats.cells().map(|(_, _, cell)| cell.left).sum();
        assert_eq!(left, 1);
        let late = parcel(
            &receivers,
            Target::Part {
                gather: key,
                part: 0,
            },
            1,
        );
        let now = receivers.stopwatch.read();
        receivers.deliver(late, ReplyBytes::Lent(b"*1\r\n$1\r\nx\r\n"), 0, 0, now);
        assert_eq!(
            (counted(&receivers), receivers.unwanted_bytes),
            ((1, 0), 11)
        );
    }
}
