//! The other proxies: what this one sees is told to them, and what they see comes back.
//! Reaches: gossip, the store's list of live proxies. A task of its own. Never: decides what is made of it.
//! Invariant: as long as gossip does not begin it is tried again; meanwhile this proxy is alone.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use protocol::View;
use protocol::controller::Announced;
use shared::config::ProxyConfig;
use shared::topology::{Address, NodeId, ProxyId};
use store::{TopologyStore, in_one_line};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::Done;
use crate::gossip::Gossip;

/// Between two attempts to begin.
const RETRY: Duration = Duration::from_secs(5);

/// Between two looks at the list of those who live.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Spares that may wait to be told of.
const MOST_WAITING: usize = 1_024;

/// A spare node that has come, or gone.
type Spare = (NodeId, Option<Announced>);

/// The way to the others.
#[derive(Debug)]
pub(super) struct Others {
    views: watch::Sender<View<NodeId>>,
    spares: mpsc::Sender<Spare>,
    task: JoinHandle<()>,
}

impl Others {
    /// Begins. Where it is heard, and what the others say, is `done`.
    pub(super) fn start(
        me: ProxyId,
        config: &ProxyConfig,
        store: Arc<TopologyStore>,
        done: mpsc::Sender<Done>,
    ) -> Self {
        let (views, told) = watch::channel(View::new(0));
        let (spares, come) = mpsc::channel(MOST_WAITING);
        let speaker = Speaker {
            me,
            config: config.clone(),
            store,
            done,
        };
        Self {
            views,
            spares,
            task: tokio::spawn(speaker.run(told, come)),
        }
    }

    /// Lets the others know how the nodes look.
    pub(super) fn tell(&self, view: View<NodeId>) {
        self.views.send_replace(view);
    }

    /// Lets them know of a spare node. It is said again whenever the node announces itself.
    pub(super) fn tell_of(&self, node: NodeId, announced: Option<Announced>) {
        self.spares.try_send((node, announced)).ok();
    }

    /// Says goodbye.
    pub(super) async fn leave(self) {
        let Self {
            views,
            spares,
            task,
        } = self;
        drop((views, spares));
        // A task that has panicked has said so.
        task.await.ok();
    }
}

/// The task.
struct Speaker {
    me: ProxyId,
    config: ProxyConfig,
    store: Arc<TopologyStore>,
    done: mpsc::Sender<Done>,
}

impl Speaker {
    async fn run(
        self,
        mut views: watch::Receiver<View<NodeId>>,
        mut spares: mpsc::Receiver<Spare>,
    ) {
        let Some(listen) = self.config.gossip.clone() else {
            self.done.send(Done::HeardAt(None)).await.ok();
            return ended(&mut views).await;
        };
        let mut said = None;
        let gossip = loop {
            let problem = match self.begin(&listen).await {
                Ok(gossip) => break gossip,
                Err(problem) => problem,
            };
            if said.as_ref() != Some(&problem) {
                tracing::warn!(
                    problem,
                    "this proxy does not hear the others, nor they it; it is tried again"
                );
                said = Some(problem);
                // It is on the list of those who live all the same.
                self.done.send(Done::HeardAt(None)).await.ok();
            }
            tokio::select! {
                () = sleep(RETRY) => {}
                () = ended(&mut views) => return,
            }
        };
        let address = gossip.address();
        if let Some(admin) = admin_address(self.config.admin.as_ref(), address.ip()).await {
            gossip.admin(admin).await;
        }
        tracing::info!(proxy = %self.me, gossip = %address, "this proxy hears the others");
        self.done.send(Done::HeardAt(Some(address))).await.ok();
        self.speak(&gossip, &mut views, &mut spares).await;
        gossip.leave().await;
    }

    async fn begin(&self, listen: &Address) -> Result<Gossip, String> {
        let key = self.store.gossip_key().await;
        let key = key.map_err(|error| in_one_line(&error))?;
        let advertise = self.config.gossip_advertise.as_ref();
        let begun = Gossip::start(&self.me, listen, advertise, &key).await;
        begun.map_err(|error| in_one_line(&error))
    }

    async fn speak(
        &self,
        gossip: &Gossip,
        views: &mut watch::Receiver<View<NodeId>>,
        spares: &mut mpsc::Receiver<Spare>,
    ) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                changed = views.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let view = views.borrow_and_update().clone();
                    gossip.tell(&view).await;
                    let heard = gossip.heard().await;
                    self.done.send(Done::Heard(heard)).await.ok();
                }
                Some((node, announced)) = spares.recv() => {
                    gossip.spare(&node, announced.as_ref()).await;
                }
                _ = look.tick() => self.look_around(gossip).await,
            }
        }
    }

    /// Who else there may be.
    async fn look_around(&self, gossip: &Gossip) {
        // While the store is away those who are known stay known.
        let Ok(live) = self.store.live_proxies().await else {
            return;
        };
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for proxy in live.iter().filter(|proxy| proxy.id != self.me) {
            if let Some(gossip) = &proxy.gossip
                && let Ok(found) = tokio::net::lookup_host(gossip.pair()).await
            {
                addresses.extend(found);
            }
        }
        gossip.seeds(addresses);
    }
}

/// Where others reach the admin listener; nowhere if it is for this machine alone, and others may be on another one.
async fn admin_address(listen: Option<&Address>, reached_at: IpAddr) -> Option<SocketAddr> {
    let listen = listen.filter(|address| address.port() != 0)?;
    let mut found = tokio::net::lookup_host(listen.pair()).await.ok()?;
    let mut admin = found.next()?;
    if admin.ip().is_unspecified() {
        admin.set_ip(reached_at);
    }
    let is_reached = !admin.ip().is_loopback() || reached_at.is_loopback();
    is_reached.then_some(admin)
}

/// Resolves when nobody tells anything any more.
async fn ended(views: &mut watch::Receiver<View<NodeId>>) {
    while views.changed().await.is_ok() {}
}
