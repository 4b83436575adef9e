//! [`StreamNode`]: some neighbouring entries of a stream, as Redis has them together in a node.
//! Pure.

use super::entries::{Entries, path_to};
use super::leaf::LeafRef;
use super::{EntryRef, EntryTexts, StreamId};
use crate::store::value::leaves::Leaves;

/// A node, to be read.
#[derive(Clone, Copy, Debug)]
pub struct StreamNode<'a> {
    leaf: LeafRef<'a>,
}

/// An entry in its node.
#[derive(Clone, Copy, Debug)]
pub struct NodeEntry<'a> {
    /// The entry.
    pub entry: EntryRef<'a>,
    /// Whether its fields have other names than the node's.
    pub has_own_names: bool,
}

impl<'a> StreamNode<'a> {
    /// The first one, or the one behind that in which an entry is.
    pub(super) fn behind(
        entries: &Entries,
        leaves: &'a Leaves,
        entry: Option<StreamId>,
    ) -> Option<Self> {
        let tree = entries.tree.as_ref()?;
        let mut path = path_to(tree, leaves, entry.unwrap_or(StreamId::MIN));
        if entry.is_some() && !tree.next(leaves, &mut path) {
            return None;
        }
        let leaf = LeafRef::of(leaves, path.leaf());
        Some(Self { leaf })
    }

    /// What its entries' identifiers are counted from.
    #[must_use]
    pub fn first_id(self) -> StreamId {
        self.leaf.first
    }

    /// The last entry that was put there, which may have been removed.
    #[must_use]
    pub fn last_put(self) -> StreamId {
        self.leaf.last_put()
    }

    /// The last entry that is there; the least identifier where none is, which no entry before has.
    #[must_use]
    pub fn last_id(self) -> StreamId {
        self.leaf.last().unwrap_or(StreamId::MIN)
    }

    /// How many entries are there.
    #[must_use]
    pub fn count(self) -> u64 {
        self.leaf.count() as u64
    }

    /// How many were removed.
    #[must_use]
    pub fn removed(self) -> u64 {
        self.leaf.removed()
    }

    /// Bytes that Redis' listpack would have, removed entries included.
    #[must_use]
    pub fn packed_bytes(self) -> u64 {
        self.leaf.packed()
    }

    /// How many names fields have where an entry has none of its own.
    #[must_use]
    pub fn name_count(self) -> u64 {
        self.leaf.names
    }

    /// Those names.
    #[must_use]
    pub fn names(self) -> EntryTexts<'a> {
        self.leaf.texts()
    }

    /// The entries that are there.
    pub fn entries(self) -> impl Iterator<Item = NodeEntry<'a>> {
        let leaf = self.leaf;
        leaf.entries().map(move |lying| NodeEntry {
            entry: leaf.show(&lying),
            has_own_names: lying.has_own_names(),
        })
    }
}
