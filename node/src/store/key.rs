//! How keys and databases are named: [`DbIndex`], [`KeyHash`], [`Key`].
//! Pure.

/// One of the node's databases, `0..databases`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DbIndex(pub u8);

/// A key's 64-bit hash: its slot in the top 14 bits, 50 seeded bits below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHash(pub(crate) u64);

/// A key with its hash.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    /// The key's bytes.
    pub bytes: &'a [u8],
    /// Made by [`Store::hash`](super::Store::hash) of the same store.
    pub hash: KeyHash,
}
