//! What is used most: which keys, beginnings of keys, and bytes of which keys pass most, of a sample of the requests that nodes have answered. One for each thread.
//! Pure: chance and time are passed in. Never: looks at more than one request of so many, but at large ones; keeps a value.
//! Bounds: [`MOST_NAMES`] of each kind, [`MOST_KEPT`](name::MOST_KEPT) bytes of a name. Half of what is counted is gone after [`HALF_LIFE_MS`].
//!
//! - [`space_saving`]: the counters. [`biggest`]: the largest that was seen. [`name`]: keys as they are kept and shown.
//! - [`passing`]: requests and replies as they are looked at. [`shown`]: what all threads have seen, in words for people and machines.
//!
//! What is looked at is drawn anew each time, as the next but so many, so that most requests cost a subtraction for all that are answered at once, and no rhythm of a client hides a key.
//! Not seen: what goes over a connection of a client's own (commands that wait at a node, transactions under WATCH), and what needs no node.

mod biggest;
mod name;
mod passing;
pub(crate) mod shown;
mod space_saving;

pub(crate) use passing::{Passing, Replies};

use shared::command::{self, CommandId, CommandSpec, Merge, Route};
use shared::resp::{ArgRange, Args};
use shared::slot::prefix_of;

use biggest::{Big, Biggest, Size};
use name::Named;
use passing::{Answer, Found, Walk, first_arguments};
use space_saving::{Amounts, SpaceSaving, Summary};

/// Counters of keys, of keys by bytes, and of beginnings.
const MOST_NAMES: usize = 256;

/// What came so long ago counts for half, milliseconds.
pub(crate) const HALF_LIFE_MS: u64 = 60_000;

/// How often what is counted decays and is shown to others, milliseconds.
const SHOWN_EVERY_MS: u64 = 1_000;

/// A request or a reply of so many bytes is looked at in any case: where each is large, that costs next to nothing.
const LARGE_BYTES: usize = 16 * 1024;

/// Words before the commands of a transaction that a node is sent (NODE EXEC).
const WORDS_OF_QUEUE: usize = 2;

/// The same where its client watches something (NODE EXEC WATCHED name times).
const WORDS_OF_WATCHED: usize = 5;

/// What one thread has seen.
#[derive(Debug)]
pub(crate) struct Heat {
    /// One request of so many is looked at; 0: none is.
    sample: u32,
    /// The next one that is looked at is so many away.
    left: u64,
    keys: SpaceSaving,
    /// Keys by the bytes that pass.
    loads: SpaceSaving,
    prefixes: SpaceSaving,
    biggest: Biggest,
    began_ms: u64,
    now_ms: u64,
    decayed_ms: u64,
    /// Reused.
    ranges: Vec<ArgRange>,
}

/// The same, for others to see.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Monotonic milliseconds of that moment.
    at_ms: u64,
    /// For how long it has been counted.
    age_ms: u64,
    keys: Summary,
    loads: Summary,
    prefixes: Summary,
    biggest: Vec<Big>,
}

/// How a request is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// It is one of the sample.
    Counted,
    /// It is large.
    Measured,
}

/// A request that is looked at.
#[derive(Clone, Copy)]
struct Glance<'a> {
    look: Look,
    request: &'a [u8],
    answer: Answer<'a>,
    database: u32,
}

impl Heat {
    /// Nothing has been seen. One request of `sample` will be looked at; 0: none.
    pub(crate) fn new(sample: u32, now_ms: u64) -> Self {
        Self {
            sample,
            left: if sample == 0 {
                u64::MAX
            } else {
                u64::from(sample)
            },
            keys: SpaceSaving::new(MOST_NAMES),
            loads: SpaceSaving::new(MOST_NAMES),
            prefixes: SpaceSaving::new(MOST_NAMES),
            biggest: Biggest::default(),
            began_ms: now_ms,
            now_ms,
            decayed_ms: now_ms,
            ranges: Vec::new(),
        }
    }

    /// So many requests were answered; they, or their answers, have so many bytes. Whether one is to be [looked at](Self::look): then they are not passed yet.
    #[inline]
    pub(crate) fn wants_to_look(&mut self, count: u32, bytes: usize) -> bool {
        let count = u64::from(count);
        if self.left <= count || (bytes >= LARGE_BYTES && self.sample > 0) {
            return true;
        }
        self.left -= count;
        false
    }

    /// Looks at those that are of the sample, or large; `throw` gives chance.
    #[cold]
    pub(crate) fn look(&mut self, passing: &Passing<'_>, mut throw: impl FnMut() -> u64) {
        let count = u64::from(passing.count);
        let is_large = are_large(passing);
        if self.left > count && !is_large {
            self.left -= count;
            return;
        }
        let (mut walk, mut at, mut is_seen) = (Walk::new(passing), 0, false);
        let glance = |look, request, answer| Glance {
            look,
            request,
            answer,
            database: passing.database,
        };
        while self.left <= count - at {
            walk.skip(self.left - 1);
            at += self.left;
            self.left = self.gap(throw());
            if let Some((request, answer)) = walk.next() {
                self.glance(glance(Look::Counted, request, answer));
                is_seen = true;
            }
        }
        self.left -= count - at;
        if is_large
            && !is_seen
            && let Some((request, answer)) = Walk::new(passing).next()
        {
            self.glance(glance(Look::Measured, request, answer));
        }
    }

    /// Time passes. `Some`: what has been seen, for others; once a second.
    pub(crate) fn tick(&mut self, now_ms: u64) -> Option<Seen> {
        self.now_ms = now_ms;
        let passed_ms = now_ms.saturating_sub(self.decayed_ms);
        if self.sample == 0 || passed_ms < SHOWN_EVERY_MS {
            return None;
        }
        self.decayed_ms = now_ms;
        let factor = 0.5_f64.powf(passed_ms as f64 / HALF_LIFE_MS as f64);
        for counters in [&mut self.keys, &mut self.loads, &mut self.prefixes] {
            counters.decay(factor);
        }
        self.biggest.tick(now_ms);
        Some(Seen {
            at_ms: now_ms,
            age_ms: now_ms.saturating_sub(self.began_ms),
            keys: self.keys.summary(),
            loads: self.loads.summary(),
            prefixes: self.prefixes.summary(),
            biggest: self.biggest.all().to_vec(),
        })
    }

    /// How many requests on the next one is: on average, one of so many.
    fn gap(&self, chance: u64) -> u64 {
        1 + chance % (2 * u64::from(self.sample)).saturating_sub(1).max(1)
    }

    fn glance(&mut self, glance: Glance<'_>) {
        let mut ranges = std::mem::take(&mut self.ranges);
        first_arguments(glance.request, &mut ranges);
        let args = on_nobodys_behalf(Args::new(glance.request, &ranges));
        if let Ok(spec) = command::resolve(args) {
            if spec.id == CommandId::Node && args.get(1) == Some(b"EXEC") {
                let words = match args.get(2) {
                    Some(b"WATCHED") => WORDS_OF_WATCHED,
                    _ => WORDS_OF_QUEUE,
                };
                self.glance_into(args.skip(words), glance);
            } else {
                self.note(spec, args, glance);
            }
        }
        self.ranges = ranges;
    }

    /// The commands of a transaction, each an argument.
    fn glance_into(&mut self, commands: Args<'_>, glance: Glance<'_>) {
        if glance.answer.is_null() {
            // A watched key had changed.
            return;
        }
        let mut answers = glance.answer.elements();
        let mut ranges = Vec::new();
        for request in commands.iter_from(0) {
            first_arguments(request, &mut ranges);
            let args = Args::new(request, &ranges);
            let answer = Answer::Whole(answers.next().unwrap_or_default());
            if let Ok(spec) = command::resolve(args) {
                let glance = Glance {
                    request,
                    answer,
                    ..glance
                };
                self.note(spec, args, glance);
            }
        }
    }

    fn note(&mut self, spec: &'static CommandSpec, args: Args<'_>, glance: Glance<'_>) {
        let mut keys = 0;
        spec.for_each_key(args, |_| keys += 1);
        let is_element_each = spec.merge == Merge::KeyOrder;
        let is_whole = keys == 1 && spec.route != Route::Script && !is_element_each;
        let mut elements = glance.answer.elements();
        spec.for_each_key(args, |at| {
            let key = args.at(at);
            let value = match spec.key_step() {
                2 => args.get(at + 1).map_or(0, <[u8]>::len),
                _ => 0,
            };
            let (request_bytes, answer) = if is_whole {
                (glance.request.len(), glance.answer)
            } else if is_element_each {
                let element = elements.next().unwrap_or_default();
                (key.len(), Answer::Whole(element))
            } else {
                (key.len() + value, Answer::Bytes(0))
            };
            let says = is_whole || is_element_each;
            let found = match says && !spec.may_write() {
                true => answer.found(),
                false => Found::Unsaid,
            };
            self.note_key(spec, key, glance, (request_bytes, answer.bytes(), found));
        });
    }

    fn note_key(
        &mut self,
        spec: &'static CommandSpec,
        key: &[u8],
        glance: Glance<'_>,
        (request_bytes, reply_bytes, found): (usize, usize, Found),
    ) {
        let named = Named::new(key, glance.database);
        let size = Size {
            bytes: request_bytes.max(reply_bytes),
            is_reply: reply_bytes > request_bytes,
            command: spec.name,
            seen_ms: self.now_ms,
        };
        self.biggest.note(named, size);
        if glance.look == Look::Measured {
            return;
        }
        let amounts = Amounts {
            request_bytes: request_bytes as f64,
            reply_bytes: reply_bytes as f64,
            hits: f64::from(u8::from(found == Found::Something)),
            misses: f64::from(u8::from(found == Found::Nothing)),
        };
        self.keys.add(named, 1.0, &amounts);
        // A key may be empty, and have no answer.
        self.loads.add(named, amounts.bytes().max(1.0), &amounts);
        let prefix = Named::new(prefix_of(key), glance.database);
        self.prefixes.add(prefix, 1.0, &amounts);
    }
}

/// A request without the words that say on whose behalf it comes (NODE FOR author).
fn on_nobodys_behalf(args: Args<'_>) -> Args<'_> {
    let is_node = |name| command::lookup(name).is_some_and(|row| row.id == CommandId::Node);
    match args.get(1) {
        Some(b"FOR") if is_node(args.at(0)) => args.skip(3),
        _ => args,
    }
}

/// Whether they are, one with another: a deep pipeline of small ones is not.
fn are_large(passing: &Passing<'_>) -> bool {
    let requests = passing.requests.len() / passing.total.max(1) as usize;
    let replies = match passing.replies {
        Replies::Here(replies) => replies.len() / passing.count.max(1) as usize,
        Replies::Flown(bytes) => bytes,
    };
    requests.max(replies) >= LARGE_BYTES
}

#[cfg(test)]
mod tests;
