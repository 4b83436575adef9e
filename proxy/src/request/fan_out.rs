//! Commands that several shards answer: parts are appended to their pipes, all of them or none, and collected.
//! Reaches: the pipes' lines, the collectors. Never: decides which part goes where ([`crate::route::split`] does), or what the replies come to.

use shared::command::CommandSpec;
use shared::resp::{
    Args, ErrorReply, Protocol, ReplyWriter, Request, encode_request, parse_cursor,
};
use shared::topology::ShardIndex;

use crate::client::Source;
use crate::pipe::set::{Admission, PipeNumber};
use crate::pipe::{Target, Waiter};
use crate::request::gather::Gather;
use crate::request::receivers::Failure;
use crate::request::{Dispatcher, Run, Step};
use crate::route::merge::Plan;
use crate::route::rounds::{self, Rounds};
use crate::route::scan::ScanCursor;
use crate::route::split::{Found, Search};
use crate::route::{self, Split};
use crate::slab::Key;
use crate::thread::ProxyThread;

/// Keys whose owner is looked for before others get their turn: a quarter of a millisecond.
const KEYS_PER_TURN: usize = 16 * 1024;

/// Most arguments of a command that goes to every shard: such commands name settings and the like, of which there are fewer.
const MOST_ARGS_TO_EVERY_SHARD: usize = 1024;

impl ProxyThread {
    /// Sends the next round of a client's command over many keys, of these arguments, by the topology of the moment. What cannot be sent yet is tried
    /// again when the client is woken.
    pub(crate) fn send_round(&mut self, key: Key, args: Args<'_>) {
        self.follow_topology();
        let version = self.snapshot.version();
        let Some(client) = self.receivers.clients.get_mut(key) else {
            return;
        };
        client.state.active_ms = self.tick_ms;
        if client.routed_by != version {
            // What the client asked before, by an older topology, must not be overtaken. The command's own place is missing as well.
            if client.queue.missing() > 1 {
                return;
            }
            client.routed_by = version;
        }
        if let Some(mut dispatcher) = self.dispatcher(key, None) {
            dispatcher.send_round(args);
        }
        self.receivers.mark_dirty(key);
        self.wake_flusher();
    }
}

impl Dispatcher<'_> {
    /// One sub-command per shard; as the client wrote it when one shard owns all keys.
    pub(crate) fn split(
        &mut self,
        spec: &'static CommandSpec,
        buffer: &[u8],
        request: &Request,
        args: Args<'_>,
        run: &mut Run,
    ) -> Step {
        if rounds::is_long(spec, request) {
            return self.begin_rounds(spec, buffer, request, args, run);
        }
        let mut split = std::mem::take(self.split);
        let step = match split.plan(spec, args, self.snapshot) {
            Err(error) => self.answer_error(&error),
            Ok(Some(only)) => self.forward(only, spec, buffer, request, args, run),
            Ok(None) => self.send_parts(spec, args, &split),
        };
        *self.split = split;
        step
    }

    fn send_parts(&mut self, spec: &'static CommandSpec, args: Args<'_>, split: &Split) -> Step {
        let Some(lines) = self.admit_all(split.shards()) else {
            return Step::Wait;
        };
        let gather = self.gather(split.merge_plan(spec), &lines);
        self.send_split(gather, spec, args, split, lines);
        Step::Next
    }

    fn send_split(
        &mut self,
        gather: Key,
        spec: &CommandSpec,
        args: Args<'_>,
        split: &Split,
        lines: Vec<(ShardIndex, Option<PipeNumber>)>,
    ) {
        for (part, (shard, line)) in (0..).zip(lines) {
            self.send_part(gather, part, spec, shard, line, |out| {
                split.encode(spec, args, shard, out);
            });
        }
    }

    /// Very many keys: some at a time, unless one shard owns them all.
    fn begin_rounds(
        &mut self,
        spec: &'static CommandSpec,
        buffer: &[u8],
        request: &Request,
        args: Args<'_>,
        run: &mut Run,
    ) -> Step {
        if self.room_of_client() == 0 {
            return Step::Wait;
        }
        match self.search(spec, args) {
            Err(error) => self.answer_error(&error),
            Ok(Found::NotYet) => Step::Again,
            Ok(Found::One(only)) => {
                let step = self.forward(only, spec, buffer, request, args, run);
                if !matches!(step, Step::Wait)
                    && let Some(client) = self.receivers.clients.get_mut(self.key)
                {
                    client.search = None;
                }
                step
            }
            Ok(Found::Several) => {
                let number = self.expect(Source::Gathered, 1);
                if let Some(client) = self.receivers.clients.get_mut(self.key) {
                    let rounds = Rounds::new(spec, number, args.len());
                    client.rounds = Some(Box::new(rounds));
                }
                Step::Begun
            }
        }
    }

    /// Goes on looking for the owner of all keys of the client's next command.
    fn search(&mut self, spec: &CommandSpec, args: Args<'_>) -> Result<Found, ErrorReply> {
        let Some(client) = self.receivers.clients.get_mut(self.key) else {
            return Ok(Found::NotYet);
        };
        let begun = client.search.take();
        let mut search = begun
            .filter(|search| search.goes_by(self.snapshot))
            .unwrap_or_else(|| Search::new(self.snapshot));
        let found = search.go_on(spec, args, self.snapshot, KEYS_PER_TURN)?;
        if found != Found::Several {
            client.search = Some(search);
        }
        Ok(found)
    }

    /// Sends the next round of the client's command, if there is room for all its parts.
    fn send_round(&mut self, args: Args<'_>) {
        let clients = &self.receivers.clients;
        let Some(rounds) = clients.get(self.key).and_then(|c| c.rounds.as_deref()) else {
            return;
        };
        let (spec, number, is_begun) = (rounds.spec, rounds.number, rounds.is_begun());
        let round = rounds.next_round(args);
        let mut split = std::mem::take(self.split);
        split.plan_keys(spec, args, round.clone(), self.snapshot);
        if let Some(lines) = self.lines_to(split.shards()) {
            let mut plan = split.merge_plan(spec);
            if is_begun {
                plan = plan.behind_others();
            }
            // Its end may come at once, when no shard can be reached.
            if let Some(client) = self.receivers.clients.get_mut(self.key)
                && let Some(rounds) = &mut client.rounds
            {
                rounds.begin(&round);
            }
            let gather = self.gather_for(number, plan, self.shard_names(&lines));
            self.send_split(gather, spec, args, &split, lines);
        }
        *self.split = split;
    }

    /// The same command to every shard.
    pub(crate) fn every_shard(
        &mut self,
        spec: &'static CommandSpec,
        args: Args<'_>,
        plan: Plan,
    ) -> Step {
        if args.len() > MOST_ARGS_TO_EVERY_SHARD {
            return self.answer_error(&ErrorReply::TooManyNames);
        }
        let Some(mut lines) = self.admit_all(route::all_shards(self.snapshot)) else {
            return Step::Wait;
        };
        if plan.does_without_the_lost() {
            for (shard, line) in &mut lines {
                if self.pipes.primary(*shard).reach.is_lost() {
                    *line = None;
                }
            }
        }
        let gather = self.gather(plan, &lines);
        for (part, (shard, line)) in (0..).zip(lines) {
            self.send_part(gather, part, spec, shard, line, |out| {
                encode_request(out, args.iter_from(0));
            });
        }
        Step::Next
    }

    /// The pipe of each shard, or that it is down; `None` when one of them is full, and nothing may be appended to any.
    pub(crate) fn admit_all(
        &mut self,
        shards: impl IntoIterator<Item = ShardIndex>,
    ) -> Option<Vec<(ShardIndex, Option<PipeNumber>)>> {
        if self.room_of_client() == 0 {
            return None;
        }
        self.lines_to(shards)
    }

    /// The same for what has its place in the client's reply queue already.
    fn lines_to(
        &mut self,
        shards: impl IntoIterator<Item = ShardIndex>,
    ) -> Option<Vec<(ShardIndex, Option<PipeNumber>)>> {
        let mut lines = Vec::new();
        for shard in shards {
            let pipe = self.pipes.pipe_to(shard, self.lane());
            match self.admit_to(pipe) {
                Admission::Room(_) => lines.push((shard, Some(pipe))),
                Admission::Down(_) => lines.push((shard, None)),
                Admission::Full => return None,
            }
        }
        Some(lines)
    }

    /// Takes a place for a command of several parts, one from each of these shards.
    pub(crate) fn gather(&mut self, plan: Plan, lines: &[(ShardIndex, Option<PipeNumber>)]) -> Key {
        self.gather_from(plan, self.shard_names(lines))
    }

    fn shard_names(&self, lines: &[(ShardIndex, Option<PipeNumber>)]) -> Vec<Box<str>> {
        let name = |shard: ShardIndex| self.pipes.primary(shard).shard.clone();
        lines.iter().map(|(shard, _)| name(*shard)).collect()
    }

    /// Takes a place for a reply that is put together from several.
    pub(crate) fn gather_from(&mut self, plan: Plan, sources: Vec<Box<str>>) -> Key {
        let number = self.expect(Source::Gathered, 1);
        self.gather_for(number, plan, sources)
    }

    /// Collects for a place that was taken before.
    fn gather_for(&mut self, number: u64, plan: Plan, sources: Vec<Box<str>>) -> Key {
        let chance = self.receivers.dice.throw();
        let gather = Gather::new(
            self.key,
            number,
            self.lane().protocol,
            plan,
            sources,
            chance,
        );
        self.receivers.gathers.insert(gather)
    }

    /// Appends a part to its pipe, or says that its shard is down.
    pub(crate) fn send_part(
        &mut self,
        gather: Key,
        part: u16,
        spec: &CommandSpec,
        shard: ShardIndex,
        line: Option<PipeNumber>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let waiter = Waiter {
            target: Target::Part { gather, part },
            started: self.now,
            count: 1,
            command: spec.id,
            attempts: 0,
        };
        match line {
            Some(pipe) => self
                .pipes
                .append_with(pipe, waiter, &mut self.receivers.buffers, write),
            None => {
                let node = self.pipes.primary(shard);
                self.receivers
                    .fail(waiter, Failure::NotApplied, &node.shard, node.shard_index);
            }
        }
    }

    /// SCAN: one shard after the other.
    pub(crate) fn walk(&mut self, spec: &'static CommandSpec, args: Args<'_>) -> Step {
        let Some(cursor) = parse_cursor(args.at(1)) else {
            return self.answer_error(&ErrorReply::InvalidCursor);
        };
        let cursor = ScanCursor::read(cursor, self.snapshot);
        let Some(lines) = self.admit_all([cursor.shard]) else {
            return Step::Wait;
        };
        let gather = self.gather(Plan::Scan(cursor), &lines);
        for (shard, line) in lines {
            self.send_part(gather, 0, spec, shard, line, |out| {
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
