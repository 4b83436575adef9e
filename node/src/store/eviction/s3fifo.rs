//! `allkeys-s3fifo`: a small queue for new keys, a main one for those that were used there, and a memory of keys that went (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023).
//! Pure.
//!
//! There are no queues here: each entry's mark says in which it is, how old it is there, and how often it was used (see `queue_mark`); the oldest of a draw stands for a queue's end, and the draw's shares for the queues' lengths. So the order within a queue is approximate; what the policy decides by it is the paper's.

use super::Ticks;
use super::queue_mark::{is_main, uses};
use crate::store::key::KeyHash;

/// The small queue's share of all keys: one in ten.
const SMALL_SHARE: usize = 10;

/// Entries to draw: enough to meet a small queue of a tenth (missed once in 30 times, which the next draw makes good).
pub(super) const SAMPLES: u32 = 32;

/// A key used more than once in the small queue goes to the main one.
const USES_TO_STAY: u16 = 2;

/// Keys that are remembered after they went: half a MiB.
const GHOSTS: usize = 1 << 18;

/// Tags of keys that were evicted from the small queue, each at its hash's place; a newer one takes the place of an older.
#[derive(Debug, Default)]
pub(super) struct Ghosts {
    tags: Vec<u16>,
}

fn place_and_tag(hash: KeyHash) -> (usize, u16) {
    let [tag_low, tag_high, ..] = hash.0.to_le_bytes();
    let place = usize::try_from(hash.0 >> 16).unwrap_or(0) % GHOSTS;
    (place, u16::from_le_bytes([tag_low, tag_high]) | 1)
}

impl Ghosts {
    /// Remembers a key.
    pub(super) fn remember(&mut self, hash: KeyHash) {
        if self.tags.is_empty() {
            self.tags = vec![0; GHOSTS];
        }
        let (place, tag) = place_and_tag(hash);
        self.tags[place] = tag;
    }

    /// Whether a key that is added now was evicted not long ago; it is forgotten then.
    pub(super) fn recall(&mut self, hash: KeyHash) -> bool {
        let (place, tag) = place_and_tag(hash);
        match self.tags.get_mut(place) {
            Some(kept) if *kept == tag => {
                *kept = 0;
                true
            }
            _ => false,
        }
    }

    /// Bytes taken.
    pub(super) fn bytes(&self) -> usize {
        self.tags.capacity() * size_of::<u16>()
    }
}

/// What becomes of the entry at a queue's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes, and is remembered.
    EvictSmall,
    /// It goes.
    EvictMain,
    /// It goes on with this mark, at the main queue's beginning.
    Keep(u16),
}

/// Which of the drawn marks is at the end of the queue that is too long.
pub(super) fn choose(marks: &[u16], ticks: Ticks) -> Option<usize> {
    let small = marks.iter().filter(|&&mark| !is_main(mark)).count();
    let from_main = small * SMALL_SHARE < marks.len();
    let of_queue = |&at: &usize| is_main(marks[at]) == from_main;
    (0..marks.len())
        .filter(of_queue)
        .max_by_key(|&at| ticks.age(marks[at]))
}

/// What becomes of it.
pub(super) fn judge(mark: u16, ticks: Ticks) -> Verdict {
    if !is_main(mark) {
        return if uses(mark) >= USES_TO_STAY {
            Verdict::Keep(ticks.mark(true))
        } else {
            Verdict::EvictSmall
        };
    }
    match uses(mark) {
        0 => Verdict::EvictMain,
        left => Verdict::Keep(ticks.mark(true) | (left - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Ghosts, Verdict, choose, judge};
    use crate::store::eviction::{Ticks, queue_mark};
    use crate::store::key::KeyHash;

    #[test]
    fn keys_used_twice_stay_and_others_go_and_are_remembered() {
        let ticks = Ticks::default();
        let once = queue_mark::used(ticks.mark(false));
        let twice = queue_mark::used(once);
        assert_eq!(judge(once, ticks), Verdict::EvictSmall);
        assert_eq!(judge(twice, ticks), Verdict::Keep(ticks.mark(true)));
        assert_eq!(judge(ticks.mark(true), ticks), Verdict::EvictMain);
        assert_eq!(
            judge(queue_mark::used(ticks.mark(true)), ticks),
            Verdict::Keep(ticks.mark(true))
        );
        assert_eq!(choose(&[once, ticks.mark(true)], ticks), Some(0));
        assert_eq!(choose(&[ticks.mark(true)], ticks), Some(0));

        let mut ghosts = Ghosts::default();
        assert!(!ghosts.recall(KeyHash(77)));
        ghosts.remember(KeyHash(77));
        assert!(ghosts.recall(KeyHash(77)));
        assert!(!ghosts.recall(KeyHash(77)));
    }
}
