//! Where the lines of leaves lie: a dense array of leaves of one size.
//! Invariant: leaves fill the array without gaps; a removed one is replaced by the last, whose owner the caller tells. What lies well behind the last is not resident.

use super::leaf::{LeafAt, LeafSize, POSITION_LIMIT};
use super::line::Line;
use super::trie::RecordId;
use crate::store::error::StoreFull;
use crate::store::slab::Regions;

/// Leaves in a region: 3 or 4 MiB of address space.
const LEAVES_PER_REGION: usize = 1024;

/// Memory goes back by so many leaves at a time …
const LEAVES_PER_STEP: usize = 8;

/// … and this far behind the last, so that a leaf that comes and goes does not take it with it each time.
const STEPS_KEPT: usize = 1;

/// All leaves of one size.
#[derive(Debug)]
pub(super) struct Arena {
    size: LeafSize,
    regions: Regions,
    /// For every leaf the number of its record.
    owners: Vec<RecordId>,
}

impl Arena {
    /// No leaves.
    pub(super) fn new(size: LeafSize) -> Self {
        Self {
            size,
            regions: Regions::new(LEAVES_PER_REGION * size.bytes()),
            owners: Vec::new(),
        }
    }

    /// Makes sure that there is room for so many more leaves.
    pub(super) fn ensure(&mut self, leaves: usize) -> Result<(), StoreFull> {
        let wanted = self.owners.len() + leaves;
        if wanted >= POSITION_LIMIT as usize {
            return Err(StoreFull);
        }
        while wanted > self.regions.len() * LEAVES_PER_REGION {
            self.regions.add()?;
        }
        Ok(())
    }

    /// An empty leaf for the record `owner`. There is room: see [`Arena::ensure`].
    pub(super) fn add(&mut self, owner: RecordId) -> LeafAt {
        let position = u32::try_from(self.owners.len()).unwrap_or(POSITION_LIMIT);
        let leaf = LeafAt::new(self.size, position);
        self.owners.push(owner);
        self.lines_mut(leaf).fill(Line::EMPTY);
        leaf
    }

    /// Removes a leaf; the owner of the one that was moved into its position is returned, if any was.
    pub(super) fn remove(&mut self, leaf: LeafAt) -> Option<RecordId> {
        let last = u32::try_from(self.owners.len() - 1).unwrap_or(POSITION_LIMIT);
        let last = LeafAt::new(self.size, last);
        if leaf != last {
            let mut moved = [Line::EMPTY; LeafSize::Large.lines()];
            let moved = &mut moved[..self.size.lines()];
            moved.copy_from_slice(self.lines(last));
            self.lines_mut(leaf).copy_from_slice(moved);
        }
        self.owners.swap_remove(leaf.position());
        if self.owners.len().is_multiple_of(LEAVES_PER_STEP) {
            self.discard(self.owners.len() + STEPS_KEPT * LEAVES_PER_STEP);
        }
        self.owners.get(leaf.position()).copied()
    }

    /// Whose lines these are.
    #[inline]
    pub(super) fn owner(&self, leaf: LeafAt) -> RecordId {
        self.owners[leaf.position()]
    }

    /// Where a line lies, to prefetch it.
    #[inline]
    pub(super) fn line_address(&self, leaf: LeafAt, line: usize) -> Option<*const u8> {
        let (region, at) = locate(leaf);
        let region = self.regions.address(region)?;
        Some(region.wrapping_add(at + line * size_of::<Line>()))
    }

    /// Gives one step of leaves back to the system, where there is a region for it.
    fn discard(&mut self, from: usize) {
        let region = from / LEAVES_PER_REGION;
        if region < self.regions.len() {
            let at = from % LEAVES_PER_REGION * self.size.bytes();
            let bytes = LEAVES_PER_STEP * self.size.bytes();
            self.regions.discard(region, at, bytes);
        }
    }

    /// The lines of a leaf.
    #[inline]
    pub(super) fn lines(&self, leaf: LeafAt) -> &[Line] {
        let (region, at) = locate(leaf);
        let lines = leaf.lines();
        let bytes = &self.regions.bytes(region)[at..at + lines * size_of::<Line>()];
        // SAFETY: `bytes` is as long as that many lines. It begins at a multiple of a line's size, for regions begin at a page and leaves are whole lines. A line is made of integers without gaps, so any bytes are one. The borrow goes on in the result.
        unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), lines) }
    }

    /// The same, to be changed.
    #[inline]
    pub(super) fn lines_mut(&mut self, leaf: LeafAt) -> &mut [Line] {
        let (region, at) = locate(leaf);
        let lines = self.size.lines();
        let bytes = &mut self.regions.bytes_mut(region)[at..at + self.size.bytes()];
        // SAFETY: as in `lines`; and the mutable borrow goes on in the result.
        unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), lines) }
    }

    /// Bytes of the leaves.
    pub(super) fn bytes(&self) -> usize {
        self.owners.len() * self.size.bytes()
    }

    /// Bytes kept beside them.
    pub(super) fn overhead_bytes(&self) -> usize {
        STEPS_KEPT * LEAVES_PER_STEP * self.size.bytes()
            + self.regions.table_bytes()
            + self.owners.capacity() * size_of::<RecordId>()
    }
}

/// Region and offset in it.
#[inline]
fn locate(leaf: LeafAt) -> (usize, usize) {
    let position = leaf.position();
    (
        position / LEAVES_PER_REGION,
        position % LEAVES_PER_REGION * leaf.lines() * size_of::<Line>(),
    )
}
