//! A file that one process at a time holds (flock), or several share.
//! Creates the file, and writes into it who has it where others are to be told. Never: waits for a lock with a thread.
//! Invariant: a lock ends with its process, however that ends, and it is on the file that stands at the path, not on one that was removed meanwhile.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use shared::clock::Clock;
use shared::config::read_file;
use tokio::task::spawn_blocking;

use super::whole_ms;
use crate::error::{Holder, StoreError};

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
    /// Says in the file who has the lock, and since when, by the wall clock.
    pub(crate) fn sign(&self, now_ms: u64) {
        let line = format!("{} {now_ms}\n", std::process::id());
        // It is for people: who cannot write it holds the lock all the same.
        let signed = self
            .0
            .set_len(0)
            .and_then(|()| (&self.0).write_all(line.as_bytes()));
        signed.ok();
    }

    /// Who has signed the file last.
    fn holder(path: &Path, now_ms: u64) -> Option<Holder> {
        let text = read_file(path).ok()?;
        let (pid, since_ms) = text.trim_end().split_once(' ')?;
        let since_ms: u64 = since_ms.parse().ok()?;
        Some(Holder {
            pid: pid.parse().ok()?,
            for_ms: now_ms.saturating_sub(since_ms),
        })
    }

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
            holder: Self::holder(path, Clock::system().wall_ms()),
        };
        tokio::time::timeout(longest, wait)
            .await
            .map_err(|_| locked())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Long enough for a few looks.
    const SHORT: Duration = Duration::from_millis(30);

    #[tokio::test]
    async fn who_waits_in_vain_hears_who_has_the_lock_and_since_when() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.toml.lock");
        let lock = Lock::try_exclusive(&path).unwrap().unwrap();
        let refused = async || Lock::wait_for(&path, SHORT).await.unwrap_err().to_string();
        let unsigned = refused().await;
        assert!(
            unsigned.contains("is held by another process for more than 30 ms"),
            "{unsigned}"
        );
        lock.sign(Clock::system().wall_ms() - 7_000);
        let said = refused().await;
        let pid = std::process::id();
        assert!(
            said.contains(&format!("is held by process {pid}, since 7 s ago")),
            "{said}"
        );
        assert!(said.contains(&format!("kill -CONT {pid}")), "{said}");
        for rubbish in ["", "x", "1", "1 x", "-1 5", "99999999999 5", "1 5 6"] {
            std::fs::write(&path, rubbish).unwrap();
            let said = refused().await;
            assert!(said.contains("another process"), "{rubbish:?}: {said}");
        }
        drop(lock);
        let next = Lock::wait_for(&path, SHORT).await.unwrap();
        next.sign(Clock::system().wall_ms());
        let said = refused().await;
        assert!(said.contains("since 0 s ago"), "{said}");
    }
}
