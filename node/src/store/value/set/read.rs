//! [`SetRef`]: the set that a key holds, to be read.
//! Pure.

use super::{Position, Set, SetView};
use crate::store::value::Leaves;
use crate::store::value::collection::{Lying, lying};
use crate::store::{StringRef, Value, WrongType};

/// The set of a key, with what it refers to.
#[derive(Clone, Copy, Debug)]
pub struct SetRef<'a> {
    pub(super) view: SetView<'a>,
    pub(super) leaves: &'a Leaves,
}

impl<'a> SetRef<'a> {
    /// The set that a value is.
    ///
    /// # Errors
    /// [`WrongType`]: it is none.
    #[inline]
    pub fn of(value: Value<'a>) -> Result<Self, WrongType> {
        let view = match lying::<Set>(value)? {
            Lying::Blob(blob) => SetView::of_blob(blob),
            Lying::Object(set) => set.view(),
        };
        let leaves = value.leaves();
        Ok(Self { view, leaves })
    }

    /// How many members there are; never none.
    #[must_use]
    pub fn members(self) -> u64 {
        self.view.len()
    }

    /// Whether this is a member.
    #[inline]
    #[must_use]
    pub fn contains(self, member: &[u8]) -> bool {
        self.view.contains(self.leaves, member)
    }

    /// SSCAN's step: see [`SetView::scan`].
    pub fn scan(self, cursor: u32, show: impl FnMut(StringRef<'_>)) -> u32 {
        self.view.scan(self.leaves, cursor, show)
    }

    /// Where a member stands, each as likely.
    pub fn random(self, chance: &mut u64) -> Option<Position> {
        self.view.random(self.leaves, chance)
    }

    /// The member at a position.
    #[must_use]
    pub fn at(self, position: Position) -> Option<StringRef<'a>> {
        self.view.at(self.leaves, position)
    }

    /// Shows up to `limit` members: see [`SetView::walk`].
    pub fn walk(
        self,
        from: Position,
        limit: usize,
        show: impl FnMut(StringRef<'a>),
    ) -> Option<Position> {
        self.view.walk(self.leaves, from, limit, show)
    }
}
