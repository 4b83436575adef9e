//! [`ListEdit`]: the list at a key, to be changed, and told to the door.
//! Pure. Never: bounds how many elements there are; memory does.

use super::{List, ListEnd, ListRef};
use crate::store::door::{Wording, word};
use crate::store::slot::{Edited, Slot};
use crate::store::value::collection::{Tools, edit, slot_of};
use crate::store::value::limits::Limits;
use crate::store::{StoreFull, StringRef, WrongType};
use shared::command::CommandId;
use std::ops::Range;

/// A list has no name that depends on its size: OBJECT ENCODING says `quicklist`, always.
const LIMITS: Limits = Limits {
    entries: u64::MAX,
    element_bytes: usize::MAX,
    blob_bytes: 0,
};

/// A list to be changed, or a key where nothing is.
#[derive(Debug)]
pub struct ListEdit<'a> {
    slot: Slot<'a>,
}

impl<'a> ListEdit<'a> {
    /// The list at a key, or the place where one may be made.
    ///
    /// # Errors
    /// [`WrongType`]: something else is there.
    #[inline]
    pub fn of(slot: Slot<'a>) -> Result<Self, WrongType> {
        let slot = slot_of::<List>(slot)?;
        Ok(Self { slot })
    }

    /// What is there.
    #[must_use]
    pub fn list(&self) -> Option<ListRef<'_>> {
        // Of another type it is not: that was seen when the face was made.
        self.slot.value().and_then(|value| ListRef::of(value).ok())
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.list().map_or(0, ListRef::len)
    }

    /// Whether there is no list.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts elements at an end, one after the other; the length then.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn push<'b>(
        self,
        end: ListEnd,
        elements: impl Iterator<Item = &'b [u8]>,
        wording: Wording<'_>,
    ) -> Result<u64, StoreFull> {
        self.change(wording, |list, tools| {
            let Tools { leaves, limits } = tools;
            let before = list.view().len();
            for element in elements {
                let pushed = match end {
                    ListEnd::Front => list.push_front(leaves, element, &limits),
                    ListEnd::Back => list.push_back(leaves, element, &limits),
                };
                if let Err(full) = pushed {
                    // All or none: what was pushed goes again.
                    let more = list.view().len() - before;
                    let first = match end {
                        ListEnd::Front => 0,
                        ListEnd::Back => before,
                    };
                    list.remove_from(leaves, first, more);
                    return Edited::Same(Err(full));
                }
            }
            Edited::Changed(Ok(list.view().len()))
        })
    }

    /// Puts an element before the one at a position, or behind all; the length then.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn insert(
        self,
        position: u64,
        element: &[u8],
        wording: Wording<'_>,
    ) -> Result<u64, StoreFull> {
        self.change(wording, |list, Tools { leaves, limits }| {
            match list.insert(leaves, position, element, &limits) {
                Ok(()) => Edited::Changed(Ok(list.view().len())),
                Err(full) => Edited::Same(Err(full)),
            }
        })
    }

    /// Writes another element at a position that there is.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn set(self, position: u64, element: &[u8], wording: Wording<'_>) -> Result<(), StoreFull> {
        self.change(wording, |list, Tools { leaves, limits }| {
            match list.set(leaves, position, element, &limits) {
                Ok(_) => Edited::Changed(Ok(())),
                Err(full) => Edited::Same(Err(full)),
            }
        })
    }

    /// Shows the element at an end, which must be there, and drops it.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn pop_one(
        self,
        end: ListEnd,
        wording: Wording<'_>,
        show: impl FnOnce(StringRef<'_>),
    ) -> Result<(), StoreFull> {
        self.change(wording, |list, Tools { leaves, .. }| {
            let is_there = match end {
                ListEnd::Front => list.pop_front(leaves, show),
                ListEnd::Back => list.pop_back(leaves, show),
            };
            if is_there {
                Edited::Changed(Ok(()))
            } else {
                Edited::Same(Ok(()))
            }
        })
    }

    /// Drops `count` elements at an end.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn pop(self, end: ListEnd, count: u64, wording: Wording<'_>) -> Result<(), StoreFull> {
        let len = self.len();
        if count >= len {
            return self.keep(0, 0, wording);
        }
        if count == 0 {
            return Ok(());
        }
        let first = match end {
            ListEnd::Front => 0,
            ListEnd::Back => len - count,
        };
        self.change(wording, |list, Tools { leaves, .. }| {
            list.remove_from(leaves, first, count);
            Edited::Changed(Ok(()))
        })
    }

    /// Drops all but `count` elements from `first` on.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn keep(self, first: u64, count: u64, wording: Wording<'_>) -> Result<(), StoreFull> {
        let len = self.len();
        if count == len {
            return Ok(());
        }
        if count == 0 {
            // As a whole it is freed in slices.
            return self.slot.change(wording, |editing| {
                editing.drop_value();
                Ok(Edited::Changed(()))
            });
        }
        self.change(wording, |list, Tools { leaves, .. }| {
            list.remove_from(leaves, first + count, u64::MAX);
            list.remove_from(leaves, 0, first);
            Edited::Changed(Ok(()))
        })
    }

    /// Drops up to `limit` elements that equal one, among some that are counted from an end; before them there is none. How many there were.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn remove_equal(
        self,
        end: ListEnd,
        element: &[u8],
        among: Range<u64>,
        limit: u64,
    ) -> Result<u64, StoreFull> {
        if self.is_empty() {
            return Ok(0);
        }
        let change = |list: &mut List, Tools { leaves, .. }: Tools<'_>| {
            let (mut places, sought) = (Vec::new(), leaves.sought(element));
            let view = list.view();
            view.find_some(leaves, &sought, end, among, &mut places);
            places.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            if end == ListEnd::Front {
                // The last first: those before it keep their places.
                places.reverse();
            }
            for place in &places {
                list.remove_from(leaves, *place, 1);
            }
            match places.len() as u64 {
                0 => Edited::Same(0),
                removed => Edited::Changed(removed),
            }
        };
        edit(self.slot, LIMITS, change, |effects, db, key, removed| {
            let mut digits = itoa::Buffer::new();
            let count = i64::try_from(*removed).unwrap_or(i64::MAX);
            let count = match end {
                ListEnd::Front => count,
                ListEnd::Back => -count,
            };
            let count = digits.format(count).as_bytes();
            effects.append_words(db, &[word(CommandId::Lrem), key, count, element]);
        })
    }

    /// Moves the element at one end, which is `element`, to an end.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn turn(
        self,
        from: ListEnd,
        to: ListEnd,
        element: &[u8],
        wording: Wording<'_>,
    ) -> Result<(), StoreFull> {
        self.change(wording, |list, Tools { leaves, limits }| {
            // Pushed first: that may be refused.
            let len = list.view().len();
            let pushed = match to {
                ListEnd::Front => list.push_front(leaves, element, &limits),
                ListEnd::Back => list.push_back(leaves, element, &limits),
            };
            if let Err(full) = pushed {
                return Edited::Same(Err(full));
            }
            let old = match (from, to) {
                (ListEnd::Front, ListEnd::Front) => 1,
                (ListEnd::Front, ListEnd::Back) => 0,
                (ListEnd::Back, ListEnd::Front) => len,
                (ListEnd::Back, ListEnd::Back) => len - 1,
            };
            list.remove_from(leaves, old, 1);
            Edited::Changed(Ok(()))
        })
    }

    fn change<R>(
        self,
        wording: Wording<'_>,
        change: impl FnOnce(&mut List, Tools<'_>) -> Edited<Result<R, StoreFull>>,
    ) -> Result<R, StoreFull> {
        edit(self.slot, LIMITS, change, |effects, db, _, _| {
            effects.append_worded(db, wording);
        })?
    }
}
