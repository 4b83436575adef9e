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

/// Tags in a chunk of the memory of keys that went: 32 KiB, the step in which it grows.
const CHUNK: usize = 1 << 14;

/// Keys that must go before it grows by another chunk: they free more than it takes, so that memory does not rise while room is made.
const KEYS_PER_GROWTH: usize = 1 << 11;

/// Chunks at most: with 67 million keys that went, older ones are forgotten sooner than the paper says. 128 MiB.
const MOST_CHUNKS: usize = 1 << 12;

/// Tags of keys that were evicted from the small queue, each at its hash's place; a newer one takes the place of an older. There are as many places as there are keys in the store (the paper's length of the ghost queue).
#[derive(Debug, Default)]
pub(super) struct Ghosts {
    /// Grown by linear hashing: a new chunk begins as a copy of the one whose places it shares.
    chunks: Vec<Box<[u16]>>,
    /// Keys remembered since it grew.
    since_growth: usize,
}

fn tag(hash: KeyHash) -> u16 {
    let [low, high, ..] = hash.0.to_le_bytes();
    u16::from_le_bytes([low, high]) | 1
}

impl Ghosts {
    /// Remembers a key; the store has `keys` others.
    pub(super) fn remember(&mut self, hash: KeyHash, keys: usize) {
        self.fit(keys.div_ceil(CHUNK).clamp(1, MOST_CHUNKS));
        if let Some(place) = self.place(hash) {
            *place = tag(hash);
        }
    }

    /// Whether a key that is added now was evicted not long ago; it is forgotten then.
    pub(super) fn recall(&mut self, hash: KeyHash) -> bool {
        let Some(place) = self.place(hash) else {
            return false;
        };
        let is_known = *place == tag(hash);
        if is_known {
            *place = 0;
        }
        is_known
    }

    /// Grows or shrinks towards so many chunks, by one at a time.
    fn fit(&mut self, wanted: usize) {
        let count = self.chunks.len();
        self.since_growth += 1;
        if count == 0 {
            self.chunks.push(vec![0; CHUNK].into_boxed_slice());
        } else if count < wanted && self.since_growth >= KEYS_PER_GROWTH {
            self.since_growth = 0;
            let shared = count - (1 << count.ilog2());
            self.chunks.push(self.chunks[shared].clone());
        } else if count > wanted + 1 {
            self.chunks.pop();
        }
    }

    fn place(&mut self, hash: KeyHash) -> Option<&mut u16> {
        let count = self.chunks.len();
        let mask = count.next_power_of_two() - 1;
        let bits = usize::try_from(hash.0 >> 16).unwrap_or(0);
        let wide = (bits / CHUNK) & mask;
        let chunk = if wide < count {
            wide
        } else {
            wide & (mask >> 1)
        };
        self.chunks.get_mut(chunk)?.get_mut(bits % CHUNK)
    }

    /// Bytes taken.
    pub(super) fn bytes(&self) -> usize {
        self.chunks.len() * CHUNK * size_of::<u16>()
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
    use crate::store::hash::splitmix;
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
        ghosts.remember(KeyHash(77), 1000);
        assert!(ghosts.recall(KeyHash(77)));
        assert!(!ghosts.recall(KeyHash(77)));
    }

    #[test]
    fn as_many_keys_are_remembered_as_there_are() {
        let mut chance = 3;
        let mut ghosts = Ghosts::default();
        let hashes: Vec<KeyHash> = (0..600_000)
            .map(|_| KeyHash(splitmix(&mut chance)))
            .collect();
        for &hash in &hashes {
            ghosts.remember(hash, 1_000_000);
        }
        assert_eq!(ghosts.bytes(), 62 << 15);
        let known = hashes.iter().filter(|&&hash| ghosts.recall(hash)).count();
        assert!(known > 400_000, "{known}");
        // Few keys, few ghosts.
        for &hash in &hashes[..100] {
            ghosts.remember(hash, 1000);
        }
        assert!(ghosts.bytes() <= 256 << 10);
        // What was remembered before it grew is still known, but for the places that others took.
        for &hash in &hashes[..10_000] {
            ghosts.remember(hash, 1000);
        }
        for &hash in &hashes[500_000..506_200] {
            ghosts.remember(hash, 5_000_000);
        }
        assert_eq!(ghosts.bytes(), 6 << 15);
        let known = hashes[..10_000].iter().filter(|&&hash| ghosts.recall(hash));
        assert!(known.count() > 6_500);
    }
}
