//! What COMMAND DOCS says of the commands of `pubsub.rs`.
use super::words::*;

#[rustfmt::skip] // As the rows of the table.
pub(super) const PAGES: &[CommandDocs] = &[
    page(Id::Psubscribe, "2.0.0", "Listens to the channels that match patterns.").cost("O(N) for N patterns the client listens to.")
        .arguments(&[block("pattern", &[pattern("pattern")]).multiple()]),
    page(Id::Publish, "2.0.0", "Sends a message to a channel.").cost("O(N+M): N listeners of the channel, M patterns of all clients.")
        .arguments(&[string("channel"), string("message")]),
    page(Id::Pubsub, "2.8.0", "Container of the commands that describe channels.").cost("Depends on subcommand."),
    page(Id::PubsubChannels, "2.8.0", "Lists the channels that somebody listens to.").cost("O(N) for N channels.")
        .arguments(&[pattern("pattern").optional()]),
    page(Id::PubsubHelp, "6.2.0", "Lists the subcommands of PUBSUB.").cost("O(1)"),
    page(Id::PubsubNumpat, "2.8.0", "Counts the patterns that are listened to.").cost("O(1)"),
    page(Id::PubsubNumsub, "2.8.0", "Counts the listeners of channels.").cost("O(N) for the NUMSUB subcommand, where N is the number of requested channels")
        .arguments(&[string("channel").optional().multiple()]),
    page(Id::PubsubShardchannels, "7.0.0", "Lists the shard channels that somebody listens to.").cost("O(N) for N shard channels.")
        .arguments(&[pattern("pattern").optional()]),
    page(Id::PubsubShardnumsub, "7.0.0", "Counts the listeners of shard channels.").cost("O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels")
        .arguments(&[string("shardchannel").optional().multiple()]),
    page(Id::Punsubscribe, "2.0.0", "Stops listening to the channels that match patterns.").cost("O(N+M): N patterns of the client, M of all clients.")
        .arguments(&[pattern("pattern").optional().multiple()]),
    page(Id::Spublish, "7.0.0", "Sends a message to a shard channel.").cost("O(N) where N is the number of clients subscribed to the receiving shard channel.")
        .arguments(&[string("shardchannel"), string("message")]),
    page(Id::Ssubscribe, "7.0.0", "Listens to shard channels.").cost("O(N) where N is the number of shard channels to subscribe to.")
        .arguments(&[string("shardchannel").multiple()]),
    page(Id::Subscribe, "2.0.0", "Listens to channels.").cost("O(N) where N is the number of channels to subscribe to.")
        .arguments(&[string("channel").multiple()]),
    page(Id::Sunsubscribe, "7.0.0", "Stops listening to shard channels.").cost("O(N) where N is the number of clients already subscribed to a shard channel.")
        .arguments(&[string("shardchannel").optional().multiple()]),
    page(Id::Unsubscribe, "2.0.0", "Stops listening to channels.").cost("O(N) where N is the number of clients already subscribed to a channel.")
        .arguments(&[string("channel").optional().multiple()]),
];
