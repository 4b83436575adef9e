//! [`ValueCopy`]: a large value that is copied to another place a part at a time.
//! Pure. Invariants: until it is put nobody sees it; what it takes is its database's memory, and is counted there, until it is put or given up.
//! Whoever copies keeps others from both keys meanwhile.

use super::content::Value;
use super::database::Copied;
use super::error::StoreFull;
use super::key::{DbIndex, Key};
use super::keyspace::Store;
use super::object::Copying;

/// With more bytes than these, a value is copied a part at a time: so many take half a millisecond.
const UNDIVIDED_BYTES: u64 = 16 * 1024;

/// A copy under way.
#[derive(Debug)]
#[must_use = "its memory is the database's until it is put or given up"]
pub struct ValueCopy {
    from_db: DbIndex,
    to_db: DbIndex,
    copying: Copying,
}

/// How far a [`ValueCopy`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyProgress {
    /// There is more to copy.
    More,
    /// All is copied.
    Over,
    /// There is no original any more.
    Gone,
}

impl ValueCopy {
    /// One to which nothing was copied yet.
    pub fn new(from_db: DbIndex, to_db: DbIndex) -> Self {
        Self {
            from_db,
            to_db,
            copying: Copying::default(),
        }
    }
}

impl Store {
    /// Whether what a key holds is to be copied a part at a time.
    #[must_use]
    pub fn is_long_to_copy(&self, db: DbIndex, key: Key<'_>) -> bool {
        let object = self.look(db, key).and_then(Value::object);
        object.is_some_and(|object| object.payload() > UNDIVIDED_BYTES)
    }

    /// Copies a part of what a key holds.
    ///
    /// # Errors
    /// [`StoreFull`]; the copy is to be given up.
    pub fn copy_some(
        &mut self,
        copy: &mut ValueCopy,
        from: Key<'_>,
    ) -> Result<CopyProgress, StoreFull> {
        let Some(found) = self.live(copy.from_db, from) else {
            return Ok(CopyProgress::Gone);
        };
        let (from_db, to_db) = (copy.from_db, copy.to_db);
        let copied = self.copy_slice((from_db, found), to_db, &mut copy.copying)?;
        Ok(match copied {
            None => CopyProgress::Gone,
            Some(false) => CopyProgress::More,
            Some(true) => CopyProgress::Over,
        })
    }

    /// Puts a copy that is over in the place of whatever is at `to`; it expires as the original does. `false` when there is no original any more.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed, and the copy is freed.
    pub fn put_copy(
        &mut self,
        copy: ValueCopy,
        from: Key<'_>,
        to: Key<'_>,
    ) -> Result<bool, StoreFull> {
        let (from_db, to_db) = (copy.from_db, copy.to_db);
        let is_put = self.put_unheard(copy, from, to)?;
        if is_put {
            self.tell_copied((from_db, from), to_db, to);
        }
        Ok(is_put)
    }

    /// The same, and the original goes: the key is in the other database then.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed, and the copy is freed.
    pub fn put_moved(&mut self, copy: ValueCopy, key: Key<'_>) -> Result<bool, StoreFull> {
        let (from_db, to_db) = (copy.from_db, copy.to_db);
        let is_put = self.put_unheard(copy, key, key)?;
        if is_put {
            self.drop_original(from_db, key);
            self.tell_moved(from_db, key, to_db);
        }
        Ok(is_put)
    }

    fn put_unheard(
        &mut self,
        copy: ValueCopy,
        from: Key<'_>,
        to: Key<'_>,
    ) -> Result<bool, StoreFull> {
        let (from_db, to_db) = (copy.from_db, copy.to_db);
        let Some(found) = self.live(from_db, from) else {
            self.give_up_copy(copy);
            return Ok(false);
        };
        let object = copy.copying.into_made().ok_or(StoreFull)?;
        self.write_copy((from_db, found), Copied::Object(object), to_db, to)?;
        Ok(true)
    }

    /// Frees what was copied, a part at a time.
    pub fn give_up_copy(&mut self, copy: ValueCopy) {
        if let Some(object) = copy.copying.into_made() {
            self.database_mut(copy.to_db).give_up(object);
        }
    }
}
