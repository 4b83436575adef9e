//! [`StreamRef`]: the stream at a key, to be read.
//! Pure.

use super::{EntryRef, GroupRef, Stream, StreamId, StreamNode};
use crate::store::value::leaves::Leaves;
use crate::store::{Kind, Value, WrongType};
use std::any::Any;

/// The stream at a key, to be read.
#[derive(Clone, Copy, Debug)]
pub struct StreamRef<'a> {
    stream: &'a Stream,
    leaves: &'a Leaves,
}

impl<'a> StreamRef<'a> {
    /// The stream that a value is.
    ///
    /// # Errors
    /// [`WrongType`]: it is none.
    #[inline]
    pub fn of(value: Value<'a>) -> Result<Self, WrongType> {
        if value.kind() != Kind::Stream {
            return Err(WrongType);
        }
        let object: &dyn Any = value.object().ok_or(WrongType)?;
        // An object of another type than its kind: our mistake.
        let stream = object.downcast_ref().ok_or(WrongType)?;
        let leaves = value.leaves();
        Ok(Self { stream, leaves })
    }

    /// The stream that was looked up, if there is one and it is a stream.
    ///
    /// # Errors
    /// [`WrongType`]: it is none.
    #[inline]
    pub fn there(value: Option<Value<'a>>) -> Result<Option<Self>, WrongType> {
        value.map(Self::of).transpose()
    }

    /// How many entries there are; there may be none.
    #[must_use]
    pub fn len(self) -> u64 {
        self.stream.entries.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// How many nodes Redis would have.
    #[must_use]
    pub fn nodes(self) -> u64 {
        self.stream.entries.nodes()
    }

    /// The last identifier that was given out.
    #[must_use]
    pub fn last_id(self) -> StreamId {
        self.stream.last_id
    }

    /// The greatest identifier of a removed entry; the least one where none was.
    #[must_use]
    pub fn max_deleted_id(self) -> StreamId {
        self.stream.max_deleted_id
    }

    /// How many entries there ever were.
    #[must_use]
    pub fn entries_added(self) -> u64 {
        self.stream.entries_added
    }

    /// The first entry's identifier; the least one where there is none.
    #[must_use]
    pub fn first_entry(self) -> StreamId {
        self.stream.entries.first()
    }

    /// The last entry's identifier.
    #[must_use]
    pub fn last_entry(self) -> Option<StreamId> {
        self.stream.entries.last(self.leaves)
    }

    /// The entry of this identifier.
    #[must_use]
    pub fn get(self, id: StreamId) -> Option<EntryRef<'a>> {
        self.stream.entries.get(self.leaves, id)
    }

    /// How many entries there are from one identifier to another.
    #[must_use]
    pub fn count(self, from: StreamId, to: StreamId) -> u64 {
        let entries = &self.stream.entries;
        let end = match to.next() {
            Some(behind) => entries.rank(self.leaves, behind),
            None => entries.len(),
        };
        end.saturating_sub(entries.rank(self.leaves, from))
    }

    /// Shows the entries from one identifier to another for as long as `show` wants more.
    pub fn walk(self, from: StreamId, to: StreamId, mut show: impl FnMut(EntryRef<'a>) -> bool) {
        let entries = &self.stream.entries;
        entries.walk(self.leaves, (from, to), &mut show);
    }

    /// The same downwards.
    pub fn walk_back(
        self,
        from: StreamId,
        to: StreamId,
        mut show: impl FnMut(EntryRef<'a>) -> bool,
    ) {
        let entries = &self.stream.entries;
        entries.walk_back(self.leaves, (from, to), &mut show);
    }

    /// How many groups there are.
    #[must_use]
    pub fn group_count(self) -> usize {
        self.stream.groups.len()
    }

    /// All groups in the order of their names.
    pub fn groups(self) -> impl Iterator<Item = GroupRef<'a>> {
        let groups = self.stream.groups.iter();
        groups.map(move |group| GroupRef::of(group, self.stream.history(), self.leaves))
    }

    /// The group at this place in the order of their names.
    #[must_use]
    pub fn group_at(self, nth: usize) -> Option<GroupRef<'a>> {
        let group = self.stream.groups.get(nth)?;
        Some(GroupRef::of(group, self.stream.history(), self.leaves))
    }

    /// The first node, or the one behind that in which this entry is.
    #[must_use]
    pub fn node_behind(self, entry: Option<StreamId>) -> Option<StreamNode<'a>> {
        StreamNode::behind(&self.stream.entries, self.leaves, entry)
    }

    /// The group of this name.
    #[must_use]
    pub fn group(self, name: &[u8]) -> Option<GroupRef<'a>> {
        let group = self.stream.group(name)?;
        Some(GroupRef::of(group, self.stream.history(), self.leaves))
    }
}
