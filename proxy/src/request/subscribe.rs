//! SUBSCRIBE, UNSUBSCRIBE and their kind, and PUBLISH.
//! Reaches: the client, the channels, the pipes. Invariant: a name is answered when every shard that can be reached knows of it, so that whatever is published
//! after the answer comes to the client; with very many names others have their turns in between.

use std::rc::Rc;

use shared::command::CommandId;
use shared::pubsub::{Topic, topic_of};
use shared::resp::{ErrorReply, ReplyWriter};

use super::Asked;
use super::forward::Run;
use super::turn::{Step, Turn};
use crate::client::{Subscribing, WaitsFor, count};
use crate::route::{self, Place};

/// Names in one turn: some tenths of a millisecond.
const AT_ONCE: usize = 512;

impl Turn<'_> {
    /// A command that changes what the client has subscribed to.
    pub(super) fn subscribe(&mut self, asked: Asked<'_>) -> Step {
        let mut under_way = self.client.state.subscribing.take().unwrap_or_default();
        self.answer_names(asked, &mut under_way);
        if let Some(refusal) = under_way.refusal.take() {
            self.look_at_client();
            return self.answer_error(&ErrorReply::Text(format!("ERR {refusal}").into()));
        }
        let is_any = self.carry_out_names(asked, &mut under_way);
        if under_way.changed.is_empty() && under_way.refusal.is_none() {
            if under_way.answered == 0 {
                self.answer_name(asked, None);
            }
            self.look_at_client();
            return Step::NextInTime;
        }
        self.client.state.subscribing = Some(under_way);
        self.put_off(match is_any {
            true => Step::Wait(WaitsFor::Subscribed),
            false => Step::Again,
        })
    }

    /// Answers what has been carried out.
    fn answer_names(&mut self, asked: Asked<'_>, under_way: &mut Subscribing) {
        let topic = topic_of(asked.spec.id);
        let is_more = subscribes(asked.spec.id);
        self.exchange.channels.confirm(self.key);
        let names = std::mem::take(&mut under_way.names);
        let changed = std::mem::take(&mut under_way.changed);
        for (at, is_changed) in changed.iter().enumerate() {
            let name = match names.get(at) {
                Some(name) => name,
                None => asked.args.at(1 + under_way.answered + at),
            };
            if *is_changed {
                count(&mut self.client.state.subscribed, topic, name, is_more);
                self.show_subscriber();
            }
            self.answer_name(asked, Some(name));
        }
        under_way.answered += changed.len();
    }

    /// Carries out some names; whether that changed anything.
    fn carry_out_names(&mut self, asked: Asked<'_>, under_way: &mut Subscribing) -> bool {
        let topic = topic_of(asked.spec.id);
        let channels = &mut self.exchange.channels;
        if asked.args.len() == 1 {
            while under_way.changed.len() < AT_ONCE
                && let Some(name) = channels.first_of(self.key, topic)
            {
                channels.unsubscribe(self.key, topic, &name);
                under_way.names.push(name);
                under_way.changed.push(true);
            }
            return !under_way.changed.is_empty();
        }
        for name in asked.args.iter_from(1 + under_way.answered).take(AT_ONCE) {
            let is_changed = match subscribes(asked.spec.id) {
                false => Ok(channels.unsubscribe(self.key, topic, name)),
                true => channels.subscribe(self.key, topic, name),
            };
            match is_changed {
                Ok(is_changed) => under_way.changed.push(is_changed),
                Err(error) => {
                    under_way.refusal = Some(error.to_string());
                    break;
                }
            }
        }
        under_way.changed.contains(&true)
    }

    /// The message for one name: the command's own, the name, and how many subscriptions of its kind there are now. It is said whatever CLIENT REPLY says.
    fn answer_name(&mut self, asked: Asked<'_>, name: Option<&[u8]>) {
        let subscribed = self.client.state.subscribed;
        let count = match topic_of(asked.spec.id) {
            Topic::ShardChannel => subscribed.shard_channels,
            Topic::Channel | Topic::Pattern => subscribed.channels + subscribed.patterns,
        };
        let protocol = self.client.state.protocol;
        let receivers = &mut self.exchange.receivers;
        receivers.stats.record_local();
        let outlet = receivers.outlets.at_mut(self.key);
        outlet.queue.answer(&mut receivers.buffers, |out| {
            let mut reply = ReplyWriter::new(out, protocol);
            reply.push(3);
            reply.bulk(asked.spec.name.as_bytes());
            match name {
                Some(name) => reply.bulk(name),
                None => reply.null(),
            }
            reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
        });
        receivers.mark_dirty(self.key);
    }

    /// RESET: unsubscribes from everything, some at a time, without a word; whether there is more.
    pub(super) fn unsubscribe_some(&mut self) -> bool {
        if !self.client.state.subscribed.are_any() {
            return false;
        }
        let mut left = AT_ONCE;
        for topic in Topic::ALL {
            while let Some(name) = self.exchange.channels.first_of(self.key, topic) {
                if left == 0 {
                    return true;
                }
                left -= 1;
                self.unsubscribe_silently(topic, &name);
            }
        }
        false
    }

    fn unsubscribe_silently(&mut self, topic: Topic, name: &Rc<[u8]>) {
        self.exchange.channels.unsubscribe(self.key, topic, name);
        count(&mut self.client.state.subscribed, topic, name, false);
        self.show_subscriber();
    }

    /// Who tells it something in another client's place sees whether it listens.
    fn show_subscriber(&mut self) {
        let is_subscriber = self.client.state.subscribed.are_any();
        self.exchange.receivers.outlet(self.key).is_subscriber = is_subscriber;
    }

    /// PUBLISH and SPUBLISH: to the shard of the channel's slot. Whoever has subscribed has done so there too.
    pub(super) fn publish(&mut self, asked: Asked<'_>, run: &mut Run) -> Step {
        let snapshot = &self.exchange.snapshot;
        if snapshot.is_one_shard() {
            return self.forward(route::any_shard(), Place::Keys, asked, run);
        }
        let slot = snapshot.slot_of_channel(asked.args.at(1));
        self.forward(snapshot.owner(slot), Place::Slot(slot), asked, run)
    }
}

/// Whether the command subscribes, and does not unsubscribe.
fn subscribes(id: CommandId) -> bool {
    matches!(
        id,
        CommandId::Subscribe | CommandId::Psubscribe | CommandId::Ssubscribe
    )
}
