//! What both sides of a protocol between proxies and nodes decide, so that none can read it otherwise than the other.
//! Pure, all of it: `step(event) -> actions`; no socket, no clock, no dice, and of `shared` the nouns of the topology alone, so that a model checker can drive
//! this very code.
//!
//! - [`Offset`], [`Position`]: how far a log has come.
//! - [`Fence`]: under what a proxy speaks to a node; part of a pipe's identity.
//! - [`Guard`]: what a node lets pass of orders and commands.
//!
//! It does not know what travels: how an order is written, who is waited for, where data lies.

mod fence;
mod guard;
mod position;

pub use fence::Fence;
pub use guard::{Action, Event, Guard, Order, OrderKind, Refusal, Role, RoleKind};
pub use position::{Offset, Position};
