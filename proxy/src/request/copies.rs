//! WAIT and WAITAOF: every shard is asked, over connections of the client's own, how many followers have all that there is; the client is told the least ([`crate::client::Copies`]).
//! Reaches: the client, its leases. Never: decides what may be asked twice ([`crate::pipe::retry`]), or whether an answer is one ([`crate::pipe::verdict`]).
//!
//! - All that the client asked before is answered by then, so that a node's log has it: what a node counts is from the end of its log.
//! - Nodes keep the time. What is asked again, at another node if its shard has another primary by then, waits for the rest of it. What a lost primary had not handed on is
//!   not missed there.
//! - A shard that says nothing until the time is over counts as one of which no follower has anything. One that cannot be reached ends the command by an error that names it.
//! - Who ends the waiting of the client has those that wait asked for what they have at that moment.

use shared::command::CommandId;
use shared::resp::{Protocol, WaitError};
use shared::wait_time::Awaited;

use super::Asked;
use super::lease::{Lost, NEWS};
use super::turn::{Step, Turn};
use crate::client::{Blocking, Copies, Have, WaitsFor};
use crate::pipe::lease::State;
use crate::pipe::retry::{Fate, fate_of_waiting};
use crate::pipe::verdict::is_to_be_asked_again;
use crate::pipe::{Class, Lane, Pledge, Role, Tells};
use crate::route::{self, Outcome, Place};

/// How long beyond the time shards may take to say what they have, milliseconds: each is asked once, however short the time is.
const LATE_MS: u64 = 500;

/// An answer that comes so much before the time is over, milliseconds, is that of a node that stops.
const EARLY_MS: u64 = 20;

/// How often a node may say too early that it has too little.
const MOST_EARLY: u8 = 2;

/// The connections are alike, whatever the client has chosen: the answer is the same. A node that waits for its followers before it says what these have waits for nothing.
const LANE: Lane = Lane {
    role: Role::Primary(Pledge::Async),
    class: Class::Common,
    tells: Tells::Nothing,
    protocol: Protocol::Resp2,
    database: 0,
};

impl Turn<'_> {
    /// A step of WAIT or WAITAOF; it waits, or is over.
    pub(super) fn wait_for_copies(&mut self, asked: Asked<'_>) -> Step {
        let known = self.client.blocking.as_deref_mut();
        let mut copies = match known.and_then(|blocking| blocking.copies.take()) {
            Some(copies) => copies,
            None if self.missing() > 0 => return Step::Wait(WaitsFor::Replies(0)),
            None => {
                let awaited = match asked.spec.id {
                    CommandId::Waitaof => Awaited::by_waitaof(asked.args),
                    _ => Awaited::by_wait(asked.args),
                };
                let now_ms = self.exchange.now_ms();
                let blocking = Blocking::new(asked.spec, asked.args, now_ms);
                match awaited {
                    Ok(awaited) => {
                        self.client.blocking = Some(Box::new(blocking));
                        Box::new(Copies::new(awaited))
                    }
                    Err(error) => return self.answer_error(&error),
                }
            }
        };
        self.exchange.receivers.outlet(self.key).has_news = false;
        let step = self.look_for_copies(asked, &mut copies);
        if let (Step::Wait(_), Some(blocking)) = (&step, self.client.blocking.as_deref_mut()) {
            blocking.copies = Some(copies);
            return step;
        }
        for lease in copies.leases() {
            self.give_back(lease, false);
        }
        self.end_blocking();
        step
    }

    fn look_for_copies(&mut self, asked: Asked<'_>, copies: &mut Copies) -> Step {
        if let Some(with_error) = self.exchange.receivers.outlet(self.key).unblock.take() {
            if with_error {
                return self.answer_error(&WaitError::ByClient.into());
            }
            let now_ms = self.exchange.now_ms();
            for lease in copies.end(now_ms) {
                self.end_lease(lease);
            }
        }
        self.follow_shards(copies);
        for index in 0..copies.shards.len() {
            if let Err(step) = self.ask_for_copies(asked, copies, index) {
                return step;
            }
        }
        // Of those who were asked each has answered by then, or is lost.
        let is_over = self.is_too_late(copies, 0) && copies.leases().is_empty();
        if is_over || copies.is_complete() || self.is_too_late(copies, LATE_MS) {
            return self.tell_copies(asked, copies);
        }
        self.exchange.show_blocked(self.key, true);
        NEWS
    }

    /// The shards are those of the topology in use, and each is asked where it is.
    fn follow_shards(&mut self, copies: &mut Copies) {
        let version = self.exchange.snapshot.version();
        if copies.is_of(version) {
            return;
        }
        let exchange = &*self.exchange;
        let shards = route::all_shards(&exchange.snapshot);
        let labelled = shards.map(|shard| (shard, exchange.pipes.primary(shard).shard_index));
        let mut of_no_use = copies.follow(version, labelled);
        for known in &mut copies.shards {
            let node = self.exchange.pipes.primary(known.shard);
            let lease = known
                .lease
                .and_then(|key| self.exchange.leases.get_mut(key));
            if lease.is_none_or(|lease| !lease.way.leads_to(node)) {
                of_no_use.extend(known.lease.take());
            }
        }
        for lease in of_no_use {
            self.end_lease(lease);
        }
    }

    /// Asks a shard, or takes what it has said. An error: the command is over, or waits for something else first.
    fn ask_for_copies(
        &mut self,
        asked: Asked<'_>,
        copies: &mut Copies,
        index: usize,
    ) -> Result<(), Step> {
        while copies.shards[index].have.is_none() {
            let known = &mut copies.shards[index];
            let Some(key) = known.lease else {
                // Whoever has been asked in vain is not asked for more time than there was.
                let late_ms = if known.attempts > 0 { 0 } else { LATE_MS };
                if self.is_too_late(copies, late_ms) {
                    return Ok(());
                }
                let known = &mut copies.shards[index];
                let place = Place::Shard(known.label);
                known.lease = Some(self.take_lease(asked.spec, known.shard, place, LANE)?);
                continue;
            };
            let (now_ms, until_ms) = (self.exchange.now_ms(), self.copies_until_ms(copies));
            let late_ms = until_ms.map(|until_ms| until_ms.saturating_add(LATE_MS));
            let Some(lease) = self.exchange.leases.get_mut(key) else {
                copies.shards[index].lease = None;
                continue;
            };
            match lease.state() {
                State::Opening => {
                    lease.end_ms = late_ms;
                    return Ok(());
                }
                State::Asked(_) => return Ok(()),
                State::Open => {
                    lease.end_ms = late_ms;
                    let left = |until_ms: u64| until_ms.saturating_sub(now_ms).max(1);
                    let left_ms = until_ms.map_or(0, left);
                    let leases = &mut self.exchange.leases;
                    leases.ask(key, 2, |out| copies.encode(left_ms, out));
                    return Ok(());
                }
                State::Answered(_) => {
                    let answer = lease.take_answer();
                    self.note_copies(asked, copies, index, &answer)?;
                }
                State::Lost(loss) => {
                    let is_sent = *loss == crate::pipe::lease::Loss::Sent;
                    let known = &mut copies.shards[index];
                    let fate = fate_of_waiting(true, is_sent, known.attempts);
                    known.attempts += u8::from(is_sent);
                    if fate != Fate::SendAgain && !self.is_too_late(copies, 0) {
                        return Err(self.answer_lost(asked.spec, key, &Lost::NotApplied));
                    }
                    copies.shards[index].lease = None;
                    self.end_lease(key);
                }
            }
        }
        Ok(())
    }

    /// A shard has answered; its connection is needed no more.
    fn note_copies(
        &mut self,
        asked: Asked<'_>,
        copies: &mut Copies,
        index: usize,
        answer: &bytes::Bytes,
    ) -> Result<(), Step> {
        let known = &copies.shards[index];
        let (label, attempts) = (known.label, known.attempts);
        let have = Have::read(answer);
        let may_be_asked_again = match have {
            Some(have) => {
                let soon_ms = self.exchange.now_ms().saturating_add(EARLY_MS);
                let until_ms = self.copies_until_ms(copies);
                let is_early = until_ms.is_none_or(|until_ms| soon_ms < until_ms);
                is_early && attempts < MOST_EARLY && !copies.is_enough(have)
            }
            None => is_to_be_asked_again(answer, false),
        };
        let known = &mut copies.shards[index];
        if !may_be_asked_again && have.is_none() {
            return Err(self.answer_with(asked.spec, label, answer.clone()));
        }
        let lease = known.lease.take();
        if may_be_asked_again {
            known.attempts += u8::from(have.is_some());
            lease.into_iter().for_each(|key| self.end_lease(key));
        } else {
            known.have = have;
            let lease = lease.into_iter();
            lease.for_each(|key| self.give_back(key, false));
        }
        Ok(())
    }

    /// When the client need not be kept waiting any longer; `None`: it waits for ever.
    fn copies_until_ms(&self, copies: &Copies) -> Option<u64> {
        let blocking = self.client.blocking.as_deref();
        let until_ms = blocking.and_then(Blocking::until_ms);
        copies.ends_ms().or(until_ms)
    }

    /// Whether the time has been over for so long.
    fn is_too_late(&self, copies: &Copies, late_ms: u64) -> bool {
        let until_ms = self.copies_until_ms(copies);
        let end_ms = until_ms.map(|until_ms| until_ms.saturating_add(late_ms));
        end_ms.is_some_and(|end_ms| self.exchange.now_ms() >= end_ms)
    }

    fn tell_copies(&mut self, asked: Asked<'_>, copies: &Copies) -> Step {
        let label = match &copies.shards[..] {
            [only] => Some(only.label),
            _ => None,
        };
        let receivers = &mut self.exchange.receivers;
        let elapsed_ns = receivers.stopwatch.since_ns(self.read);
        let stats = &mut receivers.stats;
        stats.record_end(asked.spec.id, label, 1, Outcome::Whole, elapsed_ns);
        self.answer(|reply| copies.tell(reply));
        Step::Next
    }
}
