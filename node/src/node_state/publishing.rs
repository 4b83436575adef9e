//! PUBLISH and SPUBLISH, and what the node itself publishes: who has subscribed gets the message, in the order in which it was published.
//! Pure: the bytes lie in the clients' outboxes then, and the shell wakes them, some at a time.
//! Bound: a subscriber for whom more would wait than `client-output-buffer-limit pubsub` allows is cut.

use super::clients::{ClientKey, Clients, Delivery};
use super::letter::Letter;
use super::{NodeState, Subscriptions};
use crate::settings::OutputLimit;
use crate::stats::Stats;
use crate::store::{Event, TakenEvents};
use shared::pubsub::{Subscribers, Topic};
use shared::resp::Protocol;
use shared::throttle::Throttle;
use tracing::warn;

/// What is published.
#[derive(Clone, Copy, Debug)]
pub struct Publication<'a> {
    /// Whether it is for a channel or a shard channel; nothing is published to a pattern.
    pub topic: Topic,
    /// Its name.
    pub channel: &'a [u8],
    /// What is said.
    pub payload: &'a [u8],
}

/// Who gets a letter, and what is counted.
struct Round<'a> {
    clients: &'a mut Clients,
    stats: &'a mut Stats,
    limit: OutputLimit,
    /// How whoever publishes is spoken to, should it have subscribed itself.
    caller: Protocol,
    receivers: usize,
    cut: usize,
}

impl Round<'_> {
    fn deliver(
        &mut self,
        letter: &mut Letter<'_>,
        subscribers: &Subscribers<ClientKey>,
        stands_for: impl Fn(ClientKey) -> usize,
    ) {
        for client in subscribers.iter() {
            self.deliver_to(letter, client, stands_for(client));
        }
    }

    fn deliver_to(&mut self, letter: &mut Letter<'_>, client: ClientKey, listeners: usize) {
        let most_bytes = self.limit.most_bytes();
        match self
            .clients
            .deliver(client, letter, self.caller, most_bytes)
        {
            Delivery::Done(bytes) => {
                self.receivers += listeners;
                self.stats.output_bytes += bytes as u64;
            }
            Delivery::Cut => {
                self.receivers += listeners;
                self.cut += 1;
                self.stats.output_limit_disconnections += 1;
            }
            Delivery::Gone => {}
        }
    }
}

impl NodeState {
    /// Sends a message to all who have subscribed to its channel, by name or by pattern; how many times it was sent. `caller`: how the client whose turn it is
    /// is spoken to, if it is anybody's.
    pub fn publish(&mut self, publication: Publication<'_>, caller: Protocol) -> usize {
        if self.subscriptions.is_empty() {
            return 0;
        }
        let Self {
            subscriptions,
            clients,
            stats,
            settings,
            ..
        } = self;
        let mut round = Round {
            clients,
            stats,
            limit: settings.hot.pubsub_output_limit,
            caller,
            receivers: 0,
            cut: 0,
        };
        let gave_up = send(subscriptions, publication, &mut round);
        let (receivers, cut) = (round.receivers, round.cut);
        self.tell_of_trouble(cut, gave_up);
        receivers
    }

    /// Publishes what has happened to keys, as `notify-keyspace-events` says. `caller` as above.
    pub fn tell_events(&mut self, events: &TakenEvents, caller: Protocol) {
        if self.subscriptions.is_empty() {
            return;
        }
        for event in events.iter() {
            let Event { name, db, key } = event;
            if events.classes.by_key() {
                let mut channel = format!("__keyspace@{}__:", db.0).into_bytes();
                channel.extend_from_slice(key);
                self.publish_event(&channel, name.as_bytes(), caller);
            }
            if events.classes.by_name() {
                let channel = format!("__keyevent@{}__:{name}", db.0);
                self.publish_event(channel.as_bytes(), key, caller);
            }
        }
    }

    fn publish_event(&mut self, channel: &[u8], payload: &[u8], caller: Protocol) {
        let publication = Publication {
            topic: Topic::Channel,
            channel,
            payload,
        };
        self.publish(publication, caller);
    }

    fn tell_of_trouble(&self, cut: usize, gave_up: bool) {
        static CUT: Throttle = Throttle::new();
        static GAVE_UP: Throttle = Throttle::new();
        let now_ms = self.now_us / 1_000;
        if cut > 0
            && let Some(left_out) = CUT.admit(now_ms)
        {
            warn!(
                subscribers = cut,
                left_out, "cut: client-output-buffer-limit pubsub"
            );
        }
        if gave_up && let Some(left_out) = GAVE_UP.admit(now_ms) {
            warn!(
                left_out,
                "a message was not compared with all patterns: its channel's name is too long and too like them"
            );
        }
    }
}

/// Sends it to those who named the channel, then to those whose patterns match; whether there were too many comparisons to be made.
fn send(
    subscriptions: &Subscriptions,
    publication: Publication<'_>,
    round: &mut Round<'_>,
) -> bool {
    let Publication {
        topic,
        channel,
        payload,
    } = publication;
    let word: &[u8] = match topic {
        Topic::ShardChannel => b"smessage",
        Topic::Channel | Topic::Pattern => b"message",
    };
    if let Some(subscribers) = subscriptions.subscribers(topic, channel) {
        let words = [word, channel, payload];
        let mut letter = Letter::new(&words);
        let stands_for = |client| subscriptions.stands_for(client, topic, channel);
        round.deliver(&mut letter, subscribers, stands_for);
    }
    if topic == Topic::ShardChannel {
        return false;
    }
    let mut matches = subscriptions.matching(channel);
    for (pattern, subscribers) in matches.by_ref() {
        let words = [b"pmessage", pattern, channel, payload];
        let stands_for = |client| subscriptions.stands_for(client, Topic::Pattern, pattern);
        round.deliver(&mut Letter::new(&words), subscribers, stands_for);
    }
    matches.gave_up()
}

#[cfg(test)]
mod tests {
    use super::{Publication, Topic};
    use crate::client::{Identity, Session};
    use crate::node_state::{ClientKey, NodeState};
    use shared::resp::Protocol;

    fn enter(node: &mut NodeState, protocol: Protocol) -> ClientKey {
        let id = node.clients.next_id();
        let session = Session {
            protocol,
            ..Session::default()
        };
        node.clients.enter(Identity::new(id, 0), session)
    }

    fn publish(node: &mut NodeState, topic: Topic, channel: &str, payload: &[u8]) -> usize {
        let publication = Publication {
            topic,
            channel: channel.as_bytes(),
            payload,
        };
        node.publish(publication, Protocol::Resp2)
    }

    fn ready(node: &mut NodeState, client: ClientKey) -> String {
        String::from_utf8_lossy(node.clients.at(client).outbox.ready()).replace("\r\n", " ")
    }

    #[test]
    fn each_subscription_gets_the_message_as_its_client_is_spoken_to() {
        let mut node = NodeState::default();
        let one = enter(&mut node, Protocol::Resp2);
        let other = enter(&mut node, Protocol::Resp3);
        assert_eq!(publish(&mut node, Topic::Channel, "ab", b"x"), 0);
        for (client, topic, name) in [
            (one, Topic::Channel, "ab"),
            (other, Topic::Channel, "ab"),
            (one, Topic::Pattern, "a*"),
            (other, Topic::ShardChannel, "ab"),
        ] {
            let subscribed = node.subscriptions.subscribe(client, topic, name.as_bytes());
            assert!(subscribed.is_ok());
        }
        assert_eq!(publish(&mut node, Topic::Channel, "ab", b"x"), 3);
        assert_eq!(publish(&mut node, Topic::Channel, "ac", b"y"), 1);
        assert_eq!(publish(&mut node, Topic::ShardChannel, "ab", b"z"), 1);
        assert_eq!(
            ready(&mut node, one),
            "*3 $7 message $2 ab $1 x *4 $8 pmessage $2 a* $2 ab $1 x *4 $8 pmessage $2 a* $2 ac $1 y "
        );
        assert_eq!(
            ready(&mut node, other),
            ">3 $7 message $2 ab $1 x >3 $8 smessage $2 ab $1 z "
        );
        assert_eq!(node.clients.take_to_wake(1), [one]);
        assert_eq!(node.clients.take_to_wake(9), [other]);
        node.clients.leave(other);
        assert_eq!(publish(&mut node, Topic::Channel, "ab", b"x"), 2);
    }

    #[test]
    fn whoever_takes_too_little_is_cut_and_nobody_else() {
        let mut node = NodeState::default();
        let limit = "normal 0 0 0 slave 0 0 0 pubsub 100 0 0";
        node.settings.preset("client-output-buffer-limit", limit);
        let slow = enter(&mut node, Protocol::Resp2);
        let subscribed = node.subscriptions.subscribe(slow, Topic::Channel, b"a");
        assert!(subscribed.is_ok());
        // 27 bytes around, and three messages in all.
        let payload = [b'x'; 3];
        for _ in 0..3 {
            assert_eq!(publish(&mut node, Topic::Channel, "a", &payload), 1);
            assert!(node.clients.take_condemned().is_empty());
        }
        let quick = enter(&mut node, Protocol::Resp2);
        let subscribed = node.subscriptions.subscribe(quick, Topic::Channel, b"a");
        assert!(subscribed.is_ok());
        assert_eq!(publish(&mut node, Topic::Channel, "a", &payload), 2);
        // Once, whatever else comes before it has gone.
        publish(&mut node, Topic::Channel, "a", &payload);
        assert_eq!(node.clients.take_condemned(), [slow.id()]);
        assert_eq!(node.stats.output_limit_disconnections, 1);
        // What nobody may take is not even written.
        publish(&mut node, Topic::Channel, "a", &[b'x'; 200]);
        assert_eq!(node.clients.take_condemned(), [quick.id()]);
    }

    #[test]
    fn a_large_message_is_kept_once() {
        let mut node = NodeState::default();
        let clients = [(); 3].map(|()| enter(&mut node, Protocol::Resp2));
        for client in clients {
            let subscribed = node.subscriptions.subscribe(client, Topic::Channel, b"a");
            assert!(subscribed.is_ok());
        }
        let large = vec![b'x'; 1 << 20];
        publish(&mut node, Topic::Channel, "a", b"before");
        publish(&mut node, Topic::Channel, "a", &large);
        publish(&mut node, Topic::Channel, "a", b"after");
        let mut places = Vec::new();
        for client in clients {
            let outbox = &mut node.clients.at(client).outbox;
            let mut all = Vec::new();
            while !outbox.is_empty() {
                let ready = outbox.ready();
                all.extend_from_slice(ready);
                if ready.len() > large.len() {
                    places.push(ready.as_ptr());
                }
                let length = ready.len();
                outbox.wrote(length);
            }
            let text = String::from_utf8_lossy(&all);
            assert!(text.starts_with("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$6\r\nbefore\r\n*3"));
            assert!(text.ends_with("x\r\n*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\nafter\r\n"));
        }
        assert_eq!(places.len(), 3);
        assert!(places.iter().all(|place| *place == places[0]));
    }
}
