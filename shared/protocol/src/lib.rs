//! What both sides of a protocol between proxies and nodes decide, so that none can read it otherwise than the other.
//! Pure, all of it: `step(event) -> actions`; no socket, no clock, no dice, and of `shared` the nouns of the topology alone, so that a model checker can drive
//! this very code, as `tests/model.rs` does.
//!
//! - [`Offset`], [`Position`], [`EpochTable`]: how far a log has come, and whether one is the beginning of another.
//! - [`Fence`]: under what a proxy speaks to a node; part of a pipe's identity.
//! - [`Guard`]: what a node lets pass of orders and commands.
//! - [`Replica`]: a node as a member of a shard: leads, follows, acknowledges.
//! - [`Membership`], [`Evidence`]: what the document says of a shard, how that may change, and what nodes are told then. A shard of a topology is made one, and
//!   the next topology is made of one.
//! - [`detector`]: what one proxy thinks of each node. [`View`]: what it tells the others. [`opinion`]: what all of them think together.
//! - [`controller`]: the part of a proxy that changes the document, and tells the nodes.
//!
//! It does not know what travels or where data lies: orders and statuses are values here, and logs are their ends and epochs.

mod change;
pub mod controller;
pub mod detector;
mod document;
mod epochs;
mod fence;
mod guard;
mod member;
pub mod opinion;
mod position;
mod range;
mod replica;
mod view;

pub use change::{Evidence, NotAllowed};
pub use epochs::EpochTable;
pub use fence::Fence;
pub use guard::{Action, Event, Guard, Order, OrderKind, Refusal, Role, RoleKind};
pub use member::{Member, Membership};
pub use position::{Offset, Position};
pub use range::OutOfRange;
pub use replica::{
    Acknowledgement, Batch, Duty, FollowerState, Following, Handshake, Instruction, Leading,
    LeadingStatus, Replica, Status, Sync, SyncRefusal, What,
};
pub use view::View;
