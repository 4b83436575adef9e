//! [`DataFolder`]: the folder that is one node's own.
//! Invariant: as long as it is held, no other process has it.

use super::Disk;
use shared::config::{FileError, read_file, replace_file};
use shared::topology::NodeId;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use tracing::warn;

/// The file that is locked as long as a node lives.
const LOCK: &str = "switchyard.lock";
/// The file in a node's folder that names the shard to which the data belong, if proxies have said so.
pub const SHARD_MARK: &str = "switchyard.shard";
/// The file that keeps the node's name.
const NAME: &str = "switchyard.name";
/// How names of files begin that are being written.
const UNFINISHED: &str = "temp-";

/// Why a folder cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// It cannot be made or written to.
    #[error("{}: cannot be used as the folder of the node's data; see to it that it is a folder to which this user may write", path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What keeps the node's name cannot be read or written.
    #[error(transparent)]
    Name(#[from] FileError),
    /// It holds something else.
    #[error("{}: holds no name of a node; write what proxies call this one into it, or take it away if none does yet", .0.display())]
    NoName(PathBuf),
    /// Another node has it.
    #[error("{}: another node keeps its data here; give this one a folder of its own with --data-dir", .0.display())]
    Taken(PathBuf),
}

/// A folder that is locked.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Takes it, and makes it if there is none.
    ///
    /// # Errors
    /// [`FolderError`]
    pub(crate) fn take(path: &Path) -> Result<Self, FolderError> {
        let unusable = |source| FolderError::Unusable {
            path: path.to_path_buf(),
            source,
        };
        fs::create_dir_all(path).map_err(unusable)?;
        let path = std::path::absolute(path).map_err(unusable)?;
        let lock = File::create(path.join(LOCK)).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(FolderError::Taken(path)),
            Err(fs::TryLockError::Error(source)) => Err(unusable(source)),
        }
    }

    /// What says to which shard the data belong.
    pub(crate) fn shard_file(&self) -> PathBuf {
        self.path.join(SHARD_MARK)
    }

    /// Whether the data belong to a shard.
    pub(crate) fn belongs(&self) -> bool {
        self.shard_file().exists()
    }

    /// What keeps the node's name.
    pub(crate) fn name_file(&self) -> PathBuf {
        self.path.join(NAME)
    }

    /// The name that is kept here, if there is one.
    ///
    /// # Errors
    /// [`FolderError`]
    pub(crate) fn kept_name(&self) -> Result<Option<NodeId>, FolderError> {
        let path = self.name_file();
        match read_file(&path) {
            Ok(text) => {
                let name = text.trim_end().parse();
                name.map(Some).map_err(|_| FolderError::NoName(path))
            }
            Err(FileError::Missing(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps it.
    ///
    /// # Errors
    /// [`FolderError`]
    pub(crate) fn keep_name(&self, name: &NodeId) -> Result<(), FolderError> {
        Ok(replace_file(&self.name_file(), &format!("{name}\n"))?)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what an earlier process had not finished.
    pub(crate) fn remove_unfinished(&self, disk: &dyn Disk) {
        let names = disk.names(&self.path).unwrap_or_default();
        for name in names.iter().filter(|name| name.starts_with(UNFINISHED)) {
            let path = self.path.join(name);
            if let Err(error) = disk.remove(&path) {
                warn!(path = %path.display(), %error, "cannot be removed; it is of no use");
            }
        }
    }
}

/// A name in `folder` for the snapshot that the follower of this number gets: like what is not finished, it goes with the next start.
pub(crate) fn spool_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!(
        "{UNFINISHED}{}.sync-{number}.rdb",
        std::process::id()
    ))
}

/// A name beside `path` for a file that is being written; the process has one at a time of each `kind`.
pub(super) fn unfinished(path: &Path, kind: &str) -> PathBuf {
    path.with_file_name(format!("{UNFINISHED}{}.{kind}", std::process::id()))
}
