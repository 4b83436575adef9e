//! What the other proxies have told, out of the keys that gossip has brought.
//! Pure. Never: believes a text that it does not understand; what is wrong costs its teller a hearing, and nobody else anything.
//! Invariant: of one proxy one life is heard: the newest that beats.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use chitchat::NodeState;
use protocol::View;
use protocol::controller::Announced;
use shared::topology::{NodeId, ProxyId};

use super::text::{self, ADMIN, LEFT, Outcome, Read, SPARE, Spare};

/// Most proxies that are heard; as many as opinions are kept of.
const MOST_PROXIES: usize = 1_024;

/// Most spares of one proxy that it tells of, or is believed.
pub(super) const MOST_SPARES: usize = 1_024;

/// What the other proxies have told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// The newest view of each. It stays after the proxy is gone, for about a minute, with a heartbeat that stands still.
    pub(crate) views: BTreeMap<ProxyId, View<NodeId>>,
    /// Nodes that want to be used and have said so to other proxies.
    pub(crate) spares: BTreeMap<NodeId, Announced>,
    /// Where the admin listeners of those are that are heard now.
    pub(crate) admins: BTreeMap<ProxyId, SocketAddr>,
    /// Those that have said that they go.
    pub(crate) left: BTreeSet<ProxyId>,
}

/// What is not understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    /// Somebody whose name is none.
    #[error("somebody takes part whose name is no name of a proxy")]
    Name,
    /// More proxies than are heard.
    #[error("more proxies take part than are heard")]
    TooMany,
    /// Another one with our name.
    #[error("another proxy that lives has this proxy's name; give each its own, or none is heard")]
    Twin,
    /// Keys that are no view.
    #[error("proxy {0} tells what is no view of the nodes")]
    View(ProxyId),
    /// A key that is no spare.
    #[error("proxy {0} tells of a spare node what is not understood")]
    Spare(ProxyId),
}

/// A proxy's life as gossip has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life<'a> {
    /// The proxy's name, whatever it is.
    pub(super) name: &'a str,
    /// Which of its lives: greater is newer.
    pub(super) generation: u64,
    /// Whether it beats, as far as gossip knows.
    pub(super) beats: bool,
    /// Its keys.
    pub(super) state: &'a NodeState,
}

impl Life<'_> {
    fn has_left(&self) -> bool {
        self.state.contains_key(LEFT)
    }

    /// One that has said goodbye gives way to any other; then one that beats is believed, and the newest.
    fn rank(&self) -> (bool, bool, u64) {
        (!self.has_left(), self.beats, self.generation)
    }
}

/// Reads what is told, and remembers what it has read, so that what stays is not read again.
#[derive(Debug, Default)]
pub(super) struct Reader {
    last: BTreeMap<ProxyId, (u64, Read)>,
}

impl Reader {
    /// What all `lives` tell but those of `me`, whose life is `generation`; and one of the problems, if there are any.
    pub(super) fn read<'a>(
        &mut self,
        me: (&ProxyId, u64),
        lives: impl Iterator<Item = Life<'a>>,
    ) -> (Heard, Option<Problem>) {
        let (chosen, mut problem) = choose(me, lives);
        let mut heard = Heard::default();
        let mut newest: BTreeMap<NodeId, Spare> = BTreeMap::new();
        let mut last = BTreeMap::new();
        for (proxy, life) in chosen {
            if life.has_left() {
                heard.left.insert(proxy);
                continue;
            }
            let admin = life.state.get(ADMIN).and_then(|text| text.parse().ok());
            if let Some(admin) = admin.filter(|_| life.beats) {
                heard.admins.insert(proxy.clone(), admin);
            }
            let before = self.last.get(&proxy);
            // Another life may have the same words for something else.
            let before = before.filter(|(generation, _)| *generation == life.generation);
            match text::read(|key| life.state.get(key), before.map(|(_, read)| read)) {
                Outcome::Whole(read) => {
                    heard.views.insert(proxy.clone(), read.view.clone());
                    last.insert(proxy.clone(), (life.generation, read));
                }
                // What was whole stays so until the next is.
                Outcome::NotYet => {
                    if let Some((generation, read)) = before {
                        heard.views.insert(proxy.clone(), read.view.clone());
                        last.insert(proxy.clone(), (*generation, read.clone()));
                    }
                }
                Outcome::Nonsense => problem = Some(Problem::View(proxy.clone())),
            }
            if !take_spares(&life, &mut newest) {
                problem = Some(Problem::Spare(proxy));
            }
        }
        self.last = last;
        let spares = newest.into_iter();
        heard.spares = spares
            .map(|(node, spare)| (node, spare.announced))
            .collect();
        (heard, problem)
    }
}

/// The life that is heard of each proxy.
fn choose<'a>(
    (me, generation): (&ProxyId, u64),
    lives: impl Iterator<Item = Life<'a>>,
) -> (BTreeMap<ProxyId, Life<'a>>, Option<Problem>) {
    let mut chosen: BTreeMap<ProxyId, Life<'a>> = BTreeMap::new();
    let mut problem = None;
    for life in lives {
        let Ok(proxy) = life.name.parse::<ProxyId>() else {
            problem = Some(Problem::Name);
            continue;
        };
        if proxy == *me {
            // Those before this one are ours.
            if life.beats && life.generation > generation {
                problem = Some(Problem::Twin);
            }
            continue;
        }
        if chosen.len() >= MOST_PROXIES && !chosen.contains_key(&proxy) {
            problem = Some(Problem::TooMany);
            continue;
        }
        let best = chosen.entry(proxy).or_insert(life);
        if life.rank() > best.rank() {
            *best = life;
        }
    }
    (chosen, problem)
}

/// Adds the spares that a proxy tells of, the newer word about each; whether all were understood.
fn take_spares(life: &Life<'_>, newest: &mut BTreeMap<NodeId, Spare>) -> bool {
    let mut understood = true;
    let told = life.state.iter_prefix(SPARE).take(MOST_SPARES + 1);
    for (number, (key, value)) in told.enumerate() {
        let name = key.strip_prefix(SPARE).and_then(|name| name.parse().ok());
        let spare = name.zip(text::read_spare(&value.value));
        let (Some((node, spare)), true) = (spare, number < MOST_SPARES) else {
            understood = false;
            continue;
        };
        let is_newer = newest
            .get(&node)
            .is_none_or(|known| known.since_ms < spare.since_ms);
        if is_newer {
            newest.insert(node, spare);
        }
    }
    understood
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gossip::text::{HEAD, YES, part_key};

    fn state(texts: &[(&str, &str)]) -> NodeState {
        let mut state = NodeState::for_test();
        for (key, text) in texts {
            state.set(*key, *text);
        }
        state
    }

    fn life<'a>(name: &'a str, generation: u64, beats: bool, state: &'a NodeState) -> Life<'a> {
        Life {
            name,
            generation,
            beats,
            state,
        }
    }

    fn read(lives: &[Life<'_>]) -> (Heard, Option<Problem>) {
        let me: ProxyId = "me".parse().unwrap();
        Reader::default().read((&me, 10), lives.iter().copied())
    }

    fn beats_of(heard: &Heard) -> Vec<(&str, u64)> {
        let views = heard.views.iter();
        views
            .map(|(proxy, view)| (proxy.as_str(), view.heartbeat))
            .collect()
    }

    #[test]
    fn of_one_proxy_the_newest_life_that_beats_is_heard() {
        let [old, new, next] = ["1 0 0", "2 0 0", "3 0 0"].map(|head| state(&[(HEAD, head)]));
        let (heard, problem) = read(&[life("a", 1, true, &old), life("a", 2, true, &new)]);
        assert_eq!((beats_of(&heard), problem), (vec![("a", 2)], None));
        // Its clock was set back before it started again.
        let lives = [
            life("a", 1, true, &old),
            life("a", 2, false, &new),
            life("b", 1, false, &next),
        ];
        assert_eq!(beats_of(&read(&lives).0), [("a", 1), ("b", 3)]);
    }

    #[test]
    fn who_has_left_is_told_apart_and_may_come_back() {
        let gone = state(&[(HEAD, "1 0 0"), (LEFT, YES)]);
        let back = state(&[(HEAD, "1 0 0")]);
        let (heard, _) = read(&[life("a", 1, true, &gone)]);
        assert_eq!(heard.left.len(), 1);
        assert!(heard.views.is_empty());
        let (heard, _) = read(&[life("a", 1, true, &gone), life("a", 2, false, &back)]);
        assert!(heard.left.is_empty());
        assert_eq!(beats_of(&heard), [("a", 1)]);
    }

    #[test]
    fn the_newer_word_about_a_spare_counts() {
        let of = |text| state(&[("spare/n1", text)]);
        let [one, other] = [of("old:1 - 5"), of("new:1 z 6")];
        let (heard, problem) = read(&[life("a", 1, true, &other), life("b", 1, true, &one)]);
        assert_eq!(problem, None);
        let spare = heard.spares.values().next().unwrap();
        assert_eq!((spare.address.host(), heard.spares.len()), ("new", 1));
    }

    #[test]
    fn nonsense_costs_nobody_else_anything() {
        let good = state(&[(HEAD, "1 0 0"), ("spare/n1", "h:1 - 5")]);
        let check = |name: &str, texts: &[(&str, &str)], beats: bool, expected: Problem| {
            let bad = state(texts);
            let lives = [life(name, 20, beats, &bad), life("good", 1, true, &good)];
            let (heard, problem) = read(&lives);
            assert_eq!(problem, Some(expected));
            assert_eq!(
                (beats_of(&heard), heard.spares.len()),
                (vec![("good", 1)], 1)
            );
        };
        let bad = || "bad".parse().unwrap();
        check("a b", &[(HEAD, "1 0 0")], true, Problem::Name);
        check(&"x".repeat(60_000), &[], true, Problem::Name);
        check("me", &[(HEAD, "1 0 0")], true, Problem::Twin);
        check("bad", &[(HEAD, "one")], true, Problem::View(bad()));
        check(
            "bad",
            &[(HEAD, "1 1 1"), ("view/5", "\u{0}|")],
            true,
            Problem::View(bad()),
        );
        check(
            "bad",
            &[("spare/a b", "h:1 - 5")],
            true,
            Problem::Spare(bad()),
        );
        check("bad", &[("spare/n2", "h:1 -")], true, Problem::Spare(bad()));
    }

    #[test]
    fn thousands_of_keys_and_of_proxies_are_bounded() {
        let mut many = state(&[(HEAD, "1 0 0")]);
        for number in 0..3_000 {
            many.set(format!("spare/n{number}"), "h:1 - 5");
            many.set(format!("other/{number}"), "x");
        }
        let (heard, problem) = read(&[life("a", 1, true, &many)]);
        assert_eq!(heard.spares.len(), MOST_SPARES);
        assert!(problem.is_some());
        let quiet = state(&[(HEAD, "1 0 0")]);
        let names: Vec<String> = (0..2_000).map(|number| format!("p{number}")).collect();
        let lives: Vec<Life<'_>> = names
            .iter()
            .map(|name| life(name, 1, true, &quiet))
            .collect();
        let (heard, problem) = read(&lives);
        assert_eq!(
            (heard.views.len(), problem),
            (MOST_PROXIES, Some(Problem::TooMany))
        );
    }

    #[test]
    fn what_was_whole_stays_until_the_next_is() {
        let me: ProxyId = "me".parse().unwrap();
        let mut reader = Reader::default();
        let mut a = state(&[(HEAD, "1 0 0")]);
        let mut beats = |a: &NodeState| {
            let (heard, _) = reader.read((&me, 10), [life("a", 1, true, a)].into_iter());
            beats_of(&heard).first().map(|(_, beat)| *beat)
        };
        assert_eq!(beats(&a), Some(1));
        a.set(HEAD, "2 1 77");
        assert_eq!(beats(&a), Some(1));
        a.set(part_key(0), "");
        a.set(HEAD, "3 0 0");
        assert_eq!(beats(&a), Some(3));
    }
}
