//! CLIENT TRACKING: clients are told when what they have read has changed.
//! Reaches: the clients' outlets, the pipes' lines. Never: decides who wants to be told of what ([`shared::tracking`] does).
//! Invariants: a client that has got a value hears of every change that the value does not have in it, behind it; where that is not sure, it is told at once to forget.
//!
//! ```text
//!  GET ─► a pipe that tells of reads ─► reply ─► out, in order ─► the key is remembered     (until then it stands in the outlet: [`Read`])
//!                                 push ─► whoever has read the key is told, and forgotten
//!  the pipe is lost, or the topology changes ─► everybody is told to forget all
//! ```
//!
//! A change between the reply of a shard and its way out (it waits for another shard's) is not looked for: if there was any of any key, the client is told to forget what it read.
//! What is read over a connection of the client's own is forgotten behind the reply: nobody would tell of it.
//! Of prefixes everybody is told by what nodes say of all keys; what changes, or is doubted, while something of the client's is under way is told again behind it.
//! Bound: keys that are remembered ([`MOST_KEYS`] of all threads, and [`shared::tracking::MOST_KEY_BYTES`] of each); keys of requests under way count as bytes of their clients.

use shared::command::{self, CommandId, CommandSpec, Merge, Route};
use shared::resp::{Args, Protocol, TrackingError, encode_request};
use shared::tracking::{Author, By, Mode, TrackingWish};

use super::receivers::Receivers;
use super::turn::{Step, Turn};
use super::{Asked, Exchange};
use crate::channels::push::{self, Changed};
use crate::client::{Read, Tracks, Transaction};
use crate::pipe::handshake::TELL_ALL;
use crate::pipe::set::PipeNumber;
use crate::pipe::{Class, Lane, Pledge, Role, Tells};
use crate::route::merge::{Change, Plan};
use crate::route::{self, Place};
use crate::slab::Key;

/// Keys that all threads remember together: as many as a node does unless it is told otherwise.
const MOST_KEYS: usize = 1_000_000;

/// Keys that a client is told of again behind what is still to come take so many bytes; beyond that it is told to forget all.
const MOST_DOUBTED_BYTES: usize = 64 * 1024;

/// How long a pipe that tells of changes may be quiet before its node is asked whether it is there, milliseconds.
const QUIET_MS: u64 = 1_000;

impl Receivers {
    /// A node tells of changes over a pipe that does so.
    pub(super) fn hear_of_changes(&mut self, tells: Tells, frame: &[u8]) {
        let Some((changed, author)) = push::changed(frame) else {
            return;
        };
        let by = author.and_then(|author| self.authors.get(&author).copied());
        self.changes += 1;
        match (changed, tells) {
            (_, Tells::Nothing) => {}
            (Changed::All, _) => self.doubt_all(),
            (Changed::Keys(keys), Tells::Reads) => {
                keys.for_each(|key| self.changed(key, by));
            }
            (Changed::Keys(keys), Tells::All) => {
                let by = By::client(by);
                keys.for_each(|key| self.tracking.changed_under_prefixes(key, by));
                self.tell_by_prefix();
            }
        }
    }

    /// Whoever has read this key is told.
    fn changed(&mut self, key: &[u8], by: Option<Key>) {
        let mut readers = Vec::new();
        self.tracking
            .changed(key, by, |client, _| readers.push(client));
        if !readers.is_empty() {
            self.tell_all(&readers, Some(&[key]));
        }
    }

    /// Whoever hears of prefixes is told what has changed.
    fn tell_by_prefix(&mut self) {
        for mut broadcast in self.tracking.take_broadcasts() {
            let clients = std::mem::take(&mut broadcast.clients);
            let is_own = |client: &Key| {
                let mode = self.tracking.mode(*client);
                let may_be = mode.is_some_and(Mode::is_without_own);
                may_be && { broadcast.keys.iter() }.any(|(_, by)| by.client == Some(*client))
            };
            let (own, others): (Vec<Key>, Vec<Key>) = clients.into_iter().partition(is_own);
            let all: Vec<&[u8]> = broadcast.keys.iter().map(|(key, _)| &**key).collect();
            self.tell_prefixes(&others, &all);
            for client in own {
                let keys: Vec<&[u8]> = broadcast.keys_without(client).collect();
                self.tell_prefixes(&[client], &keys);
            }
        }
    }

    fn tell_prefixes(&mut self, clients: &[Key], keys: &[&[u8]]) {
        if keys.is_empty() {
            return;
        }
        self.tell_all(clients, Some(keys));
        // It came by another way than values that are still to come, which may be older.
        for client in clients {
            let keys = keys.iter().map(|key| (*key).into());
            self.doubt_behind(*client, Some(keys.collect()));
        }
    }

    /// Nobody may go on believing what it has read.
    pub(super) fn doubt_all(&mut self) {
        if !self.tracking.is_on() {
            return;
        }
        self.changes += 1;
        let mut clients = Vec::new();
        self.tracking.all_changed(|client, _| clients.push(client));
        self.tell_all(&clients, None);
        // What is under way may be of the time before, and nobody tells of it any more.
        for client in clients {
            self.doubt_behind(client, None);
        }
    }

    /// What a client has asked for, and what is still to come to it, is of an older time than these keys, or any (`None`): it is told so again behind all of it.
    fn doubt_behind(&mut self, client: Key, keys: Option<Vec<Box<[u8]>>>) {
        let Some(outlet) = self.outlets.get_mut(client) else {
            return;
        };
        if outlet.queue.missing() == 0 {
            return;
        }
        let keys = keys.filter(|_| outlet.read_bytes < MOST_DOUBTED_BYTES);
        let read = Read {
            number: outlet.queue.last_expected(),
            since: Some(u64::MAX),
            keys,
        };
        let is_known = |last: &Read| last.keys.is_none() && last.number == read.number;
        if outlet.reads.back().is_some_and(is_known) {
            return;
        }
        outlet.read_bytes += read.key_bytes();
        outlet.reads.push_back(read);
    }

    /// A client has asked for what it is to be told of; `is_doubtful` says that it cannot be.
    fn note_read(&mut self, client: Key, keys: Vec<Box<[u8]>>, is_parted: bool, is_doubtful: bool) {
        let outlet = self.outlets.at_mut(client);
        let since = match (is_doubtful, is_parted) {
            (true, _) => Some(u64::MAX),
            (false, true) => Some(self.changes),
            (false, false) => None,
        };
        let read = Read {
            number: outlet.queue.last_expected(),
            since,
            keys: Some(keys),
        };
        outlet.read_bytes += read.key_bytes();
        outlet.reads.push_back(read);
        self.settle(client, 0..0);
    }

    /// Replies to requests of these numbers have come: those that have gone out are remembered, others wait.
    pub(super) fn settle(&mut self, client: Key, came: std::ops::Range<u64>) {
        let Some(outlet) = self.outlets.get_mut(client) else {
            return;
        };
        let (out, changes) = (outlet.queue.let_out(), self.changes);
        let held = outlet.reads.iter_mut();
        for read in held.filter(|read| read.number >= out && came.contains(&read.number)) {
            read.since.get_or_insert(changes);
        }
        let (mut doubted, mut all) = (Vec::new(), false);
        while let Some(read) = outlet.reads.pop_front_if(|read| read.number < out) {
            outlet.read_bytes -= read.key_bytes();
            let is_sure = read.since.is_none_or(|since| since == changes);
            all |= read.keys.is_none();
            for key in read.keys.into_iter().flatten() {
                match is_sure {
                    true => self.tracking.remember(client, &key),
                    false => doubted.push(key),
                }
            }
        }
        if all {
            self.tell_all(&[client], None);
        } else if !doubted.is_empty() {
            let keys: Vec<&[u8]> = doubted.iter().map(|key| &**key).collect();
            self.tell_all(&[client], Some(&keys));
        }
        self.forget_some_reads();
    }

    /// There may be more keys than are remembered.
    fn forget_some_reads(&mut self) {
        while let Some((key, readers)) = self.tracking.take_one_beyond(self.most_tracked) {
            self.tell_all(&readers, Some(&[&key]));
        }
    }

    /// Most keys that one of so many threads remembers.
    pub(super) fn share_tracked(&mut self, threads: usize) {
        self.most_tracked = (MOST_KEYS / threads.max(1)).max(1);
    }
}

impl Turn<'_> {
    /// CLIENT TRACKING
    pub(super) fn track(&mut self, asked: Asked<'_>, wish: &TrackingWish) -> Step {
        let whereabouts = &self.exchange.proxy.whereabouts;
        let redirect = wish.redirect().map(|id| whereabouts.find(id));
        if redirect == Some(None) {
            return self.answer_error(&TrackingError::NoSuchClient.into());
        }
        let tracking = &mut self.exchange.receivers.tracking;
        let had_prefixes = tracking.prefixes() > 0;
        if let Err(error) = tracking.apply(self.key, wish) {
            return self.answer_error(&error);
        }
        let mode = tracking.mode(self.key);
        self.client.state.redirect = mode.map_or(0, Mode::redirect);
        self.client.state.tracks =
            mode.map(Mode::is_broadcast)
                .map(|is_broadcast| match is_broadcast {
                    true => Tracks::Prefixes,
                    false => Tracks::Reads,
                });
        let has_prefixes = tracking.prefixes() > 0;
        self.exchange.receivers.outlet(self.key).redirect = redirect.flatten();
        self.note_author(wish.is_without_own());
        self.exchange.count_trackers();
        self.look_at_client();
        if had_prefixes && !has_prefixes {
            self.exchange.stop_telling_all();
        }
        match wish.is_broadcast() {
            true => self.ask_for_all_changes(asked),
            false => self.ok(),
        }
    }

    /// The client is told of what it changes itself, or is not.
    fn note_author(&mut self, is_without_own: bool) {
        let state = &mut self.client.state;
        let authors = &mut self.exchange.receivers.authors;
        if let Some(before) = state.author.take() {
            authors.remove(&before);
        }
        if is_without_own {
            let author = Author::new(self.exchange.proxy.drawn(), state.id);
            state.author = Some(author);
            authors.insert(author, self.key);
        }
        self.exchange.receivers.outlet(self.key).author = self.client.state.author;
    }

    /// Every shard is asked to tell of all changes; it may do so already. The client hears that it is told when all of them do.
    fn ask_for_all_changes(&mut self, asked: Asked<'_>) -> Step {
        let lane = std::mem::replace(&mut self.lane, LANE_OF_ALL);
        let all = route::all_shards(&self.exchange.snapshot);
        let ways = self.admit_all(asked, all);
        self.lane = lane;
        let ways = match ways {
            Ok(ways) => ways,
            Err(what) => return Step::Wait(what),
        };
        let plan = Plan::Table {
            rule: Merge::AllOk,
            change: Change::of(asked.spec),
        };
        let gather = self.gather(asked.spec, plan, &ways);
        for (part, way) in (0..).zip(ways) {
            let place = Place::Shard(self.exchange.pipes.primary(way.shard).shard_index);
            self.send_part(gather, part, asked.spec, place, &way, |out| {
                encode_request(out, TELL_ALL);
            });
        }
        Step::Alone
    }

    /// CLIENT CACHING: what the next command reads is remembered, or is not.
    pub(super) fn choose_reads(&mut self, wants: bool) -> Step {
        match self.exchange.receivers.tracking.choose(self.key, wants) {
            Ok(()) => self.ok(),
            Err(error) => self.answer_error(&error),
        }
    }

    /// A command of a client that is told of changes has been sent, or answered.
    #[cold]
    pub(super) fn note_read(&mut self, asked: Asked<'_>, step: &Step) {
        if matches!(step, Step::Wait(_) | Step::Again) {
            return;
        }
        let spec = asked.spec;
        let is_untold = self.is_untold();
        let receivers = &mut self.exchange.receivers;
        // What a script reads is what it declares, as far as is known here.
        let read = match spec.runs_script() {
            true => command::spec(CommandId::Get),
            false => spec,
        };
        if receivers.tracking.wants(self.key, read) && self.client.state.tells_reads() {
            let keys = keys_of(spec, asked.args);
            if !keys.is_empty() {
                let is_parted = matches!(spec.route, Route::Split | Route::Combined);
                let is_doubtful = is_untold || is_over_lease(asked);
                receivers.note_read(self.key, keys, is_parted, is_doubtful);
            }
        }
        self.note_tracked_command(spec);
    }

    /// Whether a node may not tell of what is read over pipes of the client's version of the protocol: servers of kind "redis" tell nothing in RESP2.
    fn is_untold(&self) -> bool {
        self.client.state.protocol == Protocol::Resp2
            && self.exchange.pipes.primaries().any(|node| node.is_plain)
    }

    /// A client's command is over, or queued.
    pub(super) fn note_tracked_command(&mut self, spec: &CommandSpec) {
        let is_in_transaction = self.client.state.transaction.is_some();
        let tracking = &mut self.exchange.receivers.tracking;
        tracking.command_over(self.key, spec, is_in_transaction);
    }

    /// What is queued has been sent, over a connection of the client's own or not.
    #[cold]
    pub(super) fn note_reads_of(&mut self, queue: &Transaction, is_over_lease: bool) {
        let is_untold = self.is_untold();
        let receivers = &mut self.exchange.receivers;
        let mut keys = Vec::new();
        let shown = queue.each(|args| {
            if let Ok(spec) = route::resolve(args)
                && (spec.runs_script() || receivers.tracking.wants(self.key, spec))
            {
                keys.extend(keys_of(spec, args));
            }
            Ok::<(), ()>(())
        });
        debug_assert!(shown.is_ok(), "nothing refuses");
        if !keys.is_empty() {
            receivers.note_read(self.key, keys, false, is_untold || is_over_lease);
        }
    }
}

fn keys_of(spec: &CommandSpec, args: Args<'_>) -> Vec<Box<[u8]>> {
    let mut keys = Vec::new();
    spec.for_each_key(args, |index| keys.push(args.at(index).into()));
    keys
}

/// Whether a command goes over a connection of its client's own.
fn is_over_lease(asked: Asked<'_>) -> bool {
    match asked.spec.route {
        Route::Leased => true,
        Route::LeasedIfBlock => route::blocks(asked.args),
        _ => false,
    }
}

/// The way by which a shard tells of all changes.
const LANE_OF_ALL: Lane = Lane {
    role: Role::Primary(Pledge::Async),
    class: Class::Common,
    tells: Tells::All,
    protocol: Protocol::Resp3,
    database: 0,
};

impl Exchange {
    /// A client of whom keys may be remembered has gone, or is told no more.
    pub(crate) fn stop_tracking(&mut self, client: Key) {
        let tracking = &mut self.receivers.tracking;
        let had_prefixes = tracking.prefixes() > 0;
        tracking.stop(client);
        if let Some(outlet) = self.receivers.outlets.get_mut(client) {
            outlet.redirect = None;
            if let Some(author) = outlet.author.take() {
                self.receivers.authors.remove(&author);
            }
        }
        let tracking = &mut self.receivers.tracking;
        if had_prefixes && tracking.prefixes() == 0 {
            self.stop_telling_all();
        }
        self.count_trackers();
    }

    /// A newer topology holds: nobody knows any more who would tell of what; whoever is to tell of all keys is asked to.
    pub(super) fn want_changes(&mut self) {
        self.receivers.doubt_all();
        if self.receivers.tracking.prefixes() > 0 {
            for shard in route::all_shards(&self.snapshot) {
                self.pipes.pipe_to(shard, LANE_OF_ALL, 0);
            }
        }
    }

    /// A pipe is open: if it tells of all changes, nobody knows what there was before it did. It may have been opened anew for whoever has gone since.
    pub(crate) fn begins_to_tell(&mut self, number: PipeNumber) {
        if self.tells_over(number) != Some(Tells::All) {
            return;
        }
        self.receivers.doubt_all();
        if self.receivers.tracking.prefixes() == 0 {
            self.tell_no_more(number);
        }
    }

    fn count_trackers(&mut self) {
        let now = self.receivers.tracking.clients();
        let before = std::mem::replace(&mut self.counted_trackers, now);
        let counter = &self.proxy.counters.tracking_clients;
        counter.fetch_add(
            now.wrapping_sub(before),
            std::sync::atomic::Ordering::Relaxed,
        );
    }

    /// Nobody hears of prefixes any more: nodes that tell of all changes need not.
    fn stop_telling_all(&mut self) {
        for number in self.pipes.numbers() {
            if self.tells_over(number) == Some(Tells::All) {
                self.tell_no_more(number);
            }
        }
    }

    /// The node of this pipe need not tell of changes.
    fn tell_no_more(&mut self, number: PipeNumber) {
        self.say_unasked(number, |out| {
            encode_request(out, ["CLIENT", "TRACKING", "OFF"]);
        });
    }

    /// Pipes that tell of changes and have been quiet are asked whether their nodes are there.
    pub(super) fn ask_quiet_tellers(&mut self) {
        self.receivers.tracking.forget_some();
        if !self.receivers.tracking.is_on() {
            return;
        }
        let now_ms = self.tick_ms;
        for number in self.pipes.numbers() {
            let is_quiet = self.pipes.get_mut(number).is_some_and(|pipe| {
                pipe.is_open && pipe.is_empty() && pipe.silence.is_quiet(now_ms, QUIET_MS)
            });
            if is_quiet
                && self
                    .tells_over(number)
                    .is_some_and(|tells| tells != Tells::Nothing)
            {
                self.say_unasked(number, |out| encode_request(out, ["PING"]));
            }
        }
    }

    fn tells_over(&mut self, number: PipeNumber) -> Option<Tells> {
        self.pipes.get_mut(number).map(|pipe| pipe.lane.tells)
    }
}
