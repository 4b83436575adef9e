//! Whether this proxy is the one that changes the topology at the moment.
//! Reaches: the store, in tasks of its own. Never: safety; it is for order.

use std::sync::Arc;

use shared::topology::ProxyId;
use store::{Leadership, StoreError, TopologyStore, in_one_line};
use tokio::sync::mpsc;

use super::Done;

/// Between two attempts to lead.
const RETRY_MS: u64 = 500;

/// This proxy's part in it.
#[derive(Debug)]
pub(super) struct Election {
    me: ProxyId,
    store: Arc<TopologyStore>,
    held: Option<Leadership>,
    is_trying: bool,
    tried_ms: Option<u64>,
    /// What the log says is wrong.
    said: Option<String>,
}

impl Election {
    /// Nobody leads yet.
    pub(super) fn new(me: ProxyId, store: Arc<TopologyStore>) -> Self {
        Self {
            me,
            store,
            held: None,
            is_trying: false,
            tried_ms: None,
            said: None,
        }
    }

    /// Whether this proxy leads.
    pub(super) fn leads(&self) -> bool {
        self.held.as_ref().is_some_and(Leadership::holds)
    }

    /// Whether it has just ceased to lead.
    pub(super) fn has_ended(&mut self) -> bool {
        self.held.take_if(|held| !held.holds()).is_some()
    }

    /// Tries to lead, when it is time; what comes of it is `done`.
    pub(super) fn stand(&mut self, now_ms: u64, done: &mpsc::Sender<Done>) {
        let is_recent = |at: u64| now_ms.saturating_sub(at) < RETRY_MS;
        if self.held.is_some() || self.is_trying || self.tried_ms.is_some_and(is_recent) {
            return;
        }
        self.is_trying = true;
        self.tried_ms = Some(now_ms);
        let (store, me, done) = (Arc::clone(&self.store), self.me.clone(), done.clone());
        tokio::spawn(async move {
            let led = store.try_to_lead(&me).await;
            done.send(Done::Led(led)).await.ok();
        });
    }

    /// What came of it; whether this proxy leads from now on.
    pub(super) fn tried(&mut self, led: Result<Option<Leadership>, StoreError>) -> bool {
        self.is_trying = false;
        match led {
            Ok(held) => {
                self.said = None;
                self.held = held;
            }
            Err(error) => {
                let problem = in_one_line(&error);
                if self.said.as_ref() != Some(&problem) {
                    tracing::warn!(
                        problem,
                        "it cannot be known whether this proxy changes the topology; it is tried again"
                    );
                    self.said = Some(problem);
                }
            }
        }
        self.leads()
    }

    /// Lets another one lead: this proxy sees too little.
    pub(super) fn resign(&mut self, now_ms: u64) {
        if let Some(held) = self.held.take() {
            self.tried_ms = Some(now_ms);
            tokio::spawn(held.resign());
        }
    }

    /// Lets another one lead at once, for this proxy ends.
    pub(super) async fn leave(&mut self) {
        if let Some(held) = self.held.take() {
            held.resign().await;
        }
    }
}
