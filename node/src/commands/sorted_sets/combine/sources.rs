//! The sorted sets and sets that one command reads at once.
//! Pure.

use crate::commands::Call;
use crate::commands::arguments::bytes_of;
use crate::store::{DbIndex, ScoredRef, Store, StringRef};
use shared::resp::ErrorReply;
use std::cmp::Ordering;
use std::ops::Range;

/// Members, and what their scores are multiplied by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    members: Option<ScoredRef<'a>>,
    pub(super) weight: f64,
}

impl<'a> Source<'a> {
    pub(super) fn len(&self) -> u64 {
        self.members.map_or(0, ScoredRef::len)
    }

    pub(super) fn score(&self, member: StringRef<'_>) -> Option<f64> {
        self.members?.score(member)
    }

    /// Shows the members as long as `show` says that it wants more.
    pub(super) fn walk(&self, show: impl FnMut(StringRef<'a>, f64) -> bool) {
        if let Some(members) = self.members {
            members.walk(show);
        }
    }
}

/// Looks at all keys for the first time: what has expired goes, and what is of another type is refused.
pub(super) fn check(call: &mut Call<'_>, keys: &Range<usize>) -> Result<(), ErrorReply> {
    let db = call.db();
    for index in keys.clone() {
        let key = call.key(index);
        call.store.get(db, key).map(ScoredRef::of).transpose()?;
    }
    Ok(())
}

/// The sources at keys that were looked at, by their hashes.
pub(super) fn sources<'a>(
    store: &'a Store,
    db: DbIndex,
    keys: impl Iterator<Item = (&'a [u8], f64)>,
) -> Vec<Source<'a>> {
    keys.map(|(bytes, weight)| {
        let hash = store.hash(bytes);
        let value = store.look(db, crate::store::Key { bytes, hash });
        Source {
            // Of another type none is: that was seen before.
            members: value.and_then(|value| ScoredRef::of(value).ok()),
            weight,
        }
    })
    .collect()
}

/// The order of texts.
pub(super) fn compare_text(one: StringRef<'_>, other: StringRef<'_>) -> Ordering {
    if let (StringRef::Bytes(one), StringRef::Bytes(other)) = (one, other) {
        return one.cmp(other);
    }
    let mut digits = (itoa::Buffer::new(), itoa::Buffer::new());
    bytes_of(one, &mut digits.0).cmp(bytes_of(other, &mut digits.1))
}
