//! The trie that leads from a hash to its leaf: a root entry per slot, below it nodes of four more bits where a slot's keys need many leaves.
//! Pure.
//! Invariant: a leaf of depth `d` stands in every entry whose path agrees with the first `d` bits of its prefix, and nowhere else.

use super::leaf::LeafAt;
use crate::store::chunked::Chunked;

/// Bits of a hash that choose the root's entry: the slot.
const ROOT_BITS: u32 = 14;

/// Bits that a node adds.
const NODE_BITS: u32 = 4;

/// A leaf no deeper than this: 2¹⁷ leaves, some 85 million keys, under one hash tag; beyond, leaves grow lists. The bits below choose homes, and scan cursors keep to 40 bits.
pub(super) const MAX_DEPTH: u32 = 31;

/// Marks entries that lead to a node.
const NODE: u32 = 1 << 31;

type Node = [u32; 1 << NODE_BITS];

/// The trie.
#[derive(Debug)]
pub(super) struct Directory {
    root: Box<[u32; 1 << ROOT_BITS]>,
    nodes: Chunked<Node>,
}

/// The `count` bits of `path` (a hash's top 32 bits) after the first `skip`.
#[inline]
fn bits(path: u32, skip: u32, count: u32) -> usize {
    (path << skip >> (u32::BITS - count)) as usize
}

impl Directory {
    /// Every path leads to `leaf`, of depth 0.
    pub(super) fn new(leaf: LeafAt) -> Self {
        Self {
            root: Box::new([leaf.bits(); 1 << ROOT_BITS]),
            nodes: Chunked::new(),
        }
    }

    /// The leaf of a path: the top 32 bits of a hash.
    #[inline]
    pub(super) fn leaf(&self, path: u32) -> LeafAt {
        let mut entry = self.root[bits(path, 0, ROOT_BITS)];
        let mut skip = ROOT_BITS;
        while entry & NODE != 0 {
            entry = self.nodes.get(entry & !NODE)[bits(path, skip, NODE_BITS)];
            skip += NODE_BITS;
        }
        LeafAt::from_bits(entry)
    }

    /// Where the root's entry of a path lies.
    #[inline]
    pub(super) fn root_address(&self, path: u32) -> *const u8 {
        (&raw const self.root[bits(path, 0, ROOT_BITS)]).cast()
    }

    /// Lets all paths that begin with the first `depth` bits of `prefix` lead to `leaf`; until now they led to one leaf of this depth or one less, or to two of one more.
    pub(super) fn assign(&mut self, prefix: u32, depth: u32, leaf: LeafAt) {
        if depth <= ROOT_BITS {
            let at = bits(prefix, 0, ROOT_BITS);
            for entry in &mut self.root[at..at + (1 << (ROOT_BITS - depth))] {
                if *entry & NODE != 0 {
                    self.nodes.release(*entry & !NODE);
                }
                *entry = leaf.bits();
            }
            return;
        }
        let at = bits(prefix, 0, ROOT_BITS);
        if self.root[at] & NODE == 0 {
            self.root[at] = NODE | self.nodes.add([self.root[at]; 1 << NODE_BITS]);
        }
        let mut node = self.root[at] & !NODE;
        let mut skip = ROOT_BITS;
        while depth > skip + NODE_BITS {
            let at = bits(prefix, skip, NODE_BITS);
            let entry = self.nodes.get(node)[at];
            let below = if entry & NODE == 0 {
                let below = self.nodes.add([entry; 1 << NODE_BITS]);
                self.nodes.get_mut(node)[at] = NODE | below;
                below
            } else {
                entry & !NODE
            };
            node = below;
            skip += NODE_BITS;
        }
        let at = bits(prefix, skip, NODE_BITS);
        let covered = at..at + (1 << (skip + NODE_BITS - depth));
        for at in covered {
            let entry = std::mem::replace(&mut self.nodes.get_mut(node)[at], leaf.bits());
            if entry & NODE != 0 {
                self.nodes.release(entry & !NODE);
            }
        }
    }

    /// Bytes taken.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.root) + self.nodes.bytes()
    }
}
