//! Where the lines of leaves lie: dense arrays of leaves of one size, in chunks.
//! Invariant: leaves fill the arena without gaps; a removed one is replaced by the last, whose owner the caller tells.

use super::leaf::LeafSize;
use super::line::Line;

/// Leaves asked of the allocator at once: 48 or 64 KiB.
const LEAVES_PER_CHUNK: usize = 16;

/// All leaves of one size.
#[derive(Debug)]
pub(super) struct Arena {
    size: LeafSize,
    chunks: Vec<Box<[Line]>>,
    /// For every leaf the number of its record.
    owners: Vec<u32>,
}

impl Arena {
    /// No leaves.
    pub(super) fn new(size: LeafSize) -> Self {
        Self {
            size,
            chunks: Vec::new(),
            owners: Vec::new(),
        }
    }

    /// An empty leaf for the record `owner`.
    pub(super) fn add(&mut self, owner: u32) -> u32 {
        let position = self.owners.len();
        if position == self.chunks.len() * LEAVES_PER_CHUNK {
            let lines = LEAVES_PER_CHUNK * self.size.lines();
            self.chunks
                .push(vec![Line::EMPTY; lines].into_boxed_slice());
        }
        self.owners.push(owner);
        let position = u32::try_from(position).unwrap_or(u32::MAX);
        self.lines_mut(position).fill(Line::EMPTY);
        position
    }

    /// Removes a leaf; the owner of the one that was moved into its position is returned, if any was.
    pub(super) fn remove(&mut self, position: u32) -> Option<u32> {
        let last = u32::try_from(self.owners.len() - 1).unwrap_or(u32::MAX);
        if position != last {
            let mut moved = [Line::EMPTY; LeafSize::Large.lines()];
            let moved = &mut moved[..self.size.lines()];
            moved.copy_from_slice(self.lines(last));
            self.lines_mut(position).copy_from_slice(moved);
        }
        self.owners.swap_remove(position as usize);
        // One chunk is kept in reserve, so that a leaf coming and going does not take one with it each time.
        if self.chunks.len() > self.owners.len().div_ceil(LEAVES_PER_CHUNK) + 1 {
            self.chunks.pop();
        }
        self.owners.get(position as usize).copied()
    }

    /// The lines of a leaf.
    #[inline]
    pub(super) fn lines(&self, position: u32) -> &[Line] {
        let (chunk, start) = self.locate(position);
        &self.chunks[chunk][start..start + self.size.lines()]
    }

    /// The same, to be changed.
    #[inline]
    pub(super) fn lines_mut(&mut self, position: u32) -> &mut [Line] {
        let (chunk, start) = self.locate(position);
        &mut self.chunks[chunk][start..start + self.size.lines()]
    }

    #[inline]
    fn locate(&self, position: u32) -> (usize, usize) {
        let position = position as usize;
        (
            position / LEAVES_PER_CHUNK,
            position % LEAVES_PER_CHUNK * self.size.lines(),
        )
    }

    /// Bytes taken, spare ones included.
    pub(super) fn bytes(&self) -> usize {
        self.chunks.len() * LEAVES_PER_CHUNK * self.size.lines() * size_of::<Line>()
            + self.owners.capacity() * size_of::<u32>()
    }
}
