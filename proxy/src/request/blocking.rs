//! Commands that wait at a node until a key has something for them (BLPOP and the like): each over a connection of its client's own, so that it holds up nobody else.
//! Reaches: the client, its leases. Never: decides what may be asked twice ([`crate::pipe::retry`]), or whether an answer is one ([`crate::pipe::verdict`]).
//!
//! The command is carried out in steps, each a turn of its client: it is the first of those that the client keeps until its answer is here, so what is sent behind it waits.
//!
//! - The node keeps the time; what is asked again waits for the rest of it.
//! - A node that leads its shard no more says so (`UNBLOCKED`, `STALEEPOCH`), or is asked to end the waiting: the command has taken nothing, and goes where its keys are now.
//! - A connection that breaks while the command waits leaves open whether the node has popped something for it: the client is told `UNKNOWN`, unless the command takes
//!   nothing (XREAD), which is asked again.
//! - What is asked again must mean the same: of `$` (XREAD) the node says first which identifiers it stands for (NODE SINCE), and the command goes on with those. A plain
//!   server cannot be asked that: the client is told `UNBLOCKED`, and knows what it has.
//! - A client that goes takes its connection with it. What the node has popped for it by then is lost with it, as at Redis.

use shared::resp::{ErrorReply, WaitError};
use shared::topology::ShardIndex;

use super::Asked;
use super::lease::{Lost, NEWS};
use super::turn::{Step, Turn};
use crate::client::{Blocking, Pop, WaitsFor};
use crate::pipe::lease::{Lease, LeaseKey, Loss, State};
use crate::pipe::retry::{Fate, fate_of_waiting};
use crate::pipe::verdict::{is_stale, is_to_be_asked_again};
use crate::route::{self, Place};

/// What is to be done next with a command that waits.
enum Next {
    /// This.
    Step(Step),
    /// It goes where its keys are by now.
    Again,
}

impl Turn<'_> {
    /// BLPOP and the like.
    pub(super) fn block(&mut self, asked: Asked<'_>) -> Step {
        let blocking = match self.client.blocking.take() {
            Some(blocking) => blocking,
            // It may go another way than what was asked before it, which it must not overtake.
            None if self.missing() > 0 => return Step::Wait(WaitsFor::Replies(0)),
            None => {
                let now_ms = self.exchange.now_ms();
                Box::new(Blocking::new(asked.spec, asked.args, now_ms))
            }
        };
        self.client.blocking = Some(blocking);
        self.exchange.receivers.outlet(self.key).has_news = false;
        loop {
            let routed = route::shard_of(asked.spec, asked.args, self.snapshot());
            let blocking = self.client.blocking.as_deref();
            let is_apart = blocking.is_some_and(|blocking| blocking.apart.is_some());
            let has_lease = blocking.is_some_and(|blocking| blocking.lease.is_some());
            let step = match routed {
                Ok((shard, place)) if !is_apart => self.block_at(asked, shard, place),
                // Its answer may be here, wherever its keys are by now.
                Err(_) if has_lease => self.block_at(asked, route::any_shard(), Place::Keys),
                // What has begun goes on as it began: something may be under way.
                Ok(_) => self.go_apart(asked, Pop::of(asked.spec), None),
                Err(error) => {
                    self.go_apart(asked, self.may_wait_apart(asked, is_apart), Some(error))
                }
            };
            match step {
                Next::Again => {}
                Next::Step(Step::Wait(what)) => return Step::Wait(what),
                Next::Step(step) => {
                    self.end_blocking();
                    return step;
                }
            }
        }
    }

    /// Keys of several shards, if they may be waited for.
    fn go_apart(&mut self, asked: Asked<'_>, pop: Option<Pop>, error: Option<ErrorReply>) -> Next {
        Next::Step(match pop {
            Some(pop) => self.block_apart(asked, pop),
            None => self.answer_error(&error.unwrap_or(ErrorReply::Unblocked)),
        })
    }

    /// The command that waits is over.
    pub(super) fn end_blocking(&mut self) {
        if let Some(blocking) = self.client.blocking.take()
            && let Some(lease) = blocking.lease
        {
            self.give_back(lease, false);
        }
        self.exchange.receivers.outlet(self.key).unblock = None;
        self.exchange.show_blocked(self.key, false);
    }

    fn block_at(&mut self, asked: Asked<'_>, shard: ShardIndex, place: Place) -> Next {
        let now_ms = self.exchange.now_ms();
        let Some(blocking) = self.client.blocking.as_deref_mut() else {
            return Next::Again;
        };
        let Some(key) = blocking.lease else {
            if blocking.attempts > 0 || self.exchange.receivers.outlet(self.key).is_blocked {
                if blocking.is_over(now_ms) {
                    return Next::Step(self.answer_time_is_over());
                }
                if let Some(step) = self.unblocked_here() {
                    return Next::Step(step);
                }
            }
            return match self.take_lease(asked.spec, shard, place, self.lane) {
                Err(step) => Next::Step(step),
                Ok(key) => {
                    if let Some(blocking) = self.client.blocking.as_deref_mut() {
                        blocking.lease = Some(key);
                    }
                    Next::Again
                }
            };
        };
        let until_ms = blocking.until_ms();
        let Some(lease) = self.exchange.leases.get_mut(key) else {
            blocking.lease = None;
            return Next::Again;
        };
        match lease.state() {
            State::Opening => {
                // Whoever waits for a node waits for it no longer than he wants to wait at it.
                lease.end_ms = until_ms;
                match self.unblocked_here() {
                    Some(step) => Next::Step(step),
                    None => Next::Step(NEWS),
                }
            }
            State::Open => self.ask_to_wait(asked, key, now_ms),
            State::Asked(_) => self.go_on_waiting(key),
            State::Answered(_) => self.answer_of_waiting(asked, key),
            State::Lost(loss) => {
                let loss = *loss;
                self.lost_waiting(asked, key, loss, now_ms)
            }
        }
    }

    /// The node is asked; also what `$` stands for, unless it is a plain server.
    fn ask_to_wait(&mut self, asked: Asked<'_>, key: LeaseKey, now_ms: u64) -> Next {
        let deadline_ms = self.deadline_ms();
        let Some(blocking) = self.client.blocking.as_deref_mut() else {
            return Next::Again;
        };
        // By then a node that is well has answered; one that is asked to wait for ever may never do.
        let late_ms = blocking.until_ms().zip(deadline_ms);
        let late_ms = late_ms.map(|(until_ms, deadline_ms)| until_ms.saturating_add(deadline_ms));
        let exchange = &mut *self.exchange;
        let lease = exchange.leases.get_mut(key);
        let is_plain = lease.is_none_or(|lease| lease.way.is_plain);
        let frame = asked.frame.start as usize..asked.frame.end as usize;
        let as_written = blocking.is_as_written(now_ms) && !asked.frame.inline;
        // In one write with the command: nothing comes between that the client could know of.
        let asks_since = blocking.is_from_unknown() && !is_plain;
        if !asks_since {
            blocking.ask_nobody();
        }
        exchange
            .leases
            .ask(key, 1 + usize::from(asks_since), |out| {
                if asks_since {
                    blocking.encode_since(asked.args, out);
                }
                match as_written {
                    true => out.extend_from_slice(&asked.buffer[frame]),
                    false => blocking.encode(asked.args, now_ms, out),
                }
            });
        if let Some(lease) = exchange.leases.get_mut(key) {
            lease.may_wait = true;
            lease.end_ms = late_ms;
        }
        exchange.show_blocked(self.key, true);
        Next::Step(NEWS)
    }

    /// Nothing has come; whoever wants the waiting to end asks the node for that, which may have served the client by then.
    fn go_on_waiting(&mut self, key: LeaseKey) -> Next {
        let lease = self.exchange.leases.get_mut(key);
        if lease.is_some_and(|lease| lease.is_cut_short) {
            // It ends already, and whoever wants that finds the client at no node.
            return Next::Step(NEWS);
        }
        let outlet = self.exchange.receivers.outlet(self.key);
        if let Some(with_error) = outlet.unblock.take() {
            let is_told = self.exchange.leases.cut_short(key, with_error);
            if !is_told {
                self.exchange
                    .lease_lost(key, &crate::pipe::PipeError::Closed);
            }
        }
        Next::Step(NEWS)
    }

    fn answer_of_waiting(&mut self, asked: Asked<'_>, key: LeaseKey) -> Next {
        let Some(lease) = self.exchange.leases.get_mut(key) else {
            return Next::Again;
        };
        let (label, is_cut_short) = (lease.label, lease.is_cut_short);
        let (since, answer) = (lease.take_before(), lease.take_answer());
        let Some(blocking) = self.client.blocking.as_deref_mut() else {
            return Next::Again;
        };
        if !is_to_be_asked_again(&answer, is_cut_short) {
            return Next::Step(self.answer_with(asked.spec, label, answer));
        }
        if !is_stale(&answer) {
            blocking.note_since(since.as_deref(), asked.args);
            if blocking.is_from_unknown() {
                // Asked again it would mean a later moment, and what came between would be missing without a word.
                return Next::Step(self.answer_error(&ErrorReply::Unblocked));
            }
        }
        blocking.lease = None;
        self.end_lease(key);
        Next::Again
    }

    fn lost_waiting(&mut self, asked: Asked<'_>, key: LeaseKey, loss: Loss, now_ms: u64) -> Next {
        let lease = self.exchange.leases.get_mut(key);
        let since = lease.and_then(Lease::take_before);
        let Some(blocking) = self.client.blocking.as_deref_mut() else {
            return Next::Again;
        };
        if loss == Loss::TooLarge {
            return Next::Step(self.answer_lost(asked.spec, key, &Lost::TooLarge));
        }
        let is_sent = loss == Loss::Sent;
        blocking.note_since(since.as_deref(), asked.args);
        let takes_nothing = blocking.takes_nothing();
        match fate_of_waiting(blocking.is_repeatable(), is_sent, blocking.attempts) {
            Fate::SendAgain => {
                blocking.attempts += u8::from(is_sent);
                blocking.lease = None;
                let is_over = blocking.is_over(now_ms);
                self.end_lease(key);
                if is_over {
                    return Next::Step(self.answer_time_is_over());
                }
                Next::Again
            }
            Fate::Unknown if !takes_nothing => {
                Next::Step(self.answer_lost(asked.spec, key, &Lost::Unknown))
            }
            Fate::Unknown | Fate::NotApplied => {
                Next::Step(self.answer_lost(asked.spec, key, &Lost::NotApplied))
            }
        }
    }

    /// What Redis says when the time is over, whatever the command.
    pub(super) fn answer_time_is_over(&mut self) -> Step {
        self.exchange.receivers.stats.record_local();
        self.answer(|reply| {
            reply.null_array();
        });
        Step::Next
    }

    /// The waiting of a client that waits at no node at the moment is to end.
    pub(super) fn unblocked_here(&mut self) -> Option<Step> {
        let with_error = self.exchange.receivers.outlet(self.key).unblock.take()?;
        Some(match with_error {
            true => self.answer_error(&WaitError::ByClient.into()),
            false => self.answer_time_is_over(),
        })
    }
}
