//! Changing a value where it lies: its bytes, its length, its flavour; and putting an object in its place.
//! Invariant: whatever fails, fails before anything was changed.

use super::{Database, Found, Marks};
use crate::store::content::{Body, Content};
use crate::store::entry::{self, Form, Place};
use crate::store::error::StoreFull;
use crate::store::object::{Large, ObjectId};
use crate::store::reclaim::Reclaimer;
use crate::store::slab::{ClassId, MAX_ENTRY_BYTES};

impl Database {
    /// The bytes of a value in an entry or an extent.
    pub(in crate::store) fn bytes_mut(&mut self, found: Found) -> &mut [u8] {
        match self.entry(found.handle).extent() {
            Some(id) => self.outside.extents.get_mut(id).bytes_mut(),
            None => entry::value_part_mut(self.slabs.bytes_mut(found.handle)),
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

    /// Takes the object of an entry, which is removed, for another database.
    pub(in crate::store) fn take_object(
        &mut self,
        found: Found,
        reclaimer: &mut Reclaimer,
    ) -> Option<Box<dyn Large>> {
        let entry = self.entry(found.handle);
        let (object, long_key) = (entry.object()?, entry.long_key());
        self.remove_entry(found);
        if let Some(long) = long_key {
            self.outside.extents.remove(long.extent, reclaimer);
        }
        self.outside.objects.take(object)
    }

    /// Lets the object of an entry be changed; `None` when it has none.
    pub(in crate::store) fn edit_object<R>(
        &mut self,
        found: Found,
        change: impl FnOnce(&mut dyn Large) -> R,
    ) -> Option<R> {
        let id = self.entry(found.handle).object()?;
        let (result, [before, after]) = self.outside.objects.edit(id, change);
        self.dataset = self.dataset + after - before;
        Some(result)
    }

    /// Frees a slice of what was removed; `false` when nothing waits for it.
    pub(in crate::store) fn free_slice(&mut self) -> bool {
        self.outside.objects.free_slice()
    }

    /// Whether anything that was removed waits to be freed.
    pub(in crate::store) fn is_freeing(&self) -> bool {
        self.outside.objects.is_freeing()
    }
}
