//! `allkeys-lru`, `volatile-lru`: the key that was not used for the longest time among those drawn, as Redis approximates it.
//! Pure.

use crate::store::access::AccessClock;
use crate::store::entry::Entry;

/// Seconds since the last use.
pub(super) fn score(entry: Entry<'_>, clock: &AccessClock) -> u64 {
    clock.idle_seconds(entry.mark())
}
