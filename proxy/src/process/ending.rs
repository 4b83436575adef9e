//! What happens between "stop" and the end of the frame: whoever asks for our health is told, clients have their last replies, then threads end, then pingora
//! hears of it.
//! Never: waits longer than `drain-delay`, `shutdown-grace` and a second.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::server::{ShutdownSignal, ShutdownSignalWatch};
use tokio::sync::watch;

use crate::facts::ProxyShared;
use crate::orders::Order;

/// How much more patient than the threads themselves, who keep the same bound.
const PATIENCE_BEYOND_GRACE: Duration = Duration::from_secs(1);

/// pingora asks it when to stop.
pub(super) struct Ending {
    pub(super) stopped: watch::Receiver<bool>,
    /// Turns true at once.
    pub(super) leaving: watch::Sender<bool>,
    /// Turns true when nobody is accepted any more.
    pub(super) draining: watch::Sender<bool>,
    /// Each thread has a receiver of it for as long as it lives.
    pub(super) lives: watch::Sender<()>,
    pub(super) shared: Arc<ProxyShared>,
}

impl Ending {
    async fn wait_and_drain(&self) {
        let mut stopped = self.stopped.clone();
        // An error means that nobody can say stop any more: the same as stop.
        stopped.wait_for(|is_stopped| *is_stopped).await.ok();
        let clients = self.shared.counters.clients.load(Ordering::Relaxed);
        self.leaving.send(true).ok();
        let delay = self.shared.config.drain_delay;
        if !delay.is_zero() {
            tracing::info!(
                clients,
                ?delay,
                "not ready any more; clients are served for a while"
            );
            tokio::time::sleep(delay).await;
        }
        tracing::info!(clients, "stopping");
        self.draining.send(true).ok();
        for thread in &self.shared.threads {
            let orders = thread.orders.clone();
            // One that takes no orders must not keep the others from theirs.
            tokio::spawn(async move { orders.send(Order::Stop).await });
        }
        let patience = self.shared.config.shutdown_grace + PATIENCE_BEYOND_GRACE;
        let all_gone = self.lives.closed();
        if tokio::time::timeout(patience, all_gone).await.is_err() {
            tracing::error!("a proxy thread does not stop");
        }
    }
}

#[async_trait]
impl ShutdownSignalWatch for Ending {
    async fn recv(&self) -> ShutdownSignal {
        self.wait_and_drain().await;
        ShutdownSignal::GracefulTerminate
    }
}
