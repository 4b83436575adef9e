//! What is published, on its way to those who have subscribed.
//! Never: touches a socket. Bound: whoever gets a message is written to some at a time ([`Exchange::write_to_some`]), and cut above the bound of replies.

use bytes::Bytes;
use shared::pubsub::{Subscribers, Topic};
use shared::resp::{Protocol, ReplyError};
use shared::throttle::Throttle;

use super::Exchange;
use crate::channels::push::{self, Push};
use crate::channels::relay::Relay;
use crate::client::{ReplyBytes, WaitsFor};

/// A frame as a node has sent it.
#[derive(Debug)]
pub(crate) enum PushBytes<'a> {
    /// Small: copied for each who gets it.
    Lent(&'a [u8]),
    /// Large: kept once for all.
    Shared(Bytes),
}

impl PushBytes<'_> {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Lent(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

/// A message as those get it who speak this or that version of the protocol: a push, or an array.
struct Letter<'a> {
    push: &'a PushBytes<'a>,
    array: Option<Bytes>,
    copy: Vec<u8>,
}

impl<'a> Letter<'a> {
    fn new(push: &'a PushBytes<'a>) -> Self {
        Self {
            push,
            array: None,
            copy: Vec::new(),
        }
    }

    fn for_protocol(&mut self, protocol: Protocol) -> ReplyBytes<'_> {
        match (self.push, protocol) {
            (PushBytes::Lent(bytes), Protocol::Resp3) => ReplyBytes::Lent(bytes),
            (PushBytes::Shared(bytes), Protocol::Resp3) => ReplyBytes::Own(bytes.clone()),
            (PushBytes::Lent(bytes), Protocol::Resp2) => {
                if self.copy.is_empty() {
                    self.copy.extend_from_slice(bytes);
                    self.copy[0] = b'*';
                }
                ReplyBytes::Lent(&self.copy)
            }
            (PushBytes::Shared(bytes), Protocol::Resp2) => {
                let array = self.array.get_or_insert_with(|| {
                    let mut array = bytes.to_vec();
                    array[0] = b'*';
                    array.into()
                });
                ReplyBytes::Own(array.clone())
            }
        }
    }
}

/// What a frame meant for the relay over which it came.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Nothing.
    Nothing,
    /// The node refuses what it was told.
    Refused(String),
}

impl Exchange {
    /// A frame has come over the relay of a shard.
    ///
    /// # Errors
    /// It is none that can be.
    pub(crate) fn hear(
        &mut self,
        shard: usize,
        frame: &PushBytes<'_>,
    ) -> Result<Heard, ReplyError> {
        match push::read(frame.as_bytes())? {
            Push::Message { topic, name } => self.deliver_message(topic, name, frame),
            Push::Pong => {
                let now_ms = self.tick_ms;
                if let Some(relay) = self.channels.relay(shard) {
                    relay.answered(now_ms);
                    self.channels.note_progress();
                }
            }
            Push::Refused(text) => {
                let text = String::from_utf8_lossy(text).into_owned();
                let is_of_no_use = self.channels.relay(shard).is_none_or(Relay::refused);
                if is_of_no_use {
                    return Ok(Heard::Refused(text));
                }
                static REFUSED: Throttle = Throttle::new();
                if let Some(left_out) = REFUSED.admit(self.clock.wall_ms()) {
                    tracing::warn!(shard, %text, left_out, "a node refuses a subscription: nothing of it is heard there");
                }
            }
            Push::Noted => {
                if let Some(relay) = self.channels.relay(shard) {
                    relay.noted();
                }
            }
        }
        Ok(Heard::Nothing)
    }

    fn deliver_message(&mut self, topic: Topic, name: &[u8], frame: &PushBytes<'_>) {
        let Self {
            channels,
            receivers,
            ..
        } = self;
        let mut letter = Letter::new(frame);
        let mut due = Vec::new();
        let subscribers = channels.subscribers(topic, name);
        for client in subscribers.into_iter().flat_map(Subscribers::iter) {
            if channels.is_pending(client, topic, name) {
                continue;
            }
            let Some(outlet) = receivers.outlets.get_mut(client) else {
                continue;
            };
            let message = letter.for_protocol(outlet.protocol);
            outlet.queue.message(message, &mut receivers.buffers);
            receivers.stats.messages += 1;
            if !outlet.is_due {
                outlet.is_due = true;
                due.push(client);
            }
        }
        channels.due().extend(due);
    }

    /// Clients that have got messages are written to, `most` of them; whether there are more.
    pub(crate) fn write_to_some(&mut self, most: usize) -> bool {
        let due = self.channels.due();
        let some: Vec<_> = due.drain(..due.len().min(most)).collect();
        let are_more = !due.is_empty();
        for client in some {
            if let Some(outlet) = self.receivers.outlets.get_mut(client) {
                outlet.is_due = false;
                self.receivers.mark_dirty(client);
            }
        }
        are_more
    }

    /// Clients that waited until their subscriptions were known everywhere go on.
    pub(crate) fn let_confirmed_go(&mut self) {
        for client in self.channels.take_confirmed() {
            let outlet = self.receivers.outlets.get(client);
            if outlet.is_some_and(|outlet| outlet.waits_for() == Some(WaitsFor::Subscribed)) {
                self.stop_waiting(client);
            }
        }
    }
}
