//! [`Stream`]: entries that are appended and read by identifier, and groups of consumers that share them.
//! Pure. Invariants: a stream is an object however small it is, and stays when it has no entries; identifiers only grow.
//!
//! ```text
//! Stream ─┬─ entries   leaves in a tree: what Redis calls nodes     leaf, draft (to be appended), body (texts), listpack (Redis' sizes)
//!         └─ groups ─┬─ pending     records in a tree: who has what, since when, how often
//!                    └─ consumers ─ pending     records in a tree: the same identifiers
//! ```
//! A stream is also made aside, node by node and group by group (maker), and read so (node).
//! Removed entries take no bytes. Where Redis' nodes end is kept all the same, for an approximate trim removes whole ones.

mod body;
mod claim;
mod copy;
mod draft;
mod edit;
mod entries;
mod face;
mod group;
mod group_change;
mod group_edit;
mod group_face;
mod id;
mod keep;
mod leaf;
mod listpack;
mod maker;
mod node;
mod node_limits;
mod records;
mod trim;
mod varint;

pub use body::EntryTexts;
pub use claim::{Claim, ClaimRule, Sweep, SweepEnd};
pub use edit::{StreamEdit, Totals};
pub use face::StreamRef;
pub use group_edit::{GroupEdit, Reading};
pub use group_face::{ConsumerRef, GroupRef, PendingEntry};
pub use id::{StreamId, StreamIdText};
pub use maker::{GroupPosition, StreamMaker};
pub use node::{NodeEntry, StreamNode};
pub use node_limits::NodeLimits;
pub use trim::{Trim, TrimTo};

use super::leaves::Leaves;
use crate::store::StringRef;
use entries::Entries;
use group::Group;

/// A stream.
#[derive(Debug, Default)]
pub(in crate::store) struct Stream {
    entries: Entries,
    /// The last identifier that was given out, or that the client said.
    last_id: StreamId,
    /// The greatest one of a removed entry; the least where none was.
    max_deleted_id: StreamId,
    /// How many entries there ever were.
    entries_added: u64,
    /// In the order of their names.
    #[expect(
        clippy::vec_box,
        reason = "one more moves the others, of which there may be many"
    )]
    groups: Vec<Box<Group>>,
    /// Bytes of groups beside their leaves, and of those.
    group_bytes: u64,
    group_leaf_bytes: u64,
}

/// An entry to be read.
#[derive(Clone, Copy, Debug)]
pub struct EntryRef<'a> {
    /// Its name.
    pub id: StreamId,
    /// How many fields it has.
    pub count: u64,
    names: EntryTexts<'a>,
    values: EntryTexts<'a>,
}

impl<'a> EntryRef<'a> {
    /// Values of its fields.
    pub fn values(self) -> impl Iterator<Item = StringRef<'a>> {
        self.values
    }

    /// Names of fields with their values.
    pub fn fields(self) -> impl Iterator<Item = (StringRef<'a>, StringRef<'a>)> {
        self.names.zip(self.values)
    }
}

impl Stream {
    /// Where a group is, or would be.
    fn search_group(&self, name: &[u8]) -> Result<usize, usize> {
        self.groups
            .binary_search_by(|group| group.name.as_ref().cmp(name))
    }

    fn group(&self, name: &[u8]) -> Option<&Group> {
        let nth = self.search_group(name).ok()?;
        Some(&self.groups[nth])
    }

    /// Lets a group be changed, and counts what it takes; `None` where there is no such group.
    fn change_group<R>(
        &mut self,
        leaves: &mut Leaves,
        name: &[u8],
        change: impl FnOnce(&mut Group, History<'_>, &mut Leaves) -> R,
    ) -> Option<R> {
        let nth = self.search_group(name).ok()?;
        let history = History {
            entries: &self.entries,
            max_deleted_id: self.max_deleted_id,
            last_id: self.last_id,
            entries_added: self.entries_added,
        };
        let group = &mut self.groups[nth];
        let (bytes, leaf_bytes, live) = (group.heap_bytes(), group.leaf_bytes, leaves.live_bytes());
        let result = change(group, history, leaves);
        group.leaf_bytes = (leaf_bytes + leaves.live_bytes()).saturating_sub(live);
        self.group_bytes = self.group_bytes + group.heap_bytes() - bytes;
        self.group_leaf_bytes = self.group_leaf_bytes + group.leaf_bytes - leaf_bytes;
        Some(result)
    }

    fn history(&self) -> History<'_> {
        History {
            entries: &self.entries,
            max_deleted_id: self.max_deleted_id,
            last_id: self.last_id,
            entries_added: self.entries_added,
        }
    }

    /// Removes an entry; whether it was there.
    fn remove(&mut self, leaves: &mut Leaves, id: StreamId) -> bool {
        let was_there = self.entries.remove(leaves, id);
        if was_there {
            self.max_deleted_id = self.max_deleted_id.max(id);
        }
        was_there
    }

    #[cfg(test)]
    fn check(&self, leaves: &Leaves) {
        self.entries.check(leaves);
        let heap: u64 = self.groups.iter().map(|group| group.heap_bytes()).sum();
        assert_eq!(heap, self.group_bytes);
        let leaf_bytes = self.groups.iter().map(|group| group.leaf_bytes).sum();
        assert_eq!(self.group_leaf_bytes, leaf_bytes);
        for group in &self.groups {
            group.check(leaves);
        }
        assert!(self.groups.is_sorted_by(|one, next| one.name < next.name));
    }
}

/// What is known of all entries that there ever were: how far a group is.
#[derive(Clone, Copy, Debug)]
struct History<'a> {
    entries: &'a Entries,
    max_deleted_id: StreamId,
    last_id: StreamId,
    entries_added: u64,
}

impl History<'_> {
    /// Whether an entry was removed behind this one, as far as Redis knows.
    fn has_gaps_from(self, id: StreamId) -> bool {
        let is_gapless = self.entries.len() == 0 || self.max_deleted_id == StreamId::MIN;
        // What was removed before the first entry leaves no gap.
        let is_behind_gaps = self.entries.first() > self.max_deleted_id;
        !is_gapless && !is_behind_gaps && id <= self.max_deleted_id
    }

    /// How many entries there ever were up to this one, where that can be told.
    fn entries_up_to(self, id: StreamId) -> Option<u64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        let len = self.entries.len();
        let is_behind_all = len == 0 && id <= self.last_id;
        if is_behind_all || id == self.last_id {
            return Some(self.entries_added);
        }
        let first = self.entries.first();
        let has_gaps = self.max_deleted_id != StreamId::MIN && self.max_deleted_id >= first;
        if id > self.last_id || has_gaps || id > first {
            return None;
        }
        let before = self.entries_added.wrapping_sub(len);
        Some(before.wrapping_add(u64::from(id == first)))
    }

    /// How many entries a group has still to read, where that can be told.
    fn lag(self, group: &Group) -> Option<i64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        let read = match group.entries_read {
            Some(read) if !self.has_gaps_from(group.last_id) => read,
            _ => self.entries_up_to(group.last_id)?,
        };
        Some(self.entries_added.wrapping_sub(read).cast_signed())
    }
}

#[cfg(test)]
mod tests;
