//! What commands that wait for a key refuse, and what ends their waiting: [`WaitError`], a part of [`ErrorReply`](super::ErrorReply).
//! Pure.

/// An error of BLPOP and the like.
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
}
