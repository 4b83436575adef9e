//! Where a request belongs, in words that outlive a topology.
//! Pure.

use shared::slot::SlotId;

/// What decides who gets a request, whatever topology it is routed by next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The owner of this slot.
    Slot(SlotId),
    /// The owner of its keys, of which is only known that one shard owned them all.
    Keys,
    /// This shard, by its number among all that there ever were.
    Shard(usize),
    /// Any shard.
    Anywhere,
}

impl Place {
    /// Of two requests that travel as one.
    #[inline]
    pub(crate) fn joined(self, other: Self) -> Self {
        if self == other { self } else { Self::Keys }
    }

    /// Whether requests of these places may concern the same key.
    pub(crate) fn may_meet(self, other: Self) -> bool {
        match (self, other) {
            (Self::Slot(slot), Self::Slot(other)) => slot == other,
            _ => true,
        }
    }
}
