//! [`Batch`]: copies of some elements, so that they can be written while the value is not looked at.
//! Pure.

use super::Walk;
use crate::store::{HashRef, Kind, ListRef, SetRef, SortedSetRef, Texts, Value, WrongType};
use shared::resp::parse_integer;

/// Elements that are copied at once, long ones as they are.
const COPIED_AT_ONCE: usize = 32;

/// Elements in the order in which they are written; of a hash fields and values by turns.
#[derive(Debug, Default)]
pub(super) struct Batch {
    texts: Texts,
    scores: Vec<f64>,
    /// The next to be written.
    next: usize,
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

    /// It is written.
    pub(super) fn advance(&mut self) {
        self.next += 1;
    }

    /// All elements that have been copied, as integers where they are.
    pub(super) fn integers(&self) -> Vec<i64> {
        self.texts.iter().filter_map(parse_integer).collect()
    }

    /// Copies the elements from `walk` on behind those that are here; where the next ones are. Sorted sets go from the greatest score down unless `ascends`, as Redis reads them best.
    ///
    /// # Errors
    /// [`WrongType`]; but its kind was looked at.
    pub(super) fn fill(
        &mut self,
        value: Value<'_>,
        walk: Walk,
        ascends: bool,
    ) -> Result<Walk, WrongType> {
        let texts = &mut self.texts;
        match (walk, value.kind()) {
            (Walk::Position(from), Kind::Set) => {
                let set = SetRef::of(value)?;
                let next = set.walk(from, COPIED_AT_ONCE, |member| texts.push(member));
                Ok(next.map_or(Walk::End, Walk::Position))
            }
            (Walk::Position(from), _) => {
                let hash = HashRef::of(value)?;
                let next = hash.walk(from, COPIED_AT_ONCE, |field, value| {
                    texts.push(field);
                    texts.push(value);
                });
                Ok(next.map_or(Walk::End, Walk::Position))
            }
            (Walk::Place(from), Kind::List) => {
                let list = ListRef::of(value)?;
                list.walk(from, COPIED_AT_ONCE as u64, |element| texts.push(element));
                Ok(after(from, list.len()))
            }
            (Walk::Place(from), _) => {
                let set = SortedSetRef::of(value)?;
                let scores = &mut self.scores;
                let show = |member, score| {
                    texts.push(member);
                    scores.push(score);
                };
                if ascends {
                    set.walk(from, COPIED_AT_ONCE as u64, show);
                } else if let Some(rank) = set.len().checked_sub(from + 1) {
                    set.walk_back(rank, COPIED_AT_ONCE as u64, show);
                }
                Ok(after(from, set.len()))
            }
            (Walk::End, _) => Ok(Walk::End),
        }
    }

    /// Forgets what has been written.
    pub(super) fn clear(&mut self) {
        self.texts.clear();
        self.scores.clear();
        self.next = 0;
    }
}

/// Behind a batch of a value with `len` elements.
fn after(from: u64, len: u64) -> Walk {
    let next = from + COPIED_AT_ONCE as u64;
    if next < len {
        Walk::Place(next)
    } else {
        Walk::End
    }
}
