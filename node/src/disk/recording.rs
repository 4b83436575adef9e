//! [`Recording`]: the log as the thread that serves has it: bytes go to the writer, and replies that wait for them come free.
//! Never: waits. Invariant: a reply that waits goes out when all that was recorded before it is on disk, and no unit is there by half.

use super::log_writer::{Commit, Listing, LogWriter, Switch, Syncing};
use crate::client::Offset;
use crate::log::Manifest;
use crate::node_state::ClientKey;
use crate::stats::Histogram;
use crate::store::Pieces;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// So long the disk may refuse what is written before those are cut who wait for it: it is tried five times meanwhile, and what fills a disk for a moment, a file that is
/// about to be removed, has gone. Nobody waits much longer than for an fsync that takes its time.
const GRACE_MS: u64 = 1_000;

/// More does not wait for the end of a round of turns.
const MOST_PENDING_BYTES: usize = 256 * 1024;

/// The log of a node.
#[derive(Debug)]
pub(crate) struct Recording {
    writer: LogWriter,
    /// What counts when all that was given to the writer is done.
    manifest: Manifest,
    /// Whether there is a manifest on disk that names what is written.
    is_listed: bool,
    folder: PathBuf,
    prefix: String,
    sync: Syncing,
    /// What was recorded and is not with the writer yet.
    pending: Pieces,
    /// Where the log ends, all that is pending or with the writer included.
    end: u64,
    /// Where a unit began that has not ended.
    unit: Option<u64>,
    /// Clients whose replies wait, in the order of offsets.
    waiting: VecDeque<(u64, ClientKey)>,
    /// Since when bytes are not written, monotonic.
    failing_since_ms: Option<u64>,
    /// It has been so for longer than anybody is to wait.
    pub(crate) is_given_up: bool,
    commits: u64,
    /// Bytes of base and of increments that are full.
    full_bytes: u64,
    /// Bytes of all files after the last rewrite, or at the start.
    base_bytes: u64,
}

/// A rewrite that has begun.
#[derive(Debug)]
pub(crate) struct Rewrite {
    /// The base that is to be made.
    pub(crate) base: PathBuf,
    /// How much of the log it has.
    pub(crate) offset: u64,
    /// The manifest that names it and what comes behind.
    next: Manifest,
    remove: Vec<PathBuf>,
}

/// A log at its start.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) folder: PathBuf,
    pub(crate) prefix: String,
    /// Empty where there is no log yet.
    pub(crate) manifest: Manifest,
    /// Where it ends.
    pub(crate) end: u64,
    /// Bytes of all files but the last increment.
    pub(crate) full_bytes: u64,
    /// Bytes of that.
    pub(crate) last_bytes: u64,
}

impl Recording {
    /// Goes on with these files.
    pub(crate) fn new(writer: LogWriter, files: Files, sync: Syncing) -> Self {
        Self {
            writer,
            is_listed: files.manifest != Manifest::default(),
            manifest: files.manifest,
            folder: files.folder,
            prefix: files.prefix,
            sync,
            pending: Pieces::default(),
            end: files.end,
            unit: None,
            waiting: VecDeque::new(),
            failing_since_ms: None,
            is_given_up: false,
            commits: 0,
            full_bytes: files.full_bytes,
            base_bytes: files.full_bytes + files.last_bytes,
        }
    }

    /// More of the log; `is_in_unit`: what it ends with is a part of something that is one. It waits for [`Recording::hand_over`], or there is much of it.
    pub(crate) fn append(&mut self, bytes: Pieces, is_in_unit: bool) {
        if is_in_unit {
            self.unit.get_or_insert(self.end);
        } else {
            self.unit = None;
        }
        self.end += bytes.len() as u64;
        self.pending.append(bytes);
        if self.pending.len() >= MOST_PENDING_BYTES {
            self.hand_over();
        }
    }

    /// Gives the writer what is pending, of all clients that had a turn since the last time, at once; how much waits there.
    pub(crate) fn hand_over(&mut self) -> usize {
        match self.pending.is_empty() {
            true => self.queued_bytes(),
            false => self.writer.append(std::mem::take(&mut self.pending)),
        }
    }

    /// Up to where the log is on disk as far as anybody may rely on it.
    fn reached(&self) -> u64 {
        let (safe, _) = self.writer.safe();
        self.unit.map_or(safe, |unit| safe.min(unit))
    }

    /// From which offset on the log is in increments that count; `None` where nobody may rely on them.
    pub(crate) fn kept_from(&self) -> Option<u64> {
        let first = self.manifest.increments.first()?.first()?;
        self.is_listed.then_some(first)
    }

    /// The increment in which the byte at this offset of the log stands, and where the file begins in the log.
    pub(crate) fn file_at(&self, offset: u64) -> Option<(PathBuf, u64)> {
        let mut increments = self.manifest.increments.iter().rev();
        let found = increments.find(|part| part.first().is_some_and(|first| first <= offset))?;
        Some((self.folder.join(&found.name), found.start?))
    }

    /// The same, of a log whose files count; `None` of one that a rewrite is still to make count.
    pub(crate) fn on_disk(&self) -> Option<u64> {
        self.is_listed.then(|| self.reached())
    }

    /// Where the log ends, all that waits to be written included.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// What a reply that is given now waits for; `None`: it goes. While the log cannot be written only those who `changed` something wait: others may see what is not on disk, and can ask what is wrong.
    pub(crate) fn reply_waits(&self, changed: bool) -> Option<Offset> {
        // What does not count yet promises nothing.
        if self.sync != Syncing::Always || !self.is_listed {
            return None;
        }
        let (_, is_good) = self.writer.safe();
        if !changed && !is_good {
            return None;
        }
        let wanted = match self.unit {
            // Where it ends nobody knows: behind all that is there.
            Some(_) => self.end + 1,
            None => self.end,
        };
        (self.reached() < wanted).then_some(Offset(wanted))
    }

    /// Whether what is recorded will be there after a crash, as far as `appendfsync always` promises that.
    pub(crate) fn counts(&self) -> bool {
        self.sync != Syncing::Always || self.is_listed
    }

    /// Since when nothing could be written, monotonic milliseconds, once that is so long that nobody waits for it: writes are refused.
    pub(crate) fn given_up_since(&self) -> Option<u64> {
        self.failing_since_ms.filter(|_| self.is_given_up)
    }

    /// A client's replies wait.
    pub(crate) fn note_waiting(&mut self, until: Offset, client: ClientKey) {
        self.waiting.push_back((until.0, client));
    }

    /// Clients whose replies have come free, and up to where the log has come.
    pub(crate) fn released(&mut self) -> (Offset, Vec<ClientKey>) {
        let reached = match self.sync {
            Syncing::Always => self.reached(),
            _ => u64::MAX,
        };
        let count = self
            .waiting
            .iter()
            .take_while(|(until, _)| *until <= reached);
        let count = count.count();
        let clients = self.waiting.drain(..count).map(|(_, client)| client);
        (Offset(reached), clients.collect())
    }

    /// Looks whether bytes are written; who has waited for too long is the result, and is not let go any more. What they changed stays in the queue, and is written
    /// once, when it can be.
    pub(crate) fn give_up(&mut self, now_ms: u64) -> Vec<ClientKey> {
        let (_, is_good) = self.writer.safe();
        if is_good || self.sync != Syncing::Always {
            (self.failing_since_ms, self.is_given_up) = (None, false);
            return Vec::new();
        }
        let since_ms = *self.failing_since_ms.get_or_insert(now_ms);
        self.is_given_up = now_ms.saturating_sub(since_ms) >= GRACE_MS;
        match self.is_given_up {
            true => self.waiting.drain(..).map(|(_, client)| client).collect(),
            false => Vec::new(),
        }
    }

    /// Begins a rewrite: what comes from now on is in another increment.
    ///
    /// `preamble` is what a reader has to know that begins there: it stands in the file before what comes, and is no part of the log.
    pub(crate) fn begin_rewrite(&mut self, preamble: Vec<u8>) -> Rewrite {
        self.hand_over();
        let standing = self.writer.standing();
        let before = preamble.len() as u64;
        let increment = self.manifest.next_increment(&self.prefix, self.end, before);
        let base = self.manifest.next_base(&self.prefix);
        let next = Manifest {
            base: Some(base.clone()),
            increments: vec![increment.clone()],
            history: Vec::new(),
        };
        let old = self.manifest.base.iter().chain(&self.manifest.history);
        let old = old.map(|part| &part.name);
        let increments = self.manifest.increments.iter().map(|part| &part.name);
        let remove = old.chain(increments).map(|name| self.folder.join(name));
        let remove = remove.collect();
        let path = self.folder.join(&increment.name);
        self.manifest.increments.push(increment);
        let is_good = self.is_listed && !standing.is_broken;
        let listing = is_good.then(|| self.listing(&self.manifest));
        self.full_bytes += standing.file_bytes;
        self.writer.switch(Switch {
            path,
            listing,
            preamble,
        });
        Rewrite {
            base: self.folder.join(&base.name),
            offset: self.end,
            next,
            remove,
        }
    }

    /// The log is another one from here on, and has come to `offset`: a rewrite makes it count. Until then the files hold what they held.
    pub(crate) fn jump(&mut self, offset: u64) {
        self.hand_over();
        self.end = offset;
        self.unit = None;
        self.is_listed = false;
        // Nobody's reply can come to be safe any more.
        self.waiting.clear();
        self.writer.jump(offset);
    }

    /// The base is on disk: from now on the log begins with it. [`Recording::has_committed`] tells when.
    pub(crate) fn end_rewrite(&mut self, rewrite: Rewrite, base_bytes: u64) {
        self.hand_over();
        self.manifest = rewrite.next;
        let listing = self.listing(&self.manifest);
        self.commits += 1;
        self.full_bytes = base_bytes;
        self.writer.commit(Commit {
            listing,
            remove: rewrite.remove,
        });
    }

    fn listing(&self, manifest: &Manifest) -> Listing {
        let path = self.folder.join(Manifest::file_name(&self.prefix));
        let text = manifest.text();
        Listing { path, text }
    }

    /// Whether the last rewrite counts; `None` while nobody knows.
    pub(crate) fn has_committed(&mut self) -> Option<bool> {
        let standing = self.writer.standing();
        if standing.commits == self.commits {
            self.is_listed = true;
            self.base_bytes = self.full_bytes + standing.file_bytes;
            return Some(true);
        }
        standing.is_broken.then(|| {
            self.commits = standing.commits;
            false
        })
    }

    /// Whether only a rewrite makes the log whole.
    pub(crate) fn needs_rewrite(&self) -> bool {
        !self.is_listed || self.writer.standing().is_broken
    }

    /// Why bytes are not written.
    pub(crate) fn failure(&self) -> Option<String> {
        self.writer.standing().failure
    }

    /// How long each fsync of the log took.
    pub(crate) fn syncs(&self) -> Histogram {
        self.writer.syncs()
    }

    /// Bytes that wait to be written.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.writer.standing().queued_bytes + self.pending.len()
    }

    /// Bytes of all files, and of those there were after the last rewrite.
    pub(crate) fn sizes(&self) -> (u64, u64) {
        let now = self.full_bytes + self.writer.standing().file_bytes;
        (now, self.base_bytes)
    }

    /// Another `appendfsync`.
    pub(crate) fn set_sync(&mut self, sync: Syncing) {
        if self.sync != sync {
            self.sync = sync;
            self.writer.set_sync(sync);
        }
    }

    /// The writer, to be finished.
    pub(crate) fn into_writer(mut self) -> LogWriter {
        self.hand_over();
        self.writer
    }
}

/// The folder of the log in the node's own, and the path of its manifest.
pub(crate) fn log_folder(folder: &Path, name: &str, prefix: &str) -> (PathBuf, PathBuf) {
    let folder = folder.join(name);
    let manifest = folder.join(Manifest::file_name(prefix));
    (folder, manifest)
}
