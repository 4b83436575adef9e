//! [`Hash`]: fields and their values.
//! Pure.

mod edit;
mod keep;
mod read;

pub use edit::HashEdit;
pub use read::HashRef;

use super::elements::{Elements, ElementsRef, Position, free_blob};
use super::leaves::Leaves;
use super::limits::{FREED_AT_ONCE, Limits};
use crate::store::{StoreFull, StringRef};

/// A hash to be changed.
#[derive(Debug)]
pub struct Hash {
    elements: Elements<true>,
}

/// A hash to be read.
#[derive(Clone, Copy, Debug)]
pub struct HashView<'a> {
    elements: ElementsRef<'a, true>,
}

/// What became of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is new.
    Added,
    /// It had another value.
    Replaced,
}

impl Default for Hash {
    fn default() -> Self {
        Self {
            elements: Elements::new(),
        }
    }
}

impl Hash {
    /// All of it in one blob while it is small, to stand in a key's entry. Whoever drops one calls [`Hash::free_blob`].
    #[must_use]
    pub fn blob(&self) -> Option<&[u8]> {
        match &self.elements {
            Elements::Packed(blob) => Some(blob),
            Elements::Table(_) => None,
        }
    }

    /// To be read.
    #[inline]
    #[must_use]
    pub fn view(&self) -> HashView<'_> {
        HashView {
            elements: self.elements.view(),
        }
    }

    /// Gives a field a value.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing has changed then.
    pub fn set(
        &mut self,
        leaves: &mut Leaves,
        field: &[u8],
        value: &[u8],
        limits: &Limits,
    ) -> Result<Put, StoreFull> {
        let sought = leaves.sought(field);
        let is_new = self.elements.put(leaves, &sought, value, limits)?;
        let view = self.elements.view();
        if !view.is_large_by_name()
            && (field.len().max(value.len()) > limits.element_bytes || view.len() > limits.entries)
        {
            self.elements.set_large_by_name();
        }
        Ok(if is_new { Put::Added } else { Put::Replaced })
    }

    /// Removes a field; says whether it was there.
    pub fn remove(&mut self, leaves: &mut Leaves, field: &[u8]) -> bool {
        let sought = leaves.sought(field);
        self.elements.remove(leaves, &sought)
    }

    /// Frees a bounded part; says whether there is more. Nothing else may be asked of it afterwards.
    pub fn free_some(&mut self, leaves: &mut Leaves) -> bool {
        self.elements.free(leaves, FREED_AT_ONCE)
    }

    /// Frees what a blob refers to that is about to be dropped.
    pub fn free_blob(blob: &[u8], leaves: &mut Leaves) {
        free_blob::<true>(blob, leaves);
    }
}

impl<'a> HashView<'a> {
    /// The hash of a blob, wherever that lies.
    #[must_use]
    pub fn of_blob(blob: &'a [u8]) -> Self {
        Self {
            elements: ElementsRef::Packed(blob),
        }
    }

    /// How many fields there are.
    #[inline]
    #[must_use]
    pub fn len(self) -> u64 {
        self.elements.len()
    }

    /// Whether there are none, which a key's hash never is.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether OBJECT ENCODING says `hashtable`, not `listpack`.
    #[must_use]
    pub fn is_hashtable_by_name(self) -> bool {
        self.elements.is_large_by_name()
    }

    /// A field's value.
    #[inline]
    #[must_use]
    pub fn get(self, leaves: &'a Leaves, field: &[u8]) -> Option<StringRef<'a>> {
        let value = self.elements.get(leaves, &leaves.sought(field))?;
        Some(leaves.show(value))
    }

    /// Asks for the memory where a field would be.
    #[inline]
    pub fn prefetch(self, leaves: &Leaves, field: &[u8]) {
        self.elements.prefetch(leaves, &leaves.sought(field));
    }

    /// HSCAN's step: shows some fields, says the next cursor, 0 at the end. A field that is there from the first call to the last is shown at least once.
    pub fn scan(
        self,
        leaves: &Leaves,
        cursor: u32,
        mut show: impl FnMut(StringRef<'_>, StringRef<'_>),
    ) -> u32 {
        self.elements.scan(leaves, cursor, |pair| {
            show(leaves.show(pair.key), leaves.show(pair.value));
        })
    }

    /// Where a field stands, each as likely.
    pub fn random(self, leaves: &Leaves, chance: &mut u64) -> Option<Position> {
        self.elements.random(leaves, chance)
    }

    /// The field at a position, and its value.
    pub fn at(
        self,
        leaves: &'a Leaves,
        position: Position,
    ) -> Option<(StringRef<'a>, StringRef<'a>)> {
        let pair = self.elements.at(leaves, position)?;
        Some((leaves.show(pair.key), leaves.show(pair.value)))
    }

    /// Shows up to `limit` fields from a position on (small hashes: in the order in which they came), and says where to go on, `None` at the end. The hash must not change between the steps.
    pub fn walk(
        self,
        leaves: &'a Leaves,
        from: Position,
        limit: usize,
        mut show: impl FnMut(StringRef<'a>, StringRef<'a>),
    ) -> Option<Position> {
        self.elements.walk(leaves, from, limit, |pair| {
            show(leaves.show(pair.key), leaves.show(pair.value));
        })
    }

    /// Bytes taken, exactly.
    #[must_use]
    pub fn bytes(self, leaves: &Leaves) -> u64 {
        self.elements.bytes(leaves)
    }
}

#[cfg(test)]
mod tests;
