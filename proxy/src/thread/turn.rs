//! What a client's turn does with the bytes that are here: finds requests, has them carried out, keeps what has to wait.
//! Never: touches the socket, or decides where a request goes. Invariant: requests are carried out in order, each once, however often a turn ends in the
//! middle of a batch.

use std::rc::Rc;

use shared::resp::{ErrorReply, RequestBatch};

use crate::client::received::Received;
use crate::request::Progress;
use crate::route::rounds::Rounds;
use crate::slab::Key;
use crate::thread::ProxyThread;

/// Requests that are found in a buffer before they are carried out: enough for deep pipelines, few enough to keep their ranges in the cache.
const REQUESTS_PER_SCAN: usize = 1024;

/// A request, or requests that wait, of which more is here than this make their client one that is kept apart from others on the way to the nodes.
const LARGE_REQUEST_BYTES: usize = 64 * 1024;

/// Requests of a batch that could not be carried out yet.
#[derive(Debug)]
pub(crate) struct Paused {
    batch: RequestBatch,
    /// The first of them that has not begun.
    next: usize,
    /// Where they were found; a pipe may keep this buffer as well.
    pub(crate) bytes: Rc<Vec<u8>>,
}

/// What reading came to.
pub(crate) enum ReadEnd {
    /// All that was read has been dealt with.
    Done,
    /// Nothing to read now.
    Pending,
    /// Requests were found that have to wait.
    Paused,
    /// Requests were found that may go on after the others' turn.
    Yield,
    /// The client is gone, or has nothing more to say.
    Gone,
}

impl ProxyThread {
    /// Goes on with requests that had to wait.
    pub(crate) fn resume_client(&mut self, key: Key) -> ReadEnd {
        let Some(client) = self.receivers.clients.get_mut(key) else {
            return ReadEnd::Gone;
        };
        if client.rounds.is_some() {
            return self.next_round(key);
        }
        let Some(mut paused) = client.paused.take() else {
            return ReadEnd::Done;
        };
        let mut bytes = std::mem::take(&mut paused.bytes);
        let end = self.run(key, Received::Own(&mut bytes), Some(paused));
        self.keep_rest(key, bytes, end)
    }

    /// Begins the next round of the command that is carried out in rounds, if the one before it has been answered.
    fn next_round(&mut self, key: Key) -> ReadEnd {
        let Some(client) = self.receivers.clients.get_mut(key) else {
            return ReadEnd::Gone;
        };
        if client.stream.is_broken() {
            return ReadEnd::Gone;
        }
        let rounds = client.rounds.as_deref();
        if !rounds.is_some_and(Rounds::is_under_way)
            && let Some(paused) = client.paused.take()
        {
            let request = &paused.batch.requests()[paused.next - 1];
            self.send_round(key, paused.batch.args(&paused.bytes, request));
            if let Some(client) = self.receivers.clients.get_mut(key) {
                client.paused = Some(paused);
            }
        }
        ReadEnd::Paused
    }

    /// Keeps what `run` has not dealt with.
    pub(crate) fn keep_rest(&mut self, key: Key, bytes: Rc<Vec<u8>>, end: ReadEnd) -> ReadEnd {
        let Some(client) = self.receivers.clients.get_mut(key) else {
            return ReadEnd::Gone;
        };
        let kept_bytes = if let Some(paused) = &mut client.paused {
            paused.bytes = bytes;
            paused.bytes.len()
        } else {
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
            client.input.len()
        };
        if kept_bytes > self.limits.input_bytes {
            tracing::warn!(
                client = client.state.id,
                bytes = kept_bytes,
                "client closed: its request is too large"
            );
            return ReadEnd::Gone;
        }
        if kept_bytes > LARGE_REQUEST_BYTES {
            client.state.keep_apart(self.tick_ms);
        }
        end
    }

    /// Finds requests in `received` and carries them out, first those of `paused`.
    pub(crate) fn run(
        &mut self,
        key: Key,
        mut received: Received<'_>,
        paused: Option<Box<Paused>>,
    ) -> ReadEnd {
        let (mut batch, mut next) = match paused {
            Some(paused) => (paused.batch, Some(paused.next)),
            None => (std::mem::take(&mut self.batch), None),
        };
        let end = loop {
            let mut fault = None;
            let mut found_all = false;
            if next.is_none() {
                batch.clear();
                let Some(client) = self.receivers.clients.get_mut(key) else {
                    break ReadEnd::Gone;
                };
                // Limits change with AUTH, so a stranger's requests are taken one at a time.
                let most = if client.state.is_authenticated {
                    REQUESTS_PER_SCAN
                } else {
                    1
                };
                let scanner = &mut client.scanner;
                let bytes = received.bytes_mut(scanner);
                fault = scanner.scan(bytes, &mut batch, most).err();
                found_all = batch.requests().len() < most;
            }
            match self.dispatch(key, &received, &batch, next.take().unwrap_or(0)) {
                Progress::Done => {}
                progress @ (Progress::Wait(at) | Progress::Yield(at)) => {
                    if let Some(client) = self.receivers.clients.get_mut(key) {
                        // Whoever has the bytes puts them there.
                        client.paused = Some(Box::new(Paused {
                            batch,
                            next: at,
                            bytes: Rc::default(),
                        }));
                    }
                    return match progress {
                        Progress::Yield(_) => ReadEnd::Yield,
                        _ => ReadEnd::Paused,
                    };
                }
                Progress::End => break ReadEnd::Done,
                Progress::Gone => break ReadEnd::Gone,
            }
            if let Some(fault) = fault {
                self.refuse_client(key, &ErrorReply::Protocol(fault));
                break ReadEnd::Done;
            }
            if found_all {
                break ReadEnd::Done;
            }
        };
        batch.clear();
        self.batch = batch;
        end
    }
}
