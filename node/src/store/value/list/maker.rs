//! [`ListMaker`]: a list that is made aside, element by element, and then put in the place of another value.
//! Pure.

use super::List;
use crate::store::door::{Effects, word};
use crate::store::entry::most_value_bytes;
use crate::store::key::{DbIndex, Key};
use crate::store::value::collection::put_made;
use crate::store::value::limits::Limits;
use crate::store::value::texts::Texts;
use crate::store::{Store, StoreFull};
use shared::command::CommandId;

/// Elements that one command of the effects names: the reader takes it in one piece.
const TOLD_AT_ONCE: usize = 128;

/// A list that is made aside, in a database's memory. Whoever makes one puts it somewhere or drops it.
#[derive(Debug)]
#[must_use = "its memory is the database's until it is put or dropped"]
pub struct ListMaker {
    list: List,
    db: DbIndex,
    limits: Limits,
}

impl ListMaker {
    /// One without elements, for this key of `db`.
    pub fn new(db: DbIndex, key: &[u8]) -> Self {
        let limits = Limits {
            entries: u64::MAX,
            element_bytes: usize::MAX,
            blob_bytes: most_value_bytes(key.len()).min(Limits::MOST_BLOB_BYTES),
        };
        Self {
            list: List::default(),
            db,
            limits,
        }
    }

    /// Puts an element at the end.
    ///
    /// # Errors
    /// [`StoreFull`]; it is not there then.
    pub fn push(&mut self, store: &mut Store, element: &[u8]) -> Result<(), StoreFull> {
        let leaves = store.database_mut(self.db).leaves_mut();
        self.list.push_back(leaves, element, &self.limits)
    }

    /// Puts it in the place of whatever is at a key of its database, for ever; without elements there is no key then. How many there are.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn put(self, store: &mut Store, key: Key<'_>) -> Result<u64, StoreFull> {
        let Self { list, db, .. } = self;
        let len = list.view().len();
        let mut elements = Texts::default();
        if store.effects().is_recording() {
            let leaves = store.database(db).leaves();
            list.view()
                .walk(leaves, 0, len, |element| elements.push(element));
        }
        put_made(store.slot(db, key), list, None, |effects, db, key, ()| {
            tell_stored(effects, db, key, &elements);
        })?;
        Ok(len)
    }

    /// Frees it, a part at a time: what is left of a large one goes with what waits to be freed.
    pub fn drop(self, store: &mut Store) {
        store.database_mut(self.db).give_up(Box::new(self.list));
    }
}

/// What was stored, in pieces that are one to who replays it.
fn tell_stored(effects: &mut Effects, db: DbIndex, key: &[u8], elements: &Texts) {
    let delete = [word(CommandId::Del), key];
    if elements.is_empty() {
        effects.append_words(db, &delete);
        return;
    }
    effects.begin_unit();
    effects.append_words(db, &delete);
    for first in (0..elements.len()).step_by(TOLD_AT_ONCE) {
        let end = elements.len().min(first + TOLD_AT_ONCE);
        let mut words = vec![word(CommandId::Rpush), key];
        words.extend((first..end).map(|nth| elements.get(nth)));
        effects.append_words(db, &words);
    }
    effects.end_unit();
}
