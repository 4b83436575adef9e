//! What is said where a command needs a connection, or a place, of its client's own, and a proxy has none for it. Ours: a single server has nothing of the kind.
//! Pure.

/// Why a command that waits, watches or monitors does not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// There are as many already as there may be.
    #[error(
        "ERR {most} connections of clients that wait or watch are in use, as many as 'leases' of [proxy] allows for a thread; raise it, or try again later"
    )]
    Exhausted {
        /// The setting.
        most: usize,
    },
    /// MONITOR of one client too many.
    #[error(
        "ERR {most} clients of one thread of this proxy monitor it already; there may be no more"
    )]
    TooManyMonitors {
        /// How many there may be.
        most: usize,
    },
    /// Keys of several shards in such an order that they would be asked too often, one after the other.
    #[error(
        "ERR the keys alternate between shards more than {0} times; put those of one shard together, or give them one hash tag"
    )]
    TooManyAsks(usize),
    /// The reply is more than any client may have waiting.
    #[error(
        "ERR the reply is more than client-output-hard-limit ({limit} bytes); ask for less at a time"
    )]
    ReplyTooLarge {
        /// The setting.
        limit: usize,
    },
}

impl From<LeaseError> for super::ErrorReply {
    fn from(error: LeaseError) -> Self {
        Self::Text(error.to_string().into())
    }
}
