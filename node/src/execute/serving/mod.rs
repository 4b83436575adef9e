//! Clients whose commands wait until a key has something for them: they begin to wait, and are served as soon as the command of somebody else, a whole transaction, or
//! time has made one of their keys ready, before the next command of anybody.
//! Pure. Never: sends an answer. Invariants: of those who wait for the same of a key, who came first is served first; a key that somebody's long command holds is not
//! touched before that is over; whoever is not served waits as before.

use super::gates::{self, Gate};
use super::perform::{refuse, write_error};
use super::{Asked, Executor, Origin, Stop, Turn, Wait};
use crate::client::{Block, Session, WaitKind, Waiting};
use crate::commands::{answer, say_nothing_came};
use crate::node_state::{ClientKey, NodeState, Waiter};
use crate::store::{DbIndex, Key, KeyHash, ListRef, SortedSetRef, Store, StreamRef};
use shared::command::CommandSpec;
use shared::resp::{Args, ErrorReply, ReplyWriter, WaitError};
use std::rc::Rc;

/// What became of one who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It has its answer, and waits no more.
    Served,
    /// There is nothing for it.
    Nothing,
    /// Nobody would get its answer.
    Gone,
    /// Nobody can say before somebody else's command is over.
    Later,
}

/// What a key has for one who waits for it.
#[derive(Debug)]
enum Found {
    Something,
    Nothing,
    /// There will never be anything.
    Never(ErrorReply),
}

impl Executor {
    /// A command of `origin` has found nothing and waits, if it may; if not, that is its reply.
    pub(super) fn block(
        &mut self,
        turn: &mut Turn<'_>,
        origin: Origin,
        spec: &'static CommandSpec,
        args: Args<'_>,
        out: &mut Vec<u8>,
    ) -> Stop {
        let Some(block) = self.block.take() else {
            return Stop::Done;
        };
        let client = turn.node.clients.key_of(turn.identity.id);
        let (Origin::Client, Some(client)) = (origin, client) else {
            turn.node.stats.command_took(spec.id, 0);
            say_nothing_came(spec, &mut ReplyWriter::new(out, turn.session.protocol));
            return Stop::Done;
        };
        match begin_to_wait(turn, client, spec, args, &block) {
            Ok(()) => Stop::Blocked,
            Err(error) => {
                turn.node.stats.command_took(spec.id, 0);
                refuse(turn, &error, Some(spec), args, out)
            }
        }
    }

    /// Serves those who wait for keys that have changed. To be called where nobody is in the midst of a command that is one with what follows.
    pub(crate) fn serve(&mut self, store: &mut Store, node: &mut NodeState, now_ms: u64) {
        node.hear(store);
        // A leader's transaction is seen as a whole or not at all.
        if !node.blocked.has_ready() || node.replication.is_within_unit {
            return;
        }
        self.timing.close(node);
        self.timing.start(node);
        while let Some((db, hash)) = node.blocked.take_ready() {
            match self.serve_key(store, node, db, hash, now_ms) {
                Outcome::Later => node.blocked.put_off(db, hash),
                _ => node.blocked.looked_at(store, db, hash),
            }
            // Who was served may have made another key ready.
            node.hear(store);
        }
        self.timing.close(node);
    }

    fn serve_key(
        &mut self,
        store: &mut Store,
        node: &mut NodeState,
        db: DbIndex,
        hash: KeyHash,
        now_ms: u64,
    ) -> Outcome {
        let mut next = node.blocked.first(db, hash);
        while let Some(waiter) = next {
            next = match self.serve_one(store, node, waiter, now_ms) {
                Outcome::Later => return Outcome::Later,
                // What the first of them does not find is not there for the others.
                Outcome::Nothing if waiter.kind.is_taken() => {
                    node.blocked.next_kind(db, hash, waiter)
                }
                _ => node.blocked.next(db, hash, waiter),
            };
        }
        Outcome::Nothing
    }

    fn serve_one(
        &mut self,
        store: &mut Store,
        node: &mut NodeState,
        waiter: Waiter,
        now_ms: u64,
    ) -> Outcome {
        let Some(client) = node.clients.get_mut(waiter.client) else {
            return Outcome::Gone;
        };
        // Its task comes to see it, and forgets it then.
        if client.has_hung_up() {
            return Outcome::Gone;
        }
        let Some(mut session) = client.session.take() else {
            // In the midst of its own command.
            return Outcome::Later;
        };
        let Some(waiting) = client.waiting.take() else {
            node.clients.put_back(waiter.client, session);
            return Outcome::Gone;
        };
        let identity = Rc::clone(&client.identity);
        let mut turn = Turn {
            store,
            node,
            identity: &identity,
            session: &mut session,
            now_ms,
        };
        let mut reply = Vec::new();
        let outcome = self.try_to_serve(&mut turn, &waiting, waiter.nth, &mut reply);
        let db = session.db;
        node.clients.put_back(waiter.client, session);
        if outcome == Outcome::Served {
            node.blocked.leave(store, db, &waiting);
            answer(node, waiter.client, &waiting, reply, false);
        } else {
            node.clients.at(waiter.client).waiting = Some(waiting);
        }
        outcome
    }

    /// Runs a command that waits for the sake of its key number `nth`.
    fn try_to_serve(
        &mut self,
        turn: &mut Turn<'_>,
        waiting: &Waiting,
        nth: usize,
        reply: &mut Vec<u8>,
    ) -> Outcome {
        let (spec, key) = (waiting.spec, waiting.key(nth));
        match found(turn.store, turn.session, waiting, key) {
            Found::Nothing => return Outcome::Nothing,
            Found::Something => {}
            Found::Never(error) => return fail(turn, spec, &error, reply),
        }
        let narrowed = waiting.narrowed(nth);
        let args = narrowed.args();
        let watch = self.timing.watch();
        match gates::pass(Origin::Waiter, turn, spec, args, watch) {
            Gate::Open => {}
            Gate::Wait(_) => return Outcome::Later,
            Gate::Refused(error) => return fail(turn, spec, &error, reply),
        }
        let Some(handler) = self.handlers.get(spec.id) else {
            return Outcome::Nothing;
        };
        let asked = Asked {
            args,
            hashes: &[],
            request_bytes: args.iter_from(0).map(<[u8]>::len).sum(),
        };
        match self.run_admitted(turn, spec, handler, asked, reply) {
            Stop::Blocked => {
                self.block = None;
                Outcome::Nothing
            }
            Stop::NotYet(Wait::OthersTurns | Wait::Keys) => {
                self.run_to_its_end(turn, args, reply);
                Outcome::Served
            }
            _ => Outcome::Served,
        }
    }
}

/// A command that has waited gets an error.
fn fail(
    turn: &mut Turn<'_>,
    spec: &CommandSpec,
    error: &ErrorReply,
    reply: &mut Vec<u8>,
) -> Outcome {
    turn.node.stats.command_took(spec.id, 0);
    turn.node.stats.command_failed(spec.id);
    write_error(turn, error, 0, reply);
    Outcome::Served
}

fn begin_to_wait(
    turn: &mut Turn<'_>,
    client: ClientKey,
    spec: &'static CommandSpec,
    args: Args<'_>,
    block: &Block,
) -> Result<(), ErrorReply> {
    // What has been told makes room for what is to be told.
    turn.node.hear(turn.store);
    let keys = block.keys.clone();
    let hashes = keys.map(|at| turn.store.hash(args.at(at))).collect();
    let mut waiting = Box::new(Waiting::new(spec, args, block, hashes));
    let (blocked, db) = (&mut turn.node.blocked, turn.session.db);
    let entered = blocked.enter(turn.store, db, client, &mut waiting);
    entered.map_err(|error| ErrorReply::Text(format!("ERR {error}").into()))?;
    waiting.is_heard = turn.session.hears_reply();
    turn.node.clients.at(client).waiting = Some(waiting);
    Ok(())
}

/// What a key has for a command that waits.
fn found(store: &mut Store, session: &Session, waiting: &Waiting, key: Key<'_>) -> Found {
    let value = store.peek(session.db, key);
    let is_there = match waiting.kind {
        WaitKind::List => matches!(ListRef::there(value), Ok(Some(_))),
        WaitKind::SortedSet => matches!(SortedSetRef::there(value), Ok(Some(_))),
        WaitKind::Stream => matches!(StreamRef::there(value), Ok(Some(_))),
        WaitKind::Group(_) => {
            let Ok(Some(stream)) = StreamRef::there(value) else {
                return Found::Never(WaitError::StreamGone.into());
            };
            if waiting
                .group()
                .and_then(|group| stream.group(group))
                .is_none()
            {
                return Found::Never(WaitError::GroupGone.into());
            }
            true
        }
    };
    match is_there {
        true => Found::Something,
        false => Found::Nothing,
    }
}

#[cfg(test)]
mod tests;
