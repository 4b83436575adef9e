//! The one table of differences that we mean to have, each with its reason. Everything else is a fault.
//! Pure.

use super::compare::name;
use super::draw::Request;
use crate::support::Reply;

/// A difference that is meant.
pub(super) struct Allowed {
    /// The command, with its subcommand if it has one.
    command: &'static str,
    /// Why we differ.
    pub(super) reason: &'static str,
    /// Whether this difference is the one that is meant.
    is_meant: fn(ours: &Reply, redis: &Reply) -> bool,
}

const ALLOWED: &[Allowed] = &[Allowed {
    command: "CLIENT SETINFO",
    reason: "a subcommand of Redis 7.2 that clients send on connecting; 7.0 does not know it",
    is_meant: |_, redis| matches!(redis, Reply::Error(_)),
}];

/// The entry that allows this difference, if there is one.
pub(super) fn find(request: &Request, ours: &Reply, redis: &Reply) -> Option<&'static Allowed> {
    let name = name(request);
    ALLOWED
        .iter()
        .find(|allowed| allowed.command == name && (allowed.is_meant)(ours, redis))
}
