//! WATCH, and the transaction behind it. A node is told the keys over the pipe that others share, by a name that is drawn for the client's watch, and that EXEC names; a
//! Redis server over a connection of the client's own.
//! Reaches: the client, its leases, the pipes' lines. Never: decides what may be queued ([`crate::route::transaction`] does).
//!
//! - WATCH is acknowledged by the node before anything that its client asks later is sent, by whatever way: what is read then is read under the watch. Before EXEC is sent,
//!   all that was asked earlier has been answered.
//! - What the client reads meanwhile is read at primaries, whatever the policy says: a follower's answer may be older than the watch.
//! - A connection that is lost, or whose node leads the shard no more, has lost what it watched: EXEC answers as if a watched key had changed. When EXEC was sent and no
//!   answer came, nobody knows (`UNKNOWN`), unless the transaction only reads. Of a named watch it is the node that says so: it knows none that came over a connection
//!   which has gone, or at another epoch, and how often WATCH was said by that name.
//! - A node forgets a watch with EXEC, when it is told (NODE UNWATCH), and when the pipe is lost.
//! - A Redis server has no NODE EXEC: a transaction goes to it as MULTI, its commands, EXEC over such a connection, whether anything is watched or not.

use shared::command::{CommandId, Retry};
use shared::resp::{ErrorReply, Protocol, encode_bulk, encode_request, encode_request_head};
use shared::topology::{NodeKind, ShardIndex};

use super::forward::Entry;
use super::lease::{Lost, NEWS};
use super::turn::{Step, Turn};
use super::{Asked, Exchange};
use crate::client::{NamedWatch, Source, Transaction, WaitsFor, Watch};
use crate::pipe::lease::{LeaseKey, Loss, State};
use crate::pipe::verdict::is_stale;
use crate::pipe::{Lane, Parcel, Target};
use crate::route::{self, Place};

/// Words of NODE WATCH that WATCH has not.
const NAME_ARGS: usize = 3;

/// Bytes that they take at most.
const NAME_BYTES: usize = 80;

/// How often a WATCH is sent, when its connection is lost.
const MOST_ATTEMPTS: u8 = 3;

impl Turn<'_> {
    /// WATCH
    pub(super) fn watch(&mut self, asked: Asked<'_>) -> Step {
        self.end_watch_that_is_over();
        if !self.is_watch_asking() && self.missing() > 0 {
            return Step::Wait(WaitsFor::Replies(0));
        }
        self.exchange.receivers.outlet(self.key).has_news = false;
        let routed = route::shard_of(asked.spec, asked.args, self.snapshot());
        let routed = routed.and_then(|routed| self.check_slot_of_watch(asked).map(|()| routed));
        let (shard, place) = match routed {
            Ok(routed) => routed,
            Err(error) => {
                self.stop_asking();
                return self.answer_error(&error);
            }
        };
        if self.watched().is_broken {
            // Nothing more can become of it.
            return self.watch_is_said(asked);
        }
        if self.watched().lease.is_none() && !self.is_plain(shard) {
            return self.watch_by_name(asked, shard, place);
        }
        if self.watched().named.is_some() {
            // A Redis server leads by now.
            self.watched().is_broken = true;
            return self.watch_is_said(asked);
        }
        loop {
            let Some(key) = self.watched().lease else {
                let lane = self.lane_of_watch();
                match self.take_lease(asked.spec, shard, place, lane) {
                    Ok(key) => {
                        let watch = self.watched();
                        watch.lease = Some(key);
                        watch.is_asking = true;
                        continue;
                    }
                    Err(Step::Wait(what)) => return Step::Wait(what),
                    Err(step) => {
                        self.unwatch();
                        return step;
                    }
                }
            };
            if let Some(step) = self.watch_over(asked, key) {
                return step;
            }
        }
    }

    /// WATCH at a node, over the pipe that others share. Its reply is the node's; what is asked next waits for it.
    fn watch_by_name(&mut self, asked: Asked<'_>, shard: ShardIndex, place: Place) -> Step {
        let lane = self.lane_of_watch();
        let exchange = &mut *self.exchange;
        let pipe = exchange.pipes.pipe_to(shard, lane, self.key.place());
        let bytes = (asked.frame.end - asked.frame.start) as usize + NAME_BYTES;
        match self.admit(pipe, bytes, Retry::Safe) {
            Entry::Room(_) => {}
            Entry::Wait(what) => {
                self.stop_asking();
                return Step::Wait(what);
            }
            Entry::Vain(vain) => {
                self.stop_asking();
                return self.answer_in_vain(asked.spec, shard, &vain);
            }
        }
        let drawn = self.exchange.receivers.dice.throw() >> 1;
        let before = self.watched().named;
        let named = NamedWatch {
            name: before.map_or(drawn, |before| before.name),
            times: before.map_or(1, |before| before.times.saturating_add(1)),
            pipe,
            place,
        };
        if let Some(before) = before
            && !self.exchange.pipes.share_node(before.pipe, pipe)
        {
            // What was watched there is lost.
            self.exchange.forget_watch(&before);
        }
        self.watched().named = Some(named);
        self.note_slot_of_watch(asked);
        let first = self.expect(Source::Pipe(pipe), 1);
        let target = Target::Client {
            client: self.key,
            first,
        };
        let mut parcel = Parcel::new(target, place, CommandId::Watch, 1, self.read);
        parcel.retry = Retry::Safe;
        let buffers = &mut self.exchange.receivers.buffers;
        let line = self.exchange.pipes.line(pipe);
        line.append_with(parcel, buffers, |out| {
            encode_request_head(out, asked.args.len() + NAME_ARGS);
            encode_bulk(out, b"NODE");
            encode_bulk(out, b"WATCH");
            for word in named.words() {
                encode_bulk(out, word.as_bytes());
            }
            for key in asked.args.iter_from(1) {
                encode_bulk(out, key);
            }
        });
        Step::Alone
    }

    /// A step of WATCH over its connection; `None`: that is to be opened anew.
    fn watch_over(&mut self, asked: Asked<'_>, key: LeaseKey) -> Option<Step> {
        let late_ms = self.answer_within_ms();
        let Some(lease) = self.exchange.leases.get_mut(key) else {
            self.watched().lease = None;
            return None;
        };
        match lease.state() {
            State::Opening => {
                lease.end_ms = lease.end_ms.or(late_ms);
                self.watched().is_asking = true;
                Some(NEWS)
            }
            State::Asked(_) => Some(NEWS),
            State::Open => {
                if !self.moves_first(key) {
                    self.ask_for_watch(asked, key);
                }
                Some(NEWS)
            }
            State::Answered(_) => {
                let label = lease.label;
                let answer = lease.take_answer();
                if answer.first() == Some(&b'-') {
                    self.watched().moving = None;
                    self.stop_asking();
                    return Some(self.answer_with(asked.spec, label, answer));
                }
                if self.has_moved(key) {
                    return None;
                }
                self.watched().has_keys = true;
                Some(self.watch_is_said(asked))
            }
            State::Lost(loss) => {
                let is_sent = *loss != Loss::Unsent;
                let watch = self.watched();
                if watch.has_keys {
                    watch.is_broken = true;
                    return Some(self.watch_is_said(asked));
                }
                watch.attempts += u8::from(is_sent);
                watch.lease = None;
                if watch.attempts >= MOST_ATTEMPTS {
                    let step = self.answer_lost(asked.spec, key, &Lost::NotApplied);
                    self.end_lease(key);
                    self.unwatch();
                    return Some(step);
                }
                self.end_lease(key);
                None
            }
        }
    }

    fn ask_for_watch(&mut self, asked: Asked<'_>, key: LeaseKey) {
        let late_ms = self.answer_within_ms();
        let exchange = &mut *self.exchange;
        exchange.leases.ask(key, 1, |out| {
            encode_request(out, asked.args.iter_from(0));
        });
        if let Some(lease) = exchange.leases.get_mut(key) {
            lease.end_ms = late_ms;
        }
        self.watched().is_asking = true;
    }

    /// The connection is told first that it speaks from another place, if its client does by now: one thing at a time, for nothing may follow one that is refused.
    fn moves_first(&mut self, key: LeaseKey) -> bool {
        let late_ms = self.answer_within_ms();
        let to = self.lane;
        let exchange = &mut *self.exchange;
        let Some(lease) = exchange.leases.get_mut(key) else {
            return false;
        };
        let Some((words, lane)) = next_move(lease.way.lane, to) else {
            return false;
        };
        lease.is_spent = true;
        lease.end_ms = late_ms;
        exchange
            .leases
            .ask(key, 1, |out| encode_request(out, words));
        let watch = self.watched();
        watch.moving = Some(lane);
        watch.is_asking = true;
        true
    }

    /// What has been answered is that it speaks from there.
    fn has_moved(&mut self, key: LeaseKey) -> bool {
        let Some(lane) = self.watched().moving.take() else {
            return false;
        };
        if let Some(lease) = self.exchange.leases.get_mut(key) {
            lease.way.lane = lane;
        }
        true
    }

    /// The client hears that its keys are watched.
    fn watch_is_said(&mut self, asked: Asked<'_>) -> Step {
        self.note_slot_of_watch(asked);
        self.watched().is_asking = false;
        self.exchange.receivers.stats.record_local();
        self.answer(|reply| reply.simple("OK"));
        Step::Next
    }

    /// What is watched, and queued later, lies in this slot.
    fn note_slot_of_watch(&mut self, asked: Asked<'_>) {
        let snapshot = self.snapshot();
        if !snapshot.is_one_shard() {
            let key = asked.args.at(1);
            let slot = snapshot.slot_of(key);
            let watch = self.watched();
            watch.slot.get_or_insert_with(|| (slot, key.into()));
        }
    }

    /// What the client watches; its transaction may lie there as well.
    fn watched(&mut self) -> &mut Watch {
        self.client.state.watch.get_or_insert_with(Box::default)
    }

    pub(super) fn is_watch_asking(&self) -> bool {
        let watch = self.client.state.watch.as_deref();
        watch.is_some_and(|watch| watch.is_asking)
    }

    fn stop_asking(&mut self) {
        if let Some(watch) = &mut self.client.state.watch {
            watch.is_asking = false;
            if !watch.has_keys && !watch.is_broken && watch.named.is_none() {
                self.unwatch();
            }
        }
    }

    /// All keys that a client watches lie in one slot, where there are several shards.
    fn check_slot_of_watch(&self, asked: Asked<'_>) -> Result<(), ErrorReply> {
        let watch = self.client.state.watch.as_deref();
        let key = asked.args.at(1);
        match watch.and_then(Watch::slot) {
            Some((slot, first))
                if slot != self.snapshot().slot_of(key)
                    && !self.exchange.snapshot.is_one_shard() =>
            {
                Err(ErrorReply::cross_slot(first, key))
            }
            _ => Ok(()),
        }
    }

    /// What is queued later may have keys of the strictest policy.
    fn lane_of_watch(&self) -> Lane {
        let policies = &self.exchange.policies;
        let exec = shared::command::spec(CommandId::Exec);
        let role = match policies.differ() {
            true => policies.of_many(exec).role.at_primary(),
            false => policies.usual(),
        };
        Lane { role, ..self.lane }
    }

    /// Nothing is watched any more.
    pub(super) fn unwatch(&mut self) {
        let Some(watch) = self.client.state.watch.take() else {
            return;
        };
        if let Some(lease) = watch.lease {
            self.give_back(lease, watch.has_keys);
        }
        if let Some(named) = watch.named {
            self.exchange.forget_watch(&named);
        }
    }

    /// The EXEC that was sent has been answered.
    pub(super) fn end_watch_that_is_over(&mut self) {
        if self
            .client
            .state
            .watch
            .as_deref()
            .is_some_and(|watch| watch.is_over)
        {
            self.unwatch();
        }
    }

    /// UNWATCH
    pub(super) fn unwatch_said(&mut self) -> Step {
        self.unwatch();
        self.ok()
    }

    /// Whether a Redis server leads a shard.
    pub(super) fn is_plain(&self, shard: ShardIndex) -> bool {
        let topology = &self.exchange.snapshot.topology;
        let shard = topology.shards.get(shard.as_usize());
        let node = shard.and_then(|shard| topology.node(&shard.primary));
        node.is_some_and(|node| node.kind == NodeKind::Redis)
    }

    /// EXEC of what is complete, over the client's own connection. Where nothing is watched one is taken for it.
    pub(super) fn execute_over_lease(
        &mut self,
        queue: &Transaction,
        asked: Asked<'_>,
        (shard, place): (ShardIndex, Place),
    ) -> Step {
        if !self.is_watch_asking() && self.missing() > 0 {
            return Step::Wait(WaitsFor::Replies(0));
        }
        self.exchange.receivers.outlet(self.key).has_news = false;
        loop {
            if self.watched().is_broken {
                return self.exec_is_void();
            }
            let Some(key) = self.watched().lease else {
                let role = queue
                    .pledge
                    .map_or(self.lane.role, crate::pipe::Role::Primary);
                let lane = Lane { role, ..self.lane };
                match self.take_lease(asked.spec, shard, place, lane) {
                    Ok(key) => self.watched().lease = Some(key),
                    Err(Step::Wait(what)) => return Step::Wait(what),
                    Err(step) => {
                        self.unwatch();
                        return step;
                    }
                }
                continue;
            };
            if let Some(step) = self.execute_over(queue, asked, key) {
                return step;
            }
        }
    }

    /// A step of EXEC; `None`: look again.
    fn execute_over(
        &mut self,
        queue: &Transaction,
        asked: Asked<'_>,
        key: LeaseKey,
    ) -> Option<Step> {
        let late_ms = self.answer_within_ms();
        let Some(lease) = self.exchange.leases.get_mut(key) else {
            let watch = self.watched();
            watch.lease = None;
            watch.is_broken = watch.has_keys;
            return None;
        };
        match lease.state() {
            State::Opening => {
                lease.end_ms = lease.end_ms.or(late_ms);
                self.watched().is_asking = true;
                Some(NEWS)
            }
            State::Asked(_) => Some(NEWS),
            State::Open => {
                if !self.moves_first(key) {
                    self.ask_to_execute(queue, key);
                }
                Some(NEWS)
            }
            State::Answered(_) => {
                let label = lease.label;
                let answer = lease.take_answer();
                if let Some(step) = self.answer_of_move(key, &answer) {
                    return step;
                }
                if is_stale(&answer) {
                    let watch = self.watched();
                    watch.is_broken = watch.has_keys;
                    watch.lease = None;
                    self.end_lease(key);
                    return None;
                }
                // A key had changed.
                self.is_refused |= matches!(&answer[..], b"*-1\r\n" | b"_\r\n");
                let step = self.answer_with(asked.spec, label, answer);
                self.watched().has_keys = false;
                self.unwatch();
                Some(step)
            }
            State::Lost(loss) => {
                let loss = *loss;
                self.lost_executing(queue, asked, key, loss)
            }
        }
    }

    /// What has been answered, if it was that the connection moves: nothing of the transaction has been sent. `Some(None)`: look again.
    fn answer_of_move(&mut self, key: LeaseKey, answer: &[u8]) -> Option<Option<Step>> {
        let is_refused = answer.first() == Some(&b'-');
        if !self.has_moved(key) {
            return None;
        }
        if !is_refused {
            return Some(None);
        }
        self.unwatch();
        let text = String::from_utf8_lossy(answer.get(1..).unwrap_or_default());
        let error = ErrorReply::exec_refused(text.trim_end());
        Some(Some(self.answer_error(&error)))
    }

    fn ask_to_execute(&mut self, queue: &Transaction, key: LeaseKey) {
        let late_ms = self.answer_within_ms();
        let lease = self.exchange.leases.get_mut(key);
        let Some(place) = lease.map(|lease| lease.place) else {
            return;
        };
        let shard = self.exchange.shard_at(place);
        let is_plain = shard.is_some_and(|shard| self.is_plain(shard));
        let exchange = &mut *self.exchange;
        let replies = match is_plain {
            true => queue.len() + 2,
            false => 1,
        };
        exchange.leases.ask(key, replies, |out| match is_plain {
            true => queue.encode_in_words(out),
            false => queue.encode(None, out),
        });
        if let Some(lease) = exchange.leases.get_mut(key) {
            lease.end_ms = late_ms;
        }
        self.watched().is_asking = true;
    }

    fn lost_executing(
        &mut self,
        queue: &Transaction,
        asked: Asked<'_>,
        key: LeaseKey,
        loss: Loss,
    ) -> Option<Step> {
        let watch = self.watched();
        let was_watching = watch.has_keys;
        let why = match loss {
            Loss::Unsent if was_watching => None,
            Loss::Unsent => {
                watch.lease = None;
                self.end_lease(key);
                return None;
            }
            Loss::TooLarge => Some(Lost::TooLarge),
            // Nothing was changed, and the client asks again.
            Loss::Sent if queue.retry == Retry::Safe && was_watching => None,
            Loss::Sent if queue.retry == Retry::Safe => Some(Lost::NotApplied),
            Loss::Sent => Some(Lost::Unknown),
        };
        let Some(why) = why else {
            return Some(self.exec_is_void());
        };
        let step = self.answer_lost(asked.spec, key, &why);
        self.unwatch();
        Some(step)
    }

    /// EXEC, as if a watched key had changed.
    pub(super) fn exec_is_void(&mut self) -> Step {
        self.is_refused = true;
        self.unwatch();
        self.exchange.receivers.stats.record_local();
        self.answer(|reply| {
            reply.null_array();
        });
        Step::Next
    }
}

impl Exchange {
    /// A node need not know a watch any more. Once the connection of that pipe is lost it does not, and another node that hears of it does nothing.
    pub(super) fn forget_watch(&mut self, named: &NamedWatch) {
        let node = self.pipes.with_node(named.pipe);
        if node.is_none_or(|(_, node)| node.is_plain) {
            return;
        }
        let [name, _] = named.words();
        self.say_unasked(named.pipe, |out| {
            encode_request(out, ["NODE", "UNWATCH", &name]);
        });
    }
}

/// What is said next over a connection that speaks from one place so that it speaks from another, and from where it speaks then.
fn next_move(from: Lane, to: Lane) -> Option<(Vec<String>, Lane)> {
    if from.protocol != to.protocol {
        let version = match to.protocol {
            Protocol::Resp2 => "2",
            Protocol::Resp3 => "3",
        };
        let lane = Lane {
            protocol: to.protocol,
            ..from
        };
        return Some((vec!["HELLO".to_owned(), version.to_owned()], lane));
    }
    let lane = Lane {
        database: to.database,
        ..from
    };
    let words = || vec!["SELECT".to_owned(), to.database.to_string()];
    (from.database != to.database).then(|| (words(), lane))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipe::{Class, Pledge, Role, Tells};

    #[test]
    fn a_connection_follows_its_client_to_another_database_and_protocol() {
        let lane = |protocol, database| Lane {
            role: Role::Primary(Pledge::Async),
            class: Class::Common,
            tells: Tells::Nothing,
            protocol,
            database,
        };
        let check = |to: Lane, expected: &[&str]| {
            let mut from = lane(Protocol::Resp2, 0);
            for expected in expected {
                let (words, next) = next_move(from, to).unwrap();
                assert_eq!(words.join(" "), *expected);
                from = next;
            }
            assert_eq!(next_move(from, to), None);
        };
        check(lane(Protocol::Resp2, 0), &[]);
        check(lane(Protocol::Resp2, 3), &["SELECT 3"]);
        check(lane(Protocol::Resp3, 3), &["HELLO 3", "SELECT 3"]);
    }
}
