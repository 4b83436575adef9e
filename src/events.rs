//! What happens to a running cluster, and the queue in which whoever watches over it reads that.

use crate::Failure;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// What happens to a running cluster.
#[derive(Debug)]
pub enum Event {
    /// A signal, or whoever started it, asks it to stop.
    Stop,
    /// SIGHUP: files are to be read again.
    Reload,
    /// A node ended: by itself, or because a client called SHUTDOWN.
    NodeEnded(String, Result<(), Failure>),
    /// The proxy ended by itself.
    ProxyEnded(Result<(), Failure>),
}

/// The events of one cluster. Bounded by what there is to end, and started again with pauses between: each node and the proxy say one each; signals two, for
/// those to reload that come before one is read are one.
#[derive(Debug)]
pub struct Events {
    is_reload_waiting: Arc<AtomicBool>,
    sender: Sender<Event>,
    receiver: Receiver<Event>,
}

impl Events {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = channel();
        Self {
            is_reload_waiting: Arc::default(),
            sender,
            receiver,
        }
    }

    /// Where to say what happened; [`Event::Stop`] from outside, the rest from the cluster itself.
    #[must_use]
    pub fn sender(&self) -> Sender<Event> {
        self.sender.clone()
    }

    /// Waits for the next thing that happens.
    #[must_use]
    pub fn wait(&self) -> Event {
        // A sender is held beside the receiver, so it cannot be closed.
        let event = self.receiver.recv().unwrap_or(Event::Stop);
        self.read(event)
    }

    /// Waits for the next thing that happens, for as long as this.
    #[must_use]
    pub fn wait_for(&self, longest: Duration) -> Option<Event> {
        let event = self.receiver.recv_timeout(longest).ok()?;
        Some(self.read(event))
    }

    fn read(&self, event: Event) -> Event {
        if matches!(event, Event::Reload) {
            self.is_reload_waiting.store(false, Ordering::Relaxed);
        }
        event
    }

    /// What says [`Event::Reload`].
    pub fn reloader(&self) -> impl Fn() + Send + 'static {
        let (is_waiting, sender) = (Arc::clone(&self.is_reload_waiting), self.sender());
        move || {
            if !is_waiting.swap(true, Ordering::Relaxed) {
                // Nobody waits any more: it is stopping.
                sender.send(Event::Reload).ok();
            }
        }
    }

    /// The first failure among what nobody has read yet.
    pub(crate) fn into_failure(self) -> Option<Failure> {
        self.receiver.try_iter().find_map(|event| match event {
            Event::NodeEnded(_, Err(failure)) | Event::ProxyEnded(Err(failure)) => Some(failure),
            _ => None,
        })
    }
}
