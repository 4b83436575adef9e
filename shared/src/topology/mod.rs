//! The one document that says where every key lives: slots → shards → nodes.
//!
//! - here: the nouns. [`Address`], and names and numbers as types of their own, in files beside. [`Member`]: a node in one of its lives. [`Loss`]: what an operator has given up. [`Colocation`]: keys that share a slot. [`ClusterId`]: which cluster it is.
//! - [`SlotMap`]: slot → shard, flat; the only answer to "who owns this slot".
//! - [`ring`]: which slots a new shard takes, and who takes those of one that leaves. [`Change`]: a topology and a change → the next topology.
//! - [`rules`]: what every topology obeys. [`differences`]: what stands between two. [`key_loss`]: the slots that a step from one to the other takes away from their keys. [`epoch_stands`]: shards that nodes would not serve after it. [`LocalKeys`]: what a shard's nodes are told of that. [`text`]: ↔ TOML. [`table`]: for people.
//!
//! Pure: reads and writes no file, knows no clock, draws no dice.

mod address;
mod change;
mod cluster;
mod colocation;
mod difference;
mod epoch_stands;
mod key_loss;
mod local_keys;
mod loss;
mod member;
mod name;
pub mod ring;
pub mod rules;
#[cfg(test)]
mod sample;
mod slot_map;
pub mod table;
pub mod text;

pub use address::{Address, AddressError};
pub use change::{Change, ChangeError, InitialError};
pub use cluster::{ClusterId, ClusterIdError, LONGEST_CLUSTER};
pub use colocation::{
    Colocation, KeyPrefix, LAST_DATABASE, LONGEST as LONGEST_COLOCATION, MAX_COLOCATIONS,
    MAX_PATTERNS, OfAll, Placement, PrefixError,
};
pub use difference::{Difference, differences};
pub use epoch_stands::{EpochStands, epoch_stands};
pub use key_loss::{ACCEPTANCE, KeyLoss, key_loss};
pub use local_keys::{LocalKeys, LocalKeysInPart};
pub use loss::{LONGEST_PROOF, Loss, MAX_LOSSES, Proof, ProofError};
pub use member::{Lives, Member, MemberError};
pub use name::{
    Epoch, Incarnation, IncarnationError, LONGEST_NAME, NameError, NodeId, ProxyId, ShardId,
    Version, Weight, Zone,
};
pub use slot_map::{ShardIndex, SlotMap};

use crate::slot::SlotSet;
use std::fmt;

/// Most shards of a topology: a few slots each are left, and a proxy keeps pipes to every one.
pub const MAX_SHARDS: usize = 1_024;

/// Most copies of a shard, its primary among them: every write waits for all of them at worst.
pub const MAX_COPIES: usize = 8;

/// Most nodes of a topology: all copies of each shard.
pub const MAX_NODES: usize = MAX_SHARDS * MAX_COPIES;

/// Where every key lives. What was read or made by this crate obeys [`rules`]; what is built by hand may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// One more per change.
    pub version: Version,
    /// Which cluster it is of, where it says so.
    pub cluster: Option<ClusterId>,
    /// Every node, whether it belongs to a shard or is spare.
    pub nodes: Vec<Node>,
    /// Every shard; its place in this list is its [`ShardIndex`].
    pub shards: Vec<Shard>,
    /// What operators have given up, the oldest first; at most [`MAX_LOSSES`].
    pub losses: Vec<Loss>,
    /// Keys that share a slot.
    pub colocations: Vec<Colocation>,
}

/// A process thread that holds one shard's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub id: NodeId,
    /// Where it listens.
    pub address: Address,
    /// What it is.
    pub kind: NodeKind,
    /// What it fails together with, if that is known.
    pub zone: Option<Zone>,
}

/// What a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// Our own.
    #[default]
    Switchyard,
    /// A plain Redis or Valkey server: it serves, but keeps no promise that needs epochs.
    Redis,
}

impl NodeKind {
    /// Every kind with its word.
    pub const ALL: &'static [(&'static str, Self)] =
        &[("switchyard", Self::Switchyard), ("redis", Self::Redis)];
}

impl fmt::Display for NodeKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Switchyard => "switchyard",
            Self::Redis => "redis",
        })
    }
}

/// A set of slots with the nodes that hold their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its name.
    pub id: ShardId,
    /// One more per change of its primary or of the slots it owns.
    pub epoch: Epoch,
    /// How much of the slots it is to get.
    pub weight: Weight,
    /// The node that executes its commands, in the life that `in_sync` lists.
    pub primary: NodeId,
    /// The nodes that have every acknowledged write, each in the life that has them; the primary among them.
    pub in_sync: Lives,
    /// The nodes that are still copying. A node that was in sync in an older life may be here with a newer one.
    pub learners: Lives,
    /// How many nodes it is to have, its primary among them: 1 to [`MAX_COPIES`]. As long as it has fewer it is given spare ones.
    pub copies: usize,
    /// How many of them must have every acknowledged write, if that can be had by waiting: 1 to `copies`; 1 lets a single copy go on alone.
    pub min_in_sync: usize,
    /// The slots it owns.
    pub slots: SlotSet,
}

/// How many nodes must have every acknowledged write where nobody says.
pub const DEFAULT_MIN_IN_SYNC: usize = 1;

impl Shard {
    /// How many copies it is to have where nobody says: as many as it has nodes, within the range.
    #[must_use]
    pub fn listed_copies(&self) -> usize {
        self.members().count().min(MAX_COPIES)
    }

    /// Whether proxies look after it: give it a primary when it has none, fill in copies. One that is a single plain node, and is to be, is left as it is.
    #[must_use]
    pub fn is_guarded(&self) -> bool {
        self.copies > 1 || self.followers().next().is_some()
    }

    /// Its nodes but the primary, each once: first those in sync, then those still copying.
    pub fn followers(&self) -> impl Iterator<Item = &NodeId> {
        let copying = self.learners.keys();
        self.in_sync
            .keys()
            .chain(copying.filter(|&node| !self.in_sync.contains_key(node)))
            .filter(|&node| *node != self.primary)
    }

    /// All of its nodes, each once, the primary first.
    pub fn members(&self) -> impl Iterator<Item = &NodeId> {
        std::iter::once(&self.primary).chain(self.followers())
    }
}

impl Topology {
    /// What the nodes of a shard are: what its primary is, for they are all of one kind.
    #[must_use]
    pub fn kind_of(&self, shard: &Shard) -> NodeKind {
        self.node(&shard.primary)
            .map(|node| node.kind)
            .unwrap_or_default()
    }

    /// The shards of plain Redis or Valkey servers that have followers: proxies look after them, without the promises that need epochs.
    pub fn plain_shards(&self) -> impl Iterator<Item = &Shard> {
        let guarded = self.shards.iter().filter(|shard| shard.is_guarded());
        guarded.filter(|shard| self.kind_of(shard) == NodeKind::Redis)
    }

    /// The shards of our own nodes that proxies look after.
    pub fn guarded_shards(&self) -> impl Iterator<Item = &Shard> {
        let guarded = self.shards.iter().filter(|shard| shard.is_guarded());
        guarded.filter(|shard| self.kind_of(shard) == NodeKind::Switchyard)
    }

    /// The node of this name.
    #[must_use]
    pub fn node(&self, id: &NodeId) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == *id)
    }

    /// The shard of this name.
    #[must_use]
    pub fn shard(&self, id: &ShardId) -> Option<&Shard> {
        self.shards.iter().find(|shard| shard.id == *id)
    }

    /// The shard that `node` belongs to; `None` for a spare one.
    #[must_use]
    pub fn shard_of_node(&self, node: &NodeId) -> Option<&Shard> {
        self.shards
            .iter()
            .find(|shard| shard.members().any(|member| member == node))
    }
}
