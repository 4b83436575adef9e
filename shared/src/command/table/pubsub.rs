//! Rows of the commands on channels.
use super::words::*;

#[rustfmt::skip] // One row, one line.
pub(super) const ROWS: &[CommandSpec] = &[
    row(Id::Psubscribe, -2).flags(PUBSUB | NO_SCRIPT | LOADING | STALE).route(Subscribed).served_by_node(),
    row(Id::Publish, 3).flags(PUBSUB | LOADING | STALE | FAST).route(ByChannel).served_by_node(),
    row(Id::Pubsub, -2).route(Local),
    row(Id::PubsubChannels, -2).flags(PUBSUB | LOADING | STALE).route(EveryShard).merge(Concat).served_by_node(),
    row(Id::PubsubHelp, 2).flags(LOADING | STALE).route(Local).served_by_node(),
    row(Id::PubsubNumpat, 2).flags(PUBSUB | LOADING | STALE).route(Local).served_by_node(),
    row(Id::PubsubNumsub, -2).flags(PUBSUB | LOADING | STALE).route(Local).served_by_node(),
    row(Id::PubsubShardchannels, -2).flags(PUBSUB | LOADING | STALE).route(EveryShard).merge(Concat).served_by_node(),
    row(Id::PubsubShardnumsub, -2).flags(PUBSUB | LOADING | STALE).route(Local).served_by_node(),
    row(Id::Punsubscribe, -1).flags(PUBSUB | NO_SCRIPT | LOADING | STALE).route(Subscribed).served_by_node(),
    row(Id::Spublish, 3).flags(PUBSUB | LOADING | STALE | FAST).keys(&[key(1, NOT_KEY)]).route(ByChannel).served_by_node(),
    row(Id::Ssubscribe, -2).flags(PUBSUB | NO_SCRIPT | LOADING | STALE).keys(&[keys(1, -1, 1, NOT_KEY)]).route(Subscribed).served_by_node(),
    row(Id::Subscribe, -2).flags(PUBSUB | NO_SCRIPT | LOADING | STALE).route(Subscribed).served_by_node(),
    row(Id::Sunsubscribe, -1).flags(PUBSUB | NO_SCRIPT | LOADING | STALE).keys(&[keys(1, -1, 1, NOT_KEY)]).route(Subscribed).served_by_node(),
    row(Id::Unsubscribe, -1).flags(PUBSUB | NO_SCRIPT | LOADING | STALE).route(Subscribed).served_by_node(),
];
