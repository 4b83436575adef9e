//! [`Directory`]: which leaf a hash belongs to, by linear hashing (Litwin 1980): leaves are split one after the other in a fixed order, whichever is full, so a table grows by one leaf at a time.
//! Pure. Knows leaves by number only.
//! Invariant: leaf `p` holds the hashes that end in the bits of `p`, `level + 1` of them before the split pointer and behind `2^level`, `level` between.

use super::leaves::{LeafId, Leaves, low_half};
use crate::store::object::Ahead;
use crate::store::slab::prefetch_of;

/// Leaves in one piece of the list, so that it grows without a pause.
const CHUNK: usize = 1024;

/// Steps of [`Directory::look_ahead`].
pub(super) const DIRECTORY_STEPS: usize = 2;

/// Leaves in the order of the bits that they stand for.
#[derive(Debug)]
pub(super) struct Directory {
    level: u32,
    len: u32,
    chunks: Vec<Vec<LeafId>>,
}

impl Directory {
    /// One leaf, which all hashes belong to.
    pub(super) fn new(first: LeafId) -> Self {
        Self {
            level: 0,
            len: 1,
            chunks: vec![vec![first]],
        }
    }

    /// How many leaves there are.
    #[inline]
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// Where the leaf of a hash stands; its low bits decide.
    #[inline]
    pub(super) fn position(&self, hash: u32) -> u32 {
        let deep = hash & ((2 << self.level) - 1);
        if deep < self.len {
            deep
        } else {
            hash & ((1 << self.level) - 1)
        }
    }

    /// How many bits of a hash lead to this position.
    #[inline]
    pub(super) fn depth(&self, position: u32) -> u32 {
        let is_split = position >= 1 << self.level || position + (1 << self.level) < self.len;
        self.level + u32::from(is_split)
    }

    /// So many low bits of a hash lead to any position at least.
    pub(super) fn level(&self) -> u32 {
        self.level
    }

    /// The leaves that hold all hashes with these low bits, of which there are `parts` different ones: a power of two.
    pub(super) fn leaves_of(&self, part: u32, parts: u32) -> impl Iterator<Item = LeafId> {
        // Where there are fewer leaves than parts it is one, which holds other parts as well.
        (self.position(part)..self.len)
            .step_by(parts as usize)
            .map(|position| self.leaf(position))
    }

    /// The leaf at a position.
    #[inline]
    pub(super) fn leaf(&self, position: u32) -> LeafId {
        self.chunks[position as usize / CHUNK][position as usize % CHUNK]
    }

    /// Asks for the memory that leads to the leaves of elements, in steps: the cells of the directory, those of the leaves' places. Behind the last one each element knows its leaf. Of a hash the bits of `mask` count.
    pub(super) fn look_ahead(
        &self,
        leaves: &Leaves,
        elements: &mut [Ahead<'_>],
        step: usize,
        mask: u32,
    ) {
        for element in elements {
            let position = self.position(low_half(element.hash) & mask);
            if step == 0 {
                let chunk = &self.chunks[position as usize / CHUNK];
                prefetch_of(&chunk[position as usize % CHUNK]);
            } else {
                let leaf = self.leaf(position);
                element.leaf = leaf.0;
                leaves.prefetch_place(leaf);
            }
        }
    }

    /// The leaf that is split next, and the bit of a hash that then tells it from the new one.
    pub(super) fn next_split(&self) -> (LeafId, u32) {
        (self.leaf(self.len - (1 << self.level)), 1 << self.level)
    }

    /// The new leaf of that split.
    pub(super) fn push(&mut self, leaf: LeafId) {
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.push(leaf);
        }
        self.len += 1;
        if self.len == 2 << self.level {
            self.level += 1;
        }
    }

    /// The last leaf and the one that it was split from, which takes its elements back. There must be two.
    pub(super) fn next_merge(&self) -> (LeafId, LeafId) {
        let level = self.level - u32::from(self.len == 1 << self.level);
        let last = self.len - 1;
        (self.leaf(last), self.leaf(last - (1 << level)))
    }

    /// Forgets the last leaf; `None` when there is none.
    pub(super) fn pop(&mut self) -> Option<LeafId> {
        let last = self.chunks.last_mut()?;
        let leaf = last.pop()?;
        if last.is_empty() {
            self.chunks.pop();
        }
        if self.level > 0 && self.len == 1 << self.level {
            self.level -= 1;
        }
        self.len -= 1;
        Some(leaf)
    }

    /// Bytes taken.
    pub(super) fn bytes(&self) -> u64 {
        let leaves: usize = match self.chunks.as_slice() {
            [] => 0,
            // Only the first piece grows by doubling.
            [first, others @ ..] => first.capacity() + others.len() * CHUNK,
        };
        let list = self.chunks.capacity() * size_of::<Vec<LeafId>>();
        (leaves * size_of::<LeafId>() + list) as u64
    }
}
