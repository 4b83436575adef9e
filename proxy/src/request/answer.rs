//! Requests that get their reply at once: the proxy's own answers, and errors.
//! Reaches: the client's outlet, the counters. Never: a pipe. Invariant: the reply stands behind those to all that was asked before.

use shared::command::CommandSpec;
use shared::resp::{ErrorReply, ReplyWriter};
use shared::topology::ShardIndex;

use super::forward::Vain;
use super::receivers::Failure;
use super::turn::{Step, Turn};
use crate::route::Outcome;

impl Turn<'_> {
    /// Replies here, behind all that was asked before.
    pub(super) fn answer(&mut self, write: impl FnOnce(&mut ReplyWriter<'_>)) {
        if self.is_silent() {
            return;
        }
        let protocol = self.client.state.protocol;
        let receivers = &mut self.exchange.receivers;
        let outlet = receivers.outlets.at_mut(self.key);
        outlet.queue.answer(&mut receivers.buffers, |out| {
            write(&mut ReplyWriter::new(out, protocol));
        });
        receivers.mark_dirty(self.key);
    }

    pub(super) fn answer_error(&mut self, error: &ErrorReply) -> Step {
        self.is_refused = true;
        self.count_cross_slot(error);
        let is_heard = !self.is_silent();
        self.exchange.receivers.stats.record_refused(is_heard);
        self.answer(|reply| reply.error(error));
        Step::Next
    }

    /// Takes note of keys that were asked for together and lie in several slots.
    pub(super) fn count_cross_slot(&mut self, error: &ErrorReply) {
        if let ErrorReply::CrossSlot(apart) = error {
            let stats = &mut self.exchange.receivers.stats;
            stats.cross_slots.note(apart.keys());
        }
    }

    /// The shard's node is not asked.
    pub(super) fn answer_in_vain(
        &mut self,
        spec: &CommandSpec,
        shard: ShardIndex,
        vain: &Vain,
    ) -> Step {
        self.is_refused = true;
        let node = self.exchange.pipes.primary(shard);
        let failure = match vain {
            Vain::Down => Failure::to_send(&node.reach),
            Vain::Refused(text) => Failure::Refused(text),
        };
        let (error, label) = (failure.error(&node.shard), node.shard_index);
        let is_heard = !self.is_silent();
        let receivers = &mut self.exchange.receivers;
        let elapsed_ns = receivers.stopwatch.since_ns(self.read);
        let stats = &mut receivers.stats;
        stats.record_end(spec.id, Some(label), 1, Outcome::ShardDown, elapsed_ns);
        stats.error_replies += u64::from(is_heard);
        self.answer(|reply| reply.error(&error));
        Step::Next
    }
}
