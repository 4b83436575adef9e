//! [`Hash`]: fields and their values.
//! Pure.

mod edit;
mod edit_timed;
mod expiries;
mod keep;
mod read;
mod timed;
mod view;

pub use edit::HashEdit;
pub use read::HashRef;
pub use timed::{Ended, ExpiryRule, FieldExpiry};
pub use view::HashView;

use super::elements::{Elements, ElementsRef, Position, free_blob};
use super::leaves::Leaves;
use super::limits::{FREED_AT_ONCE, Limits};
use super::packed;
use crate::store::StoreFull;
use crate::store::entry::{Form, Kind};
use expiries::Expiries;

/// The form of a hash some of whose fields end by themselves: always an object.
pub(in crate::store) const TIMED: Form = Form::new(Kind::Hash, 1);

/// The form of a hash of which none does.
pub(in crate::store) const UNTIMED: Form = Form::new(Kind::Hash, 0);

/// A hash to be changed.
#[derive(Debug)]
pub struct Hash {
    elements: Elements<true>,
    /// When fields end that do.
    expiries: Option<Box<Expiries>>,
    /// What the strings take to which its blob refers, where it is kept beside expiries.
    long_bytes: u64,
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
            expiries: None,
            long_bytes: 0,
        }
    }
}

impl Hash {
    /// All of it in one blob while it is small and no field ends by itself, to stand in a key's entry. Whoever drops one calls [`Hash::free_blob`].
    #[must_use]
    pub fn blob(&self) -> Option<&[u8]> {
        match &self.elements {
            Elements::Packed(blob) if self.expiries.is_none() => Some(blob),
            Elements::Packed(_) | Elements::Table(_) => None,
        }
    }

    /// To be read, with all of its fields: see [`HashView::at_moment`].
    #[inline]
    #[must_use]
    pub fn view(&self) -> HashView<'_> {
        HashView::new(self.elements.view(), self.expiries.as_deref())
    }

    /// Gives a field a value; from now on it does not end by itself.
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
        let put = self.set_keeping(leaves, field, value, limits)?;
        if self.expiries.is_some() {
            self.persist(leaves, field);
        }
        Ok(put)
    }

    /// Gives a field a value; it ends when it did before.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing has changed then.
    pub fn set_keeping(
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
        self.weigh(leaves);
        Ok(if is_new { Put::Added } else { Put::Replaced })
    }

    /// Removes a field; says whether it was there.
    pub fn remove(&mut self, leaves: &mut Leaves, field: &[u8]) -> bool {
        let sought = leaves.sought(field);
        let is_gone = self.elements.remove(leaves, &sought);
        if is_gone && self.expiries.is_some() {
            self.persist(leaves, field);
            self.weigh(leaves);
        }
        is_gone
    }

    /// Counts anew what the blob of one with expiries refers to.
    fn weigh(&mut self, leaves: &Leaves) {
        if self.expiries.is_none() {
            return;
        }
        self.long_bytes = match &self.elements {
            Elements::Packed(blob) if packed::has_long::<true>(blob) => {
                packed::long_bytes::<true>(blob, leaves)
            }
            Elements::Packed(_) | Elements::Table(_) => 0,
        };
    }

    /// Frees a bounded part; says whether there is more. Nothing else may be asked of it afterwards.
    pub fn free_some(&mut self, leaves: &mut Leaves) -> bool {
        if self.elements.free(leaves, FREED_AT_ONCE) {
            return true;
        }
        self.long_bytes = 0;
        let is_more = self
            .expiries
            .as_mut()
            .is_some_and(|expiries| expiries.free_some(leaves));
        if !is_more {
            self.expiries = None;
        }
        is_more
    }

    /// Frees what a blob refers to that is about to be dropped.
    pub fn free_blob(blob: &[u8], leaves: &mut Leaves) {
        free_blob::<true>(blob, leaves);
    }
}

#[cfg(test)]
mod tests;
