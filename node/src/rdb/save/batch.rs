//! [`Batch`]: copies of some elements, so that they can be written while the value is not looked at.
//! Pure.

use super::Walk;
use crate::store::{
    HashRef, Kind, ListRef, MoreElements, SetRef, SortedSetRef, Texts, Value, WrongType,
};

/// Elements that are copied at once while they are short. One long one is copied as a whole, as by any command that reads it.
const COPIED_AT_ONCE: usize = 32;
/// Behind a batch of more bytes the next one is of one element.
const LONG_BATCH_BYTES: usize = 64 * 1024;

/// Elements in the order in which they are written; of a hash fields and values by turns.
#[derive(Debug, Default)]
pub(super) struct Batch {
    texts: Texts,
    scores: Vec<f64>,
    /// When fields end, of a hash of which some do.
    ends: Vec<Option<u64>>,
    /// The next to be written.
    next: usize,
    /// Elements of the last batch: twice as many from batch to batch.
    some: usize,
}

impl Batch {
    /// The next element, and the score that stands behind it.
    pub(super) fn next(&self) -> Option<(&[u8], Option<f64>)> {
        let is_there = self.next < self.texts.len();
        is_there.then(|| {
            (
                self.texts.get(self.next),
                self.scores.get(self.next).copied(),
            )
        })
    }

    /// When the next one ends, if it is a field of a hash of which some do.
    pub(super) fn end_of_next(&self) -> Option<Option<u64>> {
        let is_field = self.next.is_multiple_of(2);
        self.ends.get(self.next / 2).copied().filter(|_| is_field)
    }

    /// It is written.
    pub(super) fn advance(&mut self) {
        self.next += 1;
    }

    /// Copies the elements from `walk` on, in the place of those that are written; where the next ones are. Sorted sets go from the greatest score down unless `ascends`, as Redis reads them best. Fields are those of the moment `began_ms`; where all of some were over by then the batch is empty.
    ///
    /// # Errors
    /// [`WrongType`]; but its kind was looked at.
    pub(super) fn fill(
        &mut self,
        value: Value<'_>,
        walk: Walk,
        ascends: bool,
        began_ms: u64,
    ) -> Result<Walk, WrongType> {
        let bytes: usize = self.texts.iter().map(<[u8]>::len).sum();
        let some = match bytes {
            0..=LONG_BATCH_BYTES => COPIED_AT_ONCE.min(self.some * 2).max(1),
            _ => 1,
        };
        self.some = some;
        self.clear();
        let texts = &mut self.texts;
        match (walk, value.kind()) {
            (Walk::Position(from), Kind::Set) => {
                let set = SetRef::of(value)?;
                let next = set.walk(from, some, |member| texts.push(member));
                Ok(next.map_or(Walk::End, Walk::Position))
            }
            (Walk::Position(from), _) => {
                let hash = HashRef::of(value)?.at_moment(began_ms);
                let (is_timed, ends) = (hash.earliest_end().is_some(), &mut self.ends);
                let next = hash.walk(from, some, |field, value| {
                    texts.push(field);
                    texts.push(value);
                    if is_timed {
                        ends.push(hash.end_of(field));
                    }
                });
                Ok(next.map_or(Walk::End, Walk::Position))
            }
            (Walk::Place(from), Kind::List) => {
                let list = ListRef::of(value)?;
                list.walk(from, some as u64, |element| texts.push(element));
                Ok(after(from + some as u64, list.len()))
            }
            (Walk::Place(from), _) => {
                let set = SortedSetRef::of(value)?;
                let scores = &mut self.scores;
                let show = |member, score| {
                    texts.push(member);
                    scores.push(score);
                };
                if ascends {
                    set.walk(from, some as u64, show);
                } else if let Some(rank) = set.len().checked_sub(from + 1) {
                    set.walk_back(rank, some as u64, show);
                }
                Ok(after(from + some as u64, set.len()))
            }
            (Walk::End, _) => Ok(Walk::End),
        }
    }

    /// Takes elements that come apart, in the place of those that are written; `false` when no more come.
    pub(super) fn take(&mut self, more: MoreElements<'_>) -> bool {
        self.clear();
        more(&mut self.texts)
    }

    /// Forgets what has been written.
    fn clear(&mut self) {
        self.texts.clear();
        self.scores.clear();
        self.ends.clear();
        self.next = 0;
    }
}

/// Behind a batch of a value with `len` elements, of which `next` have been shown.
fn after(next: u64, len: u64) -> Walk {
    if next < len {
        Walk::Place(next)
    } else {
        Walk::End
    }
}
