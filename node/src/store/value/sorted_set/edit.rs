//! [`SortedSetEdit`]: the sorted set at a key, to be changed, and told to the door.
//! Pure.

use super::{AddRule, Added, ScoreEnd, SortedSet, SortedSetRef};
use crate::store::door::{Effects, Wording, word};
use crate::store::key::DbIndex;
use crate::store::slot::{Edited, Slot};
use crate::store::value::collection::{Tools, edit, slot_of};
use crate::store::value::limits::Limits;
use crate::store::value::members::MemberList;
use crate::store::{StoreFull, WrongType};
use shared::command::CommandId;
use shared::resp::write_double;

/// Members that one command of the effects of a STORE form names: the reader takes it in one piece.
const TOLD_AT_ONCE: usize = 128;

/// For changes after which no set is larger than before.
const UNNAMED: Limits = Limits {
    entries: u64::MAX,
    element_bytes: usize::MAX,
    blob_bytes: 0,
};

/// A sorted set to be changed, or a key where nothing is.
#[derive(Debug)]
pub struct SortedSetEdit<'a> {
    slot: Slot<'a>,
}

/// What additions have done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tally {
    /// How many members are new.
    pub added: u64,
    /// How many have another score.
    pub changed: u64,
    /// What became of the last one.
    pub last: Added,
}

impl<'a> SortedSetEdit<'a> {
    /// The sorted set at a key, or the place where one may be made.
    ///
    /// # Errors
    /// [`WrongType`]: something else is there.
    #[inline]
    pub fn of(slot: Slot<'a>) -> Result<Self, WrongType> {
        let slot = slot_of::<SortedSet>(slot)?;
        Ok(Self { slot })
    }

    /// What is there.
    #[must_use]
    pub fn set(&self) -> Option<SortedSetRef<'_>> {
        // Of another type it is not: that was seen when the face was made.
        let value = self.slot.value()?;
        SortedSetRef::of(value).ok()
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.set().map_or(0, SortedSetRef::len)
    }

    /// Whether there is no sorted set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds members or changes their scores, as far as the rule allows.
    ///
    /// # Errors
    /// [`StoreFull`]; what was added before there was no room is told as it is, member by member.
    pub fn add<'b>(
        self,
        members: impl Iterator<Item = (f64, &'b [u8])> + Clone,
        rule: AddRule,
        limits: Limits,
        wording: Wording<'_>,
    ) -> Result<Tally, StoreFull> {
        let add = |set: &mut SortedSet, Tools { leaves, limits }: Tools<'_>| {
            let mut tally = Tally {
                added: 0,
                changed: 0,
                last: Added::Refused,
            };
            let (mut refused, before) = (None, members.clone());
            for (done, (score, member)) in members.enumerate() {
                match set.add(leaves, score, member, rule, &limits) {
                    Ok(added) => tally.last = added,
                    Err(full) => {
                        let done = before.take(done).filter_map(|(_, member)| {
                            let score = set.view().score(leaves, member)?;
                            Some((score, member))
                        });
                        refused = Some((full, done.collect::<Vec<_>>()));
                        break;
                    }
                }
                match tally.last {
                    Added::New(_) => tally.added += 1,
                    Added::Changed(_) => tally.changed += 1,
                    Added::Same(_) | Added::Refused | Added::NotANumber => {}
                }
            }
            if tally.added + tally.changed > 0 {
                Edited::Changed((tally, refused))
            } else {
                Edited::Same((tally, refused))
            }
        };
        let edited = edit(
            self.slot,
            limits,
            add,
            |effects, db, key, (_, refused)| match refused {
                None => effects.append_worded(db, wording),
                Some((_, done)) => tell_pairs(effects, db, key, done.iter().copied()),
            },
        );
        match edited? {
            (tally, None) => Ok(tally),
            (_, Some((full, _))) => Err(full),
        }
    }

    /// Takes members out; how many there were.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn remove<'b>(
        self,
        members: impl Iterator<Item = &'b [u8]>,
        wording: Wording<'_>,
    ) -> Result<u64, StoreFull> {
        if self.is_empty() {
            return Ok(0);
        }
        self.change(wording, |set, Tools { leaves, .. }| {
            members
                .filter_map(|member| set.remove(leaves, member))
                .count() as u64
        })
    }

    /// Takes `count` members out from a rank on; how many there were.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn remove_ranks(
        self,
        first: u64,
        count: u64,
        wording: Wording<'_>,
    ) -> Result<u64, StoreFull> {
        let len = self.len();
        if count == 0 || len == 0 {
            return Ok(0);
        }
        if count >= len {
            // As a whole it is freed in slices.
            return self.slot.change(wording, |editing| {
                editing.drop_value();
                Ok(Edited::Changed(len))
            });
        }
        self.change(wording, |set, Tools { leaves, .. }| {
            set.remove_from(leaves, first, count, |_, _| {})
        })
    }

    /// Takes `count` members out at an end; how many there were.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn pop(self, end: ScoreEnd, count: u64, wording: Wording<'_>) -> Result<u64, StoreFull> {
        let first = match end {
            ScoreEnd::Least => 0,
            ScoreEnd::Greatest => self.len().saturating_sub(count),
        };
        self.remove_ranks(first, count, wording)
    }

    /// Changes a set by a verb that says how many members it took out.
    fn change(
        self,
        wording: Wording<'_>,
        change: impl FnOnce(&mut SortedSet, Tools<'_>) -> u64,
    ) -> Result<u64, StoreFull> {
        let change = |set: &mut SortedSet, tools: Tools<'_>| match change(set, tools) {
            0 => Edited::Same(0),
            removed => Edited::Changed(removed),
        };
        edit(self.slot, UNNAMED, change, |effects, db, _, _| {
            effects.append_worded(db, wording);
        })
    }
}

/// What was stored, in pieces that are one to who replays it.
pub(super) fn tell_stored(effects: &mut Effects, db: DbIndex, key: &[u8], members: &MemberList) {
    let delete = [word(CommandId::Del), key];
    if members.is_empty() {
        effects.append_words(db, &delete);
        return;
    }
    effects.begin_unit();
    effects.append_words(db, &delete);
    let mut first = 0;
    while first < members.len() {
        let end = members.len().min(first + TOLD_AT_ONCE);
        tell_pairs(effects, db, key, members.range(first..end));
        first = end;
    }
    effects.end_unit();
}

/// `ZADD key score member …`.
fn tell_pairs<'b>(
    effects: &mut Effects,
    db: DbIndex,
    key: &[u8],
    pairs: impl Iterator<Item = (f64, &'b [u8])>,
) {
    if !effects.is_recording() {
        return;
    }
    let pairs: Vec<(Vec<u8>, &[u8])> = pairs
        .map(|(score, member)| {
            let mut text = Vec::new();
            write_double(&mut text, score);
            (text, member)
        })
        .collect();
    let mut words = vec![word(CommandId::Zadd), key];
    words.extend(
        pairs
            .iter()
            .flat_map(|(score, member)| [&score[..], *member]),
    );
    effects.append_words(db, &words);
}
