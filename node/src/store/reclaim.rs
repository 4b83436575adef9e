//! Gives large memory back beside the keyspace's thread: big values, cleared databases.
//! The side thread gets things that nobody refers to any more; it never sees the keyspace.

use super::database::Database;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

/// Smaller buffers are freed at once: that takes some microseconds, a message not much less.
const LARGE_BYTES: usize = 256 * 1024;

/// Databases with fewer keys are freed at once.
const LARGE_KEYS: usize = 1000;

/// What may wait for the side thread. When it is full, memory is freed where one stands: a pause, but nothing piles up.
const QUEUE: usize = 256;

enum Garbage {
    Bytes(Vec<u8>),
    Database(Box<Database>),
}

/// The way to the side thread, which starts when there is something for it.
#[derive(Debug, Default)]
pub(super) struct Reclaimer {
    queue: Option<SyncSender<Garbage>>,
}

impl Reclaimer {
    /// Frees a buffer.
    pub(super) fn drop_bytes(&mut self, bytes: Vec<u8>) {
        if bytes.capacity() >= LARGE_BYTES {
            self.send(Garbage::Bytes(bytes));
        }
    }

    /// Frees a database.
    pub(super) fn drop_database(&mut self, database: Database) {
        if database.len() >= LARGE_KEYS || database.outside_bytes() >= LARGE_BYTES as u64 {
            self.send(Garbage::Database(Box::new(database)));
        }
    }

    fn send(&mut self, garbage: Garbage) {
        if self.queue.is_none() {
            self.queue = start();
        }
        let Some(queue) = &self.queue else {
            return;
        };
        match queue.try_send(garbage) {
            Ok(()) => {}
            Err(TrySendError::Full(garbage) | TrySendError::Disconnected(garbage)) => drop(garbage),
        }
    }
}

/// The side thread ends when the store, which holds the only sender, does. `None` when the system gives no thread.
fn start() -> Option<SyncSender<Garbage>> {
    let (sender, receiver) = sync_channel::<Garbage>(QUEUE);
    std::thread::Builder::new()
        .name("reclaim".into())
        .spawn(move || {
            for garbage in receiver {
                match garbage {
                    Garbage::Bytes(bytes) => drop(bytes),
                    Garbage::Database(database) => drop(database),
                }
            }
        })
        .ok()
        .map(|_| sender)
}
