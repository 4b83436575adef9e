//! Commands over many keys, a stride at a time: each stride's keys are asked for ahead, and with very many keys other clients' commands run between strides.
//! Pure. Never: waits. Invariant: to other clients such a command happens at one moment, for whoever would touch its keys meanwhile is held up (`Hold`);
//! only what nobody asked for, expiry and eviction, goes on.

mod long;

pub(crate) use long::{LongCommand, LongEnd};

use super::lookahead::PREFETCHED_KEYS;
use super::{Executor, Turn};
use crate::commands::{Action, Call, FIRST_KEY, InParts, KeyByKey, key_by_key};
use shared::command::CommandSpec;
use shared::resp::{Args, ErrorReply, ReplyWriter};
use std::ops::Range;

/// Keys of one stride: as many as are asked for ahead at once.
const STRIDE_KEYS: usize = PREFETCHED_KEYS;
/// With more arguments than these, others have their turns in between: below, a command takes half a millisecond.
const UNDIVIDED_ARGS: usize = 8 * STRIDE_KEYS;

/// Whether a command has so many keys, or so much else to do, that it should not be carried out in one go.
#[inline]
pub(super) fn are_for(turn: &mut Turn<'_>, spec: &CommandSpec, args: Args<'_>) -> bool {
    let undivided = match turn.is_tracked(spec) {
        true => STRIDE_KEYS,
        false => UNDIVIDED_ARGS,
    };
    have_many_keys(spec, args, undivided)
        || InParts::is_for(turn.store, turn.session.db, spec.id, args)
}

fn have_many_keys(spec: &CommandSpec, args: Args<'_>, undivided: usize) -> bool {
    args.len() > undivided && key_by_key(spec.id).is_some()
}

/// How far a command has come.
#[derive(Debug)]
pub(super) struct Strides {
    spec: &'static CommandSpec,
    plan: &'static KeyByKey,
    stage: Stage,
    /// The argument at which the next stride begins.
    next: usize,
    /// Keys that counted in this stage.
    counted: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing has been done.
    Beginning,
    /// Whether one of the keys forbids the command.
    Looking,
    /// Keys are read or changed.
    Treating,
    /// The reply is there.
    Over,
}

impl Strides {
    /// A command that has not begun; `None` when it is not one that can be cut, or so short that it need not be.
    pub(super) fn of(spec: &'static CommandSpec, args: Args<'_>) -> Option<Self> {
        if args.len() <= STRIDE_KEYS {
            return None;
        }
        Some(Self {
            spec,
            plan: key_by_key(spec.id)?,
            stage: Stage::Beginning,
            next: FIRST_KEY,
            counted: 0,
        })
    }

    fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// The arguments of the next stride, which counts as done from now on.
    fn take_next(&mut self, args: Args<'_>) -> Range<usize> {
        let part = stride_from(self.next, self.spec, args);
        self.next = part.end;
        part
    }

    /// What comes after a stride in which so many keys counted.
    fn after_stride(&mut self, counted: usize, args: Args<'_>) {
        self.counted += counted;
        match self.stage {
            Stage::Looking if self.counted > 0 => {
                self.counted = 0;
                self.stage = Stage::Over;
            }
            Stage::Looking if self.next == args.len() => {
                self.next = FIRST_KEY;
                self.stage = Stage::Treating;
            }
            Stage::Treating if self.next == args.len() => self.stage = Stage::Over,
            _ => {}
        }
    }
}

/// The arguments of the stride that begins at `from`.
fn stride_from(from: usize, spec: &CommandSpec, args: Args<'_>) -> Range<usize> {
    let arguments = STRIDE_KEYS * spec.key_step();
    from..args.len().min(from + arguments)
}

impl Executor {
    /// All strides of a command in one go. On `Err` the reply is for the caller to take back.
    pub(super) fn stride_through(
        &mut self,
        turn: &mut Turn<'_>,
        mut strides: Strides,
        args: Args<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Action, ErrorReply> {
        while !strides.is_over() {
            let reply = ReplyWriter::new(out, turn.session.protocol);
            self.stride(turn, &mut strides, args, reply)?;
        }
        Ok(Action::Continue)
    }

    fn stride(
        &mut self,
        turn: &mut Turn<'_>,
        strides: &mut Strides,
        args: Args<'_>,
        reply: ReplyWriter<'_>,
    ) -> Result<(), ErrorReply> {
        let (spec, plan) = (strides.spec, strides.plan);
        self.look_ahead(turn, spec, stride_from(strides.next, spec, args), args);
        let mut call = Call {
            spec,
            args,
            hashes: self.lookahead.keys(0, self.lookahead.len()),
            store: turn.store,
            reply,
            identity: turn.identity,
            session: turn.session,
            node: turn.node,
            now_ms: turn.now_ms,
            is_piecewise: false,
        };
        if strides.stage == Stage::Beginning {
            (plan.begin)(&mut call)?;
            strides.stage = match plan.unless {
                Some(_) => Stage::Looking,
                None => Stage::Treating,
            };
        }
        let work = match plan.unless {
            Some(look) if strides.stage == Stage::Looking => look,
            _ => plan.treat,
        };
        let counted = work(&mut call, strides.take_next(args));
        if let Ok(counted) = counted {
            strides.after_stride(counted, args);
            if strides.is_over() {
                (plan.end)(&mut call, strides.counted);
            }
        }
        counted.map(|_| ())
    }

    /// Hashes the keys of a stride and asks for what they need.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "arguments are counted in 32 bits where they are scanned"
    )]
    fn look_ahead(
        &mut self,
        turn: &Turn<'_>,
        spec: &CommandSpec,
        part: Range<usize>,
        args: Args<'_>,
    ) {
        self.lookahead.clear();
        let db = turn.session.db;
        for index in part.step_by(spec.key_step()) {
            let hash = turn.store.hash(args.at(index));
            self.lookahead.push(turn.store, db, index as u32, hash);
        }
        self.lookahead.ask(turn.store, db);
    }
}

#[cfg(test)]
mod tests;
