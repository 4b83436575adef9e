//! One socket: read what is there, execute it as one batch, write the replies once.
//! Owns no state of the keyspace; borrows the shell only between awaits. Never: decides what a command does.
//! Invariants: replies leave in the order of the requests; an idle connection holds no buffer; whatever the next command waits for, replies that are ready are
//! written meanwhile and what the client sends is taken in, so that it may send all before it reads; what waits stays below the bounds named here.

mod beside;
mod feed;
mod frames;
mod transfer;
mod turn;
mod wait;

use crate::client::WaitsFor;
use crate::commands::Errand;
use crate::execute::{LongCommand, Stop, Wait};
use crate::node_state::{ClientKey, Feeding};
use crate::settings::Hot;
use crate::shell::{SCRATCH_BYTES, Shell};
use crate::socket::Socket;
use shared::clock::Reading;
use shared::resp::{READ_AT_ONCE_BYTES, RequestBatch, RequestLimits, RequestScanner};
use shared::throttle::Throttle;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tracing::{debug, warn};

/// A buffer of its own grows by at least this much.
const INPUT_STEP_BYTES: usize = 64 * 1024;
/// Requests are found by 32-bit offsets; whatever `client-query-buffer-limit` says, no buffer grows beyond, with one more read at its end.
const INPUT_MOST_BYTES: usize = u32::MAX as usize - SCRATCH_BYTES - READ_AT_ONCE_BYTES;
/// Of a client that has still to authenticate no more waits than this, be it requests or replies: what the limits on its requests let through, and no more
/// than what many of them may cost together.
const STRANGER_MOST_BYTES: usize = 256 * 1024;
/// Longest time in which nothing moves of the last replies of a connection that is being closed.
const CLOSING_TIME: Duration = Duration::from_secs(5);
/// Longest time for what the kernel still has to bring to a client that has been told that nothing more comes.
const PARTING_TIME: Duration = Duration::from_secs(30);

/// Why a connection ends.
#[derive(Debug)]
enum Ending {
    /// The client closed it, or the network broke.
    Gone,
    /// After the replies are written.
    Orderly,
    /// At once; the reason was logged.
    Cut,
    /// The client follows from now on.
    Feeds(Feeding),
}

impl From<io::Error> for Ending {
    fn from(error: io::Error) -> Self {
        debug!(%error, "connection lost");
        Self::Gone
    }
}

/// Requests that were found but not executed when a turn ended; their bytes are in `Connection::input`.
#[derive(Debug)]
struct Left {
    batch: RequestBatch,
    next: usize,
}

/// One client's socket.
#[derive(Debug)]
pub(crate) struct Connection {
    shell: Rc<Shell>,
    socket: Rc<Socket>,
    client: ClientKey,
    /// Takes the client out of the registry.
    _presence: Presence,
    scanner: RequestScanner,
    /// What the scanner was told last.
    limits: RequestLimits,
    /// Bytes received and not executed; empty when the client is idle.
    input: Vec<u8>,
    /// Bytes received before those, which a command beside the connection has meanwhile.
    lent_bytes: usize,
    left: Option<Left>,
    /// What the turn has begun and is to be carried out beside it.
    long: Option<Box<LongCommand>>,
    /// Not all of `input` has been looked at: the last turn ended before, or more has come while the client waited.
    unfinished: bool,
    /// Nothing more will come from the client.
    has_hung_up: bool,
    /// Commands run since the others had a chance.
    commands: usize,
    /// When the first of them began.
    turn_began: Option<Reading>,
    /// Of one behind which a member of the same shard follows.
    frames: Option<Box<frames::Frames>>,
}

/// A client's place in the registry, left however its connection ends.
#[derive(Debug)]
struct Presence {
    shell: Rc<Shell>,
    client: ClientKey,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.shell.leave(self.client);
    }
}

impl Connection {
    pub(crate) fn new(
        shell: Rc<Shell>,
        socket: Rc<Socket>,
        client: ClientKey,
        limits: RequestLimits,
    ) -> Self {
        Self {
            _presence: Presence {
                shell: Rc::clone(&shell),
                client,
            },
            shell,
            socket,
            client,
            scanner: RequestScanner::new(limits),
            limits,
            input: Vec::new(),
            lent_bytes: 0,
            left: None,
            long: None,
            unfinished: false,
            has_hung_up: false,
            commands: 0,
            turn_began: None,
            frames: None,
        }
    }

    /// Others have had, or will have, a chance before the next command.
    fn others_run(&mut self) {
        self.commands = 0;
        self.turn_began = None;
    }

    /// Serves the client until it goes, or is cut.
    pub(crate) async fn serve(mut self) {
        let ending = match self.serve_until_end().await {
            Ending::Feeds(feeding) => self.feed(feeding).await,
            other => other,
        };
        match ending {
            Ending::Gone | Ending::Cut | Ending::Feeds(_) => {}
            Ending::Orderly => {
                // A client that does not read its last replies has had its time.
                if self.write_last_replies(CLOSING_TIME).await {
                    self.see_off(PARTING_TIME).await;
                } else {
                    debug!(client = self.client.id(), "last replies were not read");
                }
            }
        }
        self.shell.departures.close_soon(self.socket);
    }

    async fn serve_until_end(&mut self) -> Ending {
        loop {
            let stop = match self.next_turn().await {
                Ok(stop) => stop,
                Err(ending) => return ending,
            };
            if let Err(ending) = self.after_turn(stop).await {
                return ending;
            }
        }
    }

    async fn next_turn(&mut self) -> Result<Stop, Ending> {
        // No more replies are made than are taken.
        self.wait_for_output().await?;
        if self.unfinished {
            return Ok(self.run_input(0));
        }
        if self.has_hung_up || self.shell.is_stopping() {
            return Err(Ending::Orderly);
        }
        let (received, in_scratch) = poll_fn(|context| self.poll_exchange(context)).await?;
        if received == 0 {
            return Err(Ending::Orderly);
        }
        if in_scratch {
            Ok(self.run_scratch(received))
        } else {
            Ok(self.run_input(received))
        }
    }

    async fn after_turn(&mut self, stop: Stop) -> Result<(), Ending> {
        // Begun before anything else can happen.
        let beside = match stop {
            Stop::NotYet(Wait::OthersTurns) => self.start_long(),
            Stop::Errand { errand, is_heard } => Some(self.start_errand(errand, is_heard)),
            _ => None,
        };
        if stop == Stop::Done && self.commands > 1 && self.may_answer_with_others() {
            self.others_run();
            tokio::task::yield_now().await;
        }
        self.write_what_goes()?;
        self.check_bounds(stop)?;
        match stop {
            Stop::Done | Stop::NewLimits | Stop::OutputFull => {}
            Stop::Long | Stop::NotYet(Wait::Memory | Wait::Turn) => {
                self.wait_for_output().await?;
                self.others_run();
                tokio::task::yield_now().await;
            }
            Stop::NotYet(Wait::Pause) => self.wait_for_pause().await?,
            Stop::NotYet(Wait::Keys) => self.wait_for_keys().await?,
            Stop::NotYet(Wait::OthersTurns) | Stop::Errand { .. } => {
                let waits = match stop {
                    Stop::Errand {
                        errand: Errand::Shutdown { .. },
                        ..
                    } => WaitsFor::End,
                    Stop::Errand {
                        errand: Errand::WaitForFollowers(_),
                        ..
                    } => WaitsFor::Copies,
                    _ => WaitsFor::Work,
                };
                if let Some(beside) = beside {
                    self.finish_beside(waits, beside).await?;
                }
                if self.is_parting() {
                    return Err(Ending::Orderly);
                }
            }
            Stop::Blocked => self.wait_until_served().await?,
            Stop::Feed(feeding) => return Err(Ending::Feeds(feeding)),
            Stop::Close => return Err(Ending::Orderly),
        }
        Ok(())
    }

    /// Whether the client is to go when it has its replies.
    fn is_parting(&self) -> bool {
        let clients = &mut self.shell.core.borrow_mut().node.clients;
        clients.at(self.client).is_parting
    }

    /// Cuts the client when it has left too much unread or sent too much unfinished.
    fn check_bounds(&mut self, stop: Stop) -> Result<(), Ending> {
        static INPUT_LINES: Throttle = Throttle::new();
        static OUTPUT_LINES: Throttle = Throttle::new();
        let now_ms = self.shell.clock.wall_ms();
        let core = &mut *self.shell.core.borrow_mut();
        let client = core.node.clients.at(self.client);
        let output_bytes = client.outbox.len();
        if self.input.is_empty() && output_bytes == 0 {
            return Ok(());
        }
        // Whole requests that wait are no fault of the client's.
        let input_bytes = match stop {
            Stop::Done => self.input.len() - self.scanner.finished_bytes(),
            _ => 0,
        };
        let (hot, stats) = (&core.node.settings.hot, &mut core.node.stats);
        let identity = Rc::clone(&client.identity);
        if input_bytes > most_input_bytes(hot) {
            stats.input_limit_disconnections += 1;
            if let Some(left_out) = INPUT_LINES.admit(now_ms) {
                let peer = &identity.address;
                warn!(
                    peer,
                    input_bytes, left_out, "cut: client-query-buffer-limit"
                );
            }
            return Err(Ending::Cut);
        }
        let limit = client
            .session
            .as_ref()
            .map(|session| session.output_limit(hot));
        let hard_bytes = limit.map_or(0, |limit| limit.hard_bytes);
        if hard_bytes > 0 && output_bytes as u64 > hard_bytes {
            stats.output_limit_disconnections += 1;
            if let Some(left_out) = OUTPUT_LINES.admit(now_ms) {
                let peer = &identity.address;
                warn!(
                    peer,
                    output_bytes, left_out, "cut: client-output-buffer-limit"
                );
            }
            return Err(Ending::Cut);
        }
        Ok(())
    }
}

/// Bytes from a client that may wait to be executed.
fn most_input_bytes(hot: &Hot) -> usize {
    hot.input_limit_bytes.min(INPUT_MOST_BYTES)
}

/// What a client may send.
pub(crate) fn limits(hot: &Hot, authenticated: bool) -> RequestLimits {
    if !authenticated {
        return RequestLimits::UNAUTHENTICATED;
    }
    let most = RequestLimits::AUTHENTICATED.bulk_bytes;
    RequestLimits {
        bulk_bytes: u32::try_from(hot.bulk_bytes).unwrap_or(most).min(most),
        ..RequestLimits::AUTHENTICATED
    }
}

#[cfg(test)]
mod tests;
