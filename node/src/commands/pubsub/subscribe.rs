//! SUBSCRIBE, UNSUBSCRIBE and their kind: a message for each channel, whatever CLIENT REPLY says.
//! Pure. With very many channels others have their turns in between, and what has been answered stays so: a message that is published meanwhile comes to whoever
//! has subscribed by then, as between the commands of a client that subscribes to one channel after the other.

use super::{Action, Call, own_key};
use crate::node_state::ClientKey;
use shared::pubsub::{SubscriptionCounts, Topic, topic_of};
use shared::resp::{ErrorReply, ReplyWriter};
use std::rc::Rc;

/// Channels in one turn: some tenths of a millisecond.
const AT_ONCE: usize = 512;

/// SUBSCRIBE channel …, PSUBSCRIBE pattern …, SSUBSCRIBE shardchannel …
pub(super) fn subscribe(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let topic = topic_of(call.spec.id);
    let Some(client) = own_key(call) else {
        return Ok(Action::Continue);
    };
    let part = next_arguments(call);
    for name in call.args.iter_from(part.from).take(part.count) {
        let subscribed = call.node.subscriptions.subscribe(client, topic, name);
        match subscribed {
            Ok(counts) => {
                call.session.subscribed = counts;
                tell(call, Some(name));
            }
            Err(error) => {
                let error = ErrorReply::Text(format!("ERR {error}").into());
                return Ok(refuse_the_rest(call, &error));
            }
        }
    }
    Ok(part.end(call))
}

/// UNSUBSCRIBE \[channel …\], PUNSUBSCRIBE \[pattern …\], SUNSUBSCRIBE \[shardchannel …\]
pub(super) fn unsubscribe(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let topic = topic_of(call.spec.id);
    let Some(client) = own_key(call) else {
        return Ok(Action::Continue);
    };
    if call.args.len() == 1 {
        return Ok(unsubscribe_every(call, client, topic));
    }
    let part = next_arguments(call);
    for name in call.args.iter_from(part.from).take(part.count) {
        call.session.subscribed = call.node.subscriptions.unsubscribe(client, topic, name);
        tell(call, Some(name));
    }
    Ok(part.end(call))
}

/// UNSUBSCRIBE without names.
fn unsubscribe_every(call: &mut Call<'_>, client: ClientKey, topic: Topic) -> Action {
    let mut left = AT_ONCE;
    while let Some(name) = take_first(call, client, topic) {
        call.session.treated_args += 1;
        tell(call, Some(&name));
        left -= 1;
        if left == 0 && call.node.subscriptions.first_of(client, topic).is_some() {
            return Action::GoOn;
        }
    }
    if call.session.treated_args == 0 {
        tell(call, None);
    }
    call.session.treated_args = 0;
    Action::Continue
}

/// Unsubscribes from everything, some at a time, without a word; whether there is more.
pub(in crate::commands) fn unsubscribe_all(call: &mut Call<'_>) -> bool {
    if !call.session.subscribed.are_any() {
        return false;
    }
    let Some(client) = own_key(call) else {
        return false;
    };
    let mut left = AT_ONCE;
    for topic in [Topic::Channel, Topic::Pattern, Topic::ShardChannel] {
        while take_first(call, client, topic).is_some() {
            left -= 1;
            if left == 0 {
                return call.session.subscribed.are_any();
            }
        }
    }
    false
}

/// Unsubscribes from the first name there is.
fn take_first(call: &mut Call<'_>, client: ClientKey, topic: Topic) -> Option<Rc<[u8]>> {
    let name = call.node.subscriptions.first_of(client, topic)?;
    call.session.subscribed = call.node.subscriptions.unsubscribe(client, topic, &name);
    Some(name)
}

/// Arguments that are treated in this turn.
struct Part {
    from: usize,
    count: usize,
}

impl Part {
    /// What comes when they have been treated.
    fn end(&self, call: &mut Call<'_>) -> Action {
        call.session.treated_args += self.count;
        if 1 + call.session.treated_args < call.args.len() {
            return Action::GoOn;
        }
        call.session.treated_args = 0;
        Action::Continue
    }
}

fn next_arguments(call: &Call<'_>) -> Part {
    let from = 1 + call.session.treated_args;
    Part {
        from,
        count: AT_ONCE.min(call.args.len().saturating_sub(from)),
    }
}

/// What has been answered stays so; this is said of the others.
#[cold]
fn refuse_the_rest(call: &mut Call<'_>, error: &ErrorReply) -> Action {
    call.session.treated_args = 0;
    let mut text = Vec::new();
    ReplyWriter::new(&mut text, call.reply.protocol()).error(error);
    call.node.stats.command_failed(call.spec.id);
    call.node.stats.error_replied(&text);
    call.reply.raw(&text);
    Action::Continue
}

/// The message for one name: the command's own, the name, and how many subscriptions of its kind there are now.
fn tell(call: &mut Call<'_>, name: Option<&[u8]>) {
    call.session.has_pushed = true;
    let SubscriptionCounts {
        channels,
        patterns,
        shard_channels,
        ..
    } = call.session.subscribed;
    let count = match topic_of(call.spec.id) {
        Topic::ShardChannel => shard_channels,
        Topic::Channel | Topic::Pattern => channels + patterns,
    };
    call.reply.push(3);
    call.reply.bulk(call.spec.name.as_bytes());
    match name {
        Some(name) => call.reply.bulk(name),
        None => call.reply.null(),
    }
    call.reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
}
