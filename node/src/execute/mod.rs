//! One way to run a command: [`Executor::perform`], for whoever wants it run ([`Origin`]). Gates (a list, chosen by origin) → handler → counters.
//! Its callers: requests of a client in batches, with what they need asked for ahead ([`batch`]); commands over very much, a stride at a time ([`strides`]);
//! commands that have waited for a key ([`serving`]).
//! Pure: bytes in, bytes out; time is what the shell read at the start of the turn, and a stopwatch for the counters.
//! Never: a socket, a sleep. Invariant: each request appends exactly one reply (or none, if the client wants none, or if it comes later), in order.

mod batch;
pub(crate) mod behalf;
mod gates;
mod lookahead;
mod perform;
mod room;
mod script;
mod serving;
mod strides;
#[cfg(test)]
mod tests;
mod timing;
mod transaction;

pub use batch::{BATCH_REQUESTS, Output, Window, Work};
pub use perform::{Asked, Origin};
pub(crate) use room::{Room, make_room};
pub(crate) use strides::{LongCommand, LongEnd};

use crate::client::{Block, Identity, Session};
use crate::commands::{Errand, HandlerTable};
use crate::node_state::{Feeding, NodeState};
use crate::store::Store;
use batch::Planned;
use lookahead::{Lookahead, PREFETCHED_KEYS};
use shared::clock::Stopwatch;
use shared::command::CommandSpec;
use shared::resp::Args;
use timing::Timing;

/// Why commands are no longer run, for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// All were run.
    Done,
    /// The replies reached the bound that was given; write them, then go on.
    OutputFull,
    /// The last command took long; look at the time, then go on.
    Long,
    /// The next request has not been run, and nothing of it has been done, unless it waits for a turn ([`Wait::Turn`]).
    NotYet(Wait),
    /// What the client may send is limited in another way from the next request on.
    NewLimits,
    /// The last command waits until one of its keys has something for it; its reply comes then.
    Blocked,
    /// The shell has an errand for the last command, whose reply it gives, if that `is_heard`.
    Errand {
        /// What is to be done.
        errand: Errand,
        /// Whether the client wants the reply.
        is_heard: bool,
    },
    /// The client follows from now on.
    Feed(Feeding),
    /// Send the replies and close.
    Close,
}

/// What a command waits for before it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The end of CLIENT PAUSE.
    Pause,
    /// The end of another command that is at work on its keys.
    Keys,
    /// Nothing: some of it has been done and answered; let others run, then go on with the same request.
    Turn,
    /// Memory is to shrink first, of which a part has been done; let others run, then go on.
    Memory,
    /// Nothing, but it has so much to do that others should have their turns meanwhile ([`LongCommand`]).
    OthersTurns,
}

/// Runs commands. Its vectors are reused from batch to batch.
#[derive(Debug)]
pub struct Executor {
    handlers: HandlerTable,
    planned: Vec<Planned>,
    lookahead: Lookahead,
    timing: Timing,
    /// What the last command has said that has to wait.
    block: Option<Box<Block>>,
    /// The script that the last command has begun, and that has been put aside.
    script: Option<Box<script::ScriptRun>>,
}

/// What the commands of one turn work on.
#[derive(Debug)]
pub struct Turn<'a> {
    /// The keyspace.
    pub store: &'a mut Store,
    /// Everything else of the node.
    pub node: &'a mut NodeState,
    /// Who asks.
    pub identity: &'a Identity,
    /// What it has chosen.
    pub session: &'a mut Session,
    /// Unix milliseconds, the same for the whole turn.
    pub now_ms: u64,
}

impl Turn<'_> {
    /// Tells what has happened to keys to those who want to hear of it.
    #[cold]
    pub fn tell_news(&mut self) {
        let events = self.store.take_events();
        self.node.tell_events(&events, self.session.spoken_to());
        self.tell_trackers();
    }

    /// Tells those who have read keys that these have changed since.
    fn tell_trackers(&mut self) {
        if self.store.has_changed_keys() {
            let changed = self.store.take_changed_keys();
            let caller = (self.identity.id, &*self.session);
            self.node.tell_trackers(&changed, Some(caller));
        }
    }

    /// Whether what this command reads is remembered for its client.
    fn is_tracked(&self, spec: &CommandSpec) -> bool {
        self.node.tracking.is_on() && self.node.tracking.wants(self.identity.id, spec)
    }

    /// A command has run: what it has read is remembered, if its client wants that. What it has changed before is no news afterwards.
    #[cold]
    fn track(&mut self, spec: &CommandSpec, args: Args<'_>) {
        self.tell_trackers();
        if self.is_tracked(spec) {
            let mut places = Vec::new();
            spec.for_each_key(args, |index| places.push(index));
            self.remember_reads(args, &places);
        }
    }

    fn remember_reads(&mut self, args: Args<'_>, places: &[usize]) {
        let caller = (self.identity.id, &*self.session);
        let keys = places.iter().map(|index| args.at(*index));
        self.node.remember_reads(caller, keys);
    }

    /// A client's command is over.
    #[cold]
    pub fn note_command_over(&mut self, spec: &CommandSpec) {
        let is_in_transaction = self.session.transaction.is_some();
        let client = self.identity.id;
        self.node
            .tracking
            .command_over(client, spec, is_in_transaction);
    }
}

impl Executor {
    /// An executor for this process; `watch` times its commands.
    #[must_use]
    pub fn new(watch: Stopwatch) -> Self {
        Self {
            handlers: HandlerTable::new(),
            planned: Vec::with_capacity(BATCH_REQUESTS),
            lookahead: Lookahead::new(PREFETCHED_KEYS),
            timing: Timing::new(watch),
            block: None,
            script: None,
        }
    }

    /// The stopwatch that times the commands.
    #[must_use]
    pub fn watch(&self) -> &Stopwatch {
        self.timing.watch()
    }
}
