//! One socket: read what is there, execute it as one batch, write the replies once.
//! Owns no state of the keyspace; borrows the shell only between awaits. Never: decides what a command does.
//! Invariants: replies leave in the order of the requests; an idle connection holds no buffer; what waits for the client stays below the bounds named here.

mod beside;
mod transfer;
mod turn;

use crate::execute::LongCommand;
use crate::node_state::ClientPlace;
use crate::settings::Hot;
use crate::shell::{SCRATCH_BYTES, Shell};
use shared::clock::Reading;
use shared::resp::{RequestBatch, RequestLimits, RequestScanner};
use shared::throttle::Throttle;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpStream;
use tracing::{debug, warn};

/// A buffer of its own grows by at least this much.
const INPUT_STEP_BYTES: usize = 64 * 1024;
/// Requests are found by 32-bit offsets; whatever `client-query-buffer-limit` says, no buffer grows beyond.
const INPUT_MOST_BYTES: usize = u32::MAX as usize - SCRATCH_BYTES;
/// Longest time for the last replies of a connection that is being closed.
const CLOSING_TIME: Duration = Duration::from_secs(5);

/// Why a connection ends.
#[derive(Debug)]
enum Ending {
    /// The client closed it, or the network broke.
    Gone,
    /// After the replies are written.
    Orderly,
    /// At once; the reason was logged.
    Cut,
}

impl From<io::Error> for Ending {
    fn from(error: io::Error) -> Self {
        debug!(%error, "connection lost");
        Self::Gone
    }
}

/// What to do when a turn is over.
#[derive(Debug, PartialEq, Eq)]
enum TurnEnd {
    /// Wait for more bytes.
    NeedInput,
    /// Write, then go on.
    Write,
    /// Let the others run, then go on.
    Yield,
    /// Wait for the end of the pause, then go on.
    Paused,
    /// Wait until another command is done with the keys of the next one, then go on.
    Held,
    /// Carry out the next command beside this connection, then go on.
    Long,
    /// Write, stall the node, go on.
    Stall(Duration),
    /// Write and close.
    Close,
    /// Stop the node; no reply.
    Shutdown,
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
    stream: TcpStream,
    client_id: u64,
    place: ClientPlace,
    /// Takes the client out of the registry.
    _presence: Presence,
    scanner: RequestScanner,
    authenticated: bool,
    /// Bytes received and not executed; empty when the client is idle.
    input: Vec<u8>,
    left: Option<Left>,
    /// What the turn has begun and is to be carried out beside it.
    long: Option<Box<LongCommand>>,
    /// The last turn ended before all of `input` had been looked at.
    unfinished: bool,
    /// Replies not written yet; empty when the client reads them.
    output: Vec<u8>,
    /// How much of `output` has been written.
    written: usize,
    /// Commands run since the others had a chance.
    commands: usize,
    /// When the first of them began.
    turn_began: Option<Reading>,
}

/// A client's place in the registry, left however its connection ends.
#[derive(Debug)]
struct Presence {
    shell: Rc<Shell>,
    client_id: u64,
    place: ClientPlace,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.shell.leave(self.client_id, self.place);
    }
}

impl Connection {
    pub(crate) fn new(
        shell: Rc<Shell>,
        stream: TcpStream,
        (client_id, place): (u64, ClientPlace),
        limits: RequestLimits,
    ) -> Self {
        Self {
            _presence: Presence {
                shell: Rc::clone(&shell),
                client_id,
                place,
            },
            shell,
            stream,
            client_id,
            place,
            authenticated: !limits.before_auth,
            scanner: RequestScanner::new(limits),
            input: Vec::new(),
            left: None,
            long: None,
            unfinished: false,
            output: Vec::new(),
            written: 0,
            commands: 0,
            turn_began: None,
        }
    }

    /// Others have had, or will have, a chance before the next command.
    fn others_run(&mut self) {
        self.commands = 0;
        self.turn_began = None;
    }

    /// Serves the client until it goes, or is cut.
    pub(crate) async fn serve(mut self) {
        match self.serve_until_end().await {
            Ending::Gone | Ending::Cut => {}
            Ending::Orderly => {
                // A client that does not read its last replies has had its time.
                let last = tokio::time::timeout(CLOSING_TIME, self.write_all());
                if last.await.is_err() {
                    debug!(client = self.client_id, "last replies were not read");
                }
            }
        }
        self.shell.departures.close_soon(self.stream);
    }

    async fn serve_until_end(&mut self) -> Ending {
        loop {
            let end = match self.next_turn().await {
                Ok(end) => end,
                Err(ending) => return ending,
            };
            if let Err(ending) = self.after_turn(end).await {
                return ending;
            }
        }
    }

    async fn next_turn(&mut self) -> Result<TurnEnd, Ending> {
        if self.unfinished {
            return Ok(self.run_input(0));
        }
        if self.shell.is_stopping() {
            return Err(Ending::Orderly);
        }
        let (received, in_scratch) = poll_fn(|context| self.poll_exchange(context)).await?;
        if received == 0 {
            return Err(Ending::Gone);
        }
        if in_scratch {
            Ok(self.run_scratch(received))
        } else {
            Ok(self.run_input(received))
        }
    }

    async fn after_turn(&mut self, end: TurnEnd) -> Result<(), Ending> {
        if end == TurnEnd::Shutdown {
            self.shell.shutdown.notify_one();
            return Err(Ending::Gone);
        }
        if let TurnEnd::Stall(time) = end {
            self.shell.stall(time);
        }
        let beside = self.start_beside();
        self.write_what_goes()?;
        self.check_bounds()?;
        match end {
            TurnEnd::NeedInput | TurnEnd::Stall(_) => {}
            TurnEnd::Write => self.write_below_soft_bound().await?,
            TurnEnd::Yield => {
                self.write_below_soft_bound().await?;
                self.others_run();
                tokio::task::yield_now().await;
            }
            TurnEnd::Paused => {
                self.others_run();
                self.wait_for_pause().await;
            }
            TurnEnd::Held => {
                self.others_run();
                self.wait_for_keys().await;
            }
            TurnEnd::Long => {
                self.others_run();
                if let Some(beside) = beside {
                    self.finish_beside(beside).await?;
                    // A row of such commands would pass the turn to and fro before anybody else is read.
                    tokio::task::yield_now().await;
                }
            }
            TurnEnd::Close | TurnEnd::Shutdown => return Err(Ending::Orderly),
        }
        Ok(())
    }

    /// Cuts the client when it has left too much unread or sent too much unfinished.
    fn check_bounds(&mut self) -> Result<(), Ending> {
        static INPUT_LINES: Throttle = Throttle::new();
        static OUTPUT_LINES: Throttle = Throttle::new();
        if self.input.is_empty() && self.output.is_empty() {
            return Ok(());
        }
        let (input_bytes, output_bytes) = (self.input.len(), self.unwritten());
        let core = &mut *self.shell.core.borrow_mut();
        let (hot, stats) = (&core.node.settings.hot, &mut core.node.stats);
        if input_bytes > hot.input_limit_bytes.min(INPUT_MOST_BYTES) {
            stats.input_limit_disconnections += 1;
            if let Some(left_out) = INPUT_LINES.admit(self.shell.clock.wall_ms()) {
                let peer = self.peer();
                warn!(
                    peer,
                    input_bytes, left_out, "cut: client-query-buffer-limit"
                );
            }
            return Err(Ending::Cut);
        }
        let hard_bytes = hot.output_limit.hard_bytes;
        if hard_bytes > 0 && output_bytes as u64 > hard_bytes {
            stats.output_limit_disconnections += 1;
            if let Some(left_out) = OUTPUT_LINES.admit(self.shell.clock.wall_ms()) {
                let peer = self.peer();
                warn!(
                    peer,
                    output_bytes, left_out, "cut: client-output-buffer-limit"
                );
            }
            return Err(Ending::Cut);
        }
        Ok(())
    }

    /// Where the client connects from, for the log.
    fn peer(&self) -> String {
        let peer = self.stream.peer_addr();
        peer.map_or_else(|_| String::new(), |address| address.to_string())
    }

    /// Another client's command is at work on keys of the next one.
    async fn wait_for_keys(&mut self) {
        let unheld = self.shell.unheld.notified();
        if self.shell.core.borrow().node.hold.is_some() {
            unheld.await;
        }
    }

    /// CLIENT PAUSE holds up this client.
    async fn wait_for_pause(&mut self) {
        /// Timers have a reach; after this long the pause is looked at again.
        const LOOK_AGAIN_MS: u64 = 60_000;
        loop {
            let unpaused = self.shell.unpaused.notified();
            let until_ms = self.shell.core.borrow().node.pause.until_ms();
            let left_ms = until_ms.saturating_sub(self.shell.clock.wall_ms());
            if left_ms == 0 {
                return;
            }
            let nap = Duration::from_millis(left_ms.min(LOOK_AGAIN_MS));
            if tokio::time::timeout(nap, unpaused).await.is_ok() {
                return;
            }
        }
    }
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
