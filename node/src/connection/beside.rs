//! A command over very many keys, carried out beside its connection: other clients have their turns in between, and whatever becomes of the connection,
//! the command comes to its end.
//! Never: touches the socket. Invariant: [`LongCommand::begin`] and the start of its task lie in one turn, so what was begun is always ended.

use super::{Connection, Ending, Left};
use crate::client_state::ClientState;
use crate::execute::{LongCommand, LongEnd, take_back_unheard};
use crate::shell::Shell;
use shared::resp::RequestBatch;
use std::rc::Rc;
use tokio::task::JoinHandle;

/// Requests that were found, one of which is carried out; the connection has none of its own meanwhile.
#[derive(Debug)]
struct Requests {
    input: Vec<u8>,
    batch: RequestBatch,
    at: usize,
}

/// What comes back: the requests, and the reply to that one.
#[derive(Debug)]
pub(super) struct Done {
    requests: Requests,
    reply: Vec<u8>,
}

impl Connection {
    /// Starts the command that the turn has begun.
    pub(super) fn start_beside(&mut self) -> Option<JoinHandle<Done>> {
        let long = self.long.take()?;
        let Left { batch, next } = self.left.take()?;
        let requests = Requests {
            input: std::mem::take(&mut self.input),
            batch,
            at: next,
        };
        // The state in the registry goes with the connection.
        let client = self
            .shell
            .core
            .borrow_mut()
            .node
            .clients
            .at(self.place)
            .clone();
        let work = carry_out(Rc::clone(&self.shell), client, *long, requests);
        Some(tokio::task::spawn_local(work))
    }

    /// Waits for its end; what was found behind it is next.
    pub(super) async fn finish_beside(&mut self, work: JoinHandle<Done>) -> Result<(), Ending> {
        let Ok(Done { requests, reply }) = work.await else {
            return Err(Ending::Cut);
        };
        self.input = requests.input;
        self.left = Some(Left {
            batch: requests.batch,
            next: requests.at + 1,
        });
        let before = self.output.len();
        if before == 0 {
            self.output = reply;
        } else {
            self.output.extend_from_slice(&reply);
        }
        let output = &mut self.output;
        self.shell.with_client(self.place, |_, turn| {
            take_back_unheard(turn.client, before, output);
            turn.node.stats.output_bytes += (output.len() - before) as u64;
        });
        Ok(())
    }
}

async fn carry_out(
    shell: Rc<Shell>,
    mut client: ClientState,
    mut long: LongCommand,
    requests: Requests,
) -> Done {
    let reply = loop {
        let request = &requests.batch.requests()[requests.at];
        let args = requests.batch.args(&requests.input, request);
        let go_on = shell.with_turn(&mut client, |executor, turn| {
            executor.go_on(turn, long, args)
        });
        long = match go_on {
            LongEnd::NotYet(long) => long,
            LongEnd::Over(reply) => break reply,
        };
        tokio::task::yield_now().await;
    };
    shell.unheld.notify_waiters();
    Done { requests, reply }
}
