//! BLPOP, BRPOP, BZPOPMIN and BZPOPMAX over keys of several shards ([`crate::client::Apart`] says how): asked over the pipes, awaited over connections of the client's own.
//! Reaches: the client, its leases, the pipes. Never: decides which key is next.
//!
//! What is awaited takes nothing: its connections may break, or its shards get other owners, at any time, and are asked anew. What takes something is a request like any
//! other, told `UNKNOWN` when its reply is lost; it is the answer to the whole command then. Who waits for several shards stands in no node's queue: one who waits for a
//! key of that shard alone is served before him.

use bytes::Bytes;
use shared::command;
use shared::resp::LeaseError;
use shared::topology::ShardIndex;
use shared::wait_time;

use super::Asked;
use super::fan_out::Way;
use super::forward::Entry;
use super::gather::Asker;
use super::lease::NEWS;
use super::receivers::ASKING;
use super::turn::{Step, Turn};
use crate::client::{Apart, Pop, ReplyBytes, Source, as_blocking_says};
use crate::pipe::lease::State;
use crate::pipe::verdict::{is_null, is_to_be_asked_again};
use crate::route::Place;
use crate::route::merge::{Change, Plan};

/// Neighbours on one shard are asked together; so many times at most, one after the other.
const MOST_ASKS: usize = 1_024;

/// How long beyond its time keys are still asked, milliseconds: all of them are asked once, as far as that does not take long.
const LATE_MS: u64 = 500;

/// What a node says of a key of another type.
const WRONG_TYPE: &[u8] = b"-WRONGTYPE ";

impl Turn<'_> {
    /// Whether the command may wait for keys of several shards: all of them have nodes that can be asked for that.
    pub(super) fn may_wait_apart(&self, asked: Asked<'_>, has_begun: bool) -> Option<Pop> {
        let pop = Pop::of(asked.spec)?;
        if has_begun {
            return Some(pop);
        }
        let apart = Apart::new(asked.args, self.snapshot());
        let is_plain = apart.asks.iter().any(|(shard, _)| self.is_plain(*shard));
        (!is_plain).then_some(pop)
    }

    /// A step of the command; it waits, or is over.
    pub(super) fn block_apart(&mut self, asked: Asked<'_>, pop: Pop) -> Step {
        let Some(mut apart) = self
            .client
            .blocking
            .as_mut()
            .and_then(|blocking| blocking.apart.take())
        else {
            if let Err(error) = wait_time::seconds(asked.args.at(asked.args.len() - 1)) {
                return self.answer_error(&error);
            }
            let apart = Box::new(Apart::new(asked.args, self.snapshot()));
            if apart.asks.len() > MOST_ASKS {
                return self.answer_error(&LeaseError::TooManyAsks(MOST_ASKS).into());
            }
            return self.go_on_apart(asked, pop, apart);
        };
        apart.asks.retain(|(_, keys)| !keys.is_empty());
        self.go_on_apart(asked, pop, apart)
    }

    fn go_on_apart(&mut self, asked: Asked<'_>, pop: Pop, mut apart: Box<Apart>) -> Step {
        let step = loop {
            if let Some(step) = self.next_apart(asked, pop, &mut apart) {
                break step;
            }
        };
        if let Step::Wait(_) = step {
            if let Some(blocking) = self.client.blocking.as_mut() {
                blocking.apart = Some(apart);
            }
            return step;
        }
        for lease in apart.awaited.iter().filter_map(|known| known.lease) {
            self.give_back(lease, false);
        }
        step
    }

    /// `None`: look again.
    fn next_apart(&mut self, asked: Asked<'_>, pop: Pop, apart: &mut Apart) -> Option<Step> {
        if apart.is_asking {
            let Some(reply) = self.exchange.receivers.outlet(self.key).asked.take() else {
                return Some(NEWS);
            };
            apart.is_asking = false;
            return self.answer_apart(asked, apart, reply);
        }
        if let Some(step) = self.unblocked_here() {
            return Some(step);
        }
        let now_ms = self.exchange.now_ms();
        let is_over = |at_ms: u64| {
            let blocking = self.client.blocking.as_ref();
            blocking.is_some_and(|blocking| blocking.is_over(at_ms))
        };
        let (is_late, is_over) = (is_over(now_ms.saturating_sub(LATE_MS)), is_over(now_ms));
        if is_late {
            return Some(self.answer_time_is_over());
        }
        if let Some((shard, keys)) = apart.asks.pop_front() {
            return self.ask_apart(asked, pop, apart, (shard, keys));
        }
        if is_over && apart.has_awaited {
            return Some(self.answer_time_is_over());
        }
        if !apart.is_of(&self.exchange.snapshot) {
            for lease in apart.await_all(asked.args, self.snapshot()) {
                self.end_lease(lease);
            }
        }
        self.await_apart(asked, pop, apart)
    }

    /// Some keys, all of one shard, are asked.
    fn ask_apart(
        &mut self,
        asked: Asked<'_>,
        pop: Pop,
        apart: &mut Apart,
        (shard, keys): (ShardIndex, Vec<usize>),
    ) -> Option<Step> {
        let lane = crate::pipe::Lane {
            role: self.lane.role.at_primary(),
            ..self.lane
        };
        // The topology may have changed since the keys were put together.
        let owner = |at: &usize| {
            let slot = self.snapshot().slot_of(asked.args.at(*at));
            self.exchange.snapshot.owner(slot)
        };
        if keys.iter().any(|at| owner(at) != shard) {
            for at in keys.iter().rev() {
                apart.asks.push_front((owner(at), vec![*at]));
            }
            return None;
        }
        let pipe = self.exchange.pipes.pipe_to(shard, lane, 0);
        let bytes = asked.frame.end.saturating_sub(asked.frame.start) as usize;
        match self.admit(pipe, bytes, asked.spec.retry) {
            Entry::Room(_) => {}
            Entry::Wait(what) => {
                apart.asks.push_front((shard, keys));
                return Some(Step::Wait(what));
            }
            Entry::Vain(vain) => return Some(self.answer_in_vain(asked.spec, shard, &vain)),
        }
        let spec = command::spec(pop.asks);
        let asker = Asker {
            // Each begins when it is sent, however long its client has waited by then.
            started: self.exchange.receivers.stopwatch.read(),
            ..self.asker(ASKING, spec)
        };
        let plan = Plan::Table {
            rule: spec.merge,
            change: Change::of(spec),
        };
        let name = self.exchange.pipes.primary(shard).shard.clone();
        let gather = self.gather_for(asker, plan, vec![name]);
        let way = Way {
            shard,
            pipe: Ok(pipe),
        };
        let args = asked.args;
        self.send_part(gather, 0, spec, Place::Keys, &way, |out| {
            pop.encode(args, &keys, out);
        });
        apart.is_asking = true;
        Some(NEWS)
    }

    /// What was asked is answered. `None`: it has nothing.
    fn answer_apart(&mut self, asked: Asked<'_>, apart: &Apart, reply: Bytes) -> Option<Step> {
        // As at Redis, a key of another type ends nothing once the waiting has begun.
        if is_null(&reply) || apart.has_awaited && reply.starts_with(WRONG_TYPE) {
            return None;
        }
        let label = self
            .exchange
            .pipes
            .primary(crate::route::any_shard())
            .shard_index;
        let Some((head, rest)) = as_blocking_says(&reply) else {
            return Some(self.answer_with(asked.spec, label, reply));
        };
        let is_silent = self.is_silent();
        let receivers = &mut self.exchange.receivers;
        let elapsed_ns = receivers.stopwatch.since_ns(self.read);
        let outcome = crate::route::Outcome::Whole;
        let stats = &mut receivers.stats;
        stats.record_end(asked.spec.id, None, 1, outcome, elapsed_ns);
        let outlet = receivers.outlets.at_mut(self.key);
        let number = outlet.queue.expect(Source::Gathered, 1, is_silent);
        let buffers = &mut receivers.buffers;
        outlet
            .queue
            .deliver_beginning(number, ReplyBytes::Lent(&head), buffers);
        outlet
            .queue
            .deliver(number, 1, ReplyBytes::Own(rest), asked.spec.retry, buffers);
        receivers.mark_dirty(self.key);
        Some(Step::Next)
    }

    /// Every shard is to say when one of its keys has something. `None`: one has, or is to be asked anew.
    fn await_apart(&mut self, asked: Asked<'_>, pop: Pop, apart: &mut Apart) -> Option<Step> {
        let mut found = Vec::new();
        for index in 0..apart.awaited.len() {
            match self.await_one(asked, pop, apart, index) {
                Ok(key) => found.extend(key),
                Err(step) => return Some(step),
            }
        }
        self.exchange.show_blocked(self.key, true);
        if found.is_empty() {
            return Some(NEWS);
        }
        for key in found {
            apart.is_there(asked.args, &key, self.snapshot());
        }
        None
    }

    /// The key of one shard that has something, if it has said so.
    fn await_one(
        &mut self,
        asked: Asked<'_>,
        pop: Pop,
        apart: &mut Apart,
        index: usize,
    ) -> Result<Option<Bytes>, Step> {
        loop {
            let known = &mut apart.awaited[index];
            let Some(key) = known.lease else {
                let label = self.exchange.pipes.primary(known.shard).shard_index;
                let place = Place::Shard(label);
                known.lease = Some(self.take_lease(asked.spec, known.shard, place, self.lane)?);
                continue;
            };
            let now_ms = self.exchange.now_ms();
            let (until_ms, left_ms) = match &self.client.blocking {
                Some(blocking) => (blocking.until_ms(), blocking.left_ms(now_ms)),
                None => (None, 0),
            };
            let late_ms = until_ms.zip(self.deadline_ms());
            let Some(lease) = self.exchange.leases.get_mut(key) else {
                known.lease = None;
                continue;
            };
            let over = match lease.state() {
                State::Opening => {
                    lease.end_ms = until_ms;
                    return Ok(None);
                }
                State::Asked(_) => return Ok(None),
                State::Open => {
                    lease.end_ms = late_ms.map(|(until_ms, ms)| until_ms.saturating_add(ms));
                    let keys = &known.keys;
                    self.exchange.leases.ask(key, 1, |out| {
                        pop.encode_await(asked.args, keys, left_ms, out);
                    });
                    return Ok(None);
                }
                State::Answered(_) => lease.take_answer(),
                State::Lost(_) => Bytes::new(),
            };
            if let Some(found) = bulk(&over) {
                return Ok(Some(found));
            }
            let is_over = until_ms.is_some_and(|until_ms| now_ms >= until_ms);
            if is_over {
                return Err(self.answer_time_is_over());
            }
            if over.is_empty() || is_to_be_asked_again(&over, true) {
                known.lease = None;
                self.end_lease(key);
                continue;
            }
            return Err(self.answer_with(asked.spec, 0, over));
        }
    }
}

/// The string that a reply is.
fn bulk(reply: &Bytes) -> Option<Bytes> {
    let rest = reply.strip_prefix(b"$")?;
    let line = rest.iter().position(|byte| *byte == b'\r')?;
    let length: usize = std::str::from_utf8(&rest[..line]).ok()?.parse().ok()?;
    let string = rest.get(line + 2..line + 2 + length)?;
    Some(reply.slice_ref(string))
}
