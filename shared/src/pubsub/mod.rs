//! Channels: who has subscribed to which, at a node and at a proxy alike.
//! Pure. Never: sends anything; knows what a client is beyond the key under which its owner keeps it.

mod counts;
mod matching;
mod subscriptions;

pub use counts::SubscriptionCounts;
pub use matching::Matches;
pub use subscriptions::{
    Forgotten, SubscribeError, Subscribers, Subscriptions, Topic, subscription_bytes,
};

use crate::command::{CommandId, CommandSpec, Route};

/// What a command on channels is about.
#[must_use]
pub fn topic_of(id: CommandId) -> Topic {
    match id {
        CommandId::Psubscribe | CommandId::Punsubscribe => Topic::Pattern,
        CommandId::Ssubscribe
        | CommandId::Sunsubscribe
        | CommandId::Spublish
        | CommandId::PubsubShardchannels
        | CommandId::PubsubShardnumsub => Topic::ShardChannel,
        _ => Topic::Channel,
    }
}

/// Whether a subscriber that speaks RESP2 may run it: a message and a reply cannot be told apart there.
#[must_use]
pub fn is_for_subscribers(spec: &CommandSpec) -> bool {
    spec.route == Route::Subscribed
        || matches!(
            spec.id,
            CommandId::Ping | CommandId::Quit | CommandId::Reset
        )
}

#[cfg(test)]
mod tests;
