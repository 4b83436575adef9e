//! What a client watches (WATCH), and the connection over which its shard is asked for it.
//! Pure. Invariant: once that connection is of no more use nobody knows whether a key has changed since, and the transaction that follows must not run.

use shared::slot::SlotId;

use crate::pipe::Lane;
use crate::pipe::lease::LeaseKey;

/// A client's watched keys.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// The connection over which they are watched.
    pub(crate) lease: Option<LeaseKey>,
    /// Something is asked over it, or is to be as soon as it is open.
    pub(crate) is_asking: bool,
    /// Of that: from where the connection speaks once it is answered.
    pub(crate) moving: Option<Lane>,
    /// The node has said that it watches something.
    pub(crate) has_keys: bool,
    /// The connection was lost, or the shard has another owner: the transaction that follows does not run.
    pub(crate) is_broken: bool,
    /// The slot of the keys, and the first of them.
    pub(crate) slot: Option<(SlotId, Box<[u8]>)>,
    /// How often the first WATCH was sent in vain.
    pub(crate) attempts: u8,
}

impl Watch {
    /// The slot of the keys, and the first of them.
    pub(crate) fn slot(&self) -> Option<(SlotId, &[u8])> {
        let (slot, key) = self.slot.as_ref()?;
        Some((*slot, key))
    }
}
