//! A large list: leaves in a tree by rank.
//! Pure. Never: takes a step whose size depends on how many elements there are.

use super::leaf;
use crate::store::value::block::{Block, count, count32, index};
use crate::store::value::codes::{Encoded, Stored};
use crate::store::value::leaves::{LeafId, Leaves, MAX_LEAF_BYTES};
use crate::store::value::tree::{Outer, Path, Separator, Tree};
use crate::store::{StoreFull, StringRef};

/// Bytes beyond which a leaf takes no more elements.
const TARGET: usize = 2048;

/// Cache lines asked for of the next leaf of a walk.
const PREFETCHED_LINES: usize = 32;

/// See the module.
#[derive(Debug)]
pub(super) struct Large {
    tree: Tree,
    front: Outer,
    back: Outer,
    count: u64,
    /// Of leaves, nodes and long strings.
    bytes: u64,
}

impl Large {
    /// The elements of a small one, which becomes the first leaf as it is. Room is reserved.
    pub(super) fn from_blob(leaves: &mut Leaves, blob: &[u8]) -> Self {
        let before = leaves.live_bytes();
        let first = leaves.alloc(blob.len());
        leaves.bytes_mut(first).copy_from_slice(blob);
        let longs: u64 = leaf::elements(blob, 0, count(blob))
            .filter_map(Stored::elsewhere)
            .map(|place| leaves.long_cost(place))
            .sum();
        Self {
            tree: Tree::by_rank(first),
            front: Outer::default(),
            back: Outer::default(),
            count: count(blob) as u64,
            bytes: longs + leaves.live_bytes() - before,
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.count
    }

    /// Of them, those in leaves.
    pub(super) fn leaf_bytes(&self) -> u64 {
        self.bytes
    }

    /// All bytes taken.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes + size_of::<Self>() as u64
    }

    /// The leaf that has the element of this rank, and its place there. The outer leaves are found without counting.
    #[inline]
    fn find(&self, leaves: &Leaves, rank: u64) -> (Path, usize) {
        match self.outer_leaf(leaves, rank) {
            Some(path) => (path, self.outer_place(leaves, &path, rank)),
            None => self.find_inner(leaves, rank),
        }
    }

    /// The same for any rank: those behind the first leaf are shifted by what the tree does not know of it.
    fn find_inner(&self, leaves: &Leaves, rank: u64) -> (Path, usize) {
        let more = i64::from(self.front.more());
        let Some(known) = rank.checked_add_signed(-more) else {
            return (self.tree.first(leaves), index(rank));
        };
        let (path, nth) = self.tree.find_rank(leaves, known);
        if more != 0 && self.tree.is_first(&path) {
            return (path, index(rank));
        }
        (path, nth)
    }

    /// The tree learns what it does not know of its outer leaves, and may change.
    fn settle(&mut self, leaves: &mut Leaves) {
        self.front.settle(leaves, &self.tree, true);
        self.back.settle(leaves, &self.tree, false);
    }

    /// The leaf of a rank that is at one of the ends.
    #[inline]
    fn outer_leaf(&self, leaves: &Leaves, rank: u64) -> Option<Path> {
        if rank == 0 {
            Some(self.tree.first(leaves))
        } else if rank + 1 >= self.count {
            Some(self.tree.last(leaves))
        } else {
            None
        }
    }

    /// The place of such a rank in its leaf.
    #[inline]
    fn outer_place(&self, leaves: &Leaves, path: &Path, rank: u64) -> usize {
        if rank == 0 {
            return 0;
        }
        let elements = count(leaves.bytes(path.leaf()));
        let behind = index(self.count.saturating_sub(rank));
        elements.saturating_sub(behind)
    }

    /// The element of a rank.
    pub(super) fn get<'a>(&self, leaves: &'a Leaves, rank: u64) -> Option<Stored<'a>> {
        if rank >= self.count {
            return None;
        }
        let (path, nth) = self.find(leaves, rank);
        Some(leaf::element(leaves.bytes(path.leaf()), nth))
    }

    /// Puts an element before the one of this rank, or behind all. Room is reserved.
    pub(super) fn insert(
        &mut self,
        leaves: &mut Leaves,
        rank: u64,
        text: &[u8],
    ) -> Result<(), StoreFull> {
        let before = leaves.live_bytes();
        let element = leaves.encode(text)?;
        let inserted = self.insert_kept(leaves, rank, &element);
        if inserted.is_err() {
            leaves.discard(Stored {
                code: element.code,
                bytes: element.bytes(),
            });
        }
        self.bytes = (self.bytes + leaves.live_bytes()).saturating_sub(before);
        inserted
    }

    fn insert_kept(
        &mut self,
        leaves: &mut Leaves,
        rank: u64,
        element: &Encoded<'_>,
    ) -> Result<(), StoreFull> {
        if rank == 0 || rank == self.count {
            self.insert_outer(leaves, rank == 0, element);
            return Ok(());
        }
        self.settle(leaves);
        loop {
            let (path, nth) = self.find(leaves, rank);
            let id = path.leaf();
            let bytes = leaves.bytes(id);
            if bytes.len() + leaf::cost(element) <= TARGET {
                leaf::insert(&mut leaves.block(id), nth, element);
                self.tree.add(leaves, &path, 1);
                self.count += 1;
                return Ok(());
            }
            self.halve(leaves, &path);
            leaves.reserve()?;
        }
    }

    /// Puts an element before all, or behind all.
    fn insert_outer(&mut self, leaves: &mut Leaves, is_front: bool, element: &Encoded<'_>) {
        let outer = match is_front {
            true => &mut self.front,
            false => &mut self.back,
        };
        let id = outer.leaf(leaves, &self.tree, is_front);
        let bytes = leaves.bytes(id);
        let elements = count(bytes);
        self.count += 1;
        if elements > 0 && bytes.len() + leaf::cost(element) > TARGET {
            self.add_leaf(leaves, is_front, element);
        } else {
            outer.count(&self.tree, 1);
            let nth = if is_front { 0 } else { elements };
            leaf::insert(&mut leaves.block(id), nth, element);
        }
    }

    /// A new leaf for an element at an outer end.
    fn add_leaf(&mut self, leaves: &mut Leaves, is_front: bool, element: &Encoded<'_>) {
        self.settle(leaves);
        let path = match is_front {
            true => self.tree.first(leaves),
            false => self.tree.last(leaves),
        };
        let id = path.leaf();
        let elements = count32(count(leaves.bytes(id)));
        let right = leaves.alloc(leaf::EMPTY.len());
        leaves.bytes_mut(right).copy_from_slice(&leaf::EMPTY);
        let (single, sizes) = if is_front {
            // The old elements move on to the new leaf, for that stands behind.
            move_all(leaves, id, right);
            (id, (1, elements))
        } else {
            (right, (elements, 1))
        };
        leaf::insert(&mut leaves.block(single), 0, element);
        self.tree
            .split_leaf(leaves, &path, right, sizes, Separator::LEAST);
    }

    /// Parts a leaf of two elements or more.
    fn halve(&mut self, leaves: &mut Leaves, path: &Path) {
        let id = path.leaf();
        let elements = count(leaves.bytes(id));
        let half = elements / 2;
        let mut scratch = leaves.borrow_scratch();
        scratch.extend_from_slice(leaves.bytes(id));
        let right = leaves.alloc(leaf::EMPTY.len());
        leaves.bytes_mut(right).copy_from_slice(&leaf::EMPTY);
        leaf::append(&mut leaves.block(right), &scratch, half);
        leaves.return_scratch(scratch);
        leaf::remove(&mut leaves.block(id), half, elements);
        let sizes = (count32(half), count32(elements - half));
        self.tree
            .split_leaf(leaves, path, right, sizes, Separator::LEAST);
    }

    /// Writes another element at a rank that there is. Room is reserved.
    pub(super) fn set(
        &mut self,
        leaves: &mut Leaves,
        rank: u64,
        text: &[u8],
    ) -> Result<(), StoreFull> {
        let before = leaves.live_bytes();
        let element = leaves.encode(text)?;
        let set = self.set_kept(leaves, rank, &element);
        if set.is_err() {
            leaves.discard(Stored {
                code: element.code,
                bytes: element.bytes(),
            });
        }
        self.bytes = (self.bytes + leaves.live_bytes()).saturating_sub(before);
        set
    }

    fn set_kept(
        &mut self,
        leaves: &mut Leaves,
        rank: u64,
        element: &Encoded<'_>,
    ) -> Result<(), StoreFull> {
        self.settle(leaves);
        loop {
            let (path, nth) = self.find(leaves, rank);
            let id = path.leaf();
            if leaves.bytes(id).len() + leaf::cost(element) <= MAX_LEAF_BYTES {
                let old = leaf::element(leaves.bytes(id), nth).elsewhere();
                leaf::replace(&mut leaves.block(id), nth, element);
                if let Some(place) = old {
                    leaves.discard_long(place);
                }
                return Ok(());
            }
            // Its long elements may all stand in one half.
            self.halve(leaves, &path);
            leaves.reserve()?;
        }
    }

    /// Takes up to `limit` elements out of the leaf of this rank, from it on; how many there were.
    pub(super) fn remove_some(&mut self, leaves: &mut Leaves, rank: u64, limit: u64) -> u64 {
        if rank >= self.count || limit == 0 {
            return 0;
        }
        self.settle(leaves);
        let place = self.find(leaves, rank);
        self.remove_at(leaves, place, rank, limit)
    }

    /// Shows the element of a rank that there is, and takes it out.
    pub(super) fn take(
        &mut self,
        leaves: &mut Leaves,
        rank: u64,
        show: impl FnOnce(StringRef<'_>),
    ) {
        if let Some((is_front, id)) = self.outer_with_more(leaves, rank) {
            return self.take_outer(leaves, is_front, id, show);
        }
        self.settle(leaves);
        let (path, nth) = self.find(leaves, rank);
        show(leaves.show(leaf::element(leaves.bytes(path.leaf()), nth)));
        self.remove_at(leaves, (path, nth), rank, 1);
    }

    /// The outer leaf of a rank that is at one of the ends, if it has another element as well.
    #[inline]
    fn outer_with_more(&mut self, leaves: &Leaves, rank: u64) -> Option<(bool, LeafId)> {
        let is_front = rank == 0;
        if !is_front && rank + 1 < self.count {
            return None;
        }
        let outer = match is_front {
            true => &mut self.front,
            false => &mut self.back,
        };
        let id = outer.leaf(leaves, &self.tree, is_front);
        (count(leaves.bytes(id)) > 1).then_some((is_front, id))
    }

    /// [`Large::take`] of the first element of the first leaf, or the last one of the last.
    fn take_outer(
        &mut self,
        leaves: &mut Leaves,
        is_front: bool,
        id: LeafId,
        show: impl FnOnce(StringRef<'_>),
    ) {
        let before = leaves.live_bytes();
        let bytes = leaves.bytes(id);
        let nth = if is_front { 0 } else { count(bytes) - 1 };
        let element = leaf::element(bytes, nth);
        show(leaves.show(element));
        let elsewhere = element.elsewhere();
        leaf::remove(&mut leaves.block(id), nth, nth + 1);
        if let Some(place) = elsewhere {
            leaves.discard_long(place);
        }
        let outer = match is_front {
            true => &mut self.front,
            false => &mut self.back,
        };
        outer.count(&self.tree, -1);
        self.count -= 1;
        self.bytes = (self.bytes + leaves.live_bytes()).saturating_sub(before);
    }

    /// [`Large::remove_some`] at the place of a rank.
    fn remove_at(
        &mut self,
        leaves: &mut Leaves,
        (path, nth): (Path, usize),
        rank: u64,
        limit: u64,
    ) -> u64 {
        let before = leaves.live_bytes();
        let id = path.leaf();
        let elements = count(leaves.bytes(id));
        let end = elements.min(nth.saturating_add(index(limit)));
        self.discard(leaves, id, nth, end);
        leaf::remove(&mut leaves.block(id), nth, end);
        let gone = (end - nth) as u64;
        self.tree
            .add(leaves, &path, -count32(end - nth).cast_signed());
        self.count -= gone;
        if end - nth == elements {
            if self.tree.remove_leaf(leaves, &path) {
                leaves.free(id);
            }
        } else if rank > 0 && rank < self.count {
            // Leaves at the ends are left alone: what is pushed there next would part them again.
            self.merge(leaves, &path);
        }
        self.bytes = (self.bytes + leaves.live_bytes()).saturating_sub(before);
        gone
    }

    /// Gives up what elements keep elsewhere.
    fn discard(&self, leaves: &mut Leaves, id: LeafId, from: usize, end: usize) {
        let longs: Vec<_> = leaf::elements(leaves.bytes(id), from, end)
            .filter_map(Stored::elsewhere)
            .collect();
        for place in longs {
            leaves.discard_long(place);
        }
    }

    /// Merges a short leaf with the one to its right when both are.
    fn merge(&mut self, leaves: &mut Leaves, path: &Path) {
        let id = path.leaf();
        let len = leaves.bytes(id).len();
        if len >= TARGET * 2 / 5 {
            return;
        }
        let Some(sibling) = self.tree.sibling(leaves, path) else {
            return;
        };
        let right = sibling.leaf();
        if len + leaves.bytes(right).len() > TARGET * 7 / 10 || leaves.reserve().is_err() {
            return;
        }
        let moved = count32(count(leaves.bytes(right))).cast_signed();
        move_all(leaves, right, id);
        self.tree.add(leaves, &sibling, -moved);
        self.tree.add(leaves, path, moved);
        leaves.free(right);
        self.tree.remove_leaf(leaves, &sibling);
    }

    /// Shows elements from a rank on; up to `limit`.
    pub(super) fn walk<'a>(
        &self,
        leaves: &'a Leaves,
        from: u64,
        limit: u64,
        show: &mut dyn FnMut(Stored<'a>),
    ) {
        self.walk_leaves(leaves, from, limit, |bytes, from, end| {
            leaf::elements(bytes, from, end).for_each(&mut *show);
        });
    }

    /// The same by the leaves that they are in, and their places there.
    pub(super) fn walk_leaves<'a>(
        &self,
        leaves: &'a Leaves,
        from: u64,
        limit: u64,
        mut show: impl FnMut(&'a [u8], usize, usize),
    ) {
        let mut left = limit.min(self.count.saturating_sub(from));
        if left == 0 {
            return;
        }
        let (mut path, mut nth) = self.find(leaves, from);
        loop {
            let bytes = leaves.bytes(path.leaf());
            let end = count(bytes).min(nth.saturating_add(index(left)));
            show(bytes, nth, end);
            left -= (end - nth) as u64;
            nth = 0;
            if left == 0 || !self.tree.next(leaves, &mut path) {
                return;
            }
            leaves.prefetch(path.leaf(), PREFETCHED_LINES);
        }
    }

    /// Shows elements from a rank on downwards; up to `limit`.
    pub(super) fn walk_back<'a>(
        &self,
        leaves: &'a Leaves,
        from: u64,
        limit: u64,
        show: &mut dyn FnMut(Stored<'a>),
    ) {
        let from = from.min(self.count.saturating_sub(1));
        let mut left = limit.min(from + 1).min(self.count);
        if left == 0 {
            return;
        }
        let (mut path, nth) = self.find(leaves, from);
        let mut end = nth + 1;
        loop {
            let bytes = leaves.bytes(path.leaf());
            let begin = end.saturating_sub(index(left));
            leaf::elements_reversed(bytes, begin, end).for_each(&mut *show);
            left -= (end - begin) as u64;
            if left == 0 || !self.tree.previous(leaves, &mut path) {
                return;
            }
            leaves.prefetch(path.leaf(), PREFETCHED_LINES);
            end = count(leaves.bytes(path.leaf()));
        }
    }

    /// Frees up to `limit` leaves; says whether any is left.
    pub(super) fn free(&mut self, leaves: &mut Leaves, limit: usize) -> bool {
        let before = leaves.live_bytes();
        let mut is_left = true;
        for _ in 0..limit {
            let (id, is_more) = self.tree.pop_last(leaves);
            let elements = count(leaves.bytes(id));
            self.discard(leaves, id, 0, elements);
            leaves.free(id);
            is_left = is_more;
            if !is_left {
                break;
            }
        }
        self.bytes = (self.bytes + leaves.live_bytes()).saturating_sub(before);
        is_left
    }

    #[cfg(test)]
    pub(super) fn check(&self, leaves: &Leaves) {
        let [first, last] = [self.tree.first(leaves), self.tree.last(leaves)];
        let outer = [(first.leaf(), &self.front), (last.leaf(), &self.back)];
        // What the tree is to say of a leaf.
        let known = |bytes: &[u8]| {
            let own = outer
                .iter()
                .filter(|(id, _)| std::ptr::eq(leaves.bytes(*id), bytes));
            let more: i32 = own.map(|(_, outer)| outer.more()).sum();
            (count(bytes) as u64).wrapping_add_signed(-i64::from(more))
        };
        let more = i64::from(self.front.more() + self.back.more());
        let known = self.tree.check(leaves, &known);
        assert_eq!(known.wrapping_add_signed(more), self.count);
    }
}

/// Appends all elements of one leaf to another, and leaves it with none.
fn move_all(leaves: &mut Leaves, from: LeafId, to: LeafId) {
    let mut scratch = leaves.borrow_scratch();
    scratch.extend_from_slice(leaves.bytes(from));
    leaf::append(&mut leaves.block(to), &scratch, 0);
    leaves.return_scratch(scratch);
    let mut block = leaves.block(from);
    block.resize(leaf::EMPTY.len());
    block.bytes_mut().copy_from_slice(&leaf::EMPTY);
}
