//! `volatile-ttl`: the key that expires soonest among those drawn.
//! Pure.

use crate::store::entry::Entry;

/// How long before the end of time it expires; 0 when it does not.
pub(super) fn score(entry: Entry<'_>) -> u64 {
    entry.expiry().map_or(0, |at| u64::MAX - at)
}
