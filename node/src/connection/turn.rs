//! One turn of a connection: scan what has come, execute it, keep what is incomplete.
//! Never: touches the socket. Invariants: a turn is bounded in commands, time and replies; requests run in order, each once, also when a turn ends in the middle of a batch.

use super::{Connection, INPUT_STEP_BYTES, Left, TurnEnd, limits};
use crate::execute::{BATCH_REQUESTS, BatchEnd, Executor, LongCommand, Output, Turn, Work};
use crate::shell::Scratch;
use shared::resp::{ErrorReply, ReplyWriter, RequestBatch};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Commands of one client between two chances for the others: at a quarter of a microsecond each, they wait a quarter of a millisecond.
const COMMANDS_PER_TURN: usize = 1_024;
/// Time after which a turn ends although it may run more commands, ns.
const TURN_NS: u64 = 500_000;
/// Replies are written when so many bytes have gathered, also in the middle of a batch.
const WRITE_BYTES: usize = 256 * 1024;
/// What CONFIG REWRITE has replied before anybody knows whether it works.
const OK: &[u8] = b"+OK\r\n";

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
        (is_last && bytes.len() >= OFFERED_BYTES && last.end as usize == bytes.len())
            .then_some(bytes)
    }
}

impl Connection {
    /// Runs what was read into the shared buffer, behind the bytes of `input` that were copied there.
    pub(super) fn run_scratch(&mut self, received: usize) -> TurnEnd {
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
    pub(super) fn run_input(&mut self, received: usize) -> TurnEnd {
        let shell = Rc::clone(&self.shell);
        let scratch = &mut *shell.scratch.borrow_mut();
        let mut bytes = Arc::new(std::mem::take(&mut self.input));
        let end = self.run_bytes(Received::Own(&mut bytes), received, scratch);
        let finished = self.drop_finished();
        if finished < bytes.len() {
            // What is finished as a whole may have been kept by the store.
            let mut bytes = Arc::unwrap_or_clone(bytes);
            if finished > 0 {
                bytes.drain(..finished);
                bytes.shrink_to(2 * bytes.len() + INPUT_STEP_BYTES);
            }
            self.input = bytes;
        }
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
    fn run_bytes(
        &mut self,
        mut bytes: Received<'_>,
        received: usize,
        scratch: &mut Scratch,
    ) -> TurnEnd {
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
            let end = self.run_batches(&mut bytes, &mut scratch.batch, executor, turn, &mut output);
            turn.client.input_bytes = bytes.bytes().len() - self.scanner.finished_bytes();
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
        bytes: &mut Received<'_>,
        spare: &mut RequestBatch,
        executor: &mut Executor,
        turn: &mut Turn<'_>,
        output: &mut Output<'_>,
    ) -> TurnEnd {
        self.turn_began
            .get_or_insert_with(|| executor.watch().read());
        let mut left = self.left.take().unwrap_or_else(|| Left {
            batch: std::mem::take(spare),
            next: 0,
        });
        let end = loop {
            if left.next == left.batch.requests().len() {
                left.batch.clear();
                left.next = 0;
                if self.scanner.finished_bytes() == bytes.bytes().len() {
                    break self.turn_is_over(executor, TurnEnd::NeedInput);
                }
                if self.commands > 0 {
                    let over = self.turn_is_over(executor, TurnEnd::NeedInput);
                    if over == TurnEnd::Yield {
                        break over;
                    }
                }
                let most = if self.authenticated {
                    BATCH_REQUESTS
                } else {
                    1
                };
                let scanned = self.scanner.scan(bytes.bytes_mut(), &mut left.batch, most);
                if left.batch.requests().is_empty() {
                    let Err(fault) = scanned else {
                        break self.beginning_of_a_request(bytes, executor);
                    };
                    // Requests before the fault have been executed: this is the place of its reply.
                    refuse(turn, &ErrorReply::Protocol(fault), output);
                    break TurnEnd::Close;
                }
            }
            if let Some(end) = self.run_batch(bytes, &mut left, executor, turn, output) {
                // Writing gives nobody a chance as long as the client takes what it gets.
                break match end {
                    TurnEnd::Write => self.turn_is_over(executor, end),
                    end => end,
                };
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
        bytes: &Received<'_>,
        left: &mut Left,
        executor: &mut Executor,
        turn: &mut Turn<'_>,
        output: &mut Output<'_>,
    ) -> Option<TurnEnd> {
        let db = turn.client.db;
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
        let end = executor.run(turn, &mut work, output);
        if is_offered {
            turn.store.withdraw(db);
        }
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
            BatchEnd::OutputFull => Some(TurnEnd::Write),
            BatchEnd::Long if self.time_is_up(executor) => Some(TurnEnd::Yield),
            BatchEnd::Done | BatchEnd::Long => None,
            BatchEnd::Evicting => Some(TurnEnd::Yield),
            BatchEnd::Paused => Some(TurnEnd::Paused),
            BatchEnd::Held => Some(TurnEnd::Held),
            BatchEnd::ManyKeys => {
                let request = &left.batch.requests()[left.next];
                let args = left.batch.args(bytes.bytes(), request);
                self.long = Some(Box::new(LongCommand::begin(turn, args)));
                Some(TurnEnd::Long)
            }
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
    fn turn_is_over(&self, executor: &Executor, otherwise: TurnEnd) -> TurnEnd {
        // A client that waits for each reply never gets so far, and needs no reading.
        let many = self.commands >= COMMANDS_PER_TURN;
        if many || (self.commands > 1 && self.time_is_up(executor)) {
            TurnEnd::Yield
        } else {
            otherwise
        }
    }

    /// There is no whole request. One that arrives in many parts may take more than a turn to be looked at.
    fn beginning_of_a_request(&self, bytes: &Received<'_>, executor: &Executor) -> TurnEnd {
        match bytes {
            Received::Own(_) if self.time_is_up(executor) => TurnEnd::Yield,
            _ => TurnEnd::NeedInput,
        }
    }

    fn time_is_up(&self, executor: &Executor) -> bool {
        self.turn_began
            .is_some_and(|began| executor.watch().since_ns(began) > TURN_NS)
    }
}

fn refuse(turn: &mut Turn<'_>, error: &ErrorReply, output: &mut Output<'_>) {
    let start = output.bytes.len();
    ReplyWriter::new(output.bytes, turn.client.protocol).error(error);
    turn.node.stats.error_replied(&output.bytes[start..]);
}
