//! [`SnapshotFile`]: pieces of a snapshot on their way to disk, on a thread of their own.
//! Invariants: the file has its name only when all of it is on disk; what was begun and not finished is removed.

use super::folder::unfinished;
use super::{Disk, DiskError, DiskFile};
use crate::rdb::{crc64, write_sum};
use crate::snapshot::Piece;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc::Receiver;
use tracing::warn;

/// So much of a large value is kept in memory until it is joined; more goes to a file of its own.
const ASIDE_BYTES: usize = 4 * 1024 * 1024;
/// Bytes that are copied at once.
const COPIED_BYTES: usize = 256 * 1024;

/// What is to be done next.
#[derive(Debug)]
pub(crate) enum Order {
    /// A piece is to be written.
    Write(Piece),
    /// That was the last: the file is to get its name.
    Finish,
}

/// A file that has its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) bytes: u64,
}

/// A snapshot that is being written.
#[derive(Debug)]
pub(crate) struct SnapshotFile {
    disk: Arc<dyn Disk>,
    target: PathBuf,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    bytes: u64,
    sum: u64,
    aside: Vec<u8>,
    aside_path: PathBuf,
    aside_file: Option<Box<dyn DiskFile>>,
}

impl SnapshotFile {
    /// Begins one that is to be called `target`.
    pub(crate) fn create(disk: Arc<dyn Disk>, target: &Path) -> Result<Self, DiskError> {
        let path = unfinished(target, "rdb");
        let file = disk.create(&path);
        let file = file.map_err(DiskError::at("be written", &path))?;
        Ok(Self {
            aside_path: unfinished(target, "aside"),
            target: target.to_path_buf(),
            disk,
            path,
            file,
            bytes: 0,
            sum: 0,
            aside: Vec::new(),
            aside_file: None,
        })
    }

    /// Carries out orders up to the last; `None` when there was no last one: whoever gave them has given up.
    pub(crate) fn write_all(
        mut self,
        mut orders: Receiver<Order>,
    ) -> Result<Option<Written>, DiskError> {
        let result = loop {
            match orders.blocking_recv() {
                Some(Order::Write(piece)) => {
                    if let Err(error) = self.write(&piece) {
                        break Err(error);
                    }
                }
                Some(Order::Finish) => break self.finish().map(Some),
                None => break Ok(None),
            }
        };
        if !matches!(result, Ok(Some(_))) {
            self.remove(&self.path);
        }
        if self.aside_file.is_some() {
            self.remove(&self.aside_path);
        }
        result
    }

    fn write(&mut self, piece: &Piece) -> Result<(), DiskError> {
        match piece {
            Piece::File(bytes) => self.append(bytes),
            Piece::Aside(bytes) => {
                self.aside.extend_from_slice(bytes);
                if self.aside.len() > ASIDE_BYTES {
                    self.put_aside()?;
                }
                Ok(())
            }
            Piece::Join => self.join(),
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.sum = crc64(self.sum, bytes);
        self.bytes += bytes.len() as u64;
        let written = self.file.write(bytes);
        written.map_err(DiskError::at("be written", &self.path))
    }

    fn put_aside(&mut self) -> Result<(), DiskError> {
        let path = &self.aside_path;
        let file = match &mut self.aside_file {
            Some(file) => file,
            None => {
                let file = self.disk.create(path);
                let file = file.map_err(DiskError::at("be written", path))?;
                self.aside_file.insert(file)
            }
        };
        let written = file.write(&self.aside);
        written.map_err(DiskError::at("be written", path))?;
        self.aside.clear();
        Ok(())
    }

    /// What is aside goes behind what is written.
    fn join(&mut self) -> Result<(), DiskError> {
        if self.aside_file.take().is_some() {
            let path = self.aside_path.clone();
            let opened = self.disk.open(&path);
            let (mut file, _) = opened.map_err(DiskError::at("be read", &path))?;
            let mut buffer = vec![0; COPIED_BYTES];
            loop {
                let read = file.read(&mut buffer);
                let read = read.map_err(DiskError::at("be read", &path))?;
                if read == 0 {
                    break;
                }
                self.append(&buffer[..read])?;
            }
            self.remove(&path);
        }
        let aside = std::mem::take(&mut self.aside);
        self.append(&aside)
    }

    fn finish(&mut self) -> Result<Written, DiskError> {
        let mut sum = Vec::new();
        write_sum(&mut sum, self.sum);
        self.append(&sum)?;
        let synced = self.file.sync();
        synced.map_err(DiskError::at("be brought to disk", &self.path))?;
        let renamed = self.disk.rename(&self.path, &self.target);
        renamed.map_err(DiskError::at("get its name", &self.target))?;
        let folder = self.target.parent().unwrap_or(Path::new("."));
        let synced = self.disk.sync_folder(folder);
        synced.map_err(DiskError::at("be brought to disk", folder))?;
        Ok(Written { bytes: self.bytes })
    }

    fn remove(&self, path: &Path) {
        if let Err(error) = self.disk.remove(path) {
            warn!(path = %path.display(), %error, "cannot be removed; it is of no use");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Order, SnapshotFile};
    use crate::disk::Disk;
    use crate::disk::testing::BreakingDisk;
    use crate::rdb::crc64;
    use crate::snapshot::Piece;
    use std::fs;
    use std::sync::Arc;
    use tokio::sync::mpsc::channel;

    fn pieces() -> Vec<Piece> {
        vec![
            Piece::File(vec![1; 3_000]),
            Piece::Aside(vec![2; 5_000_000]),
            Piece::File(vec![3; 2_000]),
            Piece::Aside(vec![4; 10]),
            Piece::Join,
            Piece::File(vec![5; 100]),
        ]
    }

    fn whole() -> Vec<u8> {
        let parts: [&[u8]; 5] = [
            &[1; 3_000],
            &[3; 2_000],
            &vec![2; 5_000_000],
            &[4; 10],
            &[5; 100],
        ];
        let mut whole = parts.concat();
        let sum = crc64(0, &whole);
        whole.extend_from_slice(&sum.to_le_bytes());
        whole
    }

    #[test]
    fn whenever_the_machine_stops_the_old_file_or_the_new_one_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("dump.rdb");
        let mut finished = 0;
        // All of it takes some 20,000 things; most of them are parts of one long write.
        for things in (0..40)
            .chain((40..20_050).step_by(499))
            .chain(15_010..15_030)
        {
            fs::write(&target, "old").expect("written");
            let disk: Arc<dyn Disk> = Arc::new(BreakingDisk::after(things));
            let (sender, orders) = channel(16);
            for piece in pieces() {
                sender.try_send(Order::Write(piece)).expect("room");
            }
            sender.try_send(Order::Finish).expect("room");
            let written =
                SnapshotFile::create(disk, &target).and_then(|file| file.write_all(orders));
            let found = fs::read(&target).expect("there");
            match written {
                Ok(_) => {
                    assert_eq!(found, whole());
                    finished += 1;
                }
                Err(_) => assert!(found == b"old" || found == whole(), "{things}"),
            }
        }
        assert!(finished > 0);
    }

    #[test]
    fn who_gives_up_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("dump.rdb");
        fs::write(&target, "old").expect("written");
        let disk: Arc<dyn Disk> = Arc::new(crate::disk::SystemDisk);
        let (sender, orders) = channel(16);
        for piece in pieces().into_iter().take(2) {
            sender.try_send(Order::Write(piece)).expect("room");
        }
        drop(sender);
        let file = SnapshotFile::create(disk, &target).expect("begun");
        assert!(file.write_all(orders).expect("nothing failed").is_none());
        assert_eq!(fs::read(&target).expect("there"), b"old");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }
}
