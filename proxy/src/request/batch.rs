//! A client's turn with the bytes that are here: requests are found, carried out, and kept when they have to wait.
//! Never: touches the socket, or decides where a request goes. Invariant: requests are carried out in order, each once, however often a turn ends in the
//! middle of a batch.

use std::rc::Rc;

use shared::clock::{Clock, Reading};
use shared::resp::{ErrorReply, Protocol, ReplyWriter, RequestBatch};
use shared::throttle::Throttle;

use super::Exchange;
use super::turn::Progress;
use crate::client::received::Received;
use crate::client::{Client, Held, WaitsFor, Work};
use crate::events::{Events, Kind, News};
use crate::route::split::Search;
use crate::slab::Key;

/// Requests that are found in a buffer before they are carried out: enough for deep pipelines, few enough to keep their ranges in the cache.
const REQUESTS_PER_SCAN: usize = 1024;

/// A request, or requests that wait, of which more is here than this make their client one that is kept apart from others on the way to the nodes.
const LARGE_REQUEST_BYTES: usize = 64 * 1024;

/// Why a client has to leave at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl TooLarge {
    /// Says so.
    pub(crate) fn tell(self, client: &Client, clock: &Clock, events: &Events) {
        static TOO_LARGE: Throttle = Throttle::new();
        if let Some(left_out) = TOO_LARGE.admit(clock.wall_ms()) {
            let (peer, bytes) = (client.state.peer, client.input.len());
            let words = format!("client closed: its request is too large, {bytes} bytes are here");
            let news = News::warning(Kind::ClientsCut, words).of_peer(peer);
            events.tell(news.after(left_out));
        }
    }
}

/// How a turn with some bytes ended.
enum RunEnd {
    /// All that is here has been carried out.
    Done,
    /// These are to be kept.
    Held(Box<Held>),
    /// The client is to end.
    End,
}

impl Exchange {
    /// Carries out what is found in bytes that are lent for this turn; the beginning of a request is kept.
    pub(crate) fn take_lent(&mut self, key: Key, client: &mut Client, bytes: &mut [u8]) {
        let read = self.receivers.stopwatch.read();
        match self.run(key, client, &mut Received::Lent(bytes), None, read) {
            RunEnd::Done => {
                let finished = client.scanner.finished_bytes();
                client.input.extend_from_slice(&bytes[finished..]);
                client.scanner.dropped(finished);
            }
            RunEnd::Held(mut held) => {
                held.bytes = Rc::new(bytes.to_vec());
                client.work = Work::Waiting(held);
            }
            RunEnd::End => client.work = Work::Ending,
        }
    }

    /// The same for the client's own buffer, to which something was appended.
    ///
    /// # Errors
    /// One request is larger than requests may be.
    pub(crate) fn take_input(&mut self, key: Key, client: &mut Client) -> Result<(), TooLarge> {
        let read = self.receivers.stopwatch.read();
        let mut bytes = Rc::new(std::mem::take(&mut client.input));
        let mut ahead = Vec::new();
        let mut received = Received::Own(&mut bytes, &mut ahead);
        let end = self.run(key, client, &mut received, None, read);
        self.keep_rest(client, bytes, ahead, end)
    }

    /// Goes on with requests that had to wait.
    ///
    /// # Errors
    /// One request is larger than requests may be.
    pub(crate) fn resume(
        &mut self,
        key: Key,
        client: &mut Client,
        mut held: Box<Held>,
    ) -> Result<(), TooLarge> {
        if self.receivers.outlet(key).rounds.is_some() {
            self.next_round(key, client, &mut held);
            client.work = Work::Waiting(held);
            return Ok(());
        }
        let is_dropped = held.is_dropped;
        if is_dropped && !client.is_leasing() {
            client.work = Work::Ending;
            return Ok(());
        }
        if is_dropped {
            held.batch.truncate(held.next + 1);
        }
        let (mut bytes, mut ahead) = (
            std::mem::take(&mut held.bytes),
            std::mem::take(&mut held.ahead),
        );
        let is_last = held.is_last;
        let read = if held.is_timed {
            held.read
        } else {
            self.receivers.stopwatch.read()
        };
        let mut received = Received::Own(&mut bytes, &mut ahead);
        let end = self.run(key, client, &mut received, Some(held), read);
        self.keep_rest(client, bytes, ahead, end)?;
        match &mut client.work {
            Work::Waiting(held) => {
                held.is_last = is_last;
                held.is_dropped = is_dropped;
            }
            work if is_last => *work = Work::Ending,
            _ => {}
        }
        Ok(())
    }

    /// Nothing of this client is carried out before it has room in its outlet; what it sends meanwhile is kept.
    pub(crate) fn hold_back(&mut self, key: Key, client: &mut Client) {
        let held = Held {
            batch: RequestBatch::default(),
            next: 0,
            bytes: Rc::new(std::mem::take(&mut client.input)),
            ahead: Vec::new(),
            read: self.receivers.stopwatch.read(),
            is_timed: false,
            search: None,
            is_last: false,
            is_dropped: false,
        };
        client.work = Work::Waiting(Box::new(held));
        self.wait(key, WaitsFor::Outlet(shared::command::Retry::Never));
    }

    /// Keeps what `run` has not dealt with.
    fn keep_rest(
        &mut self,
        client: &mut Client,
        bytes: Rc<Vec<u8>>,
        ahead: Vec<u8>,
        end: RunEnd,
    ) -> Result<(), TooLarge> {
        match end {
            RunEnd::End => client.work = Work::Ending,
            RunEnd::Held(mut held) => {
                held.bytes = bytes;
                held.ahead = ahead;
                client.work = Work::Waiting(held);
            }
            RunEnd::Done => {
                debug_assert!(ahead.is_empty(), "all that is here was looked at");
                let finished = client.scanner.finished_bytes();
                client.scanner.dropped(finished);
                client.input = match Rc::try_unwrap(bytes) {
                    Ok(begun) if finished == 0 => begun,
                    Ok(done) => {
                        let rest = done[finished..].to_vec();
                        self.receivers.buffers.give_back(done);
                        rest
                    }
                    Err(handed_over) => handed_over[finished..].to_vec(),
                };
                client.work = Work::Reading;
                if client.input.len() > self.input_bytes {
                    return Err(TooLarge);
                }
            }
        }
        if client.input_bytes() > LARGE_REQUEST_BYTES {
            client.state.keep_apart(self.tick_ms);
        }
        Ok(())
    }

    /// Finds requests in `received` and carries them out, first those of `held`.
    fn run(
        &mut self,
        key: Key,
        client: &mut Client,
        received: &mut Received<'_>,
        held: Option<Box<Held>>,
        read: Reading,
    ) -> RunEnd {
        let is_dropped = held.as_ref().is_some_and(|held| held.is_dropped);
        let (mut batch, mut next, mut search) = match held {
            Some(held) => (held.batch, Some(held.next), held.search),
            None => (std::mem::take(&mut self.batch), None, None),
        };
        let end = loop {
            let mut fault = None;
            let mut found_all = false;
            if next.is_none() {
                batch.clear();
                // Limits change with AUTH, so a stranger's requests are taken one at a time.
                let most = if client.state.login.is_authenticated() {
                    REQUESTS_PER_SCAN
                } else {
                    1
                };
                let bytes = received.bytes_mut(&mut client.scanner);
                fault = client.scanner.scan(bytes, &mut batch, most).err();
                found_all = batch.requests().len() < most;
            }
            let from = next.take().unwrap_or(0);
            match self.carry_out(key, client, received, (&batch, from), &mut search, read) {
                Progress::Done if is_dropped => break RunEnd::End,
                Progress::Done => {}
                Progress::Wait(at) => {
                    let mut held = held_of(batch, at, read, search);
                    let outlet = self.receivers.outlet(key);
                    // Who waits at a node does so for as long as he wants, and the commands behind it have not begun.
                    held.is_timed = !outlet.is_blocked
                        && !matches!(outlet.waits_for(), None | Some(WaitsFor::Outlet(_)));
                    return RunEnd::Held(held);
                }
                Progress::End => break RunEnd::End,
            }
            if let Some(fault) = fault {
                self.refuse(key, &ErrorReply::Protocol(fault));
                break RunEnd::End;
            }
            if found_all {
                break RunEnd::Done;
            }
        };
        batch.clear();
        self.batch = batch;
        end
    }

    /// The last thing that the client hears.
    fn refuse(&mut self, key: Key, error: &ErrorReply) {
        self.receivers.stats.record_refused(true);
        let buffers = &mut self.receivers.buffers;
        let outlet = self.receivers.outlets.at_mut(key);
        outlet.queue.answer(buffers, |out| {
            ReplyWriter::new(out, Protocol::Resp2).error(error);
        });
        self.receivers.mark_dirty(key);
    }
}

/// What is kept; whoever has the bytes puts them there.
fn held_of(batch: RequestBatch, next: usize, read: Reading, search: Option<Search>) -> Box<Held> {
    Box::new(Held {
        batch,
        next,
        bytes: Rc::default(),
        ahead: Vec::new(),
        read,
        is_timed: false,
        search,
        is_last: false,
        is_dropped: false,
    })
}
