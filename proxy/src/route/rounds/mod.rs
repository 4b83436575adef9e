//! Commands over very many keys, carried out in rounds of some of their keys, so that nobody waits for all of it: which come next, and what was gathered.
//! Pure. Invariants: a round begins when the one before it has been answered; the rounds together are all keys, each once, in order; after a failure there is
//! no other round.

use std::ops::Range;

use bytes::Bytes;
use shared::command::CommandSpec;
use shared::resp::{Args, Protocol, ReplyWriter, Request};

use super::reply::{self, Elements};
use super::split::FIRST_KEY;

/// Most keys of one round: hashing and copying them takes a fraction of a millisecond, here and at the nodes.
const ROUND_KEYS: usize = 4096;

/// Bytes of arguments from which on no other key joins a round.
const ROUND_BYTES: usize = 1024 * 1024;

/// A command under way.
#[derive(Debug)]
pub(crate) struct Rounds {
    /// What it is.
    pub(crate) spec: &'static CommandSpec,
    /// Its number in the client's reply queue.
    pub(crate) number: u64,
    /// The first argument that is in no round yet.
    next: usize,
    /// Behind the last argument.
    end: usize,
    is_under_way: bool,
    gathered: Gathered,
}

/// What all rounds up to now come to.
#[derive(Debug)]
enum Gathered {
    Sum(i64),
    /// Elements of an array: the number, and pieces in which they lie one behind the other, of so many bytes.
    Elements(usize, Vec<Bytes>, usize),
    /// A reply for the whole command: OK, or an error.
    Whole(Bytes),
}

/// Whether the command is so long that it is carried out in rounds.
#[inline]
pub(crate) fn is_long(spec: &CommandSpec, request: &Request) -> bool {
    request.arg_count as usize > FIRST_KEY + ROUND_KEYS * spec.key_step()
        || (request.end - request.start) as usize > ROUND_BYTES
}

impl Rounds {
    /// A command of `arg_count` arguments of which nothing has been asked yet.
    pub(crate) fn new(spec: &'static CommandSpec, number: u64, arg_count: usize) -> Self {
        Self {
            spec,
            number,
            next: FIRST_KEY,
            end: arg_count,
            is_under_way: false,
            gathered: Gathered::Whole(Bytes::new()),
        }
    }

    /// Whether an answer is to come before there is anything to do.
    pub(crate) fn is_under_way(&self) -> bool {
        self.is_under_way
    }

    /// Whether some of the command has been executed.
    pub(crate) fn is_begun(&self) -> bool {
        self.next > FIRST_KEY
    }

    /// Bytes that wait for the end of the command.
    pub(crate) fn bytes(&self) -> usize {
        match &self.gathered {
            Gathered::Sum(_) => 0,
            Gathered::Elements(_, _, bytes) => *bytes,
            Gathered::Whole(reply) => reply.len(),
        }
    }

    /// The arguments of the next round: at least one key, and what belongs to each.
    pub(crate) fn next_round(&self, args: Args<'_>) -> Range<usize> {
        let step = self.spec.key_step();
        let most = self.end.min(self.next + ROUND_KEYS * step);
        let (mut end, mut bytes) = (self.next, 0);
        while end < most && bytes < ROUND_BYTES {
            bytes += (end..end + step).map(|at| args.at(at).len()).sum::<usize>();
            end += step;
        }
        self.next..end
    }

    /// Takes note that a round of these arguments begins.
    ///
    /// # Panics
    /// When it is not the next one, or the one before it has not been answered: our mistake.
    pub(crate) fn begin(&mut self, round: &Range<usize>) {
        assert!(!self.is_under_way, "one round at a time");
        assert_eq!(self.next, round.start, "no key is left out");
        self.is_under_way = true;
        self.next = round.end;
    }

    /// Takes the merged reply of the round; whether it was the last one.
    ///
    /// # Panics
    /// When no round is under way: our mistake.
    pub(crate) fn answered(&mut self, reply: Vec<u8>) -> bool {
        assert!(self.is_under_way, "a reply answers a round");
        self.is_under_way = false;
        if reply::is_error(&reply) {
            self.gathered = Gathered::Whole(reply.into());
            return true;
        }
        if let Some(more) = reply::integer(&reply) {
            let before = match self.gathered {
                Gathered::Sum(sum) => sum,
                _ => 0,
            };
            self.gathered = Gathered::Sum(before.saturating_add(more));
        } else if let Some(elements) = Elements::of(&reply) {
            let (more, length) = (elements.len(), elements.as_bytes().len());
            let header = reply.len() - length;
            let piece = Bytes::from(reply).slice(header..);
            match &mut self.gathered {
                Gathered::Elements(count, pieces, bytes) => {
                    *count += more;
                    *bytes += length;
                    pieces.push(piece);
                }
                _ => self.gathered = Gathered::Elements(more, vec![piece], length),
            }
        } else {
            self.gathered = Gathered::Whole(reply.into());
        }
        self.next == self.end
    }

    /// The reply to the command, in pieces (at least one), when its last round has been answered.
    pub(crate) fn into_reply(self) -> Vec<Bytes> {
        let mut first = Vec::new();
        let mut writer = ReplyWriter::new(&mut first, Protocol::Resp2);
        match self.gathered {
            Gathered::Sum(sum) => writer.integer(sum),
            Gathered::Elements(count, mut pieces, _) => {
                writer.array(count);
                pieces.insert(0, first.into());
                return pieces;
            }
            Gathered::Whole(reply) => return vec![reply],
        }
        vec![first.into()]
    }
}

#[cfg(test)]
mod tests;
