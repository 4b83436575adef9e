//! Who is alive on this host: a folder with a locked file per proxy, and beside it one that says which version it has applied.
//! Reaches: that folder. Invariant: who is on the list holds its lock, so who has died, however, is not.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use shared::config::{FileError, read_file, replace_file};
use shared::topology::{Address, ProxyId, Version};
use tokio::sync::watch;

use super::{DEADLINE, Lock, in_time};
use crate::announcement::{LiveProxy, no_more};
use crate::error::StoreError;
use crate::said::Said;

/// How the files of a proxy end.
const LOCK: &str = ".lock";
const VERSION: &str = ".version";

/// Whoever could not be put on the list is tried again this often.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Keeps `proxy` on the list, with the newest of `versions`, until they end.
pub(super) async fn keep(
    folder: PathBuf,
    proxy: ProxyId,
    gossip: Option<Address>,
    mut versions: watch::Receiver<Version>,
) {
    let mut said = Said::default();
    let gossip = gossip.as_ref();
    while let Err(error) = hold(&folder, &proxy, gossip, &mut versions, &mut said).await {
        if let Some(problem) = said.news(&error) {
            tracing::warn!(%proxy, problem, "this proxy cannot be put on the list of those that live; it is tried again");
        }
        tokio::select! {
            () = tokio::time::sleep(RETRY_EVERY) => {}
            () = no_more(&mut versions) => return,
        }
    }
}

async fn hold(
    folder: &Path,
    proxy: &ProxyId,
    gossip: Option<&Address>,
    versions: &mut watch::Receiver<Version>,
    said: &mut Said,
) -> Result<(), StoreError> {
    let made = folder.to_path_buf();
    let unusable = |source| StoreError::Unusable {
        path: folder.to_path_buf(),
        source,
    };
    in_time(folder, move || fs::create_dir_all(made))
        .await?
        .map_err(unusable)?;
    let (lock_path, version_path) = paths(folder, proxy.as_str());
    let lock = Lock::wait_for(&lock_path, DEADLINE).await?;
    loop {
        let line = LiveProxy::to_line(*versions.borrow_and_update(), gossip);
        let text = format!("{line}\n");
        let path = version_path.clone();
        in_time(folder, move || replace_file(&path, &text)).await??;
        if said.over() {
            tracing::info!(%proxy, "this proxy is on the list of those that live");
        }
        if versions.changed().await.is_err() {
            break;
        }
    }
    in_time(folder, move || forget(&lock_path, &version_path)).await?;
    drop(lock);
    Ok(())
}

fn paths(folder: &Path, proxy: &str) -> (PathBuf, PathBuf) {
    let of = |end: &str| folder.join(format!("{proxy}{end}"));
    (of(LOCK), of(VERSION))
}

/// Takes away what a proxy has left. The caller holds its lock.
fn forget(lock: &Path, version: &Path) {
    // What cannot be removed is looked at again with the next list.
    fs::remove_file(version).ok();
    fs::remove_file(lock).ok();
}

/// Everybody who holds a lock, in the order of names; what the dead have left is taken away.
pub(super) fn list(folder: &Path) -> Result<Vec<LiveProxy>, StoreError> {
    let unusable = |source| StoreError::Unusable {
        path: folder.to_path_buf(),
        source,
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unusable(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(unusable)?.file_name();
        let id = name.to_str().and_then(|name| name.strip_suffix(LOCK));
        // Anything else is not ours.
        if let Some(id) = id.and_then(|id| id.parse().ok())
            && let Some(proxy) = said_by(folder, id)?
        {
            found.push(proxy);
        }
    }
    found.sort();
    Ok(found)
}

/// What a proxy that is alive has said; `None` for one that is dead, or has not said it yet.
fn said_by(folder: &Path, proxy: ProxyId) -> Result<Option<LiveProxy>, StoreError> {
    let (lock_path, version_path) = paths(folder, proxy.as_str());
    let unusable = |source| StoreError::Unusable {
        path: lock_path.clone(),
        source,
    };
    let file = match OpenOptions::new().read(true).open(&lock_path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(error)),
    };
    // Shared, so that two who look do not take each other for the proxy.
    match File::try_lock_shared(&file) {
        Ok(()) => {
            forget(&lock_path, &version_path);
            return Ok(None);
        }
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(source)) => return Err(unusable(source)),
    }
    let text = match read_file(&version_path) {
        Ok(text) => text,
        Err(FileError::Missing(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let found = LiveProxy::of_line(proxy, &text);
    found
        .map(Some)
        .ok_or(StoreError::Foreign { path: version_path })
}
