//! Writing whole values: new entries, other contents, expiries, other keys.
//! Invariant: whatever fails, fails before anything was changed.

use super::{Belongings, Database, Found, Keys, Marks, keys};
use crate::store::content::{Body, Content};
use crate::store::entry::{self, Draft, Entry, Form, Kind, LONGEST_INLINE_KEY, LongKey, Place};
use crate::store::error::StoreFull;
use crate::store::key::Key;
use crate::store::reclaim::Reclaimer;
use crate::store::slab::{ClassId, Handle, MAX_ENTRY_BYTES};
use crate::store::value::{TIMED, blob};

impl Database {
    /// Adds a key that is not there.
    #[inline]
    pub(in crate::store) fn insert(
        &mut self,
        key: Key<'_>,
        content: Content<'_>,
        marks: Marks,
    ) -> Result<(), StoreFull> {
        if key.bytes.len() > LONGEST_INLINE_KEY {
            return self.insert_long(key, content, marks);
        }
        self.with_draft(key.bytes, content, marks, |database, draft| {
            database.add(key, draft)
        })
    }

    #[inline(never)]
    fn insert_long(
        &mut self,
        key: Key<'_>,
        content: Content<'_>,
        marks: Marks,
    ) -> Result<(), StoreFull> {
        let extent = self.outside.extents.add(key.bytes, 0)?;
        let hash = key.hash;
        let part = LongKey { hash, extent }.bytes();
        let added = self.with_draft(&part, content, marks, |database, mut draft| {
            draft.long_key = true;
            database.add(key, draft)
        });
        if added.is_err() {
            self.outside.extents.forget(extent);
        }
        added
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
        self.note_captured(handle);
        Ok(())
    }

    /// Gives another content, expiry and mark to a key that is there.
    #[inline]
    pub(in crate::store) fn overwrite(
        &mut self,
        found: Found,
        content: Content<'_>,
        marks: Marks,
        reclaimer: &mut Reclaimer,
    ) -> Result<(), StoreFull> {
        if self.entry(found.handle).kind() == Some(Kind::String) {
            return self.renew(found, content, marks, reclaimer).map(|_| ());
        }
        self.overwrite_collection(found, |database| {
            database.renew(found, content, marks, reclaimer).map(|_| ())
        })
    }

    /// Lets `write` write over the entry of a collection, and frees what its blob referred to if that went well.
    #[inline(never)]
    fn overwrite_collection<R>(
        &mut self,
        found: Found,
        write: impl FnOnce(&mut Self) -> Result<R, StoreFull>,
    ) -> Result<R, StoreFull> {
        let mut kept = std::mem::take(&mut self.kept);
        kept.clear();
        let old = self.value(found.handle);
        let kind = old.kind();
        kept.extend_from_slice(old.bytes());
        let written = write(self);
        if written.is_ok() {
            blob::free(kind, &kept, &mut self.outside.leaves);
        }
        self.kept = kept;
        written
    }

    /// The same for a face that has edited what is there: what a blob refers to stays, for the new content does. Says where the entry is then, in the same place of the index.
    #[inline]
    pub(in crate::store) fn renew(
        &mut self,
        found: Found,
        content: Content<'_>,
        marks: Marks,
        reclaimer: &mut Reclaimer,
    ) -> Result<Handle, StoreFull> {
        if let Body::Bytes(bytes) = content.body
            && self.overwrite_in_place(found.handle, content.form, bytes, marks)
        {
            return Ok(found.handle);
        }
        self.overwrite_elsewhere(found, content, marks, reclaimer)
    }

    /// The common case: the value stands in the entry and the entry keeps its class, and its expiry has as many bytes as before. `false`, with nothing changed, in all others.
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
        let fits = old.place() == Place::Inline
            && old.expiry().is_some() == marks.expiry.is_some()
            && len <= MAX_ENTRY_BYTES
            && ClassId::of(len) == old.class();
        if !fits {
            return false;
        }
        let bytes = self.slabs.bytes_mut(handle);
        if let Some(at) = marks.expiry {
            if !entry::set_expiry(bytes, at) {
                return false;
            }
            entry::replace_value(bytes, form, part, marks.mark);
            self.slabs.note_expiry(handle, at);
        } else {
            entry::replace_value(bytes, form, part, marks.mark);
        }
        self.dataset = self.dataset + part.len() as u64 - old_len as u64;
        true
    }

    /// The general case; says where the entry is then, in the same place of the index.
    pub(super) fn overwrite_elsewhere(
        &mut self,
        found: Found,
        content: Content<'_>,
        marks: Marks,
        reclaimer: &mut Reclaimer,
    ) -> Result<Handle, StoreFull> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let old = self.entry(found.handle);
        let outside = Belongings::of(old);
        let long_key = old.long_key().is_some();
        scratch.extend_from_slice(old.key_part());
        let written = self.with_draft(&scratch, content, marks, |database, mut draft| {
            draft.long_key = long_key;
            database.rewrite(found, draft)
        });
        self.scratch = scratch;
        let handle = written?;
        // The key stays.
        let value = Belongings {
            long_key: None,
            ..outside
        };
        self.drop_belongings(value, reclaimer);
        Ok(handle)
    }

    /// Makes a draft, with an extent if it needs one, and lets `write` write it; the extent goes again if that fails.
    #[inline]
    fn with_draft<R>(
        &mut self,
        key_part: &[u8],
        content: Content<'_>,
        marks: Marks,
        write: impl FnOnce(&mut Self, Draft<'_>) -> Result<R, StoreFull>,
    ) -> Result<R, StoreFull> {
        let mut draft = Draft {
            form: content.form,
            place: Place::Inline,
            long_key: false,
            expiry: marks.expiry,
            mark: marks.mark,
            key_part,
            value_part: &[],
        };
        let fits = |len| entry::fits_slab(key_part.len(), len, marks.expiry);
        let (bytes, len) = match content.body {
            Body::Bytes(bytes) if fits(bytes.len()) => {
                draft.value_part = bytes;
                return write(self, draft);
            }
            Body::Bytes(bytes) => (bytes, bytes.len()),
            Body::Padded(bytes, len) if fits(len) => {
                let padded = pad(bytes);
                draft.value_part = &padded[..len];
                return write(self, draft);
            }
            Body::Padded(bytes, len) => (bytes, len),
            Body::Object(id) => {
                let number = id.0.to_le_bytes();
                draft.place = Place::Object;
                draft.value_part = &number;
                return write(self, draft);
            }
        };
        let id = self.outside.extents.add(bytes, len)?;
        let number = id.0.to_le_bytes();
        draft.place = Place::Extent;
        draft.value_part = &number;
        let written = write(self, draft);
        if written.is_err() {
            self.outside.extents.forget(id);
        }
        written
    }

    /// Writes a draft in the place of an entry, or elsewhere if its size changed; says where. What lay outside is the caller's.
    #[inline]
    pub(super) fn rewrite(&mut self, found: Found, draft: Draft<'_>) -> Result<Handle, StoreFull> {
        let old = self.entry(found.handle);
        let (old_class, old_payload) = (old.class(), self.payload(old));
        let expired = usize::from(old.expiry().is_some());
        let was_timed = usize::from(old.form() == TIMED);
        let class = ClassId::of(draft.len());
        let handle = if class == old_class {
            found.handle
        } else {
            self.slabs.allocate(class)?
        };
        draft.write(self.slabs.bytes_mut(handle));
        let new_payload = self.payload(self.entry(handle));
        self.dataset = self.dataset + new_payload - old_payload;
        let (expires, is_timed) = (draft.expiry.is_some(), draft.form == TIMED);
        self.expiring = self.expiring - expired + usize::from(expires);
        self.timed = self.timed - was_timed + usize::from(is_timed);
        if (expires || is_timed)
            && let Some(at) = self.wakes_at(handle)
        {
            self.slabs.note_expiry(handle, at);
        }
        if handle == found.handle {
            return Ok(handle);
        }
        self.index.replace(found.place, handle);
        self.carry_capture(found.handle, handle, true);
        self.free_place(found.handle, old_class);
        Ok(handle)
    }

    /// Gives what of `from` lies outside to the key `to`, over what is `there`, and removes `from`. `false`, with nothing changed, where the value stands in the entry.
    pub(in crate::store) fn rename_outside(
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
        let (form, place, expiry) = (old.form(), old.place(), old.expiry());
        if place == Place::Inline {
            return Ok(false);
        }
        let mut number = [0; 4];
        number.copy_from_slice(old.value_part());
        let marks = Marks { expiry, mark };
        let replaced = match there {
            Some(old) if self.entry(old.handle).kind() != Some(Kind::String) => self
                .overwrite_collection(old, |database| {
                    database.put_part(to, there, form, place, &number, marks)
                }),
            _ => self.put_part(to, there, form, place, &number, marks),
        }?;
        self.drop_belongings(replaced, reclaimer);
        // Found anew, for entries may have moved.
        if let Some(found) = self.find(from) {
            let long_key = self.entry(found.handle).long_key();
            self.remove_entry(found);
            if let Some(long) = long_key {
                self.outside.extents.remove(long.extent, reclaimer);
            }
        }
        Ok(true)
    }

    /// Writes an entry of `to` whose value lies outside already; what the value there had outside is the caller's.
    fn put_part(
        &mut self,
        to: Key<'_>,
        there: Option<Found>,
        form: Form,
        place: Place,
        number: &[u8],
        marks: Marks,
    ) -> Result<Belongings, StoreFull> {
        let none = Belongings {
            long_key: None,
            extent: None,
            object: None,
        };
        let mut draft = Draft {
            form,
            place,
            long_key: false,
            expiry: marks.expiry,
            mark: marks.mark,
            key_part: to.bytes,
            value_part: number,
        };
        if let Some(there) = there {
            let old = self.entry(there.handle);
            let replaced = Belongings {
                long_key: None,
                ..Belongings::of(old)
            };
            // The key that is there stays as it is.
            let mut key_part = [0; LONGEST_INLINE_KEY];
            let key_part = &mut key_part[..old.key_part().len()];
            key_part.copy_from_slice(old.key_part());
            draft.long_key = old.long_key().is_some();
            draft.key_part = key_part;
            self.rewrite(there, draft)?;
            return Ok(replaced);
        }
        if to.bytes.len() <= LONGEST_INLINE_KEY {
            self.add(to, draft)?;
            return Ok(none);
        }
        let extent = self.outside.extents.add(to.bytes, 0)?;
        let hash = to.hash;
        let part = LongKey { hash, extent }.bytes();
        draft.long_key = true;
        draft.key_part = &part;
        let added = self.add(to, draft);
        if added.is_err() {
            self.outside.extents.forget(extent);
        }
        added.map(|()| none)
    }

    /// Sets, changes or takes away the expiry of an entry.
    pub(in crate::store) fn set_expiry(
        &mut self,
        found: Found,
        expiry: Option<u64>,
        reclaimer: &mut Reclaimer,
    ) -> Result<(), StoreFull> {
        let old = self.entry(found.handle);
        match (old.expiry(), expiry) {
            (None, None) => return Ok(()),
            (Some(_), Some(at)) if entry::set_expiry(self.slabs.bytes_mut(found.handle), at) => {
                self.slabs.note_expiry(found.handle, at);
                return Ok(());
            }
            _ => {}
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let old = self.entry(found.handle);
        // A header is read as eight bytes.
        scratch.extend_from_slice(&self.slabs.bytes(found.handle)[..old.len().max(8)]);
        let old = Entry::new(&scratch);
        let mark = old.mark();
        let written = self.rewrite_with(found, old, Marks { expiry, mark }, reclaimer);
        self.scratch = scratch;
        written
    }

    /// Writes an entry, of which `old` is a copy, with another expiry.
    fn rewrite_with(
        &mut self,
        found: Found,
        old: Entry<'_>,
        marks: Marks,
        reclaimer: &mut Reclaimer,
    ) -> Result<(), StoreFull> {
        let (key_part, value_part) = (old.key_part(), old.value_part());
        if !entry::fits_slab(key_part.len(), value_part.len(), marks.expiry) {
            // The value must have stood in the entry: a number always fits.
            let content = Content {
                form: old.form(),
                body: Body::Bytes(value_part),
            };
            return self
                .overwrite_elsewhere(found, content, marks, reclaimer)
                .map(|_| ());
        }
        let draft = Draft {
            form: old.form(),
            place: old.place(),
            long_key: old.long_key().is_some(),
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
        let content = Content {
            form: Form::new(Kind::String, 0),
            body: Body::Bytes(b"value"),
        };
        self.insert(key, content, marks)
    }
}
