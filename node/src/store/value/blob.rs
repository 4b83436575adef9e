//! What the blob of a small collection refers to: long strings in leaves. The one place that knows which kind's blobs are read by whom.
//! Pure. Invariant: who drops a blob frees what it refers to, once; who moves it does not.

use super::collection::Collection;
use super::leaves::{Leaves, Pools};
use super::{Hash, List, Set, SortedSet};
use crate::store::{Kind, StoreFull};

/// Frees what a blob of this kind refers to; it is about to be dropped.
pub(in crate::store) fn free(kind: Kind, blob: &[u8], leaves: &mut Leaves) {
    match kind {
        // An object has no bytes.
        _ if blob.is_empty() => {}
        Kind::Hash => Hash::free_blob(blob, leaves),
        Kind::Set => Set::free_blob(blob, leaves),
        Kind::SortedSet => SortedSet::free_blob(blob, leaves),
        Kind::List => List::free_blob(blob, leaves),
        Kind::String | Kind::Stream => {}
    }
}

/// A blob that holds the same, and refers to strings of its own.
///
/// # Errors
/// [`StoreFull`]; nothing was changed.
pub(in crate::store) fn copy(
    kind: Kind,
    blob: &[u8],
    pools: &mut Pools<'_>,
) -> Result<Vec<u8>, StoreFull> {
    match kind {
        Kind::Hash => copied::<Hash>(blob, pools),
        Kind::Set => copied::<Set>(blob, pools),
        Kind::SortedSet => copied::<SortedSet>(blob, pools),
        Kind::List => copied::<List>(blob, pools),
        Kind::String | Kind::Stream => owned(blob),
    }
}

/// Bytes that the strings take to which a blob refers.
pub(in crate::store) fn long_bytes(kind: Kind, blob: &[u8], leaves: &Leaves) -> u64 {
    match kind {
        _ if blob.is_empty() => 0,
        Kind::Hash => Hash::long_bytes(blob, leaves),
        Kind::Set => Set::long_bytes(blob, leaves),
        Kind::SortedSet => SortedSet::long_bytes(blob, leaves),
        Kind::List => List::long_bytes(blob, leaves),
        Kind::String | Kind::Stream => 0,
    }
}

fn owned(bytes: &[u8]) -> Result<Vec<u8>, StoreFull> {
    let mut owned = Vec::new();
    owned
        .try_reserve_exact(bytes.len())
        .map_err(|_| StoreFull)?;
    owned.extend_from_slice(bytes);
    Ok(owned)
}

fn copied<C: Collection>(blob: &[u8], pools: &mut Pools<'_>) -> Result<Vec<u8>, StoreFull> {
    let blob = owned(blob)?;
    if C::long_bytes(&blob, pools.from()) == 0 {
        return Ok(blob);
    }
    let mut copy = C::from_blob(blob).copy(pools)?;
    copy.take_blob().ok_or(StoreFull)
}
