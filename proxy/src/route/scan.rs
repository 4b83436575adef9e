//! SCAN over all shards, one after the other: a cursor that says which shard, and where in it.
//! Pure. Invariant: a key that is there from the first call to the last is returned at least once, whatever changes between calls.
//!
//! A cursor is one number below 2^63, for clients read it as a signed integer: 13 bits that stand for who owns what, 10 bits of the shard's place in the topology,
//! 40 bits of the node's own cursor. When who owns what has changed in between, a place in the list means nothing any more, and keys may have moved from a
//! shard that is still to come to one that is done: the walk begins anew, so that keys may come twice but none is left out. A new primary, a new version
//! or a new node change none of this; but a plain Redis server's cursor is its own, so another one in its place counts as a change.

use shared::topology::{MAX_SHARDS, NodeKind, ShardIndex};

use crate::topology::Snapshot;

/// Bits of a node's cursor. Ours need 40; a plain Redis' needs as many as its table has.
const NODE_BITS: u32 = 40;

/// Bits of a shard's place.
const SHARD_BITS: u32 = 10;

/// Bits that stand for who owns what.
const MARK_BITS: u32 = 63 - NODE_BITS - SHARD_BITS;

const _: () = assert!(MAX_SHARDS <= 1 << SHARD_BITS, "every shard's place fits");

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
        let mark = mark(snapshot);
        let node_cursor = cursor & ((1 << NODE_BITS) - 1);
        let place = (cursor >> NODE_BITS) & ((1 << SHARD_BITS) - 1);
        let known_mark = cursor >> (NODE_BITS + SHARD_BITS);
        let shards = snapshot.shard_count() as u64;
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
            self.mark << (NODE_BITS + SHARD_BITS) | place << NODE_BITS | node_cursor
        };
        match node_cursor {
            0 if place + 1 < self.shards => Some(pack(place + 1, 0)),
            0 => Some(0),
            _ if node_cursor >> NODE_BITS > 0 => None,
            _ => Some(pack(place, node_cursor)),
        }
    }
}

/// Who owns what, in 13 bits; the same for equal topologies whatever their version.
fn mark(snapshot: &Snapshot) -> u64 {
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
    hash >> (64 - MARK_BITS)
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
        loop {
            let at = ScanCursor::read(cursor, &snapshot);
            visits.push((at.shard.as_usize(), at.node_cursor));
            // Each node needs two calls.
            let node_next = if at.node_cursor == 0 {
                0xff_ffff_ffff
            } else {
                0
            };
            cursor = at.after(node_next).unwrap();
            assert!(cursor < 1 << 63);
            if cursor == 0 {
                break;
            }
        }
        let far = 0xff_ffff_ffff;
        assert_eq!(
            visits,
            [(0, 0), (0, far), (1, 0), (1, far), (2, 0), (2, far)]
        );
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
        assert_eq!(at.after(1 << 40), None);
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
