//! Packed collections: elements one behind the other in one string, in the four forms that Redis has had.
//! Pure. Invariant: each element is looked at before it is shown, and the end is the end that the head tells of; so what has been walked through is sound.

mod intset;
mod listpack;
mod ziplist;
mod zipmap;

pub(super) use intset::write as write_intset;
pub(super) use listpack::{ListpackWriter, len_of_text};

use super::fault::Fault;
use crate::store::StringRef;

/// Which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Listpack,
    Ziplist,
    Zipmap,
    Intset,
}

/// A walk through a packed collection, whose bytes are shown to each step.
#[derive(Debug)]
pub(super) enum Walk {
    Listpack(listpack::Walk),
    Ziplist(ziplist::Walk),
    Zipmap(zipmap::Walk),
    Intset(intset::Walk),
}

impl Walk {
    /// Before the first element.
    ///
    /// # Errors
    /// [`Fault::Broken`]: the head is no head.
    pub(super) fn new(form: Form, bytes: &[u8]) -> Result<Self, Fault> {
        Ok(match form {
            Form::Listpack => Self::Listpack(listpack::Walk::new(bytes)?),
            Form::Ziplist => Self::Ziplist(ziplist::Walk::new(bytes)?),
            Form::Zipmap => Self::Zipmap(zipmap::Walk::new(bytes)?),
            Form::Intset => Self::Intset(intset::Walk::new(bytes)?),
        })
    }

    /// The next element; of a zipmap fields and values by turns. `None` at the end.
    ///
    /// # Errors
    /// [`Fault::Broken`]: there is neither.
    pub(super) fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<StringRef<'a>>, Fault> {
        match self {
            Self::Listpack(walk) => walk.next(bytes),
            Self::Ziplist(walk) => walk.next(bytes),
            Self::Zipmap(walk) => walk.next(bytes),
            Self::Intset(walk) => walk.next(bytes),
        }
    }
}

/// A signed integer of three bytes.
fn integer_24(bytes: [u8; 3]) -> i64 {
    let [low, middle, high] = bytes;
    let sign = if high & 0x80 == 0 { 0 } else { 0xff };
    i32::from_le_bytes([low, middle, high, sign]).into()
}

#[cfg(test)]
mod tests;
