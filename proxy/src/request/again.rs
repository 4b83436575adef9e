//! Requests that do not get their reply as they should: their connection is lost, their deadline is over, or they belong elsewhere by now.
//! Reaches: the pipes' lines, those who wait. Never: decides what may be sent twice ([`crate::pipe::retry`] does) or where a request belongs
//! ([`crate::route`] does). Invariants: each request gets exactly one reply or one error; what has not been sent is routed by the newest topology.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use shared::command::{self, Retry};
use shared::topology::ShardIndex;

use super::Exchange;
use super::receivers::{Failure, Receivers};
use crate::pipe::line::Recovered;
use crate::pipe::retry::{self, Fate, fate};
use crate::pipe::set::{NodeEntry, PipeNumber};
use crate::pipe::{Parcel, PipeError, Target, Tells};
use crate::route::{self, Place};
use crate::slab::Key;

/// Bytes of replies that nobody waited for, over one connection, from which on it is looked whether more of them are to come.
const MOST_UNWANTED_BYTES: usize = 16 * 1024 * 1024;

/// Requests that nobody waits for any more and for which a connection is given up.
const MOST_UNWANTED_REQUESTS: usize = 8;

/// How long a node that leads its shard no more, and owes replies, may be silent. It may be well, and about to say that it leads no more.
const REPLACED_PATIENCE: Duration = Duration::from_millis(200);

/// How long a follower that owes replies may be silent, at most a third of what a request may take: the primary is to have time for it, too.
const FOLLOWER_PATIENCE: Duration = Duration::from_millis(500);

fn follower_patience(request_deadline: Duration) -> Duration {
    match request_deadline {
        Duration::ZERO => FOLLOWER_PATIENCE,
        deadline => FOLLOWER_PATIENCE
            .min(deadline / 3)
            .max(Duration::from_millis(1)),
    }
}

/// What the log says of a connection that is gone.
fn say_lost(node: &NodeEntry, error: &PipeError, waiting: usize) {
    let (node, address) = (&node.id, &node.address);
    match error {
        PipeError::Fenced => {
            tracing::debug!(%node, %address, waiting, "node does not obey at this epoch; it is asked again");
        }
        error if error.is_of_ours() => {
            tracing::info!(%node, %address, %error, waiting, "connection to node given up");
        }
        error => tracing::warn!(%node, %address, %error, waiting, "connection to node lost"),
    }
}

impl Exchange {
    /// A newer topology holds: what has not been sent over this pipe and belongs elsewhere goes there, once the node has answered what was sent before it.
    pub(super) fn set_aside(&mut self, number: PipeNumber) {
        let Some(pipe) = self.pipes.get_mut(number) else {
            return;
        };
        let unsent = pipe.line.take_unsent();
        if unsent.is_empty() && pipe.aside.parcels.is_empty() {
            return;
        }
        pipe.aside.parcels.extend(unsent);
        pipe.aside.owed = pipe.line.requests();
    }

    /// What was set aside goes on, if its node owes nothing.
    pub(super) fn route_what_is_due(&mut self, number: PipeNumber) {
        let aside = self.pipes.get_mut(number).map(|pipe| &pipe.aside);
        if aside.is_some_and(|aside| aside.owed == 0 && !aside.parcels.is_empty()) {
            self.route_aside(number);
        }
    }

    /// What was set aside goes where it belongs; a node that did not obey is told anew who we are before it is asked again.
    pub(super) fn route_aside(&mut self, number: PipeNumber) {
        let Some(pipe) = self.pipes.get_mut(number) else {
            return;
        };
        let aside = std::mem::take(&mut pipe.aside);
        if aside.came_back > 0 && pipe.is_open {
            let is_reader = pipe.lane.role.is_reader();
            let (unready, fenced) = (PipeError::Unready, PipeError::Fenced);
            pipe.doom = Some(if is_reader { unready } else { fenced });
        }
        self.route_again(number, aside.parcels);
        self.let_crowd_in(number);
        self.pipes.mark_dirty(number);
    }

    /// Parcels that were taken out of the line of `from` are appended where they belong, in order; what a follower was asked goes to the primary.
    fn route_again(&mut self, from: PipeNumber, parcels: Vec<Recovered>) {
        let Some((pipe, node)) = self.pipes.with_node(from) else {
            return;
        };
        let (mut lane, shard, label) = (pipe.lane, node.shard.clone(), node.shard_index);
        lane.role = lane.role.at_primary();
        for parcel in parcels {
            // A run over several slots is cut only when these have several owners now.
            let pieces = match parcel.parcel.place {
                Place::Keys if !self.snapshot.is_one_shard() => parcel.into_requests(),
                _ => vec![parcel],
            };
            for piece in pieces {
                let owner = self
                    .owner(&piece, lane.database)
                    .map(|owner| self.pipes.pipe_to(owner, lane, 0));
                match owner {
                    Some(pipe) if self.is_refused(pipe, &piece) => {}
                    Some(pipe) => {
                        let buffers = &mut self.receivers.buffers;
                        self.pipes.line(pipe).append_again(&piece, buffers);
                    }
                    None => self
                        .receivers
                        .fail(piece.parcel, Failure::NotApplied, &shard, label),
                }
            }
        }
    }

    /// Whether the node refuses the lane of this pipe: whoever waits for the parcel is told so, as everybody who asks for it is.
    fn is_refused(&mut self, number: PipeNumber, recovered: &Recovered) -> bool {
        let Some((pipe, node)) = self.pipes.with_node(number) else {
            return false;
        };
        let Some(text) = &pipe.refusal else {
            return false;
        };
        let (failure, label) = (Failure::Refused(text), node.shard_index);
        self.receivers
            .fail(recovered.parcel, failure, &node.shard, label);
        true
    }

    /// The shard that a parcel is for; `None` when there is no such shard any more.
    fn owner(&self, recovered: &Recovered, database: u16) -> Option<ShardIndex> {
        match recovered.parcel.place {
            Place::Slot(slot) => Some(self.snapshot.owner(slot)),
            Place::Anywhere => Some(route::any_shard()),
            Place::Shard(label) => self.pipes.shard_of_label(label),
            Place::Keys if self.snapshot.is_one_shard() => Some(route::any_shard()),
            Place::Keys => {
                let spec = command::spec(recovered.parcel.command);
                let snapshot = self.snapshot.within(database);
                route::owner_of_frame(spec, &mut recovered.bytes.clone(), snapshot)
            }
        }
    }

    /// The connection is gone: every request without a reply is kept for the next one, or told the truth.
    pub(crate) fn pipe_lost(&mut self, number: PipeNumber, error: &PipeError) {
        let now_ms = self.now_ms();
        let Some((pipe, node)) = self.pipes.with_node(number) else {
            return;
        };
        let waiting = pipe.line.requests();
        if !error.is_of_ours() {
            node.reach.lost(now_ms);
        }
        say_lost(node, error, waiting);
        self.proxy.sightings.tell(&node.id, error);
        pipe.is_open = false;
        pipe.doom = None;
        pipe.scanner = shared::resp::ReplyScanner::default();
        pipe.unwanted_bytes = 0;
        self.receivers.stats.pipes_lost += 1;
        if pipe.lane.tells != Tells::Nothing {
            self.receivers.doubt_all();
        }
        let mut unanswered = pipe.line.take_all();
        let aside = std::mem::take(&mut pipe.aside);
        let (shard, label) = (node.shard.clone(), node.shard_index);
        if unanswered
            .first()
            .is_some_and(|first| first.parcel.is_begun)
        {
            let mut run = unanswered.remove(0).into_requests();
            let begun = run.remove(0).parcel;
            self.fail_begun(begun, &shard, label);
            unanswered.splice(0..0, run);
        }
        let (mut kept, mut failed) = (Vec::new(), Vec::new());
        let mut written: HashMap<Key, Place> = HashMap::new();
        for mut recovered in unanswered.into_iter().chain(aside.parcels).rev() {
            let parcel = &mut recovered.parcel;
            if !parcel.target.is_waiting() {
                continue;
            }
            let client = self.receivers.client_of(parcel.target);
            if client.is_none() && (recovered.sent || parcel.retry == Retry::Safe) {
                self.receivers.count_left(parcel, label);
                continue;
            }
            let behind = client.and_then(|client| written.get(&client));
            let before_write = behind.is_some_and(|place| place.may_meet(parcel.place));
            match fate(parcel, recovered.sent, before_write) {
                Fate::SendAgain => {
                    parcel.attempts += u8::from(recovered.sent);
                    recovered.sent = false;
                    kept.push(recovered);
                }
                Fate::NotApplied => failed.push((*parcel, Failure::NotApplied)),
                Fate::Unknown => {
                    if let Some(client) = client {
                        let place = written.entry(client).or_insert(parcel.place);
                        *place = place.joined(parcel.place);
                        self.receivers.late.note(client, number, parcel.count);
                    }
                    failed.push((*parcel, Failure::Unknown));
                }
            }
        }
        kept.reverse();
        for (parcel, failure) in failed.into_iter().rev() {
            self.receivers.fail(parcel, failure, &shard, label);
        }
        self.route_again(number, kept);
        self.fail_if_lost(number);
        self.let_crowd_in(number);
    }

    /// The reply to a request had begun, and its end will not come.
    fn fail_begun(&mut self, begun: Parcel, shard: &str, label: usize) {
        self.receivers.break_off(&begun);
        if self.receivers.client_of(begun.target).is_none() {
            return self.receivers.count_left(&begun, label);
        }
        let failure = match retry::end(&begun, true) {
            Fate::Unknown => Failure::Unknown,
            Fate::SendAgain | Fate::NotApplied => Failure::NotApplied,
        };
        self.receivers.fail(begun, failure, shard, label);
    }

    /// The lane may be tried again: it is closed, and opened when somebody asks for it. Whether it had been refused.
    pub(crate) fn forget_refusal(&mut self, number: PipeNumber) -> bool {
        let Some(pipe) = self.pipes.get_mut(number) else {
            return false;
        };
        let was_refused = pipe.refusal.take().is_some();
        if was_refused {
            self.close_pipe(number);
        }
        was_refused
    }

    /// The node could not be reached; as long as it may come back soon, its line waits.
    pub(crate) fn pipe_not_connected(&mut self, number: PipeNumber, error: &PipeError) {
        let now_ms = self.now_ms();
        let Some((pipe, node)) = self.pipes.with_node(number) else {
            return;
        };
        if let Some(text) = error.of_its_lane() {
            // The node is well, and said so: the trouble is the lane's own.
            tracing::warn!(node = %node.id, address = %node.address, %error, "node refuses commands of a database or protocol");
            node.reach.connected();
            pipe.refusal = Some(text.into());
            return match pipe.lane.role.is_reader() {
                true => self.leave_line(number),
                false => self.fail_line(number),
            };
        }
        if error.is_about_password() {
            if !node.reach.is_barred() {
                tracing::error!(node = %node.id, address = %node.address, %error, "node does not let the proxy in; set node-password to the node's requirepass");
            }
            node.reach.barred(now_ms);
        } else {
            let (id, address) = (&node.id, &node.address);
            match error {
                _ if node.reach.is_lost() => {}
                error if error.is_about_fence() => {
                    tracing::info!(node = %id, %address, %error, "node does not obey at this epoch; it is asked again");
                }
                error => tracing::warn!(node = %id, %address, %error, "node cannot be reached"),
            }
            node.reach.lost(now_ms);
            self.proxy.sightings.tell(&node.id, error);
        }
        self.fail_if_lost(number);
    }

    /// Those who wait for a node that has been lost for too long are told so; nobody waits for a follower.
    fn fail_if_lost(&mut self, number: PipeNumber) {
        let now_ms = self.now_ms();
        if self.pipes.is_to_be_left(number) {
            self.leave_line(number);
        } else if self.pipes.is_down(number, now_ms) {
            self.fail_line(number);
        }
    }

    /// What waits in the line of a follower that cannot be asked goes to the primary.
    fn leave_line(&mut self, number: PipeNumber) {
        let Some(pipe) = self.pipes.get_mut(number) else {
            return;
        };
        if pipe.lane.tells != Tells::Nothing {
            self.receivers.doubt_all();
        }
        let aside = std::mem::take(&mut pipe.aside);
        let mut left = pipe.line.take_all();
        left.extend(aside.parcels);
        self.route_again(number, left);
        self.let_crowd_in(number);
    }

    /// Nothing in the line of a pipe without connection will be sent: all are told so. What was sent before and is still here only reads.
    fn fail_line(&mut self, number: PipeNumber) {
        let Some((pipe, node)) = self.pipes.with_node(number) else {
            return;
        };
        debug_assert!(!pipe.is_open, "an open pipe answers by itself");
        let failure = match &pipe.refusal {
            Some(text) => Failure::Refused(text),
            None => Failure::to_send(&node.reach),
        };
        let aside = std::mem::take(&mut pipe.aside);
        for recovered in pipe.line.take_all().into_iter().chain(aside.parcels) {
            self.receivers
                .fail(recovered.parcel, failure, &node.shard, node.shard_index);
        }
        self.let_crowd_in(number);
    }

    /// A new connection stands, and the node has cut the one before it: what may have lain there is never carried out.
    pub(crate) fn old_connection_cut(&mut self, number: PipeNumber) {
        if self.receivers.late.are_in(number) {
            self.receivers.late.cut(number);
            self.let_crowd_in(number);
        }
    }

    /// Nobody needs this pipe any more, for its node leads no shard or nothing waits, and it has no connection: what waits in its line goes where it belongs,
    /// and it is closed.
    pub(crate) fn close_pipe(&mut self, number: PipeNumber) {
        let Some(pipe) = self.pipes.get_mut(number) else {
            return;
        };
        let aside = std::mem::take(&mut pipe.aside);
        let mut left = pipe.line.take_all();
        left.extend(aside.parcels);
        self.route_again(number, left);
        self.receivers.late.cut(number);
        self.let_crowd_in(number);
        self.pipes.close(number);
    }

    /// What these clients had asked, and is not sent yet, never will be: they are told so, as far as they still listen.
    pub(crate) fn fail_unsent_of(&mut self, clients: &HashSet<Key>) {
        for number in self.pipes.numbers() {
            self.drop_unsent(number, |receivers, parcel| {
                let client = receivers.client_of(parcel.target);
                client.is_none_or(|client| clients.contains(&client))
            });
        }
    }

    /// Of what was asked over this pipe and is not sent yet, that which `is_over` never will be.
    fn drop_unsent(&mut self, number: PipeNumber, is_over: impl Fn(&Receivers, &Parcel) -> bool) {
        let Some((pipe, node)) = self.pipes.with_node(number) else {
            return;
        };
        let mut buffers = std::mem::take(&mut self.receivers.buffers);
        let receivers = &self.receivers;
        let is_over = |parcel: &Parcel| is_over(receivers, parcel);
        let mut dropped = Vec::new();
        pipe.line
            .drop_unsent(&mut buffers, is_over, |parcel| dropped.push(parcel));
        pipe.aside.drop_some(is_over, |parcel| dropped.push(parcel));
        self.receivers.buffers = buffers;
        for parcel in &dropped {
            if self.receivers.client_of(parcel.target).is_none() {
                self.receivers.count_left(parcel, node.shard_index);
            } else {
                let (shard, label) = (&node.shard, node.shard_index);
                self.receivers
                    .fail(*parcel, Failure::NotApplied, shard, label);
            }
        }
        if !dropped.is_empty() {
            self.let_crowd_in(number);
        }
    }

    /// A node that is to answer much for nobody is cut off, when nothing is lost by that: it would work for minutes, and others would wait.
    fn doom_if_for_nobody(&mut self, number: PipeNumber) {
        let receivers = &self.receivers;
        let Some(pipe) = self.pipes.get_mut(number) else {
            return;
        };
        if pipe.unwanted_bytes < MOST_UNWANTED_BYTES || !pipe.is_open || pipe.doom.is_some() {
            return;
        }
        let is_for_nobody = |parcel: &Parcel| receivers.client_of(parcel.target).is_none();
        if let Some(requests) = pipe.line.sent_for(is_for_nobody)
            && requests >= MOST_UNWANTED_REQUESTS
        {
            pipe.doom = Some(PipeError::Unwanted { requests });
            self.pipes.mark_dirty(number);
        }
    }

    /// Deadlines of pipes and of the requests in them.
    pub(crate) fn tick_pipes(&mut self) {
        self.ask_quiet_tellers();
        let now_ms = self.now_ms();
        let deadline = self.proxy.config.request_deadline;
        let some_left = std::mem::take(&mut self.receivers.some_left);
        for number in self.pipes.numbers() {
            self.give_up_late(number, deadline);
            self.fail_if_lost(number);
            if some_left {
                // A write that came before its client went is carried out, as by any server; a read has become useless.
                self.drop_unsent(number, |receivers, parcel| {
                    parcel.retry == Retry::Safe && receivers.client_of(parcel.target).is_none()
                });
            }
            self.doom_if_for_nobody(number);
            if self.receivers.late.are_in(number) {
                // Who waits for the end of these has a deadline too.
                self.let_crowd_in(number);
            } else {
                self.let_more_in(number);
            }
            let Some((pipe, node)) = self.pipes.with_node(number) else {
                continue;
            };
            let owes = pipe.is_open && pipe.doom.is_none() && pipe.line.is_owed();
            if owes
                && !node.is_current
                && node.may_be_replaced()
                && pipe.silence.is_over(now_ms, REPLACED_PATIENCE)
            {
                // Its shard's keys are served elsewhere, and whoever waits here for an answer could go on there.
                pipe.doom = Some(PipeError::Replaced);
                self.pipes.mark_dirty(number);
            } else if owes
                && pipe.lane.role.is_reader()
                && pipe.silence.is_over(now_ms, follower_patience(deadline))
            {
                let after_ms = follower_patience(deadline).as_millis();
                pipe.doom = Some(PipeError::SlowFollower { after_ms });
                self.pipes.mark_dirty(number);
            } else if owes && pipe.silence.is_over(now_ms, deadline) {
                // One request without an answer holds up all behind it: the pipe is given up, and each is told what is true for it.
                let after_ms = deadline.as_millis();
                pipe.doom = Some(PipeError::Silent { after_ms });
                self.pipes.mark_dirty(number);
            }
        }
    }

    /// Whose deadline is over is told what is true for him. What was sent keeps its place in the pipe, so that others do not suffer; its reply is dropped.
    fn give_up_late(&mut self, number: PipeNumber, deadline: Duration) {
        if deadline.is_zero() {
            return;
        }
        let now = self.receivers.stopwatch.read();
        let Some((pipe, node)) = self.pipes.with_node(number) else {
            return;
        };
        let stopwatch = self.receivers.stopwatch.clone();
        let is_late = |parcel: &Parcel| {
            u128::from(stopwatch.between_ns(parcel.started, now)) >= deadline.as_nanos()
        };
        let mut late = Vec::new();
        let mut buffers = std::mem::take(&mut self.receivers.buffers);
        let receivers = &self.receivers;
        pipe.line.give_up(&mut buffers, is_late, |parcel, sent| {
            late.push((parcel, sent));
            match receivers.client_of(parcel.target) {
                Some(client) if retry::end(&parcel, sent) == Fate::Unknown => Target::Late {
                    client,
                    pipe: number,
                },
                _ => Target::Nobody,
            }
        });
        self.receivers.buffers = buffers;
        pipe.aside
            .drop_some(is_late, |parcel| late.push((parcel, false)));
        let is_shorter = !late.is_empty();
        for (parcel, sent) in late {
            let failure = match retry::end(&parcel, sent) {
                Fate::Unknown => {
                    if let Some(client) = self.receivers.client_of(parcel.target) {
                        self.receivers.late.note(client, number, parcel.count);
                    }
                    Failure::Unknown
                }
                Fate::SendAgain | Fate::NotApplied => Failure::Late,
            };
            let (shard, label) = (&node.shard, node.shard_index);
            self.receivers.fail(parcel, failure, shard, label);
        }
        if is_shorter {
            self.let_crowd_in(number);
        }
    }
}
