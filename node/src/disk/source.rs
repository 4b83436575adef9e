//! Reading a file beside the thread that serves.

use super::Disk;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc::{Receiver, channel};

/// Bytes of a chunk: some 50 µs from the system's cache.
const CHUNK_BYTES: usize = 256 * 1024;
/// Chunks that wait to be looked at.
const CHUNKS: usize = 4;

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
