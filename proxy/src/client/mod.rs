//! A client, as far as it is no socket.
//! Pure.
//!
//! - [`state`]: what it has told about itself and chosen: database, protocol, name. [`work`]: what it is doing, and what it waits for.
//! - `transaction`: what it has queued behind MULTI. `subscribing`: how far a SUBSCRIBE has come. `watch`: what it watches. `blocking`: its command that waits at a node, or `apart`, at several; `copies`: WAIT.
//! - [`received`]: the bytes it sent, and who keeps them.
//! - [`outlet`]: its replies, where those who deliver can reach them: [`reply_queue`] in order, [`output`] on their way out.

mod apart;
mod blocking;
mod copies;
pub(crate) mod outlet;
pub(crate) mod output;
pub(crate) mod received;
pub(crate) mod reply_queue;
pub(crate) mod state;
mod subscribing;
mod transaction;
mod watch;
pub(crate) mod work;

pub(crate) use apart::{Apart, Pop, as_blocking_says};
pub(crate) use blocking::Blocking;
pub(crate) use copies::{Copies, Have};
pub(crate) use outlet::{Outlet, OutletLimits, Read};
pub(crate) use output::ReplyBytes;
pub(crate) use reply_queue::Source;
pub(crate) use state::{ClientState, Tracks};
pub(crate) use subscribing::{Subscribing, count};
pub(crate) use transaction::Transaction;
pub(crate) use watch::{NamedWatch, Watch};
pub(crate) use work::{Held, WaitsFor, Work};

use shared::resp::RequestScanner;
use shared::topology::Version;

/// What a thread keeps of a client beside its socket and its outlet. Its turn takes it out of its place.
#[derive(Debug)]
pub(crate) struct Client {
    /// What it has chosen.
    pub(crate) state: ClientState,
    /// Finds requests.
    pub(crate) scanner: RequestScanner,
    /// The beginning of a request; empty for most clients at most times.
    pub(crate) input: Vec<u8>,
    /// What it is doing.
    pub(crate) work: Work,
    /// The topology by which its requests under way were routed.
    pub(crate) routed_by: Version,
    /// Its command that waits at a node: the first of those it keeps.
    pub(crate) blocking: Option<Box<Blocking>>,
}

impl Client {
    /// Whether a command has begun that takes several turns: it was allowed then, and comes to its end.
    pub(crate) fn is_amid_command(&self) -> bool {
        let is_asking = |watch: &Watch| watch.is_asking;
        self.blocking.is_some()
            || self.state.subscribing.is_some()
            || self.state.watch.as_deref().is_some_and(is_asking)
    }

    /// Bytes of requests that are kept for it.
    pub(crate) fn input_bytes(&self) -> usize {
        let held = match &self.work {
            Work::Waiting(held) => held.len(),
            Work::Reading | Work::Ending => 0,
        };
        self.input.len() + held
    }

    /// Bytes that these take, and what is known of them.
    pub(crate) fn kept_bytes(&self) -> usize {
        let held = match &self.work {
            Work::Waiting(held) => held.kept_bytes(),
            Work::Reading | Work::Ending => 0,
        };
        let queued = self.state.queued_bytes() + self.state.subscribed.bytes;
        self.input.capacity() + self.scanner.kept_bytes() + held + queued
    }

    /// Whether it is known that the client will ask nothing more.
    pub(crate) fn has_said_all(&self) -> bool {
        match &self.work {
            Work::Reading => false,
            Work::Waiting(held) => held.is_last,
            Work::Ending => true,
        }
    }

    /// Whether the first request that it keeps has begun, and is under way over a connection of its own.
    pub(crate) fn is_leasing(&self) -> bool {
        let is_asking = |watch: &Watch| watch.is_asking;
        self.blocking.is_some() || self.state.watch.as_deref().is_some_and(is_asking)
    }

    /// No more requests are carried out but one that has begun; one that waits is to wait no longer.
    pub(crate) fn end(&mut self, outlet: &mut Outlet) {
        let is_leasing = self.is_leasing();
        match &mut self.work {
            Work::Waiting(held) if is_leasing => {
                held.drop_rest();
                outlet.unblock(false);
            }
            Work::Waiting(held) if outlet.rounds.is_some() => held.drop_rest(),
            work => *work = Work::Ending,
        }
    }
}
