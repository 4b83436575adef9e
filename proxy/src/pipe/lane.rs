//! What is agreed with a node when a pipe to it is opened, and what a pipe is for.
//! Pure.

use shared::resp::Protocol;

/// As what a pipe asks its node. Followers, which answer reads, are a role to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Reads and writes of the shard's primary, acknowledged by it alone.
    Primary,
}

/// Who shares a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Clients with small requests and replies.
    Common,
    /// Clients whose requests or replies are large: pipes of their own, so that nobody else's wait behind them.
    Bulk,
}

/// The number of roles.
const ROLES: usize = 1;

/// The number of classes.
const CLASSES: usize = 2;

/// The number of protocol versions: nodes shape replies by it, so each has pipes of its own.
const PROTOCOLS: usize = 2;

/// A way to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    /// As what the node is asked.
    pub(crate) role: Role,
    /// Who shares it.
    pub(crate) class: Class,
    /// The version in which the node answers.
    pub(crate) protocol: Protocol,
    /// The database that the requests mean.
    pub(crate) database: u16,
}

impl Lane {
    /// How many lanes a node has.
    pub(crate) fn count(databases: u16) -> usize {
        ROLES * CLASSES * PROTOCOLS * usize::from(databases)
    }

    /// A node's lanes are numbered.
    #[inline]
    pub(crate) fn number(self, databases: u16) -> usize {
        let role = match self.role {
            Role::Primary => 0,
        };
        let class = match self.class {
            Class::Common => 0,
            Class::Bulk => 1,
        };
        let protocol = match self.protocol {
            Protocol::Resp2 => 0,
            Protocol::Resp3 => 1,
        };
        ((role * CLASSES + class) * PROTOCOLS + protocol) * usize::from(databases)
            + usize::from(self.database)
    }
}
