//! A client's replies in the order of its requests, whatever the order in which nodes answer.
//! Pure. Invariants: each request expected is answered exactly once; nothing leaves before all that was asked earlier has left.
//!
//! Requests are numbered, in rising order with gaps. A *place* stands for a run of consecutive requests whose replies come from one source, in order; replies of the
//! first place go straight to the output, those of later places wait in theirs. Places are numbered as well, one after the other, and the number of a request begins
//! with that of its place: so a reply finds its place at once, however many there are.

mod kept;

use std::collections::VecDeque;

use shared::command::Retry;

use super::output::{Output, ReplyBytes};
use crate::buffers::Buffers;
use kept::{Kept, Ready};

/// Bits of a request's number that count within its place. What is left suffices for a client that begins a million places a second for nine years.
const BITS_WITHIN_PLACE: u32 = 16;

/// Most requests of a place: no two requests of different places have consecutive numbers.
const MOST_OF_PLACE: u64 = (1 << BITS_WITHIN_PLACE) - 1;

/// The number of the place of a request.
#[inline]
fn place_of(number: u64) -> u64 {
    number >> BITS_WITHIN_PLACE
}

/// Requests that one source answers one after the other.
#[derive(Debug)]
struct Place {
    /// The number behind its last request.
    end: u64,
    /// Requests still without a reply; they are the last ones before `end`.
    missing: u32,
    /// Who answers: only requests of the same source may join the place.
    source: Source,
    /// The client does not want to hear the answers (CLIENT REPLY).
    silent: bool,
    /// The next reply has begun to come, in pieces.
    begun: bool,
    /// Bytes of it that have come.
    begun_bytes: usize,
    /// Replies that wait for earlier ones.
    ready: Ready,
}

impl Place {
    fn new(end: u64, missing: u32, source: Source, silent: bool) -> Self {
        Self {
            end,
            missing,
            source,
            silent,
            begun: false,
            begun_bytes: 0,
            ready: Ready::Nothing,
        }
    }

    /// The number of the first request that has no reply.
    #[inline]
    fn next(&self) -> u64 {
        self.end - u64::from(self.missing)
    }
}

/// Who answers a run of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The proxy itself, at once.
    Here,
    /// The pipe of this number.
    Pipe(u32),
    /// Several nodes, or something that takes time here.
    Gathered,
}

/// Reads of a client that may be under way before the length of any reply is known: if they are as long as can be, this is what the client's replies come to.
const UNKNOWN_REQUESTS: u64 = 8;

/// Replies of 256 KiB and more are large, as a power of two.
const LARGE_BITS: u32 = 18;

/// About how long replies are, as a power of two: up at once, down by half at a time.
#[derive(Clone, Copy, Debug, Default)]
struct ReplyLength(Option<u32>);

impl ReplyLength {
    #[inline]
    fn note(&mut self, bytes: usize, count: u32) {
        let each = if count == 1 {
            bytes
        } else {
            bytes / count.max(1) as usize
        };
        let now = usize::BITS - each.leading_zeros();
        let before = self.0.map_or(0, |before| before.saturating_sub(1));
        self.0 = Some(now.max(before));
    }

    /// Large ones one at a time.
    #[inline]
    fn fit_into(self, bytes: usize) -> u64 {
        self.0.map_or(UNKNOWN_REQUESTS, |length| {
            ((bytes >> length.min(usize::BITS - 1)) as u64).max(1)
        })
    }
}

/// The replies of one client: those expected, those that wait, those on their way out.
#[derive(Debug, Default)]
pub(crate) struct ReplyQueue {
    places: VecDeque<Place>,
    /// Some were cut in two, which have one number.
    has_parts: bool,
    /// The number behind that of the last request.
    next: u64,
    /// Requests without a reply.
    missing: u64,
    /// Bytes in places.
    waiting_bytes: usize,
    /// About how long the last replies to reads were.
    read_length: ReplyLength,
    /// … and to everything else.
    other_length: ReplyLength,
    kept: Kept,
    output: Output,
    /// Messages that wait for the end of a reply of which the client has got the beginning.
    messages: Output,
    /// A reply that had begun has no end: nothing goes out behind it, for the client would take it for the rest.
    is_cut: bool,
}

impl ReplyQueue {
    /// Requests that have no reply yet.
    #[inline]
    pub(crate) fn missing(&self) -> u64 {
        self.missing
    }

    /// Bytes that the client has not taken yet, those included that wait for their turn.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.waiting_bytes + self.output.len() + self.messages.len()
    }

    /// Bytes that are kept besides those of replies: what is known of replies that are to come, and room that buffers have.
    pub(crate) fn spare_bytes(&self) -> usize {
        let places = self.places.len() * size_of::<Place>();
        places + self.kept.spare_bytes() + self.output.spare_bytes()
    }

    /// Whether it is known how long the client's reads are.
    pub(crate) fn knows_reads(&self) -> bool {
        self.read_length.0.is_some()
    }

    /// Whether the client's last replies were large; `None`: nobody knows yet.
    #[inline]
    pub(crate) fn are_large(&self) -> Option<bool> {
        let longest = self.read_length.0.max(self.other_length.0);
        longest.map(|length| length > LARGE_BITS)
    }

    /// As many requests of this kind as will bring about `bytes` of replies, if these are as long as the last ones.
    #[inline]
    pub(crate) fn requests_for(&self, bytes: usize, kind: Retry) -> u64 {
        match kind {
            Retry::Safe => self.read_length.fit_into(bytes),
            Retry::Never => self.other_length.fit_into(bytes),
        }
    }

    /// Whether the client gets to see the reply to request `number`, which is expected.
    pub(crate) fn is_heard(&self, number: u64) -> bool {
        let index = self.index_of(number);
        !self.is_cut && self.places.get(index).is_some_and(|place| !place.silent)
    }

    /// What may be written now.
    #[inline]
    pub(crate) fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// Whether nothing is expected and nothing waits to be written.
    pub(crate) fn is_idle(&self) -> bool {
        self.missing == 0 && self.output.is_empty() && self.messages.is_empty()
    }

    /// The number of the last request that was expected.
    pub(crate) fn last_expected(&self) -> u64 {
        self.next.saturating_sub(1)
    }

    /// Replies to all requests before this number have gone to the output.
    #[inline]
    pub(crate) fn let_out(&self) -> u64 {
        self.places.front().map_or(self.next, Place::next)
    }

    /// Expects `count` more replies from `source`, a few thousand at most; gives the number of the first of these requests.
    #[inline]
    pub(crate) fn expect(&mut self, source: Source, count: u32, silent: bool) -> u64 {
        self.missing += u64::from(count);
        if let Some(last) = self.places.back_mut()
            && last.source == source
            && last.silent == silent
            && source != Source::Gathered
            && (self.next & MOST_OF_PLACE) + u64::from(count) <= MOST_OF_PLACE
        {
            self.next += u64::from(count);
            last.end = self.next;
            last.missing += count;
            return self.next - u64::from(count);
        }
        self.begin_place(count, source, silent)
    }

    /// A place behind all others; the number of its first request.
    #[inline]
    fn begin_place(&mut self, count: u32, source: Source, silent: bool) -> u64 {
        debug_assert!(u64::from(count) <= MOST_OF_PLACE, "more than a batch");
        let first = (place_of(self.next) + 1) << BITS_WITHIN_PLACE;
        self.next = first + u64::from(count);
        self.places
            .push_back(Place::new(self.next, count, source, silent));
        first
    }

    /// Replies at once, behind all that was asked before: `write` appends the reply to the buffer it is given.
    pub(crate) fn answer<R>(
        &mut self,
        buffers: &mut Buffers,
        write: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> R {
        if self.is_cut {
            return write(&mut Vec::new());
        }
        if self.places.is_empty() {
            return self.output.write_with(buffers, write);
        }
        if self
            .places
            .back()
            .is_none_or(|last| last.source != Source::Here)
        {
            self.begin_place(0, Source::Here, false);
        }
        let Some(last) = self.places.back_mut() else {
            unreachable!("a place was pushed above");
        };
        let before = last.ready.len();
        let result = self.kept.append_with(&mut last.ready, buffers, write);
        self.waiting_bytes += last.ready.len() - before;
        self.tidy();
        result
    }

    /// Fills in the replies to `count` requests, the first of which has number `first`.
    ///
    /// # Panics
    /// When one of them already has a reply: our mistake, and the client would get wrong answers from here on.
    #[inline]
    pub(crate) fn deliver(
        &mut self,
        first: u64,
        count: u32,
        reply: ReplyBytes<'_>,
        kind: Retry,
        buffers: &mut Buffers,
    ) {
        self.missing -= u64::from(count);
        let length = reply.len();
        let begun_bytes = match self.places.front_mut() {
            Some(place) if place.next() == first && place.missing >= count => {
                place.missing -= count;
                if !place.silent && !self.is_cut {
                    self.output.push(reply, buffers);
                }
                let begun_bytes = std::mem::take(&mut place.begun_bytes);
                if std::mem::take(&mut place.begun) {
                    self.let_messages_go(buffers);
                }
                if self.places.front().is_some_and(|place| place.missing == 0) {
                    self.places.pop_front();
                    self.let_ready_ones_go(buffers);
                }
                begun_bytes
            }
            _ => self.deliver_later_place(first, count, reply, buffers),
        };
        let length = length.saturating_add(begun_bytes);
        match kind {
            Retry::Safe => self.read_length.note(length, count),
            Retry::Never => self.other_length.note(length, count),
        }
    }

    /// Fills in the beginning of the reply to request `number`; the rest is delivered.
    pub(crate) fn deliver_beginning(
        &mut self,
        number: u64,
        piece: ReplyBytes<'_>,
        buffers: &mut Buffers,
    ) {
        let index = self.open_place(number, 1);
        let place = &mut self.places[index];
        place.begun_bytes = place.begun_bytes.saturating_add(piece.len());
        if place.silent {
            return;
        }
        place.begun = true;
        if self.is_cut {
            return;
        }
        if index == 0 {
            self.output.push(piece, buffers);
        } else {
            self.waiting_bytes += piece.len();
            self.kept.append(&mut place.ready, piece, buffers);
            self.tidy();
        }
    }

    /// The rest of the reply to request `number` will not come. `true`: the client may have its beginning, and nothing goes out any more. `false`: it has not, and
    /// another reply is to be delivered.
    pub(crate) fn break_off(&mut self, number: u64, buffers: &mut Buffers) -> bool {
        if self.is_cut {
            return true;
        }
        let index = self.open_place(number, 1);
        let place = &mut self.places[index];
        self.is_cut = index == 0 && !place.silent;
        if !self.is_cut {
            // What comes before it in its place has been let go with the place before.
            let ready = std::mem::take(&mut place.ready);
            self.waiting_bytes -= ready.len();
            self.kept.forget(&ready, buffers);
            place.begun = false;
            place.begun_bytes = 0;
        }
        self.is_cut
    }

    /// A message that answers nothing goes out as soon as a whole reply has: never into the middle of one, nor behind requests that wait.
    pub(crate) fn message(&mut self, message: ReplyBytes<'_>, buffers: &mut Buffers) {
        if self.is_cut {
            return;
        }
        if self.places.front().is_some_and(|place| place.begun) {
            self.messages.push(message, buffers);
        } else {
            self.output.push(message, buffers);
        }
    }

    fn let_messages_go(&mut self, buffers: &mut Buffers) {
        if !self.messages.is_empty() {
            self.output
                .append(std::mem::take(&mut self.messages), buffers);
        }
    }

    /// The replies are for a place behind the first, or for requests in the middle of one. Gives the bytes that had come before them of the first.
    fn deliver_later_place(
        &mut self,
        first: u64,
        count: u32,
        reply: ReplyBytes<'_>,
        buffers: &mut Buffers,
    ) -> usize {
        let index = self.open_place(first, count);
        let place = &mut self.places[index];
        place.missing -= count;
        place.begun = false;
        let begun_bytes = std::mem::take(&mut place.begun_bytes);
        if !place.silent {
            self.waiting_bytes += reply.len();
            self.kept.append(&mut place.ready, reply, buffers);
            self.tidy();
        }
        if index == 0 {
            self.let_ready_ones_go(buffers);
        }
        begun_bytes
    }

    /// The index of the place whose next replies are `first` and the `count - 1` after it; places are cut where these requests stand in their middle,
    /// which happens only when some commands of a lost pipe were sent again and others were not.
    fn open_place(&mut self, first: u64, count: u32) -> usize {
        let mut index = self.index_of(first);
        let place = self
            .places
            .get(index)
            .expect("a reply answers a request that is expected");
        let next = place.next();
        assert!(next <= first, "each request is answered once");
        if next < first {
            self.cut(index, first);
            index += 1;
        }
        let end = first + u64::from(count);
        assert!(
            end <= self.places[index].end,
            "a run of replies belongs to one place"
        );
        index
    }

    /// The index of the place of request `number`, which is expected.
    #[inline]
    fn index_of(&self, number: u64) -> usize {
        if self.has_parts {
            return self.places.partition_point(|place| place.end <= number);
        }
        let first = self.places.front().map_or(0, |first| place_of(first.end));
        usize::try_from(place_of(number).wrapping_sub(first)).unwrap_or(usize::MAX)
    }

    /// Cuts a place in two; the second begins with request `at`.
    fn cut(&mut self, index: usize, at: u64) {
        let place = &mut self.places[index];
        let behind = u32::try_from(place.end - at).expect("part of a count of 32 bits");
        let second = Place::new(place.end, behind, place.source, place.silent);
        place.end = at;
        place.missing -= behind;
        self.places.insert(index + 1, second);
        self.has_parts = true;
    }

    /// What waits moves together where much room is left between.
    #[inline]
    fn tidy(&mut self) {
        if self.kept.is_sparse() {
            let places = self.places.iter_mut();
            self.kept
                .move_together(places.map(|place| &mut place.ready));
        }
    }

    /// Moves to the output what no longer waits for anything.
    fn let_ready_ones_go(&mut self, buffers: &mut Buffers) {
        while let Some(place) = self.places.front_mut() {
            let ready = std::mem::take(&mut place.ready);
            self.waiting_bytes -= ready.len();
            if self.is_cut {
                self.kept.forget(&ready, buffers);
            } else {
                self.kept.move_out(ready, &mut self.output, buffers);
            }
            if place.missing > 0 {
                return;
            }
            self.places.pop_front();
        }
        self.has_parts = false;
    }
}

#[cfg(test)]
mod tests;
