//! Nodes that live another life again and again: each of them would cost a version of the document, and every proxy a look at it.
//! Pure. Invariants: the first lives are taken up at once; from then on the pause before the next one grows, up to a bound; who has lived on for long is as any other.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::backoff::Backoff;
use shared::topology::Incarnation;

/// So many lives, each soon after the one before, are taken up without a pause: a node that is started again by somebody who looks for what is wrong with it.
const FREE: u32 = 5;

/// The pause after these, and the longest.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// A life of such length is no sign of trouble.
const CALM_MS: u64 = 120_000;

/// Who has begun another life, and how often.
#[derive(Clone, Debug)]
pub(super) struct Lives<N: Ord>(BTreeMap<N, Turns>);

#[derive(Clone, Debug)]
struct Turns {
    count: u32,
    /// When the last one was taken up.
    taken_ms: u64,
    pause_ms: u64,
    pauses: Backoff,
}

impl<N: Clone + Ord> Lives<N> {
    pub(super) fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Another life of a node is listed from now on. A node draws its life by chance, and so spreads the pauses of several.
    pub(super) fn taken_up(&mut self, node: &N, life: Incarnation, now_ms: u64) {
        let first = || Turns {
            count: 0,
            taken_ms: now_ms,
            pause_ms: 0,
            pauses: Backoff::new(SHORTEST, LONGEST),
        };
        let turns = self.0.entry(node.clone()).or_insert_with(first);
        if now_ms.saturating_sub(turns.taken_ms) >= CALM_MS {
            *turns = first();
        }
        turns.count = turns.count.saturating_add(1);
        turns.taken_ms = now_ms;
        if turns.count >= FREE {
            let pause = turns.pauses.after_failure(life.0);
            turns.pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        }
    }

    /// Whether the next life of a node may be listed now.
    pub(super) fn may_be_taken_up(&self, node: &N, now_ms: u64) -> bool {
        let turns = self.0.get(node);
        turns.is_none_or(|turns| now_ms.saturating_sub(turns.taken_ms) >= turns.pause_ms)
    }

    /// Whether it is one that lives another life again and again.
    pub(super) fn is_restless(&self, node: &N, now_ms: u64) -> bool {
        self.0.get(node).is_some_and(|turns| {
            turns.pause_ms > 0 && now_ms.saturating_sub(turns.taken_ms) < CALM_MS
        })
    }

    /// Forgets whom nobody lists any more.
    pub(super) fn keep(&mut self, is_listed: impl Fn(&N) -> bool) {
        self.0.retain(|node, _| is_listed(node));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The greatest share of a pause that is drawn.
    const DICE: Incarnation = Incarnation(u64::MAX);

    #[test]
    fn the_first_lives_are_taken_up_at_once_and_the_next_after_pauses_that_grow() {
        let mut lives = Lives::new();
        let mut now_ms = 0;
        for _ in 1..FREE {
            lives.taken_up(&1, DICE, now_ms);
            assert!(lives.may_be_taken_up(&1, now_ms) && !lives.is_restless(&1, now_ms));
        }
        let mut before = 0;
        for _ in 0..10 {
            lives.taken_up(&1, DICE, now_ms);
            assert!(lives.is_restless(&1, now_ms));
            let mut pause = 0;
            while !lives.may_be_taken_up(&1, now_ms + pause) {
                pause += 1;
            }
            assert!(
                pause >= before && (999..=30_000).contains(&pause),
                "{pause}"
            );
            before = pause;
            now_ms += pause;
        }
        assert!(before >= 29_999, "{before}");
        assert!(lives.may_be_taken_up(&2, now_ms), "another node");
    }

    #[test]
    fn who_lives_on_is_as_any_other() {
        let mut lives = Lives::new();
        for _ in 0..=FREE {
            lives.taken_up(&1, DICE, 0);
        }
        assert!(lives.is_restless(&1, CALM_MS - 1) && !lives.is_restless(&1, CALM_MS));
        lives.taken_up(&1, DICE, CALM_MS);
        assert!(lives.may_be_taken_up(&1, CALM_MS));
        lives.keep(|node| *node != 1);
        assert!(lives.0.is_empty());
    }
}
