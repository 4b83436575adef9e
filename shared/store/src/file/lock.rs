//! A file that one process at a time holds (flock), or several share.
//! Creates the file; writes nothing into it. Never: waits for a lock with a thread.
//! Invariant: a lock ends with its process, however that ends, and it is on the file that stands at the path, not on one that was removed meanwhile.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::whole_ms;
use crate::error::StoreError;

/// Who waits looks this often.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough while a process that is being started has a copy of the open file.
        self.0.unlock().ok();
    }
}

impl Lock {
    /// Takes the lock if nobody has it.
    pub(crate) fn try_exclusive(path: &Path) -> Result<Option<Self>, StoreError> {
        let unusable = |source| StoreError::Unusable {
            path: path.to_path_buf(),
            source,
        };
        loop {
            let mut open = OpenOptions::new();
            let file = open.read(true).append(true).create(true).open(path);
            let file = file.map_err(unusable)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(source)) => return Err(unusable(source)),
            }
            let here = file.metadata().map_err(unusable)?.ino();
            // Whoever removes a file holds its lock, so what is still there stays. What is gone is made anew.
            if path.metadata().is_ok_and(|there| there.ino() == here) {
                return Ok(Some(Self(file)));
            }
        }
    }

    /// Takes the lock, and waits for it if need be.
    pub(crate) async fn wait_for(path: &Path, longest: Duration) -> Result<Self, StoreError> {
        let wait = async {
            loop {
                let own = path.to_path_buf();
                match spawn_blocking(move || Self::try_exclusive(&own)).await {
                    Ok(Ok(Some(lock))) => return Ok(lock),
                    Ok(Ok(None)) => tokio::time::sleep(LOOK_EVERY).await,
                    Ok(Err(error)) => return Err(error),
                    Err(_) => return Err(StoreError::Ending),
                }
            }
        };
        let locked = || StoreError::Locked {
            path: path.to_path_buf(),
            after_ms: whole_ms(longest),
        };
        tokio::time::timeout(longest, wait)
            .await
            .map_err(|_| locked())?
    }
}
