//! One turn of a connection: scan what has come, execute it, keep what is incomplete.
//! Never: touches the socket. Invariants: a turn is bounded in commands, time and replies; requests run in order, each once, also when a turn ends in the middle of a batch.

use super::{Connection, INPUT_STEP_BYTES, Left, limits};
use crate::execute::behalf;
use crate::execute::{BATCH_REQUESTS, Executor, Output, Stop, Turn, Wait, Work};
use crate::shell::Scratch;
use shared::resp::{ErrorReply, ReplyWriter, RequestBatch};
use std::rc::Rc;
use std::sync::Arc;

/// Commands of one client between two chances for the others: at a quarter of a microsecond each, they wait a quarter of a millisecond.
const COMMANDS_PER_TURN: usize = 1_024;
/// Time after which a turn ends although it may run more commands, ns.
const TURN_NS: u64 = 500_000;
/// Replies are written when so many bytes have gathered, also in the middle of a batch.
const WRITE_BYTES: usize = 256 * 1024;
/// A buffer with one request of at least so many bytes is offered to the store: its value may stay where it is.
const OFFERED_BYTES: usize = 256 * 1024;

/// What a turn works on.
enum Received<'a> {
    /// In the shared buffer.
    Shared(&'a mut [u8]),
    /// In the connection's own.
    Own(&'a mut Arc<Vec<u8>>),
}

impl Received<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Own(bytes) => bytes,
        }
    }

    /// Room behind them that is the client's own.
    fn spare_bytes(&self) -> usize {
        match self {
            Self::Shared(_) => 0,
            Self::Own(bytes) => bytes.capacity() - bytes.len(),
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Own(bytes) => Arc::make_mut(bytes).as_mut_slice(),
        }
    }

    /// The buffer, when it holds nothing of use but the last request of `left`, and much of that.
    fn to_offer(&self, left: &Left) -> Option<&Arc<Vec<u8>>> {
        let (Self::Own(bytes), [.., last]) = (self, left.batch.requests()) else {
            return None;
        };
        let is_last = left.next + 1 == left.batch.requests().len();
        // What takes a part of it keeps all of it.
        let is_most = (last.end - last.start) as usize > bytes.capacity() / 2;
        let is_all = is_last && is_most && last.end as usize == bytes.len();
        (is_all && bytes.len() >= OFFERED_BYTES).then_some(bytes)
    }
}

impl Connection {
    /// Runs what was read into the shared buffer, behind the bytes of `input` that were copied there.
    pub(super) fn run_scratch(&mut self, received: usize) -> Stop {
        let shell = Rc::clone(&self.shell);
        let scratch = &mut *shell.scratch.borrow_mut();
        let filled = self.input.len() + received;
        let mut bytes = std::mem::take(&mut scratch.input);
        let end = self.run_bytes(Received::Shared(&mut bytes[..filled]), received, scratch);
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
    pub(super) fn run_input(&mut self, received: usize) -> Stop {
        let shell = Rc::clone(&self.shell);
        let scratch = &mut *shell.scratch.borrow_mut();
        let mut bytes = Arc::new(std::mem::take(&mut self.input));
        let stop = self.run_bytes(Received::Own(&mut bytes), received, scratch);
        let is_finished = self.left.is_none() && self.scanner.finished_bytes() == bytes.len();
        if is_finished {
            // It may have been kept by the store.
            self.drop_finished();
            return stop;
        }
        let mut bytes = Arc::unwrap_or_clone(bytes);
        // Moved when less is left than goes: a long row of requests that has been taken in is not moved once a turn.
        if self.scanner.finished_bytes() > bytes.len() / 2 {
            let finished = self.drop_finished();
            bytes.drain(..finished);
            bytes.shrink_to(2 * bytes.len() + INPUT_STEP_BYTES);
        }
        self.input = bytes;
        stop
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
    fn run_bytes(
        &mut self,
        mut bytes: Received<'_>,
        received: usize,
        scratch: &mut Scratch,
    ) -> Stop {
        let shell = Rc::clone(&self.shell);
        let client = self.client;
        let log_end = shell.log_end();
        let (stop, condemned, pause_changed, before) =
            shell.with_client(client, |executor, turn| {
                turn.node.stats.reads += u64::from(received > 0);
                turn.node.stats.input_bytes += received as u64;
                let waiting_bytes = self.waiting_bytes(bytes.bytes().len());
                let in_registry = turn.node.clients.at(client);
                in_registry.traffic.last_active_ms = turn.now_ms;
                in_registry.traffic.input_bytes = waiting_bytes;
                in_registry.traffic.input_spare_bytes = bytes.spare_bytes();
                scratch.provide_output();
                let mut replies = in_registry.outbox.lend(&mut scratch.output);
                let before = replies.len();
                let mut output = Output {
                    bound: before + WRITE_BYTES,
                    bytes: &mut replies,
                };
                let stop =
                    self.run_batches(&mut bytes, &mut scratch.batch, executor, turn, &mut output);
                turn.node.stats.output_bytes += (replies.len() - before) as u64;
                turn.node.stats.writes += u64::from(replies.len() > before);
                let waiting_bytes = self.waiting_bytes(bytes.bytes().len());
                let in_registry = turn.node.clients.at(client);
                in_registry.traffic.input_bytes = waiting_bytes;
                if waiting_bytes == 0 {
                    in_registry.traffic.input_spare_bytes = 0;
                }
                in_registry.outbox.take_back(replies);
                let condemned = turn.node.clients.take_condemned();
                (stop, condemned, turn.node.pause.take_changed(), before)
            });
        shell.hold_replies(client, before, log_end);
        shell.hold_for_followers(client);
        self.unfinished = stop != Stop::Done;
        shell.cut(&condemned);
        if pause_changed {
            shell.pause_changed.notify_waiters();
        }
        stop
    }

    /// Of so many bytes, those that have not been executed.
    fn waiting_bytes(&self, bytes: usize) -> usize {
        let next = self
            .left
            .as_ref()
            .and_then(|left| left.batch.requests().get(left.next));
        bytes - next.map_or(self.scanner.finished_bytes(), |next| next.start as usize)
    }

    fn run_batches(
        &mut self,
        bytes: &mut Received<'_>,
        spare: &mut RequestBatch,
        executor: &mut Executor,
        turn: &mut Turn<'_>,
        output: &mut Output<'_>,
    ) -> Stop {
        self.turn_began
            .get_or_insert_with(|| executor.watch().read());
        let mut left = self.left.take().unwrap_or_else(|| Left {
            batch: std::mem::take(spare),
            next: 0,
        });
        let end = loop {
            if left.next == left.batch.requests().len() {
                self.pass_over_last(turn, &left.batch);
                left.batch.clear();
                left.next = 0;
                if self.scanner.finished_bytes() == bytes.bytes().len() {
                    break self.turn_is_over(executor, Stop::Done);
                }
                if self.commands > 0 {
                    let over = self.turn_is_over(executor, Stop::Done);
                    if over == Stop::Long {
                        break over;
                    }
                }
                // Somebody else may have changed a setting.
                self.set_limits(turn, &mut left);
                // What follows an AUTH is under other limits.
                let most = if self.limits.before_auth {
                    1
                } else {
                    BATCH_REQUESTS
                };
                let from = self.scanner.finished_bytes();
                let scanned = self.scanner.scan(bytes.bytes_mut(), &mut left.batch, most);
                let first = left.batch.requests().first();
                let to = first.map_or(self.scanner.finished_bytes(), |first| first.start as usize);
                pass_over(turn, from, to);
                if left.batch.requests().is_empty() {
                    let Err(fault) = scanned else {
                        break self.beginning_of_a_request(bytes, executor);
                    };
                    // Requests before the fault have been executed: this is the place of its reply.
                    refuse(turn, &ErrorReply::Protocol(fault), output);
                    break Stop::Close;
                }
            }
            if let Some(end) = self.run_batch(bytes, &mut left, executor, turn, output) {
                // Writing gives nobody a chance as long as the client takes what it gets.
                break match end {
                    Stop::OutputFull => self.turn_is_over(executor, end),
                    end => end,
                };
            }
        };
        if left.next < left.batch.requests().len() {
            self.left = Some(left);
        } else {
            self.pass_over_last(turn, &left.batch);
            // Whoever uses it next must not find requests of this client.
            left.batch.clear();
            *spare = left.batch;
        }
        end
    }

    /// What stands behind the last request that was found, which has been executed, asks for nothing.
    fn pass_over_last(&self, turn: &mut Turn<'_>, batch: &RequestBatch) {
        if let Some(last) = batch.requests().last() {
            pass_over(turn, last.end as usize, self.scanner.finished_bytes());
        }
    }

    /// Executes the rest of one batch; `None` when the turn goes on.
    fn run_batch(
        &mut self,
        bytes: &Received<'_>,
        left: &mut Left,
        executor: &mut Executor,
        turn: &mut Turn<'_>,
        output: &mut Output<'_>,
    ) -> Option<Stop> {
        let db = turn.session.db;
        let offered = bytes.to_offer(left).map(Arc::clone);
        let is_offered = offered.is_some();
        if let Some(buffer) = offered {
            turn.store.offer(db, buffer);
        }
        let mut work = Work {
            buffer: bytes.bytes(),
            batch: &left.batch,
            next: left.next,
        };
        let stop = executor.run(turn, &mut work, output);
        if is_offered {
            turn.store.withdraw(db);
        }
        self.commands += work.next - left.next;
        left.next = work.next;
        match stop {
            Stop::Done => None,
            Stop::Long => self.time_is_up(executor).then_some(Stop::Long),
            Stop::NewLimits => {
                self.set_limits(turn, left);
                None
            }
            Stop::NotYet(Wait::OthersTurns) => {
                let request = &left.batch.requests()[left.next];
                let args = behalf::inner(left.batch.args(bytes.bytes(), request));
                self.long = Some(Box::new(executor.begin(turn, args)));
                Some(stop)
            }
            _ => Some(stop),
        }
    }

    /// The client may have authenticated, or have been set back, or a setting is another one: its next request is held against that, found or not.
    fn set_limits(&mut self, turn: &Turn<'_>, left: &mut Left) {
        let limits = limits(
            &turn.node.settings.hot,
            turn.session.login.is_authenticated(),
        );
        if limits != self.limits {
            self.limits = limits;
            self.scanner
                .set_limits_behind(limits, &mut left.batch, left.next);
        }
    }

    /// [`Stop::Long`] when it is the others' turn, else `otherwise`.
    fn turn_is_over(&self, executor: &Executor, otherwise: Stop) -> Stop {
        // A client that waits for each reply never gets so far, and needs no reading.
        let many = self.commands >= COMMANDS_PER_TURN;
        if many || (self.commands > 1 && self.time_is_up(executor)) {
            Stop::Long
        } else {
            otherwise
        }
    }

    /// There is no whole request. One that arrives in many parts may take more than a turn to be looked at.
    fn beginning_of_a_request(&self, bytes: &Received<'_>, executor: &Executor) -> Stop {
        match bytes {
            Received::Own(_) if self.time_is_up(executor) => Stop::Long,
            _ => Stop::Done,
        }
    }

    fn time_is_up(&self, executor: &Executor) -> bool {
        self.turn_began
            .is_some_and(|began| executor.watch().since_ns(began) > TURN_NS)
    }
}

/// What stands between these places asks for nothing, if there is anything.
fn pass_over(turn: &mut Turn<'_>, from: usize, to: usize) {
    if from < to {
        turn.session.replies.pass_over();
    }
}

fn refuse(turn: &mut Turn<'_>, error: &ErrorReply, output: &mut Output<'_>) {
    let start = output.bytes.len();
    ReplyWriter::new(output.bytes, turn.session.protocol).error(error);
    turn.node.stats.error_replied(&output.bytes[start..]);
    if !turn.session.hears_reply() {
        output.bytes.truncate(start);
    }
}
