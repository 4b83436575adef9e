//! [`SortedSetMaker`]: a sorted set that is made aside, member by member, and then put in the place of another value.
//! Pure.

use super::edit::tell_stored;
use super::{AddRule, SortedSet};
use crate::store::entry::most_value_bytes;
use crate::store::key::{DbIndex, Key};
use crate::store::value::collection::put_made;
use crate::store::value::limits::Limits;
use crate::store::value::members::MemberList;
use crate::store::{Store, StoreFull};

/// A sorted set that is made aside, in a database's memory. Whoever makes one puts it somewhere or drops it.
#[derive(Debug)]
#[must_use = "its memory is the database's until it is put or dropped"]
pub struct SortedSetMaker {
    set: SortedSet,
    db: DbIndex,
    limits: Limits,
}

impl SortedSetMaker {
    /// One without members, for this key of `db`.
    pub fn new(db: DbIndex, key: &[u8], mut limits: Limits) -> Self {
        limits.blob_bytes = most_value_bytes(key.len()).min(Limits::MOST_BLOB_BYTES);
        Self {
            set: SortedSet::default(),
            db,
            limits,
        }
    }

    /// Adds a member. The score is a number.
    ///
    /// # Errors
    /// [`StoreFull`]; it is not a member then.
    pub fn add(&mut self, store: &mut Store, member: &[u8], score: f64) -> Result<(), StoreFull> {
        let leaves = store.database_mut(self.db).leaves_mut();
        let rule = AddRule::default();
        self.set
            .add(leaves, score, member, rule, &self.limits)
            .map(|_| ())
    }

    /// Puts it in the place of whatever is at a key of its database, for ever; without members there is no key then. How many there are.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn put(self, store: &mut Store, key: Key<'_>) -> Result<u64, StoreFull> {
        let Self { set, db, .. } = self;
        let len = set.view().len();
        let mut members = MemberList::default();
        if store.effects().is_recording() {
            let leaves = store.database(db).leaves();
            set.view().walk(leaves, 0, len, |member, score| {
                members.push(member, score);
            });
        }
        put_made(store.slot(db, key), set, None, |effects, db, key, ()| {
            tell_stored(effects, db, key, &members);
        })?;
        Ok(len)
    }

    /// Frees it, a part at a time: what is left of a large one goes with what waits to be freed.
    pub fn drop(self, store: &mut Store) {
        store.database_mut(self.db).give_up(Box::new(self.set));
    }
}
