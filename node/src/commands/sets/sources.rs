//! [`Sources`]: the sets that a command combines, looked at and read some members at a time, so that a result can be made in the same memory meanwhile.
//! Pure. Never: changes a set.

use super::set;
use crate::commands::Call;
use crate::commands::arguments::bytes_of;
use crate::commands::piecewise::PIECE_ELEMENTS;
use crate::store::{Key, KeyHash, Position, SetRef, Texts};
use shared::resp::ErrorReply;
use std::ops::Range;

/// Which members of the walked set count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// All.
    All,
    /// Those of all other sets.
    InEvery,
    /// Those of no other set.
    InNone,
}

/// A set that was looked at; one that is not there has no members.
#[derive(Clone, Copy, Debug)]
struct Source {
    /// Which argument is its key.
    at: usize,
    hash: KeyHash,
    members: u64,
}

/// Sets of one command, as far as they were looked at.
#[derive(Debug)]
pub(super) struct Sources {
    /// Which arguments are their keys.
    keys: Range<usize>,
    looked_at: Vec<Source>,
}

/// A set has gone since it was looked at: expired, or evicted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone;

impl Sources {
    /// The sets that these arguments name.
    pub(super) fn of(keys: Range<usize>) -> Self {
        Self {
            looked_at: Vec::with_capacity(keys.len()),
            keys,
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.keys.len()
    }

    /// Looks at some of them, each of which must be a set; whether these were the last.
    pub(super) fn look_at_some(&mut self, call: &mut Call<'_>) -> Result<bool, ErrorReply> {
        let first = self.keys.start + self.looked_at.len();
        let end = self.keys.end.min(first + PIECE_ELEMENTS);
        for at in first..end {
            let (db, key) = (call.db(), call.key(at));
            let members = set(call.store.get(db, key))?.map_or(0, SetRef::members);
            let hash = key.hash;
            self.looked_at.push(Source { at, hash, members });
        }
        Ok(end == self.keys.end)
    }

    /// Members of each.
    pub(super) fn members(&self) -> impl Iterator<Item = u64> {
        self.looked_at.iter().map(|source| source.members)
    }

    /// The smallest first: a member that is not in all is soon found out.
    pub(super) fn sort(&mut self) {
        self.looked_at.sort_by_key(|source| source.members);
    }

    /// Members of a set that are looked at in one step: fewer where each is looked up in many others.
    fn taken_at_once(&self, keep: Keep) -> usize {
        match keep {
            Keep::All => PIECE_ELEMENTS,
            Keep::InEvery | Keep::InNone => (PIECE_ELEMENTS / self.count().max(1)).max(1),
        }
    }

    /// Reads on in one of them, and adds those of its members that count to `texts`; where it goes on, if it does.
    pub(super) fn read(
        &self,
        call: &Call<'_>,
        (walked, from): (usize, Position),
        keep: Keep,
        texts: &mut Texts,
    ) -> Result<Option<Position>, Gone> {
        let Some(source) = look(call, &self.looked_at[walked])? else {
            return Ok(None);
        };
        let mut others = Vec::new();
        if keep != Keep::All {
            let all = self.looked_at.iter().enumerate();
            for (_, other) in all.filter(|(nth, _)| *nth != walked) {
                others.push(look(call, other)?);
            }
        }
        Ok(source.walk(from, self.taken_at_once(keep), |member| {
            let mut digits = itoa::Buffer::new();
            let text = bytes_of(member, &mut digits);
            let has = |other: &Option<SetRef<'_>>| other.is_some_and(|set| set.contains(text));
            let counts = match keep {
                Keep::All => true,
                Keep::InEvery => others.iter().all(has),
                Keep::InNone => !others.iter().any(has),
            };
            if counts {
                texts.push(member);
            }
        }))
    }
}

/// A set as it was when it was looked at.
fn look<'a>(call: &'a Call<'_>, source: &Source) -> Result<Option<SetRef<'a>>, Gone> {
    if source.members == 0 {
        return Ok(None);
    }
    let bytes = call.args.at(source.at);
    let hash = source.hash;
    let value = call.store.look(call.db(), Key { bytes, hash });
    let found = value.and_then(|value| SetRef::of(value).ok());
    let found = found.filter(|set| set.members() == source.members);
    found.map(Some).ok_or(Gone)
}
