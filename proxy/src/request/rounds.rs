//! Commands over very many keys: looked at, sent and answered some keys at a time.
//! Never: decides which keys come next ([`crate::route::rounds`] does). Invariant: a round is sent when the one before it has been answered, by the topology of
//! the moment.

use shared::resp::{Args, ErrorReply};

use super::forward::Run;
use super::turn::{Step, Turn};
use super::{Asked, Exchange};
use crate::client::{Client, Held, Source, WaitsFor};
use crate::route::Place;
use crate::route::rounds::Rounds;
use crate::route::split::{Found, Search};
use crate::slab::Key;

/// Keys whose owner is looked for before others get their turn: a quarter of a millisecond.
const KEYS_PER_TURN: usize = 16 * 1024;

impl Exchange {
    /// Begins the next round of the command that is carried out in rounds: the one before those that are held.
    pub(super) fn next_round(&mut self, key: Key, client: &mut Client, held: &mut Held) {
        let now = self.receivers.stopwatch.read();
        let outlet = self.receivers.outlet(key);
        let missing = outlet.queue.missing();
        if let Some(rounds) = &mut outlet.rounds {
            if rounds.has_waited_for_client() {
                // The time that the client took is not the nodes'.
                held.read = now;
            }
            if rounds.is_under_way() {
                return self.wait(key, WaitsFor::Round);
            }
        }
        self.follow_topology();
        client.state.active_ms = self.tick_ms;
        let version = self.snapshot.version();
        if client.routed_by != version {
            // What the client asked before, by an older topology, must not be overtaken. The command's own place is missing as well.
            if missing > 1 {
                return self.wait(key, WaitsFor::Replies(1));
            }
            client.routed_by = version;
        }
        let request = &held.batch.requests()[held.next - 1];
        let args = held.batch.args(&held.bytes, request);
        let what = match self.turn(key, client, None, held.read).send_round(args) {
            Ok(()) => WaitsFor::Round,
            Err(what) => what,
        };
        self.wait(key, what);
    }
}

impl Turn<'_> {
    /// Very many keys: some at a time, unless one shard owns them all.
    pub(super) fn begin_rounds(&mut self, asked: Asked<'_>, run: &mut Run) -> Step {
        let spec = asked.spec;
        if self.room_of_client(spec.retry) == 0 {
            return Step::Wait(WaitsFor::Outlet(spec.retry));
        }
        match self.search(asked) {
            Err(error) => self.answer_error(&error),
            Ok(Found::NotYet) => Step::Again,
            Ok(Found::One(only)) => {
                let step = self.forward(only, Place::Keys, asked, run);
                if !matches!(step, Step::Wait(_)) {
                    self.search = None;
                }
                step
            }
            Ok(Found::Several) => {
                let number = self.expect(Source::Gathered, 1);
                let rounds = Rounds::new(spec, number, asked.args.len());
                let outlet = self.exchange.receivers.outlet(self.key);
                outlet.rounds = Some(Box::new(rounds));
                Step::Begun
            }
        }
    }

    /// Goes on looking for the owner of all keys of the command.
    fn search(&mut self, asked: Asked<'_>) -> Result<Found, ErrorReply> {
        let snapshot = &self.exchange.snapshot;
        let mut search = self
            .search
            .take()
            .filter(|search| search.goes_by(snapshot))
            .unwrap_or_else(|| Search::new(snapshot));
        let found = search.go_on(asked.spec, asked.args, self.snapshot(), KEYS_PER_TURN)?;
        if found != Found::Several {
            self.search = Some(search);
        }
        Ok(found)
    }

    /// Sends the next round of the client's command, if there is room for all its parts.
    fn send_round(&mut self, args: Args<'_>) -> Result<(), WaitsFor> {
        let Some(rounds) = &self.exchange.receivers.outlet(self.key).rounds else {
            return Ok(());
        };
        let (spec, number, is_begun) = (rounds.spec, rounds.number, rounds.is_begun());
        let round = rounds.next_round(args);
        if self.exchange.policies.differ() {
            self.lane.role = self.exchange.policies.of_many(spec).role;
        }
        let mut split = std::mem::take(&mut self.exchange.split);
        split.plan_keys(spec, args, round.clone(), self.snapshot());
        let bytes = round.clone().map(|at| args.at(at).len()).sum();
        let ways = self.ways_to(bytes, split.shards());
        let sent = ways.map(|ways| {
            let mut plan = split.merge_plan(spec);
            if is_begun {
                plan = plan.behind_others();
            }
            // Its end may come at once, when no shard can be reached.
            if let Some(rounds) = &mut self.exchange.receivers.outlet(self.key).rounds {
                rounds.begin(&round);
            }
            let names = self.shard_names(&ways);
            let gather = self.gather_for(self.asker(number, spec), plan, names);
            self.send_split(gather, spec, args, &split, ways);
        });
        self.exchange.split = split;
        sent
    }
}
