//! How far a command has come that changes what its client has subscribed to: some names at a time, each answered when the shards know.
//! Pure.

use std::rc::Rc;

use shared::pubsub::{SubscriptionCounts, Topic, subscription_bytes};

/// A SUBSCRIBE or UNSUBSCRIBE under way.
#[derive(Debug, Default)]
pub(crate) struct Subscribing {
    /// Names that have been answered.
    pub(crate) answered: usize,
    /// For each of those behind them that have been carried out, whether it changed anything.
    pub(crate) changed: Vec<bool>,
    /// These names, where the command does not name them.
    pub(crate) names: Vec<Rc<[u8]>>,
    /// What is said of the name behind them, which is refused.
    pub(crate) refusal: Option<String>,
}

/// A client is told that it has subscribed to one name more, or one less.
pub(crate) fn count(counts: &mut SubscriptionCounts, topic: Topic, name: &[u8], is_more: bool) {
    let number = match topic {
        Topic::Channel => &mut counts.channels,
        Topic::Pattern => &mut counts.patterns,
        Topic::ShardChannel => &mut counts.shard_channels,
    };
    let bytes = subscription_bytes(topic, name);
    if is_more {
        *number += 1;
        counts.bytes += bytes;
    } else {
        *number -= 1;
        counts.bytes -= bytes;
    }
}
