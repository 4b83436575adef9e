//! [`Capturing`]: the keyspace of one moment, taken while it goes on changing. Whoever takes it ([`Keeper`]) is shown every key once, as it was.
//! Pure. Never: writes a byte of it. Invariants: what is about to change is shown before it does; a value that is shown in parts stays as it is from the first to the last, or remembers what it was.
//!
//! The walk goes over the slabs, where entries lie in order, and a bit for each place says what has been shown. A small value is shown at once when it is about to change. A large one is not: that would take as long as it takes to write all of it.
//! - Large hashes and sets remember what they were ([`Remembering`](super::object::Remembering)): their elements change meanwhile.
//! - Commands that would change another one, or put something in the place of any, wait ([`Store::is_waited_for`]) while it is shown in parts, and it comes next.

use super::content::Value;
use super::database::Database;
use super::entry::Kind;
use super::key::{DbIndex, Key, KeyHash};
use super::keyspace::Store;
use super::slab::Handle;
use super::value::Texts;
use std::any::Any;
use std::collections::VecDeque;
use std::fmt::Debug;

/// An object with more bytes than these is shown in parts: so many are written in half a millisecond.
const SHOWN_AT_ONCE_BYTES: u64 = 16 * 1024;
/// The same for a string, which is only copied.
const COPIED_AT_ONCE_BYTES: usize = 256 * 1024;
/// Keys that wait to be shown out of turn. Of more, commands wait for those.
const MOST_URGENT: usize = 64;

/// With more bytes of changed elements that are still to be shown, who changes more waits: so many are written in half a millisecond.
const MOST_EARLY_BYTES: u64 = 128 * 1024;
/// The same for all large values of a database together, while it is not their turn.
const MOST_REMEMBERED_BYTES: u64 = 4 * 1024 * 1024;

/// A key as it was.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// Its database, by the number that it had at the moment.
    pub db: DbIndex,
    /// Its name.
    pub key: &'a [u8],
    /// Its value.
    pub value: Value<'a>,
    /// When it expires, Unix milliseconds.
    pub expiry: Option<u64>,
}

/// A key as it was whose elements come apart.
#[derive(Clone, Copy, Debug)]
pub struct KeptApart<'a> {
    /// Its database, by the number that it had at the moment.
    pub db: DbIndex,
    /// Its name.
    pub key: &'a [u8],
    /// Hash or set.
    pub kind: Kind,
    /// How many elements it had.
    pub len: u64,
    /// When it expires, Unix milliseconds.
    pub expiry: Option<u64>,
}

/// Puts the next elements in the place of those that it is given, of a hash fields and values by turns; there may be none. `false` when there are no more.
pub type MoreElements<'a> = &'a mut dyn FnMut(&mut Texts) -> bool;

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Showing {
    /// A part, until the last was; no other key is shown in parts meanwhile.
    Part,
    /// What is left of which parts were shown.
    Rest,
    /// All of one of which nothing was.
    All,
}

/// Who takes the keyspace of a moment.
pub trait Keeper: Any + Debug {
    /// A key, all at once; `is_rest`: parts of it were shown before, and it is what is left of it.
    fn keep(&mut self, kept: Kept<'_>, is_rest: bool);

    /// A part of a large one; whether that was the last. Until it was, no other key is shown in parts.
    fn keep_some(&mut self, kept: Kept<'_>) -> bool;

    /// A key whose elements come apart, for it changes meanwhile; whether those were the last.
    fn keep_apart(&mut self, kept: KeptApart<'_>, showing: Showing, more: MoreElements<'_>)
    -> bool;
}

/// A capture under way.
#[derive(Debug)]
pub(super) struct Capturing {
    keeper: Box<dyn Keeper>,
    /// Databases that were cleared since, while something was still to be taken of them.
    cleared: Vec<Database>,
    /// What is shown in parts.
    pinned: Option<Name>,
    /// Large keys that somebody waits to change, by the databases where they are now.
    urgent: VecDeque<Name>,
    /// Somebody waits for what is shown in parts.
    is_urgent: bool,
    /// Some of those that wait need not any more.
    has_released: bool,
}

/// A key by its database and name.
#[derive(Debug)]
struct Name {
    db: DbIndex,
    hash: KeyHash,
    bytes: Vec<u8>,
}

impl Name {
    fn key(&self) -> Key<'_> {
        Key {
            bytes: &self.bytes,
            hash: self.hash,
        }
    }
}

fn is_large(value: Value<'_>) -> bool {
    match value.object() {
        Some(object) => object.payload() > SHOWN_AT_ONCE_BYTES,
        None => value.bytes().len() > COPIED_AT_ONCE_BYTES,
    }
}

fn kept(database: &Database, db: DbIndex, handle: Handle, now_ms: u64) -> Kept<'_> {
    let value = database.value(handle).at_moment(now_ms);
    Kept {
        db,
        key: database.key(handle),
        value,
        expiry: value.entry.expiry(),
    }
}

impl Store {
    /// From now on `keeper` is shown the keyspace as it is at this moment. There is one at a time.
    pub fn begin_capture(&mut self, keeper: Box<dyn Keeper>) {
        debug_assert!(self.capturing.is_none(), "one at a time");
        for number in (0..self.databases()).map(DbIndex) {
            self.database_mut(number).begin_capture(number);
        }
        self.capturing = Some(Box::new(Capturing {
            keeper,
            cleared: Vec::new(),
            pinned: None,
            urgent: VecDeque::new(),
            is_urgent: false,
            has_released: false,
        }));
    }

    /// Whether somebody takes the keyspace of an earlier moment.
    #[must_use]
    #[inline]
    pub fn is_capturing(&self) -> bool {
        self.capturing.is_some()
    }

    /// Who takes it.
    #[must_use]
    pub fn keeper<K: Keeper>(&mut self) -> Option<&mut K> {
        let keeper: &mut dyn Any = self.capturing.as_mut()?.keeper.as_mut();
        keeper.downcast_mut()
    }

    /// Goes on for so many looks at entries at most, until a key has been shown in whole or in part; `false` when all have been.
    pub fn capture_some(&mut self, looks: usize) -> bool {
        let Some(mut capturing) = self.capturing.take() else {
            return false;
        };
        let goes_on = self.go_on_capturing(&mut capturing, looks);
        self.capturing = Some(capturing);
        goes_on
    }

    fn go_on_capturing(&mut self, capturing: &mut Capturing, mut looks: usize) -> bool {
        if capturing.pinned.is_some() {
            if self.show_part(capturing) {
                self.unpin(capturing);
            }
            return true;
        }
        while let Some(name) = capturing.urgent.pop_front() {
            capturing.has_released = true;
            let database = self.database(name.db);
            let found = database.find(name.key());
            let number = found.and_then(|found| database.is_uncaptured(found.handle));
            if let Some(number) = number {
                capturing.is_urgent = true;
                self.pin(capturing, Name { db: number, ..name });
                return true;
            }
        }
        for number in (0..self.databases()).map(DbIndex) {
            if self.show_next(capturing, number, &mut looks) || looks == 0 {
                return true;
            }
        }
        for database in std::mem::take(&mut capturing.cleared) {
            self.reclaimer.drop_database(database);
        }
        false
    }

    /// Shows the next key of a database, or begins to.
    fn show_next(&mut self, capturing: &mut Capturing, number: DbIndex, looks: &mut usize) -> bool {
        let now_ms = self.now_ms;
        let database = captured(&mut self.databases, &mut capturing.cleared, number);
        let Some(database) = database else {
            return false;
        };
        let Some(handle) = database.next_uncaptured(looks) else {
            return false;
        };
        // What remembers may have grown small, or be dead, since it was changed.
        let remembers = database.remembers(handle);
        let kept = kept(database, number, handle, now_ms);
        if !remembers && database.is_dead(handle, now_ms) {
            database.note_captured(handle);
        } else if remembers || is_large(kept.value) {
            let name = Name {
                db: number,
                hash: database.hash_of(handle),
                bytes: database.key(handle).to_vec(),
            };
            self.pin(capturing, name);
        } else {
            capturing.keeper.keep(kept, false);
            database.note_captured(handle);
        }
        true
    }

    /// Shows a part of what is pinned; whether that was the last.
    fn show_part(&mut self, capturing: &mut Capturing) -> bool {
        let now_ms = self.now_ms;
        let Some(name) = &capturing.pinned else {
            return true;
        };
        let database = captured(&mut self.databases, &mut capturing.cleared, name.db);
        let found = database.and_then(|database| Some((database.find(name.key())?, database)));
        let Some((found, database)) = found else {
            debug_assert!(false, "what is pinned stays");
            return true;
        };
        let keeper = capturing.keeper.as_mut();
        let apart = show_apart(database, (name.db, found.handle), Showing::Part, keeper);
        let is_whole = apart.unwrap_or_else(|| {
            let kept = kept(database, name.db, found.handle, now_ms);
            keeper.keep_some(kept)
        });
        if is_whole {
            database.note_captured(found.handle);
        } else if apart.is_some() && capturing.is_urgent {
            let early = database.early_bytes(found.handle);
            if early.is_some_and(|bytes| bytes <= MOST_EARLY_BYTES / 2) {
                capturing.is_urgent = false;
                capturing.has_released = true;
            }
        }
        is_whole
    }

    fn pin(&mut self, capturing: &mut Capturing, name: Name) {
        let database = captured(&mut self.databases, &mut capturing.cleared, name.db);
        if let Some(database) = database {
            database.pin(Some(name.hash));
            if let Some(found) = database.find(name.key()) {
                database.remember(found.handle);
            }
        }
        capturing.pinned = Some(name);
    }

    fn unpin(&mut self, capturing: &mut Capturing) {
        capturing.has_released = true;
        capturing.is_urgent = false;
        let name = capturing.pinned.take();
        let database =
            name.and_then(|name| captured(&mut self.databases, &mut capturing.cleared, name.db));
        if let Some(database) = database {
            database.pin(None);
        }
    }

    /// Somebody is about to change an entry, or elements of it alone: a large one remembers those, and is as it was as far as anybody sees who takes it.
    #[inline]
    pub(super) fn before_edit(&mut self, db: DbIndex, handle: Handle) {
        if self.capturing.is_some() {
            self.remember_or_keep(db, handle);
        }
    }

    #[cold]
    fn remember_or_keep(&mut self, db: DbIndex, handle: Handle) {
        let is_large = self.waits_to_be_kept(db, handle);
        if !is_large || !self.database_mut(db).remember(handle) {
            self.keep_now(db, handle);
        }
    }

    /// Somebody is about to change an entry as a whole or to remove it.
    #[inline]
    pub(super) fn before_change(&mut self, db: DbIndex, handle: Handle) {
        if self.capturing.is_some() {
            self.keep_now(db, handle);
        }
    }

    #[cold]
    fn keep_now(&mut self, db: DbIndex, handle: Handle) {
        let now_ms = self.now_ms;
        let Some(number) = self.database(db).is_uncaptured(handle) else {
            return;
        };
        let Some(mut capturing) = self.capturing.take() else {
            return;
        };
        let database = self.database_mut(db);
        let is_pinned = database.is_pinned(database.hash_of(handle));
        let showing = match is_pinned {
            true => Showing::Rest,
            false => Showing::All,
        };
        let keeper = capturing.keeper.as_mut();
        let at = (number, handle);
        // What is dead would be left out by whoever reads it, where nobody has changed it while it lived: the log that goes on from here would make it anew.
        let is_wanted =
            is_pinned || database.remembers(handle) || !database.is_dead(handle, now_ms);
        if is_wanted && show_apart(database, at, showing, keeper).is_none() {
            keeper.keep(kept(database, number, handle, now_ms), is_pinned);
        }
        self.database_mut(db).note_captured(handle);
        if is_pinned {
            self.unpin(&mut capturing);
        }
        self.capturing = Some(capturing);
    }

    /// Whether a change of an entry should wait until it has been shown in parts.
    pub(super) fn waits_to_be_kept(&self, db: DbIndex, handle: Handle) -> bool {
        if self.capturing.is_none() {
            return false;
        }
        let database = self.database(db);
        database.is_uncaptured(handle).is_some()
            && (database.remembers(handle)
                || !database.is_dead(handle, self.now_ms) && is_large(database.value(handle)))
    }

    /// Whether a command that changes this key should wait, for it is large and still to be shown as it was. It comes next.
    /// `only_elements`: nothing of it is changed but elements.
    pub fn is_waited_for(&mut self, db: DbIndex, key: Key<'_>, only_elements: bool) -> bool {
        if self.capturing.is_none() {
            return false;
        }
        let Some(found) = self.database(db).find(key) else {
            return false;
        };
        if !self.waits_to_be_kept(db, found.handle) {
            return false;
        }
        let is_pinned = self.database(db).is_pinned(key.hash);
        if only_elements && self.may_remember(db, found.handle, is_pinned) {
            return false;
        }
        let Some(capturing) = &mut self.capturing else {
            return true;
        };
        capturing.is_urgent |= is_pinned;
        let is_known = is_pinned || capturing.urgent.iter().any(|name| name.hash == key.hash);
        if !is_known && capturing.urgent.len() < MOST_URGENT {
            capturing.urgent.push_back(Name {
                db,
                hash: key.hash,
                bytes: key.bytes.to_vec(),
            });
        }
        true
    }

    /// Whether elements of a large value may change, for it remembers them and has room to.
    fn may_remember(&mut self, db: DbIndex, handle: Handle, is_pinned: bool) -> bool {
        let database = self.database_mut(db);
        let has_room = is_pinned || database.remembered_bytes() <= MOST_REMEMBERED_BYTES;
        let early = database.early_bytes(handle);
        has_room && early.is_some_and(|bytes| bytes <= MOST_EARLY_BYTES)
    }

    /// Whether somebody waits for what is shown in parts.
    #[must_use]
    pub fn is_capture_urgent(&self) -> bool {
        let capturing = self.capturing.as_ref();
        capturing.is_some_and(|capturing| capturing.is_urgent)
    }

    /// Whether commands that wait may go on, or some of them; said once.
    pub fn has_released(&mut self) -> bool {
        let capturing = self.capturing.as_mut();
        capturing.is_some_and(|capturing| std::mem::take(&mut capturing.has_released))
    }

    /// A database was cleared.
    pub(super) fn let_go(&mut self, database: Database) {
        match &mut self.capturing {
            Some(capturing) if database.captured_number().is_some() => {
                capturing.cleared.push(database);
            }
            _ => self.reclaimer.drop_database(database),
        }
    }

    /// What was cleared and is still to be shown takes so many bytes.
    pub(super) fn captured_memory(&self) -> u64 {
        let cleared = self.capturing.as_ref().map(|capturing| &capturing.cleared);
        let databases = cleared.into_iter().flatten();
        databases.map(Database::used_memory).sum()
    }

    /// Nobody takes the keyspace any more, whether all of it was shown or not.
    pub fn end_capture(&mut self) {
        let Some(capturing) = self.capturing.take() else {
            return;
        };
        for database in capturing.cleared {
            self.reclaimer.drop_database(database);
        }
        for database in &mut self.databases {
            database.end_capture();
            debug_assert_eq!(database.remembered_bytes(), 0, "all of it is forgotten");
        }
    }
}

/// The database that had this number at the moment, while there is anything to be taken of it.
fn captured<'a>(
    databases: &'a mut [Database],
    cleared: &'a mut [Database],
    number: DbIndex,
) -> Option<&'a mut Database> {
    let mut every = databases.iter_mut().chain(cleared);
    every.find(|database| database.captured_number() == Some(number))
}

/// Shows what an entry's object remembers; whether that was the last. `None` when it remembers nothing.
fn show_apart(
    database: &mut Database,
    (number, handle): (DbIndex, Handle),
    showing: Showing,
    keeper: &mut dyn Keeper,
) -> Option<bool> {
    let entry = database.entry(handle);
    let (kind, expiry) = (entry.kind()?, entry.expiry());
    let key = match database.remembers(handle) {
        true => database.key(handle).to_vec(),
        false => return None,
    };
    database.recall(handle, |len, object, leaves| {
        let kept = KeptApart {
            db: number,
            key: &key,
            kind,
            len,
            expiry,
        };
        let mut more = |texts: &mut Texts| object.recall(leaves, texts);
        keeper.keep_apart(kept, showing, &mut more)
    })
}
