//! Commands between servers: who follows whom, how a follower gets the log, who has what.
//! Pure: what only the shell can do is an [`Errand`]; whom to follow is left in the node's state.

mod ask;
mod failover;
mod leader;

use super::arguments::{integer, is_word};
use super::{Action, Call, Errand, Handler};
use shared::command::CommandId;

/// The handler of a command of this group.
pub(super) fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Replicaof | CommandId::Slaveof => leader::replica_of,
        CommandId::Role => leader::role,
        CommandId::Replconf => ask::configure,
        CommandId::Psync => ask::synchronise,
        CommandId::Failover => failover::fail_over,
        CommandId::Wait => ask::wait,
        CommandId::Waitaof => ask::wait_for_disks,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
