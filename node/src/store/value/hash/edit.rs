//! [`HashEdit`]: the hash that a key holds, to be changed.
//! Pure. Never: bounds a string's length; that is its caller's.

use super::{Hash, HashRef, Put};
use crate::store::StringRef;
use crate::store::door::Wording;
use crate::store::error::{StoreFull, WrongType};
use crate::store::slot::{Edited, Slot};
use crate::store::value::Limits;
use crate::store::value::collection::{Told, Tools, edit, slot_of};
use shared::resp::Args;
use std::any::Any;

/// A hash to be written, or a key where nothing is.
#[derive(Debug)]
pub struct HashEdit<'a> {
    pub(super) slot: Slot<'a>,
    pub(super) limits: Limits,
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

    /// Takes out those of these fields that are over, and tells so: whoever changes a field finds what everybody sees.
    #[inline]
    pub(super) fn end_over<'b>(&mut self, fields: impl Iterator<Item = &'b [u8]>) {
        self.slot.end_parts(|object, leaves, now_ms, names| {
            let object: &mut dyn Any = object;
            let Some(hash) = object.downcast_mut::<Hash>() else {
                return;
            };
            for field in fields {
                if hash.end(leaves, field, now_ms) {
                    names.push(StringRef::Bytes(field));
                }
            }
        });
    }

    /// Gives a field a value; from now on it does not end by itself. Told as `wording`.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn set(
        mut self,
        field: &[u8],
        value: &[u8],
        wording: Wording<'_>,
    ) -> Result<Put, StoreFull> {
        self.end_over(std::iter::once(field));
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

    /// The same, but it ends when it did before.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn set_keeping(
        mut self,
        field: &[u8],
        value: &[u8],
        wording: Wording<'_>,
    ) -> Result<Put, StoreFull> {
        self.end_over(std::iter::once(field));
        let put = edit(
            self.slot,
            self.limits,
            |hash: &mut Hash, Tools { leaves, limits }| match hash
                .set_keeping(leaves, field, value, &limits)
            {
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
    pub fn set_pairs(mut self, args: Args<'_>, first: usize) -> Result<usize, StoreFull> {
        self.end_over(args.iter_from(first).step_by(2));
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
    pub fn remove_all(mut self, args: Args<'_>, first: usize) -> Result<usize, StoreFull> {
        self.end_over(args.iter_from(first));
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
