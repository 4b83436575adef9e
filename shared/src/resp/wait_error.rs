//! What commands that wait for a key, or for disks, refuse, and what ends their waiting: [`WaitError`], a part of [`ErrorReply`](super::ErrorReply).
//! Pure.

/// An error of BLPOP and the like, and of WAITAOF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// The seconds to wait are no number.
    #[error("ERR timeout is not a float or out of range")]
    NotFloat,
    /// Another client ends the waiting with CLIENT UNBLOCK.
    #[error("UNBLOCKED client unblocked via CLIENT UNBLOCK")]
    ByClient,
    /// XREADGROUP: the stream goes meanwhile.
    #[error("UNBLOCKED the stream key no longer exists")]
    StreamGone,
    /// XREADGROUP: the group goes meanwhile.
    #[error("NOGROUP the consumer group this client was blocked on no longer exists")]
    GroupGone,
    /// WAITAOF at a follower.
    #[error(
        "ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and are not propagated."
    )]
    AofAtFollower,
    /// WAITAOF for a log that is not kept.
    #[error("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.")]
    WithoutLog,
    /// WAITAOF: how many logs of this node are waited for.
    #[error("ERR value is out of range, value must between 0 and 1")]
    LocalCount,
}
