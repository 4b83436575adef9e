//! [`Set`]: members, each once.
//! Pure.
//! Invariant: a set is in the form of integers only while all members are integers and few; it never goes back.

mod edit;
mod integers;
mod keep;
mod read;

pub use edit::{SetEdit, SetMaker};
pub use read::SetRef;

use super::Limits;
use super::block::{FIRST_FLAG, count, count32, has_flag, index};
use super::chance::below;
use super::elements::{Elements, ElementsRef, Position, free_blob};
use super::leaves::Leaves;
use super::limits::FREED_AT_ONCE;
use super::texts::Texts;
use crate::store::{StoreFull, StringRef};
use shared::resp::parse_integer;

/// Set in a blob of integers.
const INTEGERS: u16 = FIRST_FLAG;

/// The longest blob of integers: 512 of eight bytes, Redis' limit, and as much again for those who raise it. An insertion moves half of it.
const MOST_INTEGER_BYTES: usize = 8192;

/// A set to be changed.
#[derive(Debug)]
pub struct Set {
    form: Form,
}

#[derive(Debug)]
enum Form {
    Integers(Vec<u8>),
    Elements(Elements<false>),
}

/// A set to be read.
#[derive(Clone, Copy, Debug)]
pub struct SetView<'a> {
    form: FormRef<'a>,
}

#[derive(Clone, Copy, Debug)]
enum FormRef<'a> {
    Integers(&'a [u8]),
    Elements(ElementsRef<'a, false>),
}

/// What OBJECT ENCODING says of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetEncoding {
    /// `intset`
    Integers,
    /// `hashtable`
    Table,
}

impl Default for Set {
    fn default() -> Self {
        let mut blob = Vec::new();
        integers::write_empty(&mut blob, INTEGERS);
        Self {
            form: Form::Integers(blob),
        }
    }
}

impl Set {
    /// All of it in one blob while it is small. A blob of integers may be longer than a key's entry has room for, up to 8 KiB. Whoever drops one calls [`Set::free_blob`].
    #[must_use]
    pub fn blob(&self) -> Option<&[u8]> {
        match &self.form {
            Form::Integers(blob) | Form::Elements(Elements::Packed(blob)) => Some(blob),
            Form::Elements(Elements::Table(_)) => None,
        }
    }

    /// To be read.
    #[inline]
    #[must_use]
    pub fn view(&self) -> SetView<'_> {
        SetView {
            form: match &self.form {
                Form::Integers(blob) => FormRef::Integers(blob),
                Form::Elements(elements) => FormRef::Elements(elements.view()),
            },
        }
    }

    /// Adds a member; says whether it is new.
    ///
    /// # Errors
    /// [`StoreFull`]; the set has the same members as before then.
    pub fn add(
        &mut self,
        leaves: &mut Leaves,
        member: &[u8],
        limits: &Limits,
    ) -> Result<bool, StoreFull> {
        let number = parse_integer(member);
        if let Form::Integers(blob) = &mut self.form {
            if let Some(number) = number {
                if integers::find(blob, number).is_ok() {
                    return Ok(false);
                }
                if (count(blob) as u64) < limits.entries && blob.len() < MOST_INTEGER_BYTES {
                    return Ok(integers::add(blob, number));
                }
            }
            self.leave_integers(leaves, limits)?;
        }
        let Form::Elements(elements) = &mut self.form else {
            return Ok(false);
        };
        let sought = leaves.sought(member);
        let is_new = elements.put(leaves, &sought, b"", limits)?;
        let view = elements.view();
        if !view.is_large_by_name() && (number.is_none() || view.len() > limits.entries) {
            elements.set_large_by_name();
        }
        Ok(is_new)
    }

    /// Writes the integers as elements: up to some thousand insertions, half a millisecond.
    fn leave_integers(&mut self, leaves: &mut Leaves, limits: &Limits) -> Result<(), StoreFull> {
        let Form::Integers(blob) = &self.form else {
            return Ok(());
        };
        let mut elements = Elements::new();
        let mut text = itoa::Buffer::new();
        for nth in 0..count(blob) {
            let sought = leaves.sought(text.format(integers::get(blob, nth)).as_bytes());
            if let Err(full) = elements.put(leaves, &sought, b"", limits) {
                while elements.free(leaves, FREED_AT_ONCE) {}
                return Err(full);
            }
        }
        self.form = Form::Elements(elements);
        Ok(())
    }

    /// Removes a member; says whether it was there.
    pub fn remove(&mut self, leaves: &mut Leaves, member: &[u8]) -> bool {
        match &mut self.form {
            Form::Integers(blob) => {
                parse_integer(member).is_some_and(|number| integers::remove(blob, number))
            }
            Form::Elements(elements) => {
                let sought = leaves.sought(member);
                elements.remove(leaves, &sought)
            }
        }
    }

    /// Removes a member, each as likely, and adds it to those that were taken; `false` from an empty set.
    pub fn pop(&mut self, leaves: &mut Leaves, chance: &mut u64, taken: &mut Texts) -> bool {
        let view = self.view();
        let place = view.random(leaves, chance);
        let Some(member) = place.and_then(|place| view.at(leaves, place)) else {
            return false;
        };
        taken.push(member);
        self.remove(leaves, taken.get(taken.len() - 1))
    }

    /// Frees a bounded part; says whether there is more. Nothing else may be asked of it afterwards.
    pub fn free_some(&mut self, leaves: &mut Leaves) -> bool {
        match &mut self.form {
            Form::Integers(_) => false,
            Form::Elements(elements) => elements.free(leaves, FREED_AT_ONCE),
        }
    }

    /// Frees what a blob refers to that is about to be dropped.
    pub fn free_blob(blob: &[u8], leaves: &mut Leaves) {
        if !has_flag(blob, INTEGERS) {
            free_blob::<false>(blob, leaves);
        }
    }
}

impl<'a> SetView<'a> {
    /// The set of a blob, wherever that lies.
    #[must_use]
    pub fn of_blob(blob: &'a [u8]) -> Self {
        let form = if has_flag(blob, INTEGERS) {
            FormRef::Integers(blob)
        } else {
            FormRef::Elements(ElementsRef::Packed(blob))
        };
        Self { form }
    }

    /// How many members there are.
    #[inline]
    #[must_use]
    pub fn len(self) -> u64 {
        match self.form {
            FormRef::Integers(blob) => count(blob) as u64,
            FormRef::Elements(elements) => elements.len(),
        }
    }

    /// Whether there are none, which a key's set never is.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// What OBJECT ENCODING says.
    #[must_use]
    pub fn encoding(self) -> SetEncoding {
        match self.form {
            FormRef::Elements(elements) if elements.is_large_by_name() => SetEncoding::Table,
            _ => SetEncoding::Integers,
        }
    }

    /// Whether this is a member.
    #[inline]
    #[must_use]
    pub fn contains(self, leaves: &'a Leaves, member: &[u8]) -> bool {
        match self.form {
            FormRef::Integers(blob) => {
                parse_integer(member).is_some_and(|number| integers::find(blob, number).is_ok())
            }
            FormRef::Elements(elements) => elements.get(leaves, &leaves.sought(member)).is_some(),
        }
    }

    /// Asks for the memory where a member would be.
    #[inline]
    pub fn prefetch(self, leaves: &Leaves, member: &[u8]) {
        if let FormRef::Elements(elements) = self.form {
            elements.prefetch(leaves, &leaves.sought(member));
        }
    }

    /// SSCAN's step: shows some members, says the next cursor, 0 at the end. A member that is there from the first call to the last is shown at least once.
    pub fn scan(self, leaves: &Leaves, cursor: u32, mut show: impl FnMut(StringRef<'_>)) -> u32 {
        match self.form {
            FormRef::Integers(blob) => {
                for nth in 0..count(blob) {
                    show(StringRef::Integer(integers::get(blob, nth)));
                }
                0
            }
            FormRef::Elements(elements) => {
                elements.scan(leaves, cursor, |pair| show(leaves.show(pair.key)))
            }
        }
    }

    /// Where a member stands, each as likely.
    pub fn random(self, leaves: &Leaves, chance: &mut u64) -> Option<Position> {
        match self.form {
            FormRef::Integers(blob) => {
                let nth = below(chance, count(blob) as u64);
                let nth = count32(index(nth));
                (count(blob) > 0).then_some(Position { leaf: 0, nth })
            }
            FormRef::Elements(elements) => elements.random(leaves, chance),
        }
    }

    /// The member at a position.
    pub fn at(self, leaves: &'a Leaves, position: Position) -> Option<StringRef<'a>> {
        match self.form {
            FormRef::Integers(blob) => {
                let nth = position.nth as usize;
                (nth < count(blob)).then(|| StringRef::Integer(integers::get(blob, nth)))
            }
            FormRef::Elements(elements) => {
                let pair = elements.at(leaves, position)?;
                Some(leaves.show(pair.key))
            }
        }
    }

    /// Shows up to `limit` members from a position on, and says where to go on, `None` at the end. The set must not change between the steps.
    pub fn walk(
        self,
        leaves: &'a Leaves,
        from: Position,
        limit: usize,
        mut show: impl FnMut(StringRef<'a>),
    ) -> Option<Position> {
        match self.form {
            FormRef::Integers(blob) => {
                let end = (from.nth as usize).saturating_add(limit).min(count(blob));
                for nth in from.nth as usize..end {
                    show(StringRef::Integer(integers::get(blob, nth)));
                }
                (end < count(blob)).then(|| Position {
                    leaf: 0,
                    nth: count32(end),
                })
            }
            FormRef::Elements(elements) => {
                elements.walk(leaves, from, limit, |pair| show(leaves.show(pair.key)))
            }
        }
    }

    /// Bytes taken, exactly.
    #[must_use]
    pub fn bytes(self, leaves: &Leaves) -> u64 {
        match self.form {
            FormRef::Integers(blob) => blob.len() as u64,
            FormRef::Elements(elements) => elements.bytes(leaves),
        }
    }
}

#[cfg(test)]
mod tests;
