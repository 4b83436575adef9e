//! A lease of etcd: what hangs on it goes when etcd does not hear from us for its length. And being the leader by one.
//! Reaches: etcd, the clock. Invariant: a lease is believed in for no longer than etcd holds it, counted from before each heartbeat was sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use shared::clock::Clock;
use shared::topology::ProxyId;
use tokio::time::sleep;

use super::EtcdStore;
use super::messages::{self, Condition, Put};
use crate::error::EtcdError;
use crate::task::Task;

/// So often at most etcd is asked to keep a lease.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// A lease that was granted.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) id: i64,
    clock: Clock,
    /// Until when it surely holds, by the monotonic clock.
    until_ns: AtomicU64,
}

impl Lease {
    /// Asks for one.
    pub(super) async fn grant(etcd: &EtcdStore) -> Result<Self, EtcdError> {
        let asked_ns = etcd.clock.monotonic_ns();
        let message = messages::grant(etcd.lease.as_secs().max(1));
        let (id, seconds) = etcd.gateway.ask(&message, messages::read_grant).await?;
        Ok(Self {
            id,
            clock: etcd.clock.clone(),
            until_ns: AtomicU64::new(after(asked_ns, seconds)),
        })
    }

    /// Whether it holds, as far as is known without asking.
    pub(super) fn holds(&self) -> bool {
        !self.rest().is_zero()
    }

    fn rest(&self) -> Duration {
        let until_ns = self.until_ns.load(Ordering::Relaxed);
        Duration::from_nanos(until_ns.saturating_sub(self.clock.monotonic_ns()))
    }

    /// Keeps it. Resolves when it holds no more.
    pub(super) async fn keep(&self, etcd: &EtcdStore) {
        let message = messages::keep_alive(self.id);
        while self.holds() {
            // Two heartbeats may be lost; the nearer the end, the more often it is tried.
            sleep((self.rest() / 3).max(SHORTEST_PAUSE)).await;
            let asked_ns = self.clock.monotonic_ns();
            let kept = etcd.gateway.ask(&message, messages::read_keep_alive).await;
            // What has gone wrong shows when the lease ends.
            if let Ok(seconds) = kept {
                let until_ns = after(asked_ns, seconds);
                // No second left: it has ended, whatever we believed.
                let until_ns = if seconds == 0 { 0 } else { until_ns };
                self.until_ns.store(until_ns, Ordering::Relaxed);
            }
        }
    }

    /// Ends it, with what hangs on it.
    pub(super) async fn revoke(&self, etcd: &EtcdStore) {
        self.until_ns.store(0, Ordering::Relaxed);
        let message = messages::revoke(self.id);
        // Who is not heard lets it end by itself.
        etcd.gateway.ask(&message, messages::read_done).await.ok();
    }
}

fn after(asked_ns: u64, seconds: u64) -> u64 {
    asked_ns.saturating_add(seconds.saturating_mul(1_000_000_000))
}

/// Who leads, for as long as its lease is kept.
#[derive(Debug)]
pub(crate) struct Candidate {
    etcd: EtcdStore,
    lease: Arc<Lease>,
    keeping: Task,
}

impl Candidate {
    /// Leads if nobody else does.
    pub(super) async fn stand(
        etcd: &EtcdStore,
        proxy: &ProxyId,
    ) -> Result<Option<Self>, EtcdError> {
        let key = etcd.keys.leader();
        // Most of the time somebody leads, and then no lease is needed.
        let found = etcd.gateway.read(messages::range(key)).await?;
        if !found.entries.is_empty() {
            return Ok(None);
        }
        let lease = Lease::grant(etcd).await?;
        let put = Put {
            key,
            value: proxy.as_str(),
            lease: Some(lease.id),
        };
        let leads = etcd.gateway.put_if(Condition::IsMissing, &put).await;
        if !matches!(leads, Ok(true)) {
            // Also where nobody knows whether it was put.
            lease.revoke(etcd).await;
            return leads.map(|_| None);
        }
        let lease = Arc::new(lease);
        let (kept, keeper) = (Arc::clone(&lease), etcd.clone());
        Ok(Some(Self {
            etcd: etcd.clone(),
            lease,
            keeping: Task::start(async move { kept.keep(&keeper).await }),
        }))
    }

    /// Whether it leads, as far as is known without asking.
    pub(crate) fn holds(&self) -> bool {
        self.lease.holds()
    }

    /// Lets another one lead.
    pub(crate) async fn resign(self) {
        drop(self.keeping);
        self.lease.revoke(&self.etcd).await;
    }
}
