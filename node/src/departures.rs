//! Closing sockets: ten thousand clients may leave in the same moment, and each costs the kernel some microseconds.
//! Decides nothing. Invariant: no turn closes more than [`CLOSES_PER_TURN`], so nobody waits for a crowd that leaves; what waits is bounded by
//! [`MOST_WAITING`].

use crate::socket::Socket;
use shared::drop_queue::DropQueue;
use std::rc::Rc;
use tokio::sync::Notify;

/// Sockets closed before the others have their turn; more than come in meanwhile.
const CLOSES_PER_TURN: usize = 32;
/// Sockets that may wait; beyond it they are closed at once. More than `maxclients` is in most cases: a crowd fits.
const MOST_WAITING: usize = 16 * 1024;

/// Sockets of clients that have gone.
#[derive(Debug)]
pub(crate) struct Departures {
    sockets: DropQueue<Rc<Socket>>,
    news: Notify,
}

impl Departures {
    /// Nobody has gone.
    pub(crate) fn new() -> Self {
        Self {
            sockets: DropQueue::new(MOST_WAITING, CLOSES_PER_TURN),
            news: Notify::new(),
        }
    }

    /// Closes the socket soon: it is its last owner by then.
    pub(crate) fn close_soon(&self, socket: Rc<Socket>) {
        if self.sockets.push(socket) {
            self.news.notify_one();
        }
    }
}

/// Closes what is to be closed, for ever.
pub(crate) async fn close_all(departures: Rc<Departures>) {
    loop {
        departures.news.notified().await;
        while departures.sockets.drop_some() {
            tokio::task::yield_now().await;
        }
    }
}
