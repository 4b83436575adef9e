//! Carries out what is answered here.
use shared::command::{CommandId, CommandSpec};
use shared::resp::{Args, ErrorReply};

use crate::dispatch::{Dispatcher, Step};

impl Dispatcher<'_> {
    pub(crate) fn local(&mut self, spec: &'static CommandSpec, args: Args<'_>) -> Step {
        match spec.id {
            CommandId::Ping => self.answer(|reply| reply.simple("PONG")),
            CommandId::Echo => self.answer(|reply| reply.bulk(args.at(1))),
            _ => self.answer(|reply| reply.error(&ErrorReply::Syntax)),
        }
        Step::Next
    }
    pub(crate) fn walk(&mut self, _spec: &'static CommandSpec, _args: Args<'_>) -> Step {
        Step::Next
    }
}
