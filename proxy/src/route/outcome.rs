//! What became of a client's request, as it is told. Pure.

use shared::resp::ErrorReply;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its reply is no error.
    Whole,
    /// Its reply is an error.
    Error,
    /// It was not applied, for a shard could not be reached.
    ShardDown,
    /// It was sent and no reply came, from one shard at least.
    Unknown,
    /// Its client had gone before it had a reply.
    Left,
}

impl Outcome {
    /// Of a request that was sent to nodes and is answered by an error of the proxy's own.
    pub(crate) fn of(error: &ErrorReply) -> Self {
        match error {
            ErrorReply::ShardDown { .. }
            | ErrorReply::ShardLate { .. }
            | ErrorReply::NodePassword { .. } => Self::ShardDown,
            ErrorReply::OutcomeUnknown { .. } | ErrorReply::AppliedInPart { .. } => Self::Unknown,
            _ => Self::Error,
        }
    }
}
