//! What has happened at this proxy that people should know of, in the log and kept for those who ask: the one door for both, so that they say the same.
//! Never: on the path of a request; what strangers can provoke comes here by a [`Throttle`](shared::throttle::Throttle), with how many were left out.
//! Bounds: [`MOST_KEPT`] events are kept, the oldest goes; of each [`LONGEST_WORDS`].

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::clock::Clock;

/// Events that are kept: some days of a quiet cache, an evening of a bad one.
pub(crate) const MOST_KEPT: usize = 1_024;

/// Longest words that are kept, in characters; the log has all of them.
const LONGEST_WORDS: usize = 1_000;

/// Of what kind an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A shard has got another primary, or an operator's wish for one was refused.
    Failover,
    /// Who belongs to a shard, and who is in sync in it.
    Membership,
    /// A topology was taken up.
    TopologyTaken,
    /// A topology was not taken up.
    TopologyRefused,
    /// Certificates or users were read again.
    Reloaded,
    /// Certificates or users were not taken.
    ConfigurationRefused,
    /// Clients are sent away, for the proxy ends.
    Drain,
    /// A node does not answer.
    NodeLost,
    /// It does again.
    NodeBack,
    /// The topology's store does not answer.
    StoreAway,
    /// It does again.
    StoreBack,
    /// Something lasts that people should know of.
    ConditionBegan,
    /// It is over.
    ConditionOver,
    /// Clients were closed or turned away at a bound.
    ClientsCut,
    /// Which proxy changes the topology.
    Leadership,
    /// What an operator has asked for.
    Order,
}

impl Kind {
    /// Where machines read it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Failover => "failover",
            Self::Membership => "membership",
            Self::TopologyTaken => "topology_taken",
            Self::TopologyRefused => "topology_refused",
            Self::Reloaded => "reloaded",
            Self::ConfigurationRefused => "configuration_refused",
            Self::Drain => "drain",
            Self::NodeLost => "node_lost",
            Self::NodeBack => "node_back",
            Self::StoreAway => "store_away",
            Self::StoreBack => "store_back",
            Self::ConditionBegan => "condition_began",
            Self::ConditionOver => "condition_over",
            Self::ClientsCut => "clients_cut",
            Self::Leadership => "leadership",
            Self::Order => "order",
        }
    }
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warning,
    /// A person must look.
    Error,
}

impl Weight {
    /// Where machines read it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it is told by `Events::tell`"]
pub(crate) struct News {
    kind: Kind,
    weight: Weight,
    shard: Option<String>,
    node: Option<String>,
    version: Option<u64>,
    left_out: Option<u64>,
    peer: Option<SocketAddr>,
    words: String,
}

impl News {
    fn new(kind: Kind, weight: Weight, words: impl Into<String>) -> Self {
        Self {
            kind,
            weight,
            shard: None,
            node: None,
            version: None,
            left_out: None,
            peer: None,
            words: words.into(),
        }
    }

    /// Worth knowing.
    pub(crate) fn info(kind: Kind, words: impl Into<String>) -> Self {
        Self::new(kind, Weight::Info, words)
    }

    /// Worth a look.
    pub(crate) fn warning(kind: Kind, words: impl Into<String>) -> Self {
        Self::new(kind, Weight::Warning, words)
    }

    /// A person must look.
    pub(crate) fn error(kind: Kind, words: impl Into<String>) -> Self {
        Self::new(kind, Weight::Error, words)
    }

    /// About this shard.
    pub(crate) fn of_shard(mut self, shard: &impl ToString) -> Self {
        self.shard = Some(shard.to_string());
        self
    }

    /// About this node.
    pub(crate) fn of_node(mut self, node: &impl ToString) -> Self {
        self.node = Some(node.to_string());
        self
    }

    /// Of this version of the topology.
    pub(crate) fn at_version(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }

    /// About a client, or an operator, that comes from there.
    pub(crate) fn of_peer(mut self, peer: SocketAddr) -> Self {
        self.peer = Some(peer);
        self
    }

    /// So many of its kind were not told since the last one.
    pub(crate) fn after(mut self, left_out: u64) -> Self {
        self.left_out = Some(left_out);
        self
    }
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Happened {
    /// One more for each; the first is 1.
    pub(crate) number: u64,
    /// Wall-clock milliseconds.
    pub(crate) at_ms: u64,
    /// What was told.
    pub(crate) kind: Kind,
    pub(crate) weight: Weight,
    pub(crate) shard: Option<Arc<str>>,
    pub(crate) node: Option<Arc<str>>,
    pub(crate) version: Option<u64>,
    pub(crate) left_out: Option<u64>,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) words: Arc<str>,
}

/// What is kept.
#[derive(Debug, Default)]
struct Ring {
    last: u64,
    kept: VecDeque<Happened>,
}

/// The door. Cloning gives the same one.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    clock: Clock,
    ring: Arc<Mutex<Ring>>,
}

impl Events {
    /// Nothing has happened.
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            ring: Arc::default(),
        }
    }

    /// Tells the log, and keeps it.
    pub(crate) fn tell(&self, news: News) {
        log(&news);
        let at_ms = self.clock.wall_ms();
        let mut ring = self.ring();
        ring.last += 1;
        if ring.kept.len() >= MOST_KEPT {
            ring.kept.pop_front();
        }
        let happened = Happened {
            number: ring.last,
            at_ms,
            kind: news.kind,
            weight: news.weight,
            shard: news.shard.map(Arc::from),
            node: news.node.map(Arc::from),
            version: news.version,
            left_out: news.left_out,
            peer: news.peer,
            words: cut(&news.words).into(),
        };
        ring.kept.push_back(happened);
    }

    /// The number of the newest; 0 when nothing has happened.
    pub(crate) fn last(&self) -> u64 {
        self.ring().last
    }

    /// The newest `most` of those behind number `after`, oldest first.
    pub(crate) fn since(&self, after: u64, most: usize) -> Vec<Happened> {
        let ring = self.ring();
        let newest = ring.kept.iter().rev().take(most);
        let mut found: Vec<Happened> = newest
            .take_while(|happened| happened.number > after)
            .cloned()
            .collect();
        found.reverse();
        found
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // What a panic could leave half-done of it is one event.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A macro, because the log wants to know at each place how much it matters.
macro_rules! line {
    ($level:ident, $news:expr) => {{
        let News {
            kind,
            shard,
            node,
            version,
            left_out,
            peer,
            words,
            ..
        } = $news;
        let event = kind.word();
        let (shard, node) = (shard.as_deref(), node.as_deref());
        let peer = peer.as_ref().map(tracing::field::display);
        tracing::$level!(event, shard, node, version, peer, left_out, "{words}");
    }};
}

fn log(news: &News) {
    match news.weight {
        Weight::Info => line!(info, news),
        Weight::Warning => line!(warn, news),
        Weight::Error => line!(error, news),
    }
}

fn cut(words: &str) -> &str {
    let end = words.char_indices().nth(LONGEST_WORDS);
    end.map_or(words, |(at, _)| &words[..at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::clock::ManualClock;

    fn events() -> Events {
        Events::new(ManualClock::at(5_000).into())
    }

    #[test]
    fn what_was_told_is_kept_in_order() {
        let events = events();
        assert_eq!(events.last(), 0);
        let lost = News::warning(Kind::NodeLost, "node is taken for gone");
        events.tell(lost.of_shard(&"s1").of_node(&"n2"));
        events.tell(News::info(Kind::NodeBack, "node is heard again").after(3));
        let all = events.since(0, 10);
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].number, all[1].number), (1, 2));
        assert_eq!(all[0].at_ms, 5_000);
        assert_eq!(all[0].node.as_deref(), Some("n2"));
        assert_eq!(all[1].left_out, Some(3));
        assert_eq!(events.since(1, 10), all[1..]);
        assert_eq!(events.since(0, 1), all[1..], "the newest");
        assert_eq!(events.since(2, 10), []);
    }

    #[test]
    fn however_much_happens_what_is_kept_is_bounded() {
        let events = events();
        for _ in 0..MOST_KEPT + 7 {
            let words = "ß".repeat(LONGEST_WORDS + 1);
            events.tell(News::info(Kind::Order, words));
        }
        let all = events.since(0, usize::MAX);
        assert_eq!(all.len(), MOST_KEPT);
        assert_eq!(all[0].number, 8);
        assert_eq!(events.last(), MOST_KEPT as u64 + 7);
        assert!(
            all.iter()
                .all(|it| it.words.chars().count() == LONGEST_WORDS)
        );
    }
}
