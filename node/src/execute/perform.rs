//! [`Executor::perform`]: one command, from its name to its reply.
//! Pure. Invariant: a command that does not run has changed nothing, but that keys may have been evicted to let it pass.

use super::gates::{self, Gate};
use super::strides::Strides;
use super::{Executor, Stop, Turn, Wait, timing};
use crate::commands::{Action, Call, Errand, Handler, naming};
use crate::node_state::{Shown, SlowlogEntry};
use crate::store::KeyHash;
use shared::command::{self, CommandFlags, CommandSpec};
use shared::monitor;
use shared::resp::{Args, ErrorReply, ReplyWriter};
use shared::session::foreign;
use shared::throttle::Throttle;
use tracing::warn;

/// A command that took so long is reported, so that others need not wait for those behind it as well, ns.
pub(super) const LONG_NS: u64 = 100_000;

/// Who wants a command run, which says what it has to pass before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client, by a request of its own.
    Client,
    /// A client, when it says EXEC: not run, but queued until then.
    Queue,
    /// A client that has said EXEC.
    Transaction,
    /// A script that a client has sent.
    Script,
    /// A client whose command has waited for a key that now has something for it.
    Waiter,
    /// The node that this one follows: it has happened there.
    Leader,
    /// The log: it has happened before, and happens again whatever the settings say now.
    Log,
}

/// One command that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Its name and arguments.
    pub args: Args<'a>,
    /// Hashes of its first keys, where they are known.
    pub hashes: &'a [(u32, KeyHash)],
    /// Length of the request.
    pub request_bytes: usize,
}

/// Why a command does not run now.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It may run later; nothing of it has been done.
    Later(Wait),
    /// It gets this reply, and is counted for this row.
    Reply(ErrorReply, Option<&'static CommandSpec>),
}

impl Executor {
    /// Runs one command of which `row` is what the table says, unless something stands in its way. Its reply is appended to `out`, whoever wants to hear it.
    #[inline]
    pub fn perform(
        &mut self,
        turn: &mut Turn<'_>,
        origin: Origin,
        row: Result<&'static CommandSpec, ErrorReply>,
        asked: Asked<'_>,
        out: &mut Vec<u8>,
    ) -> Stop {
        if turn.session.transaction.is_some() && origin == Origin::Client {
            return self.perform_in_transaction(turn, row, asked, out);
        }
        self.perform_now(turn, origin, row, asked, out)
    }

    /// The same of one that is not to be queued.
    #[inline]
    pub(super) fn perform_now(
        &mut self,
        turn: &mut Turn<'_>,
        origin: Origin,
        row: Result<&'static CommandSpec, ErrorReply>,
        asked: Asked<'_>,
        out: &mut Vec<u8>,
    ) -> Stop {
        match self.admit(turn, origin, row, asked.args) {
            Ok((spec, handler)) => match self.run_admitted(turn, spec, handler, asked, out) {
                Stop::Blocked => self.block(turn, origin, spec, asked.args, out),
                // Nobody goes on with it later. Whoever is at work on its keys was waited for.
                Stop::NotYet(Wait::OthersTurns | Wait::Keys)
                    if matches!(origin, Origin::Log | Origin::Leader) =>
                {
                    self.run_to_its_end(turn, asked.args, out);
                    Stop::Done
                }
                stop => stop,
            },
            Err(Refusal::Later(wait)) => Stop::NotYet(wait),
            Err(Refusal::Reply(error, spec)) => refuse(turn, &error, spec, asked.args, out),
        }
    }

    /// The row and the handler of a command that may run.
    #[inline]
    pub(super) fn admit(
        &mut self,
        turn: &mut Turn<'_>,
        origin: Origin,
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
        match gates::pass(origin, turn, spec, args, self.timing.watch()) {
            Gate::Open => Ok((spec, handler)),
            Gate::Wait(wait) => Err(Refusal::Later(wait)),
            Gate::Refused(error) => Err(Refusal::Reply(error, Some(spec))),
        }
    }

    pub(super) fn run_admitted(
        &mut self,
        turn: &mut Turn<'_>,
        spec: &'static CommandSpec,
        handler: Handler,
        asked: Asked<'_>,
        out: &mut Vec<u8>,
    ) -> Stop {
        let start = out.len();
        let alone = !spec.is_quick || asked.request_bytes > timing::LARGE_BYTES;
        if alone {
            self.timing.before_alone(turn.node);
        }
        turn.session.last_command = Some(spec);
        if turn.store.tells_events() {
            turn.store.name_events(naming(spec.id, asked.args));
        }
        let result = if alone && let Some(strides) = Strides::of(spec, asked.args) {
            self.stride_through(turn, strides, asked.args, out)
        } else {
            self.handle(turn, spec, handler, &asked, out)
        };
        let action = result.unwrap_or_else(|error| {
            turn.node.stats.command_failed(spec.id);
            out.truncate(start);
            write_error(turn, &error, start, out);
            Action::Continue
        });
        let action = match action {
            Action::Transact(transaction, watch) => {
                return self.transact(turn, transaction, watch, asked, out);
            }
            Action::ActFor(author) => return self.perform_for(turn, author, asked, out),
            Action::Script => return self.run_script(turn, spec, asked, out),
            Action::Block(block) => {
                self.block = Some(block);
                if turn.node.tracking.is_on() {
                    turn.track(spec, asked.args);
                }
                return Stop::Blocked;
            }
            Action::Piecewise(_) => {
                out.truncate(start);
                return others_first(turn);
            }
            other => other,
        };
        let large = alone || out.len() - start > timing::LARGE_BYTES;
        let mut is_long = false;
        if let Some(took_ns) = self.timing.after(spec.id, large, turn.node) {
            watch_slowness(turn, spec, asked.args, took_ns);
            is_long = took_ns > LONG_NS;
        }
        if !turn.node.monitors.is_empty() && !matches!(action, Action::GoOn) {
            show_to_monitors(turn, spec, asked.args);
        }
        if turn.node.tracking.is_on() {
            turn.track(spec, asked.args);
        }
        if turn.session.secret_args != 0 {
            turn.session.secret_args = 0;
        }
        stop_after(turn, spec, asked.args, &action, is_long)
    }

    #[inline]
    fn handle(
        &mut self,
        turn: &mut Turn<'_>,
        spec: &'static CommandSpec,
        handler: Handler,
        asked: &Asked<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Action, ErrorReply> {
        let protocol = turn.session.protocol;
        let mut call = Call {
            spec,
            args: asked.args,
            hashes: asked.hashes,
            store: turn.store,
            identity: turn.identity,
            session: turn.session,
            node: turn.node,
            reply: ReplyWriter::new(out, protocol),
            now_ms: turn.now_ms,
            is_piecewise: false,
        };
        handler(&mut call)
    }
}

/// A command is long. One at a time: others that are wait for the end of the one that is at work.
fn others_first(turn: &Turn<'_>) -> Stop {
    Stop::NotYet(match turn.node.hold {
        Some(_) => Wait::Keys,
        None => Wait::OthersTurns,
    })
}

/// What comes after a command that has run.
#[inline]
fn stop_after(
    turn: &mut Turn<'_>,
    spec: &'static CommandSpec,
    args: Args<'_>,
    action: &Action,
    is_long: bool,
) -> Stop {
    match action {
        Action::Continue if is_long => Stop::Long,
        Action::Continue => Stop::Done,
        Action::NewLimits => Stop::NewLimits,
        Action::Close => Stop::Close,
        Action::Feed(feeding) => Stop::Feed(*feeding),
        Action::Errand(errand) => {
            // How long it will take is known, and nobody runs before it is over.
            if let Errand::Stall { us } = *errand {
                watch_slowness(turn, spec, args, us.saturating_mul(1_000));
            }
            Stop::Errand {
                errand: *errand,
                is_heard: true,
            }
        }
        Action::GoOn => Stop::NotYet(Wait::Turn),
        Action::Piecewise(_)
        | Action::Transact(..)
        | Action::ActFor(_)
        | Action::Block(_)
        | Action::Script => Stop::NotYet(Wait::OthersTurns),
    }
}

/// A command that does not run gets an error.
#[cold]
pub(super) fn refuse(
    turn: &mut Turn<'_>,
    error: &ErrorReply,
    spec: Option<&'static CommandSpec>,
    args: Args<'_>,
    out: &mut Vec<u8>,
) -> Stop {
    match spec {
        Some(spec) => turn.node.stats.command_rejected(spec.id),
        None => {
            if let Some(why) = foreign(args) {
                static FOREIGN: Throttle = Throttle::new();
                if let Some(left_out) = FOREIGN.admit(turn.now_ms) {
                    warn!(peer = turn.identity.address, left_out, "closed: {why}");
                }
                return Stop::Close;
            }
        }
    }
    // What is refused in the middle is over.
    turn.session.treated_args = 0;
    let start = out.len();
    write_error(turn, error, start, out);
    Stop::Done
}

#[cold]
pub(super) fn write_error(
    turn: &mut Turn<'_>,
    error: &ErrorReply,
    start: usize,
    out: &mut Vec<u8>,
) {
    ReplyWriter::new(out, turn.session.protocol).error(error);
    turn.node.stats.error_replied(&out[start..]);
}

/// Shows a command that is over to those who want to see all, unless it is one of those that nobody is shown.
#[cold]
pub(super) fn show_to_monitors(turn: &mut Turn<'_>, spec: &CommandSpec, args: Args<'_>) {
    if !monitor::is_shown(spec) {
        return;
    }
    let shown = Shown {
        args,
        identity: turn.identity,
        session: turn.session,
        is_of_script: false,
    };
    turn.node.show_to_monitors(shown);
}

/// Tells the slow log and the latency monitor of a command that was timed alone.
pub(super) fn watch_slowness(
    turn: &mut Turn<'_>,
    spec: &CommandSpec,
    args: Args<'_>,
    took_ns: u64,
) {
    let (took_us, took_ms) = (took_ns / 1_000, took_ns / 1_000_000);
    let at_seconds = match turn.now_ms {
        0 => turn.node.applied_at_ms,
        now_ms => now_ms,
    } / 1_000;
    let hot = &turn.node.settings.hot;
    let latency_ms = hot.latency_threshold_ms;
    if latency_ms > 0 && took_ms >= latency_ms {
        let event = if spec.flags.contains(CommandFlags::FAST) {
            "fast-command"
        } else {
            "command"
        };
        turn.node.latency.add(event, at_seconds, took_ms);
    }
    let threshold = u64::try_from(hot.slowlog_threshold_us);
    if threshold.is_ok_and(|threshold_us| took_us >= threshold_us)
        && !spec.flags.contains(CommandFlags::SKIP_SLOWLOG)
    {
        let entry = SlowlogEntry::new(
            (at_seconds, took_us),
            (args.iter_from(0), turn.session.secret_args),
            (&turn.identity.address, &turn.session.name),
        );
        turn.node.slowlog.push(entry, hot.slowlog_max_len);
    }
}
