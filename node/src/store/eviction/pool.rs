//! The best candidates of past draws, as Redis keeps them: a few draws then come close to knowing the whole keyspace's order.
//! Pure.

use crate::store::key::KeyHash;

/// `EVPOOL_SIZE`.
const POOL: usize = 16;

/// A key that was drawn, by its hash, for its entry may have moved since.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) database: u8,
    pub(super) hash: KeyHash,
    /// The higher, the sooner it goes.
    pub(super) score: u64,
}

/// Candidates, the best last.
#[derive(Debug, Default)]
pub(super) struct Pool {
    candidates: Vec<Candidate>,
}

impl Pool {
    /// Keeps a candidate if it is among the best.
    pub(super) fn offer(&mut self, new: Candidate) {
        let known = |old: &Candidate| old.hash == new.hash && old.database == new.database;
        if self.candidates.iter().any(known) {
            return;
        }
        let at = self.candidates.partition_point(|old| old.score < new.score);
        if self.candidates.len() < POOL {
            self.candidates.insert(at, new);
        } else if at > 0 {
            self.candidates[..at].rotate_left(1);
            self.candidates[at - 1] = new;
        }
    }

    /// Takes the best.
    pub(super) fn take(&mut self) -> Option<Candidate> {
        self.candidates.pop()
    }

    /// Forgets all, for scores mean something else now.
    pub(super) fn clear(&mut self) {
        self.candidates.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{Candidate, POOL, Pool};
    use crate::store::key::KeyHash;

    #[test]
    fn the_pool_keeps_the_highest_scores() {
        let mut pool = Pool::default();
        for number in (0..100_u64).map(|step| step * 37 % 100) {
            for _ in 0..2 {
                pool.offer(Candidate {
                    database: 0,
                    hash: KeyHash(number),
                    score: number,
                });
            }
        }
        let mut scores = Vec::new();
        while let Some(best) = pool.take() {
            scores.push(best.score);
        }
        let expected: Vec<u64> = (0..POOL as u64).map(|step| 99 - step).collect();
        assert_eq!(scores, expected);
    }
}
