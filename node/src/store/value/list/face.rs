//! [`ListRef`]: the list at a key, to be read.
//! Pure.

use super::{List, ListView};
use crate::store::value::collection::{Lying, lying};
use crate::store::value::leaves::Leaves;
use crate::store::{StringRef, Strings, Value, WrongType};
use std::ops::Range;

/// The list at a key, to be read.
#[derive(Clone, Copy, Debug)]
pub struct ListRef<'a> {
    view: ListView<'a>,
    leaves: &'a Leaves,
}

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListEnd {
    /// Where the first element is.
    Front,
    /// Where the last one is.
    Back,
}

impl<'a> ListRef<'a> {
    /// The list that a value is.
    ///
    /// # Errors
    /// [`WrongType`]: it is none.
    #[inline]
    pub fn of(value: Value<'a>) -> Result<Self, WrongType> {
        let view = match lying::<List>(value)? {
            Lying::Blob(blob) => ListView::of_blob(blob),
            Lying::Object(list) => list.view(),
        };
        let leaves = value.leaves();
        Ok(Self { view, leaves })
    }

    /// The list that was looked up, if there is one and it is a list.
    ///
    /// # Errors
    /// [`WrongType`]: it is none.
    #[inline]
    pub fn there(value: Option<Value<'a>>) -> Result<Option<Self>, WrongType> {
        value.map(Self::of).transpose()
    }

    /// How many elements there are: never none.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a key's list is never empty")]
    pub fn len(self) -> u64 {
        self.view.len()
    }

    /// The element at a position.
    #[must_use]
    pub fn get(self, position: u64) -> Option<StringRef<'a>> {
        self.view.get(self.leaves, position)
    }

    /// Shows up to `limit` elements from a position on.
    pub fn walk(self, from: u64, limit: u64, show: impl FnMut(StringRef<'a>)) {
        self.view.walk(self.leaves, from, limit, show);
    }

    /// The same for who is shown several at once.
    pub fn show_strings(self, from: u64, limit: u64, strings: &mut impl Strings) {
        self.view.show_strings(self.leaves, from, limit, strings);
    }

    /// The same from a position on downwards.
    pub fn walk_back(self, from: u64, limit: u64, show: impl FnMut(StringRef<'a>)) {
        self.view.walk_back(self.leaves, from, limit, show);
    }

    /// Shows up to `count` elements from an end on, in the order in which they would be taken.
    pub fn show(self, end: ListEnd, count: u64, show: impl FnMut(StringRef<'a>)) {
        match end {
            ListEnd::Front => self.view.walk(self.leaves, 0, count, show),
            ListEnd::Back => {
                let last = self.len().saturating_sub(1);
                self.view.walk_back(self.leaves, last, count, show);
            }
        }
    }

    /// The positions that have an element, among some that are counted from an end, in that order.
    pub fn find_some(self, element: &[u8], end: ListEnd, among: Range<u64>, found: &mut Vec<u64>) {
        let sought = self.leaves.sought(element);
        self.view.find_some(self.leaves, &sought, end, among, found);
    }
}
