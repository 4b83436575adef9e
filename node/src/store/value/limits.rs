//! [`Limits`]: until when a collection is small, by name and by layout.
//! Pure.

/// Two things that do not depend on each other: what OBJECT ENCODING says, which follows Redis' settings, and whether all lies in one packed blob, which follows bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// More elements than this make it large by name (`*-max-listpack-entries`).
    pub entries: u64,
    /// A longer element makes it large by name (`*-max-listpack-value`).
    pub element_bytes: usize,
    /// A longer blob becomes a structure: what the key's entry has room for, at most [`Limits::MOST_BLOB_BYTES`].
    pub blob_bytes: usize,
}

impl Limits {
    /// No blob is longer: it becomes a leaf as it is.
    pub const MOST_BLOB_BYTES: usize = super::leaves::MAX_LEAF_BYTES;
}

/// Leaves that are freed in one step: some 10 µs.
pub(super) const FREED_AT_ONCE: usize = 16;
