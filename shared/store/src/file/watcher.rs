//! Looks at the file whenever it changes.
//! Reaches: the file, to read it; what the operating system tells of its folder. Never: writes.
//! Invariant: nobody waits for a file but the thread that reads it, not even the end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use shared::config::read_file;
use tokio::sync::mpsc;

use crate::error::StoreError;
use crate::watch::Feed;

/// The file is read this often even if nobody says that it changed: some file systems do not tell.
const POLL_EVERY: Duration = Duration::from_secs(2);

/// Events of one change come in a bunch; they are waited for so that the file is read once.
const SETTLE: Duration = Duration::from_millis(5);

/// Looks until nobody listens.
pub(super) async fn run<T: Send>(path: PathBuf, mut feed: Feed<T>) {
    let (changed, mut changes) = mpsc::channel(1);
    let watcher = watch_folder(&path, changed);
    if let Err(error) = &watcher {
        tracing::warn!(path = %path.display(), %error, "the file cannot be watched; it is read every two seconds");
    }
    loop {
        let own = path.clone();
        let Ok(look) = tokio::task::spawn_blocking(move || read_file(&own)).await else {
            return;
        };
        if feed.see(look.map_err(StoreError::from)).await.is_err() {
            return;
        }
        tokio::select! {
            Some(()) = changes.recv() => tokio::time::sleep(SETTLE).await,
            () = feed.asked_again() => {}
            () = tokio::time::sleep(POLL_EVERY) => {}
        }
    }
}

/// Watches the folder: a file that is replaced is another file, and a watch on the old one would see nothing.
fn watch_folder(path: &Path, changed: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let name = path.file_name().map(ToOwned::to_owned);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let concerns_us = event.is_ok_and(|event| {
            !matches!(event.kind, notify::EventKind::Access(_))
                && event
                    .paths
                    .iter()
                    .any(|path| path.file_name() == name.as_deref())
        });
        if concerns_us {
            // Full means that a read is due anyway.
            changed.try_send(()).ok();
        }
    })?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}
