//! What is on its way to a client: replies in the order of its requests, and messages that others send it between whole replies. A stretch may have to wait,
//! and everything behind it waits with it: until the log has come to an offset, or until an errand of the shell is done, which then says what the reply is.
//! Pure: the connection writes what is ready, and is woken when there is more. Never: drops or reorders a byte.
//! Invariants: replies are written in the order in which they were put in; a message stands between whole replies, never within one; what is held is not ready.
//! Bounds: the connection and [`crate::node_state::Clients::push`] cut a client whose outbox grows beyond `client-output-buffer-limit`.

use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Waker;

/// A place in the log: so many bytes since its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offset(pub u64);

/// Names one errand that a reply waits for; unique within its outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrandTicket(u64);

/// What a stretch waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The log has come to this offset. The replies are there.
    Offset(Offset),
    /// All followers that are in sync have the log up to this offset. The replies are there.
    Commit(Offset),
    /// All followers that are in sync have answered this question: they still follow. The replies are there.
    Confirmed(u64),
    /// The errand is done. The reply is not there before.
    Errand(ErrandTicket),
}

/// From byte `at` of the waiting ones on, nothing goes out before `until`.
#[derive(Clone, Copy, Debug)]
struct Hold {
    at: usize,
    until: Until,
}

/// A message of so many bytes is kept once for all whom it is sent to; a shorter one is copied, which costs no more than keeping count of who has it.
const SHARED_BYTES: usize = 4 * 1024;

/// Bytes that stand before all that may still change.
#[derive(Debug)]
enum Piece {
    /// Of this client alone.
    Own(Vec<u8>),
    /// Of others, too.
    Shared(Rc<Vec<u8>>),
}

impl std::ops::Deref for Piece {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

/// One client's waiting output. Without holds, which is nearly always, it is a buffer and how much of it has been written.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Pieces of a long reply, and long messages with what stands before them, ready, before `bytes`; each goes when it has been written.
    pieces: VecDeque<Piece>,
    /// Of all of them.
    piece_bytes: usize,
    bytes: Vec<u8>,
    /// How much of the first piece has been written, or of `bytes` where there is none.
    written: usize,
    /// In the order of their places.
    holds: VecDeque<Hold>,
    /// The bytes are with a turn of the client's commands.
    is_lent: bool,
    /// How many they were, some of them perhaps written.
    lent_bytes: usize,
    /// Messages that came meanwhile.
    late_messages: Vec<u8>,
    errands: u64,
    waker: Option<Waker>,
}

impl Outbox {
    /// Bytes that have not been written, held or not; what a turn of the client's commands has appended counts when it is over.
    #[must_use]
    pub fn len(&self) -> usize {
        let bytes = self.bytes.len() + self.lent_bytes;
        self.piece_bytes + bytes - self.written + self.late_messages.len()
    }

    /// Whether all has been written. A reply that is still to come does not count.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What may be written now; there may be more behind it.
    #[must_use]
    pub fn ready(&self) -> &[u8] {
        if let Some(piece) = self.pieces.front() {
            return &piece[self.written..];
        }
        let end = self.holds.front().map_or(self.bytes.len(), |hold| hold.at);
        &self.bytes[self.written..end]
    }

    /// Bytes of all that may be written, one piece after the other.
    #[must_use]
    pub fn ready_bytes(&self) -> usize {
        let end = self.holds.front().map_or(self.bytes.len(), |hold| hold.at);
        self.piece_bytes + end - self.written
    }

    /// Whether the reply of an errand is still to come.
    #[must_use]
    pub fn awaits(&self, errand: ErrandTicket) -> bool {
        let until = Until::Errand(errand);
        self.holds.iter().any(|hold| hold.until == until)
    }

    /// So many of the bytes that were ready are on their way.
    ///
    /// # Panics
    /// When there were not so many: a mistake of the connection.
    pub fn wrote(&mut self, bytes: usize) {
        assert!(bytes <= self.ready().len(), "what is held stays here");
        self.written += bytes;
        if let Some(piece) = self.pieces.front()
            && piece.len() == self.written
        {
            self.piece_bytes -= piece.len();
            self.pieces.pop_front();
            self.written = 0;
        }
    }

    /// Drops what has been written, when that is more than what is left: bytes are moved at most once each.
    pub fn compact(&mut self) {
        if self.pieces.is_empty() && self.written > self.bytes.len() - self.written {
            self.bytes.drain(..self.written);
            for hold in &mut self.holds {
                hold.at -= self.written;
            }
            self.written = 0;
        }
    }

    /// Lends the bytes to a turn of the client's commands, which appends its replies; when there are none, the buffer is `spare`.
    pub fn lend(&mut self, spare: &mut Vec<u8>) -> Vec<u8> {
        debug_assert!(!self.is_lent, "one turn at a time");
        self.is_lent = true;
        if self.bytes.is_empty() {
            self.bytes = std::mem::take(spare);
        }
        self.lent_bytes = self.bytes.len();
        std::mem::take(&mut self.bytes)
    }

    /// The turn is over: its replies stand behind the others, and messages that came meanwhile behind them.
    pub fn take_back(&mut self, bytes: Vec<u8>) {
        self.is_lent = false;
        self.lent_bytes = 0;
        self.bytes = bytes;
        if !self.late_messages.is_empty() {
            let messages = std::mem::take(&mut self.late_messages);
            self.append_message(&messages);
        }
    }

    /// When all is written: the buffer, for whoever writes next.
    #[must_use]
    pub fn give_buffer(&mut self) -> Option<Vec<u8>> {
        if self.is_lent || !self.is_empty() {
            return None;
        }
        self.written = 0;
        // Whatever is still to come stands at the beginning.
        for hold in &mut self.holds {
            hold.at = 0;
        }
        Some(std::mem::take(&mut self.bytes))
    }

    /// What is put in from now on waits until the log has come to `offset`.
    pub fn hold_until(&mut self, offset: Offset) {
        self.hold(Until::Offset(offset));
    }

    /// What stands from byte `at` of the buffer on waits until that, and all behind it.
    pub fn hold_since(&mut self, at: usize, until: Until) {
        debug_assert!(!self.is_lent, "places are known between turns");
        if at < self.bytes.len() {
            self.holds.push_back(Hold { at, until });
        }
    }

    /// Keeps the place of a reply that an errand will give; what is put in from now on comes behind it.
    #[must_use]
    pub fn hold_for_errand(&mut self) -> ErrandTicket {
        self.errands += 1;
        let ticket = ErrandTicket(self.errands);
        self.hold(Until::Errand(ticket));
        ticket
    }

    fn hold(&mut self, until: Until) {
        debug_assert!(!self.is_lent, "places are known between turns");
        let at = self.bytes.len();
        self.holds.push_back(Hold { at, until });
    }

    /// The log has come to `offset`.
    pub fn reached(&mut self, offset: Offset) {
        self.let_go(|until| matches!(until, Until::Offset(wanted) if wanted <= offset));
    }

    /// All followers that are in sync have the log up to `offset`.
    pub fn committed(&mut self, offset: Offset) {
        self.let_go(|until| matches!(until, Until::Commit(wanted) if wanted <= offset));
    }

    /// All followers that are in sync have answered questions up to this one.
    pub fn confirmed(&mut self, number: u64) {
        self.let_go(|until| matches!(until, Until::Confirmed(wanted) if wanted <= number));
    }

    fn let_go(&mut self, is_free: impl Fn(Until) -> bool) {
        let before = self.holds.len();
        self.holds.retain(|hold| !is_free(hold.until));
        if self.holds.len() < before {
            self.wake();
        }
    }

    /// The errand is done, and this is its reply. Of an errand that nobody waits for any more the reply is dropped.
    pub fn answer(&mut self, errand: ErrandTicket, reply: Vec<u8>) {
        let is_its = |hold: &Hold| hold.until == Until::Errand(errand);
        let Some(index) = self.holds.iter().position(is_its) else {
            return;
        };
        debug_assert!(!self.is_lent, "its client waits meanwhile");
        let Some(hold) = self.holds.remove(index) else {
            return;
        };
        let length = reply.len();
        if self.is_empty() {
            // Nothing else is here, so that a large one need not be copied.
            self.bytes = reply;
            self.written = 0;
            self.holds.iter_mut().for_each(|other| other.at = 0);
        } else {
            self.bytes.splice(hold.at..hold.at, reply);
        }
        for later in self.holds.range_mut(index..) {
            later.at += length;
        }
        self.wake();
    }

    /// The same of a long reply, none of whose pieces is empty: where nothing before it waits they are not copied.
    pub fn answer_in_pieces(&mut self, errand: ErrandTicket, pieces: Vec<Vec<u8>>) {
        let until = Until::Errand(errand);
        let place = match self.holds.front() {
            Some(first) if first.until == until => first.at,
            _ => return self.answer(errand, pieces.concat()),
        };
        debug_assert!(!self.is_lent, "its client waits meanwhile");
        self.holds.pop_front();
        // What stands before it is ready, so it goes before it, a piece too.
        let behind = self.bytes.split_off(place);
        let before = std::mem::replace(&mut self.bytes, behind);
        self.push_piece_of(before);
        self.piece_bytes += pieces.iter().map(Vec::len).sum::<usize>();
        self.pieces.extend(pieces.into_iter().map(Piece::Own));
        for later in &mut self.holds {
            later.at -= place;
        }
        self.wake();
    }

    /// Bytes that were in the buffer before all others, of which some may have been written, become a piece.
    fn push_piece_of(&mut self, before: Vec<u8>) {
        let is_written = self.pieces.is_empty() && self.written == before.len();
        if is_written {
            self.written = 0;
        } else if !before.is_empty() {
            self.piece_bytes += before.len();
            self.pieces.push_back(Piece::Own(before));
        }
    }

    /// The reply to a command that has waited, behind all others; where it stands.
    pub fn reply_late(&mut self, reply: &[u8]) -> usize {
        debug_assert!(!self.is_lent, "its client waits meanwhile");
        let at = self.bytes.len();
        self.bytes.extend_from_slice(reply);
        self.wake();
        at
    }

    /// A whole message of somebody else, such as a RESP3 push: behind all replies that are there, before those that are still to come. Whoever puts it in wakes
    /// the client, at once or with others ([`Outbox::wake`]).
    pub fn push(&mut self, message: &[u8]) {
        if self.is_lent {
            self.late_messages.extend_from_slice(message);
        } else {
            self.append_message(message);
        }
    }

    /// The same of a message that tells of a later moment than replies do that are still to come: it waits for them.
    pub fn push_behind(&mut self, message: &[u8]) {
        if self.is_lent {
            self.late_messages.extend_from_slice(message);
        } else {
            self.bytes.extend_from_slice(message);
        }
    }

    /// The same of a message that others get as well: a long one is not copied where no reply that is there has to wait.
    pub fn push_shared(&mut self, message: &Rc<Vec<u8>>) {
        let end = self.bytes.len();
        let still_to_come = |hold: &Hold| hold.at == end && matches!(hold.until, Until::Errand(_));
        if message.len() < SHARED_BYTES || self.is_lent || !self.holds.iter().all(still_to_come) {
            return self.push(message);
        }
        let before = std::mem::take(&mut self.bytes);
        self.push_piece_of(before);
        self.holds.iter_mut().for_each(|hold| hold.at = 0);
        self.piece_bytes += message.len();
        self.pieces.push_back(Piece::Shared(Rc::clone(message)));
    }

    fn append_message(&mut self, message: &[u8]) {
        let end = self.bytes.len();
        self.bytes.extend_from_slice(message);
        // A reply that is not there yet will tell of a later moment than the message does.
        let still_to_come =
            |hold: &&mut Hold| hold.at == end && matches!(hold.until, Until::Errand(_));
        let last = self.holds.iter_mut().rev().take_while(still_to_come);
        last.for_each(|hold| hold.at += message.len());
    }

    /// Whom to wake when more may be written than before.
    pub fn wake_with(&mut self, waker: &Waker) {
        match &mut self.waker {
            Some(known) => known.clone_from(waker),
            None => self.waker = Some(waker.clone()),
        }
    }

    /// The client's task goes on: more may be written than before.
    pub fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests;
