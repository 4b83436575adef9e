//! [`List`]: elements by position.
//! Pure.

mod edit;
mod face;
mod keep;
mod large;
mod leaf;
mod maker;

pub use edit::ListEdit;
pub use face::{ListEnd, ListRef};
pub use maker::ListMaker;

use super::Limits;
use super::block::{count, index};
use super::codes::{Stored, Strings};
use super::leaves::{Leaves, Sought};
use super::limits::FREED_AT_ONCE;
use crate::store::{StoreFull, StringRef};
use large::Large;
use std::ops::Range;

/// A list to be changed.
#[derive(Debug)]
pub struct List {
    form: Form,
}

#[derive(Debug)]
enum Form {
    Packed(Vec<u8>),
    Large(Large),
}

/// A list to be read.
#[derive(Clone, Copy, Debug)]
pub struct ListView<'a> {
    form: FormRef<'a>,
}

#[derive(Clone, Copy, Debug)]
enum FormRef<'a> {
    Packed(&'a [u8]),
    Large(&'a Large),
}

impl Default for List {
    fn default() -> Self {
        Self {
            form: Form::Packed(leaf::EMPTY.to_vec()),
        }
    }
}

impl List {
    /// All of it in one blob while it is small, to stand in a key's entry. Whoever drops one calls [`List::free_blob`].
    #[must_use]
    pub fn blob(&self) -> Option<&[u8]> {
        match &self.form {
            Form::Packed(blob) => Some(blob),
            Form::Large(_) => None,
        }
    }

    /// To be read.
    #[inline]
    #[must_use]
    pub fn view(&self) -> ListView<'_> {
        ListView {
            form: match &self.form {
                Form::Packed(blob) => FormRef::Packed(blob),
                Form::Large(large) => FormRef::Large(large),
            },
        }
    }

    /// Puts an element behind all.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing has changed then.
    pub fn push_back(
        &mut self,
        leaves: &mut Leaves,
        element: &[u8],
        limits: &Limits,
    ) -> Result<(), StoreFull> {
        self.insert(leaves, self.view().len(), element, limits)
    }

    /// Puts an element before all.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing has changed then.
    pub fn push_front(
        &mut self,
        leaves: &mut Leaves,
        element: &[u8],
        limits: &Limits,
    ) -> Result<(), StoreFull> {
        self.insert(leaves, 0, element, limits)
    }

    /// Puts an element before the one at this position, or behind all.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing has changed then.
    pub fn insert(
        &mut self,
        leaves: &mut Leaves,
        position: u64,
        element: &[u8],
        limits: &Limits,
    ) -> Result<(), StoreFull> {
        leaves.reserve()?;
        let position = position.min(self.view().len());
        if self.has_room(element, limits)
            && let Form::Packed(blob) = &mut self.form
        {
            let element = leaves.encode(element)?;
            leaf::insert(blob, index(position), &element);
            return Ok(());
        }
        self.grow(leaves).insert(leaves, position, element)
    }

    /// Whether the blob would still be one with another element.
    fn has_room(&self, element: &[u8], limits: &Limits) -> bool {
        let most = limits.blob_bytes.min(Limits::MOST_BLOB_BYTES);
        // A long one lies elsewhere and takes less.
        let own = element.len().min(240) + 1;
        matches!(&self.form, Form::Packed(blob) if blob.len() + own <= most)
    }

    /// The large form, which a blob becomes as it is. Room is reserved.
    fn grow(&mut self, leaves: &mut Leaves) -> &mut Large {
        if let Form::Packed(blob) = &self.form {
            self.form = Form::Large(Large::from_blob(leaves, blob));
        }
        match &mut self.form {
            Form::Large(large) => large,
            Form::Packed(_) => unreachable!("it has just grown"),
        }
    }

    /// Writes another element at a position; `false` when there is none.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing has changed then.
    pub fn set(
        &mut self,
        leaves: &mut Leaves,
        position: u64,
        element: &[u8],
        limits: &Limits,
    ) -> Result<bool, StoreFull> {
        if position >= self.view().len() {
            return Ok(false);
        }
        leaves.reserve()?;
        if self.has_room(element, limits)
            && let Form::Packed(blob) = &mut self.form
        {
            let element = leaves.encode(element)?;
            leaves.discard(leaf::element(blob, index(position)));
            leaf::replace(blob, index(position), &element);
            return Ok(true);
        }
        self.grow(leaves).set(leaves, position, element)?;
        Ok(true)
    }

    /// Shows the first element and removes it; `false` when there is none.
    pub fn pop_front(&mut self, leaves: &mut Leaves, show: impl FnOnce(StringRef<'_>)) -> bool {
        let is_there = !self.view().is_empty();
        if is_there {
            self.take(leaves, 0, show);
        }
        is_there
    }

    /// Shows the last element and removes it; `false` when there is none.
    pub fn pop_back(&mut self, leaves: &mut Leaves, show: impl FnOnce(StringRef<'_>)) -> bool {
        let last = self.view().len().checked_sub(1);
        if let Some(last) = last {
            self.take(leaves, last, show);
        }
        last.is_some()
    }

    /// Shows the element of a position that there is, and removes it.
    fn take(&mut self, leaves: &mut Leaves, position: u64, show: impl FnOnce(StringRef<'_>)) {
        match &mut self.form {
            Form::Packed(blob) => {
                let nth = index(position);
                let element = leaf::element(blob, nth);
                show(leaves.show(element));
                leaves.discard(element);
                leaf::remove(blob, nth, nth + 1);
            }
            Form::Large(large) => large.take(leaves, position, show),
        }
    }

    /// Removes up to `limit` elements from a position on; how many there were. Trimming is this at both ends; much is removed in steps.
    pub fn remove_from(&mut self, leaves: &mut Leaves, position: u64, limit: u64) -> u64 {
        match &mut self.form {
            Form::Packed(blob) => {
                let from = index(position).min(count(blob));
                let end = from.saturating_add(index(limit)).min(count(blob));
                for element in leaf::elements(blob, from, end) {
                    leaves.discard(element);
                }
                leaf::remove(blob, from, end);
                (end - from) as u64
            }
            Form::Large(large) => {
                let mut removed = 0;
                while removed < limit {
                    match large.remove_some(leaves, position, limit - removed) {
                        0 => break,
                        some => removed += some,
                    }
                }
                removed
            }
        }
    }

    /// Frees a bounded part; says whether there is more. Nothing else may be asked of it afterwards.
    pub fn free_some(&mut self, leaves: &mut Leaves) -> bool {
        match &mut self.form {
            Form::Packed(blob) => {
                Self::free_blob(blob, leaves);
                *blob = leaf::EMPTY.to_vec();
                false
            }
            Form::Large(large) => large.free(leaves, FREED_AT_ONCE),
        }
    }

    /// Frees what a blob refers to that is about to be dropped.
    pub fn free_blob(blob: &[u8], leaves: &mut Leaves) {
        for element in leaf::elements(blob, 0, count(blob)) {
            leaves.discard(element);
        }
    }
}

impl<'a> ListView<'a> {
    /// The list of a blob, wherever that lies.
    #[must_use]
    pub fn of_blob(blob: &'a [u8]) -> Self {
        Self {
            form: FormRef::Packed(blob),
        }
    }

    /// How many elements there are.
    #[inline]
    #[must_use]
    pub fn len(self) -> u64 {
        match self.form {
            FormRef::Packed(blob) => count(blob) as u64,
            FormRef::Large(large) => large.len(),
        }
    }

    /// Whether there are none, which a key's list never is.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The element at a position.
    #[must_use]
    pub fn get(self, leaves: &'a Leaves, position: u64) -> Option<StringRef<'a>> {
        let element = match self.form {
            FormRef::Packed(blob) => {
                let is_there = position < count(blob) as u64;
                is_there.then(|| leaf::element(blob, index(position)))
            }
            FormRef::Large(large) => large.get(leaves, position),
        };
        element.map(|element| leaves.show(element))
    }

    /// Shows up to `limit` elements from a position on. A long range is shown in steps: the next begins where this ends, as long as nothing changes.
    pub fn walk(
        self,
        leaves: &'a Leaves,
        from: u64,
        limit: u64,
        mut show: impl FnMut(StringRef<'a>),
    ) {
        self.walk_stored(leaves, from, limit, &mut |element| {
            show(leaves.show(element));
        });
    }

    /// The same for who is shown several at once.
    pub fn show_strings(
        self,
        leaves: &'a Leaves,
        from: u64,
        limit: u64,
        strings: &mut impl Strings,
    ) {
        let mut show = |bytes: &'a [u8], from: usize, end: usize| {
            leaf::show_elements(leaves, bytes, from, end, strings);
        };
        match self.form {
            FormRef::Packed(blob) => {
                let from = index(from).min(count(blob));
                let end = from.saturating_add(index(limit)).min(count(blob));
                show(blob, from, end);
            }
            FormRef::Large(large) => large.walk_leaves(leaves, from, limit, show),
        }
    }

    /// The same from a position on downwards.
    pub fn walk_back(
        self,
        leaves: &'a Leaves,
        from: u64,
        limit: u64,
        mut show: impl FnMut(StringRef<'a>),
    ) {
        self.walk_back_stored(leaves, from, limit, &mut |element| {
            show(leaves.show(element));
        });
    }

    fn walk_stored(
        self,
        leaves: &'a Leaves,
        from: u64,
        limit: u64,
        show: &mut dyn FnMut(Stored<'a>),
    ) {
        match self.form {
            FormRef::Packed(blob) => {
                let from = index(from).min(count(blob));
                let end = from.saturating_add(index(limit)).min(count(blob));
                leaf::elements(blob, from, end).for_each(show);
            }
            FormRef::Large(large) => large.walk(leaves, from, limit, show),
        }
    }

    fn walk_back_stored(
        self,
        leaves: &'a Leaves,
        from: u64,
        limit: u64,
        show: &mut dyn FnMut(Stored<'a>),
    ) {
        match self.form {
            FormRef::Packed(blob) => {
                let end = index(from).saturating_add(1).min(count(blob));
                let begin = end.saturating_sub(index(limit));
                leaf::elements_reversed(blob, begin, end).for_each(show);
            }
            FormRef::Large(large) => large.walk_back(leaves, from, limit, show),
        }
    }

    /// The positions that have an element, among some that are counted from an end, in that order.
    pub(super) fn find_some(
        self,
        leaves: &'a Leaves,
        sought: &Sought<'_>,
        end: ListEnd,
        among: Range<u64>,
        found: &mut Vec<u64>,
    ) {
        let among = among.start..among.end.min(self.len());
        let Some(some) = among.end.checked_sub(among.start).filter(|some| *some > 0) else {
            return;
        };
        match end {
            ListEnd::Front => {
                let mut nth = among.start;
                self.walk_stored(leaves, nth, some, &mut |stored| {
                    if sought.is(leaves, stored) {
                        found.push(nth);
                    }
                    nth += 1;
                });
            }
            ListEnd::Back => {
                let mut above = self.len() - among.start;
                self.walk_back_stored(leaves, above - 1, some, &mut |stored| {
                    above -= 1;
                    if sought.is(leaves, stored) {
                        found.push(above);
                    }
                });
            }
        }
    }

    /// Bytes taken, exactly.
    #[must_use]
    pub fn bytes(self, leaves: &Leaves) -> u64 {
        match self.form {
            FormRef::Packed(blob) => {
                let longs = leaf::elements(blob, 0, count(blob)).filter_map(Stored::elsewhere);
                blob.len() as u64 + longs.map(|place| leaves.long_cost(place)).sum::<u64>()
            }
            FormRef::Large(large) => large.bytes(),
        }
    }
}

#[cfg(test)]
mod tests;
