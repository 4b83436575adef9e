//! EVAL and EVALSHA on their way to the shard of their keys: a node that may not have a script is given its text in the same request.
//! Reaches: the pipes, the texts that all threads share. Invariant: a script is one request, whatever is done to it, so that nothing of the client's overtakes it.

use shared::command::CommandId;
use shared::resp::encode_request;

use super::Asked;
use super::behalf::write_for;
use super::forward::{Entry, Run};
use super::turn::{Step, Turn};
use crate::client::Source;
use crate::pipe::{Parcel, Target};
use crate::route;
use crate::scripts::ScriptName;

impl Turn<'_> {
    /// EVAL, EVALSHA, and their read-only forms.
    pub(super) fn script(&mut self, asked: Asked<'_>, run: &mut Run) -> Step {
        let found = route::shard_of(asked.spec, asked.args, self.snapshot());
        let (shard, place) = match found {
            Ok(found) => found,
            Err(error) => return self.answer_error(&error),
        };
        let Some(evaluates) = self.text_for(asked) else {
            return self.forward(shard, place, asked, run);
        };
        let lane = self.lane;
        let pipe = self.exchange.pipes.pipe_to(shard, lane, self.key.place());
        let carried = self.exchange.pipes.get_mut(pipe).map(|pipe| &pipe.scripts);
        if carried.is_some_and(|carried| carried.has(evaluates.name)) {
            return self.forward(shard, place, asked, run);
        }
        let bytes = evaluates.text.len() + (asked.frame.end - asked.frame.start) as usize;
        match self.admit(pipe, bytes, asked.spec.retry) {
            Entry::Room(_) => {}
            Entry::Wait(what) => return Step::Wait(what),
            Entry::Vain(vain) => return self.answer_in_vain(asked.spec, shard, &vain),
        }
        let first = self.expect(Source::Pipe(pipe), 1);
        let target = Target::Client {
            client: self.key,
            first,
        };
        let parcel = Parcel::new(target, place, evaluates.command, 1, self.read);
        let author = self.author(pipe, asked.spec);
        let buffers = &mut self.exchange.receivers.buffers;
        let line = self.exchange.pipes.line(pipe);
        line.append_with(parcel, buffers, |out| {
            write_for(author, out, |out| evaluates.encode(asked, out));
        });
        if let Some(pipe) = self.exchange.pipes.get_mut(pipe) {
            pipe.scripts.note(evaluates.name);
        }
        Step::Next
    }

    /// What an EVALSHA stands for, where that has come through this proxy; a text that comes is kept.
    pub(super) fn text_for(&mut self, asked: Asked<'_>) -> Option<Evaluates> {
        let texts = &self.exchange.proxy.scripts;
        let command = match asked.spec.id {
            CommandId::Eval | CommandId::EvalRo => {
                let text = asked.args.at(1);
                self.exchange.handed_in.hand_in(texts, text);
                return None;
            }
            CommandId::Evalsha => CommandId::Eval,
            CommandId::EvalshaRo => CommandId::EvalRo,
            _ => return None,
        };
        let name = ScriptName::read(asked.args.at(1))?;
        let text = texts.get(name)?;
        Some(Evaluates {
            command,
            name,
            text,
        })
    }

    /// SCRIPT LOAD and SCRIPT FLUSH concern the texts that are kept here as well.
    pub(super) fn note_scripts(&mut self, asked: Asked<'_>) {
        let texts = &self.exchange.proxy.scripts;
        match asked.spec.id {
            CommandId::ScriptLoad => {
                self.exchange.handed_in.hand_in(texts, asked.args.at(2));
            }
            CommandId::ScriptFlush => texts.forget_all(),
            _ => {}
        }
    }
}

/// An EVALSHA as the EVAL that it stands for.
pub(super) struct Evaluates {
    command: CommandId,
    name: ScriptName,
    text: std::sync::Arc<[u8]>,
}

impl Evaluates {
    /// How long the text is.
    pub(super) fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// Appends the request.
    pub(super) fn encode(&self, asked: Asked<'_>, out: &mut Vec<u8>) {
        let head = [self.command.name().as_bytes(), &self.text];
        let words: Vec<&[u8]> = head.into_iter().chain(asked.args.iter_from(2)).collect();
        encode_request(out, words);
    }
}
