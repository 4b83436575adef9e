//! Asking memory ahead of time for what a batch of commands will read: entries of keys, and elements of large collections.
//! Pure. Never: changes anything. Invariant: hints only; what is asked for in vain costs time and nothing else.

use super::key::{DbIndex, Key, KeyHash};
use super::keyspace::Store;
use super::object::{Ahead, ObjectId};
use super::slab::Handle;

/// Where the entries of some keys are, most likely: good for asking memory ahead, and for nothing else.
#[derive(Debug, Default)]
pub struct ExpectedEntries(Vec<Handle>);

/// The large collection that a key holds. Good until anything is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpectedObject(ObjectId);

/// Steps on the way to an element of a large collection ([`Store::prefetch_elements`]): what one has asked for the next one reads.
pub const ELEMENT_STEPS: usize = 6;

impl Store {
    /// Stage 1 of a batch: asks for the cell of the directory that leads to a key.
    #[inline]
    pub fn prefetch_path(&self, db: DbIndex, hash: KeyHash) {
        self.database(db).prefetch_path(hash);
    }

    /// Stage 2: asks for the index line of a key.
    #[inline]
    pub fn prefetch_line(&self, db: DbIndex, hash: KeyHash) {
        self.database(db).prefetch_line(hash);
    }

    /// Stage 3: matches the line (by now in cache) and notes the entry. `false` when the key may lie in another line; that one is asked for then.
    #[inline]
    #[must_use]
    pub fn expect_entry(&self, db: DbIndex, hash: KeyHash, expected: &mut ExpectedEntries) -> bool {
        self.database(db)
            .expect_entries(hash, |handle| expected.0.push(handle))
    }

    /// Stage 4, for such a key: matches the other lines and notes the entry.
    pub fn expect_stray(&self, db: DbIndex, hash: KeyHash, expected: &mut ExpectedEntries) {
        self.database(db)
            .expect_strays(hash, |handle| expected.0.push(handle));
    }

    /// Asks for all entries that were noted, and forgets them.
    #[inline]
    pub fn prefetch_expected(&self, db: DbIndex, expected: &mut ExpectedEntries) {
        let database = self.database(db);
        for handle in expected.0.drain(..) {
            database.prefetch_entry(handle);
        }
    }

    /// The large collection that a key holds, whose entry is in cache by now; `None` where there is none.
    #[must_use]
    pub fn expect_object(&self, db: DbIndex, key: Key<'_>) -> Option<ExpectedObject> {
        let database = self.database(db);
        let found = database.find(key)?;
        database.entry(found.handle).object().map(ExpectedObject)
    }

    /// The hash of an element of a collection.
    #[inline]
    #[must_use]
    pub fn element_hash(&self, db: DbIndex, text: &[u8]) -> u64 {
        self.database(db).leaves().element_hash(text)
    }

    /// One of [`ELEMENT_STEPS`] on the way to elements of a large collection.
    #[inline]
    pub fn prefetch_elements(
        &self,
        db: DbIndex,
        object: ExpectedObject,
        elements: &mut [Ahead<'_>],
        step: usize,
    ) {
        self.database(db).look_ahead(object.0, elements, step);
    }
}
