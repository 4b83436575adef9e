//! Files: what the node asks of the system about them ([`Disk`]), its folder ([`DataFolder`]), and the threads that write and read beside the one that serves.
//! Never: decides what is written. Invariants: a file that has its name is whole and on disk; what a crash left half written has a name of its own, and goes with the next start.

mod folder;
mod log_writer;
mod recording;
mod snapshot_file;
mod source;
mod system;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use folder::{DataFolder, spool_path};
pub use folder::{FolderError, SHARD_MARK};
pub(crate) use log_writer::{Begin, LogWriter, Syncing};
pub(crate) use recording::{Files, Recording, Rewrite, log_folder};
pub(crate) use snapshot_file::{Order, SnapshotFile, Written};
pub(crate) use source::{read_beside, read_part};
pub(crate) use system::SystemDisk;

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

/// What the node asks of the system, so that a test can stand between and let any of it fail.
pub(crate) trait Disk: Send + Sync + Debug {
    /// A new empty file; what was there under this name is gone.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// A file to be written on at its end, cut to so many bytes, and on disk as such.
    fn reopen(&self, path: &Path, len: u64) -> io::Result<Box<dyn DiskFile>>;

    /// A file to be read from its beginning, and how long it is.
    fn open(&self, path: &Path) -> io::Result<(Box<dyn io::Read + Send>, u64)>;

    /// Gives a file another name in the place of whatever had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes sure that the names in a folder are on disk.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Names of the files in a folder.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>>;
}

/// A file that is being written at its end.
pub(crate) trait DiskFile: Send + Debug {
    /// Appends all of these bytes; on `Err` some of them may be there.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Cuts it back to so many bytes.
    fn cut(&mut self, len: u64) -> io::Result<()>;

    /// Makes sure that what was written is on disk.
    fn sync(&mut self) -> io::Result<()>;
}

/// What could not be done with a file.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot {what}", path.display())]
pub(crate) struct DiskError {
    /// `be written`
    pub(crate) what: &'static str,
    /// Which.
    pub(crate) path: PathBuf,
    /// What the system says.
    pub(crate) source: io::Error,
}

impl DiskError {
    /// For `map_err`.
    pub(crate) fn at(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self { what, path, source }
    }
}
