//! [`Expiries`]: when those fields of a hash end that do: their names by Unix milliseconds, in a sorted set beside the fields.
//! Pure. Invariants: who stands here is a field of the hash; a hash without such fields has none of this.

use super::Leaves;
use crate::store::object::Large;
use crate::store::value::collection::Collection;
use crate::store::value::elements::Position;
use crate::store::value::leaves::Pools;
use crate::store::value::limits::Limits;
use crate::store::value::sorted_set::{AddRule, Bound, SortedSet};
use crate::store::value::texts::Texts;
use crate::store::{StoreFull, StringRef};

/// It has no name that depends on its size.
const LIMITS: Limits = Limits {
    entries: u64::MAX,
    element_bytes: usize::MAX,
    blob_bytes: Limits::MOST_BLOB_BYTES,
};

/// Names and moments; none only while it is copied.
#[derive(Debug)]
pub(super) struct Expiries {
    by_time: SortedSet,
    /// Of the first that ends.
    earliest_ms: u64,
    /// What they take of the leaves.
    leaf_bytes: u64,
}

impl Default for Expiries {
    /// Those of no field.
    fn default() -> Self {
        Self {
            by_time: SortedSet::default(),
            earliest_ms: u64::MAX,
            leaf_bytes: 0,
        }
    }
}

/// A moment as a score: exact, for no moment has more than 48 bits.
fn score(at_ms: u64) -> f64 {
    at_ms as f64
}

#[expect(clippy::cast_possible_truncation, reason = "made of a moment")]
fn moment(score: f64) -> u64 {
    score as u64
}

impl Expiries {
    /// Those of one field.
    pub(super) fn of(leaves: &mut Leaves, field: &[u8], at_ms: u64) -> Result<Self, StoreFull> {
        let mut expiries = Self::default();
        expiries.put(leaves, field, at_ms)?;
        Ok(expiries)
    }

    /// From now on a field ends then.
    pub(super) fn put(
        &mut self,
        leaves: &mut Leaves,
        field: &[u8],
        at_ms: u64,
    ) -> Result<(), StoreFull> {
        let added = self.change(leaves, |by_time, leaves| {
            by_time.add(leaves, score(at_ms), field, AddRule::default(), &LIMITS)
        });
        added?;
        if at_ms <= self.earliest_ms {
            self.earliest_ms = at_ms;
        } else {
            self.note_earliest(leaves);
        }
        Ok(())
    }

    /// From now on it does not; whether it did.
    pub(super) fn remove(&mut self, leaves: &mut Leaves, field: &[u8]) -> bool {
        let removed = self.change(leaves, |by_time, leaves| by_time.remove(leaves, field));
        if removed.is_some() {
            self.note_earliest(leaves);
        }
        removed.is_some()
    }

    /// When a field ends.
    pub(super) fn at(&self, leaves: &Leaves, field: &[u8]) -> Option<u64> {
        self.by_time.view().score(leaves, field).map(moment)
    }

    /// When a field that was shown ends.
    pub(super) fn at_shown(&self, leaves: &Leaves, field: StringRef<'_>) -> Option<u64> {
        match field {
            StringRef::Bytes(field) => self.at(leaves, field),
            StringRef::Integer(number) => {
                let mut digits = itoa::Buffer::new();
                self.at(leaves, digits.format(number).as_bytes())
            }
        }
    }

    /// Whether a field is over by then.
    pub(super) fn is_over(&self, leaves: &Leaves, field: &[u8], now_ms: u64) -> bool {
        self.at(leaves, field).is_some_and(|at| at <= now_ms)
    }

    /// How many fields end at all.
    pub(super) fn len(&self) -> u64 {
        self.by_time.view().len()
    }

    /// Whether none is left.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many are over by then.
    pub(super) fn over(&self, leaves: &Leaves, now_ms: u64) -> u64 {
        let bound = Bound::AfterScore(score(now_ms));
        self.by_time.view().rank_of_bound(leaves, bound)
    }

    /// When the first ends.
    pub(super) fn earliest_ms(&self) -> u64 {
        self.earliest_ms
    }

    /// When the last ends.
    pub(super) fn latest_ms(&self, leaves: &Leaves) -> u64 {
        let (view, mut latest) = (self.by_time.view(), 0);
        let last = view.len().saturating_sub(1);
        view.walk_back(leaves, last, 1, |_, score| latest = moment(score));
        latest
    }

    /// Takes up to `limit` that are over by then out of these, the earliest first, and names them.
    pub(super) fn take_over(
        &mut self,
        leaves: &mut Leaves,
        now_ms: u64,
        limit: usize,
        names: &mut Texts,
    ) {
        let some = self.over(leaves, now_ms).min(limit as u64);
        self.change(leaves, |by_time, leaves| {
            by_time.remove_from(leaves, 0, some, |name, _| names.push(name));
        });
        self.note_earliest(leaves);
    }

    /// Frees a bounded part; says whether there is more.
    pub(super) fn free_some(&mut self, leaves: &mut Leaves) -> bool {
        self.change(leaves, SortedSet::free_some)
    }

    /// Copies some of them to those that hold the ones before; `true` when they hold the same.
    ///
    /// # Errors
    /// [`StoreFull`]; what was copied is for the caller to free.
    pub(super) fn copy_some(
        &self,
        copy: &mut Self,
        pools: &mut Pools<'_>,
    ) -> Result<bool, StoreFull> {
        let before = pools.to().live_bytes();
        let mut next = Position::default();
        let copied = self.by_time.copy_some(&mut copy.by_time, &mut next, pools);
        copy.leaf_bytes += pools.to().live_bytes() - before;
        copy.earliest_ms = self.earliest_ms;
        copied
    }

    /// Bytes taken beside the leaves.
    pub(super) fn own_bytes(&self) -> u64 {
        size_of::<Self>() as u64 + self.by_time.blob_room() + self.by_time.own_bytes()
    }

    /// Bytes taken of the leaves.
    pub(super) fn leaf_bytes(&self) -> u64 {
        self.leaf_bytes
    }

    fn change<R>(
        &mut self,
        leaves: &mut Leaves,
        change: impl FnOnce(&mut SortedSet, &mut Leaves) -> R,
    ) -> R {
        let before = leaves.live_bytes();
        let result = change(&mut self.by_time, leaves);
        self.leaf_bytes = (self.leaf_bytes + leaves.live_bytes()).saturating_sub(before);
        result
    }

    fn note_earliest(&mut self, leaves: &Leaves) {
        let mut earliest = u64::MAX;
        let view = self.by_time.view();
        view.walk(leaves, 0, 1, |_, score| earliest = moment(score));
        self.earliest_ms = earliest;
    }
}
