//! [`MemberList`]: copies of members with their scores, for what reads sorted sets and then writes one.
//! Pure.

use super::texts::Texts;
use crate::store::StringRef;
use std::ops::Range;

/// Some members in the order in which they came.
#[derive(Debug, Default)]
pub struct MemberList {
    texts: Texts,
    scores: Vec<f64>,
}

impl MemberList {
    /// One more.
    pub fn push(&mut self, member: StringRef<'_>, score: f64) {
        self.texts.push(member);
        self.scores.push(score);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// Some of them, by their places.
    pub fn range(&self, places: Range<usize>) -> impl Iterator<Item = (f64, &[u8])> {
        places.map(|nth| (self.scores[nth], self.texts.get(nth)))
    }
}
