//! Closing clients' sockets: ten thousand may leave in the same moment, and each costs the kernel some microseconds.
//! Decides nothing. Invariant: no turn closes more than [`CLOSES_PER_TURN`], so nobody waits for a crowd that leaves; what waits is bounded by
//! [`MOST_WAITING`].

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::sync::Notify;

use crate::client::stream::ClientStream;

/// Sockets closed before the others have their turn.
const CLOSES_PER_TURN: usize = 32;

/// Sockets that may wait; beyond it they are closed at once. A crowd as large as `maxclients` is by default fits.
const MOST_WAITING: usize = 16 * 1024;

/// Sockets of clients that have gone.
#[derive(Debug, Default)]
pub(crate) struct Departures {
    waiting: RefCell<VecDeque<ClientStream>>,
    news: Notify,
}

impl Departures {
    /// Closes the socket soon.
    pub(crate) fn close_soon(&self, stream: ClientStream) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() < MOST_WAITING {
            waiting.push_back(stream);
            self.news.notify_one();
        }
    }

    /// Closes some; whether more are waiting.
    fn close_some(&self) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        let some = waiting.len().min(CLOSES_PER_TURN);
        drop(waiting.drain(..some));
        if waiting.is_empty() {
            // What a crowd took goes back.
            waiting.shrink_to(CLOSES_PER_TURN);
        }
        !waiting.is_empty()
    }
}

/// Closes what is to be closed, for ever.
pub(crate) async fn close_all(departures: Rc<Departures>) {
    loop {
        departures.news.notified().await;
        while departures.close_some() {
            tokio::task::yield_now().await;
        }
    }
}
