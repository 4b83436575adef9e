//! [`LogWriter`]: the log's bytes on their way to disk, on a thread of its own. Whatever waits when it has time is one write and, with `appendfsync always`, one fsync.
//! Never: takes an fsync that failed for done, or holds up who gives it bytes. Invariants: bytes and changes of files happen in the order in which they were given; what [`LogWriter::safe`] tells is on disk, in files that the manifest names.
//!
//! ```text
//! good ──write failed──► failing: the file is cut back to what it was, tried again and again ──► good
//!   └──fsync failed, or the file cannot be cut back──► broken: nothing more goes there
//!                                                         └─ a rewrite: new base, new increment, a manifest that names them ──► good
//! ```

use super::folder::unfinished;
use super::{Disk, DiskFile};
use crate::stats::Histogram;
use crate::store::Pieces;
use shared::clock::Clock;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::Notify;
use tracing::{error, info, warn};

/// After a write that failed, the next one is tried so much later.
const TRY_AGAIN: Duration = Duration::from_millis(200);
/// When more waits, it is told how fast it goes away.
const LONG_QUEUE_BYTES: usize = 1024 * 1024;
/// How old what is written may become before it is brought to disk, with `everysec`.
const SECOND_MS: u64 = 1_000;

/// When what was written is brought to disk (`appendfsync`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Syncing {
    /// At once; replies wait for it.
    Always,
    /// Once a second.
    #[default]
    EverySecond,
    /// When the system likes.
    Never,
}

impl Syncing {
    /// As `appendfsync` has it.
    pub(crate) fn of(word: &[u8]) -> Self {
        match word {
            b"always" => Self::Always,
            b"no" => Self::Never,
            _ => Self::EverySecond,
        }
    }
}

/// A manifest to be put in its place.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// From here on bytes go to another file.
#[derive(Debug)]
pub(crate) struct Switch {
    /// The new file.
    pub(crate) path: PathBuf,
    /// The manifest that names it; without, the files count only when a [`Commit`] says so.
    pub(crate) listing: Option<Listing>,
    /// What stands at its beginning and is no part of the log: what a reader has to know that begins there.
    pub(crate) preamble: Vec<u8>,
}

/// The files that count from now on.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) listing: Listing,
    /// What is not needed any more.
    pub(crate) remove: Vec<PathBuf>,
}

#[derive(Debug)]
enum Item {
    Bytes(Pieces),
    /// The log is another one, which has come to this offset.
    Jump(u64),
    Switch(Switch),
    Commit(Commit),
}

/// How it stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// The log is on disk up to this offset.
    pub(crate) safe: u64,
    /// Why bytes are not written.
    pub(crate) failure: Option<String>,
    /// Only a rewrite helps.
    pub(crate) is_broken: bool,
    /// Bytes that wait.
    pub(crate) queued_bytes: usize,
    /// Bytes of the increment that is being written.
    pub(crate) file_bytes: u64,
    /// Commits that have been carried out.
    pub(crate) commits: u64,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Item>,
    sync: Syncing,
    standing: Standing,
    syncs: Histogram,
    /// More than [`LONG_QUEUE_BYTES`] wait, or did since it was told last.
    is_long: bool,
    is_stopping: bool,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    progress: Arc<Notify>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives bytes to the thread that writes them.
#[derive(Debug)]
pub(crate) struct LogWriter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Where the thread begins.
#[derive(Debug)]
pub(crate) struct Begin {
    /// The increment that is written on, and its length; without, a [`Switch`] comes first.
    pub(crate) file: Option<(Box<dyn DiskFile>, u64)>,
    /// The log's bytes up to its end.
    pub(crate) offset: u64,
    pub(crate) sync: Syncing,
}

impl LogWriter {
    /// Starts the thread; `progress` is told of whatever it comes to.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(
        disk: Arc<dyn Disk>,
        clock: Clock,
        begin: Begin,
        progress: Arc<Notify>,
    ) -> io::Result<Self> {
        let mut state = State {
            sync: begin.sync,
            ..State::default()
        };
        let is_listed = begin.file.is_some();
        state.standing.safe = if is_listed { begin.offset } else { 0 };
        state.standing.file_bytes = begin.file.as_ref().map_or(0, |(_, len)| *len);
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            wake: Condvar::new(),
            progress,
        });
        let (file, len) = match begin.file {
            Some((file, len)) => (Some(file), len),
            None => (None, 0),
        };
        let mut work = Work {
            shared: Arc::clone(&shared),
            disk,
            clock,
            file,
            len,
            offset: begin.offset,
            is_listed,
            is_broken: false,
            dirty_since_ms: None,
            told: Told::default(),
        };
        let thread = std::thread::Builder::new().name("log".to_owned());
        let thread = thread.spawn(move || work.run())?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// More bytes of the log; how many wait now.
    pub(crate) fn append(&self, bytes: Pieces) -> usize {
        let mut state = self.shared.state();
        state.standing.queued_bytes += bytes.len();
        let queued_bytes = state.standing.queued_bytes;
        state.is_long |= queued_bytes > LONG_QUEUE_BYTES;
        match state.queue.back_mut() {
            Some(Item::Bytes(waiting)) => waiting.append(bytes),
            _ => state.queue.push_back(Item::Bytes(bytes)),
        }
        drop(state);
        self.shared.wake.notify_one();
        queued_bytes
    }

    /// What comes after goes to another file.
    pub(crate) fn switch(&self, switch: Switch) {
        self.push(Item::Switch(switch));
    }

    /// Other files count from then on.
    pub(crate) fn commit(&self, commit: Commit) {
        self.push(Item::Commit(commit));
    }

    /// The log is another one from here on, and has come to `offset`: nothing of it goes into the files of the former. A [`Switch`] and a [`Commit`] make it count.
    pub(crate) fn jump(&self, offset: u64) {
        self.push(Item::Jump(offset));
    }

    fn push(&self, item: Item) {
        self.shared.state().queue.push_back(item);
        self.shared.wake.notify_one();
    }

    /// Another `appendfsync`.
    pub(crate) fn set_sync(&self, sync: Syncing) {
        let mut state = self.shared.state();
        if state.sync != sync {
            state.sync = sync;
            drop(state);
            self.shared.wake.notify_one();
            // Who waits for the disk may have waited long enough.
            self.shared.progress.notify_one();
        }
    }

    /// How it stands.
    pub(crate) fn standing(&self) -> Standing {
        self.shared.state().standing.clone()
    }

    /// How long each fsync took.
    pub(crate) fn syncs(&self) -> Histogram {
        self.shared.state().syncs.clone()
    }

    /// Up to where the log is on disk, and whether all is well.
    pub(crate) fn safe(&self) -> (u64, bool) {
        let state = self.shared.state();
        (state.standing.safe, state.standing.failure.is_none())
    }

    /// Writes what waits, brings it to disk, and ends; blocks as long as that takes.
    pub(crate) fn finish(mut self) {
        self.shared.state().is_stopping = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            error!("the thread that writes the log ended before its time");
        }
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        self.shared.state().is_stopping = true;
        self.shared.wake.notify_one();
    }
}

/// The thread's own.
struct Work {
    shared: Arc<Shared>,
    disk: Arc<dyn Disk>,
    clock: Clock,
    file: Option<Box<dyn DiskFile>>,
    /// Bytes of the file that are whole.
    len: u64,
    /// The log's bytes that have been written.
    offset: u64,
    /// The manifest names the file.
    is_listed: bool,
    is_broken: bool,
    /// Since when something is written and not on disk.
    dirty_since_ms: Option<u64>,
    told: Told,
}

/// What somebody may wait for, as it was told last: waking the thread that serves costs more than writing a few bytes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    safe: u64,
    commits: u64,
    is_broken: bool,
    fails: bool,
}

/// What the thread does next.
enum Next {
    Item(Item),
    Sync,
    End,
}

impl Work {
    fn run(&mut self) {
        loop {
            match self.next() {
                Next::Item(Item::Bytes(bytes)) => {
                    self.write(&bytes);
                    if self.shared.state().sync == Syncing::Always {
                        self.sync();
                    }
                }
                Next::Item(Item::Jump(offset)) => self.jump(offset),
                Next::Item(Item::Switch(switch)) => self.switch(switch),
                Next::Item(Item::Commit(commit)) => self.commit(commit),
                Next::Sync => self.sync(),
                Next::End => {
                    self.sync();
                    return;
                }
            }
            self.tell();
        }
    }

    fn next(&self) -> Next {
        let mut state = self.shared.state();
        loop {
            let due_ms = match (self.dirty_since_ms, state.sync) {
                (Some(_), Syncing::Always) => Some(0),
                (Some(since_ms), Syncing::EverySecond) => Some(since_ms + SECOND_MS),
                _ => None,
            };
            let now_ms = self.clock.monotonic_ms();
            let left_ms = due_ms.map(|due_ms| due_ms.saturating_sub(now_ms));
            if left_ms == Some(0) {
                return Next::Sync;
            }
            if let Some(item) = state.queue.pop_front() {
                if let Item::Bytes(bytes) = &item {
                    state.standing.queued_bytes -= bytes.len();
                }
                return Next::Item(item);
            }
            if state.is_stopping {
                return Next::End;
            }
            let shared = &self.shared;
            state = match left_ms {
                Some(left_ms) => {
                    let left = Duration::from_millis(left_ms);
                    let waited = shared.wake.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let waited = shared.wake.wait(state);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }

    /// Writes bytes, however often it has to be tried. Where nothing more can be written they are left out: a rewrite has what they did.
    fn write(&mut self, bytes: &Pieces) {
        self.offset += bytes.len() as u64;
        while !self.is_broken {
            let Some(file) = &mut self.file else {
                return;
            };
            let mut pieces = bytes.iter();
            let written = pieces.try_for_each(|piece| file.write(&piece));
            let Err(failed) = written else {
                self.len += bytes.len() as u64;
                let now_ms = self.clock.monotonic_ms();
                self.dirty_since_ms.get_or_insert(now_ms);
                self.recovered();
                return;
            };
            let cut = file.cut(self.len);
            self.fail("the log cannot be written", &failed);
            if let Err(error) = cut {
                self.break_off("the log's file cannot be cut back", &error);
                return;
            }
            if self.wait_to_try_again() {
                // It was not written, and the end does not wait.
                self.is_broken = true;
                return;
            }
        }
    }

    /// Waits a little; whether the end has come meanwhile.
    fn wait_to_try_again(&self) -> bool {
        let state = self.shared.state();
        let waited = self.shared.wake.wait_timeout(state, TRY_AGAIN);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_stopping
    }

    fn sync(&mut self) {
        if self.dirty_since_ms.is_none() || self.is_broken {
            return;
        }
        let Some(file) = &mut self.file else {
            return;
        };
        let begun_ns = self.clock.monotonic_ns();
        let synced = file.sync();
        let took_ns = self.clock.monotonic_ns().saturating_sub(begun_ns);
        self.shared.state().syncs.record(took_ns);
        match synced {
            Ok(()) => self.dirty_since_ms = None,
            Err(failed) => self.break_off("the log cannot be brought to disk", &failed),
        }
    }

    fn jump(&mut self, offset: u64) {
        self.sync();
        self.file = None;
        self.len = 0;
        self.dirty_since_ms = None;
        self.is_listed = false;
        self.offset = offset;
        self.shared.state().standing.safe = 0;
    }

    fn switch(&mut self, switch: Switch) {
        self.sync();
        let mut listing = switch.listing.filter(|_| !self.is_broken);
        let created = self.disk.create(&switch.path);
        let listed = created.and_then(|mut file| {
            file.write(&switch.preamble)?;
            if !switch.preamble.is_empty() {
                file.sync()?;
            }
            if let Some(listing) = &listing {
                put_manifest(self.disk.as_ref(), listing)?;
            }
            Ok(file)
        });
        match listed {
            Ok(file) => {
                self.file = Some(file);
                self.len = switch.preamble.len() as u64;
                self.dirty_since_ms = None;
                self.is_listed = listing.take().is_some();
                self.is_broken = false;
            }
            Err(error) => self.break_off("the log's next file cannot be made", &error),
        }
    }

    fn commit(&mut self, commit: Commit) {
        if self.is_broken {
            return;
        }
        self.sync();
        let put = match self.dirty_since_ms {
            None => put_manifest(self.disk.as_ref(), &commit.listing),
            Some(_) => Err(io::Error::other("what was written is not on disk")),
        };
        if let Err(error) = put {
            // Which of the two counts nobody knows; both would do, but only with all that comes.
            self.break_off("the log's manifest cannot be written", &error);
            return;
        }
        self.is_listed = true;
        for path in commit.remove {
            if let Err(error) = self.disk.remove(&path) {
                warn!(path = %path.display(), %error, "cannot be removed; it is of no use");
            }
        }
        self.recovered();
        self.shared.state().standing.commits += 1;
    }

    /// All is well again.
    fn recovered(&self) {
        if !self.is_listed {
            return;
        }
        let failure = self.shared.state().standing.failure.take();
        if failure.is_some() {
            info!("the log is written again");
        }
    }

    fn fail(&self, what: &str, failed: &io::Error) {
        let mut state = self.shared.state();
        let is_new = state.standing.failure.is_none();
        state.standing.failure = Some(failed.to_string());
        drop(state);
        if is_new {
            error!(reason = %failed, "{what}; writes are refused until it can");
        }
        self.shared.progress.notify_one();
    }

    fn break_off(&mut self, what: &str, failed: &io::Error) {
        self.is_broken = true;
        self.dirty_since_ms = None;
        self.fail(what, failed);
    }

    /// Tells how it stands, if that is new.
    fn tell(&mut self) {
        let mut state = self.shared.state();
        let standing = &mut state.standing;
        standing.is_broken = self.is_broken;
        standing.file_bytes = self.len;
        if self.is_listed && !self.is_broken && self.dirty_since_ms.is_none() {
            standing.safe = self.offset;
        }
        let now = Told {
            safe: standing.safe,
            commits: standing.commits,
            is_broken: standing.is_broken,
            fails: standing.failure.is_some(),
        };
        let is_long = standing.queued_bytes > LONG_QUEUE_BYTES;
        // Somebody may wait until a long queue is shorter.
        let was_long = std::mem::replace(&mut state.is_long, is_long);
        drop(state);
        if was_long || now != self.told {
            self.told = now;
            self.shared.progress.notify_one();
        }
    }
}

/// Puts a manifest in the place of the one before.
pub(crate) fn put_manifest(disk: &dyn Disk, listing: &Listing) -> io::Result<()> {
    let temporary = unfinished(&listing.path, "manifest");
    let mut file = disk.create(&temporary)?;
    file.write(listing.text.as_bytes())?;
    file.sync()?;
    drop(file);
    disk.rename(&temporary, &listing.path)?;
    let folder = listing.path.parent().unwrap_or(Path::new("."));
    disk.sync_folder(folder)
}

#[cfg(test)]
mod tests;
