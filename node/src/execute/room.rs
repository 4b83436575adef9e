//! Room for a command that may take memory: keys are evicted until `maxmemory` holds, for a bounded time.
//! Pure but for the stopwatch. Invariant: it ends after half a millisecond, whatever is still too much.

use crate::node_state::NodeState;
use crate::store::{Eviction, Store};
use shared::clock::Stopwatch;

/// Longest time that one command spends on making room, ns: what is then still too much is left to the next command and the tick. (Redis' default tenacity.)
const EVICTION_NS: u64 = 500_000;
/// Keys evicted between two looks at the stopwatch.
const EVICTIONS_PER_READING: usize = 16;

/// Room that was made for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// Memory is within its bound.
    Enough,
    /// It is not, but keys are going, and no more is in use than a while ago.
    Soon,
    /// It is not, and more is in use than a while ago: keys are going, but nothing may be added meanwhile.
    Later,
    /// It is not, and no key may go.
    None,
}

/// Evicts keys until memory is within `maxmemory`, or time is up.
pub(crate) fn make_room(store: &mut Store, node: &mut NodeState, watch: &Stopwatch) -> Room {
    let bound = node.settings.hot.max_memory;
    if bound == 0 || store.keeps_all() || store.used_memory() <= bound {
        node.memory_ceiling.within(bound);
        return Room::Enough;
    }
    let start = watch.read();
    let mut room = Room::Soon;
    'slices: while watch.since_ns(start) < EVICTION_NS {
        for _ in 0..EVICTIONS_PER_READING {
            if store.evict_one() == Eviction::Nothing {
                room = Room::None;
                break 'slices;
            }
            if store.used_memory() <= bound {
                room = Room::Enough;
                break 'slices;
            }
        }
    }
    node.stats.over_memory_ns += watch.since_ns(start);
    match room {
        Room::Soon if !node.memory_ceiling.allows(store.used_memory(), bound) => Room::Later,
        room => room,
    }
}
