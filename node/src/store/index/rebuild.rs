//! Leaves that change shape: larger, split in two, merged, smaller.
//! Each step rehashes the keys of at most two leaves, asking for their entries ahead.

use super::HashSource;
use super::directory::MAX_DEPTH;
use super::leaf::{self, LeafAt, LeafSize};
use super::trie::{LeafRecord, RecordId, Trie};
use crate::store::error::StoreFull;
use crate::store::slab::Handle;

/// A leaf in which a key found no place is changed only if it holds more than this; else its lines are crowded by equal hashes, and no split parts those.
const CROWDED: u16 = 320;

/// Two siblings merge when they hold no more than this together: well below the 713 or so at which they would split again.
const MERGE_AT_MOST: u16 = 650;

/// A large leaf that holds fewer becomes small; two halves of a split one are about here.
const SMALL_BELOW: u16 = 360;

/// A small leaf takes this many with next to none left over; it is full at about 535.
const SMALL_HOLDS: usize = 480;

/// Removals look for a merge only at counts divisible by this: keeps the sibling's record out of most of them.
const MERGE_CHECK_EVERY: u16 = 16;

/// Entries asked for ahead of the one that is hashed.
const LOOK_AHEAD: usize = 24;

impl Trie {
    /// Makes a leaf larger or splits it; `false` when neither would help or there is no memory for it.
    pub(super) fn make_room(
        &mut self,
        leaf: LeafAt,
        source: &impl HashSource,
        moving: &mut Vec<(u64, Handle)>,
    ) -> bool {
        let id = self.record_id(leaf);
        let record = self.records.get(id.0);
        let may_split = u32::from(record.depth) < MAX_DEPTH;
        if record.count < CROWDED || self.ensure_leaves().is_err() {
            return false;
        }
        match leaf.size() {
            LeafSize::Small => {
                self.collect(id, source, moving);
                self.fill(id, LeafSize::Large, moving);
            }
            LeafSize::Large if may_split => {
                self.collect(id, source, moving);
                self.split(id, moving);
            }
            LeafSize::Large => return false,
        }
        true
    }

    /// Makes sure that a leaf can be made larger, split, merged or made smaller.
    fn ensure_leaves(&mut self) -> Result<(), StoreFull> {
        self.arenas.iter_mut().try_for_each(|arena| arena.ensure(2))
    }

    /// Gives one more bit to a leaf whose handles are `moving` already: it keeps those with a zero there.
    fn split(&mut self, id: RecordId, moving: &mut [(u64, Handle)]) {
        let record = self.records.get_mut(id.0);
        record.depth += 1;
        let (depth, prefix) = (record.depth, record.prefix);
        let chosen = 1_u64 << (u64::BITS - u32::from(depth));
        let keep = partition(moving, chosen);
        let sibling = RecordId(self.records.add(LeafRecord {
            prefix: prefix | 1 << (u32::BITS - u32::from(depth)),
            at: LeafAt::NOWHERE,
            count: 0,
            depth,
            list: None,
        }));
        self.fill(id, size_for(keep), &moving[..keep]);
        self.fill(sibling, size_for(moving.len() - keep), &moving[keep..]);
    }

    /// After a removal: merges a leaf with its sibling, or makes it small, when they hold little.
    pub(super) fn shrink_if_sparse(
        &mut self,
        leaf: LeafAt,
        source: &impl HashSource,
        moving: &mut Vec<(u64, Handle)>,
    ) {
        let id = self.record_id(leaf);
        let record = self.records.get(id.0);
        let count = record.count;
        if count >= MERGE_AT_MOST || !count.is_multiple_of(MERGE_CHECK_EVERY) {
            return;
        }
        let sibling = self.sibling(record);
        if self.ensure_leaves().is_err() {
            return;
        }
        if let Some(sibling) = sibling
            && count + self.records.get(sibling.0).count <= MERGE_AT_MOST
        {
            self.merge(id, sibling, source, moving);
        } else if leaf.size() == LeafSize::Large && count < SMALL_BELOW {
            self.collect(id, source, moving);
            self.fill(id, LeafSize::Small, moving);
        }
    }

    /// The leaf that differs in the last bit, if it was not split further.
    fn sibling(&self, record: &LeafRecord) -> Option<RecordId> {
        if record.depth == 0 {
            return None;
        }
        let last_bit = 1 << (u32::BITS - u32::from(record.depth));
        let sibling = self.record_id(self.directory.leaf(record.prefix ^ last_bit));
        (self.records.get(sibling.0).depth == record.depth).then_some(sibling)
    }

    fn merge(
        &mut self,
        id: RecordId,
        sibling: RecordId,
        source: &impl HashSource,
        moving: &mut Vec<(u64, Handle)>,
    ) {
        self.collect(sibling, source, moving);
        let mut all = std::mem::take(moving);
        self.collect(id, source, moving);
        all.append(moving);
        *moving = all;
        self.free_lines(sibling);
        self.records.release(sibling.0);

        let record = self.records.get_mut(id.0);
        record.prefix &= !(1 << (u32::BITS - u32::from(record.depth)));
        record.depth -= 1;
        self.fill(id, size_for(moving.len()), moving);
    }

    /// Writes all handles of a leaf, with their hashes, into `moving`. The leaf's list is emptied, its lines are not.
    fn collect(&mut self, id: RecordId, source: &impl HashSource, moving: &mut Vec<(u64, Handle)>) {
        moving.clear();
        for line in self.lines(self.records.get(id.0).at) {
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
        self.moved += moving.len() as u64;
        let list = self.take_list(id);
        moving.extend(list.iter().map(|other| (other.hash, other.handle)));
    }

    /// Gives a leaf fresh lines of `size`, leads its prefix there and puts `handles` there; what finds no place goes to its list.
    fn fill(&mut self, id: RecordId, size: LeafSize, handles: &[(u64, Handle)]) {
        self.free_lines(id);
        let at = self.arenas[size as usize].add(id);
        let lines = self.lines_mut(at);
        let mut left_over = Vec::new();
        let mut count = 0;
        for &(hash, handle) in handles {
            if leaf::insert(lines, size, hash, handle) {
                count += 1;
            } else {
                left_over.push((hash, handle));
            }
        }
        let record = self.records.get_mut(id.0);
        record.at = at;
        record.count = count;
        let (prefix, depth) = (record.prefix, u32::from(record.depth));
        self.directory.assign(prefix, depth, at);
        for (hash, handle) in left_over {
            self.push_to_list(at, hash, handle);
        }
    }

    /// Gives the lines of a leaf back. The last leaf of that size moves into their place.
    fn free_lines(&mut self, id: RecordId) {
        let at = self.records.get(id.0).at;
        if at == LeafAt::NOWHERE {
            return;
        }
        let moved = self.arenas[at.size() as usize].remove(at);
        if let Some(owner) = moved {
            let record = self.records.get_mut(owner.0);
            record.at = at;
            let (prefix, depth) = (record.prefix, u32::from(record.depth));
            self.directory.assign(prefix, depth, at);
        }
    }
}

/// Puts the hashes without this bit before those with it; says how many they are.
fn partition(moving: &mut [(u64, Handle)], chosen: u64) -> usize {
    let mut keep = 0;
    for at in 0..moving.len() {
        if moving[at].0 & chosen == 0 {
            moving.swap(at, keep);
            keep += 1;
        }
    }
    keep
}

/// The size for a leaf of so many handles, with room to spare.
fn size_for(handles: usize) -> LeafSize {
    if handles < SMALL_HOLDS {
        LeafSize::Small
    } else {
        LeafSize::Large
    }
}
