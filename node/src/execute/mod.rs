//! Commands through the gates: known, arity, authenticated, memory, pause, keys that are held → handler → counters and effects.
//! Pure: bytes in, bytes out; time is what the shell read at the start of the turn, and a stopwatch for the counters.
//! Never: a socket, a sleep. Invariant: each request appends exactly one reply (or none, if the client wants none), in order.

mod gates;
mod lookahead;
mod strides;
mod timing;

pub(crate) use gates::{Room, make_room};
pub(crate) use strides::{LongCommand, LongEnd};

use crate::client_state::ClientState;
use crate::commands::{Action, Call, Handler, HandlerTable};
use crate::log::Effects;
use crate::node_state::{NodeState, SlowlogEntry, shortened};
use crate::store::{KeyHash, Store};
use gates::Gate;
use lookahead::Lookahead;
use shared::clock::Stopwatch;
use shared::command::{self, CommandFlags, CommandSpec};
use shared::resp::{Args, ErrorReply, ReplyWriter, RequestBatch};
use strides::Strides;
use timing::Timing;
use tracing::warn;

/// Most commands that are planned together: enough for prefetching to hide memory's latency, few enough to stay in the first cache.
pub const BATCH_REQUESTS: usize = 128;
/// Most keys prefetched in one batch, however many commands they belong to: their lines and entries, three cache lines each, are at home in the second cache.
const PREFETCHED_KEYS: usize = 1024;
/// With so many arguments a request has one key, or two at most.
const SHORT_REQUEST_ARGS: u32 = 3;
/// A command that took so long is reported, so that others need not wait for those behind it as well, ns.
const LONG_NS: u64 = 100_000;

/// Why a batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchEnd {
    /// All requests were executed.
    Done,
    /// The replies reached the bound that was given; write them, then go on.
    OutputFull,
    /// The last command took long; look at the time, then go on.
    Long,
    /// The client is held up by CLIENT PAUSE; the next request has not been executed.
    Paused,
    /// The next request has not been executed: another command is at work on its keys.
    Held,
    /// The next request has not been executed: it has so many keys that others should have their turns meanwhile ([`LongCommand`]).
    ManyKeys,
    /// The next request has not been executed: memory is to shrink first, of which a part has been done; let others run, then go on.
    Evicting,
    /// Send the replies and close.
    Close,
    /// Stop the node.
    Shutdown,
    /// Write the settings to their file; when that fails, the `OK` at the end of the replies becomes an error.
    RewriteConfig,
    /// Hold up the node for so many microseconds, then go on.
    Stall {
        /// Microseconds.
        us: u64,
    },
}

/// Executes requests. Its vectors are reused from batch to batch.
#[derive(Debug)]
pub struct Executor {
    handlers: HandlerTable,
    planned: Vec<Planned>,
    lookahead: Lookahead,
    /// What the commands changed.
    pub effects: Effects,
    timing: Timing,
}

/// A request whose row has been found and whose keys have been hashed.
#[derive(Debug)]
struct Planned {
    row: Result<&'static CommandSpec, ErrorReply>,
    first_key: u32,
    keys: u32,
}

/// What the commands of one turn work on.
#[derive(Debug)]
pub struct Turn<'a> {
    /// The keyspace.
    pub store: &'a mut Store,
    /// Everything else of the node.
    pub node: &'a mut NodeState,
    /// Who asks.
    pub client: &'a mut ClientState,
    /// Unix milliseconds, the same for the whole turn.
    pub now_ms: u64,
}

/// Requests of one client and how far they have been executed.
#[derive(Debug)]
pub struct Work<'a> {
    /// The bytes that were scanned.
    pub buffer: &'a [u8],
    /// The requests found in them.
    pub batch: &'a RequestBatch,
    /// Number of the first one that was not executed yet.
    pub next: usize,
}

/// Where replies go.
#[derive(Debug)]
pub struct Output<'a> {
    /// They are appended here.
    pub bytes: &'a mut Vec<u8>,
    /// When there are more bytes than this, they should be written before the next command runs.
    pub bound: usize,
}

impl Executor {
    /// An executor for this process; `watch` times its commands.
    #[must_use]
    pub fn new(watch: Stopwatch) -> Self {
        Self {
            handlers: HandlerTable::new(),
            planned: Vec::with_capacity(BATCH_REQUESTS),
            lookahead: Lookahead::new(PREFETCHED_KEYS),
            effects: Effects::default(),
            timing: Timing::new(watch),
        }
    }

    /// The stopwatch that times the commands.
    #[must_use]
    pub fn watch(&self) -> &Stopwatch {
        self.timing.watch()
    }

    /// Executes the requests of `work` from `work.next` on, and moves that behind the last one executed.
    pub fn run(
        &mut self,
        turn: &mut Turn<'_>,
        work: &mut Work<'_>,
        output: &mut Output<'_>,
    ) -> BatchEnd {
        self.timing.start(turn.node);
        let mut end = BatchEnd::Done;
        while end == BatchEnd::Done {
            end = match work.batch.requests().get(work.next..) {
                None | Some([]) => break,
                // Alone, with one key, there is nothing to overlap with: the handler hashes, the processor looks ahead.
                Some([only]) if only.arg_count <= SHORT_REQUEST_ARGS => {
                    let row = command::resolve_served(work.args(), CommandSpec::is_served_by_node);
                    self.run_next(turn, work, row, &[], output)
                }
                Some(rest) => self.run_window(turn, work, rest.len().min(BATCH_REQUESTS), output),
            };
        }
        self.timing.close(turn.node);
        end
    }

    /// Runs `count` requests with their index lines and entries asked for ahead.
    fn run_window(
        &mut self,
        turn: &mut Turn<'_>,
        work: &mut Work<'_>,
        count: usize,
        output: &mut Output<'_>,
    ) -> BatchEnd {
        self.plan(turn, work, count);
        let mut planned = std::mem::take(&mut self.planned);
        let lookahead = std::mem::take(&mut self.lookahead);
        let mut end = BatchEnd::Done;
        for plan in planned.drain(..) {
            let (first, keys) = (plan.first_key as usize, plan.keys as usize);
            let known = lookahead.keys(first, keys);
            end = self.run_next(turn, work, plan.row, known, output);
            if end != BatchEnd::Done {
                break;
            }
        }
        self.planned = planned;
        self.lookahead = lookahead;
        end
    }

    /// Finds the rows, hashes the keys, asks for what they need.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "requests and arguments are counted in 32 bits where they are scanned"
    )]
    fn plan(&mut self, turn: &mut Turn<'_>, work: &Work<'_>, count: usize) {
        self.planned.clear();
        self.lookahead.clear();
        let lookahead = &mut self.lookahead;
        let db = turn.client.db;
        for request in &work.batch.requests()[work.next..work.next + count] {
            let args = work.batch.args(work.buffer, request);
            let row = command::resolve_served(args, CommandSpec::is_served_by_node);
            let first_key = lookahead.len();
            // With more, they are asked for stride by stride.
            if let Ok(spec) = row
                && args.len() <= PREFETCHED_KEYS
            {
                spec.for_each_key(args, |index| {
                    if lookahead.len() < PREFETCHED_KEYS {
                        let hash = turn.store.hash(args.at(index));
                        lookahead.push(turn.store, db, index as u32, hash);
                    }
                });
            }
            self.planned.push(Planned {
                row,
                first_key: first_key as u32,
                keys: (lookahead.len() - first_key) as u32,
            });
        }
        lookahead.ask(turn.store, db);
    }

    /// Runs the request at `work.next`.
    fn run_next(
        &mut self,
        turn: &mut Turn<'_>,
        work: &mut Work<'_>,
        row: Result<&'static CommandSpec, ErrorReply>,
        hashes: &[(u32, KeyHash)],
        output: &mut Output<'_>,
    ) -> BatchEnd {
        let request = work.batch.requests()[work.next];
        let command = Command {
            args: work.batch.args(work.buffer, &request),
            hashes,
            request_bytes: (request.end - request.start) as usize,
        };
        let start = output.bytes.len();
        let end = match self.admit(turn, row, command.args) {
            Ok((spec, handler)) => self.run_admitted(turn, spec, handler, command, output),
            Err(Refusal::Later(end)) => return end,
            Err(Refusal::Reply(_, None)) if gates::is_http(command.args) => {
                warn!(client = turn.client.id, "closed: speaks HTTP");
                BatchEnd::Close
            }
            Err(Refusal::Reply(error, spec)) => {
                if let Some(spec) = spec {
                    turn.node.stats.command_rejected(spec.id);
                }
                write_error(turn, &error, start, output.bytes);
                BatchEnd::Done
            }
        };
        work.next += 1;
        take_back_unheard(turn.client, start, output.bytes);
        if matches!(end, BatchEnd::Done | BatchEnd::Long) && output.bytes.len() > output.bound {
            return BatchEnd::OutputFull;
        }
        end
    }

    /// The row and the handler of a command that may run.
    fn admit(
        &mut self,
        turn: &mut Turn<'_>,
        row: Result<&'static CommandSpec, ErrorReply>,
        args: Args<'_>,
    ) -> Result<(&'static CommandSpec, Handler), Refusal> {
        let spec = row.map_err(|error| {
            let refused = match &error {
                ErrorReply::Arity(name) => command::lookup_full_name(name.as_bytes()),
                _ => None,
            };
            Refusal::Reply(error, refused)
        })?;
        let Some(handler) = self.handlers.get(spec.id) else {
            return Err(Refusal::Reply(command::unknown_command(args), None));
        };
        match gates::check(turn, spec, args, &mut self.effects, self.timing.watch()) {
            Gate::Open if strides::are_for(spec, args) => Err(Refusal::Later(BatchEnd::ManyKeys)),
            Gate::Open => Ok((spec, handler)),
            Gate::Wait => Err(Refusal::Later(BatchEnd::Paused)),
            Gate::Held => Err(Refusal::Later(BatchEnd::Held)),
            Gate::Evicting => Err(Refusal::Later(BatchEnd::Evicting)),
            Gate::Refused(error) => Err(Refusal::Reply(error, Some(spec))),
        }
    }

    fn run_admitted(
        &mut self,
        turn: &mut Turn<'_>,
        spec: &'static CommandSpec,
        handler: Handler,
        command: Command<'_>,
        output: &mut Output<'_>,
    ) -> BatchEnd {
        let start = output.bytes.len();
        let alone = !spec.is_quick || command.request_bytes > timing::LARGE_BYTES;
        if alone {
            self.timing.before_alone(turn.node);
        }
        turn.client.last_command = Some(spec);
        let result = if alone && let Some(strides) = Strides::of(spec, command.args) {
            self.stride_through(turn, strides, command.args, output.bytes)
        } else {
            self.handle(turn, spec, handler, &command, output.bytes)
        };
        let action = result.unwrap_or_else(|error| {
            turn.node.stats.command_failed(spec.id);
            output.bytes.truncate(start);
            write_error(turn, &error, start, output.bytes);
            Action::Continue
        });
        let large = alone || output.bytes.len() - start > timing::LARGE_BYTES;
        let mut is_long = false;
        if let Some(took_ns) = self.timing.after(spec.id, large, turn.node) {
            watch_slowness(turn, spec, command.args, took_ns);
            is_long = took_ns > LONG_NS;
        }
        if turn.client.secret_args != 0 {
            turn.client.secret_args = 0;
        }
        match action {
            Action::Continue if is_long => BatchEnd::Long,
            Action::Continue => BatchEnd::Done,
            Action::Close => BatchEnd::Close,
            Action::Shutdown => BatchEnd::Shutdown,
            Action::RewriteConfig => BatchEnd::RewriteConfig,
            Action::Stall { us } => BatchEnd::Stall { us },
        }
    }

    #[inline]
    fn handle(
        &mut self,
        turn: &mut Turn<'_>,
        spec: &'static CommandSpec,
        handler: Handler,
        command: &Command<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Action, ErrorReply> {
        let mark = self.effects.mark();
        let protocol = turn.client.protocol;
        let mut call = Call {
            spec,
            args: command.args,
            hashes: command.hashes,
            store: turn.store,
            client: turn.client,
            node: turn.node,
            reply: ReplyWriter::new(out, protocol),
            effects: &mut self.effects,
            now_ms: turn.now_ms,
        };
        let result = handler(&mut call);
        if self.effects.is_recording() {
            self.effects.insert_expired(mark, turn.store);
        }
        result
    }
}

/// Why a command does not run now.
#[derive(Debug)]
enum Refusal {
    /// It may run later; nothing of it has been done.
    Later(BatchEnd),
    /// It gets this reply, and is counted for this row.
    Reply(ErrorReply, Option<&'static CommandSpec>),
}

/// One request on its way to its handler.
#[derive(Clone, Copy, Debug)]
struct Command<'a> {
    args: Args<'a>,
    hashes: &'a [(u32, KeyHash)],
    request_bytes: usize,
}

impl<'a> Work<'a> {
    /// The arguments of the next request.
    fn args(&self) -> Args<'a> {
        self.batch
            .args(self.buffer, &self.batch.requests()[self.next])
    }
}

/// Takes the reply from `start` on back when the client does not want to hear it.
#[inline]
pub(crate) fn take_back_unheard(client: &mut ClientState, start: usize, out: &mut Vec<u8>) {
    if !client.replies.hear() {
        out.truncate(start);
    }
}

#[cold]
fn write_error(turn: &mut Turn<'_>, error: &ErrorReply, start: usize, out: &mut Vec<u8>) {
    ReplyWriter::new(out, turn.client.protocol).error(error);
    turn.node.stats.error_replied(&out[start..]);
}

/// Tells the slow log and the latency monitor of a command that was timed alone.
fn watch_slowness(turn: &mut Turn<'_>, spec: &CommandSpec, args: Args<'_>, took_ns: u64) {
    let (took_us, took_ms) = (took_ns / 1_000, took_ns / 1_000_000);
    let hot = &turn.node.settings.hot;
    let latency_ms = hot.latency_threshold_ms;
    if latency_ms > 0 && took_ms >= latency_ms {
        let event = if spec.flags.contains(CommandFlags::FAST) {
            "fast-command"
        } else {
            "command"
        };
        turn.node.latency.add(event, turn.now_ms / 1_000, took_ms);
    }
    let threshold = u64::try_from(hot.slowlog_threshold_us);
    if threshold.is_ok_and(|threshold_us| took_us >= threshold_us)
        && !spec.flags.contains(CommandFlags::SKIP_SLOWLOG)
    {
        let entry = SlowlogEntry {
            id: 0,
            at_seconds: turn.now_ms / 1_000,
            duration_us: took_us,
            args: shortened(args.iter_from(0), turn.client.secret_args),
            client_address: turn.client.address.clone(),
            client_name: turn.client.name.clone(),
        };
        turn.node.slowlog.push(entry, hot.slowlog_max_len);
    }
}
