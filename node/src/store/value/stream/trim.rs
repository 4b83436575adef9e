//! [`Trim`]: which entries go from the front of a stream.
//! Pure. Invariant: what an approximate trim leaves is what Redis' leaves, which removes whole nodes.

use super::entries::Cut;
use super::leaf::LeafRef;
use super::{Stream, StreamId};
use crate::store::value::leaves::Leaves;
use crate::store::value::limits::FREED_AT_ONCE;

/// What is to be left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrimTo {
    /// So many entries.
    Length(u64),
    /// Those from this one on.
    Id(StreamId),
}

/// How a stream is trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trim {
    /// What is to be left.
    pub to: TrimTo,
    /// Whether whole nodes alone go.
    pub is_approximate: bool,
    /// Most entries that go; `None` for as many as it takes.
    pub limit: Option<u64>,
}

impl Trim {
    /// What goes of the first node of a stream of so many entries, when so many have gone; `first` was the first entry.
    fn cut(self, leaf: LeafRef<'_>, len: u64, gone: u64, first: StreamId) -> Cut {
        let entries = leaf.count() as u64;
        if matches!(self.to, TrimTo::Length(most) if len <= most) {
            return Cut::Nothing;
        }
        if self.limit.is_some_and(|limit| gone + entries > limit) {
            return Cut::Nothing;
        }
        let goes_wholly = match self.to {
            TrimTo::Length(most) => len - entries >= most,
            // Without entries, after XSETID went back, it stands before lesser ones, which Redis has before it.
            TrimTo::Id(least) => leaf.last_put() < least || (entries == 0 && first < least),
        };
        match self.to {
            _ if goes_wholly => Cut::All,
            _ if self.is_approximate => Cut::Nothing,
            TrimTo::Length(most) => Cut::First(usize::try_from(len - most).unwrap_or(usize::MAX)),
            TrimTo::Id(least) => {
                let before = leaf.entries().take_while(|entry| entry.id < least);
                Cut::First(before.count())
            }
        }
    }
}

impl Stream {
    /// Removes entries from the front: how many, and what is to be freed of them by somebody else, a part at a time.
    pub(super) fn trim(&mut self, leaves: &mut Leaves, trim: Trim) -> (u64, Option<Self>) {
        let before = self.entries.len();
        if matches!(trim.to, TrimTo::Length(most) if before <= most) {
            return (0, None);
        }
        let mut released = Self::default();
        if self.goes_wholly(leaves, trim) {
            released.entries = std::mem::take(&mut self.entries);
        } else {
            let (entries, first) = (&mut released.entries, self.entries.first());
            self.entries.trim(leaves, entries, |leaf, len| {
                trim.cut(leaf, len, before - len, first)
            });
        }
        let trimmed = before - self.entries.len();
        (trimmed, (released.entries.nodes() > 0).then_some(released))
    }

    /// Whether a trim leaves nothing of many entries.
    fn goes_wholly(&self, leaves: &Leaves, trim: Trim) -> bool {
        if trim.limit.is_some() || self.entries.nodes() <= FREED_AT_ONCE as u64 {
            return false;
        }
        match trim.to {
            TrimTo::Length(most) => most == 0,
            TrimTo::Id(least) => self
                .entries
                .last_put(leaves)
                .is_none_or(|last| last < least),
        }
    }
}
