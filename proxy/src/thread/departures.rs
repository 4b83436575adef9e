//! Closing clients' sockets: ten thousand may leave in the same moment, and each costs the kernel some microseconds; and whoever is sent away by us must get
//! what was written to him.
//! Decides nothing. Invariants: no turn closes more than [`CLOSES_PER_TURN`], so nobody waits for a crowd that leaves; what waits is bounded by
//! [`MOST_WAITING`], and for whom it is waited by [`MOST_PARTING`].

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use shared::drop_queue::DropQueue;
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::thread::stream::ClientStream;

/// Sockets closed before the others have their turn.
const CLOSES_PER_TURN: usize = 32;

/// Sockets that may wait; beyond it they are closed at once. A crowd as large as `maxclients` is by default fits.
const MOST_WAITING: usize = 16 * 1024;

/// Clients that are waited for while others are served; beyond it sockets are closed at once. They have left `maxclients` already, but not the table of
/// descriptors.
const MOST_PARTING: usize = 1024;

/// How long it is waited at most for a client that has been told that nothing more comes, while others are served.
const PARTING_TIME: Duration = Duration::from_secs(30);

/// How long for one that has got all, and sends on as if it had not.
const DEAF_TIME: Duration = Duration::from_secs(2);

/// A client that has got all, and sends nothing for so long, is done.
const QUIET_TIME: Duration = Duration::from_millis(500);

/// What is read at once, to be thrown away.
const THROWN_AWAY_BYTES: usize = 4 * 1024;

/// Sockets of clients that have gone, or are about to.
#[derive(Debug)]
pub(crate) struct Departures {
    sockets: DropQueue<ClientStream>,
    news: Notify,
    /// Clients that are waited for.
    parting: Cell<usize>,
}

impl Departures {
    /// Nobody has gone.
    pub(crate) fn new() -> Self {
        Self {
            sockets: DropQueue::new(MOST_WAITING, CLOSES_PER_TURN),
            news: Notify::new(),
            parting: Cell::new(0),
        }
    }

    /// Clients that have been told that nothing more comes, and may still be reading.
    pub(crate) fn parting(&self) -> usize {
        self.parting.get()
    }

    /// Closes the socket when the client has closed it or says nothing more, or a while later: a socket in which something lies unread is reset when it is closed, and what the
    /// client has not got by then is lost. With `everybody`, when the thread stops, it is waited for all of them, and the grace of the stop is the only bound.
    pub(crate) fn part(self: &Rc<Self>, stream: ClientStream, everybody: bool) {
        if self.parting.get() >= MOST_PARTING && !everybody {
            return self.close_soon(stream);
        }
        self.parting.set(self.parting.get() + 1);
        tokio::task::spawn_local(part_with(Rc::clone(self), stream, everybody));
    }

    /// Closes the socket soon.
    pub(crate) fn close_soon(&self, stream: ClientStream) {
        if self.sockets.push(stream) {
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

async fn part_with(departures: Rc<Departures>, mut stream: ClientStream, everybody: bool) {
    let closed = until_closed(&mut stream);
    // Late or broken, it is closed.
    if everybody {
        closed.await.ok();
    } else {
        timeout(PARTING_TIME, closed).await.ok();
    }
    departures.close_soon(stream);
    departures.parting.set(departures.parting.get() - 1);
}

/// Tells the client that nothing more comes, and throws away what it still sends until it has got all.
async fn until_closed(stream: &mut ClientStream) -> std::io::Result<()> {
    std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_shutdown(cx)).await?;
    loop {
        match timeout(DEAF_TIME, until_closed_or_quiet(stream)).await {
            Ok(Ok(End::Quiet)) | Err(_) if !stream.has_taken_all() => {}
            _ => return Ok(()),
        }
    }
}

/// Why it is not read on for the moment.
enum End {
    /// The client has closed its side.
    Closed,
    /// It sends nothing.
    Quiet,
}

async fn until_closed_or_quiet(stream: &mut ClientStream) -> std::io::Result<End> {
    let mut thrown_away = [0; THROWN_AWAY_BYTES];
    while let Ok(read) = timeout(QUIET_TIME, stream.read(&mut thrown_away)).await {
        if read? == 0 {
            return Ok(End::Closed);
        }
        tokio::task::yield_now().await;
    }
    Ok(End::Quiet)
}
