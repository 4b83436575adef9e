//! What the live proxies think of the nodes together, and whether anybody may act on it.
//! Pure. Never: gossips, reads a clock, changes the document: what comes out is a verdict, for speed and for restraint; nothing is safe because of it.
//!
//! Rules:
//! - A proxy is live while new heartbeats of it arrive. It is *known* for a good while after that.
//! - A proxy that doubts more than half of the nodes is cut off itself (one that no shard relies on any more counts only while it is there: a copy that is long
//!   gone is no sign of a cut): its view counts neither for nor against anybody. One that knows of others, hears none of
//!   them and sees so decides nothing; one that is alone in the world, or whose nodes are well, decides alone.
//! - A node is down when more than half of the views that count suspect it.
//!   When all views are like that for a while, and see the same, they count: then it is so.
//! - The brake: when more than max(1, 30 % of all nodes) look down at once, nobody acts. Looking down is being doubted by more than half of the views that count,
//!   so that the brake comes before the suspicion; a node that no shard relies on any more (it is in no in-sync set) does not count, or a machine that is
//!   gone for good would hold the brake for ever. It opens when the same nodes have looked down for a while: a machine that is gone takes several nodes along, and
//!   nothing is safe because of the brake.

use std::collections::{BTreeMap, BTreeSet};

use crate::range::{OutOfRange, out_of_range};
use crate::view::View;

/// When opinions count. Times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A proxy whose heartbeat has stood still for so long is not live: 100 to 60,000.
    pub silence_ms: u64,
    /// A proxy that was not heard for so long is not known any more: `silence_ms` to a day.
    pub memory_ms: u64,
    /// How many in a hundred of all nodes may look down at once: 0 to 100. One always may.
    pub most_down_percent: u64,
    /// When the same nodes have looked down for so long it is acted on all the same: 0 to a day.
    pub brake_ms: u64,
}

impl Settings {
    /// What holds when nothing is said.
    pub const DEFAULT: Self = Self {
        silence_ms: 500,
        memory_ms: 60_000,
        most_down_percent: 30,
        brake_ms: 5_000,
    };

    /// What is not within its range; nothing when all is well.
    #[must_use]
    pub fn problems(&self) -> Vec<OutOfRange> {
        out_of_range(&[
            ("silence_ms", self.silence_ms, 100, 60_000),
            ("memory_ms", self.memory_ms, self.silence_ms, 86_400_000),
            ("most_down_percent", self.most_down_percent, 0, 100),
            ("brake_ms", self.brake_ms, 0, 86_400_000),
        ])
    }
}

/// What happens among the proxies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<P, N: Ord> {
    /// The newest view of another proxy, as gossip has it; telling the same again does no harm.
    View(P, View<N>),
    /// A proxy has said that it goes.
    Left(P),
}

/// The nodes by the document.
#[derive(Debug)]
pub struct Nodes<'a, N> {
    /// All of them.
    pub all: &'a BTreeSet<N>,
    /// Those that are in the in-sync set of their shard.
    pub needed: &'a BTreeSet<N>,
}

/// Whom the live proxies hold for down, as far as anybody may act on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict<N: Ord> {
    /// Nodes that are down; nobody unless the standing is sound.
    pub down: BTreeSet<N>,
    /// Whether anybody may act.
    pub standing: Standing,
}

/// Whether anybody may act on what is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Yes.
    Sound,
    /// Too many nodes look down at once: rather the network than they.
    Braked,
    /// No view counts: this proxy is cut off, or all are.
    CutOff,
}

impl<N: Ord> Verdict<N> {
    /// Nobody is down.
    #[must_use]
    pub fn new() -> Self {
        Self {
            down: BTreeSet::new(),
            standing: Standing::Sound,
        }
    }
}

impl<N: Ord> Default for Verdict<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// What the other proxies have said.
#[derive(Clone, Debug)]
pub struct Opinion<P, N: Ord> {
    settings: Settings,
    others: BTreeMap<P, Heard<N>>,
    /// The nodes for which the brake holds, and since when.
    braked: Option<(BTreeSet<N>, u64)>,
}

#[derive(Clone, Debug)]
struct Heard<N: Ord> {
    view: View<N>,
    /// When its heartbeat last changed.
    at_ms: u64,
}

/// Most proxies whose views are kept; beyond it those of new ones are not heard.
const MOST_PROXIES: usize = 1_024;

impl<P: Clone + Ord, N: Clone + Ord> Opinion<P, N> {
    /// No other proxy is known.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            others: BTreeMap::new(),
            braked: None,
        }
    }

    /// Takes note of what another proxy says.
    pub fn step(&mut self, event: Event<P, N>, now_ms: u64) {
        let memory = self.settings.memory_ms;
        self.others
            .retain(|_, heard| now_ms.saturating_sub(heard.at_ms) < memory);
        match event {
            Event::View(proxy, view) => {
                let is_new = self
                    .others
                    .get(&proxy)
                    .is_none_or(|heard| heard.view.heartbeat != view.heartbeat);
                let has_room = self.others.len() < MOST_PROXIES || self.others.contains_key(&proxy);
                if is_new && has_room {
                    let at_ms = now_ms;
                    self.others.insert(proxy, Heard { view, at_ms });
                }
            }
            Event::Left(proxy) => {
                self.others.remove(&proxy);
            }
        }
    }

    /// What the live proxies hold of the nodes, with the own view that is newest.
    #[must_use]
    pub fn verdict(&mut self, own: &View<N>, nodes: &Nodes<'_, N>, now_ms: u64) -> Verdict<N> {
        let is_live =
            |heard: &&Heard<N>| now_ms.saturating_sub(heard.at_ms) < self.settings.silence_ms;
        let live = self.others.values().filter(is_live);
        let live: Vec<View<N>> = live.map(|heard| heard.view.clone()).collect();
        let views: Vec<&View<N>> = live.iter().chain([own]).collect();
        // Alone in the world there is nobody who could see better.
        let is_alone = self.others.is_empty();
        let sees = |view: &&&View<N>| is_alone || !is_blind(view, nodes);
        let counted: Vec<&View<N>> = views.iter().filter(sees).copied().collect();
        let verdict = |standing| Verdict {
            down: BTreeSet::new(),
            standing,
        };
        if counted.is_empty() {
            // All see the same for a while: then it is so.
            if self.brakes(own.doubted.clone(), now_ms) {
                return verdict(Standing::CutOff);
            }
            return Verdict {
                down: by_majority(&views, nodes.all, |view| &view.suspected),
                standing: Standing::Sound,
            };
        }
        let doubted = by_majority(&counted, nodes.needed, |view| &view.doubted);
        let most = nodes.all.len() as u64 * self.settings.most_down_percent / 100;
        let down = by_majority(&counted, nodes.all, |view| &view.suspected);
        if doubted.len() as u64 <= most.max(1) {
            self.braked = None;
        } else if self.brakes(doubted, now_ms) {
            return verdict(Standing::Braked);
        }
        Verdict {
            down,
            standing: Standing::Sound,
        }
    }

    /// Whether nobody is to act because of these, yet.
    fn brakes(&mut self, doubted: BTreeSet<N>, now_ms: u64) -> bool {
        let before = self.braked.take().filter(|(nodes, _)| *nodes == doubted);
        let since_ms = before.map_or(now_ms, |(_, since_ms)| since_ms);
        self.braked = Some((doubted, since_ms));
        now_ms.saturating_sub(since_ms) < self.settings.brake_ms
    }
}

/// It sees most nodes late: what they have in common is this proxy.
fn is_blind<N: Ord>(view: &View<N>, nodes: &Nodes<'_, N>) -> bool {
    let others = nodes.all.difference(nodes.needed);
    let others_there = others.filter(|node| !view.doubted.contains(*node)).count();
    let lost = view.doubted.intersection(nodes.needed).count();
    lost * 2 > nodes.needed.len() + others_there
}

/// The nodes that more than half of the views name.
fn by_majority<N: Clone + Ord>(
    views: &[&View<N>],
    nodes: &BTreeSet<N>,
    named: impl Fn(&View<N>) -> &BTreeSet<N>,
) -> BTreeSet<N> {
    let is_named = |node: &&N| {
        let count = views.iter().filter(|view| named(view).contains(*node));
        count.count() * 2 > views.len()
    };
    nodes.iter().filter(is_named).cloned().collect()
}

#[cfg(test)]
mod tests;
