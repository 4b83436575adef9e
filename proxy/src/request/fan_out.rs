//! Commands that several shards answer: parts are appended to their pipes, all of them or none, and collected.
//! Reaches: the pipes' lines, the collectors. Never: decides which part goes where ([`crate::route::split`] does), or what the replies come to.

use std::ops::Range;

use shared::command::{self, CommandId, CommandSpec, Merge};
use shared::resp::{Args, ErrorReply, Protocol, ReplyWriter, encode_request, parse_cursor};
use shared::topology::ShardIndex;

use super::behalf::write_for;
use super::forward::{Entry, Run, Vain};
use super::gather::{Asker, Gather};
use super::receivers::Failure;
use super::turn::{Step, Turn};
use super::{Asked, Exchange};
use crate::client::{Source, WaitsFor};
use crate::here::settings;
use crate::pipe::set::PipeNumber;
use crate::pipe::{Parcel, Target};
use crate::route::combine::{self, Combined};
use crate::route::merge::{MOST_SKETCHES, Plan};
use crate::route::scan::ScanCursor;
use crate::route::{self, Place, Split, rounds};
use crate::slab::Key;

/// Most arguments of a command that goes to every shard: such commands name settings and the like, of which there are fewer.
const MOST_ARGS_TO_EVERY_SHARD: usize = 1024;

/// A shard that is asked, and the way to it.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) shard: ShardIndex,
    pub(super) pipe: Result<PipeNumber, Vain>,
}

impl Turn<'_> {
    /// One sub-command per shard; as the client wrote it when one shard owns all keys.
    pub(super) fn split(&mut self, asked: Asked<'_>, run: &mut Run) -> Step {
        if rounds::is_long(asked.spec, asked.frame) {
            return self.begin_rounds(asked, run);
        }
        let mut split = std::mem::take(&mut self.exchange.split);
        let step = match split.plan(asked.spec, asked.args, self.snapshot()) {
            Err(error) => self.answer_error(&error),
            Ok(Some(only)) => self.forward(only, Place::Keys, asked, run),
            Ok(None) => self.send_parts(asked, &split),
        };
        self.exchange.split = split;
        step
    }

    fn send_parts(&mut self, asked: Asked<'_>, split: &Split) -> Step {
        let ways = match self.admit_all(asked, split.shards()) {
            Ok(ways) => ways,
            Err(what) => return Step::Wait(what),
        };
        let gather = self.gather(asked.spec, split.merge_plan(asked.spec), &ways);
        self.send_split(gather, asked.spec, asked.args, split, ways);
        Step::Next
    }

    pub(super) fn send_split(
        &mut self,
        gather: Key,
        spec: &CommandSpec,
        args: Args<'_>,
        split: &Split,
        ways: Vec<Way>,
    ) {
        for (part, way) in (0..).zip(ways) {
            let shard = way.shard;
            self.send_part(gather, part, spec, Place::Keys, &way, |out| {
                split.encode(spec, args, shard, out);
            });
        }
    }

    /// What each shard's own keys come to; as the client wrote it when one shard owns all keys.
    pub(super) fn combine(&mut self, asked: Asked<'_>, run: &mut Run) -> Step {
        let Asked { spec, args, .. } = asked;
        let Some(keys) = combine::keys(spec, args) else {
            return self.forward(route::any_shard(), Place::Anywhere, asked, run);
        };
        if let Some(only) = combine::one_owner(args, keys.clone(), self.snapshot()) {
            return self.forward(only, Place::Keys, asked, run);
        }
        if combine::is_too_long(asked.frame) {
            return self.answer_error(&ErrorReply::CombinedTooLong {
                command: spec.name,
                arguments: combine::MOST_ARGS,
                bytes: combine::MOST_BYTES,
            });
        }
        let mut split = std::mem::take(&mut self.exchange.split);
        split.plan_keys(spec, args, keys.clone(), self.snapshot());
        let step = match spec.merge {
            Merge::OneSketch(asks) => self.fetch_sketches(asked, asks, keys, &split),
            _ => {
                let combined = Combined::of(spec, args, keys);
                self.send_combined(asked, combined.as_ref(), &split)
            }
        };
        self.exchange.split = split;
        step
    }

    /// The sketch at each key, asked for one by one: a shard that has no sketch at one of them says so.
    fn fetch_sketches(
        &mut self,
        asked: Asked<'_>,
        asks: CommandId,
        keys: Range<usize>,
        split: &Split,
    ) -> Step {
        let most = MOST_SKETCHES;
        if keys.len() > most {
            return self.answer_error(&ErrorReply::TooManySketches { most });
        }
        let ways = match self.admit_all(asked, split.owners()) {
            Ok(ways) => ways,
            Err(what) => return Step::Wait(what),
        };
        let gather = self.gather(asked.spec, Plan::CountedTogether, &ways);
        let row = command::spec(asks);
        for ((part, way), key) in (0..).zip(ways).zip(keys) {
            self.send_part(gather, part, row, Place::Keys, &way, |out| {
                encode_request(out, [row.name.as_bytes(), asked.args.at(key)]);
            });
        }
        Step::Next
    }

    /// Parts of a command, or all of it when something in it is wrong, to the shards of its keys.
    fn send_combined(
        &mut self,
        asked: Asked<'_>,
        combined: Option<&Combined>,
        split: &Split,
    ) -> Step {
        let Asked { spec, args, .. } = asked;
        let ways = match self.admit_all(asked, split.shards()) {
            Ok(ways) => ways,
            Err(what) => return Step::Wait(what),
        };
        let plan = combined.map(Combined::making);
        let plan = plan.map_or(Plan::Broken, Plan::Combined);
        let gather = self.gather(spec, plan, &ways);
        for (part, way) in (0..).zip(ways) {
            let shard = way.shard;
            match combined {
                Some(combined) => {
                    let row = combined.asks(part);
                    self.send_part(gather, part, row, Place::Keys, &way, |out| {
                        combined.encode(args, split, (part, shard), out);
                    });
                }
                None => {
                    let place = Place::Shard(self.exchange.pipes.primary(shard).shard_index);
                    self.send_part(gather, part, spec, place, &way, |out| {
                        encode_request(out, args.iter_from(0));
                    });
                }
            }
        }
        Step::Next
    }

    /// The same command to every shard, and what else must be known of each.
    pub(super) fn every_shard(&mut self, asked: Asked<'_>, plan: Plan) -> Step {
        let Asked { spec, args, .. } = asked;
        if args.len() > MOST_ARGS_TO_EVERY_SHARD {
            return self.answer_error(&ErrorReply::TooManyNames);
        }
        let all = route::all_shards(&self.exchange.snapshot);
        let mut ways = match self.admit_all(asked, all) {
            Ok(ways) => ways,
            Err(what) => return Step::Wait(what),
        };
        let plan = plan.with_missing(spec.missing_shard);
        if plan.does_without_the_lost() {
            for way in &mut ways {
                if self.exchange.pipes.primary(way.shard).reach.is_lost() {
                    way.pipe = Err(Vain::Down);
                }
            }
        }
        let shards = ways.len();
        let companion = plan.companion();
        if companion.is_some() {
            ways.extend_from_within(..);
        }
        let gather = self.gather(spec, plan, &ways);
        for (part, way) in (0_u16..).zip(ways) {
            let place = Place::Shard(self.exchange.pipes.primary(way.shard).shard_index);
            match companion {
                Some(companion) if usize::from(part) >= shards => {
                    let spec = command::spec(companion.id);
                    self.send_part(gather, part, spec, place, &way, |out| {
                        encode_request(out, companion.words);
                    });
                }
                _ if spec.id == CommandId::ConfigSet => {
                    self.send_settings(gather, part, asked, place, &way);
                }
                _ => self.send_part(gather, part, spec, place, &way, |out| {
                    encode_request(out, args.iter_from(0));
                }),
            }
        }
        // A node takes longer over such a command than over a GET, and others have theirs in the same line: a row of them would stand before all of these.
        Step::Alone
    }

    /// A shard's share of a CONFIG SET.
    fn send_settings(&mut self, gather: Key, part: u16, asked: Asked<'_>, place: Place, way: &Way) {
        let shards = &self.exchange.snapshot.topology.shards;
        let weights: Vec<u64> = shards
            .iter()
            .map(|shard| shard.weight.get().into())
            .collect();
        let proxy = std::sync::Arc::clone(&self.exchange.proxy);
        self.send_part(gather, part, asked.spec, place, way, |out| {
            let shard = way.shard.as_usize();
            settings::encode_share(asked.args, &proxy.config, &weights, shard, out);
        });
    }

    /// The way to each shard; what to wait for when the client or one of the pipes has no room, and nothing may be appended to any.
    pub(super) fn admit_all(
        &mut self,
        asked: Asked<'_>,
        shards: impl IntoIterator<Item = ShardIndex>,
    ) -> Result<Vec<Way>, WaitsFor> {
        let kind = asked.spec.retry;
        let exchange = &mut *self.exchange;
        let outlet = exchange.receivers.outlet(self.key);
        if !outlet.has_room_for_parts(&exchange.limits, kind) {
            return Err(WaitsFor::Outlet(kind));
        }
        self.ways_to((asked.frame.end - asked.frame.start) as usize, shards)
    }

    /// The same for what has its place in the client's reply queue already; no part has more bytes than these.
    pub(super) fn ways_to(
        &mut self,
        bytes: usize,
        shards: impl IntoIterator<Item = ShardIndex>,
    ) -> Result<Vec<Way>, WaitsFor> {
        let mut ways = Vec::new();
        for shard in shards {
            let (lane, chance) = (self.lane, self.key.place());
            let pipe = self.exchange.pipes.pipe_to(shard, lane, chance);
            let pipe = match self.admit_to(pipe, bytes) {
                Entry::Room(_) => Ok(pipe),
                Entry::Vain(vain) => Err(vain),
                Entry::Wait(what) => return Err(what),
            };
            ways.push(Way { shard, pipe });
        }
        Ok(ways)
    }

    /// Takes a place for a command of several parts, one from each of these shards.
    pub(super) fn gather(&mut self, spec: &CommandSpec, plan: Plan, ways: &[Way]) -> Key {
        let number = self.expect(Source::Gathered, 1);
        let asker = self.asker(number, spec);
        self.gather_for(asker, plan, self.shard_names(ways))
    }

    pub(super) fn shard_names(&self, ways: &[Way]) -> Vec<Box<str>> {
        let name = |way: &Way| self.exchange.pipes.primary(way.shard).shard.clone();
        ways.iter().map(name).collect()
    }

    /// Whose command it is that nodes answer in parts.
    pub(super) fn asker(&self, number: u64, spec: &CommandSpec) -> Asker {
        Asker {
            client: self.key,
            number,
            command: spec.id,
            retry: spec.retry,
            started: self.read,
            is_local: false,
        }
    }

    /// Collects for a place that was taken before.
    pub(super) fn gather_for(&mut self, asker: Asker, plan: Plan, sources: Vec<Box<str>>) -> Key {
        let receivers = &mut self.exchange.receivers;
        let chance = receivers.dice.throw();
        let protocol = self.lane.protocol;
        let most_bytes = self.exchange.limits.hard_bytes;
        let gather = Gather::new(asker, protocol, plan, sources, chance, most_bytes);
        let gather = receivers.gathers.insert(gather);
        receivers.outlet(asker.client).gathers.push_back(gather);
        gather
    }

    /// Appends a part to its pipe, or says why it cannot be.
    pub(super) fn send_part(
        &mut self,
        gather: Key,
        part: u16,
        spec: &CommandSpec,
        place: Place,
        way: &Way,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let target = Target::Part { gather, part };
        let parcel = Parcel::new(target, place, spec.id, 1, self.read);
        let author = way
            .pipe
            .as_ref()
            .ok()
            .and_then(|pipe| self.author(*pipe, spec));
        let Exchange {
            pipes, receivers, ..
        } = &mut *self.exchange;
        let failure = match &way.pipe {
            Ok(pipe) => {
                let buffers = &mut receivers.buffers;
                let write = |out: &mut Vec<u8>| write_for(author, out, write);
                return pipes.line(*pipe).append_with(parcel, buffers, write);
            }
            Err(Vain::Down) => Failure::to_send(&pipes.primary(way.shard).reach),
            Err(Vain::Refused(text)) => Failure::Refused(text),
        };
        let node = pipes.primary(way.shard);
        receivers.fail(parcel, failure, &node.shard, node.shard_index);
    }

    /// SCAN: one shard after the other.
    pub(super) fn walk(&mut self, asked: Asked<'_>) -> Step {
        let Asked { spec, args, .. } = asked;
        let Some(cursor) = parse_cursor(args.at(1)) else {
            return self.answer_error(&ErrorReply::InvalidCursor);
        };
        let cursor = ScanCursor::read(cursor, &self.exchange.snapshot);
        let ways = match self.admit_all(asked, [cursor.shard]) {
            Ok(ways) => ways,
            Err(what) => return Step::Wait(what),
        };
        let gather = self.gather(spec, Plan::Scan(cursor), &ways);
        let place = Place::Shard(self.exchange.pipes.primary(cursor.shard).shard_index);
        for way in ways {
            self.send_part(gather, 0, spec, place, &way, |out| {
                let node_cursor = cursor.node_cursor.to_string();
                let mut request = ReplyWriter::new(out, Protocol::Resp2);
                request.array(args.len());
                request.bulk(args.at(0));
                request.bulk(node_cursor.as_bytes());
                args.iter_from(2).for_each(|arg| request.bulk(arg));
            });
        }
        Step::Next
    }
}
