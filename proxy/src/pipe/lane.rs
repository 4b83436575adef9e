//! What is agreed with a node when a pipe to it is opened, and what a pipe is for.
//! Pure.

use shared::resp::Protocol;

/// What a shard's primary owes to those who ask over a pipe. The order is that of strictness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pledge {
    /// Writes are acknowledged by it alone.
    Async,
    /// Writes are acknowledged once every member in sync has them, and nobody reads before what could still be lost.
    InSync,
    /// The same, and reads are answered once every member in sync has confirmed that it still follows.
    Linearizable,
}

/// As what a pipe asks its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Reads and writes of the shard's primary.
    Primary(Pledge),
    /// Reads of one of its followers. What that one cannot answer goes to the primary, which then owes this.
    Follower(Pledge),
    /// Reads of a follower in our zone; the same.
    Nearest(Pledge),
}

impl Role {
    /// How many pledges there are.
    const PLEDGES: usize = 3;

    /// How many roles there are.
    const COUNT: usize = 3 * Self::PLEDGES;

    /// Whether reads go to a follower, if one can answer them.
    #[inline]
    pub(crate) fn is_reader(self) -> bool {
        !matches!(self, Self::Primary(_))
    }

    /// What the primary owes, asked at once or in a follower's stead.
    pub(crate) fn pledge(self) -> Pledge {
        match self {
            Self::Primary(pledge) | Self::Follower(pledge) | Self::Nearest(pledge) => pledge,
        }
    }

    /// The role in which the primary is asked instead.
    pub(crate) fn at_primary(self) -> Self {
        Self::Primary(self.pledge())
    }

    #[inline]
    fn number(self) -> usize {
        let kind = match self {
            Self::Primary(_) => 0,
            Self::Follower(_) => 1,
            Self::Nearest(_) => 2,
        };
        kind * Self::PLEDGES + self.pledge() as usize
    }
}

/// Who shares a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Clients with small requests and replies.
    Common,
    /// Clients of whom nobody knows yet how large their replies are.
    New,
    /// Clients whose requests or replies are large: pipes of their own, so that nobody else's wait behind them.
    Bulk,
}

/// The number of classes.
const CLASSES: usize = 3;

/// The number of protocol versions: nodes shape replies by it, so each has pipes of its own.
const PROTOCOLS: usize = 2;

/// Of which changes a node tells over a pipe, without being asked each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tells {
    /// Of none.
    #[default]
    Nothing,
    /// Of keys that were read over it.
    Reads,
    /// Of all keys.
    All,
}

/// A way to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    /// As what the node is asked.
    pub(crate) role: Role,
    /// Who shares it.
    pub(crate) class: Class,
    /// Of which changes it tells.
    pub(crate) tells: Tells,
    /// The version in which the node answers.
    pub(crate) protocol: Protocol,
    /// The database that the requests mean.
    pub(crate) database: u16,
}

impl Lane {
    /// A node's lanes are numbered; those of roles that are rare have the greatest numbers.
    #[inline]
    pub(crate) fn number(self, databases: u16) -> usize {
        let class = match self.class {
            Class::Common => 0,
            Class::New => 1,
            Class::Bulk => 2,
        };
        let protocol = match self.protocol {
            Protocol::Resp2 => 0,
            Protocol::Resp3 => 1,
        };
        let role = self.tells as usize * Role::COUNT + self.role.number();
        ((role * CLASSES + class) * PROTOCOLS + protocol) * usize::from(databases)
            + usize::from(self.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_lanes_share_a_number() {
        let pledges = [Pledge::Async, Pledge::InSync, Pledge::Linearizable];
        let roles = [Role::Primary, Role::Follower, Role::Nearest];
        let mut numbers = BTreeSet::new();
        for role in roles.iter().flat_map(|role| pledges.map(role)) {
            for class in [Class::Common, Class::New, Class::Bulk] {
                for protocol in [Protocol::Resp2, Protocol::Resp3] {
                    for tells in [Tells::Nothing, Tells::Reads, Tells::All] {
                        for database in 0..16 {
                            let lane = Lane {
                                role,
                                class,
                                tells,
                                protocol,
                                database,
                            };
                            assert!(numbers.insert(lane.number(16)), "{lane:?}");
                        }
                    }
                }
            }
        }
        assert_eq!(numbers.last(), Some(&(numbers.len() - 1)));
        assert_eq!(
            Role::Nearest(Pledge::InSync).at_primary(),
            Role::Primary(Pledge::InSync)
        );
    }
}
