//! [`HashEdit`]: the hash that a key holds, to be changed.
//! Pure. Never: bounds a string's length; that is its caller's.

use super::{Hash, HashRef, Put};
use crate::store::door::Wording;
use crate::store::error::{StoreFull, WrongType};
use crate::store::slot::{Edited, Slot};
use crate::store::value::Limits;
use crate::store::value::collection::{Told, edit, slot_of};
use shared::resp::Args;

/// A hash to be written, or a key where nothing is.
#[derive(Debug)]
pub struct HashEdit<'a> {
    slot: Slot<'a>,
    limits: Limits,
}

impl<'a> HashEdit<'a> {
    /// The hash at a key, or the place where one may be made.
    ///
    /// # Errors
    /// [`WrongType`]: something else is there.
    #[inline]
    pub fn of(slot: Slot<'a>, limits: Limits) -> Result<Self, WrongType> {
        let slot = slot_of::<Hash>(slot)?;
        Ok(Self { slot, limits })
    }

    /// What is there.
    ///
    /// # Errors
    /// [`WrongType`]; but that was seen when the face was made.
    pub fn hash(&self) -> Result<Option<HashRef<'_>>, WrongType> {
        self.slot.value().map(HashRef::of).transpose()
    }

    /// Gives a field a value; told as `wording`.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn set(self, field: &[u8], value: &[u8], wording: Wording<'_>) -> Result<Put, StoreFull> {
        let put = edit(
            self.slot,
            self.limits,
            |hash: &mut Hash, tools| match hash.set(tools.leaves, field, value, &tools.limits) {
                Ok(put) => Edited::Changed(Ok(put)),
                Err(full) => Edited::Same(Err(full)),
            },
            |effects, db, _, _| effects.append_worded(db, wording),
        );
        put?
    }

    /// Gives fields values: pairs among the arguments from `first` on. Says how many fields are new.
    ///
    /// # Errors
    /// [`StoreFull`]; the pairs before the one for which there was no room are set, and told.
    pub fn set_pairs(self, args: Args<'_>, first: usize) -> Result<usize, StoreFull> {
        let told = edit(
            self.slot,
            self.limits,
            |hash: &mut Hash, tools| {
                let mut added = 0;
                for at in (first..args.len() - 1).step_by(2) {
                    let (field, value) = (args.at(at), args.at(at + 1));
                    match hash.set(tools.leaves, field, value, &tools.limits) {
                        Ok(put) => added += usize::from(put == Put::Added),
                        Err(full) => return Told::until(at, first, full),
                    }
                }
                Edited::Changed(Told::all(added, args))
            },
            |effects, db, _, told| told.tell(effects, db, args),
        )?;
        told.result
    }

    /// Removes the fields that the arguments from `first` on name; says how many were there.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn remove_all(self, args: Args<'_>, first: usize) -> Result<usize, StoreFull> {
        edit(
            self.slot,
            self.limits,
            |hash: &mut Hash, tools| {
                let fields = args.iter_from(first);
                let removed = fields.filter(|field| hash.remove(tools.leaves, field));
                match removed.count() {
                    0 => Edited::Same(0),
                    some => Edited::Changed(some),
                }
            },
            |effects, db, _, _| effects.append_worded(db, Wording::Verbatim(args)),
        )
    }
}
