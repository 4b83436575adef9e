//! What a controller reads of the document, and what it wants written.
//! Pure. Invariant: a proposal names the version that it was made from, and what it writes has the next one.

use std::collections::{BTreeMap, BTreeSet};

use shared::topology::{Address, Version, Zone};

use crate::member::Membership;

/// The part of the document that controllers care for. `S` names shards, `N` nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document<S: Ord, N: Ord> {
    /// One more per change of anything in it.
    pub version: Version,
    /// Every shard.
    pub shards: BTreeMap<S, Entry<N>>,
    /// Every node, whether a shard has it or not, with its zone where that is known.
    pub nodes: BTreeMap<N, Option<Zone>>,
}

/// What the document says of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<N: Ord> {
    /// Who belongs to it, and how. Its version is the document's.
    pub membership: Membership<N>,
    /// How many nodes it is to have, its primary among them.
    pub copies: usize,
    /// Nobody shrinks the in-sync set, or promotes on mere suspicion, if fewer would be left than this: 1 allows that one copy goes on alone. Where waiting could
    /// not help (a primary whose life is over, a follower that must copy anew) the shard goes on all the same, and people are told.
    pub min_in_sync: usize,
}

/// What a node that wants to be used says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Where it listens.
    pub address: Address,
    /// What it fails together with, if that is known.
    pub zone: Option<Zone>,
}

/// A compare-and-set: what the next version says, if `from` is still the newest one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal<S: Ord, N: Ord> {
    /// The version that it was made from.
    pub from: Version,
    /// The shards that change, and what they become. With none the version rises, and nothing else happens.
    pub shards: BTreeMap<S, Membership<N>>,
    /// Nodes that the document does not list yet, and that a shard gets.
    pub nodes: BTreeMap<N, Announced>,
    /// Losses that an operator has accepted, in the operator's words, to be recorded.
    pub losses: BTreeMap<S, String>,
}

impl<S: Clone + Ord, N: Clone + Ord> Document<S, N> {
    /// The document after a proposal has been accepted; `None` when that was made from another version.
    #[must_use]
    pub fn with(&self, proposal: &Proposal<S, N>) -> Option<Self> {
        if proposal.from != self.version {
            return None;
        }
        let mut next = self.clone();
        next.version = self.version.next();
        for (shard, membership) in &proposal.shards {
            next.shards.get_mut(shard)?.membership = membership.clone();
        }
        for (node, announced) in &proposal.nodes {
            next.nodes.insert(node.clone(), announced.zone.clone());
        }
        next.agree_on_version();
        Some(next)
    }

    /// Every shard's membership is of the document's version.
    pub(super) fn agree_on_version(&mut self) {
        for entry in self.shards.values_mut() {
            entry.membership.version = self.version;
        }
    }

    /// All nodes, and those that are in an in-sync set: what [`crate::opinion::Opinion::verdict`] asks for.
    #[must_use]
    pub fn nodes_and_needed(&self) -> (BTreeSet<N>, BTreeSet<N>) {
        let members = self
            .shards
            .values()
            .flat_map(|entry| &entry.membership.in_sync);
        (
            self.nodes.keys().cloned().collect(),
            members.map(|member| member.node.clone()).collect(),
        )
    }
}
