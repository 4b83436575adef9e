//! What one proxy tells the others about the nodes.
//! Pure. All of it travels in gossip: a counter and two lists of names.

use std::collections::BTreeSet;

/// How the nodes look from one proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View<N: Ord> {
    /// Rises with every view that this life of the proxy tells, so that others know that it lives; compared for equality alone.
    pub heartbeat: u64,
    /// The nodes that are late, those that are suspected among them.
    pub doubted: BTreeSet<N>,
    /// The nodes that are taken for gone.
    pub suspected: BTreeSet<N>,
}

impl<N: Ord> View<N> {
    /// All is well.
    #[must_use]
    pub fn new(heartbeat: u64) -> Self {
        Self {
            heartbeat,
            doubted: BTreeSet::new(),
            suspected: BTreeSet::new(),
        }
    }
}
