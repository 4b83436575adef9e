//! What a key may hold, and how it is shown to commands.
//! Pure.

/// A value as it is stored. More types join with later issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A string.
    String(StringValue<'a>),
}

/// A string value as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringValue<'a> {
    /// Canonical decimal of a 64-bit integer (Redis' `int` encoding).
    Integer(i64),
    /// Any other bytes.
    Bytes(&'a [u8]),
}

/// What OBJECT ENCODING says of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringEncoding {
    /// `int`
    Integer,
    /// `embstr`: at most 44 bytes, never edited in place.
    Embedded,
    /// `raw`
    Raw,
}

/// The longest string that Redis shows as `embstr`.
pub(super) const EMBEDDED_LIMIT_BYTES: usize = 44;

/// What becomes of a key's expiry when its value is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryChange {
    /// It stays.
    Keep,
    /// There is none afterwards.
    Clear,
    /// Unix time in milliseconds.
    At(u64),
}

/// What eviction and OBJECT know about the use of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Seconds since the last access (LRU policies), resolution as stored.
    pub idle_seconds: u64,
    /// Redis' logarithmic frequency counter (LFU policies).
    pub frequency: u8,
}

/// The keyspace has no place left for an entry: all handles of the database are taken, or the system gave no memory. Nothing was changed.
/// Clients see it as the reply to a command beyond `maxmemory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the keyspace is full")]
pub struct StoreFull;

impl From<StoreFull> for shared::resp::ErrorReply {
    fn from(_: StoreFull) -> Self {
        Self::OutOfMemory
    }
}
