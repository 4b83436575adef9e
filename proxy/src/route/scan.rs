//! SCAN over all shards, one after the other: a cursor that says which shard, and where in it.
//! Pure. Invariant: a key that is there from the first call to the last is returned at least once, whatever changes between calls.
//!
//! A cursor is one number below 2^53, for many clients read it as a floating-point number: bits that stand for who owns what, as many bits of the shard's place
//! in the topology as its shards need, 35 bits of the node's own cursor. When who owns what has changed in between, a place in the list means nothing any more,
//! and keys may have moved from a shard that is still to come to one that is done: the walk begins anew, so that keys may come twice but none is left out. A new
//! primary, a new version or a new node change none of this; but a plain Redis server's cursor is its own, so another one in its place counts as a change.

use shared::topology::{MAX_SHARDS, NodeKind, ShardIndex};

use crate::topology::Snapshot;

/// Bits of a cursor: the whole numbers that a floating-point number holds exactly.
const CURSOR_BITS: u32 = 53;

/// Bits of a node's cursor. Ours need 35; a plain Redis' needs as many as its table has, and 2^35 buckets alone would take 256 GB.
const NODE_BITS: u32 = 35;

/// Fewest bits that stand for who owns what: of 256 changes one may pass unseen where there are as many shards as there may be, of 16,384 where there are 16.
const LEAST_MARK_BITS: u32 = 8;

const _: () = assert!(
    MAX_SHARDS.next_power_of_two().ilog2() + NODE_BITS + LEAST_MARK_BITS <= CURSOR_BITS,
    "every shard's place fits"
);

/// Where a walk is, and what it walks over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScanCursor {
    /// The shard to ask.
    pub(crate) shard: ShardIndex,
    /// What to ask it.
    pub(crate) node_cursor: u64,
    shards: u64,
    mark: u64,
}

impl ScanCursor {
    /// What the client's cursor means.
    pub(crate) fn read(cursor: u64, snapshot: &Snapshot) -> Self {
        let shards = snapshot.shard_count() as u64;
        let mark = mark(snapshot, place_bits(shards));
        let node_cursor = cursor & ((1 << NODE_BITS) - 1);
        let place = cursor >> NODE_BITS & ((1 << place_bits(shards)) - 1);
        let known_mark = cursor >> (NODE_BITS + place_bits(shards));
        let shard = usize::try_from(place).ok().and_then(ShardIndex::new);
        match shard {
            Some(shard) if known_mark == mark && place < shards => Self {
                shard,
                node_cursor,
                shards,
                mark,
            },
            _ => Self {
                shard: super::any_shard(),
                node_cursor: 0,
                shards,
                mark,
            },
        }
    }

    /// The client's next cursor when the node has answered with this one; 0 at the end, `None` when it cannot be packed.
    pub(crate) fn after(self, node_cursor: u64) -> Option<u64> {
        let place = self.shard.as_usize() as u64;
        let pack = |place: u64, node_cursor: u64| {
            let marked = self.mark << place_bits(self.shards) | place;
            marked << NODE_BITS | node_cursor
        };
        match node_cursor {
            0 if place + 1 < self.shards => Some(pack(place + 1, 0)),
            0 => Some(0),
            _ if node_cursor >> NODE_BITS > 0 => None,
            _ => Some(pack(place, node_cursor)),
        }
    }
}

/// Bits of the place of one of so many shards.
fn place_bits(shards: u64) -> u32 {
    shards.next_power_of_two().ilog2()
}

/// Who owns what, in the bits that are left; the same for equal topologies whatever their version.
fn mark(snapshot: &Snapshot, place_bits: u32) -> u64 {
    // FNV-1a over 64 bits: cursors must mean the same at every proxy, and after a restart.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut take = |byte: u8| {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    };
    for shard in &snapshot.topology.shards {
        shard.id.as_str().bytes().for_each(&mut take);
        take(0);
        for range in shard.slots.ranges() {
            range.start().to_le_bytes().into_iter().for_each(&mut take);
            range.end().to_le_bytes().into_iter().for_each(&mut take);
        }
        let is_redis = snapshot
            .topology
            .node(&shard.primary)
            .is_some_and(|node| node.kind == NodeKind::Redis);
        if is_redis {
            shard.primary.as_str().bytes().for_each(&mut take);
        }
        take(0);
    }
    hash >> (u64::BITS - (CURSOR_BITS - NODE_BITS - place_bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::testing::topology_of;
    use proptest::prelude::*;

    #[test]
    fn a_walk_visits_every_shard_once_and_ends() {
        let snapshot = topology_of(&["a", "b", "c"]);
        let mut cursor = 0;
        let mut visits = Vec::new();
        let far = (1 << NODE_BITS) - 1;
        loop {
            let at = ScanCursor::read(cursor, &snapshot);
            visits.push((at.shard.as_usize(), at.node_cursor));
            // Each node needs two calls.
            let node_next = if at.node_cursor == 0 { far } else { 0 };
            cursor = at.after(node_next).unwrap();
            assert!(cursor < 1 << 53);
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(
            visits,
            [(0, 0), (0, far), (1, 0), (1, far), (2, 0), (2, far)]
        );
    }

    #[test]
    fn cursors_stay_exact_as_floating_point_numbers_however_many_shards_there_are() {
        for count in [1, 2, 3, 16, 17, MAX_SHARDS] {
            let names: Vec<String> = (0..count).map(|number| format!("s{number}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let snapshot = topology_of(&names);
            let mut cursor = 0;
            for place in 0..count.min(40) {
                let at = ScanCursor::read(cursor, &snapshot);
                assert_eq!(at.shard.as_usize(), place, "of {count}");
                let far = at.after((1 << NODE_BITS) - 1).unwrap();
                assert!(far < 1 << 53, "{far} of {count} shards");
                cursor = ScanCursor::read(far, &snapshot).after(0).unwrap();
                assert!(cursor < 1 << 53, "{cursor} of {count} shards");
            }
            if count <= 40 {
                assert_eq!(cursor, 0);
            }
        }
    }

    #[test]
    fn a_walk_begins_anew_when_slots_have_moved_and_goes_on_when_only_the_version_has() {
        let before = topology_of(&["a", "b"]);
        let cursor = ScanCursor::read(0, &before).after(0).unwrap();
        assert_eq!(ScanCursor::read(cursor, &before).shard.as_usize(), 1);
        let mut next = before.topology.clone();
        next.version = next.version.next();
        let same = crate::topology::testing::snapshot_of(next);
        assert_eq!(ScanCursor::read(cursor, &same).shard.as_usize(), 1);
        let other = topology_of(&["a", "b", "c"]);
        assert_eq!(ScanCursor::read(cursor, &other).shard.as_usize(), 0);
        assert_eq!(ScanCursor::read(cursor, &other).node_cursor, 0);
    }

    #[test]
    fn a_node_cursor_that_does_not_fit_is_noticed() {
        let at = ScanCursor::read(0, &topology_of(&["a"]));
        assert_eq!(at.after(1 << NODE_BITS), None);
        assert_eq!(at.after(0), Some(0));
    }

    proptest! {
        #[test]
        fn any_number_is_a_cursor_that_names_a_shard_there_is(cursor in any::<u64>(), shards in 1_usize..5) {
            let names = ["a", "b", "c", "d", "e"];
            let snapshot = topology_of(&names[..shards]);
            prop_assert!(ScanCursor::read(cursor, &snapshot).shard.as_usize() < shards);
        }
    }
}
