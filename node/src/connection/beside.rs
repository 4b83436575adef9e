//! What is carried out beside a connection: a command over very much, for which others do not wait, and errands of the shell. Whatever becomes of the
//! connection, it comes to its end, and its reply goes through the client's outbox.
//! Never: touches the socket. Invariant: `Executor::begin` and the start of its task lie in one turn, so what was begun is always ended.

use super::{Connection, Ending, Left};
use crate::client::{CopiesWait, ErrandTicket, Identity, Session, WaitsFor};
use crate::commands::Errand;
use crate::errand;
use crate::execute::behalf;
use crate::execute::{LongCommand, LongEnd};
use crate::node_state::ClientKey;
use crate::shell::Shell;
use protocol::Replica;
use shared::command::{self, CommandFlags};
use shared::resp::{Args, ErrorReply, LongReply, ReplyWriter, RequestBatch};
use std::rc::Rc;
use tokio::task::{JoinHandle, spawn_local};

/// Requests that were found, one of which is carried out; the connection has none of its own meanwhile.
#[derive(Debug)]
pub(super) struct Requests {
    input: Vec<u8>,
    batch: RequestBatch,
    at: usize,
    /// Since when nobody waited for the log when it began.
    given_up: Option<u64>,
}

/// For whom a command is carried out.
struct Asker {
    client: ClientKey,
    identity: Rc<Identity>,
    /// As it was when the command began; the one in the registry stays with the connection.
    session: Session,
    /// The place of the reply, if that is wanted.
    reply: Option<ErrandTicket>,
}

/// What the client waits for; the requests come back from a command that had them.
type Beside = JoinHandle<Option<Requests>>;

impl Connection {
    /// Starts the command that the turn has begun.
    pub(super) fn start_long(&mut self) -> Option<Beside> {
        let long = self.long.take()?;
        let Left { batch, next } = self.left.take()?;
        self.lent_bytes = self.input.len();
        let requests = Requests {
            input: std::mem::take(&mut self.input),
            batch,
            at: next,
            given_up: self.shell.given_up_since(),
        };
        let (identity, session, is_heard) = {
            let clients = &mut self.shell.core.borrow_mut().node.clients;
            let client = clients.at(self.client);
            let session = client.session.as_mut().expect("between two turns");
            let asking = Session::clone(session);
            session.acts_for = None;
            (Rc::clone(&client.identity), asking, session.hears_reply())
        };
        let asker = Asker {
            client: self.client,
            identity,
            session,
            reply: is_heard.then(|| self.keep_place()),
        };
        let shell = Rc::clone(&self.shell);
        Some(spawn_local(async move {
            Some(carry_out(shell, asker, *long, requests).await)
        }))
    }

    /// Starts an errand of the shell.
    pub(super) fn start_errand(&mut self, errand: Errand, is_heard: bool) -> Beside {
        let reply = is_heard.then(|| self.keep_place());
        if let Errand::WaitForFollowers(_) = errand {
            // From now on others can end it.
            let clients = &mut self.shell.core.borrow_mut().node.clients;
            clients.at(self.client).copies_wait = Some(CopiesWait::Lasts);
        }
        let work = errand::carry_out(Rc::clone(&self.shell), errand, self.client, reply);
        spawn_local(async move {
            work.await;
            None
        })
    }

    /// The place of a reply that comes later.
    fn keep_place(&self) -> ErrandTicket {
        let clients = &mut self.shell.core.borrow_mut().node.clients;
        clients.at(self.client).outbox.hold_for_errand()
    }

    /// Waits for its end; what was found behind it is next, and what has come meanwhile.
    pub(super) async fn finish_beside(
        &mut self,
        waits: WaitsFor,
        work: Beside,
    ) -> Result<(), Ending> {
        let Ok(done) = self.wait(waits, work).await? else {
            return Err(Ending::Cut);
        };
        if let Some(requests) = done {
            self.lent_bytes = 0;
            let came_meanwhile = std::mem::replace(&mut self.input, requests.input);
            self.input.extend_from_slice(&came_meanwhile);
            self.left = Some(Left {
                batch: requests.batch,
                next: requests.at + 1,
            });
            // A row of such commands would pass the turn to and fro before anybody else is read.
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

/// What a command has chosen for its client that ran beside the connection: the database (of a transaction), and which keys are the shard's (`NODE KEYS`).
fn keep_choices(shell: &Shell, asker: &Asker) {
    let clients = &mut shell.core.borrow_mut().node.clients;
    if let Some(client) = clients.get_mut(asker.client)
        && let Some(session) = &mut client.session
    {
        session.db = asker.session.db;
        session.local_keys.clone_from(&asker.session.local_keys);
    }
}

async fn carry_out(
    shell: Rc<Shell>,
    mut asker: Asker,
    mut long: LongCommand,
    requests: Requests,
) -> Requests {
    let reply = loop {
        let request = &requests.batch.requests()[requests.at];
        let args = behalf::inner(requests.batch.args(&requests.input, request));
        let go_on = shell.with_turn(&asker.identity, &mut asker.session, |executor, turn| {
            let spec = long.spec();
            let end = executor.go_on(turn, long, args);
            if let LongEnd::Over(_) = end
                && turn.node.tracking.is_on()
            {
                turn.note_command_over(spec);
            }
            end
        });
        long = match go_on {
            LongEnd::NotYet(long) => {
                // Who has waited for it is told.
                if shell.core.borrow().node.scripts.is_busy() {
                    shell.unheld.notify_waiters();
                }
                long
            }
            LongEnd::Over(reply) => break reply,
        };
        tokio::task::yield_now().await;
    };
    keep_choices(&shell, &asker);
    let request = &requests.batch.requests()[requests.at];
    let args = requests.batch.args(&requests.input, request);
    let given_up = requests.given_up;
    let is_recorded = shell.recorded_or_given_up(may_change(args), given_up).await;
    let is_safe = is_recorded && shell.on_followers(&asker.session, args).await;
    let reply = match is_safe {
        true => Some(reply.into_pieces()),
        // Nobody can say now whether it outlasts a crash.
        false if !is_recorded => None,
        // Nothing of it was done, or nothing changed: it is asked elsewhere.
        false if was_refused(&reply) || !may_change(args) => Some(vec![stale(&shell, &asker)]),
        // Nobody can say now whether others have what it tells of.
        false => None,
    };
    match (reply, asker.reply) {
        (None, _) => shell.cut(&[asker.client.id()]),
        (Some(pieces), Some(ticket)) => {
            let node = &mut shell.core.borrow_mut().node;
            node.stats.output_bytes += pieces.iter().map(Vec::len).sum::<usize>() as u64;
            node.clients.answer_in_pieces(asker.client, ticket, pieces);
        }
        (Some(_), None) => {}
    }
    shell.unheld.notify_waiters();
    requests
}

/// Whether it is the node's own word that it leads no more at the epoch of the client's pipe, before which nothing was done.
fn was_refused(reply: &LongReply) -> bool {
    reply.begins_with(b"-STALEEPOCH ")
}

/// Whether a command may change keys, or others that it carries out.
fn may_change(args: Args<'_>) -> bool {
    let spec = command::resolve(args);
    spec.map_or(true, |spec| {
        !spec.flags.contains(CommandFlags::READ) || spec.may_write()
    })
}

/// Which epoch the node obeys now.
fn stale(shell: &Shell, asker: &Asker) -> Vec<u8> {
    let member = &shell.core.borrow().node.member;
    let seen = |replica: &Replica<_>| (replica.seen_epoch().0, replica.seen_rev().0);
    let (epoch, rev) = member.replica().map_or((0, 0), seen);
    let mut reply = Vec::new();
    let error = ErrorReply::StaleEpoch(epoch, rev);
    ReplyWriter::new(&mut reply, asker.session.protocol).error(&error);
    reply
}
