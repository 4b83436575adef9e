//! Commands over very many keys, or very many bytes, for which others do not wait: a while of work, then the others' turns, until it is over.
//! Pure. Never: waits. Invariant: from [`LongCommand::begin`] to its end its keys are held; what it changes is one unit of the effects.

use super::{Strides, stride_from};
use crate::commands::{
    Action, Call, Combination, Dumping, FIRST_KEY, Handler, Piecewise, Progress, Restoring,
};
use crate::execute::perform::{watch_slowness, write_error};
use crate::execute::{Executor, Turn};
use crate::node_state::Hold;
use shared::command::{self, CommandFlags, CommandId, CommandSpec};
use shared::resp::{Args, ErrorReply, ReplyWriter};
use std::ops::Range;

/// How long a command goes on before others have their turn, ns.
const GO_ON_NS: u64 = 500_000;

/// A command under way for which others do not wait.
#[derive(Debug)]
pub(crate) struct LongCommand {
    spec: &'static CommandSpec,
    work: Work,
    /// The argument up to which its keys are marked.
    marked: usize,
    took_ns: u64,
    /// What it has replied so far.
    reply: Vec<u8>,
}

/// What there is so much of.
#[derive(Debug)]
enum Work {
    /// Keys.
    Keys(Strides),
    /// Bytes of strings that are combined; nothing before the first step.
    Bytes(Option<Combination>),
    /// A long reply; nothing before the first step.
    Reply(Option<Box<dyn Piecewise>>),
    /// A value that is written.
    Dump(Option<Dumping>),
    /// A value that is read.
    Restore(Option<Restoring>),
}

impl Work {
    fn of(spec: &'static CommandSpec, args: Args<'_>) -> Self {
        match (spec.id, Strides::of(spec, args)) {
            (CommandId::Dump, _) => Self::Dump(None),
            (CommandId::Restore | CommandId::RestoreAsking, _) => Self::Restore(None),
            (CommandId::Bitop, _) => Self::Bytes(None),
            (_, Some(strides)) => Self::Keys(strides),
            (_, None) => Self::Reply(None),
        }
    }

    /// Behind the last argument that may be a key.
    fn keys_end(&self, args: Args<'_>) -> usize {
        match self {
            Self::Keys(_) | Self::Bytes(_) | Self::Reply(_) => args.len(),
            // What follows is no key, and may be long.
            Self::Dump(_) | Self::Restore(_) => FIRST_KEY + 1,
        }
    }
}

/// How far a [`LongCommand`] has come.
#[derive(Debug)]
pub(crate) enum LongEnd {
    /// It goes on after the others' turn.
    NotYet(LongCommand),
    /// It is over; its reply.
    Over(Vec<u8>),
}

impl Executor {
    /// A command that was just found to be one for [`crate::execute::Wait::OthersTurns`]. From now on others are kept from its keys, until it is over.
    ///
    /// # Panics
    /// When it was not: our mistake.
    pub(crate) fn begin(&mut self, turn: &mut Turn<'_>, args: Args<'_>) -> LongCommand {
        let spec = command::resolve(args).expect("a command that passed the gates");
        assert!(turn.node.hold.is_none(), "one at a time");
        let writes = spec.flags.contains(CommandFlags::WRITE);
        let keys = args.len() / spec.key_step();
        turn.node.hold = Some(Hold::new(writes, keys));
        if writes {
            turn.store.begin_unit();
        }
        turn.session.last_command = Some(spec);
        LongCommand {
            spec,
            work: Work::of(spec, args),
            marked: FIRST_KEY,
            took_ns: 0,
            reply: Vec::new(),
        }
    }

    /// Goes on with a long command for a while.
    pub(crate) fn go_on(
        &mut self,
        turn: &mut Turn<'_>,
        mut long: LongCommand,
        args: Args<'_>,
    ) -> LongEnd {
        let began = self.watch().read();
        let result = loop {
            match self.step(turn, &mut long, args) {
                Ok(false) => {}
                Ok(true) => break Ok(()),
                Err(error) => break Err(error),
            }
            if self.watch().since_ns(began) > GO_ON_NS {
                long.took_ns += self.watch().since_ns(began);
                return LongEnd::NotYet(long);
            }
        };
        turn.node.hold = None;
        let spec = long.spec;
        if spec.flags.contains(CommandFlags::WRITE) {
            turn.store.end_unit();
        }
        if let Err(error) = result {
            turn.node.stats.command_failed(spec.id);
            long.reply.clear();
            write_error(turn, &error, 0, &mut long.reply);
        }
        let took_ns = long.took_ns + self.watch().since_ns(began);
        turn.node.stats.command_took(spec.id, took_ns);
        watch_slowness(turn, spec, args, took_ns);
        LongEnd::Over(long.reply)
    }

    /// A small part of the work; whether it was the last.
    pub(super) fn step(
        &mut self,
        turn: &mut Turn<'_>,
        long: &mut LongCommand,
        args: Args<'_>,
    ) -> Result<bool, ErrorReply> {
        let keys_end = long.work.keys_end(args);
        if long.marked < keys_end {
            long.marked = mark(turn, long.spec, long.marked..keys_end, args);
            return Ok(false);
        }
        if let Work::Keys(strides) = &mut long.work {
            self.stride(turn, strides, args, &mut long.reply)?;
            return Ok(strides.is_over());
        }
        let mut call = Call {
            spec: long.spec,
            args,
            hashes: &[],
            store: turn.store,
            reply: ReplyWriter::new(&mut long.reply, turn.session.protocol),
            identity: turn.identity,
            session: turn.session,
            node: turn.node,
            now_ms: turn.now_ms,
            is_piecewise: true,
        };
        match &mut long.work {
            Work::Keys(_) => Ok(true),
            Work::Bytes(combination) => Combination::go_on(combination, &mut call),
            Work::Dump(dumping) => Dumping::go_on(dumping, &mut call),
            Work::Restore(restoring) => Restoring::go_on(restoring, &mut call),
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
        Progress::More => Ok(false),
        Progress::Over => Ok(true),
        Progress::Anew => {
            call.reply.truncate(0);
            *reply = None;
            Ok(false)
        }
    }
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
