//! Commands over very many keys, carried out in rounds of some of their keys, so that nobody waits for all of it: which come next, and what was gathered.
//! Pure. Invariants: a round begins when the one before it has been answered; the rounds together are all keys, each once, in order; after a failure there is
//! no other round.
//! Bound: how long values are is not known before they come, so the first round that asks for values is short, and each one after it has as many keys as bring
//! [`ROUND_REPLY_BYTES`] if their values are like those before. A reply of more than [`HELD_BYTES`] begins to flow to its client before its end is here; if a
//! shard fails after that, the client is closed, for half a reply cannot be taken back.

use std::ops::Range;

use bytes::Bytes;
use shared::command::{CommandSpec, Merge};
use shared::resp::{Args, Protocol, ReplyWriter, Request};

use super::merge::Pieces;
use super::reply::{self, Elements};
use super::split::FIRST_KEY;

/// Most keys of one round: hashing and copying them takes a fraction of a millisecond, here and at the nodes.
const ROUND_KEYS: usize = 4096;

/// Bytes of arguments from which on no other key joins a round.
const ROUND_BYTES: usize = 1024 * 1024;

/// Most keys of the first round of a command that asks for values: more than most applications ask for at a time, so that these are answered in one round.
const FIRST_VALUES: usize = 128;

/// A round asks for at most so many times as many values as the one before it: the values before say little about many more.
const GROWTH: usize = 8;

/// Bytes of values that a round should bring.
const ROUND_REPLY_BYTES: usize = 4 * 1024 * 1024;

/// Bytes that are gathered before a reply begins to flow: up to here a failed shard makes the whole reply an error.
const HELD_BYTES: usize = 16 * 1024 * 1024;

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
    /// Most keys of the next round.
    most_keys: usize,
    /// The client has got the beginning of the reply.
    is_flowing: bool,
    /// The next round is not sent because the client has not taken enough.
    waits_for_client: bool,
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
    request.arg_count as usize > FIRST_KEY + first_keys(spec) * spec.key_step()
        || (request.end - request.start) as usize > ROUND_BYTES
}

/// Most keys of a command's first round.
fn first_keys(spec: &CommandSpec) -> usize {
    if spec.merge == Merge::KeyOrder {
        FIRST_VALUES
    } else {
        ROUND_KEYS
    }
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
            most_keys: first_keys(spec),
            is_flowing: false,
            waits_for_client: false,
        }
    }

    /// The next round waits for the client to take what there is.
    pub(crate) fn wait_for_client(&mut self) {
        self.waits_for_client = true;
    }

    /// Whether it had to since this was last asked.
    pub(crate) fn has_waited_for_client(&mut self) -> bool {
        std::mem::take(&mut self.waits_for_client)
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
        let most = self.end.min(self.next + self.most_keys * step);
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
    pub(crate) fn answered(&mut self, reply: Pieces) -> bool {
        assert!(self.is_under_way, "a reply answers a round");
        self.is_under_way = false;
        let first = reply.first();
        if reply::is_error(first) {
            self.gathered = Gathered::Whole(reply.into_vec().concat().into());
            return true;
        }
        if let Some(more) = reply::integer(first) {
            let before = match self.gathered {
                Gathered::Sum(sum) => sum,
                _ => 0,
            };
            self.gathered = Gathered::Sum(before.saturating_add(more));
        } else if let Some(elements) = Elements::of(first) {
            let (more, header) = (elements.len(), first.len() - elements.as_bytes().len());
            self.take_elements(more, header, reply);
        } else {
            self.gathered = Gathered::Whole(reply.into_vec().concat().into());
        }
        self.next == self.end
    }

    /// Takes `more` elements, which lie in `reply` behind a header of so many bytes.
    fn take_elements(&mut self, more: usize, header: usize, reply: Pieces) {
        let length = reply.len() - header;
        self.most_keys = (ROUND_REPLY_BYTES / (length / more.max(1)).max(1))
            .clamp(1, more.saturating_mul(GROWTH).clamp(1, ROUND_KEYS));
        let mut new = reply.into_vec();
        if let Some(first) = new.first_mut() {
            *first = first.slice(header..);
        }
        match &mut self.gathered {
            Gathered::Elements(count, pieces, bytes) => {
                *count += more;
                *bytes += length;
                pieces.append(&mut new);
            }
            _ => self.gathered = Gathered::Elements(more, new, length),
        }
    }

    /// What the client is to get although there is more to come: so much was gathered that it should not be kept.
    pub(crate) fn take_flowing(&mut self) -> Vec<Bytes> {
        let all = (self.end - FIRST_KEY) / self.spec.key_step();
        let Gathered::Elements(_, pieces, bytes) = &mut self.gathered else {
            return Vec::new();
        };
        if !self.is_flowing && *bytes <= HELD_BYTES {
            return Vec::new();
        }
        *bytes = 0;
        let mut flowing = std::mem::take(pieces);
        if !self.is_flowing {
            self.is_flowing = true;
            flowing.insert(0, array_header(all));
        }
        flowing
    }

    /// The reply to the command, or what is left of it, in pieces (at least one), when its last round has been answered.
    ///
    /// # Errors
    /// It failed when the client had got its beginning; what the shard said.
    pub(crate) fn into_reply(self) -> Result<Vec<Bytes>, Bytes> {
        match self.gathered {
            Gathered::Whole(error) if self.is_flowing => Err(error),
            Gathered::Whole(reply) => Ok(vec![reply]),
            Gathered::Elements(count, mut pieces, _) => {
                if !self.is_flowing {
                    pieces.insert(0, array_header(count));
                }
                Ok(pieces)
            }
            Gathered::Sum(sum) => {
                let mut reply = Vec::new();
                ReplyWriter::new(&mut reply, Protocol::Resp2).integer(sum);
                Ok(vec![reply.into()])
            }
        }
    }
}

fn array_header(count: usize) -> Bytes {
    let mut header = Vec::new();
    ReplyWriter::new(&mut header, Protocol::Resp2).array(count);
    header.into()
}

#[cfg(test)]
mod tests;
