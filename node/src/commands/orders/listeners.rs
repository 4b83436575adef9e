//! NODE LISTENERS: a relay, which has subscribed on behalf of others, says for how many it stands. PUBLISH and PUBSUB NUMSUB count these.
//! Pure.

use super::super::arguments::is_word;
use super::{Action, Call};
use shared::pubsub::Topic;
use shared::resp::{ErrorReply, integer};

/// NODE LISTENERS (CHANNEL | PATTERN | SHARDCHANNEL) name count
pub(super) fn listeners(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.args.len() != 5 {
        let word = call.args.at(1);
        return Err(ErrorReply::unknown_subcommand_or_arity("NODE", word));
    }
    let topic = call.args.at(2);
    let topic = Topic::ALL
        .into_iter()
        .find(|one| is_word(topic, one.word()));
    let count = u32::try_from(integer(call.args.at(4))?).ok();
    let (Some(topic), Some(count)) = (topic, count) else {
        return Err(ErrorReply::Syntax);
    };
    let name = call.args.at(3);
    let client = call.node.clients.key_of(call.identity.id);
    let subscriptions = &mut call.node.subscriptions;
    let is_subscribed =
        client.is_some_and(|client| subscriptions.stand_for(client, topic, name, count));
    if !is_subscribed {
        return Err(ErrorReply::Text(
            "ERR stand for others where you have subscribed yourself".into(),
        ));
    }
    call.reply.ok();
    Ok(Action::Continue)
}
