//! Changing a value where it lies: its bytes, its length, its flavour; and putting an object in its place.
//! Invariant: whatever fails, fails before anything was changed.

use super::{Database, Found, Marks};
use crate::store::content::{Body, Content, Outside};
use crate::store::entry::{self, Entry, Form, Kind, Place};
use crate::store::error::StoreFull;
use crate::store::object::{Copying, Large, ObjectId};
use crate::store::reclaim::Reclaimer;
use crate::store::slab::{ClassId, Handle, MAX_ENTRY_BYTES};
use crate::store::value::{Leaves, Pools, blob};

/// A value copied as far as it lies outside of what names it.
#[derive(Debug)]
pub(in crate::store) enum Copied {
    /// Bytes, with what they refer to.
    Bytes(Vec<u8>),
    /// A large structure that nothing names yet.
    Object(Box<dyn Large>),
}

impl Database {
    /// The bytes of a value in an entry or an extent.
    pub(in crate::store) fn bytes_mut(&mut self, found: Found) -> &mut [u8] {
        match self.entry(found.handle).extent() {
            Some(id) => self.outside.extents.get_mut(id).bytes_mut(),
            None => entry::value_part_mut(self.slabs.bytes_mut(found.handle)),
        }
    }

    /// Makes sure that [`Database::bytes_mut`] has the bytes: they may be another's too.
    pub(in crate::store) fn own_bytes(
        &mut self,
        found: Found,
        reclaimer: &mut Reclaimer,
    ) -> Result<(), StoreFull> {
        match self.entry(found.handle).extent() {
            Some(id) => self.outside.extents.own(id, reclaimer),
            None => Ok(()),
        }
    }

    /// Gives another flavour to a value.
    pub(in crate::store) fn set_form(&mut self, found: Found, form: Form) {
        entry::set_form(self.slabs.bytes_mut(found.handle), form);
    }

    /// Lets a value of bytes be `len` bytes long: new ones are zeros, those beyond are lost. Says where it is afterwards: it may have moved to another class, or to an extent, where it stays.
    /// Amortised O(grown bytes).
    pub(in crate::store) fn resize(
        &mut self,
        found: Found,
        len: usize,
        reclaimer: &mut Reclaimer,
    ) -> Result<Found, StoreFull> {
        let entry = self.entry(found.handle);
        if let Some(id) = entry.extent() {
            let before = self.outside.extents.get(id).len();
            self.outside.extents.resize(id, len, reclaimer)?;
            self.dataset = self.dataset + len as u64 - before;
            return Ok(found);
        }
        debug_assert_eq!(entry.place(), Place::Inline, "an object has no bytes");
        let before = entry.value_part().len();
        let entry_len = entry.len() - before + len;
        if entry_len <= MAX_ENTRY_BYTES && ClassId::of(entry_len) == entry.class() {
            self.dataset = self.dataset + len as u64 - before as u64;
            entry::move_value_end(self.slabs.bytes_mut(found.handle), len);
            return Ok(found);
        }
        self.resize_elsewhere(found, len, reclaimer)
    }

    fn resize_elsewhere(
        &mut self,
        found: Found,
        len: usize,
        reclaimer: &mut Reclaimer,
    ) -> Result<Found, StoreFull> {
        let mut kept = std::mem::take(&mut self.kept);
        kept.clear();
        let old = self.entry(found.handle);
        let form = old.form();
        let marks = Marks {
            expiry: old.expiry(),
            mark: old.mark(),
        };
        let kept_len = old.value_part().len().min(len);
        kept.extend_from_slice(&old.value_part()[..kept_len]);
        let content = Content {
            form,
            body: Body::Padded(&kept, len),
        };
        let written = self.overwrite_elsewhere(found, content, marks, reclaimer);
        self.kept = kept;
        let handle = written?;
        Ok(Found { handle, ..found })
    }

    /// Whether a value of so many bytes would stand in this entry.
    pub(in crate::store) fn fits_inline(&self, found: Found, len: usize) -> bool {
        let entry = self.entry(found.handle);
        entry::fits_slab(entry.key_part().len(), len, entry.expiry())
    }

    /// Keeps an object, for an entry that is to name it.
    pub(in crate::store) fn add_object(&mut self, object: Box<dyn Large>) -> ObjectId {
        self.outside.objects.add(object)
    }

    /// Forgets an object that no entry came to name.
    pub(in crate::store) fn forget_object(&mut self, id: ObjectId) {
        self.outside.objects.remove(id);
    }

    /// Frees an object that no entry ever named, slice by slice.
    pub(in crate::store) fn give_up(&mut self, object: Box<dyn Large>) {
        self.outside.objects.give_up(object);
    }

    /// Where collections keep what they refer to.
    pub(in crate::store) fn leaves(&self) -> &Leaves {
        &self.outside.leaves
    }

    /// Where collections keep what they refer to.
    pub(in crate::store) fn leaves_mut(&mut self) -> &mut Leaves {
        &mut self.outside.leaves
    }

    /// Makes sure that an entry that is there can be written anew with any other length.
    pub(in crate::store) fn reserve_entry(&mut self) -> Result<(), StoreFull> {
        self.slabs.reserve(1)
    }

    /// What a value has outside of its entry, and its bytes, made once more in the leaves of `to`, or in its own.
    pub(in crate::store) fn copy_outside(
        &mut self,
        handle: Handle,
        to: Option<&mut Self>,
    ) -> Result<Copied, StoreFull> {
        let entry = Entry::new(self.slabs.bytes(handle));
        let (kind, object, extent) = (entry.kind(), entry.object(), entry.extent());
        let Outside {
            extents,
            objects,
            leaves,
        } = &mut self.outside;
        let mut pools = match to {
            Some(other) => Pools::Two(leaves, &mut other.outside.leaves),
            None => Pools::One(leaves),
        };
        if let Some(id) = object {
            return objects.get(id).copied(&mut pools).map(Copied::Object);
        }
        let bytes = match extent {
            Some(id) => extents.get(id).bytes(),
            None => entry.value_part(),
        };
        blob::copy(kind.unwrap_or(Kind::String), bytes, &mut pools).map(Copied::Bytes)
    }

    /// Copies a part of the object of an entry, for another entry here or in another database; `None` when it has none.
    pub(in crate::store) fn copy_slice(
        &mut self,
        handle: Handle,
        to: Option<&mut Self>,
        copying: &mut Copying,
    ) -> Result<Option<bool>, StoreFull> {
        let Some(id) = Entry::new(self.slabs.bytes(handle)).object() else {
            return Ok(None);
        };
        let Outside {
            objects, leaves, ..
        } = &mut self.outside;
        let mut pools = match to {
            Some(other) => Pools::Two(leaves, &mut other.outside.leaves),
            None => Pools::One(leaves),
        };
        objects.get(id).copy_slice(copying, &mut pools).map(Some)
    }

    /// Lets the object of an entry be changed; `None` when it has none.
    pub(in crate::store) fn edit_object<R>(
        &mut self,
        found: Found,
        change: impl FnOnce(&mut dyn Large, &mut Leaves) -> R,
    ) -> Option<R> {
        let id = self.entry(found.handle).object()?;
        let Outside {
            objects, leaves, ..
        } = &mut self.outside;
        let (result, [before, after]) = objects.edit(id, |object| change(object, leaves));
        self.dataset = self.dataset + after - before;
        Some(result)
    }

    /// Frees a slice of what was removed; `false` when nothing waits for it.
    pub(in crate::store) fn free_slice(&mut self) -> bool {
        self.outside.objects.free_slice(&mut self.outside.leaves)
    }

    /// Whether anything that was removed waits to be freed.
    pub(in crate::store) fn is_freeing(&self) -> bool {
        self.outside.objects.is_freeing()
    }
}
