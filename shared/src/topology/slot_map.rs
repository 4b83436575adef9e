//! Slot → shard as one flat table of 32 KiB: the only answer to "who owns this slot". Pure.
//! Invariant: every slot has exactly one owner, and the owner is a shard of the topology it was made from.

use super::{MAX_SHARDS, Topology};
use crate::slot::{SLOT_COUNT, SlotId};

/// A shard's place in [`Topology::shards`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardIndex(u16);

impl ShardIndex {
    /// `Some` below [`MAX_SHARDS`].
    #[must_use]
    pub fn new(place: usize) -> Option<Self> {
        u16::try_from(place)
            .ok()
            .filter(|_| place < MAX_SHARDS)
            .map(Self)
    }

    /// For indexing arrays that have one place per shard.
    #[must_use]
    #[inline]
    pub fn as_usize(self) -> usize {
        usize::from(self.0)
    }
}

/// Who owns which slot.
#[derive(Clone, PartialEq, Eq)]
pub struct SlotMap {
    owners: Box<[ShardIndex; SLOT_COUNT as usize]>,
}

impl SlotMap {
    /// The map of `topology`; `None` when a slot has no owner or two, which [`rules`](super::rules) would have said more about.
    #[must_use]
    pub fn of(topology: &Topology) -> Option<Self> {
        let mut owners = vec![None; usize::from(SLOT_COUNT)];
        for (place, shard) in topology.shards.iter().enumerate() {
            let index = ShardIndex::new(place)?;
            for slot in shard.slots.iter() {
                let owner: &mut Option<ShardIndex> = &mut owners[usize::from(slot.number())];
                if owner.replace(index).is_some() {
                    return None;
                }
            }
        }
        let owners: Option<Vec<ShardIndex>> = owners.into_iter().collect();
        let owners = owners?.into_boxed_slice().try_into().ok()?;
        Some(Self { owners })
    }

    /// The shard that owns `slot`.
    #[must_use]
    #[inline]
    pub fn owner(&self, slot: SlotId) -> ShardIndex {
        self.owners[usize::from(slot.number())]
    }
}

impl std::fmt::Debug for SlotMap {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SlotMap(..)")
    }
}
