//! What happens between "stop" and the end of the frame: whoever asks for our health is told, clients have their last replies, then threads end, then pingora
//! hears of it.
//! Never: waits longer than `drain-delay`, `shutdown-grace` and a second.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::server::{ShutdownSignal, ShutdownSignalWatch};
use tokio::sync::watch;

use crate::events::{Kind, News};
use crate::facts::ProxyShared;
use crate::orders::{Moving, Order};

/// How much more patient than the threads themselves, who keep the same bound.
const PATIENCE_BEYOND_GRACE: Duration = Duration::from_secs(1);

/// pingora asks it when to stop.
pub(super) struct Ending {
    pub(super) stopped: watch::Receiver<bool>,
    /// The same, said by an operator over the admin listener.
    pub(super) drained: watch::Receiver<bool>,
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
        let (mut stopped, mut drained) = (self.stopped.clone(), self.drained.clone());
        let is_drained = async {
            if drained.wait_for(|is_drained| *is_drained).await.is_err() {
                // Nobody can say so any more, where there is no admin listener.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            // An error means that nobody can say stop any more: the same as stop.
            _ = stopped.wait_for(|is_stopped| *is_stopped) => {}
            () = is_drained => {}
        }
        let clients = self.shared.counters.clients.load(Ordering::Relaxed);
        self.leaving.send(true).ok();
        let delay = self.shared.config.drain_delay;
        if !delay.is_zero() {
            let words =
                format!("not ready any more; clients are served for {delay:?} more: {clients}");
            self.shared.events.tell(News::info(Kind::Drain, words));
            for quarter in 1..=3 {
                tokio::time::sleep(delay / 4).await;
                self.tell_clients(delay * (4 - quarter) / 4);
            }
            tokio::time::sleep(delay / 4).await;
        }
        let words = format!("stopping; clients have their last replies: {clients}");
        self.shared.events.tell(News::info(Kind::Drain, words));
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

    /// Clients that want to know are told, three times, so that those hear of it, too, who came meanwhile; not at once, for whoever sends clients here learns from
    /// /readyz that it should not, and they come back through it.
    fn tell_clients(&self, left: Duration) {
        if left < Duration::from_secs(1) {
            return;
        }
        let moving = Moving {
            number: self.shared.next_notice(),
            seconds: left.as_secs(),
        };
        for thread in &self.shared.threads {
            // Who has no room for an order is busy with worse.
            thread.orders.try_send(Order::Moving(moving)).ok();
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
