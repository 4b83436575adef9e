//! Why the leadership is not handed over, in the words of Redis 7.0 (FAILOVER, PSYNC … FAILOVER).
//! Pure.

/// Why it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FailoverRefusal {
    /// FAILOVER: how long it may take.
    #[error("ERR FAILOVER timeout must be greater than 0")]
    Timeout,
    /// A second FAILOVER.
    #[error("ERR FAILOVER already in progress.")]
    InProgress,
    /// FAILOVER ABORT of nothing.
    #[error("ERR No failover in progress.")]
    None,
    /// FAILOVER at a follower.
    #[error("ERR FAILOVER is not valid when server is a replica.")]
    AtFollower,
    /// FAILOVER of a server that nobody follows.
    #[error("ERR FAILOVER requires connected replicas.")]
    Alone,
    /// FAILOVER FORCE to nobody, or at no time.
    #[error("ERR FAILOVER with force option requires both a timeout and target HOST and IP.")]
    Force,
    /// FAILOVER TO somebody else.
    #[error("ERR FAILOVER target HOST and PORT is not a replica.")]
    Target,
    /// FAILOVER TO one that is still copying.
    #[error("ERR FAILOVER target replica is not online.")]
    TargetAway,
    /// FAILOVER of a member of a shard.
    #[error(
        "ERR this node is a member of a shard, whose proxies say who leads; use 'switchyard topology failover'"
    )]
    OfMember,
    /// REPLICAOF during FAILOVER.
    #[error("ERR REPLICAOF not allowed while failing over.")]
    OtherLeader,
    /// PSYNC during FAILOVER.
    #[error("NOMASTERLINK Can't SYNC while failing over")]
    Sync,
    /// PSYNC FAILOVER to a server that leads.
    #[error("ERR PSYNC FAILOVER can't be sent to a master.")]
    ToLeader,
    /// PSYNC FAILOVER of another log.
    #[error("ERR PSYNC FAILOVER replid must match my replid.")]
    OfOtherLog,
}
