//! [`SortedSetRef`]: the sorted set at a key, to be read.
//! Pure.

use super::{Bound, MemberScan, SortedSet, SortedSetView};
use crate::store::value::collection::{Lying, lying};
use crate::store::value::leaves::Leaves;
use crate::store::{StringRef, Strings, Value, WrongType};

/// The sorted set at a key, to be read.
#[derive(Clone, Copy, Debug)]
pub struct SortedSetRef<'a> {
    view: SortedSetView<'a>,
    leaves: &'a Leaves,
}

/// An end of a sorted set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScoreEnd {
    /// Where the member of the least score is.
    Least,
    /// Where that of the greatest is.
    Greatest,
}

impl<'a> SortedSetRef<'a> {
    /// The sorted set that a value is.
    ///
    /// # Errors
    /// [`WrongType`]: it is none.
    #[inline]
    pub fn of(value: Value<'a>) -> Result<Self, WrongType> {
        let view = match lying::<SortedSet>(value)? {
            Lying::Blob(blob) => SortedSetView::of_blob(blob),
            Lying::Object(set) => set.view(),
        };
        let leaves = value.leaves();
        Ok(Self { view, leaves })
    }

    /// The sorted set that was looked up, if there is one and it is a sorted set.
    ///
    /// # Errors
    /// [`WrongType`]: it is none.
    #[inline]
    pub fn there(value: Option<Value<'a>>) -> Result<Option<Self>, WrongType> {
        value.map(Self::of).transpose()
    }

    /// How many members there are: never none.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "a key's sorted set is never empty"
    )]
    pub fn len(self) -> u64 {
        self.view.len()
    }

    /// Whether OBJECT ENCODING says `skiplist`, not `listpack`.
    #[must_use]
    pub fn is_skiplist_by_name(self) -> bool {
        self.view.is_skiplist_by_name()
    }

    /// A member's score.
    #[must_use]
    pub fn score(self, member: &[u8]) -> Option<f64> {
        self.view.score(self.leaves, member)
    }

    /// How many members stand before this one.
    #[must_use]
    pub fn rank(self, member: &[u8]) -> Option<u64> {
        self.view.rank(self.leaves, member).map(|(rank, _)| rank)
    }

    /// How many members stand before a border.
    #[must_use]
    pub fn rank_of_bound(self, bound: Bound<'_>) -> u64 {
        self.view.rank_of_bound(self.leaves, bound)
    }

    /// Shows up to `limit` members from a rank on, in order.
    pub fn walk(self, from: u64, limit: u64, show: impl FnMut(StringRef<'a>, f64)) {
        self.view.walk(self.leaves, from, limit, show);
    }

    /// The same in order, without scores.
    pub fn show_strings(self, from: u64, limit: u64, strings: &mut impl Strings) {
        self.view.show_strings(self.leaves, from, limit, strings);
    }

    /// The same from a rank on downwards.
    pub fn walk_back(self, from: u64, limit: u64, show: impl FnMut(StringRef<'a>, f64)) {
        self.view.walk_back(self.leaves, from, limit, show);
    }

    /// Shows up to `count` members from an end on, in the order in which they would be taken.
    pub fn show(self, end: ScoreEnd, count: u64, show: impl FnMut(StringRef<'a>, f64)) {
        match end {
            ScoreEnd::Least => self.walk(0, count, show),
            ScoreEnd::Greatest => self.walk_back(self.len().saturating_sub(1), count, show),
        }
    }

    /// ZSCAN's step in parts, see [`SortedSetView::scan_some`].
    pub fn scan_some(
        self,
        cursor: u32,
        within: &mut Option<MemberScan>,
        show: impl FnMut(StringRef<'_>, f64),
    ) -> Option<u32> {
        self.view.scan_some(self.leaves, cursor, within, show)
    }

    /// A member and its score, each member as likely.
    pub fn random(self, chance: &mut u64) -> Option<(StringRef<'a>, f64)> {
        self.view.random(self.leaves, chance)
    }
}
