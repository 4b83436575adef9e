//! The part of a proxy that looks after the shards: follows the topology in its store, watches the nodes, and, one proxy at a time, changes the topology when a
//! primary is gone, a follower is gone or has caught up, or copies are missing. A runtime of its own; no request of a client waits for it.
//! Reaches: the store, a connection to each node, the [`LiveTopology`](crate::topology::LiveTopology). Never: decides what may be changed: `protocol` does, and
//! the store's compare-and-set decides between several proxies.
//!
//! ```text
//!  store ──watch──► Publisher ──► threads                     threads ──sightings──┐
//!    ▲                  │ newest                                                   ▼
//!    │ compare-and-set  ▼             answers                       ┌──► Detector ──► view ──► Opinion ──► verdict
//!    └───────────── Controller ◄───────────────── Nodes (links) ────┘                                        │
//!                       │  orders, questions ──────►                                                         │
//!                       └◄───────────────────────────────────────────────────────────────────────────────────┘
//!                                              view ──► Others (gossip) ──► views of the other proxies ──► Opinion
//! ```
//!
//! Shards of plain Redis servers are looked after by [`plain`] ◇, without the controller: INFO replication instead of NODE STATUS, REPLICAOF instead of orders.
//! Shards of one plain node are left alone (`Shard::is_guarded`): where there are no others nothing is asked, written or elected.
//!
//! [`watcher`] is the state and what happens to it. [`nodes`], [`link`] the nodes; [`words`] ◇ what is said to them. [`adopt`] ◇ topologies that people have
//! written. [`election`] who changes things. [`others`] what other proxies see. [`spares`] ◇ nodes that want to be used. [`told`] what people hear, [`matters`] what lasts; [`counts`] ◇, [`store_seen`] ◇ what machines read. [`requests`] what operators ask for. [`bringing`] functions for shards that lack them, [`comparing`] whether all have the same, [`libraries`] ◇ which ones, [`talk`] how they are asked, [`asking`] over a connection of one's own to a node. [`settings`] what clients have set at a primary, brought to its followers.

mod adopt;
pub(crate) mod asking;
mod bringing;
mod comparing;
pub(crate) mod counts;
mod election;
mod libraries;
mod link;
pub(crate) mod matters;
mod nodes;
mod others;
mod plain;
pub(crate) mod requests;
mod settings;
mod spares;
pub(crate) mod store_seen;
mod talk;
mod told;
mod watcher;
mod words;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::Service;
use shared::topology::text::Document;
use shared::topology::{Topology, Version};
use store::{CasError, Leadership, StoreError, TopologyStore};
use tokio::sync::mpsc;

use self::libraries::Differing;
use self::requests::Request;
use self::watcher::Watcher;
use crate::facts::ProxyShared;
use crate::gossip;
use crate::reload::ReloadWatch;
use crate::sightings::Sighting;
use crate::topology::Publisher;

/// When time passes so much later than it should, more than this one has waited.
const LATE: Duration = Duration::from_millis(20);

/// What tasks that were started have come to.
#[derive(Debug)]
enum Done {
    /// The document was loaded.
    Loaded(Result<Document, StoreError>),
    /// An attempt to lead.
    Led(Result<Option<Leadership>, StoreError>),
    /// Where the other proxies hear this one, if they do.
    HeardAt(Option<SocketAddr>),
    /// What they say.
    Heard(gossip::Heard),
    /// Libraries of functions of which shards have different texts.
    Compared(Differing),
    /// A compare-and-set from this version, made for this.
    Set(Version, Box<Topology>, Purpose, Result<(), CasError>),
}

/// What a compare-and-set is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// The controller wants it.
    Proposal,
    /// Lives become known.
    Adoption,
    /// A plain server is to lead.
    Plain,
}

/// The service.
pub(crate) struct ControlService {
    shared: Arc<ProxyShared>,
    reload: ReloadWatch,
    sightings: Option<mpsc::Receiver<Sighting>>,
    requests: Option<mpsc::Receiver<Request>>,
}

impl ControlService {
    /// Follows the store that the settings name, as long as the proxy lives.
    pub(crate) fn new(
        shared: Arc<ProxyShared>,
        reload: ReloadWatch,
        sightings: mpsc::Receiver<Sighting>,
        requests: mpsc::Receiver<Request>,
    ) -> Self {
        Self {
            shared,
            reload,
            sightings: Some(sightings),
            requests: Some(requests),
        }
    }

    fn store(&self) -> Option<Arc<TopologyStore>> {
        let config = &self.shared.config;
        match TopologyStore::at(&config.topology, &config.topology_access()) {
            Ok(store) => Some(Arc::new(store)),
            Err(error) => {
                tracing::error!(%error, "the topology is not followed");
                None
            }
        }
    }
}

#[async_trait]
impl Service for ControlService {
    async fn start_service(
        &mut self,
        _fds: Option<ListenFds>,
        mut shutdown: ShutdownWatch,
        _listeners_per_fd: usize,
    ) {
        let ends = (self.sightings.take(), self.requests.take());
        let (Some(mut sightings), Some(mut requests)) = ends else {
            return;
        };
        let spares = self.shared.announcements.take_end();
        let (Some(store), Some(mut spares)) = (self.store(), spares) else {
            return;
        };
        let place = &self.shared.config.topology;
        let (topology, events) = (self.shared.topology.clone(), self.shared.events.clone());
        let publisher = Publisher::new(place, topology, events);
        let mut watch = store.watch();
        let looks = watch.looks();
        let (mut watcher, mut ends) =
            Watcher::new(Arc::clone(&self.shared), store, publisher, looks);
        loop {
            tokio::select! {
                _ = shutdown.changed() => break,
                seen = watch.next() => match seen {
                    Some(seen) => watcher.seen(seen),
                    None => break,
                },
                Some(heard) = ends.heard.recv() => watcher.heard(heard),
                Some(done) = ends.done.recv() => watcher.done(done),
                Some(sighting) = sightings.recv() => watcher.sighted(sighting),
                Some(request) = requests.recv() => watcher.asked(request),
                Some((node, announced)) = spares.recv() => watcher.announced(node, announced),
                () = self.reload.told() => {
                    watcher.say_again();
                    watch.look_again();
                }
                () = tokio::time::sleep_until(watcher.next_tick()) => {
                    if watcher.next_tick().elapsed() >= LATE {
                        // This thread has stood still, or stood in line for a core: answers lie in sockets, and with those who asked.
                        tokio::task::yield_now().await;
                        tokio::task::yield_now().await;
                    }
                    // Nobody is judged by a silence that is over.
                    for _ in 0..ends.heard.len() {
                        if let Ok(heard) = ends.heard.try_recv() {
                            watcher.heard(heard);
                        }
                    }
                    watcher.tick();
                }
            }
        }
        watcher.leave().await;
    }

    fn name(&self) -> &str {
        "control"
    }

    fn threads(&self) -> Option<usize> {
        Some(1)
    }
}
