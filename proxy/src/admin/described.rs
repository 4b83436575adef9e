//! What is known of the topology, its nodes and its store, in the shapes in which machines get it: one description, for `/topology` and the API.
//! Pure.

use protocol::{RoleKind, Status};
use serde::Serialize;
use shared::topology::table::places;
use shared::topology::{Member, Node, NodeId, Shard, ShardId, Zone};
use utoipa::ToSchema;

use super::shown::{is_its_life, lag_bytes, status_of};
use crate::control::requests::{Lasting, Shown, Spare};
use crate::control::store_seen::StoreSeen;

/// The topology with all that is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TopologyDescribed {
    /// Version of the document.
    pub(super) version: u64,
    /// Whether this proxy is the one that changes it.
    pub(super) is_controller: bool,
    /// Its shards, in its order.
    pub(super) shards: Vec<ShardDescribed>,
    /// Its nodes.
    pub(super) nodes: Vec<NodeDescribed>,
    /// Acknowledged writes that were given up, and why.
    pub(super) losses: Vec<LossDescribed>,
    /// Nodes that want to be used and belong to no shard.
    pub(super) spares: Vec<SpareDescribed>,
    /// What lasts and people should know of.
    pub(super) conditions: Vec<ConditionDescribed>,
    /// The topology's store; nothing where nobody looks after it.
    pub(super) store: Option<StoreDescribed>,
}

/// A shard.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShardDescribed {
    /// Its name.
    pub(super) id: String,
    /// It rises with every change of its primary.
    pub(super) epoch: u64,
    /// Its share of the slots, as against other shards.
    pub(super) weight: u16,
    /// Nodes that it is to have.
    pub(super) copies: usize,
    /// Nodes that must have every acknowledged write.
    pub(super) min_in_sync: usize,
    /// Its slots, as in `0-99 300`.
    pub(super) slots: String,
    /// How many these are, of 16,384.
    pub(super) slot_count: usize,
    /// Its nodes, the primary first.
    pub(super) members: Vec<MemberDescribed>,
}

/// A node as a member of its shard.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MemberDescribed {
    /// Its name.
    pub(super) node: String,
    /// `primary`, `in sync` or `learner`.
    pub(super) place: String,
    /// The life that is meant.
    pub(super) incarnation: Option<String>,
    /// Whether it lives that life; nothing where it has not been heard.
    pub(super) is_alive: Option<bool>,
    /// What it lacks of its primary's log.
    pub(super) lag_bytes: Option<u64>,
}

/// A node.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NodeDescribed {
    /// Its name.
    pub(super) id: String,
    /// Where it is.
    pub(super) address: String,
    /// `switchyard` or `redis`.
    pub(super) kind: String,
    /// Its zone.
    pub(super) zone: Option<String>,
    /// Its shard.
    pub(super) shard: Option<String>,
    /// Whether it is taken for gone; nothing where nobody looks.
    pub(super) is_down: Option<bool>,
    /// What it said last of itself.
    pub(super) said: Option<SaidDescribed>,
}

/// What a node says of itself.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SaidDescribed {
    /// The life that it lives.
    pub(super) incarnation: String,
    /// What it obeys to be.
    pub(super) role: Option<RoleDescribed>,
    /// The end of its log.
    pub(super) offset: u64,
    /// It copies.
    pub(super) is_syncing: bool,
    /// It cannot go on from what it has.
    pub(super) needs_sync: bool,
}

/// What a node obeys to be.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RoleDescribed {
    /// `primary` or `follower`.
    pub(super) kind: String,
    /// Of this epoch.
    pub(super) epoch: u64,
}

/// Acknowledged writes that were given up.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LossDescribed {
    /// Version of the topology that says so.
    pub(super) version: u64,
    /// Of this shard.
    pub(super) shard: String,
    /// Why, in words of who did it.
    pub(super) proof: String,
}

/// A node that wants to be used.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SpareDescribed {
    /// Its name.
    pub(super) id: String,
    /// Where it is.
    pub(super) address: String,
    /// It is taken for gone.
    pub(super) is_down: bool,
}

/// Something that lasts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConditionDescribed {
    /// Its kind.
    pub(super) condition: String,
    /// The shard that it is about.
    pub(super) shard: Option<String>,
    /// For people.
    pub(super) text: String,
    /// For how long.
    pub(super) for_ms: u64,
}

/// The topology's store.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StoreDescribed {
    /// It does not answer.
    pub(super) is_away: bool,
    /// For how long.
    pub(super) away_ms: Option<u64>,
    /// When it last did.
    pub(super) answered_ms_ago: u64,
}

impl TopologyDescribed {
    /// Of what is known.
    pub(super) fn of(shown: &Shown) -> Self {
        let topology = &shown.topology;
        let losses = topology.losses.iter().map(|loss| LossDescribed {
            version: loss.version.0,
            shard: loss.shard.to_string(),
            proof: loss.proof.as_str().to_owned(),
        });
        let shards = topology.shards.iter();
        let nodes = topology.nodes.iter();
        Self {
            version: topology.version.0,
            is_controller: shown.is_controller,
            shards: shards
                .map(|shard| ShardDescribed::of(shown, shard))
                .collect(),
            nodes: nodes.map(|node| NodeDescribed::of(shown, node)).collect(),
            losses: losses.collect(),
            spares: shown.spares.iter().map(SpareDescribed::of).collect(),
            conditions: shown.matters.iter().map(ConditionDescribed::of).collect(),
            store: shown.store.map(|store| StoreDescribed::of(shown, store)),
        }
    }
}

impl ShardDescribed {
    pub(super) fn of(shown: &Shown, shard: &Shard) -> Self {
        let members = places(shard).map(|(place, member)| MemberDescribed {
            node: member.node.to_string(),
            place: place.word().to_owned(),
            incarnation: member.incarnation.map(|life| life.to_string()),
            is_alive: is_alive(shown, &member),
            lag_bytes: lag_bytes(shown, shard, &member),
        });
        Self {
            id: shard.id.to_string(),
            epoch: shard.epoch.0,
            weight: shard.weight.get(),
            copies: shard.copies,
            min_in_sync: shard.min_in_sync,
            slots: shard.slots.to_string(),
            slot_count: shard.slots.len(),
            members: members.collect(),
        }
    }
}

fn is_alive(shown: &Shown, member: &Member) -> Option<bool> {
    status_of(shown, &member.node).map(|status| is_its_life(member, status))
}

impl NodeDescribed {
    pub(super) fn of(shown: &Shown, node: &Node) -> Self {
        let shard = shown.topology.shard_of_node(&node.id);
        let seen = shown.nodes.get(&node.id);
        let status = status_of(shown, &node.id);
        Self {
            id: node.id.to_string(),
            address: node.address.to_string(),
            kind: node.kind.to_string(),
            zone: node.zone.as_ref().map(Zone::to_string),
            shard: shard.map(|shard| shard.id.to_string()),
            is_down: seen.map(|seen| seen.is_down),
            said: status.map(SaidDescribed::of),
        }
    }
}

impl SaidDescribed {
    fn of(status: &Status<NodeId>) -> Self {
        let role = status.role.map(|role| RoleDescribed {
            kind: match role.kind {
                RoleKind::Primary => "primary",
                RoleKind::Follower(_) => "follower",
            }
            .to_owned(),
            epoch: role.epoch.0,
        });
        Self {
            incarnation: status.incarnation.to_string(),
            role,
            offset: status.position.offset.0,
            is_syncing: status.is_syncing,
            needs_sync: status.needs_sync,
        }
    }
}

impl SpareDescribed {
    fn of(spare: &Spare) -> Self {
        Self {
            id: spare.node.to_string(),
            address: spare.address.to_string(),
            is_down: spare.is_down,
        }
    }
}

impl ConditionDescribed {
    pub(super) fn of(lasting: &Lasting) -> Self {
        Self {
            condition: lasting.matter.kind().to_owned(),
            shard: lasting.matter.shard().map(ShardId::to_string),
            text: lasting.matter.words(),
            for_ms: lasting.for_ms,
        }
    }
}

impl StoreDescribed {
    fn of(shown: &Shown, store: StoreSeen) -> Self {
        Self {
            is_away: store.away_since_ms.is_some(),
            away_ms: shown.store_away_ms(),
            answered_ms_ago: shown.now_ms.saturating_sub(store.answered_ms),
        }
    }
}
