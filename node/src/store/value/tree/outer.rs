//! [`Outer`]: the leaf at one end of a tree, where lists and streams are changed most: known without a way through the tree, and counted apart from it meanwhile.
//! Pure. Never: looks into a leaf, or changes what the tree is made of.
//! Invariant: what the tree says of the leaf's size, and [`Outer::more`] together, are how many elements it has; of all other leaves the tree is right.

use super::Tree;
use crate::store::value::leaves::{LeafId, Leaves};

/// See the module.
#[derive(Debug, Default)]
pub(in crate::store::value) struct Outer {
    leaf: Option<LeafId>,
    /// Elements that the leaf has more than the tree says, or fewer.
    more: i32,
}

impl Outer {
    /// Elements that the leaf has more than the tree says, or fewer.
    #[inline]
    pub(in crate::store::value) fn more(&self) -> i32 {
        self.more
    }

    /// The leaf. In a tree without nodes nothing is counted, and it is both ends at once.
    #[inline]
    pub(in crate::store::value) fn leaf(
        &mut self,
        leaves: &Leaves,
        tree: &Tree,
        is_front: bool,
    ) -> LeafId {
        *self.leaf.get_or_insert_with(|| match is_front {
            true => tree.first(leaves).leaf(),
            false => tree.last(leaves).leaf(),
        })
    }

    /// The leaf has so many elements more.
    #[inline]
    pub(in crate::store::value) fn count(&mut self, tree: &Tree, more: i32) {
        if tree.has_nodes() {
            self.more += more;
        }
    }

    /// The tree learns how many there are, and may change; the leaf is looked for anew.
    pub(in crate::store::value) fn settle(
        &mut self,
        leaves: &mut Leaves,
        tree: &Tree,
        is_front: bool,
    ) {
        if self.more != 0 {
            tree.add_outer(leaves, is_front, self.more);
        }
        *self = Self::default();
    }
}
