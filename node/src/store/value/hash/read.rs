//! [`HashRef`]: the hash that a key holds, to be read.
//! Pure.

use super::{Hash, HashView, Position};
use crate::store::value::Leaves;
use crate::store::value::collection::{Lying, lying};
use crate::store::{StringRef, Value, WrongType};

/// The hash of a key, with what it refers to.
#[derive(Clone, Copy, Debug)]
pub struct HashRef<'a> {
    view: HashView<'a>,
    leaves: &'a Leaves,
}

impl<'a> HashRef<'a> {
    /// The hash that a value is.
    ///
    /// # Errors
    /// [`WrongType`]: it is none.
    #[inline]
    pub fn of(value: Value<'a>) -> Result<Self, WrongType> {
        let view = match lying::<Hash>(value)? {
            Lying::Blob(blob) => HashView::of_blob(blob),
            Lying::Object(hash) => hash.view(),
        };
        let leaves = value.leaves();
        Ok(Self { view, leaves })
    }

    /// How many fields there are; never none.
    #[must_use]
    pub fn fields(self) -> u64 {
        self.view.len()
    }

    /// A field's value.
    #[inline]
    #[must_use]
    pub fn get(self, field: &[u8]) -> Option<StringRef<'a>> {
        self.view.get(self.leaves, field)
    }

    /// HSCAN's step: see [`HashView::scan`].
    pub fn scan(self, cursor: u32, show: impl FnMut(StringRef<'_>, StringRef<'_>)) -> u32 {
        self.view.scan(self.leaves, cursor, show)
    }

    /// Where a field stands, each as likely.
    pub fn random(self, chance: &mut u64) -> Option<Position> {
        self.view.random(self.leaves, chance)
    }

    /// The field at a position, and its value.
    #[must_use]
    pub fn at(self, position: Position) -> Option<(StringRef<'a>, StringRef<'a>)> {
        self.view.at(self.leaves, position)
    }

    /// Shows up to `limit` fields: see [`HashView::walk`].
    pub fn walk(
        self,
        from: Position,
        limit: usize,
        show: impl FnMut(StringRef<'a>, StringRef<'a>),
    ) -> Option<Position> {
        self.view.walk(self.leaves, from, limit, show)
    }
}
