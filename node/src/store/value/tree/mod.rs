//! [`Tree`]: leaves in order, with how many elements are in each: a B+ tree that counts. By rank always; by key where it was made so.
//! Pure. Never: looks into a leaf.
//! Invariant: nodes and leaves are blocks of the same store; a node's size of a child is what is in all leaves below it. A tree of one leaf has no node.

mod node;
mod outer;

pub(super) use node::{Key, Separator};
pub(super) use outer::Outer;

use super::block::{count, index};
use super::leaves::{LeafId, Leaves};
use node::Row;

/// More levels than there are numbers for leaves: any two neighbours have at least ten children together, however long their separators are.
const MOST_LEVELS: usize = 14;

/// Cache lines asked for of a node before it is searched.
const PREFETCHED_LINES: usize = 4;

/// The way from the root to a leaf; good until the tree changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    nodes: [LeafId; MOST_LEVELS],
    /// Which child of each.
    children: [u8; MOST_LEVELS],
    leaf: LeafId,
}

impl Path {
    /// Where it leads.
    #[inline]
    pub(super) fn leaf(&self) -> LeafId {
        self.leaf
    }

    #[inline]
    fn step(&self, level: usize) -> (LeafId, u8) {
        (self.nodes[level], self.children[level])
    }

    /// The first so many steps.
    #[inline]
    fn steps(&self, levels: usize) -> impl Iterator<Item = (LeafId, u8)> {
        let nodes = self.nodes[..levels].iter().copied();
        nodes.zip(self.children[..levels].iter().copied())
    }

    #[inline]
    fn set_step(&mut self, level: usize, node: LeafId, child: usize) {
        self.nodes[level] = node;
        self.children[level] = narrow(child);
    }
}

/// A step's child as it is kept.
#[inline]
fn narrow(nth: usize) -> u8 {
    u8::try_from(nth).unwrap_or(u8::MAX)
}

/// See the module.
#[derive(Debug)]
pub(super) struct Tree {
    root: LeafId,
    levels: usize,
    is_keyed: bool,
}

impl Tree {
    /// One leaf; more will be told apart by rank alone.
    pub(super) fn by_rank(leaf: LeafId) -> Self {
        Self {
            root: leaf,
            levels: 0,
            is_keyed: false,
        }
    }

    /// One leaf; more will be told apart by keys as well.
    pub(super) fn by_key(leaf: LeafId) -> Self {
        Self {
            is_keyed: true,
            ..Self::by_rank(leaf)
        }
    }

    #[inline]
    fn walk(&self, leaves: &Leaves, choose: impl FnMut(&[u8]) -> usize) -> Path {
        self.walk_asking(leaves, PREFETCHED_LINES, choose)
    }

    /// The same, with so many cache lines asked for of each node.
    #[inline]
    fn walk_asking(
        &self,
        leaves: &Leaves,
        lines: usize,
        mut choose: impl FnMut(&[u8]) -> usize,
    ) -> Path {
        let mut path = Path {
            nodes: [self.root; MOST_LEVELS],
            children: [0; MOST_LEVELS],
            leaf: self.root,
        };
        for level in 0..self.levels {
            leaves.prefetch(path.leaf, lines);
            let bytes = leaves.bytes(path.leaf);
            let nth = choose(bytes);
            path.set_step(level, path.leaf, nth);
            path.leaf = node::child(bytes, nth);
        }
        path
    }

    /// The leaf that a key belongs to.
    #[inline]
    pub(super) fn find(&self, leaves: &Leaves, key: Key<'_>) -> Path {
        self.walk(leaves, |bytes| node::child_of_key(leaves, bytes, key))
    }

    /// The node above the leaf that a key belongs to, without the way; of a tree without nodes the leaf.
    #[inline]
    pub(super) fn expect_node(&self, leaves: &Leaves, key: Key<'_>) -> LeafId {
        let mut id = self.root;
        for _ in 1..self.levels {
            let bytes = leaves.bytes(id);
            id = node::child(bytes, node::child_of_key(leaves, bytes, key));
        }
        id
    }

    /// The leaf below such a node that a key belongs to.
    #[inline]
    pub(super) fn expect_leaf(&self, leaves: &Leaves, node: LeafId, key: Key<'_>) -> LeafId {
        if self.levels == 0 {
            return node;
        }
        let bytes = leaves.bytes(node);
        node::child(bytes, node::child_of_key(leaves, bytes, key))
    }

    /// The first leaf.
    #[inline]
    pub(super) fn first(&self, leaves: &Leaves) -> Path {
        self.walk_asking(leaves, 0, |_| 0)
    }

    /// The last leaf.
    #[inline]
    pub(super) fn last(&self, leaves: &Leaves) -> Path {
        self.walk_asking(leaves, 0, |bytes| count(bytes) - 1)
    }

    /// The leaf that has the element of this rank, and its place there; the last leaf for a rank behind all.
    #[inline]
    pub(super) fn find_rank(&self, leaves: &Leaves, rank: u64) -> (Path, usize) {
        let mut rest = rank;
        let path = self.walk(leaves, |bytes| {
            let (nth, inner) = node::child_at(bytes, rest);
            rest = inner;
            nth
        });
        (path, index(rest))
    }

    /// Elements in the leaves before this one.
    #[inline]
    pub(super) fn rank(&self, leaves: &Leaves, path: &Path) -> u64 {
        path.steps(self.levels)
            .map(|(id, nth)| node::before(leaves.bytes(id), usize::from(nth)))
            .sum()
    }

    /// The leaf has so many elements more.
    #[inline]
    pub(super) fn add(&self, leaves: &mut Leaves, path: &Path, change: i32) {
        for (id, nth) in path.steps(self.levels) {
            node::add(leaves.bytes_mut(id), usize::from(nth), change);
        }
    }

    /// Whether there is more than one leaf, or was.
    #[inline]
    pub(super) fn has_nodes(&self) -> bool {
        self.levels > 0
    }

    /// The first leaf, or the last one, has so many elements more.
    pub(super) fn add_outer(&self, leaves: &mut Leaves, is_front: bool, change: i32) {
        let path = match is_front {
            true => self.first(leaves),
            false => self.last(leaves),
        };
        self.add(leaves, &path, change);
    }

    /// Whether there is no leaf before this one.
    pub(super) fn is_first(&self, path: &Path) -> bool {
        path.steps(self.levels).all(|(_, nth)| nth == 0)
    }

    /// Whether there is no leaf behind this one.
    pub(super) fn is_last(&self, leaves: &Leaves, path: &Path) -> bool {
        path.steps(self.levels)
            .all(|(id, nth)| usize::from(nth) + 1 == count(leaves.bytes(id)))
    }

    /// Goes on to the next leaf; `false` at the end.
    pub(super) fn next(&self, leaves: &Leaves, path: &mut Path) -> bool {
        self.step(leaves, path, |nth, count| {
            (nth + 1 < count).then_some(nth + 1)
        })
    }

    /// Goes back to the leaf before; `false` at the front.
    pub(super) fn previous(&self, leaves: &Leaves, path: &mut Path) -> bool {
        self.step(leaves, path, |nth, _| nth.checked_sub(1))
    }

    fn step(
        &self,
        leaves: &Leaves,
        path: &mut Path,
        neighbour: impl Fn(usize, usize) -> Option<usize>,
    ) -> bool {
        for level in (0..self.levels).rev() {
            let (id, nth) = path.step(level);
            let bytes = leaves.bytes(id);
            let Some(next) = neighbour(usize::from(nth), count(bytes)) else {
                continue;
            };
            let is_forward = next > usize::from(nth);
            path.set_step(level, id, next);
            path.leaf = node::child(bytes, next);
            for below in level + 1..self.levels {
                let bytes = leaves.bytes(path.leaf);
                let nth = if is_forward { 0 } else { count(bytes) - 1 };
                path.set_step(below, path.leaf, nth);
                path.leaf = node::child(bytes, nth);
            }
            return true;
        }
        false
    }

    /// The leaf to the right under the same node.
    pub(super) fn sibling(&self, leaves: &Leaves, path: &Path) -> Option<Path> {
        let level = self.levels.checked_sub(1)?;
        let (id, nth) = path.step(level);
        let bytes = leaves.bytes(id);
        if usize::from(nth) + 1 >= count(bytes) {
            return None;
        }
        let mut sibling = *path;
        sibling.children[level] = nth + 1;
        sibling.leaf = node::child(bytes, usize::from(nth) + 1);
        Some(sibling)
    }

    /// A new leaf `right` stands behind the one of `path`: so many elements are in each of them now, whether they shared them or some are new. The separator is not above the new leaf's first element and above all before it. Room is reserved.
    pub(super) fn split_leaf(
        &mut self,
        leaves: &mut Leaves,
        path: &Path,
        right: LeafId,
        sizes: (u32, u32),
        separator: Separator,
    ) {
        let row = Row {
            child: right,
            size: sizes.1,
            separator,
        };
        let Some(level) = self.levels.checked_sub(1) else {
            self.add_root(leaves, sizes.0, row);
            return;
        };
        let (id, nth) = path.step(level);
        let nth = usize::from(nth);
        // All above learn of elements that are new; it is nothing where they only moved.
        let change = (sizes.0 + sizes.1).wrapping_sub(node::size(leaves.bytes(id), nth));
        for (above, nth) in path.steps(level) {
            node::add(
                leaves.bytes_mut(above),
                usize::from(nth),
                change.cast_signed(),
            );
        }
        node::set_size(leaves.bytes_mut(id), nth, sizes.0);
        let is_last = self.is_last(leaves, path);
        self.insert(leaves, path, row, is_last);
    }

    fn add_root(&mut self, leaves: &mut Leaves, size: u32, right: Row) {
        assert!(self.levels < MOST_LEVELS, "trees are broad");
        let left = Row {
            child: self.root,
            size,
            separator: Separator::LEAST,
        };
        let root = leaves.alloc(0);
        node::write(&mut leaves.block(root), self.is_keyed, &[left, right]);
        self.root = root;
        self.levels += 1;
    }

    /// Puts a row behind the path's step on the lowest level, and splits nodes upwards as they are full.
    fn insert(&mut self, leaves: &mut Leaves, path: &Path, mut row: Row, is_last: bool) {
        for level in (0..self.levels).rev() {
            let (id, nth) = path.step(level);
            let nth = usize::from(nth) + 1;
            if !node::is_full(leaves.bytes(id)) {
                node::insert(&mut leaves.block(id), nth, &row);
                return;
            }
            let mut left = node::rows(leaves.bytes(id));
            // Nodes that grow at the end alone stay full behind it.
            let at = if is_last {
                left.len() - 2
            } else {
                left.len() / 2
            };
            left.insert(nth, row);
            let right = left.split_off(at + usize::from(nth <= at));
            let size = |rows: &[Row]| rows.iter().map(|row| row.size).sum::<u32>();
            let separator = right[0].separator.clone();
            let new = leaves.alloc(0);
            node::write(&mut leaves.block(new), self.is_keyed, &right);
            node::write(&mut leaves.block(id), self.is_keyed, &left);
            row = Row {
                child: new,
                size: size(&right),
                separator,
            };
            if level == 0 {
                self.add_root(leaves, size(&left), row);
                return;
            }
            let (parent, nth) = path.step(level - 1);
            node::set_size(leaves.bytes_mut(parent), usize::from(nth), size(&left));
        }
    }

    /// Forgets a leaf that has no elements any more; `false` when it is the only one, which stays. The caller frees it.
    pub(super) fn remove_leaf(&mut self, leaves: &mut Leaves, path: &Path) -> bool {
        if self.levels == 0 {
            return false;
        }
        for level in (0..self.levels).rev() {
            let (id, nth) = path.step(level);
            if count(leaves.bytes(id)) > 1 || level == 0 {
                let gone = node::remove(&mut leaves.block(id), usize::from(nth));
                gone.discard(leaves);
                if level > 0 {
                    self.join(leaves, path.step(level - 1));
                }
                break;
            }
            leaves.free(id);
        }
        while self.levels > 0 && count(leaves.bytes(self.root)) == 1 {
            let child = node::child(leaves.bytes(self.root), 0);
            leaves.free(self.root);
            self.root = child;
            self.levels -= 1;
        }
        true
    }

    /// Joins a child with its neighbour when both are small. Without memory for it a later removal does it.
    fn join(&self, leaves: &mut Leaves, (parent, nth): (LeafId, u8)) {
        let bytes = leaves.bytes(parent);
        let last = count(bytes) - 1;
        if last == 0 || leaves.reserve().is_err() {
            return;
        }
        let nth = usize::from(nth).min(last - 1);
        let bytes = leaves.bytes(parent);
        let (left, right) = (node::child(bytes, nth), node::child(bytes, nth + 1));
        if !node::fit_together(leaves.bytes(left), leaves.bytes(right)) {
            return;
        }
        let mut rows = node::rows(leaves.bytes(left));
        let mut others = node::rows(leaves.bytes(right));
        // What parted the two parts their children now.
        others[0].separator = node::remove(&mut leaves.block(parent), nth + 1);
        rows.append(&mut others);
        node::write(&mut leaves.block(left), self.is_keyed, &rows);
        leaves.free(right);
        let size = node::total(leaves.bytes(left));
        node::set_size(leaves.bytes_mut(parent), nth, size);
    }

    /// The last leaf, to be freed with all that leads to it alone; a tree of one leaf has none left afterwards.
    pub(super) fn pop_last(&mut self, leaves: &mut Leaves) -> (LeafId, bool) {
        let path = self.last(leaves);
        (path.leaf, self.remove_leaf(leaves, &path))
    }
}

#[cfg(test)]
impl Tree {
    /// Whether all sizes are true, and how many elements there are.
    pub(super) fn check(&self, leaves: &Leaves, size_of_leaf: &dyn Fn(&[u8]) -> u64) -> u64 {
        self.check_below(leaves, self.root, self.levels, size_of_leaf)
    }

    fn check_below(
        &self,
        leaves: &Leaves,
        id: LeafId,
        levels: usize,
        size_of_leaf: &dyn Fn(&[u8]) -> u64,
    ) -> u64 {
        let bytes = leaves.bytes(id);
        if levels == 0 {
            return size_of_leaf(bytes);
        }
        assert!(count(bytes) > 0);
        let rows = node::rows(bytes);
        for row in &rows {
            let below = self.check_below(leaves, row.child, levels - 1, size_of_leaf);
            assert_eq!(u64::from(row.size), below);
        }
        node::before(bytes, rows.len())
    }
}
