//! Nodes that have announced themselves to this proxy, on their way to who takes note of them.
//! Holds a bounded queue. Never: waits, neither for who announces nor for who takes note.
//! At the bound a node is told to try again, which it does a second later: those before it are as new as it is.

use std::sync::{Mutex, PoisonError};

use protocol::controller::Announced;
use shared::topology::NodeId;
use tokio::sync::mpsc;

/// Announcements that wait: some for each turn of who takes note of them.
const MOST_WAITING: usize = 1_024;

/// The queue; all threads of a proxy share it. What comes out is a node, and what it says of itself.
#[derive(Debug)]
pub(crate) struct Announcements {
    sender: mpsc::Sender<(NodeId, Announced)>,
    receiver: Mutex<Option<mpsc::Receiver<(NodeId, Announced)>>>,
}

impl Announcements {
    /// Nobody has announced itself yet.
    pub(crate) fn new() -> Self {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        Self {
            sender,
            receiver: Mutex::new(Some(receiver)),
        }
    }

    /// A node has announced itself; whether that is taken note of.
    pub(crate) fn offer(&self, node: NodeId, announced: Announced) -> bool {
        self.sender.try_send((node, announced)).is_ok()
    }

    /// The end from which they come, for the one who takes note; `None` when it was taken before. Where it is dropped no node is taken note of any more.
    pub(crate) fn take_end(&self) -> Option<mpsc::Receiver<(NodeId, Announced)>> {
        let mut end = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        end.take()
    }
}

#[cfg(test)]
mod tests {
    use shared::topology::Address;

    use super::*;

    #[test]
    fn the_queue_is_bounded_and_comes_out_in_order() {
        let announcements = Announcements::new();
        let announced = |port| Announced {
            address: Address::loopback(port),
            zone: None,
        };
        let node = NodeId::numbered;
        for number in 0..MOST_WAITING {
            assert!(announcements.offer(node(number), announced(1)));
        }
        assert!(!announcements.offer(node(0), announced(2)));
        let mut end = announcements.take_end().unwrap();
        assert!(announcements.take_end().is_none());
        assert_eq!(end.try_recv().unwrap(), (node(0), announced(1)));
        assert!(announcements.offer(node(0), announced(2)));
        drop(end);
        assert!(!announcements.offer(node(0), announced(2)));
    }
}
