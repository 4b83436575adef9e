//! [`Slot`]: a key that is to be written, with what is there now. The write faces of all kinds work on it, and it tells the door.
//! Pure. Never: knows what a kind's bytes mean. Invariant: no change without a word to the door.

use super::content::{Body, Content, Value};
use super::database::{Found, Marks};
use super::door::{Change, Effects, Wording};
use super::entry::{Form, Kind, most_value_bytes};
use super::error::StoreFull;
use super::key::{DbIndex, Key};
use super::keyspace::{Before, Store};
use super::object::Large;
use super::value::{Leaves, Texts};
use std::ops::Range;

/// What becomes of a key's expiry when its value is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryChange {
    /// It stays.
    Keep,
    /// There is none afterwards.
    Clear,
    /// Unix time in milliseconds.
    At(u64),
}

/// A key that is to be written. A write face is made of it (`StringEdit::of`).
#[derive(Debug)]
pub struct Slot<'a> {
    pub(super) store: &'a mut Store,
    pub(super) db: DbIndex,
    pub(super) key: Key<'a>,
    before: Before,
}

/// Whether an edit changed anything, and what it found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Edited<R> {
    /// It did; the door is told.
    Changed(R),
    /// It did not.
    Same(R),
}

impl Slot<'_> {
    /// The kind of what is there; `None` when nothing is, or only what has expired.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        self.value().map(Value::kind)
    }

    /// What is there.
    #[inline]
    pub(super) fn value(&self) -> Option<Value<'_>> {
        let found = self.before.alive()?;
        let value = self.store.database(self.db).value(found.handle);
        Some(value.at_moment(self.store.now_ms))
    }

    /// The same, for a change after which something is left to do; there is one.
    pub(super) fn again(&mut self) -> Slot<'_> {
        Slot {
            store: &mut *self.store,
            db: self.db,
            key: self.key,
            before: self.before,
        }
    }

    /// What is there, for whoever puts something in the place of all of it: those who take the keyspace have it by then.
    pub(super) fn before_whole(self) -> Before {
        self.store.before_overwrite(self.db, self.before);
        self.before
    }

    /// What time it is for who edits it, Unix milliseconds.
    pub(super) fn now_ms(&self) -> u64 {
        self.store.now_ms
    }

    /// Before parts of a value are edited: `end` takes out those that have ended and names them, so that who edits meets what everybody sees.
    pub(super) fn end_parts(
        &mut self,
        end: impl FnOnce(&mut dyn Large, &mut Leaves, u64, &mut Texts),
    ) {
        let Some(found) = self.before.alive() else {
            return;
        };
        let now_ms = self.store.now_ms;
        if !self
            .store
            .database(self.db)
            .has_ended_parts(found.handle, now_ms)
        {
            return;
        }
        let mut names = Texts::default();
        let Store {
            databases,
            reclaimer,
            ..
        } = &mut *self.store;
        let database = &mut databases[usize::from(self.db.0)];
        database.edit_object(found, |object, leaves| {
            end(object, leaves, now_ms, &mut names);
        });
        // Not all of it has ended, so something is left.
        self.before = Before::Alive(database.settle(found, reclaimer));
        self.store.note_ended(self.db, self.key, &names);
    }

    /// Puts a value in the place of whatever is there. `tell` says so to the effects.
    #[inline]
    pub(super) fn put(
        self,
        content: Content<'_>,
        expiry: ExpiryChange,
        tell: impl FnOnce(&mut Effects, DbIndex, &[u8]),
    ) -> Result<(), StoreFull> {
        let Self {
            store,
            db,
            key,
            before,
        } = self;
        let is_given = matches!(expiry, ExpiryChange::At(_));
        let expiry = match expiry {
            ExpiryChange::Keep => before
                .alive()
                .and_then(|found| store.database(db).entry(found.handle).expiry()),
            ExpiryChange::Clear => None,
            ExpiryChange::At(at) => Some(at),
        };
        let is_new = before.alive().is_none();
        store.write(db, key, before, content, expiry)?;
        let tell = |effects: &mut Effects| tell(effects, db, key.bytes);
        store.door.changed(db, key, Change::Written, is_new, tell);
        if is_given {
            store.door.put_with_expiry(db, key);
        }
        Ok(())
    }

    /// Lets `edit` change what is there or make something where nothing is, and tells the door, as `wording` says, if it did. Counts as a use of the key.
    ///
    /// # Errors
    /// What `edit` says; it must have changed nothing then.
    #[inline]
    pub(super) fn change<R, E>(
        self,
        wording: Wording<'_>,
        edit: impl FnOnce(&mut Editing<'_, '_>) -> Result<Edited<R>, E>,
    ) -> Result<R, E> {
        self.change_telling(edit, |effects, db, _, _| effects.append_worded(db, wording))
    }

    /// The same; `tell` says what it was by what came of it.
    #[inline]
    pub(super) fn change_telling<R, E>(
        mut self,
        edit: impl FnOnce(&mut Editing<'_, '_>) -> Result<Edited<R>, E>,
        tell: impl FnOnce(&mut Effects, DbIndex, &[u8], &R),
    ) -> Result<R, E> {
        let is_new = match self.before.alive() {
            Some(found) => {
                self.store.touch(self.db, found);
                false
            }
            None => true,
        };
        let edited = edit(&mut Editing { slot: &mut self })?;
        let Self {
            store,
            db,
            key,
            before,
        } = self;
        match edited {
            Edited::Changed(result) => {
                let change = match before.alive() {
                    Some(_) => Change::Written,
                    None => Change::Deleted,
                };
                let tell = |effects: &mut Effects| tell(effects, db, key.bytes, &result);
                store.door.changed(db, key, change, is_new, tell);
                Ok(result)
            }
            Edited::Same(result) => Ok(result),
        }
    }
}

/// A value while it is changed, between the two words to the door.
#[derive(Debug)]
pub(super) struct Editing<'s, 'a> {
    /// Where it lies: copied, it would be read before the processor has it written.
    slot: &'s mut Slot<'a>,
}

#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "strings need less than the packed forms of collections"
    )
)]
impl Editing<'_, '_> {
    /// What is there.
    pub(super) fn value(&self) -> Option<Value<'_>> {
        let found = self.slot.before.alive()?;
        Some(self.slot.store.database(self.slot.db).value(found.handle))
    }

    /// Makes a value where nothing is; it never expires.
    pub(super) fn create(&mut self, content: Content<'_>) -> Result<(), StoreFull> {
        debug_assert!(self.slot.before.alive().is_none(), "nothing is there");
        self.put_over(content, None)
    }

    /// Drops whatever is there with all that belongs to it, and puts a value that expires then, or never, in its place.
    pub(super) fn put_over(
        &mut self,
        content: Content<'_>,
        expiry: Option<u64>,
    ) -> Result<(), StoreFull> {
        self.slot.store.write(
            self.slot.db,
            self.slot.key,
            self.slot.before,
            content,
            expiry,
        )?;
        let found = self.slot.store.database(self.slot.db).find(self.slot.key);
        self.slot.before = found.map_or(Before::Nothing, Before::Alive);
        Ok(())
    }

    /// Drops whatever is there with all that belongs to it; whether anything was.
    pub(super) fn drop_value(&mut self) -> bool {
        let Some(found) = self.slot.before.alive() else {
            return false;
        };
        self.slot.store.before_change(self.slot.db, found.handle);
        let Store {
            databases,
            reclaimer,
            ..
        } = &mut *self.slot.store;
        databases[usize::from(self.slot.db.0)].remove(found, reclaimer);
        self.slot.before = Before::Nothing;
        true
    }

    /// Puts other content in the place of what is there; the expiry stays. What the blob of a collection refers to stays too: the new content does.
    pub(super) fn replace(&mut self, content: Content<'_>) -> Result<(), StoreFull> {
        let found = self.there()?;
        self.slot.store.before_change(self.slot.db, found.handle);
        let Store {
            databases,
            reclaimer,
            ..
        } = &mut *self.slot.store;
        let database = &mut databases[usize::from(self.slot.db.0)];
        let entry = database.entry(found.handle);
        let marks = Marks {
            expiry: entry.expiry(),
            mark: entry.mark(),
        };
        let handle = database.renew(found, content, marks, reclaimer)?;
        self.slot.before = Before::Alive(Found { handle, ..found });
        Ok(())
    }

    /// The bytes of what is there, in the entry or an extent; none where nothing is.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        match self.slot.before.alive() {
            Some(found) => self.slot.store.database_mut(self.slot.db).bytes_mut(found),
            None => &mut [],
        }
    }

    /// Makes sure that the bytes can be edited where they lie: others may have them too.
    pub(super) fn own_bytes(&mut self) -> Result<(), StoreFull> {
        let found = self.there()?;
        let Store {
            databases,
            reclaimer,
            ..
        } = &mut *self.slot.store;
        databases[usize::from(self.slot.db.0)].own_bytes(found, reclaimer)
    }

    /// Gives another flavour to what is there.
    pub(super) fn set_form(&mut self, form: Form) {
        if let Some(found) = self.slot.before.alive() {
            self.slot
                .store
                .database_mut(self.slot.db)
                .set_form(found, form);
        }
    }

    /// Lets what is there be `len` bytes long: zeros follow what was there, or its end is lost.
    pub(super) fn resize(&mut self, len: usize) -> Result<(), StoreFull> {
        let found = self.there()?;
        let Store {
            databases,
            reclaimer,
            ..
        } = &mut *self.slot.store;
        let database = &mut databases[usize::from(self.slot.db.0)];
        self.slot.before = Before::Alive(database.resize(found, len, reclaimer)?);
        Ok(())
    }

    /// Puts `with` in the place of some bytes of what is there.
    pub(super) fn splice(&mut self, range: Range<usize>, with: &[u8]) -> Result<(), StoreFull> {
        let old_len = self.bytes_mut().len();
        let new_len = old_len - range.len() + with.len();
        let behind = range.start + with.len();
        if new_len > old_len {
            self.resize(new_len)?;
        }
        let bytes = self.bytes_mut();
        bytes.copy_within(range.end..old_len, behind);
        bytes[range.start..behind].copy_from_slice(with);
        if new_len < old_len {
            self.resize(new_len)?;
        }
        Ok(())
    }

    /// Whether what is there would still stand in its entry with so many bytes.
    pub(super) fn fits_inline(&self, len: usize) -> bool {
        let database = self.slot.store.database(self.slot.db);
        let found = self.slot.before.alive();
        found.is_some_and(|found| database.fits_inline(found, len))
    }

    /// Puts an object in the place of the bytes that are there, whose expiry stays, or where nothing is.
    pub(super) fn become_object(
        &mut self,
        form: Form,
        object: Box<dyn Large>,
    ) -> Result<(), StoreFull> {
        self.with_object(form, object, |editing, content| {
            match editing.slot.before.alive() {
                Some(_) => editing.replace(content),
                None => editing.create(content),
            }
        })
    }

    /// [`Self::put_over`] with an object.
    pub(super) fn put_object_over(
        &mut self,
        form: Form,
        object: Box<dyn Large>,
        expiry: Option<u64>,
    ) -> Result<(), StoreFull> {
        self.with_object(form, object, |editing, content| {
            editing.put_over(content, expiry)
        })
    }

    fn with_object(
        &mut self,
        form: Form,
        object: Box<dyn Large>,
        put: impl FnOnce(&mut Self, Content<'_>) -> Result<(), StoreFull>,
    ) -> Result<(), StoreFull> {
        let id = self
            .slot
            .store
            .database_mut(self.slot.db)
            .add_object(object);
        let body = Body::Object(id);
        let put = put(self, Content { form, body });
        if put.is_err() {
            self.slot.store.database_mut(self.slot.db).forget_object(id);
        }
        put
    }

    /// Lets the object that is there be changed; `None` when what is there is none.
    pub(super) fn edit_object<R>(
        &mut self,
        change: impl FnOnce(&mut dyn Large, &mut Leaves) -> R,
    ) -> Option<R> {
        let found = self.slot.before.alive()?;
        let database = self.slot.store.database_mut(self.slot.db);
        database.edit_object(found, change)
    }

    /// Brings what is known of an object beside it up to date: see [`Database::settle`](super::database::Database::settle).
    pub(super) fn settle(&mut self) {
        if let Some(found) = self.slot.before.alive() {
            let Store {
                databases,
                reclaimer,
                ..
            } = &mut *self.slot.store;
            let settled = databases[usize::from(self.slot.db.0)].settle(found, reclaimer);
            self.slot.before = Before::Alive(settled);
        }
    }

    /// Whether anybody keeps what is told.
    pub(super) fn is_recording(&self) -> bool {
        self.slot.store.door.effects().is_recording()
    }

    /// Takes a part of what was there, to be freed slice by slice.
    pub(super) fn give_up(&mut self, object: Box<dyn Large>) {
        self.slot.store.database_mut(self.slot.db).give_up(object);
    }

    /// Where collections keep what they refer to.
    pub(super) fn leaves(&mut self) -> &mut Leaves {
        self.slot.store.database_mut(self.slot.db).leaves_mut()
    }

    /// Makes sure that what is there can be replaced by bytes that stand in an entry, or by an object.
    pub(super) fn reserve(&mut self) -> Result<(), StoreFull> {
        self.slot.store.database_mut(self.slot.db).reserve_entry()
    }

    /// The longest blob that is to stand in the entry of this key, whether it expires or not.
    pub(super) fn most_blob_bytes(&self) -> usize {
        most_value_bytes(self.slot.key.bytes.len())
    }

    /// Removes the key, for nothing is left of its value. The wording of the change says so as well: whoever replays it comes to the same end.
    pub(super) fn remove(&mut self) {
        if let Some(found) = self.slot.before.alive() {
            self.slot.store.before_change(self.slot.db, found.handle);
            let Store {
                databases,
                reclaimer,
                ..
            } = &mut *self.slot.store;
            databases[usize::from(self.slot.db.0)].remove_husk(found, reclaimer);
            self.slot.before = Before::Nothing;
        }
    }

    fn there(&self) -> Result<Found, StoreFull> {
        debug_assert!(self.slot.before.alive().is_some(), "something is there");
        self.slot.before.alive().ok_or(StoreFull)
    }
}

impl Store {
    /// A key that is to be written, with what is there. An expired entry is there for nobody, and is written over.
    #[inline]
    #[must_use]
    pub fn slot<'a>(&'a mut self, db: DbIndex, key: Key<'a>) -> Slot<'a> {
        let database = self.database(db);
        let before = match database.find(key) {
            None => Before::Nothing,
            Some(found) if database.is_dead(found.handle, self.now_ms) => {
                self.before_change(db, found.handle);
                Before::Dead(found)
            }
            Some(found) => {
                self.before_edit(db, found.handle);
                self.database_mut(db).freshen(found.handle);
                Before::Alive(found)
            }
        };
        Slot {
            store: self,
            db,
            key,
            before,
        }
    }

    /// The access mark and expiry for a value that is written now.
    fn marks(&mut self, db: DbIndex, key: Key<'_>, before: Before, expiry: Option<u64>) -> Marks {
        let len = self.database(db).len();
        let mark = match before {
            Before::Nothing => {
                let to_main = self.evictor.recall(key.hash);
                self.clock.added(len, to_main)
            }
            // A write counts as a use, and does not make the key a new one.
            Before::Alive(found) => {
                let mark = self.database(db).entry(found.handle).mark();
                self.clock.used(mark)
            }
            Before::Dead(_) => self.clock.added(len, false),
        };
        Marks { expiry, mark }
    }

    /// What is there goes as a whole: that it is about to be edited was said before.
    #[cold]
    #[inline(never)]
    fn before_overwrite(&mut self, db: DbIndex, before: Before) {
        if let Before::Alive(found) = before {
            self.before_change(db, found.handle);
        }
    }

    /// Writes a whole value; the door is not told of that, but of the end of an expired one that was there.
    #[inline]
    pub(super) fn write(
        &mut self,
        db: DbIndex,
        key: Key<'_>,
        before: Before,
        content: Content<'_>,
        expiry: Option<u64>,
    ) -> Result<(), StoreFull> {
        if self.is_capturing() {
            self.before_overwrite(db, before);
        }
        let marks = self.marks(db, key, before, expiry);
        let database = &mut self.databases[usize::from(db.0)];
        match before {
            Before::Nothing => database.insert(key, content, marks),
            Before::Alive(found) => database.overwrite(found, content, marks, &mut self.reclaimer),
            Before::Dead(found) => {
                database.overwrite(found, content, marks, &mut self.reclaimer)?;
                self.note_expired(db, key);
                Ok(())
            }
        }
    }
}
