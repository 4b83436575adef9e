//! [`HashRef`]: the hash that a key holds, to be read.
//! Pure.

use super::{FieldExpiry, Hash, HashView, Position};
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
            Lying::Object(hash) => hash.view().at_moment(value.now_ms()),
        };
        let leaves = value.leaves();
        Ok(Self { view, leaves })
    }

    /// The same as it was at another moment (Unix milliseconds), as far as what was over by then has not gone since: what is read a piece at a time is seen at one moment.
    #[must_use]
    pub fn at_moment(self, now_ms: u64) -> Self {
        Self {
            view: self.view.at_moment(now_ms),
            ..self
        }
    }

    /// How many fields there are; never none.
    #[must_use]
    pub fn fields(self) -> u64 {
        self.view.seen(self.leaves)
    }

    /// How many fields that are over stand among the others, which a walk passes by.
    #[must_use]
    pub fn hidden(self) -> u64 {
        self.view.len() - self.fields()
    }

    /// When a field ends.
    #[must_use]
    pub fn expiry(self, field: &[u8]) -> FieldExpiry {
        match (self.get(field), self.view.expiry(self.leaves, field)) {
            (None, _) => FieldExpiry::NoField,
            (Some(_), None) => FieldExpiry::Never,
            (Some(_), Some(at_ms)) => FieldExpiry::At(at_ms),
        }
    }

    /// Whether a field is there and ends by itself.
    #[must_use]
    pub fn ends(self, field: &[u8]) -> bool {
        matches!(self.expiry(field), FieldExpiry::At(_))
    }

    /// When a field that was shown ends, if it does.
    #[must_use]
    pub fn end_of(self, field: StringRef<'_>) -> Option<u64> {
        self.view.end_of(self.leaves, field)
    }

    /// Whether any field ends by itself, and when the first one does.
    #[must_use]
    pub fn earliest_end(self) -> Option<u64> {
        self.view.earliest_end()
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
