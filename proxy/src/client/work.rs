//! What a client is doing: the one state it has, and what it may wait for.
//! Pure. Invariant: whoever waits has said what for, where that is found ([`super::outlet`]), and keeps the requests that it cannot carry out yet.

use std::rc::Rc;

use shared::clock::Reading;
use shared::command::Retry;
use shared::resp::{Args, RequestBatch};

use crate::pipe::set::PipeNumber;
use crate::route::split::Search;

/// What a client is doing.
#[derive(Debug)]
pub(crate) enum Work {
    /// Reads requests.
    Reading,
    /// Keeps requests: until what its outlet waits for has come to pass; when that waits for nothing, until its next turn.
    Waiting(Box<Held>),
    /// Reads no more; it is closed once it has its replies.
    Ending,
}

/// What has to come to pass before a client goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitsFor {
    /// Room in the line of this pipe; the client stands in its crowd.
    Room(PipeNumber),
    /// The end of a pause.
    Pause,
    /// All replies but so many.
    Replies(u64),
    /// Few enough replies under way or not taken for one more request of this kind. Meanwhile it may send more requests, for a client may write all that it
    /// has before it reads.
    Outlet(Retry),
    /// The answer to the round under way of a command over many keys.
    Round,
    /// Every shard that can be reached knows to what it has subscribed.
    Subscribed,
    /// News of a connection of its own ([`crate::pipe::lease`]). Meanwhile it may send more requests, so that it is noticed when it goes.
    Lease,
}

/// Requests that cannot be carried out yet.
#[derive(Debug)]
pub(crate) struct Held {
    /// Those that were found.
    pub(crate) batch: RequestBatch,
    /// The first of them that has not begun.
    pub(crate) next: usize,
    /// Where they were found, and what was read behind them; a pipe may keep this buffer as well.
    pub(crate) bytes: Rc<Vec<u8>>,
    /// What was read while a pipe kept the buffer.
    pub(crate) ahead: Vec<u8>,
    /// When they were read: their deadline begins here …
    pub(crate) read: Reading,
    /// … unless it is the client itself that they wait for.
    pub(crate) is_timed: bool,
    /// What is known of the owners of the keys of the next one, when it has very many.
    pub(crate) search: Option<Search>,
    /// The client has closed its side: there will be no others.
    pub(crate) is_last: bool,
    /// What has not begun never will: the proxy stops, or the client is to go.
    pub(crate) is_dropped: bool,
}

impl Held {
    /// Bytes that are kept.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() + self.ahead.len()
    }

    /// Bytes that these take, and what is known of the requests in them.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.bytes.capacity() + self.ahead.capacity() + self.batch.kept_bytes()
    }

    /// The first request that has not begun.
    pub(crate) fn first(&self) -> Option<Args<'_>> {
        let request = self.batch.requests().get(self.next)?;
        Some(self.batch.args(&self.bytes, request))
    }

    /// What has not begun never will.
    pub(crate) fn drop_rest(&mut self) {
        self.is_dropped = true;
        self.is_last = true;
    }
}
