//! Commands on channels: who subscribes to them, what is published, who has subscribed.
//! Pure: what others get lies in their outboxes then.

mod publish;
mod subscribe;
mod tell;

use super::{Action, Call, Handler};
use crate::node_state::ClientKey;
use shared::command::CommandId;

pub(super) use subscribe::unsubscribe_all;

/// The handler of a command of this group.
pub(super) fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Subscribe | CommandId::Psubscribe | CommandId::Ssubscribe => {
            subscribe::subscribe
        }
        CommandId::Unsubscribe | CommandId::Punsubscribe | CommandId::Sunsubscribe => {
            subscribe::unsubscribe
        }
        CommandId::Publish | CommandId::Spublish => publish::publish,
        CommandId::PubsubChannels | CommandId::PubsubShardchannels => tell::names,
        CommandId::PubsubNumsub | CommandId::PubsubShardnumsub => tell::subscribers,
        CommandId::PubsubNumpat => tell::patterns,
        CommandId::PubsubHelp => super::help,
        _ => return None,
    })
}

/// Under which key the client is connected; `None` for one that is not (any more), to whom nothing can be sent.
fn own_key(call: &Call<'_>) -> Option<ClientKey> {
    call.node.clients.key_of(call.identity.id)
}

#[cfg(test)]
mod tests;
