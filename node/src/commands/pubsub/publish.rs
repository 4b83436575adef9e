//! PUBLISH and SPUBLISH: who has subscribed here gets the message, and so do those who have subscribed at followers.
//! Pure. A message changes no key: it goes into the log while somebody follows, for the log is what followers get, and whoever replays it later publishes to
//! nobody. Redis sends it to replicas alone; where nobody follows it is in no log here either.

use super::{Action, Call};
use crate::node_state::Publication;
use shared::pubsub::topic_of;
use shared::resp::ErrorReply;

/// PUBLISH channel message, SPUBLISH shardchannel message
pub(super) fn publish(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let publication = Publication {
        topic: topic_of(call.spec.id),
        channel: call.args.at(1),
        payload: call.args.at(2),
    };
    let receivers = call.node.publish(publication, call.session.spoken_to());
    if !call.node.replication.followers().is_empty() {
        call.store.record_message(call.session.db, call.args);
    }
    call.reply
        .integer(i64::try_from(receivers).unwrap_or(i64::MAX));
    Ok(Action::Continue)
}
