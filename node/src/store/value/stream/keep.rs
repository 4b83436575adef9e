//! How a stream is kept by the store: as an object, always.
//! Pure.

use super::Stream;
use super::group::Group;
use crate::store::StoreFull;
use crate::store::object::{Copying, Large};
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

    fn copy_slice(&self, copying: &mut Copying, pools: &mut Pools<'_>) -> Result<bool, StoreFull> {
        let (copy, _) = copying.made::<Self>();
        copy.last_id = self.last_id;
        copy.max_deleted_id = self.max_deleted_id;
        copy.entries_added = self.entries_added;
        if !copy.entries.copy_some(&self.entries, pools)? {
            return Ok(false);
        }
        copy.copy_next_group(self, pools)
    }

    fn free_slice(&mut self, leaves: &mut Leaves) -> bool {
        !self.entries.free(leaves, FREED_AT_ONCE) && !self.free_groups(leaves)
    }
}

impl Stream {
    /// Takes a copy of one more group; whether these are all.
    fn copy_next_group(&mut self, from: &Self, pools: &mut Pools<'_>) -> Result<bool, StoreFull> {
        let nth = self.groups.len();
        if let Some(group) = from.groups.get(nth) {
            let before = pools.to().live_bytes();
            let (mut copy, copied) = group.copy(pools);
            copy.leaf_bytes = pools.to().live_bytes() - before;
            self.adopt(nth, Box::new(copy));
            copied?;
        }
        Ok(self.groups.len() == from.groups.len())
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
