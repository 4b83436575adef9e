//! The temporary folder of a cluster: its topology where nothing is kept, its children's settings. It goes with the process; what a killed one left behind goes with the next start.
//! Reaches: the system's folder for temporary files, and in it folders of this user that this file made. Never: touches one whose process lives.
//! Invariant: a folder's lock file has its name only while somebody holds the lock on it, or nobody lives any more.

use crate::Failure;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tracing::{info, warn};

/// How the folders' names begin.
const PREFIX: &str = "switchyard-";

/// The file that is locked as long as the folder's process lives.
const LOCK: &str = "lock";

/// A temporary folder, removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    // Removed before the lock is let go.
    folder: TempDir,
    _lock: File,
}

impl Folder {
    /// Makes one, and removes those that no living process owns.
    pub(crate) fn create() -> Result<Self, Failure> {
        let failed = |source| Failure::System {
            what: "create a temporary folder",
            source,
        };
        let folder = TempDir::with_prefix(PREFIX).map_err(failed)?;
        let lock = lock(folder.path()).map_err(failed)?;
        if let Err(error) = remove_left_behind(folder.path()) {
            // Nothing that this start needs.
            warn!(%error, "folders that others left behind cannot be looked at");
        }
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    /// A file of this name in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Locks first and gives the file its name then: whoever finds the name and no lock has found what somebody left behind.
fn lock(folder: &Path) -> io::Result<File> {
    let unnamed = folder.join("lock.new");
    let file = File::create_new(&unnamed)?;
    file.lock()?;
    fs::rename(&unnamed, folder.join(LOCK))?;
    Ok(file)
}

fn remove_left_behind(own: &Path) -> io::Result<()> {
    let owner = fs::metadata(own)?.uid();
    let Some(folders) = own.parent() else {
        return Ok(());
    };
    for entry in fs::read_dir(folders)?.flatten() {
        let path = entry.path();
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            // Not through links, and not those of others, whoever may write here.
            && fs::symlink_metadata(&path).is_ok_and(|file| file.is_dir() && file.uid() == owner);
        if path != own && is_ours && is_left_behind(&path) {
            match fs::remove_dir_all(&path) {
                Ok(()) => info!(folder = %path.display(), "removed: its process was killed"),
                Err(error) => {
                    warn!(folder = %path.display(), %error, "left behind by a process that was killed");
                }
            }
        }
    }
    Ok(())
}

/// Whether it has a lock file that nobody holds; one without is not ours, or just being made.
fn is_left_behind(folder: &Path) -> bool {
    File::open(folder.join(LOCK)).is_ok_and(|file| file.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_holds_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_left_behind(folder.path()), "not ours");
        let held = lock(folder.path()).unwrap();
        assert!(!is_left_behind(folder.path()), "its process lives");
        drop(held);
        assert!(is_left_behind(folder.path()));
    }
}
