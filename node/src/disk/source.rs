//! Reading a file beside the thread that serves.

use super::Disk;
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc::{Receiver, channel};

/// Bytes of a chunk: some 50 µs from the system's cache.
const CHUNK_BYTES: usize = 256 * 1024;
/// Chunks that wait to be looked at.
const CHUNKS: usize = 4;

/// So many bytes of a file at most from a place in it on, read on a thread that may wait for the disk; none where the file ends there.
pub(crate) async fn read_part(path: PathBuf, at: u64, most: usize) -> io::Result<Vec<u8>> {
    let read = move || {
        let mut file = File::open(&path)?;
        file.seek(SeekFrom::Start(at))?;
        let mut part = Vec::new();
        file.take(most as u64).read_to_end(&mut part)?;
        Ok(part)
    };
    let read = tokio::task::spawn_blocking(read).await;
    read.map_err(io::Error::other)?
}

/// The bytes of a file as they are read, up to its end; nothing comes behind an error.
pub(crate) fn read_beside(
    disk: &Arc<dyn Disk>,
    path: &Path,
) -> io::Result<(Receiver<io::Result<Vec<u8>>>, u64)> {
    let (mut file, len) = disk.open(path)?;
    let (sender, receiver) = channel(CHUNKS);
    let read = move || {
        loop {
            let mut chunk = Vec::with_capacity(CHUNK_BYTES);
            let read = (&mut file).take(CHUNK_BYTES as u64).read_to_end(&mut chunk);
            let is_last = !matches!(read, Ok(1..));
            if matches!(read, Ok(0)) {
                return;
            }
            // Whoever does not listen any more wants no more.
            if sender.blocking_send(read.map(|_| chunk)).is_err() || is_last {
                return;
            }
        }
    };
    // Its end shows in the channel.
    drop(tokio::task::spawn_blocking(read));
    Ok((receiver, len))
}
