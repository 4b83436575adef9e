//! Commands over very many keys, or very much else, for which others do not wait: a while of work, then the others' turns, until it is over.
//! Pure. Never: waits. Invariant: from [`LongCommand::begin`] to its end its keys are held; what it changes is one unit of the effects.

use super::{Strides, stride_from};
use crate::commands::{Action, Call, FIRST_KEY, Handler, InParts, Piecewise, Progress, naming};
use crate::execute::perform::{show_to_monitors, watch_slowness, write_error};
use crate::execute::script::ScriptRun;
use crate::execute::{Executor, Turn};
use crate::node_state::Hold;
use shared::command::{self, CommandFlags, CommandSpec, KeyFlags};
use shared::resp::{Args, ErrorReply, LongReply, ReplyWriter};
use std::ops::Range;

/// How long a command goes on before others have their turn, ns.
const GO_ON_NS: u64 = 500_000;
/// Keys that are remembered between two looks at the time.
const REMEMBERED_AT_ONCE: usize = 128;

/// A command under way for which others do not wait.
#[derive(Debug)]
pub(crate) struct LongCommand {
    spec: &'static CommandSpec,
    work: Work,
    /// It changes some of its keys.
    writes: bool,
    /// The argument up to which its keys are marked, and that behind the last one.
    marked: usize,
    keys_end: usize,
    /// Arguments that are keys which its client wants to be told of, and that are to be remembered.
    to_remember: Vec<usize>,
    took_ns: u64,
    /// What it has replied so far.
    reply: LongReply,
}

/// What there is so much of.
#[derive(Debug)]
enum Work {
    /// Keys.
    Keys(Strides),
    /// Something else.
    Parts(Box<InParts>),
    /// A long reply; nothing before the first step.
    Reply(Option<Box<dyn Piecewise>>),
    /// A script, which says itself what it holds and what is one.
    Script(Box<ScriptRun>),
}

impl Work {
    fn of(spec: &'static CommandSpec, args: Args<'_>) -> Self {
        match (Strides::of(spec, args), InParts::of(spec.id)) {
            (Some(strides), _) => Self::Keys(strides),
            (None, Some(parts)) => Self::Parts(Box::new(parts)),
            (None, None) => Self::Reply(None),
        }
    }

    /// Behind the last argument that may be a key.
    fn keys_end(&self, spec: &CommandSpec, args: Args<'_>) -> usize {
        match self {
            Self::Parts(parts) => parts.keys_end(args),
            Self::Keys(_) | Self::Script(_) => args.len(),
            // What follows may be very many elements.
            Self::Reply(_) => {
                let mut end = FIRST_KEY;
                spec.for_each_key(args, |index| end = end.max(index + 1));
                end
            }
        }
    }
}

impl LongCommand {
    /// What the table says of it.
    pub(crate) fn spec(&self) -> &'static CommandSpec {
        self.spec
    }

    fn of_script(run: Box<ScriptRun>) -> Self {
        Self {
            spec: run.spec(),
            work: Work::Script(run),
            writes: false,
            marked: FIRST_KEY,
            keys_end: FIRST_KEY,
            to_remember: Vec::new(),
            took_ns: 0,
            reply: LongReply::default(),
        }
    }
}

/// How far a [`LongCommand`] has come.
#[derive(Debug)]
pub(crate) enum LongEnd {
    /// It goes on after the others' turn.
    NotYet(LongCommand),
    /// It is over; its reply.
    Over(LongReply),
}

impl Executor {
    /// A command that was just found to be one for [`crate::execute::Wait::OthersTurns`]. From now on others are kept from its keys, until it is over.
    ///
    /// # Panics
    /// When it was not: our mistake.
    pub(crate) fn begin(&mut self, turn: &mut Turn<'_>, args: Args<'_>) -> LongCommand {
        if let Some(run) = self.take_script() {
            return LongCommand::of_script(run);
        }
        let spec = command::resolve(args).expect("a command that passed the gates");
        assert!(turn.node.hold.is_none(), "one at a time");
        let work = Work::of(spec, args);
        let writes = changes_keys(spec, &work, args);
        let keys_end = work.keys_end(spec, args);
        let keys = keys_end / spec.key_step();
        let mut hold = Hold::new(writes, keys);
        if let Work::Reply(_) = work
            && !writes
        {
            // It begins at this moment or later, and sees nothing that was over by then.
            hold = hold.of_moment(turn.now_ms);
        }
        turn.node.hold = Some(if InParts::reads_any_key(spec.id, args) {
            hold.of_all_keys()
        } else {
            hold
        });
        if writes {
            turn.store.begin_unit();
        }
        turn.session.last_command = Some(spec);
        turn.store.begin_parts_of_events();
        let mut to_remember = Vec::new();
        if turn.is_tracked(spec) {
            spec.for_each_key(args, |index| to_remember.push(index));
        }
        LongCommand {
            spec,
            work,
            writes,
            marked: FIRST_KEY,
            keys_end,
            to_remember,
            took_ns: 0,
            reply: LongReply::default(),
        }
    }

    /// Goes on with a long command for a while.
    pub(crate) fn go_on(
        &mut self,
        turn: &mut Turn<'_>,
        mut long: LongCommand,
        args: Args<'_>,
    ) -> LongEnd {
        if let Work::Script(run) = long.work {
            let done = self.go_on_with_script(turn, run, args);
            return match done {
                Ok(reply) => LongEnd::Over(reply),
                Err(run) => LongEnd::NotYet(LongCommand::of_script(run)),
            };
        }
        let began = self.watch().read();
        if turn.store.tells_events() {
            turn.store.name_events(naming(long.spec.id, args));
        }
        if !matches!(long.work, Work::Keys(_)) {
            turn.store.begin_part_of_events();
        }
        let result = loop {
            match self.step(turn, &mut long, args) {
                Ok(false) => long.reply.end_piece(),
                Ok(true) => break Ok(()),
                Err(error) => break Err(error),
            }
            if self.watch().since_ns(began) > GO_ON_NS {
                long.took_ns += self.watch().since_ns(began);
                turn.store.end_part_of_events();
                return LongEnd::NotYet(long);
            }
        };
        turn.node.hold = None;
        let spec = long.spec;
        turn.store.end_part_of_events();
        if long.writes {
            turn.store.end_unit();
        }
        if let Err(error) = result {
            turn.node.stats.command_failed(spec.id);
            long.reply.clear();
            write_error(turn, &error, 0, long.reply.only_piece());
        }
        let took_ns = long.took_ns + self.watch().since_ns(began);
        turn.node.stats.command_took(spec.id, took_ns);
        watch_slowness(turn, spec, args, took_ns);
        if !turn.node.monitors.is_empty() {
            show_to_monitors(turn, spec, args);
        }
        LongEnd::Over(long.reply)
    }

    /// A small part of the work; whether it was the last.
    pub(super) fn step(
        &mut self,
        turn: &mut Turn<'_>,
        long: &mut LongCommand,
        args: Args<'_>,
    ) -> Result<bool, ErrorReply> {
        if long.marked < long.keys_end {
            long.marked = mark(turn, long.spec, long.marked..long.keys_end, args);
            return Ok(false);
        }
        // Nobody changes them any more before it has read them.
        if !long.to_remember.is_empty() {
            let rest = long.to_remember.len().saturating_sub(REMEMBERED_AT_ONCE);
            turn.remember_reads(args, &long.to_remember.split_off(rest));
            return Ok(false);
        }
        if let Work::Keys(strides) = &mut long.work {
            let reply = ReplyWriter::go_on(&mut long.reply, turn.session.protocol);
            self.stride(turn, strides, args, reply)?;
            return Ok(strides.is_over());
        }
        let mut call = Call {
            spec: long.spec,
            args,
            hashes: &[],
            store: turn.store,
            reply: ReplyWriter::go_on(&mut long.reply, turn.session.protocol),
            identity: turn.identity,
            session: turn.session,
            node: turn.node,
            now_ms: turn.now_ms,
            is_piecewise: true,
        };
        match &mut long.work {
            Work::Keys(_) | Work::Script(_) => Ok(true),
            Work::Parts(parts) => parts.go_on(&mut call),
            Work::Reply(reply) => {
                let handler = self.handlers.get(long.spec.id);
                show_piece(reply, &mut call, handler.expect("it has run before"))
            }
        }
    }
}

/// Shows the next piece of a long reply; whether it was the last.
fn show_piece(
    reply: &mut Option<Box<dyn Piecewise>>,
    call: &mut Call<'_>,
    handler: Handler,
) -> Result<bool, ErrorReply> {
    let Some(work) = reply else {
        return Ok(match handler(call)? {
            Action::Piecewise(work) => {
                *reply = Some(work);
                false
            }
            // There is nothing to show any more.
            _ => true,
        });
    };
    match work.go_on(call)? {
        Progress::More | Progress::Long => Ok(false),
        Progress::Over => Ok(true),
        Progress::Anew => {
            call.reply.truncate(0);
            *reply = None;
            Ok(false)
        }
    }
}

/// Whether a command changes one of its keys: some that may do not, by their options (SORT without STORE).
fn changes_keys(spec: &CommandSpec, work: &Work, args: Args<'_>) -> bool {
    if !spec.flags.contains(CommandFlags::WRITE) || matches!(work, Work::Keys(_)) {
        return spec.flags.contains(CommandFlags::WRITE);
    }
    let mut changes = false;
    spec.for_each_key_with_flags(args, |_, flags| changes |= !flags.contains(KeyFlags::RO));
    changes
}

/// Marks the keys of one stride among these arguments; where the next begins. Of a command that is not one for strides, words that are no keys are marked too: nobody minds.
fn mark(turn: &mut Turn<'_>, spec: &CommandSpec, keys: Range<usize>, args: Args<'_>) -> usize {
    let end = stride_from(keys.start, spec, args).end.min(keys.end);
    let part = keys.start..end;
    if let Some(hold) = &mut turn.node.hold {
        for index in part.step_by(spec.key_step()) {
            hold.mark(turn.store.hash(args.at(index)));
        }
    }
    end
}
