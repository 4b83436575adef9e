//! Rows of the commands on channels.
use super::words::*;

#[rustfmt::skip] // One row, one line.
pub(super) const ROWS: &[CommandSpec] = &[
    row(Id::Psubscribe, -2).flags(PUBSUB | NO_SCRIPT | LOADING | STALE).route(Subscribed).served(),
    row(Id::Publish, 3).flags(PUBSUB | LOADING | STALE | FAST).route(ByChannel).served(),
    row(Id::Pubsub, -2).route(Local),
    row(Id::PubsubChannels, -2).flags(PUBSUB | LOADING | STALE).route(AnyShard).missing_shard(LeftOut).repeatable().served(),
    row(Id::PubsubHelp, 2).flags(LOADING | STALE).route(Local).served(),
    row(Id::PubsubNumpat, 2).flags(PUBSUB | LOADING | STALE).route(AnyShard).missing_shard(LeftOut).repeatable().served(),
    row(Id::PubsubNumsub, -2).flags(PUBSUB | LOADING | STALE).route(AnyShard).missing_shard(LeftOut).repeatable().served(),
    row(Id::PubsubShardchannels, -2).flags(PUBSUB | LOADING | STALE).route(EveryShard).merge(Concat).repeatable().served(),
    row(Id::PubsubShardnumsub, -2).flags(PUBSUB | LOADING | STALE).route(EveryShard).merge(Counts).repeatable().served(),
    row(Id::Punsubscribe, -1).flags(PUBSUB | NO_SCRIPT | LOADING | STALE).route(Subscribed).served(),
    row(Id::Spublish, 3).flags(PUBSUB | LOADING | STALE | FAST).keys(&[key(1, NOT_KEY)]).route(ByChannel).served(),
    row(Id::Ssubscribe, -2).flags(PUBSUB | NO_SCRIPT | LOADING | STALE).keys(&[keys(1, -1, 1, NOT_KEY)]).route(Subscribed).served(),
    row(Id::Subscribe, -2).flags(PUBSUB | NO_SCRIPT | LOADING | STALE).route(Subscribed).served(),
    row(Id::Sunsubscribe, -1).flags(PUBSUB | NO_SCRIPT | LOADING | STALE).keys(&[keys(1, -1, 1, NOT_KEY)]).route(Subscribed).served(),
    row(Id::Unsubscribe, -1).flags(PUBSUB | NO_SCRIPT | LOADING | STALE).route(Subscribed).served(),
];
