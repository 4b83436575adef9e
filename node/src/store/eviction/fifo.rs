//! `allkeys-fifo`: the key that was added first among those drawn; use does not count.
//! Pure. Order is known to a thousandth of the keyspace (see `queue_mark`), which is finer than drawing can tell.

use crate::store::access::AccessClock;
use crate::store::entry::Entry;

/// Ticks since the key was added.
pub(super) fn score(entry: Entry<'_>, clock: &AccessClock) -> u64 {
    u64::from(clock.ticks().age(entry.mark()))
}
