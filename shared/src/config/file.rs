//! Small files: read whole with a bound, replaced so that a reader, or a crash, sees the old one or the new one and nothing between.
//! Never: waits for somebody at the other end of a pipe.

use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use nix::fcntl::OFlag;

/// Longest file that is read: a topology of the most shards and nodes takes a quarter of it.
pub const LONGEST_FILE_BYTES: u64 = 16 << 20;

/// Why a file could not be read or replaced.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there.
    #[error("{}: there is no such file", .0.display())]
    Missing(PathBuf),
    /// It is there, but cannot be read.
    #[error("{}: cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It is there, and no regular file: reading it might wait for ever.
    #[error("{}: is {what}, not a file", path.display())]
    NoFile {
        /// Its path.
        path: PathBuf,
        /// `a pipe`
        what: &'static str,
    },
    /// More than [`LONGEST_FILE_BYTES`].
    #[error("{}: is longer than 16 MiB, so it is not what was expected", .0.display())]
    TooLong(PathBuf),
    /// Bytes that are no text.
    #[error("{}: is not text (UTF-8)", .0.display())]
    NotText(PathBuf),
    /// It, or the temporary file beside it, cannot be written.
    #[error("{}: cannot be written", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// [`create_file`] found one already.
    #[error("{}: exists already; it was left as it is", .0.display())]
    Exists(PathBuf),
}

/// The whole text of a file.
///
/// # Errors
/// See [`FileError`].
pub fn read_file(path: &Path) -> Result<String, FileError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => FileError::Missing(path.to_path_buf()),
        _ => FileError::Unreadable {
            path: path.to_path_buf(),
            source,
        },
    };
    // Opening a pipe, too, would wait for whoever writes to it.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(path)
        .map_err(unreadable)?;
    let kind = file.metadata().map_err(unreadable)?.file_type();
    if !kind.is_file() {
        return Err(FileError::NoFile {
            path: path.to_path_buf(),
            what: name_of(kind),
        });
    }
    let mut bytes = Vec::new();
    file.take(LONGEST_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LONGEST_FILE_BYTES) {
        return Err(FileError::TooLong(path.to_path_buf()));
    }
    String::from_utf8(bytes).map_err(|_| FileError::NotText(path.to_path_buf()))
}

fn name_of(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else {
        "a device"
    }
}

/// Puts `text` in the place of whatever `path` holds: temporary file beside it, fsync, rename, fsync of the directory. A link stays a link, and
/// who may read the file may read the new one: it may hold a password.
///
/// # Errors
/// [`FileError::Unwritable`]; the old content is then still there.
pub fn replace_file(path: &Path, text: &str) -> Result<(), FileError> {
    // What is not there yet is nobody's link.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    in_one_step(&target, text, FOR_ALL, |temporary| {
        fs::rename(temporary, &target)
    })
}

/// As [`replace_file`]; where nothing was, for its owner's eyes alone.
///
/// # Errors
/// As there.
pub fn replace_private_file(path: &Path, text: &str) -> Result<(), FileError> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    in_one_step(&target, text, FOR_OWNER, |temporary| {
        fs::rename(temporary, &target)
    })
}

/// Writes `text` to `path`, where nothing may be yet.
///
/// # Errors
/// [`FileError::Exists`] or [`FileError::Unwritable`].
pub fn create_file(path: &Path, text: &str) -> Result<(), FileError> {
    in_one_step(path, text, FOR_ALL, |temporary| link(temporary, path))
}

/// As [`create_file`], for its owner's eyes alone.
///
/// # Errors
/// As there.
pub fn create_private_file(path: &Path, text: &str) -> Result<(), FileError> {
    in_one_step(path, text, FOR_OWNER, |temporary| link(temporary, path))
}

/// Who may read and write a new file; the process' mask takes from it.
const FOR_ALL: u32 = 0o666;
const FOR_OWNER: u32 = 0o600;

/// Unlike a rename, a link fails where something is already.
fn link(temporary: &Path, path: &Path) -> io::Result<()> {
    fs::hard_link(temporary, path)?;
    fs::remove_file(temporary)
}

fn in_one_step(
    path: &Path,
    text: &str,
    mode: u32,
    publish: impl Fn(&Path) -> io::Result<()>,
) -> Result<(), FileError> {
    let draft = Draft::write_as(path, text, mode)?;
    draft.publish_by(publish)
}

/// A text that is on disk beside the file whose place it is to take. Gone when it is dropped before that.
#[derive(Debug)]
pub struct Draft {
    target: PathBuf,
    temporary: PathBuf,
}

impl Draft {
    /// Writes what is to take the place of `path`, and waits until it is on disk.
    ///
    /// # Errors
    /// [`FileError::Unwritable`].
    pub fn write(path: &Path, text: &str) -> Result<Self, FileError> {
        // What is not there yet is nobody's link.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        Self::write_as(&target, text, FOR_ALL)
    }

    fn write_as(target: &Path, text: &str, mode: u32) -> Result<Self, FileError> {
        let draft = Self {
            target: target.to_path_buf(),
            temporary: beside(target),
        };
        let write = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(&draft.temporary)?;
            if let Ok(old) = fs::metadata(target) {
                file.set_permissions(old.permissions())?;
            }
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|source| draft.unwritable(source))?;
        Ok(draft)
    }

    /// Lets it take the file's place, in one step; [`Self::settle`] waits for the disk.
    ///
    /// # Errors
    /// [`FileError::Unwritable`]; the old content is then still there.
    pub fn take_place(&self) -> Result<(), FileError> {
        fs::rename(&self.temporary, &self.target).map_err(|source| self.unwritable(source))
    }

    /// Waits until what has taken the place is there after a power cut, too.
    ///
    /// # Errors
    /// [`FileError::Unwritable`].
    pub fn settle(self) -> Result<(), FileError> {
        let folder = File::open(directory(&self.target));
        let synced = folder.and_then(|folder| folder.sync_all());
        synced.map_err(|source| self.unwritable(source))
    }

    fn publish_by(self, publish: impl Fn(&Path) -> io::Result<()>) -> Result<(), FileError> {
        publish(&self.temporary).map_err(|source| self.unwritable(source))?;
        self.settle()
    }

    fn unwritable(&self, source: io::Error) -> FileError {
        let path = self.target.clone();
        if source.kind() == io::ErrorKind::AlreadyExists && path.exists() {
            return FileError::Exists(path);
        }
        FileError::Unwritable { path, source }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // It is gone when it has taken its place, or was never there.
        fs::remove_file(&self.temporary).ok();
    }
}

/// A name in the same directory that no other process uses, and no other thread of this one.
fn beside(path: &Path) -> PathBuf {
    static ATTEMPTS: AtomicU64 = AtomicU64::new(0);
    let attempt = ATTEMPTS.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.{attempt}.tmp", std::process::id()));
    path.with_file_name(name)
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("topology.toml");
        create_file(&path, "old").unwrap();
        assert_eq!(read_file(&path).unwrap(), "old");
        replace_file(&path, "new").unwrap();
        assert_eq!(read_file(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_draft_changes_nothing_until_it_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("topology.toml");
        create_file(&path, "old").unwrap();
        let count = || fs::read_dir(folder.path()).unwrap().count();
        drop(Draft::write(&path, "never").unwrap());
        assert_eq!((read_file(&path).unwrap().as_str(), count()), ("old", 1));
        let draft = Draft::write(&path, "new").unwrap();
        assert_eq!(read_file(&path).unwrap(), "old");
        draft.take_place().unwrap();
        draft.settle().unwrap();
        assert_eq!((read_file(&path).unwrap().as_str(), count()), ("new", 1));
    }

    #[test]
    fn a_replaced_file_stays_a_link_and_as_private_as_it_was() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("node.toml"), folder.path().join("link"));
        create_file(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&path, &link).unwrap();
        replace_file(&link, "new").unwrap();
        assert_eq!(read_file(&path).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_is_created_only_where_none_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("topology.toml");
        create_file(&path, "first").unwrap();
        assert!(matches!(
            create_file(&path, "second"),
            Err(FileError::Exists(_))
        ));
        assert_eq!(read_file(&path).unwrap(), "first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        use std::os::unix::fs::PermissionsExt as _;
        let secret = folder.path().join("secret");
        create_private_file(&secret, "x").unwrap();
        let mode = fs::metadata(&secret).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let other = folder.path().join("other");
        replace_private_file(&other, "x").unwrap();
        let mode = fs::metadata(&other).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        replace_private_file(&other, "y").unwrap();
        assert_eq!(read_file(&other).unwrap(), "y");
        fs::remove_file(&other).unwrap();
        let again = create_private_file(&secret, "y");
        assert!(matches!(again, Err(FileError::Exists(_))));
    }

    #[test]
    fn what_cannot_be_read_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(matches!(read_file(&path), Err(FileError::Missing(_))));
        fs::write(&path, [0xFF, 0xFE]).unwrap();
        assert!(matches!(read_file(&path), Err(FileError::NotText(_))));
        let file = File::create(&path).unwrap();
        file.set_len(LONGEST_FILE_BYTES + 1).unwrap();
        assert!(matches!(read_file(&path), Err(FileError::TooLong(_))));
        assert!(matches!(
            read_file(&path.join("below")),
            Err(FileError::Unreadable { .. })
        ));
        let nowhere = folder.path().join("missing").join("file");
        let unwritable = replace_file(&nowhere, "");
        assert!(matches!(unwritable, Err(FileError::Unwritable { .. })));
    }

    #[test]
    fn what_is_no_file_is_called_what_it_is_and_nobody_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for (path, what) in [
            (&*pipe, "a pipe"),
            (folder.path(), "a folder"),
            (Path::new("/dev/zero"), "a device"),
        ] {
            let error = read_file(path).unwrap_err().to_string();
            assert_eq!(error, format!("{}: is {what}, not a file", path.display()));
        }
    }
}
