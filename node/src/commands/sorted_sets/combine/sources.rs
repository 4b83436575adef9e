//! The sorted sets and sets that one command reads, looked at in turns.
//! Pure. Never: changes one.

use crate::commands::{Call, FIRST_KEY};
use crate::store::{Key, KeyHash, ScoredRef, StringRef};
use shared::resp::ErrorReply;

/// A source that was looked at: how many members it has, and what their scores are multiplied by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    /// Which argument is its key.
    at: usize,
    hash: KeyHash,
    /// None where there is no key.
    pub(super) len: u64,
    pub(super) weight: f64,
}

impl Source {
    /// Looks at a key for the first time: what has expired goes, and what is of another type is refused.
    pub(super) fn of(call: &mut Call<'_>, at: usize) -> Result<Self, ErrorReply> {
        debug_assert!(at >= FIRST_KEY, "a key");
        let (db, key) = (call.db(), call.key(at));
        let members = call.store.get(db, key).map(ScoredRef::of).transpose()?;
        Ok(Self {
            at,
            hash: key.hash,
            len: members.map_or(0, ScoredRef::len),
            weight: 1.0,
        })
    }

    /// Its members; `Err` when it is not what it was.
    pub(super) fn members<'a>(&self, call: &'a Call<'_>) -> Result<Option<ScoredRef<'a>>, Gone> {
        if self.len == 0 {
            return Ok(None);
        }
        let bytes = call.args.at(self.at);
        let hash = self.hash;
        let value = call.store.look(call.db(), Key { bytes, hash });
        let members = value.and_then(|value| ScoredRef::of(value).ok());
        members
            .filter(|members| members.len() == self.len)
            .map(Some)
            .ok_or(Gone)
    }

    /// A member's weighted score among its members.
    pub(super) fn score(
        &self,
        members: Option<ScoredRef<'_>>,
        member: StringRef<'_>,
    ) -> Option<f64> {
        Some(members?.score(member)? * self.weight)
    }
}

/// A source has gone since it was looked at: expired, or evicted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone;
