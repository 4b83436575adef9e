//! The topology in a file, for proxies of one host.
//! Reaches: the file, and beside it a lock file, a folder of live proxies, a lock file of who leads, the key of gossip, the users. Threads of the runtime that may wait for the disk.
//! Invariants: what takes the file's place is whole and on disk before it does; between reading and replacing nobody else who goes through the store
//! writes; a file that is no topology is never overwritten. An editor knows nothing of the lock: what it saves within that moment may be lost.

mod lock;
mod presence;
mod watcher;

pub(crate) use lock::Lock;

use std::path::{Path, PathBuf};
use std::time::Duration;

use shared::clock::Clock;
use shared::config::{
    Draft, FileError, create_file, create_private_file, read_file, replace_private_file,
};
use shared::topology::text::Document;
use shared::topology::{Address, ProxyId, Topology, Version};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::announcement::{Announcement, LiveProxy};
use crate::document::{self, Acceptance};
use crate::error::{CasError, StoreError};
use crate::gossip_key::GossipKey;
use crate::watch::{Watch, as_it_is};

/// How long a lock, and then the disk, is waited for: others hold the lock for as long as the disk takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// What the files beside the topology are called more than it.
const LOCK: &str = "lock";
const LEADER: &str = "leader";
const PROXIES: &str = "proxies";
const GOSSIP_KEY: &str = "gossip-key";
const USERS: &str = "users";

/// A topology in a file. Cloning gives the same one.
#[derive(Clone, Debug)]
pub struct FileStore {
    path: PathBuf,
}

impl FileStore {
    /// The file need not be there yet; its folder must be, and be writable for whoever changes the topology.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn read(&self) -> Result<Document, StoreError> {
        document::read(&self.path, &read_file(&self.path)?)
    }

    pub(crate) async fn load(&self) -> Result<Document, StoreError> {
        let file = self.clone();
        in_time(&self.path, move || file.read()).await?
    }

    pub(crate) async fn create(&self, first: &Topology) -> Result<(), CasError> {
        let (text, path) = (document::first(first)?, self.path.clone());
        let lock = self.lock().await?;
        let create = move || {
            let created = create_file(&path, &text);
            drop(lock);
            match created {
                Err(FileError::Exists(_)) => Err(CasError::Lost),
                Err(error) => Err(after_failure(&path, &text, error)),
                Ok(()) => Ok(()),
            }
        };
        // From here on it goes on even when nobody waits for it.
        in_time(&self.path, create)
            .await
            .map_err(CasError::Unknown)?
    }

    pub(crate) async fn compare_and_set(
        &self,
        expected: Version,
        next: &Topology,
        acceptance: Acceptance,
    ) -> Result<(), CasError> {
        // All that may take its time is done before the lock is taken: what others wait for is two short steps.
        let (path, next) = (self.path.clone(), next.clone());
        let prepare = move || Prepared::write(path, expected, &next, acceptance);
        let prepared = in_time(&self.path, prepare)
            .await
            .map_err(CasError::NotDone)??;
        let lock = self.lock().await?;
        // From here on it goes on even when nobody waits for it.
        let put = move || prepared.put(lock);
        in_time(&self.path, put).await.map_err(CasError::Unknown)?
    }

    pub(crate) fn watch(&self) -> Watch {
        let path = self.path.clone();
        let place = self.path.clone();
        Watch::start(place, document::read, |feed| watcher::run(path, feed))
    }

    pub(crate) async fn users(&self) -> Result<Option<String>, StoreError> {
        let path = self.beside(USERS);
        in_time(&self.path, move || there(&path)).await?
    }

    pub(crate) async fn put_users(&self, over: Option<&str>, text: &str) -> Result<(), CasError> {
        let (path, over, text) = (
            self.beside(USERS),
            over.map(ToOwned::to_owned),
            text.to_owned(),
        );
        let lock = self.lock().await?;
        let put = move || {
            let _lock = lock;
            if there(&path).map_err(CasError::NotDone)? != over {
                return Err(CasError::Lost);
            }
            let done = replace_private_file(&path, &text);
            done.map_err(|error| after_failure(&path, &text, error))
        };
        // From here on it goes on even when nobody waits for it.
        in_time(&self.path, put).await.map_err(CasError::Unknown)?
    }

    pub(crate) fn watch_users(&self) -> Watch<String> {
        let path = self.beside(USERS);
        Watch::start(path.clone(), as_it_is, |feed| watcher::run(path, feed))
    }

    pub(crate) fn announce(
        &self,
        proxy: &ProxyId,
        applied: Version,
        gossip: Option<&Address>,
    ) -> Announcement {
        let (folder, proxy, gossip) = (self.beside(PROXIES), proxy.clone(), gossip.cloned());
        Announcement::start(applied, |versions| {
            presence::keep(folder, proxy, gossip, versions)
        })
    }

    pub(crate) async fn gossip_key(&self) -> Result<GossipKey, StoreError> {
        let path = self.beside(GOSSIP_KEY);
        in_time(&self.path, move || key_in(&path)).await?
    }

    pub(crate) async fn live_proxies(&self) -> Result<Vec<LiveProxy>, StoreError> {
        let folder = self.beside(PROXIES);
        in_time(&self.path, move || presence::list(&folder)).await?
    }

    pub(crate) async fn try_to_lead(&self) -> Result<Option<Lock>, StoreError> {
        let path = self.beside(LEADER);
        in_time(&self.path, move || Lock::try_exclusive(&path)).await?
    }

    /// Nobody else who goes through the store changes the file as long as this is held.
    async fn lock(&self) -> Result<Lock, CasError> {
        let lock = Lock::wait_for(&self.beside(LOCK), DEADLINE).await;
        let lock = lock.map_err(CasError::NotDone)?;
        lock.sign(Clock::system().wall_ms());
        Ok(lock)
    }

    /// A file or folder of the store, beside the topology.
    fn beside(&self, what: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_os_string();
        name.push(".");
        name.push(what);
        self.path.with_file_name(name)
    }
}

/// The text of a file; `None` where there is none.
fn there(path: &Path) -> Result<Option<String>, StoreError> {
    match read_file(path) {
        Ok(text) => Ok(Some(text)),
        Err(FileError::Missing(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What is to take the file's place, on disk beside it.
struct Prepared {
    path: PathBuf,
    /// What is in the file while it is prepared.
    there: String,
    text: String,
    draft: Draft,
}

impl Prepared {
    fn write(
        path: PathBuf,
        expected: Version,
        next: &Topology,
        acceptance: Acceptance,
    ) -> Result<Self, CasError> {
        let there = read_file(&path).map_err(CasError::not_done)?;
        let text = document::next(&path, &there, expected, (next, acceptance))?;
        let draft = Draft::write(&path, &text).map_err(CasError::not_done)?;
        Ok(Self {
            path,
            there,
            text,
            draft,
        })
    }

    /// Puts it there if nothing has changed meanwhile, and lets the lock go before it waits for the disk.
    fn put(self, lock: Lock) -> Result<(), CasError> {
        let there = read_file(&self.path).map_err(CasError::not_done)?;
        if there != self.there {
            return Err(CasError::Lost);
        }
        let placed = self.draft.take_place();
        drop(lock);
        let done = placed.and_then(|()| self.draft.settle());
        done.map_err(|error| after_failure(&self.path, &self.text, error))
    }
}

/// The key that the file holds; a new one where there is no file.
fn key_in(path: &Path) -> Result<GossipKey, StoreError> {
    match read_file(path) {
        Err(FileError::Missing(_)) => {}
        read => return understood(path, &read?),
    }
    let drawn = GossipKey::draw().ok_or(StoreError::NoDice)?;
    match create_private_file(path, &drawn.to_line()) {
        // Somebody was faster.
        Err(FileError::Exists(_)) => understood(path, &read_file(path)?),
        made => Ok(made.map(|()| drawn)?),
    }
}

fn understood(path: &Path, line: &str) -> Result<GossipKey, StoreError> {
    GossipKey::of_line(line).ok_or_else(|| StoreError::NoKey {
        path: path.to_path_buf(),
    })
}

/// What a failed write has left: mostly the old file. The disk may also have failed after the new one was in its place.
fn after_failure(path: &Path, text: &str, error: FileError) -> CasError {
    match read_file(path) {
        Ok(there) if there != text => CasError::not_done(error),
        Err(FileError::Missing(_)) => CasError::not_done(error),
        _ => CasError::unknown(error),
    }
}

/// Lets a thread do what may wait for the disk, and waits for it until the deadline.
async fn in_time<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    match timeout(DEADLINE, spawn_blocking(work)).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(failed)) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(StoreError::Ending),
        },
        Err(_) => Err(StoreError::SlowDisk {
            path: path.to_path_buf(),
            after_ms: whole_ms(DEADLINE),
        }),
    }
}

/// Whole milliseconds.
fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
