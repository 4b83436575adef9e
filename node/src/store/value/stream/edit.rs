//! [`StreamEdit`]: the stream at a key, to be changed, and told to the door.
//! Pure. Never: chooses an identifier. Invariant: what is told makes the same stream, whatever was trimmed approximately.

use super::group::Group;
use super::{NodeLimits, Stream, StreamId, StreamRef, Trim};
use crate::store::door::{Effects, Wording, word};
use crate::store::entry::{Form, Kind};
use crate::store::key::DbIndex;
use crate::store::object::Large;
use crate::store::slot::{Edited, Editing, Slot};
use crate::store::value::leaves::Leaves;
use crate::store::{StoreFull, WrongType};
use shared::command::CommandId;
use shared::resp::Args;
use std::any::Any;

/// A stream to be changed, or a key where nothing is.
#[derive(Debug)]
pub struct StreamEdit<'a> {
    slot: Slot<'a>,
}

/// What a change may use.
#[derive(Debug)]
pub(super) struct Means<'a> {
    pub(super) leaves: &'a mut Leaves,
    /// Whether anybody wants to know what exactly was changed.
    pub(super) is_told: bool,
    /// What is to be freed a part at a time.
    pub(super) released: Option<Stream>,
}

/// The new totals of a stream (XSETID).
#[derive(Clone, Copy, Debug)]
pub struct Totals {
    /// The last identifier that was given out.
    pub last_id: StreamId,
    /// How many entries there ever were, where that changes.
    pub entries_added: Option<u64>,
    /// The greatest identifier of a removed entry, where that changes.
    pub max_deleted_id: Option<StreamId>,
}

impl<'a> StreamEdit<'a> {
    /// The stream at a key, or the place where one may be made.
    ///
    /// # Errors
    /// [`WrongType`]: something else is there.
    #[inline]
    pub fn of(slot: Slot<'a>) -> Result<Self, WrongType> {
        match slot.kind() {
            None | Some(Kind::Stream) => Ok(Self { slot }),
            Some(_) => Err(WrongType),
        }
    }

    /// What is there.
    #[must_use]
    pub fn stream(&self) -> Option<StreamRef<'_>> {
        // Of another type it is not: that was seen when the face was made.
        let value = self.slot.value()?;
        StreamRef::of(value).ok()
    }

    /// Whether a group has heard of a consumer.
    #[must_use]
    pub fn knows(&self, group: &[u8], consumer: &[u8]) -> bool {
        let group = self.stream().and_then(|stream| stream.group(group));
        group.is_some_and(|group| group.consumer(consumer).is_some())
    }

    /// Appends an entry whose identifier is greater than the last one, names and values alternating in `record`, and trims; whether any went.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn add(
        self,
        id: StreamId,
        record: Args<'_>,
        trim: Option<Trim>,
        limits: NodeLimits,
    ) -> Result<bool, StoreFull> {
        self.change(
            |stream, means| {
                stream.entries.append(means.leaves, id, record, limits)?;
                stream.last_id = id;
                stream.entries_added = stream.entries_added.wrapping_add(1);
                let trimmed = trim.map_or(0, |trim| trim_now(stream, means, trim));
                let left = (trimmed > 0).then(|| stream.entries.len());
                Ok(Edited::Changed(left))
            },
            |effects, db, key, left| {
                let (name, id) = (word(CommandId::Xadd), id.text());
                let id = id.as_bytes();
                let mut digits = itoa::Buffer::new();
                let trimmed;
                let words: &[&[u8]] = match *left {
                    None => &[name, key, id],
                    Some(left) => {
                        trimmed = [
                            name,
                            key,
                            MAXLEN,
                            EXACTLY,
                            digits.format(left).as_bytes(),
                            id,
                        ];
                        &trimmed
                    }
                };
                effects.append_worded(db, Wording::Led(words, record));
            },
        )
        .map(|left| left.is_some())
    }

    /// Removes entries from the front; how many.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn trim(self, trim: Trim) -> Result<u64, StoreFull> {
        let told = self.change(
            |stream, means| {
                let trimmed = trim_now(stream, means, trim);
                let told = (trimmed, stream.entries.len());
                Ok(match trimmed {
                    0 => Edited::Same(told),
                    _ => Edited::Changed(told),
                })
            },
            |effects, db, key, (_, left)| {
                let mut digits = itoa::Buffer::new();
                let left = digits.format(*left).as_bytes();
                effects.append_words(db, &[word(CommandId::Xtrim), key, MAXLEN, EXACTLY, left]);
            },
        );
        told.map(|(trimmed, _)| trimmed)
    }

    /// Removes entries by their identifiers; how many were there.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn remove(self, ids: &[StreamId], wording: Wording<'_>) -> Result<u64, StoreFull> {
        self.change_as(wording, |stream, leaves| {
            let removed = ids.iter().filter(|id| stream.remove(leaves, **id));
            match removed.count() as u64 {
                0 => Edited::Same(0),
                removed => Edited::Changed(removed),
            }
        })
    }

    /// Says what the totals are.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn set_totals(self, totals: Totals, wording: Wording<'_>) -> Result<(), StoreFull> {
        self.change_as(wording, |stream, _| {
            stream.last_id = totals.last_id;
            if let Some(added) = totals.entries_added {
                stream.entries_added = added;
            }
            if let Some(id) = totals.max_deleted_id {
                stream.max_deleted_id = id;
            }
            Edited::Changed(())
        })
    }

    /// Makes a group, and a stream without entries where there is none; `false` when there is such a group.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn create_group(
        self,
        name: &[u8],
        last_id: StreamId,
        entries_read: Option<u64>,
        wording: Wording<'_>,
    ) -> Result<bool, StoreFull> {
        self.change_as(wording, |stream, _| match stream.search_group(name) {
            Ok(_) => Edited::Same(false),
            Err(nth) => {
                let group = Group::new(name, last_id, entries_read);
                stream.adopt(nth, Box::new(group));
                Edited::Changed(true)
            }
        })
    }

    /// Drops a group; whether there was such a one.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn destroy_group(self, name: &[u8], wording: Wording<'_>) -> Result<bool, StoreFull> {
        self.change(
            |stream, means| {
                let Ok(nth) = stream.search_group(name) else {
                    return Ok(Edited::Same(false));
                };
                let mut husk = Stream::default();
                husk.adopt(0, stream.release(nth));
                means.released = Some(husk);
                Ok(Edited::Changed(true))
            },
            |effects, db, _, _| effects.append_worded(db, wording),
        )
    }

    /// A change that is told as `wording` and cannot be refused.
    pub(super) fn change_as<R>(
        self,
        wording: Wording<'_>,
        change: impl FnOnce(&mut Stream, &mut Leaves) -> Edited<R>,
    ) -> Result<R, StoreFull> {
        self.change(
            |stream, means| Ok(change(stream, means.leaves)),
            |effects, db, _, _| effects.append_worded(db, wording),
        )
    }

    /// Lets `change` change the stream, or one without anything where none is, which is kept if it says that it did. `tell` tells the effects what came of it.
    pub(super) fn change<R>(
        self,
        change: impl FnOnce(&mut Stream, &mut Means<'_>) -> Result<Edited<R>, StoreFull>,
        tell: impl FnOnce(&mut Effects, DbIndex, &[u8], &R),
    ) -> Result<R, StoreFull> {
        self.slot
            .change_telling(|editing| change_there(editing, change), tell)
    }
}

/// Options of XADD and XTRIM as they are told.
const MAXLEN: &[u8] = b"MAXLEN";
const EXACTLY: &[u8] = b"=";

fn trim_now(stream: &mut Stream, means: &mut Means<'_>, trim: Trim) -> u64 {
    let (trimmed, released) = stream.trim(means.leaves, trim);
    means.released = released;
    trimmed
}

fn change_there<R>(
    editing: &mut Editing<'_, '_>,
    change: impl FnOnce(&mut Stream, &mut Means<'_>) -> Result<Edited<R>, StoreFull>,
) -> Result<Edited<R>, StoreFull> {
    let is_told = editing.is_recording();
    if editing.value().is_none() {
        editing.reserve()?;
        let mut stream = Stream::default();
        let mut means = Means {
            leaves: editing.leaves(),
            is_told,
            released: None,
        };
        let edited = change(&mut stream, &mut means)?;
        let released = means.released;
        if matches!(edited, Edited::Changed(_)) {
            editing.become_object(Form::new(Kind::Stream, 0), Box::new(stream))?;
        }
        give_up(editing, released);
        return Ok(edited);
    }
    let edited = editing.edit_object(|object, leaves| {
        let object: &mut dyn Any = object;
        let stream: &mut Stream = object.downcast_mut()?;
        let mut means = Means {
            leaves,
            is_told,
            released: None,
        };
        let edited = change(stream, &mut means);
        Some((edited, means.released))
    });
    // Of another type than its kind: our mistake, see `StreamEdit::of`.
    let (edited, released) = edited.flatten().ok_or(StoreFull)?;
    give_up(editing, released);
    edited
}

fn give_up(editing: &mut Editing<'_, '_>, released: Option<Stream>) {
    if let Some(released) = released {
        let released: Box<dyn Large> = Box::new(released);
        editing.give_up(released);
    }
}
