//! Leaves that change shape: larger, split in two, merged, smaller.
//! Each step rehashes the keys of at most two leaves, asking for their entries ahead.

use super::directory::{LeafId, MAX_DEPTH};
use super::leaf::{self, LeafSize};
use super::{HashSource, LeafRecord, Trie};
use crate::store::slab::Handle;
use crate::store::value::StoreFull;

/// A leaf in which a key found no place is changed only if it holds more than this; else its lines are crowded by equal hashes, and no split parts those.
const CROWDED: u16 = 320;

/// Two siblings merge when they hold no more than this together: well below the 713 or so at which they would split again.
const MERGE_AT_MOST: u16 = 650;

/// A large leaf that holds fewer becomes small; two halves of a split one are about here.
const SMALL_BELOW: u16 = 360;

/// Removals look for a merge only at counts divisible by this: keeps the sibling's record out of most of them.
const MERGE_CHECK_EVERY: u16 = 16;

/// Entries asked for ahead of the one that is hashed.
const LOOK_AHEAD: usize = 24;

impl Trie {
    /// Makes a leaf larger or splits it; `false` when neither would help.
    pub(super) fn make_room(
        &mut self,
        leaf: LeafId,
        source: &impl HashSource,
        moving: &mut Vec<(u64, Handle)>,
    ) -> bool {
        let record = self.records.get(leaf.0);
        if record.count < CROWDED || self.ensure_leaves().is_err() {
            return false;
        }
        let record = self.records.get(leaf.0);
        match record.size {
            LeafSize::Small => {
                self.collect(leaf, source, moving);
                self.fill(leaf, LeafSize::Large, moving);
            }
            LeafSize::Large if u32::from(record.depth) < MAX_DEPTH => {
                self.collect(leaf, source, moving);
                self.split(leaf, moving);
            }
            LeafSize::Large => return false,
        }
        true
    }

    /// Makes sure that a leaf can be made larger, split, merged or made smaller.
    fn ensure_leaves(&mut self) -> Result<(), StoreFull> {
        self.small.ensure(3)?;
        self.large.ensure(2)
    }

    /// Gives one more bit to a leaf whose handles are `moving` already: it keeps those with a zero there.
    fn split(&mut self, leaf: LeafId, moving: &mut [(u64, Handle)]) {
        let record = self.records.get_mut(leaf.0);
        record.depth += 1;
        let (depth, prefix) = (record.depth, record.prefix);
        let sibling_prefix = prefix | 1 << (u32::BITS - u32::from(depth));
        let chosen = 1_u64 << (u64::BITS - u32::from(depth));
        moving.sort_unstable_by_key(|(hash, _)| hash & chosen);
        let keep = moving.partition_point(|(hash, _)| hash & chosen == 0);

        let sibling = LeafId(self.records.add(LeafRecord {
            prefix: sibling_prefix,
            position: u32::MAX,
            count: 0,
            depth,
            size: LeafSize::Small,
            overflow: None,
        }));
        self.fill(leaf, size_for(keep), &moving[..keep]);
        self.records.get_mut(sibling.0).position = self.small.add(sibling.0);
        self.fill(sibling, size_for(moving.len() - keep), &moving[keep..]);
        self.directory
            .assign(sibling_prefix, u32::from(depth), sibling);
        // The leaf's own entries stay as they are; only a node between them and the sibling's may be new.
        self.directory.assign(prefix, u32::from(depth), leaf);
    }

    /// After a removal: merges a leaf with its sibling, or makes it small, when they hold little.
    pub(super) fn shrink_if_sparse(
        &mut self,
        leaf: LeafId,
        source: &impl HashSource,
        moving: &mut Vec<(u64, Handle)>,
    ) {
        let record = self.records.get(leaf.0);
        if record.count >= MERGE_AT_MOST || !record.count.is_multiple_of(MERGE_CHECK_EVERY) {
            return;
        }
        if self.ensure_leaves().is_err() {
            return;
        }
        let record = self.records.get(leaf.0);
        if let Some(sibling) = self.sibling(record)
            && record.count + self.records.get(sibling.0).count <= MERGE_AT_MOST
        {
            self.merge(leaf, sibling, source, moving);
        } else if record.size == LeafSize::Large && record.count < SMALL_BELOW {
            self.collect(leaf, source, moving);
            self.fill(leaf, LeafSize::Small, moving);
        }
    }

    /// The leaf that differs in the last bit, if it was not split further.
    fn sibling(&self, record: &LeafRecord) -> Option<LeafId> {
        if record.depth == 0 {
            return None;
        }
        let last_bit = 1 << (u32::BITS - u32::from(record.depth));
        let sibling = self.directory.leaf(record.prefix ^ last_bit);
        (self.records.get(sibling.0).depth == record.depth).then_some(sibling)
    }

    fn merge(
        &mut self,
        leaf: LeafId,
        sibling: LeafId,
        source: &impl HashSource,
        moving: &mut Vec<(u64, Handle)>,
    ) {
        self.collect(sibling, source, moving);
        let mut all = std::mem::take(moving);
        self.collect(leaf, source, moving);
        all.append(moving);
        *moving = all;
        self.free_lines(sibling);
        self.records.release(sibling.0);

        let record = self.records.get_mut(leaf.0);
        record.prefix &= !(1 << (u32::BITS - u32::from(record.depth)));
        record.depth -= 1;
        let (prefix, depth) = (record.prefix, u32::from(record.depth));
        self.directory.assign(prefix, depth, leaf);
        self.fill(leaf, size_for(moving.len()), moving);
    }

    /// Writes all handles of a leaf, with their hashes, into `moving`. The leaf's list is emptied, its lines are not.
    fn collect(&mut self, leaf: LeafId, source: &impl HashSource, moving: &mut Vec<(u64, Handle)>) {
        moving.clear();
        for line in self.lines(self.records.get(leaf.0)) {
            moving.extend(line.taken().map(|slot| (0, line.handle(slot))));
        }
        for &(_, handle) in moving.iter().take(LOOK_AHEAD) {
            source.prefetch(handle);
        }
        for at in 0..moving.len() {
            if let Some(&(_, ahead)) = moving.get(at + LOOK_AHEAD) {
                source.prefetch(ahead);
            }
            moving[at].0 = source.hash_of(moving[at].1);
        }
        let list = self.take_overflow(leaf);
        moving.extend(list.iter().map(|other| (other.hash, other.handle)));
    }

    /// Gives a leaf fresh lines of `size` and puts `handles` there; what finds no place goes to its list.
    fn fill(&mut self, leaf: LeafId, size: LeafSize, handles: &[(u64, Handle)]) {
        self.free_lines(leaf);
        let position = match size {
            LeafSize::Small => self.small.add(leaf.0),
            LeafSize::Large => self.large.add(leaf.0),
        };
        let lines = self.lines_mut(size, position);
        let mut left_over = Vec::new();
        let mut count = 0;
        for &(hash, handle) in handles {
            if leaf::insert(lines, size, hash, handle) {
                count += 1;
            } else {
                left_over.push((hash, handle));
            }
        }
        let record = self.records.get_mut(leaf.0);
        record.size = size;
        record.position = position;
        record.count = count;
        for (hash, handle) in left_over {
            self.push_overflow(leaf, hash, handle);
        }
    }

    fn free_lines(&mut self, leaf: LeafId) {
        let record = self.records.get(leaf.0);
        let position = record.position;
        let moved = match record.size {
            LeafSize::Small => self.small.remove(position),
            LeafSize::Large => self.large.remove(position),
        };
        if let Some(owner) = moved {
            self.records.get_mut(owner).position = position;
        }
    }
}

/// The size for a leaf of so many handles, with room to spare.
fn size_for(handles: usize) -> LeafSize {
    if handles < SMALL_HOLDS {
        LeafSize::Small
    } else {
        LeafSize::Large
    }
}

/// A small leaf takes this many with next to none left over; it is full at about 535.
const SMALL_HOLDS: usize = 480;
