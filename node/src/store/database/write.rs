//! Writing: new entries, other values, edits in place, expiries.
//! Invariant: whatever fails, fails before anything was changed.

use super::{Database, Found, Keys, Marks, NewValue, keys};
use crate::store::entry::{self, Draft, Entry, Form, IntegerBytes, LONGEST_INLINE_KEY};
use crate::store::key::Key;
use crate::store::reclaim::Reclaimer;
use crate::store::slab::{ClassId, Handle, MAX_ENTRY_BYTES};
use crate::store::value::StoreFull;

impl Database {
    /// Adds a key that is not there.
    #[inline]
    pub(in crate::store) fn insert(
        &mut self,
        key: Key<'_>,
        value: NewValue<'_>,
        marks: Marks,
    ) -> Result<(), StoreFull> {
        self.with_draft(key, value, marks, |database, draft| {
            database.add(key, draft)
        })
    }

    #[inline]
    fn add(&mut self, key: Key<'_>, draft: Draft<'_>) -> Result<(), StoreFull> {
        let handle = self.slabs.allocate(ClassId::of(draft.len()))?;
        draft.write(self.slabs.bytes_mut(handle));
        if let Err(full) = self.index.insert(key.hash, handle, &keys!(self)) {
            self.free_place(handle, ClassId::of(draft.len()));
            return Err(full);
        }
        self.account_added(handle);
        Ok(())
    }

    /// Gives another value, expiry and mark to a key that is there.
    #[inline]
    pub(in crate::store) fn overwrite(
        &mut self,
        found: Found,
        key: Key<'_>,
        value: NewValue<'_>,
        marks: Marks,
        reclaimer: &mut Reclaimer,
    ) -> Result<(), StoreFull> {
        let integer;
        let (form, part) = match value {
            NewValue::Integer(number) => {
                integer = IntegerBytes::new(number);
                (Form::Integer, integer.as_bytes())
            }
            NewValue::Bytes(bytes) => (Form::Bytes, bytes),
            NewValue::Edited { .. } => {
                return self.overwrite_elsewhere(found, key, value, marks, reclaimer);
            }
        };
        if self.overwrite_in_place(found.handle, form, part, marks) {
            return Ok(());
        }
        self.overwrite_elsewhere(found, key, value, marks, reclaimer)
    }

    /// The common case: the entry has no extent and keeps its class, and has an expiry if it had one before. `false`, with nothing changed, in all others.
    #[inline]
    fn overwrite_in_place(
        &mut self,
        handle: Handle,
        form: Form,
        part: &[u8],
        marks: Marks,
    ) -> bool {
        let old = self.entry(handle);
        let old_len = old.value_part().len();
        let len = old.len() - old_len + part.len();
        let fits = old.is_whole()
            && old.expiry().is_some() == marks.expiry.is_some()
            && len <= MAX_ENTRY_BYTES
            && ClassId::of(len) == old.class();
        if !fits {
            return false;
        }
        entry::replace_value(self.slabs.bytes_mut(handle), form, part, marks.mark);
        if let Some(at) = marks.expiry {
            entry::set_expiry(self.slabs.bytes_mut(handle), at);
            self.slabs.note_expiry(handle, at);
        }
        self.dataset = self.dataset + part.len() as u64 - old_len as u64;
        true
    }

    fn overwrite_elsewhere(
        &mut self,
        found: Found,
        key: Key<'_>,
        value: NewValue<'_>,
        marks: Marks,
        reclaimer: &mut Reclaimer,
    ) -> Result<(), StoreFull> {
        let old_extent = self.entry(found.handle).extent();
        self.with_draft(key, value, marks, |database, draft| {
            database.rewrite(found, draft).map(|_| ())
        })?;
        if let Some(id) = old_extent {
            self.extents.remove(id, reclaimer);
        }
        Ok(())
    }

    /// Gives the extent of `from` to the key `to`, over what is `there`, and removes `from`. `false`, with nothing changed, where that cannot be done: no extent, or a long key in it.
    pub(in crate::store) fn rename_extent(
        &mut self,
        from: Key<'_>,
        to: Key<'_>,
        there: Option<Found>,
        mark: u16,
        reclaimer: &mut Reclaimer,
    ) -> Result<bool, StoreFull> {
        let Some(old) = self.find(from).map(|found| self.entry(found.handle)) else {
            return Ok(false);
        };
        let is_long = old.has_long_key() || to.bytes.len() > LONGEST_INLINE_KEY;
        let Some(id) = old.extent().filter(|_| !is_long) else {
            return Ok(false);
        };
        let number = id.0.to_le_bytes();
        let draft = Draft {
            form: Form::Extent,
            edited: old.is_edited(),
            long_key: false,
            expiry: old.expiry(),
            mark,
            key_part: to.bytes,
            value_part: &number,
        };
        match there {
            Some(there) => {
                let replaced = self.entry(there.handle).extent();
                self.rewrite(there, draft)?;
                if let Some(id) = replaced {
                    self.extents.remove(id, reclaimer);
                }
            }
            None => self.add(to, draft)?,
        }
        // Found anew, for entries may have moved.
        if let Some(found) = self.find(from) {
            self.remove_entry(found);
        }
        Ok(true)
    }

    /// Makes a draft, with an extent if it needs one, and lets `write` write it; the extent goes again if that fails.
    #[inline]
    fn with_draft(
        &mut self,
        key: Key<'_>,
        value: NewValue<'_>,
        marks: Marks,
        write: impl FnOnce(&mut Self, Draft<'_>) -> Result<(), StoreFull>,
    ) -> Result<(), StoreFull> {
        let mut draft = Draft {
            form: Form::Bytes,
            edited: false,
            long_key: false,
            expiry: marks.expiry,
            mark: marks.mark,
            key_part: key.bytes,
            value_part: &[],
        };
        let fits = |len| entry::fits_slab(key.bytes.len(), len, marks.expiry.is_some());
        let padded;
        let integer;
        match value {
            NewValue::Integer(number) if fits(size_of::<i64>()) => {
                integer = IntegerBytes::new(number);
                draft.form = Form::Integer;
                draft.value_part = integer.as_bytes();
                write(self, draft)
            }
            NewValue::Integer(number) => {
                let digits = number.to_string();
                draft.form = Form::IntegerExtent;
                self.with_extent(key, draft, digits.as_bytes(), 0, write)
            }
            NewValue::Bytes(bytes) if fits(bytes.len()) => {
                draft.value_part = bytes;
                write(self, draft)
            }
            NewValue::Bytes(bytes) => {
                draft.form = Form::Extent;
                self.with_extent(key, draft, bytes, 0, write)
            }
            NewValue::Edited { bytes, len } => {
                draft.edited = true;
                if !fits(len) {
                    draft.form = Form::Extent;
                    return self.with_extent(key, draft, bytes, len, write);
                }
                padded = pad(bytes);
                draft.value_part = &padded[..len];
                write(self, draft)
            }
        }
    }

    /// The same for a draft in one of the extent forms.
    fn with_extent(
        &mut self,
        key: Key<'_>,
        draft: Draft<'_>,
        value: &[u8],
        min_len: usize,
        write: impl FnOnce(&mut Self, Draft<'_>) -> Result<(), StoreFull>,
    ) -> Result<(), StoreFull> {
        let hash = key.hash.0.to_le_bytes();
        let is_long = key.bytes.len() > LONGEST_INLINE_KEY;
        let (long_key, key_part) = if is_long {
            (key.bytes, &hash[..])
        } else {
            (&[][..], key.bytes)
        };
        let id = self.extents.add(long_key, value, min_len)?;
        let number = id.0.to_le_bytes();
        let written = write(
            self,
            Draft {
                form: draft.form,
                edited: draft.edited,
                long_key: is_long,
                expiry: draft.expiry,
                mark: draft.mark,
                key_part,
                value_part: &number,
            },
        );
        if written.is_err() {
            self.extents.forget(id);
        }
        written
    }

    /// Writes a draft in the place of an entry, or elsewhere if its size changed; says where. The old extent is the caller's.
    #[inline]
    fn rewrite(&mut self, found: Found, draft: Draft<'_>) -> Result<Handle, StoreFull> {
        let old = self.entry(found.handle);
        let (old_class, old_payload) = (old.class(), self.payload(old));
        let expired = usize::from(old.expiry().is_some());
        let class = ClassId::of(draft.len());
        let handle = if class == old_class {
            found.handle
        } else {
            self.slabs.allocate(class)?
        };
        draft.write(self.slabs.bytes_mut(handle));
        let new_payload = self.payload(self.entry(handle));
        self.dataset = self.dataset + new_payload - old_payload;
        self.expiring -= expired;
        if let Some(at) = draft.expiry {
            self.expiring += 1;
            self.slabs.note_expiry(handle, at);
        }
        if handle == found.handle {
            return Ok(handle);
        }
        self.index.replace(found.place, handle);
        self.free_place(found.handle, old_class);
        Ok(handle)
    }

    /// The bytes of a string that is there, made editable and at least `min_len` long.
    pub(in crate::store) fn edit(
        &mut self,
        found: Found,
        key: Key<'_>,
        min_len: usize,
        reclaimer: &mut Reclaimer,
    ) -> Result<&mut [u8], StoreFull> {
        let entry = self.entry(found.handle);
        let marks = Marks {
            expiry: entry.expiry(),
            mark: entry.mark(),
        };
        match (entry.form(), entry.extent()) {
            (_, Some(id)) => {
                let before = self.extents.get(id).len();
                self.extents.grow(id, min_len, reclaimer)?;
                self.dataset += self.extents.get(id).len() - before;
                entry::set_edited_extent(self.slabs.bytes_mut(found.handle));
                return Ok(self.extents.get_mut(id).value_mut());
            }
            (Some(Form::Integer), _) => {
                let digits = entry.integer().to_string();
                let value = NewValue::Edited {
                    bytes: digits.as_bytes(),
                    len: digits.len().max(min_len),
                };
                self.overwrite(found, key, value, marks, reclaimer)?;
            }
            _ if entry.value_part().len() >= min_len => {
                let bytes = self.slabs.bytes_mut(found.handle);
                entry::set_edited(bytes);
                return Ok(entry::value_part_mut(bytes));
            }
            _ if self.grows_in_place(found.handle, min_len) => {
                let before = entry.value_part().len();
                self.dataset += (min_len - before) as u64;
                let bytes = self.slabs.bytes_mut(found.handle);
                entry::grow_value(bytes, min_len);
                entry::set_edited(bytes);
                return Ok(entry::value_part_mut(bytes));
            }
            _ => {
                let mut scratch = std::mem::take(&mut self.scratch);
                scratch.clear();
                scratch.extend_from_slice(self.entry(found.handle).value_part());
                let value = NewValue::Edited {
                    bytes: &scratch,
                    len: min_len,
                };
                let written = self.overwrite(found, key, value, marks, reclaimer);
                self.scratch = scratch;
                written?;
            }
        }
        self.editable(key).ok_or(StoreFull)
    }

    /// Whether an entry in bytes form with a value of `len` bytes has the same class.
    fn grows_in_place(&self, handle: Handle, len: usize) -> bool {
        let entry = self.entry(handle);
        let grown = entry.len() - entry.value_part().len() + len;
        grown <= MAX_ENTRY_BYTES && ClassId::of(grown) == entry.class()
    }

    /// The bytes of a string that [`Database::edit`] or an insertion made editable.
    pub(in crate::store) fn editable(&mut self, key: Key<'_>) -> Option<&mut [u8]> {
        let found = self.find(key)?;
        match self.entry(found.handle).extent() {
            Some(id) => Some(self.extents.get_mut(id).value_mut()),
            None => Some(entry::value_part_mut(self.slabs.bytes_mut(found.handle))),
        }
    }

    /// Sets, changes or takes away the expiry of an entry.
    pub(in crate::store) fn set_expiry(
        &mut self,
        found: Found,
        key: Key<'_>,
        expiry: Option<u64>,
        reclaimer: &mut Reclaimer,
    ) -> Result<(), StoreFull> {
        let old = self.entry(found.handle);
        match (old.expiry(), expiry) {
            (None, None) => return Ok(()),
            (Some(_), Some(at)) => {
                entry::set_expiry(self.slabs.bytes_mut(found.handle), at);
                self.slabs.note_expiry(found.handle, at);
                return Ok(());
            }
            _ => {}
        }
        let mark = old.mark();
        let len = old.len();
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch.extend_from_slice(&self.slabs.bytes(found.handle)[..len.max(8)]);
        let written = self.rewrite_with_expiry(
            found,
            key,
            Entry::new(&scratch),
            Marks { expiry, mark },
            reclaimer,
        );
        self.scratch = scratch;
        written
    }

    fn rewrite_with_expiry(
        &mut self,
        found: Found,
        key: Key<'_>,
        old: Entry<'_>,
        marks: Marks,
        reclaimer: &mut Reclaimer,
    ) -> Result<(), StoreFull> {
        let (key_part, value_part) = (old.key_part(), old.value_part());
        let Some(form) = old.form() else {
            return Ok(());
        };
        if !entry::fits_slab(key_part.len(), value_part.len(), marks.expiry.is_some()) {
            // Only bytes can be so long that six bytes more need an extent.
            let value = if old.is_edited() {
                NewValue::Edited {
                    bytes: value_part,
                    len: value_part.len(),
                }
            } else {
                NewValue::Bytes(value_part)
            };
            return self.overwrite(found, key, value, marks, reclaimer);
        }
        let draft = Draft {
            form,
            edited: old.is_edited(),
            long_key: old.has_long_key(),
            expiry: marks.expiry,
            mark: marks.mark,
            key_part,
            value_part,
        };
        self.rewrite(found, draft).map(|_| ())
    }
}

/// A value that fits a slab, with zeros behind it.
fn pad(bytes: &[u8]) -> [u8; MAX_ENTRY_BYTES] {
    let mut padded = [0; MAX_ENTRY_BYTES];
    padded[..bytes.len()].copy_from_slice(bytes);
    padded
}

#[cfg(test)]
impl Database {
    /// Adds a key whose hash the caller made up. It is long, so that its hash is kept and not computed anew.
    pub(in crate::store) fn insert_hashed_for_tests(
        &mut self,
        key: Key<'_>,
    ) -> Result<(), StoreFull> {
        let marks = Marks {
            expiry: None,
            mark: 0,
        };
        self.insert(key, NewValue::Bytes(b"value"), marks)
    }
}
