//! The topology that requests are routed by: swapped whole, read without a lock.
//! Invariant: versions only rise; what a thread has loaded stays as it is until the thread loads again.

use std::sync::Arc;

use arc_swap::ArcSwap;
use arc_swap::cache::Cache;
use shared::resp::encode_request;
use shared::slot::SlotId;
use shared::topology::{
    LocalKeys, OfAll, Placement, Shard, ShardIndex, SlotMap, Topology, Version,
};

/// A topology with what the data path needs of it.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The document.
    pub(crate) topology: Topology,
    slots: SlotMap,
    placement: Placement,
    /// Of each shard, where there are several.
    local_keys: Vec<Arc<[u8]>>,
}

impl Snapshot {
    /// The same, for who asks for keys of this database.
    #[inline]
    pub(crate) fn within(&self, database: u16) -> Within<'_> {
        Within {
            snapshot: self,
            database,
        }
    }

    /// The slot of a channel: that of a key of its name, which is in no database.
    pub(crate) fn slot_of_channel(&self, name: &[u8]) -> SlotId {
        self.placement.slot_of_name(name)
    }

    /// The shard that owns `slot`.
    #[inline]
    pub(crate) fn owner(&self, slot: SlotId) -> ShardIndex {
        self.slots.owner(slot)
    }

    /// What the nodes of a shard are told of its keys, as a request; nothing where it has all.
    pub(crate) fn local_keys(&self, shard: usize) -> Option<Arc<[u8]>> {
        self.local_keys.get(shard).cloned()
    }

    /// Whether one shard owns everything, so that no key needs to be looked at.
    #[inline]
    pub(crate) fn is_one_shard(&self) -> bool {
        self.topology.shards.len() == 1
    }

    /// How many shards there are.
    #[inline]
    pub(crate) fn shard_count(&self) -> usize {
        self.topology.shards.len()
    }

    /// One more per change.
    #[inline]
    pub(crate) fn version(&self) -> Version {
        self.topology.version
    }
}

/// A topology for who asks for keys of one database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Within<'a> {
    snapshot: &'a Snapshot,
    database: u16,
}

impl std::ops::Deref for Within<'_> {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        self.snapshot
    }
}

impl Within<'_> {
    /// The slot of a key: the one answer to where it lives.
    #[inline]
    pub(crate) fn slot_of(&self, key: &[u8]) -> SlotId {
        self.snapshot.placement.slot_of(self.database, key)
    }

    /// The slot of all keys, where a rule says that those of this database share one.
    pub(crate) fn home(&self) -> Option<SlotId> {
        self.snapshot.placement.of_database(self.database)
    }

    /// What rules say of all keys that begin with this.
    pub(crate) fn of_all(&self, beginning: &[u8]) -> OfAll {
        self.snapshot.placement.of_all(self.database, beginning)
    }

    /// Whether it makes a difference in which database a key is.
    #[inline]
    pub(crate) fn databases_differ(&self) -> bool {
        self.snapshot.placement.means_databases()
    }

    /// The database.
    pub(crate) fn database(&self) -> u16 {
        self.database
    }

    /// The same topology, for another database.
    pub(crate) fn other(self, database: u16) -> Self {
        Self { database, ..self }
    }
}

/// Why a topology was not published.
#[derive(Debug, thiserror::Error)]
pub enum StaleTopology {
    /// It is older than what is in use, or as old and different.
    #[error("topology version {offered} is not newer than version {current}, which is in use")]
    NotNewer {
        /// The version that was refused.
        offered: Version,
        /// The version in use.
        current: Version,
    },
    /// Some slot has no owner, or two.
    #[error("topology version {0} does not give every slot exactly one owner")]
    Incomplete(Version),
}

/// The holder: one per proxy, shared by its threads.
#[derive(Debug, Clone)]
pub struct LiveTopology {
    current: Arc<ArcSwap<Snapshot>>,
}

/// A thread's view of the holder.
pub(crate) type LiveView = Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>;

impl LiveTopology {
    /// Begins with `topology`.
    ///
    /// # Errors
    /// [`StaleTopology::Incomplete`].
    pub fn new(topology: Topology) -> Result<Self, StaleTopology> {
        Ok(Self {
            current: Arc::new(ArcSwap::from_pointee(snapshot(topology)?)),
        })
    }

    /// Lets every thread route by `topology` from its next batch on. `false` when it is the one in use already.
    ///
    /// # Errors
    /// [`StaleTopology`]: it is not newer than what is in use, or not complete.
    pub fn publish(&self, topology: Topology) -> Result<bool, StaleTopology> {
        let next = Arc::new(snapshot(topology)?);
        let mut refused = None;
        self.current.rcu(|current| {
            refused = None;
            if next.topology == current.topology {
                refused = Some(Ok(false));
            } else if next.version() <= current.version() {
                refused = Some(Err(StaleTopology::NotNewer {
                    offered: next.version(),
                    current: current.version(),
                }));
            }
            if refused.is_some() {
                Arc::clone(current)
            } else {
                Arc::clone(&next)
            }
        });
        refused.unwrap_or(Ok(true))
    }

    /// A view for one thread, which costs one comparison as long as nothing changes.
    pub(crate) fn view(&self) -> LiveView {
        Cache::new(Arc::clone(&self.current))
    }

    /// The topology, taken out of a holder that nobody shares.
    #[cfg(test)]
    pub(crate) fn into_snapshot(self) -> Arc<Snapshot> {
        Arc::into_inner(self.current).unwrap().into_inner()
    }

    /// The topology in use.
    pub(crate) fn load(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }
}

/// What the nodes of a shard are told of its keys, as a request.
fn words(topology: &Topology, shard: &Shard) -> Arc<[u8]> {
    let mut request = Vec::new();
    let words = LocalKeys::words(topology, shard);
    let mut all = vec!["NODE", "KEYS"];
    all.extend(words.iter().map(String::as_str));
    encode_request(&mut request, all);
    request.into()
}

fn snapshot(topology: Topology) -> Result<Snapshot, StaleTopology> {
    let slots = SlotMap::of(&topology).ok_or(StaleTopology::Incomplete(topology.version))?;
    let placement = Placement::new(&topology.colocations);
    let local_keys = match topology.shards.len() {
        1 => Vec::new(),
        _ => topology
            .shards
            .iter()
            .map(|shard| words(&topology, shard))
            .collect(),
    };
    Ok(Snapshot {
        local_keys,
        topology,
        slots,
        placement,
    })
}
