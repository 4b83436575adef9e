//! Values without their types: [`Value`] to be read, [`Content`] to be written. What they mean is for the faces of their kinds to say (`value/<type>/`).
//! Pure.

use super::entry::{Entry, Form, Kind, Place};
use super::extent::Extents;
use super::object::{Large, ObjectId, Objects, Remembering};
use super::value::Leaves;

/// What does not fit into entries.
#[derive(Debug)]
pub(super) struct Outside {
    pub(super) extents: Extents,
    pub(super) objects: Objects,
    /// What objects are made of, and the long strings of packed collections.
    pub(super) leaves: Leaves,
}

impl Outside {
    /// Shows an object, if it is still there, that can remember what it was, and counts anew what it takes.
    pub(super) fn remembering<R>(
        &mut self,
        id: ObjectId,
        show: impl FnOnce(&mut dyn Remembering, &mut Leaves) -> R,
    ) -> Option<R> {
        let Self {
            objects, leaves, ..
        } = self;
        if !objects.has(id) {
            return None;
        }
        let (shown, _) = objects.edit(id, |object| {
            let object = object.remembering()?;
            Some(show(object, leaves))
        });
        shown
    }
}

/// A value as it is stored, of any kind.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    pub(super) entry: Entry<'a>,
    pub(super) outside: &'a Outside,
    /// When it is looked at, Unix milliseconds: parts that are over by then are not seen. At 0 all are.
    pub(super) now_ms: u64,
}

impl<'a> Value<'a> {
    /// The same, looked at then (Unix milliseconds).
    #[inline]
    #[must_use]
    pub fn at_moment(self, now_ms: u64) -> Self {
        Self { now_ms, ..self }
    }

    /// When it is looked at.
    #[inline]
    #[must_use]
    pub fn now_ms(self) -> u64 {
        self.now_ms
    }

    /// Its kind. Only entries of keys are shown as values, so there always is one.
    #[must_use]
    #[inline]
    pub fn kind(self) -> Kind {
        self.entry.kind().unwrap_or(Kind::String)
    }

    /// Kind and flavour.
    #[inline]
    pub(super) fn form(self) -> Form {
        self.entry.form()
    }

    /// Whether its bytes stand in the entry itself and it has this form, but for the flavour's bits in `loose`: one comparison.
    #[inline]
    pub(super) fn is_inline(self, form: Form, loose: u8) -> bool {
        self.entry.is_inline(form, loose)
    }

    /// Its bytes where they stand in the entry, as [`Value::is_inline`] said.
    #[inline]
    pub(super) fn inline_bytes(self) -> &'a [u8] {
        self.entry.value_part()
    }

    /// Its bytes, in the entry or in an extent; none of an object.
    pub(super) fn bytes(self) -> &'a [u8] {
        match self.entry.place() {
            Place::Inline => self.entry.value_part(),
            Place::Extent => {
                let extent = self.entry.extent();
                extent.map_or(&[], |id| self.outside.extents.get(id).bytes())
            }
            Place::Object => &[],
        }
    }

    /// The object that holds it, where one does.
    pub(super) fn object(self) -> Option<&'a dyn Large> {
        self.entry.object().map(|id| self.outside.objects.get(id))
    }

    /// Where a collection's blob and object keep what they refer to.
    #[inline]
    pub(super) fn leaves(self) -> &'a Leaves {
        &self.outside.leaves
    }
}

/// A value to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content<'a> {
    pub(super) form: Form,
    pub(super) body: Body<'a>,
}

/// Where a value to be written comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body<'a> {
    /// These bytes: in the entry where they fit, else in an extent.
    Bytes(&'a [u8]),
    /// The same, with zeros behind them up to a length that is no less.
    Padded(&'a [u8], usize),
    /// An object that is there already.
    Object(ObjectId),
}
