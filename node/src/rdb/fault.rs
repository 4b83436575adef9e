//! [`Fault`]: why bytes are not taken for a value, or a value cannot be written.
//! Pure.

use crate::store::StoreFull;
use shared::resp::ErrorReply;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Version or checksum are not what they should be.
    #[error("the version is unknown or the checksum is wrong")]
    Seal,
    /// The bytes are no value: cut, contradictory, of a type that is not known, or of elements that stand there twice.
    #[error("the bytes are no value")]
    Broken,
    /// They are the beginning of one, as far as can be seen.
    #[error("the value is cut short")]
    Cut,
    /// What is packed would be longer than any value may be when it is unpacked, or the other way round.
    #[error("the value is longer than any may be")]
    TooLong,
    /// There was no room for it.
    #[error(transparent)]
    Full(#[from] StoreFull),
}

impl From<Fault> for ErrorReply {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Seal => Self::PayloadSeal,
            Fault::Broken | Fault::Cut => Self::PayloadBroken,
            Fault::TooLong => Self::PayloadTooLong,
            Fault::Full(full) => full.into(),
        }
    }
}
