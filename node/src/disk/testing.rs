//! A disk that breaks at a chosen moment.

use super::{Disk, DiskFile, SystemDisk};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The system's disk until so much has been asked of it; from then on nothing is done, as if the machine were off.
#[derive(Clone, Debug)]
pub(crate) struct BreakingDisk {
    left: Arc<AtomicU64>,
    /// There is no room for another byte, and all else works.
    is_full: Arc<AtomicBool>,
}

impl BreakingDisk {
    /// Does so many things, a thousand bytes of a write being one.
    pub(crate) fn after(things: u64) -> Self {
        Self {
            left: Arc::new(AtomicU64::new(things)),
            is_full: Arc::default(),
        }
    }

    /// There is no room any more, or there is again.
    pub(crate) fn fill(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::Relaxed);
    }

    /// Breaks after so many things more.
    pub(crate) fn break_after(&self, things: u64) {
        self.left.store(things, Ordering::Relaxed);
    }

    /// Works again.
    pub(crate) fn mend(&self) {
        self.left.store(u64::MAX, Ordering::Relaxed);
    }

    fn spend(&self) -> io::Result<()> {
        let spent = |left: u64| left.checked_sub(1);
        let order = Ordering::Relaxed;
        match self.left.fetch_update(order, order, spent) {
            Ok(_) => Ok(()),
            Err(_) => Err(io::Error::other("broken")),
        }
    }
}

impl Disk for BreakingDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.spend()?;
        let file = SystemDisk.create(path)?;
        let disk = self.clone();
        Ok(Box::new(BreakingFile { file, disk }))
    }

    fn reopen(&self, path: &Path, len: u64) -> io::Result<Box<dyn DiskFile>> {
        self.spend()?;
        let file = SystemDisk.reopen(path, len)?;
        let disk = self.clone();
        Ok(Box::new(BreakingFile { file, disk }))
    }

    fn open(&self, path: &Path) -> io::Result<(Box<dyn io::Read + Send>, u64)> {
        SystemDisk.open(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.spend()?;
        SystemDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.spend()?;
        SystemDisk.remove(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.spend()?;
        SystemDisk.sync_folder(folder)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        SystemDisk.names(folder)
    }
}

#[derive(Debug)]
struct BreakingFile {
    file: Box<dyn DiskFile>,
    disk: BreakingDisk,
}

impl DiskFile for BreakingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for some in bytes.chunks(1_000) {
            let is_full = self.disk.is_full.load(Ordering::Relaxed);
            let spent = match is_full {
                true => Err(io::ErrorKind::StorageFull.into()),
                false => self.disk.spend(),
            };
            if let Err(broken) = spent {
                // Torn: a part of it is there.
                self.file.write(&some[..some.len() / 2])?;
                return Err(broken);
            }
            self.file.write(some)?;
        }
        Ok(())
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.disk.spend()?;
        self.file.cut(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.spend()?;
        self.file.sync()
    }
}
