//! What all commands share that wait until a key has something for them: for how long, what is said when nothing comes, and the end of their waiting.
//! Pure: who is served, and when, is for [`crate::execute`] to say.

use super::{Action, Call};
use crate::client::{Block, WaitKind, Waiting};
use crate::node_state::{Answer, ClientKey, NodeState};
use crate::store::Store;
use shared::command::{CommandFlags, CommandId, CommandSpec};
use shared::resp::{ErrorReply, ReplyWriter, WaitError};
use std::ops::Range;

/// There is nothing for the command: it waits, unless others have had their turns since it began, for then it has waited.
pub(super) fn block(
    call: &mut Call<'_>,
    kind: WaitKind,
    timeout_ms: u64,
    keys: Range<usize>,
) -> Action {
    block_with(call, kind, timeout_ms, keys, Vec::new())
}

/// The same of one with arguments that mean this moment.
pub(super) fn block_with(
    call: &mut Call<'_>,
    kind: WaitKind,
    timeout_ms: u64,
    keys: Range<usize>,
    replaced: Vec<(usize, Vec<u8>)>,
) -> Action {
    if call.is_piecewise {
        say_nothing_came(call.spec, &mut call.reply);
        return Action::Continue;
    }
    Action::Block(Box::new(Block {
        kind,
        timeout_ms,
        keys,
        replaced,
    }))
}

/// The reply of a command that may not wait, and has nothing.
pub(crate) fn say_nothing_came(spec: &CommandSpec, reply: &mut ReplyWriter<'_>) {
    match spec.id {
        CommandId::Blmove | CommandId::Brpoplpush => reply.null(),
        _ => reply.null_array(),
    }
}

/// Why a client no longer waits though nothing came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// Its time is over, or another client says so.
    TimeIsOver,
    /// Another client wants it to hear an error.
    Forced,
    /// The node is something else from now on.
    RoleChanged,
}

/// Ends the waiting of a client; whether it waited. Its answer is among those that are to be sent.
pub(crate) fn release(
    store: &mut Store,
    node: &mut NodeState,
    client: ClientKey,
    why: Release,
) -> bool {
    let Some(waiting) = forget_waiting(store, node, client) else {
        return false;
    };
    let protocol = node
        .clients
        .at(client)
        .session
        .as_ref()
        .map(|session| session.protocol);
    let mut reply = Vec::new();
    let mut writer = ReplyWriter::new(&mut reply, protocol.unwrap_or_default());
    match why {
        // As in Redis it is an array that is not there, whatever the command.
        Release::TimeIsOver => writer.null_array(),
        Release::Forced => writer.error(&WaitError::ByClient.into()),
        Release::RoleChanged => writer.error(&ErrorReply::Unblocked),
    }
    node.stats.command_took(waiting.spec.id, 0);
    if why != Release::TimeIsOver {
        node.stats.command_failed(waiting.spec.id);
        node.stats.error_replied(&reply);
    }
    answer(node, client, &waiting, reply, why == Release::RoleChanged);
    true
}

/// The reply of a command that has waited is to be sent.
pub(crate) fn answer(
    node: &mut NodeState,
    client: ClientKey,
    waiting: &Waiting,
    mut reply: Vec<u8>,
    closes: bool,
) {
    if !waiting.is_heard {
        reply.clear();
    }
    node.blocked.answer(Answer {
        client,
        reply,
        writes: waiting.spec.flags.contains(CommandFlags::WRITE),
        closes,
    });
}

/// A client waits no more; its command, if it had one.
pub(crate) fn forget_waiting(
    store: &mut Store,
    node: &mut NodeState,
    client: ClientKey,
) -> Option<Box<Waiting>> {
    let known = node.clients.get_mut(client)?;
    let waiting = known.waiting.take()?;
    let db = known.session.as_ref().map(|session| session.db);
    node.blocked.leave(store, db.unwrap_or_default(), &waiting);
    Some(waiting)
}
