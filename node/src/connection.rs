//! One socket: read what is there, execute it as one batch, write the replies once.
//! Owns no state of the keyspace; borrows the shell only between awaits. Never: decides what a command does.
//! Invariants: replies leave in the order of the requests; an idle connection holds no buffer; what waits for the client stays below the bounds named here.

use crate::execute::{BATCH_REQUESTS, BatchEnd, Executor, Output, Turn, Work};
use crate::node_state::ClientPlace;
use crate::settings::Hot;
use crate::shell::{SCRATCH_BYTES, Scratch, Shell};
use shared::clock::Reading;
use shared::resp::{ErrorReply, ReplyWriter, RequestBatch, RequestLimits, RequestScanner};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tracing::{debug, warn};

/// Commands of one client between two chances for the others: at a quarter of a microsecond each, they wait a quarter of a millisecond.
const COMMANDS_PER_TURN: usize = 1_024;
/// Time after which a turn ends although it may run more commands, ns.
const TURN_NS: u64 = 500_000;
/// Replies are written when so many bytes have gathered, also in the middle of a batch.
const WRITE_BYTES: usize = 256 * 1024;
/// Waiting replies from which on nothing is read, where `client-output-buffer-limit` names no soft limit.
const DEFAULT_SOFT_BYTES: usize = 1024 * 1024;
/// An incomplete request up to this length is kept apart and copied back into the shared buffer for the next read; a longer one gets a buffer of its own.
const COPIED_TAIL_BYTES: usize = SCRATCH_BYTES / 4;
/// A buffer of its own grows by at least this much, and at most by what it already holds: nobody makes us reserve much by announcing much.
const INPUT_STEP_BYTES: usize = 64 * 1024;
/// Requests are found by 32-bit offsets; whatever `client-query-buffer-limit` says, no buffer grows beyond.
const INPUT_MOST_BYTES: usize = u32::MAX as usize - SCRATCH_BYTES;
/// Longest time for the last replies of a connection that is being closed.
const CLOSING_TIME: Duration = Duration::from_secs(5);

/// What CONFIG REWRITE has replied before anybody knows whether it works.
const OK: &[u8] = b"+OK\r\n";

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
    scanner: RequestScanner,
    authenticated: bool,
    /// Bytes received and not executed; empty when the client is idle.
    input: Vec<u8>,
    left: Option<Left>,
    /// The last turn ended before all of `input` had been looked at.
    unfinished: bool,
    /// Replies not written yet; empty when the client reads them.
    output: Vec<u8>,
    /// How much of `output` has been written.
    written: usize,
    /// Commands run since the others had a chance.
    commands: usize,
}

impl Drop for Connection {
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
            shell,
            stream,
            client_id,
            place,
            authenticated: !limits.before_auth,
            scanner: RequestScanner::new(limits),
            input: Vec::new(),
            left: None,
            unfinished: false,
            output: Vec::new(),
            written: 0,
            commands: 0,
        }
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
        self.write_what_goes()?;
        self.check_bounds()?;
        match end {
            TurnEnd::NeedInput | TurnEnd::Stall(_) => {}
            TurnEnd::Write => self.write_below_soft_bound().await?,
            TurnEnd::Yield => {
                self.write_below_soft_bound().await?;
                self.commands = 0;
                tokio::task::yield_now().await;
            }
            TurnEnd::Paused => self.wait_for_pause().await,
            TurnEnd::Close | TurnEnd::Shutdown => return Err(Ending::Orderly),
        }
        Ok(())
    }

    /// Writes waiting replies as far as they go and reads what has come, whichever is possible first; resolves when something was read.
    /// Above the soft bound nothing is read.
    fn poll_exchange(&mut self, context: &mut Context<'_>) -> Poll<Result<(usize, bool), Ending>> {
        if self.unwritten() > 0 {
            if let Poll::Ready(Err(error)) = self.poll_write(context) {
                return Poll::Ready(Err(error.into()));
            }
            self.note_output();
            if self.unwritten() > self.soft_bytes() {
                return Poll::Pending;
            }
        }
        let received = ready!(self.poll_read(context));
        Poll::Ready(received)
    }

    /// Bytes received, and whether they are in the shared buffer (behind those of `input`) or at the end of `input`.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<(usize, bool), Ending>> {
        let in_scratch = self.input.len() <= COPIED_TAIL_BYTES;
        let polled = if in_scratch {
            let scratch = &mut *self.shell.scratch.borrow_mut();
            let tail = self.input.len();
            scratch.input[..tail].copy_from_slice(&self.input);
            let mut room = ReadBuf::new(&mut scratch.input[tail..]);
            let polled = Pin::new(&mut self.stream).poll_read(context, &mut room);
            polled.map_ok(|()| room.filled().len())
        } else {
            self.poll_read_input(context)
        };
        if polled.is_pending() {
            // Everybody else runs while this one waits.
            self.commands = 0;
        }
        polled
            .map_ok(|received| (received, in_scratch))
            .map_err(Ending::from)
    }

    fn poll_read_input(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let length = self.input.len();
        let wanted = self.scanner.missing_bytes();
        if self.input.capacity() - length < wanted.clamp(1, INPUT_STEP_BYTES) {
            let step = wanted.clamp(INPUT_STEP_BYTES, length.max(INPUT_STEP_BYTES));
            self.input.reserve_exact(step);
        }
        pin!(self.stream.read_buf(&mut self.input)).poll(context)
    }

    /// Runs what was read into the shared buffer, behind the bytes of `input` that were copied there.
    fn run_scratch(&mut self, received: usize) -> TurnEnd {
        let shell = Rc::clone(&self.shell);
        let scratch = &mut *shell.scratch.borrow_mut();
        let filled = self.input.len() + received;
        let mut bytes = std::mem::take(&mut scratch.input);
        let end = self.run_bytes(&mut bytes[..filled], received, scratch);
        let finished = self.drop_finished();
        // Only what is incomplete, or not executed yet, is kept.
        if finished == filled {
            self.input = Vec::new();
        } else {
            self.input.clear();
            self.input.extend_from_slice(&bytes[finished..filled]);
        }
        scratch.input = bytes;
        end
    }

    /// Runs what is in the connection's own buffer, of which the last `received` bytes are new.
    fn run_input(&mut self, received: usize) -> TurnEnd {
        let shell = Rc::clone(&self.shell);
        let scratch = &mut *shell.scratch.borrow_mut();
        let mut bytes = std::mem::take(&mut self.input);
        let end = self.run_bytes(&mut bytes, received, scratch);
        let finished = self.drop_finished();
        if finished == bytes.len() {
            bytes = Vec::new();
        } else if finished > 0 {
            bytes.drain(..finished);
            bytes.shrink_to(2 * bytes.len() + INPUT_STEP_BYTES);
        }
        self.input = bytes;
        end
    }

    /// Tells the scanner which bytes at the front will not be there next time. Requests left over need all bytes, for they are found by offsets.
    fn drop_finished(&mut self) -> usize {
        if self.left.is_some() {
            return 0;
        }
        let finished = self.scanner.finished_bytes();
        self.scanner.dropped(finished);
        finished
    }

    /// Scans and executes `bytes`; replies are in `output` afterwards.
    fn run_bytes(&mut self, bytes: &mut [u8], received: usize, scratch: &mut Scratch) -> TurnEnd {
        if self.output.is_empty() {
            // Lent until everything is written; only a client that does not read keeps it.
            self.output = std::mem::take(&mut scratch.output);
        }
        let mut replies = std::mem::take(&mut self.output);
        let before = replies.len();
        let shell = Rc::clone(&self.shell);
        let (end, condemned, pause_ended) = shell.with_client(self.place, |executor, turn| {
            turn.client.last_active_ms = turn.now_ms;
            turn.node.stats.reads += u64::from(received > 0);
            turn.node.stats.input_bytes += received as u64;
            let mut output = Output {
                bound: before + WRITE_BYTES,
                bytes: &mut replies,
            };
            let end = self.run_batches(bytes, &mut scratch.batch, executor, turn, &mut output);
            turn.client.input_bytes = bytes.len() - self.scanner.finished_bytes();
            turn.node.stats.output_bytes += (replies.len() - before) as u64;
            turn.node.stats.writes += u64::from(replies.len() > before);
            let condemned = turn.node.clients.take_condemned();
            (end, condemned, turn.node.pause.take_ended())
        });
        self.output = replies;
        self.unfinished = end != TurnEnd::NeedInput;
        shell.cut(&condemned);
        if pause_ended {
            shell.unpaused.notify_waiters();
        }
        end
    }

    fn run_batches(
        &mut self,
        bytes: &mut [u8],
        spare: &mut RequestBatch,
        executor: &mut Executor,
        turn: &mut Turn<'_>,
        output: &mut Output<'_>,
    ) -> TurnEnd {
        let start = executor.watch().read();
        let mut left = self.left.take().unwrap_or_else(|| Left {
            batch: std::mem::take(spare),
            next: 0,
        });
        let end = loop {
            if left.next == left.batch.requests().len() {
                left.batch.clear();
                left.next = 0;
                if self.scanner.finished_bytes() == bytes.len() {
                    break self.turn_is_over(executor, start, TurnEnd::NeedInput);
                }
                if self.commands > 0 {
                    let over = self.turn_is_over(executor, start, TurnEnd::NeedInput);
                    if over == TurnEnd::Yield {
                        break over;
                    }
                }
                let most = if self.authenticated {
                    BATCH_REQUESTS
                } else {
                    1
                };
                let scanned = self.scanner.scan(bytes, &mut left.batch, most);
                if left.batch.requests().is_empty() {
                    let Err(fault) = scanned else {
                        break TurnEnd::NeedInput;
                    };
                    // Requests before the fault have been executed: this is the place of its reply.
                    refuse(turn, &ErrorReply::Protocol(fault), output);
                    break TurnEnd::Close;
                }
            }
            if let Some(end) = self.run_batch(bytes, &mut left, executor, turn, output) {
                break end;
            }
        };
        if left.next < left.batch.requests().len() {
            self.left = Some(left);
        } else {
            // Whoever uses it next must not find requests of this client.
            left.batch.clear();
            *spare = left.batch;
        }
        end
    }

    /// Executes the rest of one batch; `None` when the turn goes on.
    fn run_batch(
        &mut self,
        bytes: &[u8],
        left: &mut Left,
        executor: &mut Executor,
        turn: &mut Turn<'_>,
        output: &mut Output<'_>,
    ) -> Option<TurnEnd> {
        let mut work = Work {
            buffer: bytes,
            batch: &left.batch,
            next: left.next,
        };
        let end = executor.run(turn, &mut work, output);
        self.commands += work.next - left.next;
        left.next = work.next;
        if self.authenticated != turn.client.authenticated {
            self.authenticated = turn.client.authenticated;
            self.scanner
                .set_limits(limits(&turn.node.settings.hot, self.authenticated));
        }
        if turn.client.closing {
            return Some(TurnEnd::Close);
        }
        match end {
            BatchEnd::Done => None,
            BatchEnd::OutputFull => Some(TurnEnd::Write),
            BatchEnd::Paused => Some(TurnEnd::Paused),
            BatchEnd::Close => Some(TurnEnd::Close),
            BatchEnd::RewriteConfig => {
                if let Err(error) = self.shell.rewrite_config(turn.node) {
                    // Whoever wants no reply has no `OK` there.
                    if output.bytes.ends_with(OK) {
                        output.bytes.truncate(output.bytes.len() - OK.len());
                        refuse(turn, &error, output);
                    }
                }
                None
            }
            BatchEnd::Shutdown => Some(TurnEnd::Shutdown),
            BatchEnd::Stall { us } => Some(TurnEnd::Stall(Duration::from_micros(us))),
        }
    }

    /// `Yield` when it is the others' turn, else `otherwise`.
    fn turn_is_over(&self, executor: &Executor, start: Reading, otherwise: TurnEnd) -> TurnEnd {
        // A client that waits for each reply never gets so far, and needs no reading.
        let many = self.commands >= COMMANDS_PER_TURN;
        if many || (self.commands > 1 && executor.watch().since_ns(start) > TURN_NS) {
            TurnEnd::Yield
        } else {
            otherwise
        }
    }

    fn unwritten(&self) -> usize {
        self.output.len() - self.written
    }

    /// Waiting replies from which on nothing is read.
    fn soft_bytes(&self) -> usize {
        let core = self.shell.core.borrow();
        match core.node.settings.hot.output_limit.soft_bytes {
            0 => DEFAULT_SOFT_BYTES,
            bytes => usize::try_from(bytes).unwrap_or(usize::MAX),
        }
    }

    /// Writes without waiting.
    fn write_what_goes(&mut self) -> Result<(), Ending> {
        let waited = self.written > 0;
        while self.unwritten() > 0 {
            match self.stream.try_write(&self.output[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.note_output();
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
        if waited {
            self.note_output();
        }
        self.give_back_output();
        Ok(())
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.unwritten() > 0 {
            let rest = &self.output[self.written..];
            self.written += ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
        }
        self.give_back_output();
        Poll::Ready(Ok(()))
    }

    async fn write_all(&mut self) -> io::Result<()> {
        poll_fn(|context| self.poll_write(context)).await
    }

    /// Waits until the client has read so much that only what the soft bound allows is left.
    async fn write_below_soft_bound(&mut self) -> Result<(), Ending> {
        let soft_bytes = self.soft_bytes();
        poll_fn(|context| {
            let polled = self.poll_write(context);
            self.note_output();
            match polled {
                Poll::Pending if self.unwritten() <= soft_bytes => Poll::Ready(Ok(())),
                polled => polled,
            }
        })
        .await?;
        Ok(())
    }

    /// The buffer goes back to whoever writes next.
    fn give_back_output(&mut self) {
        self.written = 0;
        let output = std::mem::take(&mut self.output);
        let scratch = &mut *self.shell.scratch.borrow_mut();
        if scratch.output.capacity() == 0 {
            scratch.output = output;
            scratch.clear_output();
        }
    }

    /// Tells the registry how much waits, and that some of it has moved.
    fn note_output(&mut self) {
        if self.written > self.unwritten() {
            // Bytes are moved at most once each.
            self.output.drain(..self.written);
            self.written = 0;
        }
        let now_ms = self.shell.clock.wall_ms();
        let core = &mut *self.shell.core.borrow_mut();
        let client = core.node.clients.at(self.place);
        let waiting = self.output.len() - self.written;
        if waiting < client.output_bytes || client.output_bytes == 0 {
            client.output_progress_ms = now_ms;
        }
        client.output_bytes = waiting;
    }

    /// Cuts the client when it has left too much unread or sent too much unfinished.
    fn check_bounds(&mut self) -> Result<(), Ending> {
        let client = self.client_id;
        if self.input.is_empty() && self.output.is_empty() {
            return Ok(());
        }
        let (input_bytes, output_bytes) = (self.input.len(), self.unwritten());
        let core = &mut *self.shell.core.borrow_mut();
        let (hot, stats) = (&core.node.settings.hot, &mut core.node.stats);
        if input_bytes > hot.input_limit_bytes.min(INPUT_MOST_BYTES) {
            stats.input_limit_disconnections += 1;
            warn!(client, input_bytes, "cut: client-query-buffer-limit");
            return Err(Ending::Cut);
        }
        let hard_bytes = hot.output_limit.hard_bytes;
        if hard_bytes > 0 && output_bytes as u64 > hard_bytes {
            stats.output_limit_disconnections += 1;
            warn!(client, output_bytes, "cut: client-output-buffer-limit");
            return Err(Ending::Cut);
        }
        Ok(())
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

fn refuse(turn: &mut Turn<'_>, error: &ErrorReply, output: &mut Output<'_>) {
    let start = output.bytes.len();
    ReplyWriter::new(output.bytes, turn.client.protocol).error(error);
    turn.node.stats.error_replied(&output.bytes[start..]);
}
