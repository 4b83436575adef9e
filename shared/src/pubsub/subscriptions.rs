//! Who has subscribed to which channels, shard channels and patterns: by name for who publishes, by client for who unsubscribes or goes.
//! Pure. Never: sends anything. Invariants: whoever is told by name is told by client, and the other way round; a name that nobody
//! has subscribed to is not there.
//! Bounds: what a client's subscriptions take together ([`MOST_CLIENT_BYTES`]), patterns of the node ([`MOST_PATTERNS`]), for each message may be compared with
//! each of them, and the length of one ([`crate::glob::LONGEST_PATTERN_BYTES`]). Who goes with very many leaves them to be forgotten some at a time.

use super::counts::SubscriptionCounts;
use super::matching::Matches;
use crate::glob::{Glob, GlobError};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::rc::Rc;

/// What the subscriptions of one client may take, bytes: a million short names. Redis has no bound.
pub(super) const MOST_CLIENT_BYTES: usize = 128 << 20;
/// Patterns in one place, each once: comparing a message with all of them takes a millisecond where none needs more than a look at its beginning. Redis has no bound.
pub(super) const MOST_PATTERNS: usize = 32 * 1024;
/// What a subscription takes beside its name: its places in two trees, and the name's own head.
const SUBSCRIPTION_BYTES: usize = 96;
/// What a pattern takes per byte, read and ready to be compared with.
const READ_PATTERN_BYTES: usize = 9;
/// Subscriptions that are forgotten at once when their client goes.
const FORGOTTEN_AT_ONCE: usize = 1_024;

/// To what one subscribes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// A channel, by its name.
    Channel,
    /// All channels whose names match.
    Pattern,
    /// A channel that belongs to a shard.
    ShardChannel,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Channel, Self::Pattern, Self::ShardChannel];

    /// As a relay names it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Channel => "CHANNEL",
            Self::Pattern => "PATTERN",
            Self::ShardChannel => "SHARDCHANNEL",
        }
    }
}

/// A name to which somebody had subscribed who has gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// What it is.
    pub topic: Topic,
    /// It.
    pub name: Rc<[u8]>,
    /// Nobody has subscribed to it any more.
    pub is_last: bool,
}

/// Why a client did not subscribe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// What its subscriptions take would be more than [`MOST_CLIENT_BYTES`].
    #[error(
        "too many subscriptions of one client (they take {MOST_CLIENT_BYTES} bytes); use another connection for some"
    )]
    TooMany,
    /// There are [`MOST_PATTERNS`].
    #[error(
        "too many patterns are subscribed to ({MOST_PATTERNS}); every message is compared with each of them"
    )]
    TooManyPatterns,
    /// It is too long.
    #[error(transparent)]
    Pattern(#[from] GlobError),
}

/// Who has subscribed to one name.
#[derive(Debug)]
pub enum Subscribers<K> {
    /// Nearly always there is one.
    One(K),
    /// Or there are more.
    Many(BTreeSet<K>),
}

impl<K: Copy + Ord> Subscribers<K> {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(clients) => clients.len(),
        }
    }

    /// Whether nobody has: never, while the name is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = K> {
        let (one, many) = match self {
            Self::One(client) => (Some(*client), None),
            Self::Many(clients) => (None, Some(clients.iter().copied())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    pub(crate) fn add(&mut self, client: K) {
        match self {
            Self::One(first) => *self = Self::Many(BTreeSet::from([*first, client])),
            Self::Many(clients) => {
                clients.insert(client);
            }
        }
    }

    /// Whether nobody is left.
    pub(crate) fn remove(&mut self, client: K) -> bool {
        match self {
            Self::One(one) => *one == client,
            Self::Many(clients) => {
                clients.remove(&client);
                clients.is_empty()
            }
        }
    }
}

/// A name that somebody has subscribed to.
#[derive(Debug)]
pub(super) struct Named<K> {
    /// Of a pattern.
    pub(super) glob: Option<Box<Glob>>,
    pub(super) subscribers: Subscribers<K>,
}

/// For how many a relay has subscribed to each name.
type ListenerCounts = BTreeMap<Rc<[u8]>, u32>;

/// What one client has subscribed to.
#[derive(Debug, Default)]
struct OfClient {
    names: [BTreeSet<Rc<[u8]>>; 3],
    bytes: usize,
    /// Of a relay: for how many it stands, where that is not one.
    stands_for: Option<Box<[ListenerCounts; 3]>>,
}

impl OfClient {
    fn counts(&self) -> SubscriptionCounts {
        let [channels, patterns, shard_channels] = &self.names;
        SubscriptionCounts {
            channels: channels.len(),
            patterns: patterns.len(),
            shard_channels: shard_channels.len(),
            bytes: self.bytes,
        }
    }

    fn listeners(&self, topic: Topic, name: &[u8]) -> usize {
        let said = self.stands_for.as_ref();
        let said = said.and_then(|said| said[topic as usize].get(name));
        said.map_or(1, |said| *said as usize)
    }
}

/// All subscriptions.
#[derive(Debug)]
pub struct Subscriptions<K> {
    names: [BTreeMap<Rc<[u8]>, Named<K>>; 3],
    by_client: BTreeMap<K, OfClient>,
    /// Some client has been a relay: it has said for how many others it has subscribed.
    has_relays: bool,
    /// Clients that have gone, and what of theirs is still to be forgotten.
    gone: VecDeque<(K, OfClient)>,
}

/// What a subscription takes, bytes.
#[must_use]
pub fn subscription_bytes(topic: Topic, name: &[u8]) -> usize {
    let read_bytes = match topic {
        Topic::Pattern => name.len() * READ_PATTERN_BYTES,
        Topic::Channel | Topic::ShardChannel => 0,
    };
    SUBSCRIPTION_BYTES + name.len() + read_bytes
}

impl<K> Default for Subscriptions<K> {
    fn default() -> Self {
        Self {
            names: Default::default(),
            by_client: BTreeMap::new(),
            has_relays: false,
            gone: VecDeque::new(),
        }
    }
}

impl<K: Copy + Ord> Subscriptions<K> {
    /// Whether nobody has subscribed to anything, so that whatever is published reaches nobody.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_client.is_empty()
    }

    /// A client subscribes; how many subscriptions it has then. Who has already subscribed stays so.
    ///
    /// # Errors
    /// One of the bounds is reached.
    pub fn subscribe(
        &mut self,
        client: K,
        topic: Topic,
        name: &[u8],
    ) -> Result<SubscriptionCounts, SubscribeError> {
        let known = self.by_client.get(&client);
        if let Some(known) = known.filter(|known| known.names[topic as usize].contains(name)) {
            return Ok(known.counts());
        }
        let bytes = known.map_or(0, |known| known.bytes) + subscription_bytes(topic, name);
        if bytes > MOST_CLIENT_BYTES {
            return Err(SubscribeError::TooMany);
        }
        let name = self.enter(client, topic, name)?;
        let own = self.by_client.entry(client).or_default();
        own.names[topic as usize].insert(name);
        own.bytes = bytes;
        Ok(own.counts())
    }

    /// Tells the name of its new subscriber.
    fn enter(&mut self, client: K, topic: Topic, name: &[u8]) -> Result<Rc<[u8]>, SubscribeError> {
        let names = &mut self.names[topic as usize];
        if let Some(named) = names.get_mut(name) {
            named.subscribers.add(client);
            let kept = names.get_key_value(name);
            return Ok(kept.map_or_else(|| name.into(), |(kept, _)| Rc::clone(kept)));
        }
        let glob = match topic {
            Topic::Pattern if names.len() >= MOST_PATTERNS => {
                return Err(SubscribeError::TooManyPatterns);
            }
            Topic::Pattern => Some(Box::new(Glob::new(name)?)),
            Topic::Channel | Topic::ShardChannel => None,
        };
        let kept: Rc<[u8]> = name.into();
        let subscribers = Subscribers::One(client);
        names.insert(Rc::clone(&kept), Named { glob, subscribers });
        Ok(kept)
    }

    /// A client unsubscribes, if it had subscribed; how many subscriptions it has then.
    pub fn unsubscribe(&mut self, client: K, topic: Topic, name: &[u8]) -> SubscriptionCounts {
        let Some(own) = self.by_client.get_mut(&client) else {
            return SubscriptionCounts::default();
        };
        if own.names[topic as usize].remove(name) {
            own.bytes -= subscription_bytes(topic, name);
            if let Some(said) = &mut own.stands_for {
                said[topic as usize].remove(name);
            }
            forget(&mut self.names, client, topic, name);
        }
        let counts = own.counts();
        if !counts.are_any() {
            self.by_client.remove(&client);
        }
        counts
    }

    /// A client that has subscribed to a name has done so for so many others, who count in its place; whether it has subscribed.
    pub fn stand_for(&mut self, client: K, topic: Topic, name: &[u8], listeners: u32) -> bool {
        let Some(own) = self.by_client.get_mut(&client) else {
            return false;
        };
        let Some(name) = own.names[topic as usize].get(name) else {
            return false;
        };
        let said = own.stands_for.get_or_insert_default();
        said[topic as usize].insert(Rc::clone(name), listeners);
        self.has_relays = true;
        true
    }

    /// For how many a subscriber of a name stands: itself, unless it is a relay.
    #[inline]
    #[must_use]
    pub fn stands_for(&self, client: K, topic: Topic, name: &[u8]) -> usize {
        match self.by_client.get(&client) {
            Some(own) if self.has_relays => own.listeners(topic, name),
            _ => 1,
        }
    }

    /// How many listen to this very name.
    #[must_use]
    pub fn listeners(&self, topic: Topic, name: &[u8]) -> usize {
        let subscribers = self.subscribers(topic, name);
        subscribers.map_or(0, |all| {
            all.iter()
                .map(|client| self.stands_for(client, topic, name))
                .sum()
        })
    }

    /// To how much a client has subscribed.
    #[must_use]
    pub fn counts(&self, client: K) -> SubscriptionCounts {
        let own = self.by_client.get(&client);
        own.map(OfClient::counts).unwrap_or_default()
    }

    /// The first of the names to which a client has subscribed.
    #[must_use]
    pub fn first_of(&self, client: K, topic: Topic) -> Option<Rc<[u8]>> {
        self.by_client.get(&client)?.names[topic as usize]
            .first()
            .cloned()
    }

    /// All that a client has subscribed to, and whether it is a pattern.
    pub fn heard_by(&self, client: K) -> impl Iterator<Item = (&[u8], bool)> {
        let own = self.by_client.get(&client);
        Topic::ALL.into_iter().flat_map(move |topic| {
            let names = own.map(|own| own.names[topic as usize].iter());
            let names = names.into_iter().flatten();
            names.map(move |name| (&**name, topic == Topic::Pattern))
        })
    }

    /// The client has gone, and gets nothing more. `forgotten` is told of each of its names, by and by.
    pub fn leave(&mut self, client: K, forgotten: impl FnMut(Forgotten)) {
        if let Some(own) = self.by_client.remove(&client) {
            self.gone.push_back((client, own));
            self.forget_some(forgotten);
        }
    }

    /// Forgets some of what clients that have gone had subscribed to, and tells `forgotten` of each; whether there is more.
    pub fn forget_some(&mut self, mut forgotten: impl FnMut(Forgotten)) -> bool {
        let mut left = FORGOTTEN_AT_ONCE;
        while let Some((client, own)) = self.gone.front_mut() {
            let client = *client;
            for topic in Topic::ALL {
                while let Some(name) = own.names[topic as usize].pop_first() {
                    if let Some(said) = &mut own.stands_for {
                        said[topic as usize].remove(&name);
                    }
                    let is_last = forget(&mut self.names, client, topic, &name);
                    forgotten(Forgotten {
                        topic,
                        name,
                        is_last,
                    });
                    left -= 1;
                    if left == 0 {
                        return true;
                    }
                }
            }
            self.gone.pop_front();
        }
        false
    }

    /// Whether somebody has gone whose subscriptions are not all forgotten: until they are they count, and reach nobody.
    #[must_use]
    pub fn has_some_to_forget(&self) -> bool {
        !self.gone.is_empty()
    }

    /// Who has subscribed to this very name.
    #[inline]
    #[must_use]
    pub fn subscribers(&self, topic: Topic, name: &[u8]) -> Option<&Subscribers<K>> {
        let named = self.names[topic as usize].get(name)?;
        Some(&named.subscribers)
    }

    /// Patterns that match a channel, and who has subscribed to them.
    #[must_use]
    pub fn matching<'a>(&'a self, channel: &'a [u8]) -> Matches<'a, K> {
        Matches::new(&self.names[Topic::Pattern as usize], channel)
    }

    /// How many different names somebody has subscribed to.
    #[must_use]
    pub fn count(&self, topic: Topic) -> usize {
        self.names[topic as usize].len()
    }

    /// The names that somebody has subscribed to, in their order, behind this one.
    pub fn names_behind(
        &self,
        topic: Topic,
        last: Option<&[u8]>,
    ) -> impl Iterator<Item = &Rc<[u8]>> {
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        let names = self.names[topic as usize].range::<[u8], _>((from, Bound::Unbounded));
        names.map(|(name, _)| name)
    }
}

/// Tells a name that a client is no subscriber any more; whether it was the last.
fn forget<K: Copy + Ord>(
    names: &mut [BTreeMap<Rc<[u8]>, Named<K>>; 3],
    client: K,
    topic: Topic,
    name: &[u8],
) -> bool {
    let names = &mut names[topic as usize];
    let named = names.get_mut(name);
    let is_last = named.is_some_and(|named| named.subscribers.remove(client));
    if is_last {
        names.remove(name);
    }
    is_last
}
