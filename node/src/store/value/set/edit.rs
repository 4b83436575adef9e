//! [`SetEdit`]: the set that a key holds, to be changed; [`SetMaker`]: one that is made aside and then put in the place of another value.
//! Pure.

use super::{Leaves, Limits, Set, SetRef};
use crate::store::door::{Effects, Wording, word};
use crate::store::entry::most_value_bytes;
use crate::store::error::{StoreFull, WrongType};
use crate::store::key::{DbIndex, Key};
use crate::store::keyspace::Store;
use crate::store::slot::{Edited, Slot};
use crate::store::value::collection::{Told, edit, put_made, slot_of};
use crate::store::value::elements::Position;
use crate::store::value::texts::Texts;
use shared::command::CommandId;
use shared::resp::Args;

/// Members in one command of the effects: some kilobytes.
const TOLD_AT_ONCE: usize = 256;

/// A set from which at least this many times as many members went as stay is made anew: so does Redis, and its encoding may become `intset` again.
const REMADE_BELOW: u64 = 5;

/// A set to be written, or a key where nothing is.
#[derive(Debug)]
pub struct SetEdit<'a> {
    slot: Slot<'a>,
    limits: Limits,
}

impl<'a> SetEdit<'a> {
    /// The set at a key, or the place where one may be made.
    ///
    /// # Errors
    /// [`WrongType`]: something else is there.
    #[inline]
    pub fn of(slot: Slot<'a>, limits: Limits) -> Result<Self, WrongType> {
        let slot = slot_of::<Set>(slot)?;
        Ok(Self { slot, limits })
    }

    /// What is there.
    ///
    /// # Errors
    /// [`WrongType`]; but that was seen when the face was made.
    pub fn set(&self) -> Result<Option<SetRef<'_>>, WrongType> {
        self.slot.value().map(SetRef::of).transpose()
    }

    /// Adds the members that the arguments from `first` on name; says how many are new.
    ///
    /// # Errors
    /// [`StoreFull`]; the members before the one for which there was no room are added, and told.
    pub fn add_all(self, args: Args<'_>, first: usize) -> Result<usize, StoreFull> {
        let told = edit(
            self.slot,
            self.limits,
            |set: &mut Set, tools| {
                let mut added = 0;
                for at in first..args.len() {
                    match set.add(tools.leaves, args.at(at), &tools.limits) {
                        Ok(is_new) => added += usize::from(is_new),
                        Err(full) => return Told::until(at, first, full),
                    }
                }
                let told = Told::all(added, args);
                if added == 0 {
                    Edited::Same(told)
                } else {
                    Edited::Changed(told)
                }
            },
            |effects, db, _, told| told.tell(effects, db, args),
        )?;
        told.result
    }

    /// Adds a member; says whether it is new.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn add_member(self, member: &[u8]) -> Result<bool, StoreFull> {
        let added = edit(
            self.slot,
            self.limits,
            |set: &mut Set, tools| match set.add(tools.leaves, member, &tools.limits) {
                Ok(true) => Edited::Changed(Ok(true)),
                other => Edited::Same(other),
            },
            |effects, db, key, _| {
                effects.append_words(db, &[word(CommandId::Sadd), key, member]);
            },
        );
        added?
    }

    /// Removes the members that the arguments from `first` on name; says how many were there.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn remove_all(self, args: Args<'_>, first: usize) -> Result<usize, StoreFull> {
        edit(
            self.slot,
            self.limits,
            |set: &mut Set, tools| {
                let members = args.iter_from(first);
                let removed = members.filter(|member| set.remove(tools.leaves, member));
                match removed.count() {
                    0 => Edited::Same(0),
                    some => Edited::Changed(some),
                }
            },
            |effects, db, _, _| effects.append_worded(db, Wording::Verbatim(args)),
        )
    }

    /// Removes a member; says whether it was there.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn remove_member(self, member: &[u8]) -> Result<bool, StoreFull> {
        edit(
            self.slot,
            self.limits,
            |set: &mut Set, tools| {
                if set.remove(tools.leaves, member) {
                    Edited::Changed(true)
                } else {
                    Edited::Same(false)
                }
            },
            |effects, db, key, _| {
                effects.append_words(db, &[word(CommandId::Srem), key, member]);
            },
        )
    }

    /// Removes up to `count` members, each as likely, and gives them. With them `taken` members are gone that were asked for together.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn pop(self, count: u64, taken: u64, chance: &mut u64) -> Result<Texts, StoreFull> {
        edit(
            self.slot,
            self.limits,
            |set: &mut Set, tools| {
                let mut popped = Texts::default();
                while (popped.len() as u64) < count && set.pop(tools.leaves, chance, &mut popped) {}
                let left = set.view().len();
                // More than the limit are a table by name whatever they are.
                if left * REMADE_BELOW <= taken && left <= tools.limits.entries {
                    remake(set, tools.leaves, &tools.limits);
                }
                if popped.is_empty() {
                    Edited::Same(popped)
                } else {
                    Edited::Changed(popped)
                }
            },
            |effects, db, key, popped| tell_members(effects, db, CommandId::Srem, key, popped),
        )
    }
}

/// Makes a set anew of its members; where there is no memory for that it stays as it is.
fn remake(set: &mut Set, leaves: &mut Leaves, limits: &Limits) {
    let mut members = Texts::default();
    set.view()
        .walk(leaves, Position::default(), usize::MAX, |member| {
            members.push(member);
        });
    let mut new = Set::default();
    let is_made = members
        .iter()
        .all(|member| new.add(leaves, member, limits).is_ok());
    let mut old = if is_made {
        std::mem::replace(set, new)
    } else {
        new
    };
    while old.free_some(leaves) {}
}

/// `command key member …`, as many as there are members for.
fn tell_members(
    effects: &mut Effects,
    db: DbIndex,
    command: CommandId,
    key: &[u8],
    members: &Texts,
) {
    if !effects.is_recording() {
        return;
    }
    let mut words = Vec::with_capacity(TOLD_AT_ONCE.min(members.len()) + 2);
    for first in (0..members.len()).step_by(TOLD_AT_ONCE) {
        words.clear();
        words.extend([word(command), key]);
        let end = members.len().min(first + TOLD_AT_ONCE);
        words.extend((first..end).map(|nth| members.get(nth)));
        effects.append_words(db, &words);
    }
}

/// A set that is made aside, in a database's memory. Whoever makes one puts it somewhere or drops it.
#[derive(Debug)]
#[must_use = "its memory is the database's until it is put or dropped"]
pub struct SetMaker {
    set: Set,
    db: DbIndex,
    limits: Limits,
}

impl SetMaker {
    /// One without members, for this key of `db`.
    pub fn new(db: DbIndex, key: &[u8], mut limits: Limits) -> Self {
        limits.blob_bytes = most_value_bytes(key.len()).min(Limits::MOST_BLOB_BYTES);
        Self {
            set: Set::default(),
            db,
            limits,
        }
    }

    /// How many members there are.
    #[must_use]
    pub fn members(&self) -> u64 {
        self.set.view().len()
    }

    /// Adds a member.
    ///
    /// # Errors
    /// [`StoreFull`]; it is not a member then.
    pub fn add_member(&mut self, store: &mut Store, member: &[u8]) -> Result<(), StoreFull> {
        let leaves = store.database_mut(self.db).leaves_mut();
        self.set.add(leaves, member, &self.limits).map(|_| ())
    }

    /// Removes a member, if it is one.
    pub fn remove_member(&mut self, store: &mut Store, member: &[u8]) {
        let leaves = store.database_mut(self.db).leaves_mut();
        self.set.remove(leaves, member);
    }

    /// To be read.
    #[must_use]
    pub fn view<'a>(&'a self, store: &'a Store) -> SetRef<'a> {
        let leaves = store.database(self.db).leaves();
        SetRef {
            view: self.set.view(),
            leaves,
        }
    }

    /// Puts it in the place of whatever is at a key of its database, for ever; without members there is no key then.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn put(self, store: &mut Store, key: Key<'_>) -> Result<(), StoreFull> {
        let Self { set, db, .. } = self;
        let mut members = Texts::default();
        if store.effects().is_recording() {
            let leaves = store.database(db).leaves();
            let all = Position::default();
            set.view()
                .walk(leaves, all, usize::MAX, |member| members.push(member));
        }
        let was_there = store.exists(db, key);
        put_made(store.slot(db, key), set, None, |effects, db, key, ()| {
            effects.begin_unit();
            if was_there {
                effects.append_words(db, &[word(CommandId::Del), key]);
            }
            tell_members(effects, db, CommandId::Sadd, key, &members);
            effects.end_unit();
        })
    }

    /// Frees it, a part at a time: what is left of a large one goes with what waits to be freed.
    pub fn drop(self, store: &mut Store) {
        store.database_mut(self.db).give_up(Box::new(self.set));
    }
}
