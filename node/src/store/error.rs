//! What the store refuses: [`StoreFull`], [`WrongType`].
//! Pure. Invariant: whoever gets one of these has changed nothing.

use shared::resp::ErrorReply;

/// The keyspace has no place left for an entry: all handles of the database are taken, or the system gave no memory. Nothing was changed.
/// Clients see it as the reply to a command beyond `maxmemory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the keyspace is full")]
pub struct StoreFull;

impl From<StoreFull> for ErrorReply {
    fn from(_: StoreFull) -> Self {
        Self::OutOfMemory
    }
}

/// The key holds a value of another kind than the face it was asked for with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key holds a value of another kind")]
pub struct WrongType;

impl From<WrongType> for ErrorReply {
    fn from(_: WrongType) -> Self {
        Self::WrongType
    }
}
