//! Connections of a client's own: taken for it, given back, lost; and what that means for those who have one.
//! Reaches: the leases, the pipes, the clients' outlets. Never: opens a connection; decides what may be asked twice ([`crate::pipe::retry`] does).
//! Invariants: a client that is gone has none; one that leads to a node which does not lead its shard any more, or not at that epoch, is of no use and is found out with the
//! topology that says so.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use shared::command::{CommandId, CommandSpec};
use shared::resp::{ErrorReply, LeaseError, encode_request};
use shared::topology::ShardIndex;

use super::Exchange;
use super::forward::{Entry, Vain};
use super::receivers::Failure;
use super::turn::{Step, Turn};
use crate::client::{ReplyBytes, Source, WaitsFor};
use crate::pipe::handshake::ConnectionName;
use crate::pipe::lease::{LeaseKey, LeaseWay, Loss, State};
use crate::pipe::set::Admission;
use crate::pipe::{Class, Lane, Parcel, PipeError, Target, Tells};
use crate::route::{self, Outcome, Place};
use crate::slab::Key;

/// How long a node that does not lead a shard any more may take to say that a client waits there no longer; a node that does not answer may be gone.
const CUT_SHORT_WITHIN: Duration = Duration::from_millis(500);

/// Larger replies are handed on as they are instead of being copied.
const LARGE_REPLY_BYTES: usize = 16 * 1024;

impl Turn<'_> {
    /// A connection of the client's own to the primary of `shard`, for keys of this place; it may still be being opened.
    pub(super) fn take_lease(
        &mut self,
        spec: &CommandSpec,
        shard: ShardIndex,
        place: Place,
        lane: Lane,
    ) -> Result<LeaseKey, Step> {
        let lane = Lane {
            role: lane.role.at_primary(),
            class: Class::Common,
            tells: Tells::Nothing,
            ..lane
        };
        // The pipe beside it knows whether the node can be reached.
        let pipe = self.exchange.pipes.pipe_to(shard, lane, 0);
        match self.admit_beside(pipe) {
            Entry::Room(_) => {}
            Entry::Wait(what) => return Err(Step::Wait(what)),
            Entry::Vain(vain) => return Err(self.answer_in_vain(spec, shard, &vain)),
        }
        let (key, exchange) = (self.key, &mut *self.exchange);
        let node = exchange.pipes.primary(shard);
        let way = LeaseWay::to(node, lane);
        let lease = exchange.leases.reuse(&way, key, place).or_else(|| {
            let password = exchange.proxy.config.node_password.clone();
            let words = node.first_words(lane, None, password, exchange.snapshot.version());
            exchange.leases.open(way, node, words, key, place)
        });
        let Some(lease) = lease else {
            let most = exchange.leases.most();
            return Err(self.answer_error(&LeaseError::Exhausted { most }.into()));
        };
        exchange.receivers.outlet(key).leases.push(lease);
        Ok(lease)
    }

    /// What stands in the way of a request that goes beside this pipe: what may not be overtaken, or that the node cannot be reached. Room in the line is no matter.
    fn admit_beside(&mut self, pipe: crate::pipe::set::PipeNumber) -> Entry {
        if !self.exchange.receivers.late.is_empty()
            && let Some(obstacle) = self.beside_late_writes(pipe)
        {
            return obstacle;
        }
        match self.exchange.pipes.admit(pipe, 0, self.exchange.tick_ms) {
            Admission::Room(_) | Admission::Full => Entry::Room(1),
            Admission::Down => Entry::Vain(Vain::Down),
            Admission::Refused(text) => Entry::Vain(Vain::Refused(text)),
        }
    }

    /// Answers with what a node has said over the client's own connection.
    pub(super) fn answer_with(&mut self, spec: &CommandSpec, label: usize, reply: Bytes) -> Step {
        let is_silent = self.is_silent();
        let receivers = &mut self.exchange.receivers;
        let elapsed_ns = receivers.stopwatch.since_ns(self.read);
        let errors = u32::from(reply.first() == Some(&b'-'));
        receivers
            .stats
            .record(spec.id, label, 1, errors, elapsed_ns);
        receivers.stats.error_replies += u64::from(errors > 0 && !is_silent);
        let outlet = receivers.outlets.at_mut(self.key);
        let number = outlet.queue.expect(Source::Gathered, 1, is_silent);
        let reply = match reply.len() {
            0..LARGE_REPLY_BYTES => ReplyBytes::Lent(&reply),
            _ => ReplyBytes::Own(reply),
        };
        outlet
            .queue
            .deliver(number, 1, reply, spec.retry, &mut receivers.buffers);
        receivers.mark_dirty(self.key);
        Step::Next
    }

    /// No reply has come over the client's own connection, or none that it may have.
    pub(super) fn answer_lost(&mut self, spec: &CommandSpec, lease: LeaseKey, why: &Lost) -> Step {
        let exchange = &mut *self.exchange;
        let Some(known) = exchange.leases.get_mut(lease) else {
            return Step::Next;
        };
        let (shard, label) = (known.shard.clone(), known.label);
        let (error, outcome) = match why {
            Lost::NotApplied => (Failure::NotApplied.error(&shard), Outcome::ShardDown),
            Lost::Unknown => (Failure::Unknown.error(&shard), Outcome::Unknown),
            Lost::TooLarge => {
                let limit = exchange.limits.hard_bytes;
                let error = ErrorReply::from(LeaseError::ReplyTooLarge { limit });
                (error, Outcome::Error)
            }
        };
        let is_heard = !self.is_silent();
        let receivers = &mut self.exchange.receivers;
        let elapsed_ns = receivers.stopwatch.since_ns(self.read);
        let stats = &mut receivers.stats;
        stats.record_end(spec.id, Some(label), 1, outcome, elapsed_ns);
        stats.error_replies += u64::from(is_heard);
        self.answer(|reply| reply.error(&error));
        Step::Next
    }

    /// The client's own connection is needed no more.
    pub(super) fn give_back(&mut self, lease: LeaseKey, watches: bool) {
        let exchange = &mut *self.exchange;
        let outlet = exchange.receivers.outlet(self.key);
        outlet.leases.retain(|known| *known != lease);
        let now_ms = exchange.tick_ms;
        exchange.leases.give_back(lease, watches, now_ms);
    }

    /// It is closed, whatever is under way.
    pub(super) fn end_lease(&mut self, lease: LeaseKey) {
        let outlet = self.exchange.receivers.outlet(self.key);
        outlet.leases.retain(|known| *known != lease);
        self.exchange.leases.end(lease);
    }

    /// How long a command may take, milliseconds; `None` for ever.
    pub(super) fn deadline_ms(&self) -> Option<u64> {
        let deadline = self.exchange.proxy.config.request_deadline;
        let ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        (ms > 0).then_some(ms)
    }

    /// When something that does not wait is to be answered, monotonic milliseconds.
    pub(super) fn answer_within_ms(&self) -> Option<u64> {
        let ms = self.deadline_ms()?;
        Some(self.exchange.now_ms().saturating_add(ms))
    }
}

/// What a client is told of what was lost with its own connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    NotApplied,
    Unknown,
    TooLarge,
}

impl Exchange {
    /// Whoever has this lease looks at it.
    fn tell_owner(&mut self, owner: Option<Key>) {
        if let Some(owner) = owner
            && let Some(outlet) = self.receivers.outlets.get_mut(owner)
        {
            outlet.has_news = true;
            self.receivers.mark_dirty(owner);
        }
    }

    /// A lease is open; whether somebody wants it still.
    pub(crate) fn lease_opened(&mut self, key: LeaseKey, name: Option<ConnectionName>) -> bool {
        let owner = self.leases.opened(key, name);
        self.tell_owner(owner);
        owner.is_some()
    }

    /// A lease could not be opened; whether it is worth another attempt. Whether the node is down is for the pipe of the same lane to find out.
    pub(crate) fn lease_not_opened(&mut self, key: LeaseKey, error: &PipeError) -> bool {
        let Some(lease) = self.leases.get_mut(key) else {
            return false;
        };
        if !matches!(lease.state(), State::Opening) || lease.owner().is_none() {
            return false;
        }
        tracing::debug!(shard = &*lease.shard, %error, "no connection for a client that waits or watches; it is tried again");
        let (lane, place) = (lease.way.lane, lease.place);
        if let Some(shard) = self.shard_at(place) {
            let pipe = self.pipes.pipe_to(shard, lane, 0);
            let way = self.pipes.admit(pipe, 0, self.tick_ms);
            if matches!(way, Admission::Room(_) | Admission::Full) {
                return true;
            }
        }
        let owner = self.leases.lost_with(key, Loss::Unsent);
        self.tell_owner(owner);
        false
    }

    /// A reply has come over a lease.
    ///
    /// # Errors
    /// Nobody had asked.
    pub(crate) fn lease_replied(&mut self, key: LeaseKey, reply: Bytes) -> Result<(), PipeError> {
        let told = self.leases.replied(key, reply, self.tick_ms);
        let owner = told.map_err(|_| PipeError::Unasked)?;
        self.tell_owner(owner);
        Ok(())
    }

    /// The connection of a lease is gone.
    pub(crate) fn lease_lost(&mut self, key: LeaseKey, error: &PipeError) {
        let is_too_large = matches!(error, PipeError::TooLarge { .. });
        let owner = match is_too_large {
            true => self.leases.lost_with(key, Loss::TooLarge),
            false => self.leases.lost(key),
        };
        self.tell_owner(owner);
    }

    /// Looks after deadlines of leases.
    pub(crate) fn tick_leases(&mut self) {
        for key in self.leases.tick(self.now_ms()) {
            self.cut_at_node(key);
            let owner = self.leases.lost(key);
            self.tell_owner(owner);
        }
    }

    /// What was asked over a lease that is given up is not to be carried out behind what its client asks next: that goes over the pipe, and this before it.
    fn cut_at_node(&mut self, key: LeaseKey) {
        let Some(lease) = self.leases.get_mut(key) else {
            return;
        };
        let (lane, place) = (lease.way.lane, lease.place);
        let Some(words) = lease.name().map(ConnectionName::kill_words) else {
            return;
        };
        let Some(shard) = self.shard_at(place) else {
            return;
        };
        let Some(lease) = self.leases.get_mut(key) else {
            return;
        };
        if !lease.way.leads_to(self.pipes.primary(shard)) {
            return;
        }
        let pipe = self.pipes.pipe_to(shard, lane, 0);
        let started = self.receivers.stopwatch.read();
        let parcel = Parcel::new(Target::Nobody, place, CommandId::ClientKill, 1, started);
        let buffers = &mut self.receivers.buffers;
        let line = self.pipes.line(pipe);
        line.append_with(parcel, buffers, |out| encode_request(out, words));
    }

    /// The shard of a place by the topology in use.
    pub(super) fn shard_at(&self, place: Place) -> Option<ShardIndex> {
        match place {
            Place::Slot(slot) => Some(self.snapshot.owner(slot)),
            Place::Shard(label) => self.pipes.shard_of_label(label),
            Place::Keys | Place::Anywhere => self.snapshot.is_one_shard().then(route::any_shard),
        }
    }

    /// Another topology holds: leases that lead elsewhere by now are of no more use. A node at which somebody waits is asked to end that, so that it is known whether he was
    /// served.
    pub(super) fn follow_with_leases(&mut self) {
        for key in self.leases.keys() {
            let Some(lease) = self.leases.get_mut(key) else {
                continue;
            };
            let (place, owner) = (lease.place, lease.owner());
            if let (Place::Shard(_), Some(_)) = (place, owner) {
                // Keys of several shards are awaited, which may be those of others now. Nothing is taken, so that all can be given up.
                self.tell_owner(owner);
                continue;
            }
            let shard = self.shard_at(place);
            let pipes = &self.pipes;
            let Some(lease) = self.leases.get_mut(key) else {
                continue;
            };
            let is_current = match lease.owner() {
                Some(_) => shard.is_some_and(|shard| lease.way.leads_to(pipes.primary(shard))),
                None => pipes.primaries().any(|node| lease.way.leads_to(node)),
            };
            if is_current {
                continue;
            }
            match (lease.state(), lease.owner()) {
                // Unless somebody has ended the waiting before.
                (State::Asked(_), Some(_)) if lease.may_wait && !lease.is_spent => {
                    self.cut_short(key);
                }
                // What was asked is answered, or refused by a node that leads no more.
                (State::Asked(_), Some(_)) => lease.is_spent = true,
                _ => {
                    let owner = self.leases.lost(key);
                    self.tell_owner(owner);
                }
            }
        }
    }

    fn cut_short(&mut self, key: LeaseKey) {
        if self.leases.cut_short(key, false)
            && let Some(lease) = self.leases.get_mut(key)
        {
            lease.is_cut_short = true;
            let within = u64::try_from(CUT_SHORT_WITHIN.as_millis()).unwrap_or(u64::MAX);
            lease.end_ms = Some(self.clock.monotonic_ms().saturating_add(within));
            return;
        }
        let owner = self.leases.lost(key);
        self.tell_owner(owner);
    }

    /// A client has gone: nothing is to be popped for it any more, and nothing watched.
    pub(super) fn forget_leases(&mut self, client: Key) {
        let Some(outlet) = self.receivers.outlets.get_mut(client) else {
            return;
        };
        if std::mem::take(&mut outlet.is_blocked) {
            let blocked = &self.proxy.counters.blocked_clients;
            blocked.fetch_sub(1, Ordering::Relaxed);
        }
        for key in std::mem::take(&mut outlet.leases) {
            self.leases.give_back(key, true, self.tick_ms);
        }
    }

    /// A client that waits at a node is counted and shown as one that does.
    pub(super) fn show_blocked(&mut self, client: Key, is_blocked: bool) {
        let outlet = self.receivers.outlet(client);
        if std::mem::replace(&mut outlet.is_blocked, is_blocked) == is_blocked {
            return;
        }
        let blocked = &self.proxy.counters.blocked_clients;
        match is_blocked {
            true => blocked.fetch_add(1, Ordering::Relaxed),
            false => blocked.fetch_sub(1, Ordering::Relaxed),
        };
    }
}

/// What a client waits for that has asked over a connection of its own.
pub(super) const NEWS: Step = Step::Wait(WaitsFor::Lease);
