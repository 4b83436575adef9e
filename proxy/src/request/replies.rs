//! What nodes send: replies are cut out and handed to those who wait.
//! Reaches: the pipes' lines, the receivers. Never: reads from a socket. Invariant: the n-th reply of a connection is for the n-th request sent over it.

use bytes::BytesMut;
use shared::clock::Reading;

use super::Exchange;
use super::receivers::Receivers;
use crate::client::ReplyBytes;
use crate::heat::{Passing, Replies};
use crate::pipe::set::{NodeEntry, PipeNumber};
use crate::pipe::verdict::{Verdict, verdict};
use crate::pipe::{Parcel, Pipe, PipeError, Target};

/// Largest single reply, bytes: twice the largest value a node may hold.
const MOST_REPLY_BYTES: usize = 1024 * 1024 * 1024;

/// A reply of which so much is here goes on its way before it is whole.
const FLOWING_BYTES: usize = 256 * 1024;

/// What the next bytes of a node are.
enum Next {
    /// So many replies, one behind the other, of which so many are errors, for the first who waits.
    Replies(u32, u32),
    /// A reply that is not for the client.
    Refusal,
    /// Something that nobody asked for and that answers nothing.
    Push,
    /// Not complete.
    More,
}

impl Exchange {
    /// Hands the complete replies in `bytes` to those who wait for them; gives the number of bytes that these were.
    ///
    /// # Errors
    /// The connection is of no more use.
    pub(crate) fn hand_out(
        &mut self,
        number: PipeNumber,
        bytes: &[u8],
    ) -> Result<usize, PipeError> {
        let now = self.receivers.stopwatch.read();
        let now_ms = self.tick_ms;
        let Some((pipe, node)) = self.pipes.with_node(number) else {
            return Ok(bytes.len());
        };
        pipe.silence.heard(now_ms);
        let mut taken = 0;
        let result = loop {
            match hand_out_next(pipe, node, &mut self.receivers, &bytes[taken..], now) {
                Ok(0) => break Ok(taken),
                Ok(more) => taken += more,
                Err(error) => break Err(error),
            }
        };
        pipe.line.drop_done(&mut self.receivers.buffers);
        pipe.note_unwanted(&mut self.receivers.unwanted_bytes);
        self.after_replies(number);
        result
    }

    /// Hands out the large reply that is the whole of `reply`.
    ///
    /// # Errors
    /// Nobody waits for it.
    pub(crate) fn hand_out_large(
        &mut self,
        number: PipeNumber,
        reply: bytes::Bytes,
    ) -> Result<(), PipeError> {
        let now = self.receivers.stopwatch.read();
        let now_ms = self.tick_ms;
        let Some((pipe, node)) = self.pipes.with_node(number) else {
            return Ok(());
        };
        pipe.silence.heard(now_ms);
        let is_rest = pipe.line.first().is_some_and(|parcel| parcel.is_begun);
        match reply.first().filter(|_| !is_rest) {
            Some(b'>') => {
                self.receivers.hear_of_changes(pipe.lane.tells, &reply);
                return Ok(());
            }
            _ if pipe.line.first().is_none() => return Err(PipeError::Unasked),
            Some(b'-') if is_refusal(pipe, &reply) => take_back(pipe),
            first => {
                let errors = u32::from(first == Some(&b'-'));
                let flown = pipe.flown_bytes.saturating_add(reply.len());
                let seen = match is_rest {
                    true => (Replies::Flown(flown), flown),
                    false => (Replies::Here(&reply), reply.len()),
                };
                have_a_look(pipe, &mut self.receivers, 1, seen);
                let parcel = answered(pipe, 1);
                let reply = ReplyBytes::Own(reply);
                self.receivers
                    .deliver(parcel, reply, errors, node.shard_index, now);
            }
        }
        pipe.line.drop_done(&mut self.receivers.buffers);
        pipe.note_unwanted(&mut self.receivers.unwanted_bytes);
        self.after_replies(number);
        Ok(())
    }

    /// Whether the reply that begins with these bytes is complete: where it ends.
    ///
    /// # Errors
    /// It is none, or too large.
    pub(crate) fn end_of_reply(
        &mut self,
        number: PipeNumber,
        begun: &[u8],
    ) -> Result<Option<usize>, PipeError> {
        let now_ms = self.tick_ms;
        let Some(pipe) = self.pipes.get_mut(number) else {
            return Ok(None);
        };
        pipe.silence.heard(now_ms);
        match pipe.scanner.scan(begun)? {
            None if begun.len() > MOST_REPLY_BYTES => Err(PipeError::TooLarge {
                limit: MOST_REPLY_BYTES,
            }),
            end => Ok(end),
        }
    }

    /// Where the string ends that comes at the moment, counted from the beginning of what is there.
    #[inline]
    pub(crate) fn expected_of_reply(&mut self, number: PipeNumber) -> Option<usize> {
        self.pipes.get_mut(number)?.scanner.expected_bytes()
    }

    /// Of a large reply that has no end yet, what is here goes on to the client that waits for it, or to nobody when nobody does, and leaves `begun`. A part of
    /// a reply stays.
    pub(crate) fn begin_large(&mut self, number: PipeNumber, begun: &mut BytesMut) {
        let Some(pipe) = self.pipes.get_mut(number) else {
            return;
        };
        let Some(parcel) = pipe.line.first().copied() else {
            return;
        };
        // What is not for the client is not shown to it, not even its beginning.
        let is_its_own = !matches!(begun.first(), None | Some(b'>' | b'-'));
        let may_begin = is_its_own && begun.len() >= FLOWING_BYTES;
        if !(parcel.is_begun || may_begin) {
            return;
        }
        if let Target::Part { gather, part } = parcel.target
            && !parcel.is_begun
            && self.receivers.wants_part(gather, part, begun.len())
        {
            return;
        }
        let passed = pipe.scanner.pass(begun.len());
        if passed == 0 {
            return;
        }
        if !parcel.is_begun {
            pipe.flown_bytes = 0;
        }
        pipe.flown_bytes = pipe.flown_bytes.saturating_add(passed);
        pipe.line.begin_reply();
        if self.receivers.client_of(parcel.target).is_none() {
            pipe.unwanted_bytes = pipe.unwanted_bytes.saturating_add(passed);
        }
        let piece = begun.split_to(passed).freeze();
        if let Target::Client { client, first } = parcel.target {
            self.receivers.begin(client, first, piece);
        }
    }

    /// There may be room for others; and what was set aside may go on when all that was sent before it has been answered.
    #[inline]
    fn after_replies(&mut self, number: PipeNumber) {
        let Some(pipe) = self.pipes.get_mut(number) else {
            return;
        };
        let is_due = pipe.aside.owed == 0 && !pipe.aside.parcels.is_empty();
        if !pipe.crowd.is_empty() {
            self.let_more_in(number);
        }
        if is_due {
            self.route_aside(number);
        }
    }
}

/// Hands out what comes next; gives the number of its bytes, 0 when it is not complete. A run of replies for one parcel is handed over in one piece.
fn hand_out_next(
    pipe: &mut Pipe,
    node: &NodeEntry,
    receivers: &mut Receivers,
    bytes: &[u8],
    now: Reading,
) -> Result<usize, PipeError> {
    if bytes.is_empty() {
        return Ok(0);
    }
    let (next, length, fault) = find_next(pipe, bytes);
    match next {
        Next::Replies(count, errors) => {
            let seen = (Replies::Here(&bytes[..length]), length);
            have_a_look(pipe, receivers, count, seen);
            let parcel = answered(pipe, count);
            let replies = ReplyBytes::Lent(&bytes[..length]);
            receivers.deliver(parcel, replies, errors, node.shard_index, now);
        }
        Next::Refusal => take_back(pipe),
        Next::Push => receivers.hear_of_changes(pipe.lane.tells, &bytes[..length]),
        Next::More => {}
    }
    match fault {
        Some(error) => Err(error),
        None => Ok(length),
    }
}

/// Looks at what comes next, and how many bytes it has.
#[inline]
fn find_next(pipe: &mut Pipe, bytes: &[u8]) -> (Next, usize, Option<PipeError>) {
    let most = pipe.line.first().map_or(0, |parcel| parcel.count);
    let (mut taken, mut count, mut errors) = (0, 0, 0);
    let mut fault = None;
    while taken < bytes.len() {
        let is_push = bytes[taken] == b'>';
        if !is_push && count == most {
            if count == 0 {
                fault = Some(PipeError::Unasked);
            }
            break;
        }
        let length = match pipe.scanner.scan(&bytes[taken..]) {
            Ok(Some(length)) => length,
            Ok(None) => break,
            Err(error) => {
                fault = Some(error.into());
                break;
            }
        };
        let is_refusal = bytes[taken] == b'-' && is_refusal(pipe, &bytes[taken..taken + length]);
        if is_push || is_refusal {
            if count > 0 {
                // First what stands before it; the scanner will find it again.
                break;
            }
            let next = if is_push { Next::Push } else { Next::Refusal };
            return (next, length, None);
        }
        errors += u32::from(bytes[taken] == b'-');
        taken += length;
        count += 1;
    }
    if count == 0 {
        return (Next::More, 0, fault);
    }
    (Next::Replies(count, errors), taken, fault)
}

/// Whether an error is not for the client. Of requests that are one, none comes back alone.
#[cold]
fn is_refusal(pipe: &Pipe, error: &[u8]) -> bool {
    let may_come_back = |parcel: &Parcel| !parcel.is_indivisible || parcel.count == 1;
    verdict(error, pipe.lane.role) != Verdict::Deliver
        && pipe.line.first().is_some_and(may_come_back)
}

/// The first `count` requests are to be answered by these replies, of so many bytes: what is asked for most is seen here.
#[inline]
fn have_a_look(
    pipe: &Pipe,
    receivers: &mut Receivers,
    count: u32,
    (replies, bytes): (Replies<'_>, usize),
) {
    let first = pipe.line.first();
    let bytes = first.map_or(bytes, |parcel| bytes.max(parcel.bytes()));
    if receivers.heat.wants_to_look(count, bytes) {
        look(pipe, receivers, count, replies);
    }
}

#[cold]
fn look(pipe: &Pipe, receivers: &mut Receivers, count: u32, replies: Replies<'_>) {
    let Some(parcel) = pipe.line.first() else {
        return;
    };
    let passing = Passing {
        requests: pipe.line.first_requests(),
        total: parcel.answered() + parcel.count,
        before: parcel.answered(),
        count,
        replies,
        database: u32::from(pipe.lane.database),
    };
    let dice = &mut receivers.dice;
    receivers.heat.look(&passing, || dice.throw());
}

/// The first `count` requests are answered.
#[inline]
fn answered(pipe: &mut Pipe, count: u32) -> Parcel {
    if !pipe.aside.parcels.is_empty() {
        pipe.aside.owed = pipe.aside.owed.saturating_sub(count as usize);
    }
    pipe.line.answer(count)
}

/// The node does not obey us: what it refused goes aside, before all that has not been sent, until it has answered what was sent.
#[cold]
fn take_back(pipe: &mut Pipe) {
    if pipe.aside.parcels.is_empty() {
        pipe.aside.parcels = pipe.line.take_unsent();
        pipe.aside.came_back = 0;
        pipe.aside.owed = pipe.line.requests();
    }
    let mut refused = pipe.line.take_back();
    refused.sent = false;
    pipe.aside.owed = pipe.aside.owed.saturating_sub(1);
    let place = pipe.aside.came_back;
    pipe.aside.parcels.insert(place, refused);
    pipe.aside.came_back += 1;
}
