//! [`Collection`]: what all collections have in common, and how one is edited where it lies: a blob in its key's entry while it is small, an object when it is large.
//! Pure. Invariants: a key without elements does not stay; one edit is one word to the door, also when there was no memory for all of it.

use super::elements::Position;
use super::hash::TIMED;
use super::leaves::{Leaves, Pools};
use super::limits::Limits;
use crate::store::content::{Body, Content};
use crate::store::door::{Effects, Wording};
use crate::store::entry::{Form, Kind};
use crate::store::key::DbIndex;
use crate::store::object::Large;
use crate::store::slot::{Edited, Editing, Slot};
use crate::store::{StoreFull, Value, WrongType};
use shared::resp::Args;
use std::any::Any;

/// A collection to be changed, of whatever size.
pub(in crate::store) trait Collection: Large + Sized {
    /// What TYPE calls it.
    const KIND: Kind;

    /// One without elements, in a buffer that is used again.
    fn empty_in(buffer: Vec<u8>) -> Self;

    /// The one of this blob.
    fn from_blob(blob: Vec<u8>) -> Self;

    /// Its blob while it is small; it must not be used then.
    fn take_blob(&mut self) -> Option<Vec<u8>>;

    /// Its kind, in the flavour that it is of now.
    fn form(&self) -> Form {
        Form::new(Self::KIND, 0)
    }

    /// Whether nothing is left of it.
    fn is_empty(&self) -> bool;

    /// Bytes that the strings take to which a blob refers.
    fn long_bytes(blob: &[u8], leaves: &Leaves) -> u64;

    /// Copies some elements, from where the walk goes on, to one that holds those before them; `true` when it holds the same, in the same form.
    ///
    /// # Errors
    /// [`StoreFull`]; what was copied is for the caller to free.
    fn copy_some(
        &self,
        copy: &mut Self,
        next: &mut Position,
        pools: &mut Pools<'_>,
    ) -> Result<bool, StoreFull>;

    /// Another one that holds the same, in the same form.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    fn copy(&self, pools: &mut Pools<'_>) -> Result<Self, StoreFull> {
        let (mut copy, mut next) = (Self::empty_in(Vec::new()), Position::default());
        loop {
            match self.copy_some(&mut copy, &mut next, pools) {
                Ok(false) => {}
                Ok(true) => return Ok(copy),
                Err(full) => {
                    while !copy.free_slice(pools.to()) {}
                    return Err(full);
                }
            }
        }
    }
}

/// A collection to be read, where it lies.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lying<'a, C> {
    /// In a blob.
    Blob(&'a [u8]),
    /// In an object.
    Object(&'a C),
}

/// The collection that a value is.
///
/// # Errors
/// [`WrongType`]: it is something else.
#[inline]
pub(super) fn lying<C: Collection>(value: Value<'_>) -> Result<Lying<'_, C>, WrongType> {
    if value.kind() != C::KIND {
        return Err(WrongType);
    }
    match value.object() {
        None => Ok(Lying::Blob(value.bytes())),
        Some(object) => {
            let object: &dyn Any = object;
            // An object of another type than its kind: our mistake.
            object.downcast_ref().map(Lying::Object).ok_or(WrongType)
        }
    }
}

/// A key that is to be written and holds a collection of this type, or nothing.
///
/// # Errors
/// [`WrongType`]: it holds something else.
#[inline]
pub(super) fn slot_of<C: Collection>(slot: Slot<'_>) -> Result<Slot<'_>, WrongType> {
    match slot.kind() {
        None => Ok(slot),
        Some(kind) if kind == C::KIND => Ok(slot),
        Some(_) => Err(WrongType),
    }
}

/// What came of an edit that follows a command's arguments, which may have found no room on its way.
#[derive(Debug)]
pub(super) struct Told {
    /// How many elements count, or that there was no room for one.
    pub(super) result: Result<usize, StoreFull>,
    /// The arguments that say what was done.
    arguments: usize,
}

impl Told {
    /// All was done; so many elements count.
    pub(super) fn all(count: usize, args: Args<'_>) -> Self {
        Self {
            result: Ok(count),
            arguments: args.len(),
        }
    }

    /// There was no room for the element at argument `at`; they began at `first`.
    pub(super) fn until(at: usize, first: usize, full: StoreFull) -> Edited<Self> {
        let told = Self {
            result: Err(full),
            arguments: at,
        };
        if at == first {
            Edited::Same(told)
        } else {
            Edited::Changed(told)
        }
    }

    /// As the client said it, as far as it was done.
    pub(super) fn tell(&self, effects: &mut Effects, db: DbIndex, args: Args<'_>) {
        let wording = Wording::Beginning(args, self.arguments);
        effects.append_worded(db, wording);
    }
}

/// What an edit may use.
#[derive(Debug)]
pub(super) struct Tools<'a> {
    /// Of the key's database.
    pub(super) leaves: &'a mut Leaves,
    /// Until when it is small.
    pub(super) limits: Limits,
}

/// Lets `edit` change the collection at a key, or one without elements where nothing is. If it says that it did, the result is put where it belongs, and `tell` tells the effects what came of it.
/// `limits` are those of the settings; until when the collection is one blob is seen to here.
///
/// # Errors
/// [`StoreFull`]: there was no room for an entry; nothing was changed.
pub(super) fn edit<C: Collection, R>(
    slot: Slot<'_>,
    limits: Limits,
    edit: impl FnOnce(&mut C, Tools<'_>) -> Edited<R>,
    tell: impl FnOnce(&mut Effects, DbIndex, &[u8], &R),
) -> Result<R, StoreFull> {
    slot.change_telling(|editing| edit_there(editing, limits, edit), tell)
}

fn edit_there<C: Collection, R>(
    editing: &mut Editing<'_, '_>,
    mut limits: Limits,
    edit: impl FnOnce(&mut C, Tools<'_>) -> Edited<R>,
) -> Result<Edited<R>, StoreFull> {
    limits.blob_bytes = editing.most_blob_bytes().min(Limits::MOST_BLOB_BYTES);
    let is_object = editing
        .value()
        .is_some_and(|value| value.object().is_some());
    if !is_object {
        editing.reserve()?;
        return edit_blob(editing, limits, edit);
    }
    let edited = editing.edit_object(|object, leaves| {
        let object: &mut dyn Any = object;
        let collection: &mut C = object.downcast_mut()?;
        let was_timed = collection.form() == TIMED;
        let edited = edit(collection, Tools { leaves, limits });
        let is_timed = was_timed || collection.form() == TIMED;
        Some((edited, collection.is_empty(), is_timed))
    });
    // Of another type than its kind: our mistake, see `slot_of`.
    let (edited, is_empty, is_timed) = edited.flatten().ok_or(StoreFull)?;
    if is_empty {
        editing.remove();
    } else if is_timed {
        editing.settle();
    }
    Ok(edited)
}

fn edit_blob<C: Collection, R>(
    editing: &mut Editing<'_, '_>,
    limits: Limits,
    edit: impl FnOnce(&mut C, Tools<'_>) -> Edited<R>,
) -> Result<Edited<R>, StoreFull> {
    let mut buffer = editing.leaves().borrow_scratch();
    let was_there = editing.value().is_some();
    let mut collection = match editing.value() {
        Some(value) => {
            buffer.extend_from_slice(value.bytes());
            C::from_blob(buffer)
        }
        None => C::empty_in(buffer),
    };
    let leaves = editing.leaves();
    let edited = edit(&mut collection, Tools { leaves, limits });
    let is_changed = matches!(edited, Edited::Changed(_));
    let form = collection.form();
    let is_empty = collection.is_empty();
    let Some(blob) = collection.take_blob() else {
        if is_empty {
            while !collection.free_slice(editing.leaves()) {}
            editing.remove();
        } else {
            editing.become_object(form, Box::new(collection))?;
        }
        return Ok(edited);
    };
    let body = Body::Bytes(&blob);
    let content = Content { form, body };
    let written = match (is_changed, is_empty, was_there) {
        (false, ..) => Ok(()),
        (true, true, _) => {
            editing.remove();
            Ok(())
        }
        (true, false, true) => editing.replace(content),
        (true, false, false) => editing.create(content),
    };
    if written.is_err() && !was_there {
        super::blob::free(C::KIND, &blob, editing.leaves());
    }
    editing.leaves().return_scratch(blob);
    written.map(|()| edited)
}

/// Puts a collection that was made by a command in the place of whatever is at a key; it expires then, or never. One without elements leaves no key. `tell` tells the effects, if anything changed.
///
/// # Errors
/// [`StoreFull`]; nothing was changed, and the collection is freed.
pub(super) fn put_made<C: Collection>(
    slot: Slot<'_>,
    mut collection: C,
    expiry: Option<u64>,
    tell: impl FnOnce(&mut Effects, DbIndex, &[u8], &()),
) -> Result<(), StoreFull> {
    slot.change_telling(
        |editing| {
            if collection.is_empty() {
                while !collection.free_slice(editing.leaves()) {}
                return Ok(if editing.drop_value() {
                    Edited::Changed(())
                } else {
                    Edited::Same(())
                });
            }
            let form = collection.form();
            let Some(blob) = collection.take_blob() else {
                editing.put_object_over(form, Box::new(collection), expiry)?;
                return Ok(Edited::Changed(()));
            };
            let body = Body::Bytes(&blob);
            let put = editing.put_over(Content { form, body }, expiry);
            if put.is_err() {
                super::blob::free(C::KIND, &blob, editing.leaves());
            }
            editing.leaves().return_scratch(blob);
            put.map(|()| Edited::Changed(()))
        },
        tell,
    )
}
