//! Requests that get their reply at once: the proxy's own answers, and errors.
//! Reaches: the client's reply queue, the counters. Never: a pipe. Invariant: the reply stands behind those to all that was asked before.

use shared::command::CommandSpec;
use shared::resp::{ErrorReply, ReplyWriter};
use shared::topology::ShardIndex;

use crate::metrics::Outcome;
use crate::request::{Dispatcher, Step};

impl Dispatcher<'_> {
    /// Replies here, behind all that was asked before.
    pub(crate) fn answer(&mut self, write: impl FnOnce(&mut ReplyWriter<'_>)) {
        let Some(client) = self.receivers.clients.get_mut(self.key) else {
            return;
        };
        let protocol = client.state.protocol;
        if client.state.take_silence() {
            write(&mut ReplyWriter::new(&mut Vec::new(), protocol));
            return;
        }
        client.queue.answer(&mut self.receivers.buffers, |out| {
            write(&mut ReplyWriter::new(out, protocol));
        });
    }

    pub(crate) fn answer_error(&mut self, error: &ErrorReply) -> Step {
        self.receivers.stats.record_refused();
        self.answer(|reply| reply.error(error));
        Step::Next
    }

    pub(crate) fn answer_down(
        &mut self,
        spec: &CommandSpec,
        shard: ShardIndex,
        error: &ErrorReply,
    ) -> Step {
        self.receivers.stats.record_failure(
            spec.id,
            self.pipes.primary(shard).shard_index,
            1,
            Outcome::ShardDown,
        );
        self.answer(|reply| reply.error(error));
        Step::Next
    }
}
