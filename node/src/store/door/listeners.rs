//! Who wants to hear of which keys: clients that watch, wait for or cache them. What they do then is theirs to know; here it is only told, once per interest.
//! Pure. Invariants: an interest ends when it is told, so no more can be told between two takings than there are interests; there are [`MOST_INTERESTS`] at most.

use crate::store::key::{DbIndex, KeyHash};
use std::collections::BTreeSet;
use std::vec::Drain;

/// Interests at a time: as many keys as Redis' tracking table holds. Some 50 bytes each.
const MOST_INTERESTS: usize = 1 << 20;

/// What an interest takes: itself, and its share of the nodes of the tree.
const INTEREST_BYTES: usize = size_of::<Interest>() * 2;

/// Who wants to hear, by kind, so that nobody is taken for somebody else; `NodeState::hear` deals out to them what is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listener {
    /// The client of this number, which watches the key (WATCH), or that of a proxy whose watch has this name.
    Watcher(u64),
    /// All clients together that wait for the key to have something for them (BLPOP and the like).
    Waiters,
}

impl Listener {
    /// In the order of interests, the one before all others.
    const FIRST: Self = Self::Watcher(0);
    /// The one behind all others.
    const LAST: Self = Self::Waiters;
}

/// Database, hash of the key, listener; in this order, so that a key's and a database's interests lie together.
type Interest = (DbIndex, u64, Listener);

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is there, with another value, expiry or part of a value than before.
    Written,
    /// Somebody removed it, by name, by another name, or with its whole database.
    Deleted,
    /// Its time came.
    Expired,
    /// Its memory was needed.
    Evicted,
}

/// Something happened to a key that somebody listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Who did.
    pub listener: Listener,
    /// Where the key is or was.
    pub db: DbIndex,
    /// Its hash; another key of the same one, if there ever is any, is told as well.
    pub hash: KeyHash,
    /// What became of it.
    pub change: Change,
}

/// There is no room for another interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "too many keys are listened to ({MOST_INTERESTS}); let clients watch, wait for or track fewer"
)]
pub struct TooManyInterests;

/// All interests, and what has to be told.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    interests: BTreeSet<Interest>,
    touched: Vec<Touch>,
}

impl Listeners {
    /// Whether nobody listens.
    pub(super) fn is_empty(&self) -> bool {
        self.interests.is_empty()
    }

    /// A listener wants to hear of the next change of a key.
    pub(super) fn listen(
        &mut self,
        db: DbIndex,
        hash: KeyHash,
        listener: Listener,
    ) -> Result<(), TooManyInterests> {
        // What is told and not yet taken counts as well, so that neither list outgrows the bound.
        if self.interests.len() + self.touched.len() >= MOST_INTERESTS {
            return Err(TooManyInterests);
        }
        self.interests.insert((db, hash.0, listener));
        Ok(())
    }

    /// It no longer wants to.
    pub(super) fn ignore(&mut self, db: DbIndex, hash: KeyHash, listener: Listener) {
        self.interests.remove(&(db, hash.0, listener));
    }

    /// A key changed.
    pub(super) fn touch(&mut self, db: DbIndex, hash: KeyHash, change: Change) {
        let of_key = (db, hash.0, Listener::FIRST)..=(db, hash.0, Listener::LAST);
        while let Some(&interest) = self.interests.range(of_key.clone()).next() {
            self.tell(interest, change);
        }
    }

    /// All keys of a database changed, each as `became` says.
    pub(super) fn touch_all(&mut self, db: DbIndex, became: impl Fn(KeyHash) -> Option<Change>) {
        let of_database = (db, 0, Listener::FIRST)..=(db, u64::MAX, Listener::LAST);
        let interests: Vec<Interest> = self.interests.range(of_database).copied().collect();
        for interest in interests {
            if let Some(change) = became(KeyHash(interest.1)) {
                self.tell(interest, change);
            }
        }
    }

    fn tell(&mut self, interest: Interest, change: Change) {
        self.interests.remove(&interest);
        let (db, hash, listener) = interest;
        self.touched.push(Touch {
            listener,
            db,
            hash: KeyHash(hash),
            change,
        });
    }

    /// What has to be told, in the order in which it happened.
    pub(super) fn take_touched(&mut self) -> Drain<'_, Touch> {
        self.touched.drain(..)
    }

    /// Bytes taken.
    pub(super) fn bytes(&self) -> usize {
        self.interests.len() * INTEREST_BYTES + self.touched.capacity() * size_of::<Touch>()
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, Listener, Listeners, MOST_INTERESTS, TooManyInterests};
    use crate::store::key::{DbIndex, KeyHash};

    #[test]
    fn interests_are_bounded_with_what_is_told_of_them() {
        let mut listeners = Listeners::default();
        for number in 0..MOST_INTERESTS as u64 {
            let listened = listeners.listen(DbIndex(0), KeyHash(number), Listener::Watcher(1));
            assert_eq!(listened, Ok(()));
        }
        let more = |listeners: &mut Listeners| {
            listeners.listen(DbIndex(1), KeyHash(5), Listener::Watcher(1))
        };
        assert_eq!(more(&mut listeners), Err(TooManyInterests));
        listeners.touch(DbIndex(0), KeyHash(7), Change::Written);
        assert_eq!(more(&mut listeners), Err(TooManyInterests));
        assert_eq!(listeners.take_touched().count(), 1);
        assert_eq!(more(&mut listeners), Ok(()));
    }
}
