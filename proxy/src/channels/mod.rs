//! Channels: to what this thread's clients have subscribed, and what the shards must be told of that.
//! Pure. Invariants: a client hears nothing of a name before it is told that it has subscribed; it is told when every shard that can be reached knows.
//!
//! ```text
//!  SUBSCRIBE ─► subscriptions (pending) ─► relay of each shard ── SUBSCRIBE, NODE LISTENERS ──► node
//!                    │ confirmed by all relays ◄── PONG ──────────────────────────────────────────┘│
//!  client ◄── reply ─┘                                                                             │
//!  clients ◄── outlets, some at a time ◄── subscribers by name ◄── message ────────────────────────┘
//! ```
//!
//! - [`relay`]: what one shard has been told, and what it has confirmed. [`push`]: what it says.
//!
//! Each thread subscribes once to each name that any of its clients has subscribed to, and says for how many, so that nodes count clients and not proxies. A channel is
//! subscribed to at every shard: a message goes to one of them alone, that of the channel's slot or, within a transaction or a script, that of its keys. A shard
//! channel is subscribed to at the shard of its slot.

pub(crate) mod push;
pub(crate) mod relay;

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use shared::pubsub::{
    Forgotten, SubscribeError, Subscribers, Subscriptions, Topic, subscription_bytes,
};

use self::relay::{Relay, Target};
use crate::slab::Key;
use crate::topology::Snapshot;

/// What the names of a thread may take together at a node, bytes: a little less than a node lets one client take.
const MOST_NAME_BYTES: usize = 120 << 20;

/// Most different patterns of all threads: half of what a node takes from everybody.
const MOST_PATTERNS: usize = 16 * 1024;

/// What one can subscribe to.
type Name = (Topic, Rc<[u8]>);

/// All that a thread knows of channels.
#[derive(Debug)]
pub(crate) struct Channels {
    subscriptions: Subscriptions<Key>,
    /// Names to which a client has subscribed, and of which it has not been told yet that it has.
    pending: BTreeMap<Key, Vec<Name>>,
    /// By shard.
    relays: Vec<Relay>,
    /// Changes are numbered.
    last_change: u64,
    /// Clients that wait until a change is confirmed, by its number.
    waiting: VecDeque<(u64, Key)>,
    /// What all different names take at a node.
    name_bytes: usize,
    /// Most different patterns: a node has a bound for those of all.
    most_patterns: usize,
    /// Clients that have got a message, and are to be written to.
    due: VecDeque<Key>,
    /// Relays have to be told something, or somebody may go on.
    has_news: bool,
}

/// Why a client did not subscribe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotSubscribed {
    /// A bound of its own.
    #[error(transparent)]
    Own(#[from] SubscribeError),
    /// A bound of all clients of the thread.
    #[error(
        "too many different channels and patterns are subscribed to through this proxy (those of one thread take {MOST_NAME_BYTES} bytes)"
    )]
    TooManyNames,
    /// The same, of patterns.
    #[error(
        "too many different patterns are subscribed to through this proxy; every message is compared with each of them"
    )]
    TooManyPatterns,
}

impl Channels {
    /// Of one of so many threads; nobody has subscribed to anything.
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            subscriptions: Subscriptions::default(),
            pending: BTreeMap::new(),
            relays: Vec::new(),
            last_change: 0,
            waiting: VecDeque::new(),
            name_bytes: 0,
            most_patterns: MOST_PATTERNS / threads.max(1),
            due: VecDeque::new(),
            has_news: false,
        }
    }

    /// Follows the topology: there are so many shards, and these are their primaries.
    pub(crate) fn follow(&mut self, targets: Vec<Target>) {
        self.relays.resize_with(targets.len(), Relay::default);
        for (relay, target) in self.relays.iter_mut().zip(targets) {
            relay.follow(target);
        }
        self.has_news = true;
    }

    /// Whether anybody has subscribed to anything, or is about to.
    pub(crate) fn are_wanted(&self) -> bool {
        !self.subscriptions.is_empty()
    }

    /// The relay of a shard; `None` when there is no such shard any more.
    pub(crate) fn relay(&mut self, shard: usize) -> Option<&mut Relay> {
        self.relays.get_mut(shard)
    }

    /// All relays.
    pub(crate) fn relays(&mut self) -> impl Iterator<Item = &mut Relay> {
        self.relays.iter_mut()
    }

    /// A client subscribes; whether it had not before. It hears nothing of the name until [`Self::confirm`].
    ///
    /// # Errors
    /// A bound is reached.
    pub(crate) fn subscribe(
        &mut self,
        client: Key,
        topic: Topic,
        name: &[u8],
    ) -> Result<bool, NotSubscribed> {
        let before = self.subscriptions.counts(client);
        let is_known = self.subscriptions.subscribers(topic, name).is_some();
        let bytes = subscription_bytes(topic, name);
        if !is_known && self.name_bytes + bytes > MOST_NAME_BYTES {
            return Err(NotSubscribed::TooManyNames);
        }
        let patterns = self.subscriptions.count(Topic::Pattern);
        if !is_known && topic == Topic::Pattern && patterns >= self.most_patterns {
            return Err(NotSubscribed::TooManyPatterns);
        }
        let is_new = self.subscriptions.subscribe(client, topic, name)? != before;
        if is_new {
            let name: Rc<[u8]> = name.into();
            self.name_bytes += if is_known { 0 } else { bytes };
            self.pending
                .entry(client)
                .or_default()
                .push((topic, Rc::clone(&name)));
            self.changed(topic, &name);
        }
        Ok(is_new)
    }

    /// A client unsubscribes; whether it had subscribed.
    pub(crate) fn unsubscribe(&mut self, client: Key, topic: Topic, name: &[u8]) -> bool {
        let before = self.subscriptions.counts(client);
        let is_changed = self.subscriptions.unsubscribe(client, topic, name) != before;
        if is_changed {
            let is_last = self.subscriptions.subscribers(topic, name).is_none();
            self.forgotten(topic, &name.into(), is_last);
        }
        is_changed
    }

    /// The first of the names to which a client has subscribed.
    pub(crate) fn first_of(&self, client: Key, topic: Topic) -> Option<Rc<[u8]>> {
        self.subscriptions.first_of(client, topic)
    }

    /// All that a client has subscribed to, and whether it is a pattern.
    pub(crate) fn heard_by(&self, client: Key) -> impl Iterator<Item = (&[u8], bool)> {
        self.subscriptions.heard_by(client)
    }

    /// The client is told now that it has subscribed.
    pub(crate) fn confirm(&mut self, client: Key) {
        self.pending.remove(&client);
    }

    /// The client has gone.
    pub(crate) fn leave(&mut self, client: Key) {
        self.pending.remove(&client);
        let mut forgotten = Vec::new();
        self.subscriptions.leave(client, |one| forgotten.push(one));
        self.forget(forgotten);
    }

    /// Forgets some of what clients that have gone had subscribed to.
    pub(crate) fn forget_some(&mut self) {
        if self.subscriptions.has_some_to_forget() {
            let mut forgotten = Vec::new();
            self.subscriptions.forget_some(|one| forgotten.push(one));
            self.forget(forgotten);
        }
    }

    fn forget(&mut self, names: Vec<Forgotten>) {
        for one in names {
            self.forgotten(one.topic, &one.name, one.is_last);
        }
    }

    /// A name has a subscriber less.
    fn forgotten(&mut self, topic: Topic, name: &Rc<[u8]>, is_last: bool) {
        if is_last {
            self.name_bytes -= subscription_bytes(topic, name);
        }
        self.changed(topic, name);
    }

    fn changed(&mut self, topic: Topic, name: &Rc<[u8]>) {
        self.last_change += 1;
        for relay in &mut self.relays {
            relay.changed(self.last_change, topic, name);
        }
        self.has_news = true;
    }

    /// The client waits until all that has changed so far is confirmed.
    pub(crate) fn wait(&mut self, client: Key) {
        self.waiting.push_back((self.last_change, client));
        self.has_news = true;
    }

    /// Clients that need not wait any longer.
    pub(crate) fn take_confirmed(&mut self) -> Vec<Key> {
        let confirmed = self.relays.iter().filter_map(Relay::holds_up_behind).min();
        let confirmed = confirmed.unwrap_or(u64::MAX);
        let count = self
            .waiting
            .iter()
            .take_while(|(number, _)| *number <= confirmed)
            .count();
        self.waiting.drain(..count).map(|(_, key)| key).collect()
    }

    /// Whether there is something to tell, once.
    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    /// Whether there is something to tell.
    pub(crate) fn has_news(&self) -> bool {
        self.has_news
    }

    /// A relay has come, gone or confirmed something.
    pub(crate) fn note_progress(&mut self) {
        self.has_news = true;
    }

    /// Appends what the shard is to be told next; whether there was anything.
    pub(crate) fn next_words(
        &mut self,
        shard: usize,
        snapshot: &Snapshot,
        now_ms: u64,
        out: &mut Vec<u8>,
    ) -> bool {
        let subscriptions = &self.subscriptions;
        let wanted = |topic: Topic, name: &[u8]| {
            let is_here = topic != Topic::ShardChannel
                || snapshot.is_one_shard()
                || snapshot.owner(snapshot.slot_of_channel(name)).as_usize() == shard;
            let subscribers = subscriptions.subscribers(topic, name).filter(|_| is_here);
            subscribers.map_or(0, |all| u32::try_from(all.len()).unwrap_or(u32::MAX))
        };
        let last_change = self.last_change;
        let Some(relay) = self.relays.get_mut(shard) else {
            return false;
        };
        relay.next_words(subscriptions, last_change, wanted, now_ms, out)
    }

    /// Who has subscribed to this very name.
    pub(crate) fn subscribers(&self, topic: Topic, name: &[u8]) -> Option<&Subscribers<Key>> {
        self.subscriptions.subscribers(topic, name)
    }

    /// Whether a client has not been told yet that it has subscribed to this.
    #[inline]
    pub(crate) fn is_pending(&self, client: Key, topic: Topic, name: &[u8]) -> bool {
        !self.pending.is_empty()
            && self.pending.get(&client).is_some_and(|names| {
                names
                    .iter()
                    .any(|(of, known)| *of == topic && **known == *name)
            })
    }

    /// Clients that have got a message.
    pub(crate) fn due(&mut self) -> &mut VecDeque<Key> {
        &mut self.due
    }
}

#[cfg(test)]
mod tests;
