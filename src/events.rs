//! What happens to a running cluster, and the queue in which whoever watches over it reads that.

use crate::Failure;
use std::sync::mpsc::{Receiver, Sender, channel};

/// What happens to a running cluster.
#[derive(Debug)]
pub enum Event {
    /// A signal, or whoever started it, asks it to stop.
    Stop,
    /// A node ended: by itself, or because a client called SHUTDOWN.
    NodeEnded(String, Result<(), Failure>),
    /// The proxy ended by itself.
    ProxyEnded(Result<(), Failure>),
}

/// The events of one cluster. Bounded by what there is to end: each node and the proxy say one each, signals one.
#[derive(Debug)]
pub struct Events {
    sender: Sender<Event>,
    receiver: Receiver<Event>,
}

impl Events {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = channel();
        Self { sender, receiver }
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
        self.receiver.recv().unwrap_or(Event::Stop)
    }

    /// The first failure among what nobody has read yet.
    pub(crate) fn into_failure(self) -> Option<Failure> {
        self.receiver.try_iter().find_map(|event| match event {
            Event::NodeEnded(_, Err(failure)) | Event::ProxyEnded(Err(failure)) => Some(failure),
            _ => None,
        })
    }
}
