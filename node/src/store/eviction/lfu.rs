//! `allkeys-lfu`, `volatile-lfu`: the key that is used least often among those drawn, by Redis' logarithmic counter.
//! Pure.

use crate::store::access::AccessClock;
use crate::store::entry::Entry;

/// How far the counter, decay included, is from its end.
pub(super) fn score(entry: Entry<'_>, clock: &AccessClock) -> u64 {
    u64::from(u8::MAX - clock.frequency(entry.mark()))
}
