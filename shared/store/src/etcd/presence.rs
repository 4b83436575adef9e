//! Who is alive: a key per proxy that hangs on a lease and says which version it has applied, and where it hears gossip.
//! Reaches: those keys. Never: gives up while the proxy lives.

use std::time::Duration;

use shared::backoff::Backoff;
use shared::topology::{Address, ProxyId, Version};
use tokio::sync::watch;
use tokio::time::sleep;

use super::lease::Lease;
use super::messages::{self, Put};
use super::{EtcdStore, dice};
use crate::announcement::{LiveProxy, no_more};
use crate::error::EtcdError;
use crate::said::Said;

/// Pauses between attempts to get on the list.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Keeps `proxy` on the list, with the newest of `versions`, until they end.
pub(super) async fn keep(
    etcd: EtcdStore,
    proxy: ProxyId,
    gossip: Option<Address>,
    mut versions: watch::Receiver<Version>,
) {
    let mut keeper = Keeper {
        etcd,
        proxy,
        gossip,
        said: Said::default(),
        pauses: Backoff::new(SHORTEST_PAUSE, LONGEST_PAUSE),
    };
    while let Err(error) = keeper.hold(&mut versions).await {
        let proxy = &keeper.proxy;
        if let Some(problem) = keeper.said.news(&error) {
            tracing::warn!(%proxy, problem, "this proxy is not on the list of those that live; it is tried again");
        }
        let pause = keeper.pauses.after_failure(dice());
        tokio::select! {
            () = sleep(pause) => {}
            () = no_more(&mut versions) => return,
        }
    }
}

struct Keeper {
    etcd: EtcdStore,
    proxy: ProxyId,
    gossip: Option<Address>,
    said: Said,
    pauses: Backoff,
}

impl Keeper {
    /// Stays on the list by one lease: until the versions end, or the lease does.
    async fn hold(&mut self, versions: &mut watch::Receiver<Version>) -> Result<(), EtcdError> {
        let etcd = self.etcd.clone();
        let lease = Lease::grant(&etcd).await?;
        let said = tokio::select! {
            said = self.say(&lease, versions) => said,
            () = lease.keep(&etcd) => Err(EtcdError::LeaseEnded),
        };
        // A put that lies at a member that hangs must not be made later, in the place of a newer one: without its lease it is refused.
        lease.revoke(&etcd).await;
        said
    }

    /// Puts each version there. Where that fails, the next lease brings the next attempt.
    async fn say(
        &mut self,
        lease: &Lease,
        versions: &mut watch::Receiver<Version>,
    ) -> Result<(), EtcdError> {
        let key = self.etcd.keys.proxy(&self.proxy);
        loop {
            let line = LiveProxy::to_line(*versions.borrow_and_update(), self.gossip.as_ref());
            let put = Put {
                key: &key,
                value: &line,
                lease: Some(lease.id),
            };
            self.etcd.gateway.put(&put).await?;
            self.pauses.reset();
            if self.said.over() {
                let proxy = &self.proxy;
                tracing::info!(%proxy, "this proxy is on the list of those that live");
            }
            if versions.changed().await.is_err() {
                return Ok(());
            }
        }
    }
}

/// Everybody whose lease holds, in the order of names.
pub(super) async fn list(etcd: &EtcdStore) -> Result<Vec<LiveProxy>, EtcdError> {
    let below = etcd.keys.proxies();
    let found = etcd.gateway.read(messages::range_below(below)).await?;
    if found.has_more {
        return Err(EtcdError::Foreign {
            key: below.to_owned(),
            what: "more proxies than are listed at once",
        });
    }
    let read = |entry: &messages::FoundEntry| {
        let key = String::from_utf8_lossy(&entry.key);
        let id = etcd.keys.proxy_of(&key);
        let line = std::str::from_utf8(&entry.value).ok();
        let proxy = id
            .zip(line)
            .and_then(|(id, line)| LiveProxy::of_line(id, line));
        proxy.ok_or_else(|| EtcdError::Foreign {
            key: key.into_owned(),
            what: "it is no proxy with its version",
        })
    };
    let mut proxies: Vec<LiveProxy> = found.entries.iter().map(read).collect::<Result<_, _>>()?;
    proxies.sort();
    Ok(proxies)
}
