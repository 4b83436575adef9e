//! What proxies tell each other without being asked: how the nodes look from each, which nodes want to be used, and that one goes.
//! Reaches: a UDP socket, by `chitchat` (scuttlebutt reconciliation), ten times a second. Never: decides anything of what it hears; touches the store: whoever
//! starts it brings the key that all proxies of a store share, and tells who else there is.
//! Invariants: strangers are not listened to (`sealed`); a view is heard whole or not at all (`text`); of a proxy that starts again the new life is heard
//! (`heard`); what has been told is bounded, and forgotten about a minute after its teller is gone.
//!
//! `announcements` nodes that have come to this proxy, on their way here. `text` ◇ views and spares as keys with texts. `heard` ◇ what those of others say. `sealed` the socket.
//! Whether a proxy lives is not asked of chitchat: opinions have a rule of their own, by the heartbeat in each view. What chitchat thinks of that only chooses whom
//! to speak with.

mod announcements;
mod heard;
mod known;
mod sealed;
mod text;

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chitchat::{Chitchat, ChitchatConfig, ChitchatHandle, ChitchatId, FailureDetectorConfig};
use protocol::View;
use protocol::controller::Announced;
use shared::clock::Clock;
use shared::throttle::Throttle;
use shared::topology::{Address, NodeId, ProxyId};
use store::GossipKey;
use tokio::net::{UdpSocket, lookup_host};

pub(crate) use self::announcements::Announcements;
pub(crate) use self::heard::Heard;
use self::heard::{Life, MOST_SPARES, Reader};
pub(crate) use self::known::KnownProxies;
use self::sealed::{Ready, Sealed};
use self::text::{ADMIN, HEAD, LEFT, SPARE, Spare, YES, part_key, read_spare, write_spare};
use crate::dice::Dice;

/// Time between two rounds.
const INTERVAL: Duration = Duration::from_millis(100);

/// What is told of a proxy is kept for so long after it was last heard of, and so is what was withdrawn.
const MEMORY: Duration = Duration::from_secs(60);

/// How long a goodbye may take to get round: some rounds.
const FAREWELL: Duration = Duration::from_millis(300);

/// Most proxies that are sought: as many as are heard.
const MOST_SEEDS: usize = 1_024;

/// Proxies of other stores do not have the key; this only tells gossip from other uses of it.
const CLUSTER: &str = "switchyard";

/// Why gossip does not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum GossipError {
    /// A host name that nobody knows.
    #[error("{address}: no such host, so gossip does not begin")]
    Unknown {
        /// What was looked up.
        address: Address,
        /// What the operating system says.
        source: io::Error,
    },
    /// The port is taken, or the address is not of this machine.
    #[error("gossip cannot listen at {address} (UDP)")]
    Unbound {
        /// Where it was to listen.
        address: Address,
        /// What the operating system says.
        source: io::Error,
    },
    /// It listens everywhere, and others cannot be told "everywhere".
    #[error("gossip at {address} has no address that other proxies reach")]
    Nowhere {
        /// Where it listens.
        address: Address,
    },
    /// The crate has refused.
    #[error("gossip does not begin")]
    NotBegun(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Gossip that runs until it is dropped, or left. It runs on the runtime on which it was started.
pub(crate) struct Gossip {
    me: ProxyId,
    id: ChitchatId,
    chitchat: ChitchatHandle,
    clock: Clock,
    seeds: Mutex<Seeds>,
    reader: Mutex<Reader>,
    #[cfg(test)]
    cut: testing::Cut,
}

impl fmt::Debug for Gossip {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(out)
    }
}

/// Who else there may be.
#[derive(Debug)]
struct Seeds {
    addresses: Vec<SocketAddr>,
    dice: Dice,
}

impl Gossip {
    /// Listens at `listen` (UDP; port 0 takes a free one) and begins. Others are told `advertise`, or where it listens; with port 0 the port that it has got.
    /// They must have the same `key`.
    ///
    /// # Errors
    /// [`GossipError`].
    pub(crate) async fn start(
        me: &ProxyId,
        listen: &Address,
        advertise: Option<&Address>,
        key: &GossipKey,
    ) -> Result<Self, GossipError> {
        let (clock, address) = (Clock::system(), resolve(listen).await?);
        let unbound = |source| GossipError::Unbound {
            address: listen.clone(),
            source,
        };
        let socket = UdpSocket::bind(address).await.map_err(unbound)?;
        let bound = socket.local_addr().map_err(unbound)?;
        let told = told_address(listen, bound, advertise).await?;
        // A later life has a greater number, unless the clock was set back meanwhile.
        let id = ChitchatId::new(me.as_str(), clock.wall_us(), told);
        #[cfg(test)]
        let cut = testing::Cut::default();
        let sealed = Sealed::new(
            socket,
            key,
            clock.clone(),
            #[cfg(test)]
            cut.clone(),
        );
        let begun =
            chitchat::spawn_chitchat(config(&id, bound), Vec::new(), &Ready::new(sealed)).await;
        let chitchat = begun.map_err(|error| GossipError::NotBegun(error.into()))?;
        Ok(Self {
            me: me.clone(),
            id,
            chitchat,
            clock,
            seeds: Mutex::new(Seeds {
                addresses: Vec::new(),
                dice: Dice::new(),
            }),
            reader: Mutex::default(),
            #[cfg(test)]
            cut,
        })
    }

    /// Where others reach it: what the list of live proxies is to say.
    pub(crate) fn address(&self) -> SocketAddr {
        self.id.gossip_advertise_addr
    }

    /// Who else there may be, by the list of live proxies; it takes the place of what was said before. Of very many the first are sought.
    pub(crate) fn seeds(&self, mut others: Vec<SocketAddr>) {
        others.retain(|other| *other != self.address());
        others.truncate(MOST_SEEDS);
        lock(&self.seeds).addresses = others;
    }

    /// Tells the others how the nodes look; to be called every 100 ms. A view of more nodes than there can be is not told, so that this proxy falls silent.
    pub(crate) async fn tell(&self, view: &View<NodeId>) {
        let Ok(written) = text::write(view) else {
            static TOO_MUCH: Throttle = Throttle::new();
            if let Some(left_out) = TOO_MUCH.admit(self.clock.wall_ms()) {
                let doubted = view.doubted.len();
                tracing::warn!(
                    doubted,
                    left_out,
                    "{}, so this proxy is silent",
                    text::TooMuch
                );
            }
            return;
        };
        let live = self.chitchat.with_chitchat(|chitchat| {
            let state = chitchat.self_node_state();
            for (part, text) in written.parts.iter().enumerate() {
                let key = part_key(part);
                // An empty part is written only over one that was not.
                if !text.is_empty() || state.contains_key(&key) {
                    state.set(key, text);
                }
            }
            // Last: who has the head has the parts, which gossip brings in the order in which they were set.
            state.set(HEAD, &written.head);
            addresses_of_live(chitchat)
        });
        let live = live.await;
        self.seek(&live);
    }

    /// Speaks with one of those who are not heard of; one a call, so that what waits in gossip's own queue stays few.
    fn seek(&self, live: &HashSet<SocketAddr>) {
        let sought = {
            let mut seeds = lock(&self.seeds);
            let throw = seeds.dice.throw();
            let unheard: Vec<SocketAddr> = seeds
                .addresses
                .iter()
                .filter(|address| !live.contains(address))
                .copied()
                .collect();
            let place = throw.checked_rem(unheard.len() as u64).unwrap_or(0);
            usize::try_from(place)
                .ok()
                .and_then(|place| unheard.get(place).copied())
        };
        if let Some(sought) = sought {
            // It fails when gossip has ended, and then nobody is there to speak.
            self.chitchat.gossip(sought).ok();
        }
    }

    /// A node has announced itself here as a spare one; `None` when it is gone. Saying the same again changes nothing.
    pub(crate) async fn spare(&self, node: &NodeId, announced: Option<&Announced>) {
        let key = format!("{SPARE}{node}");
        let since_ms = self.clock.wall_ms();
        let has_room = self.chitchat.with_chitchat(|chitchat| {
            let state = chitchat.self_node_state();
            let known = state.get(&key).and_then(read_spare);
            let Some(announced) = announced else {
                if known.is_some() {
                    state.delete(&key);
                }
                return true;
            };
            if known.is_some_and(|known| known.announced == *announced) {
                return true;
            }
            // Those that are gone count until they are forgotten.
            let keys = state.key_values_including_deleted();
            let spares = keys.filter(|(key, _)| key.starts_with(SPARE)).count();
            if spares >= MOST_SPARES && state.get_versioned(&key).is_none() {
                return false;
            }
            let announced = announced.clone();
            let spare = Spare {
                announced,
                since_ms,
            };
            state.set(&key, write_spare(&spare));
            true
        });
        if !has_room.await {
            static NO_ROOM: Throttle = Throttle::new();
            if let Some(left_out) = NO_ROOM.admit(since_ms) {
                tracing::warn!(%node, left_out, "more spare nodes come than are told of");
            }
        }
    }

    /// Lets the others know where this proxy's admin listener is reached.
    pub(crate) async fn admin(&self, address: SocketAddr) {
        let told = self.chitchat.with_chitchat(|chitchat| {
            let state = chitchat.self_node_state();
            state.set(ADMIN, address.to_string());
        });
        told.await;
    }

    /// What the others have told, as far as it is known here.
    pub(crate) async fn heard(&self) -> Heard {
        let me = (&self.me, self.id.generation_id);
        let read = self.chitchat.with_chitchat(|chitchat| {
            let live: HashSet<&ChitchatId> = chitchat.live_nodes().collect();
            let states = chitchat.node_states().iter();
            let lives = states.map(|(id, state)| Life {
                name: &id.node_id,
                generation: id.generation_id,
                beats: live.contains(id),
                state,
            });
            lock(&self.reader).read(me, lives)
        });
        let (heard, problem) = read.await;
        if let Some(problem) = problem {
            static PROBLEM: Throttle = Throttle::new();
            if let Some(left_out) = PROBLEM.admit(self.clock.wall_ms()) {
                tracing::warn!(%problem, left_out, "gossip is not all understood");
            }
        }
        heard
    }

    /// Says goodbye, and ends. Takes some rounds.
    pub(crate) async fn leave(self) {
        let live = self.chitchat.with_chitchat(|chitchat| {
            chitchat.self_node_state().set(LEFT, YES);
            addresses_of_live(chitchat)
        });
        for other in live.await {
            self.chitchat.gossip(other).ok();
        }
        tokio::time::sleep(FAREWELL).await;
        if let Err(error) = self.chitchat.shutdown().await {
            tracing::warn!(%error, "gossip ended badly");
        }
    }
}

/// Of the others, those that beat.
fn addresses_of_live(chitchat: &mut Chitchat) -> HashSet<SocketAddr> {
    let me = chitchat.self_chitchat_id();
    let others = chitchat.live_nodes().filter(|id| *id != me);
    others.map(|id| id.gossip_advertise_addr).collect()
}

/// Nothing is half done when a holder panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn resolve(address: &Address) -> Result<SocketAddr, GossipError> {
    let unknown = |source| GossipError::Unknown {
        address: address.clone(),
        source,
    };
    let mut found = lookup_host(address.pair()).await.map_err(unknown)?;
    let none = || unknown(io::ErrorKind::NotFound.into());
    found.next().ok_or_else(none)
}

/// What others are told.
async fn told_address(
    listen: &Address,
    bound: SocketAddr,
    advertise: Option<&Address>,
) -> Result<SocketAddr, GossipError> {
    let mut told = match advertise {
        Some(advertise) => resolve(advertise).await?,
        None => bound,
    };
    if told.port() == 0 {
        told.set_port(bound.port());
    }
    if told.ip().is_unspecified() {
        return Err(GossipError::Nowhere {
            address: listen.clone(),
        });
    }
    Ok(told)
}

fn config(id: &ChitchatId, bound: SocketAddr) -> ChitchatConfig {
    ChitchatConfig {
        chitchat_id: id.clone(),
        cluster_id: CLUSTER.to_owned(),
        gossip_interval: INTERVAL,
        listen_addr: bound,
        // They change, so they are sought by `seek`.
        seed_nodes: Vec::new(),
        failure_detector_config: FailureDetectorConfig {
            phi_threshold: 8.0,
            sampling_window_size: 100,
            max_interval: 10 * INTERVAL,
            initial_interval: 2 * INTERVAL,
            dead_node_grace_period: MEMORY,
        },
        marked_for_deletion_grace_period: MEMORY,
        catchup_callback: None,
        extra_liveness_predicate: None,
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
