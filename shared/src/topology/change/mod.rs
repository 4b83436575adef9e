//! A topology and a change → the next topology, one version on, or why not. Pure.
//! Invariants: what comes out obeys [`rules`](super::rules); every shard whose primary or slots changed is one epoch on, and no other is.

use super::ring::{self, Gains, RingShard};
use super::rules::{self, Violation};
use super::{
    Address, DEFAULT_MIN_IN_SYNC, Epoch, Lives, MAX_SHARDS, Node, NodeId, Shard, ShardId, Topology,
    Version, Weight,
};
use crate::slot::SlotSet;
use std::collections::BTreeSet;

/// One change of a topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A node that belongs to no shard yet.
    AddNode(Node),
    /// A node that belongs to no shard any more.
    RemoveNode(NodeId),
    /// The same node, keys and all, is found somewhere else.
    ReplaceNodeAddress {
        /// The node.
        node: NodeId,
        /// Where it listens now.
        address: Address,
    },
    /// A shard that takes its share of slots from the others; the first one takes all.
    AddShard {
        /// Its name.
        shard: ShardId,
        /// A spare node.
        primary: NodeId,
        /// Spare nodes that copy from it; the shard is to have that many copies besides its primary.
        followers: BTreeSet<NodeId>,
        /// Its share.
        weight: Weight,
    },
    /// A shard whose slots go to the others; its nodes become spare.
    RemoveShard(ShardId),
    /// Another share for a shard: it takes slots from the others or gives them some.
    SetWeight {
        /// The shard.
        shard: ShardId,
        /// Its share from now on.
        weight: Weight,
    },
    /// Single slots that go to `target`, as when a shard is hot.
    MoveSlots {
        /// Any slots, whoever owns them.
        slots: SlotSet,
        /// The shard that owns them from now on.
        target: ShardId,
    },
}

/// Why a change cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// No node of this name.
    #[error("there is no node {0}")]
    NoNode(NodeId),
    /// No shard of this name.
    #[error("there is no shard {0}")]
    NoShard(ShardId),
    /// The node still holds a shard's keys.
    #[error("node {node} belongs to shard {shard}; take it out of there first")]
    NodeInUse {
        /// The node.
        node: NodeId,
        /// Its shard.
        shard: ShardId,
    },
    /// Its slots would have no owner.
    #[error("shard {0} is the last one; nobody could take its slots")]
    LastShard(ShardId),
    /// The topology would break a rule.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Rules(Vec<Violation>),
}

impl Topology {
    /// A topology of these nodes: as many shards as the nodes make with `followers` copies each besides the primary.
    /// The first nodes lead; each shard's followers are on other hosts than its primary while there are such, and copy. Each shard is to have as many copies as it gets nodes.
    ///
    /// # Errors
    /// When the nodes do not divide evenly, are none, share a name or address, or would be more copies of a shard than may be.
    pub fn initial(nodes: Vec<Node>, followers: usize) -> Result<Self, InitialError> {
        let copies = followers.saturating_add(1);
        if nodes.is_empty() || !nodes.len().is_multiple_of(copies) {
            return Err(InitialError::Uneven {
                nodes: nodes.len(),
                copies,
            });
        }
        let shards = nodes.len() / copies;
        if shards > MAX_SHARDS {
            return Err(ChangeError::Rules(vec![Violation::TooManyShards(shards)]).into());
        }
        let teams = teams(&nodes, shards);
        let mut topology = Self {
            version: Version::FIRST,
            nodes,
            shards: Vec::new(),
            cluster: None,
            losses: Vec::new(),
            colocations: Vec::new(),
        };
        for (number, (primary, followers)) in teams.into_iter().enumerate() {
            let shard = ShardId::numbered(number + 1);
            topology.add_shard(shard, primary, followers, Weight::default());
        }
        let violations = rules::violations(&topology);
        if violations.is_empty() {
            Ok(topology)
        } else {
            Err(ChangeError::Rules(violations).into())
        }
    }

    /// The topology after `change`, one version on.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn apply(&self, change: &Change) -> Result<Self, ChangeError> {
        let mut next = self.clone();
        next.version = self.version.next();
        match change {
            Change::AddNode(node) => next.nodes.push(node.clone()),
            Change::RemoveNode(node) => next.remove_node(node)?,
            Change::ReplaceNodeAddress { node, address } => {
                next.node_mut(node)?.address = address.clone();
            }
            Change::AddShard {
                shard,
                primary,
                followers,
                weight,
            } => next.add_shard(shard.clone(), primary.clone(), followers.clone(), *weight),
            Change::RemoveShard(shard) => next.remove_shard(shard)?,
            Change::SetWeight { shard, weight } => next.set_weight(shard, *weight)?,
            Change::MoveSlots { slots, target } => {
                let mut gains = vec![SlotSet::empty(); next.shards.len()];
                gains[next.place(target)?] = slots.clone();
                next.give(&gains);
            }
        }
        next.raise_epochs(self);
        let violations = rules::violations(&next);
        if violations.is_empty() {
            Ok(next)
        } else {
            Err(ChangeError::Rules(violations))
        }
    }

    fn remove_node(&mut self, id: &NodeId) -> Result<(), ChangeError> {
        if let Some(shard) = self.shard_of_node(id) {
            return Err(ChangeError::NodeInUse {
                node: id.clone(),
                shard: shard.id.clone(),
            });
        }
        self.node_mut(id)?;
        self.nodes.retain(|node| node.id != *id);
        Ok(())
    }

    fn add_shard(
        &mut self,
        id: ShardId,
        primary: NodeId,
        followers: BTreeSet<NodeId>,
        weight: Weight,
    ) {
        let first = self.shards.is_empty();
        self.shards.push(Shard {
            id,
            epoch: Epoch::FIRST,
            weight,
            in_sync: Lives::from([(primary.clone(), None)]),
            primary,
            copies: followers.len() + 1,
            min_in_sync: DEFAULT_MIN_IN_SYNC,
            learners: followers.into_iter().map(|node| (node, None)).collect(),
            slots: if first {
                SlotSet::full()
            } else {
                SlotSet::empty()
            },
        });
        let gains = ring::take_share(&self.on_ring(), self.shards.len() - 1);
        self.give(&gains);
    }

    fn remove_shard(&mut self, id: &ShardId) -> Result<(), ChangeError> {
        let place = self.place(id)?;
        if self.shards.len() == 1 {
            return Err(ChangeError::LastShard(id.clone()));
        }
        let leaving = self.shards.remove(place);
        let gains = ring::hand_out(&self.on_ring(), &leaving.slots);
        self.give(&gains);
        Ok(())
    }

    fn set_weight(&mut self, id: &ShardId, weight: Weight) -> Result<(), ChangeError> {
        let place = self.place(id)?;
        let before = std::mem::replace(&mut self.shards[place].weight, weight);
        let gains = if weight > before {
            ring::take_share(&self.on_ring(), place)
        } else {
            ring::give_share(&self.on_ring(), place)
        };
        self.give(&gains);
        Ok(())
    }

    /// Gives every shard what it gains, and takes it from whoever has it.
    fn give(&mut self, gains: &Gains) {
        for (taker, slots) in gains
            .iter()
            .enumerate()
            .filter(|(_, gain)| !gain.is_empty())
        {
            for (place, shard) in self.shards.iter_mut().enumerate() {
                if place == taker {
                    shard.slots.insert_all(slots);
                } else {
                    shard.slots.remove_all(slots);
                }
            }
        }
    }

    /// One epoch further for every shard whose primary or slots differ from those in `before`, however many steps led there.
    fn raise_epochs(&mut self, before: &Self) {
        for shard in &mut self.shards {
            if let Some(old) = before.shard(&shard.id)
                && (old.slots != shard.slots || old.primary != shard.primary)
            {
                shard.epoch = old.epoch.next();
            }
        }
    }

    fn on_ring(&self) -> Vec<RingShard<'_>> {
        let on_ring = |shard| {
            let Shard {
                id, weight, slots, ..
            }: &Shard = shard;
            RingShard {
                id,
                weight: *weight,
                slots,
            }
        };
        self.shards.iter().map(on_ring).collect()
    }

    fn place(&self, id: &ShardId) -> Result<usize, ChangeError> {
        self.shards
            .iter()
            .position(|shard| shard.id == *id)
            .ok_or_else(|| ChangeError::NoShard(id.clone()))
    }

    fn node_mut(&mut self, id: &NodeId) -> Result<&mut Node, ChangeError> {
        self.nodes
            .iter_mut()
            .find(|node| node.id == *id)
            .ok_or_else(|| ChangeError::NoNode(id.clone()))
    }
}

/// Why nodes do not make a topology.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InitialError {
    /// Some shards would have more copies than others.
    #[error("{nodes} nodes do not make shards of {copies} nodes each; give a multiple of {copies}")]
    Uneven {
        /// The nodes there are.
        nodes: usize,
        /// Nodes per shard.
        copies: usize,
    },
    /// The topology would break a rule.
    #[error(transparent)]
    Rules(#[from] ChangeError),
}

/// The first `shards` nodes lead; the others follow in turn, each where it is on another host than the primary if that can be had.
fn teams(nodes: &[Node], shards: usize) -> Vec<(NodeId, BTreeSet<NodeId>)> {
    let (primaries, rest) = nodes.split_at(shards);
    let mut rest: Vec<&Node> = rest.iter().collect();
    let mut teams: Vec<(NodeId, BTreeSet<NodeId>)> = primaries
        .iter()
        .map(|node| (node.id.clone(), BTreeSet::new()))
        .collect();
    let mut turn = 0;
    while !rest.is_empty() {
        let host = primaries[turn % shards].address.host();
        let elsewhere = rest.iter().position(|node| node.address.host() != host);
        let follower = rest.remove(elsewhere.unwrap_or(0));
        teams[turn % shards].1.insert(follower.id.clone());
        turn += 1;
    }
    teams
}

#[cfg(test)]
mod tests;
