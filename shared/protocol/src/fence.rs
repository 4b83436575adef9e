//! Under what a proxy speaks to a node.
//! Pure.

use shared::topology::{Epoch, Incarnation};

/// A shard at an epoch, on one life of a node. Whoever has another fence speaks over another pipe; `Shard` is how its user names shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fence<Shard> {
    /// The shard that the node is asked to serve.
    pub shard: Shard,
    /// The newest epoch that the speaker knows of it.
    pub epoch: Epoch,
    /// The life of the node that is meant.
    pub incarnation: Incarnation,
}
