//! [`Sources`]: the sets that a command combines, walked some members at a time, so that a result can be made in the same memory meanwhile.
//! Pure. Never: changes a set.

use super::set;
use crate::commands::Call;
use crate::commands::arguments::bytes_of;
use crate::store::{DbIndex, Key, Position, SetRef, Store, Texts};
use shared::resp::ErrorReply;
use std::ops::Range;

/// Members taken at a time.
const TAKEN_AT_ONCE: usize = 256;

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

/// Sets of one command; one that is not there has no members.
#[derive(Debug)]
pub(super) struct Sources<'a> {
    db: DbIndex,
    keys: Vec<Key<'a>>,
    /// How many members each has.
    members: Vec<u64>,
}

impl<'a> Sources<'a> {
    /// The sets that these arguments name. Each is looked up and must be a set.
    pub(super) fn of(call: &mut Call<'a>, arguments: Range<usize>) -> Result<Self, ErrorReply> {
        let db = call.db();
        let mut sources = Self {
            db,
            keys: Vec::with_capacity(arguments.len()),
            members: Vec::with_capacity(arguments.len()),
        };
        for index in arguments {
            let key = call.key(index);
            let members = set(call.store.get(db, key))?.map_or(0, SetRef::members);
            sources.keys.push(key);
            sources.members.push(members);
        }
        Ok(sources)
    }

    /// Members of each.
    pub(super) fn members(&self) -> &[u64] {
        &self.members
    }

    /// The smallest first: a member that is not in all is soon found out.
    pub(super) fn sort(&mut self) {
        let mut both: Vec<_> = self.members.iter().copied().zip(&self.keys).collect();
        both.sort_by_key(|(members, _)| *members);
        let (members, keys) = both.into_iter().unzip();
        (self.members, self.keys) = (members, keys);
    }

    /// Walks over one of them, and gives those of its members that count to `take`, until that says that it has enough.
    pub(super) fn walk(
        &self,
        store: &mut Store,
        walked: usize,
        keep: Keep,
        mut take: impl FnMut(&mut Store, &Texts) -> Result<bool, ErrorReply>,
    ) -> Result<(), ErrorReply> {
        let mut texts = Texts::default();
        let mut next = (self.members[walked] > 0).then(Position::default);
        while let Some(from) = next {
            texts.clear();
            next = self.read(store, walked, keep, from, &mut texts)?;
            if !take(store, &texts)? {
                break;
            }
        }
        Ok(())
    }

    fn read(
        &self,
        store: &Store,
        walked: usize,
        keep: Keep,
        from: Position,
        texts: &mut Texts,
    ) -> Result<Option<Position>, ErrorReply> {
        let look = |nth: usize| set(store.look(self.db, self.keys[nth]));
        let Some(source) = look(walked)? else {
            return Ok(None);
        };
        let mut others = Vec::new();
        if keep != Keep::All {
            others.reserve(self.keys.len());
            for nth in (0..self.keys.len()).filter(|nth| *nth != walked) {
                others.push(look(nth)?);
            }
        }
        Ok(source.walk(from, TAKEN_AT_ONCE, |member| {
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
