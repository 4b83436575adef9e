//! How a stream is kept by the store: as an object, always.
//! Pure.

use super::Stream;
use super::group::Group;
use crate::store::StoreFull;
use crate::store::object::Large;
use crate::store::value::leaves::{Leaves, Pools};
use crate::store::value::limits::FREED_AT_ONCE;

impl Large for Stream {
    fn own_bytes(&self) -> u64 {
        let table = self.groups.capacity() * size_of::<usize>();
        (size_of::<Self>() + table) as u64 + self.group_bytes
    }

    fn leaf_bytes(&self) -> u64 {
        self.entries.bytes() + self.group_leaf_bytes
    }

    fn payload(&self) -> u64 {
        self.leaf_bytes()
    }

    fn copied(&self, pools: &mut Pools<'_>) -> Result<Box<dyn Large>, StoreFull> {
        let mut copy = Self {
            last_id: self.last_id,
            max_deleted_id: self.max_deleted_id,
            entries_added: self.entries_added,
            ..Self::default()
        };
        if let Err(full) = copy.copy_parts(self, pools) {
            while !copy.free_slice(pools.to()) {}
            return Err(full);
        }
        Ok(Box::new(copy))
    }

    fn free_slice(&mut self, leaves: &mut Leaves) -> bool {
        !self.entries.free(leaves, FREED_AT_ONCE) && !self.free_groups(leaves)
    }
}

impl Stream {
    fn copy_parts(&mut self, from: &Self, pools: &mut Pools<'_>) -> Result<(), StoreFull> {
        self.entries.copy_from(&from.entries, pools)?;
        for group in &from.groups {
            let before = pools.to().live_bytes();
            let (mut copy, copied) = group.copy(pools);
            copy.leaf_bytes = pools.to().live_bytes() - before;
            self.adopt(self.groups.len(), Box::new(copy));
            copied?;
        }
        Ok(())
    }

    /// Takes a group to its place among the others.
    pub(super) fn adopt(&mut self, nth: usize, group: Box<Group>) {
        self.group_bytes += group.heap_bytes();
        self.group_leaf_bytes += group.leaf_bytes;
        self.groups.insert(nth, group);
    }

    /// Gives a group up, to be freed by somebody else.
    pub(super) fn release(&mut self, nth: usize) -> Box<Group> {
        let group = self.groups.remove(nth);
        self.group_bytes -= group.heap_bytes();
        self.group_leaf_bytes -= group.leaf_bytes;
        group
    }

    /// Frees a part of the last group; says whether any is left.
    fn free_groups(&mut self, leaves: &mut Leaves) -> bool {
        let Some(group) = self.groups.last_mut() else {
            return false;
        };
        let (bytes, leaf_bytes, live) = (group.heap_bytes(), group.leaf_bytes, leaves.live_bytes());
        let is_more = group.free(leaves, FREED_AT_ONCE);
        group.leaf_bytes = (leaf_bytes + leaves.live_bytes()).saturating_sub(live);
        self.group_bytes = self.group_bytes + group.heap_bytes() - bytes;
        self.group_leaf_bytes = self.group_leaf_bytes + group.leaf_bytes - leaf_bytes;
        if !is_more {
            self.release(self.groups.len() - 1);
        }
        true
    }
}
