//! What a client watches (WATCH): at a node by a name that the proxy has drawn, at a Redis server over a connection of the client's own.
//! Pure. Invariant: once that connection is of no more use nobody knows whether a key has changed since, and the transaction that follows must not run. Of a named watch
//! the node knows.

use shared::slot::SlotId;

use crate::pipe::Lane;
use crate::pipe::lease::LeaseKey;
use crate::pipe::set::PipeNumber;
use crate::route::Place;

/// As what a node knows a client's watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NamedWatch {
    /// Drawn; 63 bits.
    pub(crate) name: u64,
    /// How many WATCH have been sent by this name.
    pub(crate) times: u32,
    /// Over which the last of them went.
    pub(crate) pipe: PipeNumber,
    /// Where the keys are.
    pub(crate) place: Place,
}

impl NamedWatch {
    /// Name and number, as a node is told them.
    pub(crate) fn words(&self) -> [String; 2] {
        [self.name.to_string(), self.times.to_string()]
    }
}

/// A client's watched keys.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// How a node knows them.
    pub(crate) named: Option<NamedWatch>,
    /// EXEC has been sent, over another pipe than WATCH: when that has been answered the node may have to be told that nothing is watched.
    pub(crate) is_over: bool,
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
