//! [`Store`]: values under other names and in other databases; whole databases cleared and exchanged.
//! Pure. Invariant: what is copied or moved keeps its value and its expiry; its access mark starts anew.

use super::content::{Body, Content};
use super::database::{Copied, Database, Found};
use super::door::{Change, Effects, word};
use super::error::StoreFull;
use super::key::{DbIndex, Key, KeyHash};
use super::keyspace::{Before, Store};
use super::object::Copying;
use super::value::blob;
use shared::command::CommandId;

impl Store {
    /// Copies value and expiry over `to`, which is replaced. `false` when `from` does not exist.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn copy(
        &mut self,
        from_db: DbIndex,
        from: Key<'_>,
        to_db: DbIndex,
        to: Key<'_>,
    ) -> Result<bool, StoreFull> {
        if from_db == to_db && from.bytes == to.bytes {
            return Ok(self.exists(from_db, from));
        }
        let copied = self.copy_value(from_db, from, to_db, to)?;
        if copied {
            self.tell_copied((from_db, from), to_db, to);
        }
        Ok(copied)
    }

    pub(super) fn tell_copied(
        &mut self,
        (from_db, from): (DbIndex, Key<'_>),
        to_db: DbIndex,
        to: Key<'_>,
    ) {
        self.door
            .changed(to_db, to, Change::Written, true, |effects| {
                let number = to_db.0.to_string();
                let words = [
                    word(CommandId::Copy),
                    from.bytes,
                    to.bytes,
                    b"DB",
                    number.as_bytes(),
                    b"REPLACE",
                ];
                effects.append_words(from_db, &words);
            });
    }

    /// Gives what a key holds to another one of the same database, which is replaced. `false` when `from` does not exist. The two differ.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn rename(&mut self, db: DbIndex, from: Key<'_>, to: Key<'_>) -> Result<bool, StoreFull> {
        let renamed = self.rename_outside(db, from, to)? || self.move_value(db, from, db, to)?;
        if renamed {
            let names = ["rename_from", "rename_to"];
            self.door.renamed((db, from), (db, to), names, |effects| {
                let words = [word(CommandId::Rename), from.bytes, to.bytes];
                effects.append_words(db, &words);
            });
        }
        Ok(renamed)
    }

    /// Moves a key to another database. `false` when it does not exist, or exists there.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn move_key(
        &mut self,
        from_db: DbIndex,
        key: Key<'_>,
        to_db: DbIndex,
    ) -> Result<bool, StoreFull> {
        if !self.exists(from_db, key) || self.exists(to_db, key) {
            return Ok(false);
        }
        let moved = self.move_value(from_db, key, to_db, key)?;
        if moved {
            self.tell_moved(from_db, key, to_db);
        }
        Ok(moved)
    }

    pub(super) fn tell_moved(&mut self, from_db: DbIndex, key: Key<'_>, to_db: DbIndex) {
        let names = ["move_from", "move_to"];
        let (from, to) = ((from_db, key), (to_db, key));
        self.door.renamed(from, to, names, |effects| {
            let number = to_db.0.to_string();
            let words = [word(CommandId::Move), key.bytes, number.as_bytes()];
            effects.append_words(from_db, &words);
        });
    }

    /// By way of a copy; within one database what a blob refers to is not copied.
    fn move_value(
        &mut self,
        from_db: DbIndex,
        from: Key<'_>,
        to_db: DbIndex,
        to: Key<'_>,
    ) -> Result<bool, StoreFull> {
        if from_db != to_db {
            let copied = self.copy_value(from_db, from, to_db, to)?;
            if copied {
                self.drop_original(from_db, from);
            }
            return Ok(copied);
        }
        let Some(found) = self.live(from_db, from) else {
            return Ok(false);
        };
        let value = self.database(from_db).value(found.handle);
        let (form, expiry) = (value.form(), value.entry.expiry());
        let mut moved = Vec::new();
        moved
            .try_reserve_exact(value.bytes().len())
            .map_err(|_| StoreFull)?;
        moved.extend_from_slice(value.bytes());
        let body = Body::Bytes(&moved);
        self.write_over(to_db, to, Content { form, body }, expiry)?;
        if let Some(found) = self.live(from_db, from) {
            self.before_change(from_db, found.handle);
            self.databases[usize::from(from_db.0)].remove_husk(found, &mut self.reclaimer);
        }
        Ok(true)
    }

    /// Found anew, for entries may have moved.
    pub(super) fn drop_original(&mut self, db: DbIndex, key: Key<'_>) {
        if let Some(found) = self.live(db, key) {
            self.before_change(db, found.handle);
            self.databases[usize::from(db.0)].remove(found, &mut self.reclaimer);
        }
    }

    fn copy_value(
        &mut self,
        from_db: DbIndex,
        from: Key<'_>,
        to_db: DbIndex,
        to: Key<'_>,
    ) -> Result<bool, StoreFull> {
        let Some(found) = self.live(from_db, from) else {
            return Ok(false);
        };
        let copied = self.copy_outside(from_db, found, to_db)?;
        self.write_copy((from_db, found), copied, to_db, to)?;
        Ok(true)
    }

    /// Writes a copy of the value that was found over whatever is at a key.
    pub(super) fn write_copy(
        &mut self,
        (from_db, found): (DbIndex, Found),
        copied: Copied,
        to_db: DbIndex,
        to: Key<'_>,
    ) -> Result<(), StoreFull> {
        let value = self.database(from_db).value(found.handle);
        let (kind, form, expiry) = (value.kind(), value.form(), value.entry.expiry());
        match copied {
            Copied::Object(object) => {
                let id = self.database_mut(to_db).add_object(object);
                let body = Body::Object(id);
                let written = self.write_over(to_db, to, Content { form, body }, expiry);
                if written.is_err() {
                    self.database_mut(to_db).forget_object(id);
                }
                written
            }
            Copied::Bytes(copy) => {
                let body = Body::Bytes(&copy);
                let written = self.write_over(to_db, to, Content { form, body }, expiry);
                if written.is_err() {
                    blob::free(kind, &copy, self.database_mut(to_db).leaves_mut());
                }
                self.reclaimer.drop_bytes(copy);
                written
            }
        }
    }

    fn copy_outside(
        &mut self,
        from_db: DbIndex,
        found: Found,
        to_db: DbIndex,
    ) -> Result<Copied, StoreFull> {
        let (from_at, to_at) = (usize::from(from_db.0), usize::from(to_db.0));
        match self.databases.get_disjoint_mut([from_at, to_at]) {
            Ok([from, to]) => from.copy_outside(found.handle, Some(to)),
            Err(_) => self.databases[from_at].copy_outside(found.handle, None),
        }
    }

    /// Copies a part of the object that was found; `None` when what was found is none.
    pub(super) fn copy_slice(
        &mut self,
        (from_db, found): (DbIndex, Found),
        to_db: DbIndex,
        copying: &mut Copying,
    ) -> Result<Option<bool>, StoreFull> {
        let (from_at, to_at) = (usize::from(from_db.0), usize::from(to_db.0));
        match self.databases.get_disjoint_mut([from_at, to_at]) {
            Ok([from, to]) => from.copy_slice(found.handle, Some(to), copying),
            Err(_) => self.databases[from_at].copy_slice(found.handle, None, copying),
        }
    }

    /// Writes over whatever is at a key, as a new one.
    fn write_over(
        &mut self,
        db: DbIndex,
        key: Key<'_>,
        content: Content<'_>,
        expiry: Option<u64>,
    ) -> Result<(), StoreFull> {
        let before = self.slot(db, key).before_whole();
        self.write(db, key, before, content, expiry)
    }

    /// Renames without copying, where the value lies outside of its entry.
    fn rename_outside(
        &mut self,
        db: DbIndex,
        from: Key<'_>,
        to: Key<'_>,
    ) -> Result<bool, StoreFull> {
        let Some(found) = self.live(db, from) else {
            return Ok(false);
        };
        self.before_change(db, found.handle);
        let before = self.slot(db, to).before_whole();
        let there = match before {
            Before::Nothing => None,
            Before::Alive(found) | Before::Dead(found) => Some(found),
        };
        let database = &mut self.databases[usize::from(db.0)];
        let mark = self.clock.added(database.len(), false);
        let renamed = database.rename_outside(from, to, there, mark, &mut self.reclaimer)?;
        if renamed && matches!(before, Before::Dead(_)) {
            self.note_expired(db, to);
        }
        Ok(renamed)
    }

    /// Forgets all keys of `db` at once; returns how many there were. The memory goes back on a side thread when it is much.
    pub fn clear(&mut self, db: DbIndex) -> usize {
        let keys = self.forget(db);
        self.door.swept_out(keys, |effects| {
            effects.append_words(db, &[word(CommandId::Flushdb)]);
        });
        keys
    }

    /// The same for all databases; `db` is where the asker stands.
    pub fn clear_all(&mut self, db: DbIndex) -> usize {
        let databases = (0..self.databases()).map(DbIndex);
        let keys = databases.map(|each| self.forget(each)).sum();
        self.door.swept_out(keys, |effects| {
            effects.append_words(db, &[word(CommandId::Flushall)]);
        });
        keys
    }

    fn forget(&mut self, db: DbIndex) -> usize {
        let empty = Database::new(self.hasher, self.page_limit);
        let old = std::mem::replace(self.database_mut(db), empty);
        let keys = old.len();
        if self.door.has_hearers() {
            let was_there = |hash| old.find_hash(hash).is_some();
            self.door
                .settle(db, |hash| was_there(hash).then_some(Change::Deleted));
        }
        self.let_go(old);
        keys
    }

    /// Exchanges two databases; `db` is where the asker stands.
    pub fn swap(&mut self, db: DbIndex, one: DbIndex, other: DbIndex) {
        self.databases
            .swap(usize::from(one.0), usize::from(other.0));
        let tell = |effects: &mut Effects| {
            let (one, other) = (one.0.to_string(), other.0.to_string());
            let words = [word(CommandId::Swapdb), one.as_bytes(), other.as_bytes()];
            effects.append_words(db, &words);
        };
        self.door.swept_out(1, tell);
        if !self.door.has_hearers() || one == other {
            return;
        }
        let databases = &self.databases;
        let is_in = |db: DbIndex, hash: KeyHash| {
            let database = &databases[usize::from(db.0)];
            database.find_hash(hash).is_some()
        };
        for (now, before) in [(one, other), (other, one)] {
            self.door.settle(now, |hash| {
                if is_in(now, hash) {
                    Some(Change::Written)
                } else {
                    is_in(before, hash).then_some(Change::Deleted)
                }
            });
        }
    }
}
