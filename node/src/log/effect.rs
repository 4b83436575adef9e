//! What a command changed, as deterministic commands: not what was asked (`EXPIRE` → `PEXPIREAT`, `INCRBYFLOAT` → `SET`).
//! Pure. Invariant: replaying the effects of a history on an empty store gives the same keyspace.

use crate::store::DbIndex;
use shared::resp::Args;

/// Collects the effects of one batch; reused, so that recording does not allocate.
#[derive(Debug, Default)]
pub struct Effects {
    changes: u64,
    recording: bool,
    bytes: Vec<u8>,
}

impl Effects {
    /// The command changed the keyspace, and running it again as it stands changes it in the same way.
    pub fn verbatim(&mut self, db: DbIndex, args: Args<'_>) {
        self.changes += 1;
        if self.recording {
            self.append(db, &mut args.iter_from(0));
        }
    }

    /// The command changed the keyspace as `words` would.
    pub fn rewritten(&mut self, db: DbIndex, words: &[&[u8]]) {
        self.changes += 1;
        if self.recording {
            self.append(db, &mut words.iter().copied());
        }
    }

    /// Changes since the start, recorded or not (`rdb_changes_since_last_save`).
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// From now on effects are kept as bytes for a log.
    pub fn start_recording(&mut self) {
        self.recording = true;
    }

    /// What was recorded since the last call, as RESP commands (`SELECT` before the first of another database); leaves the buffer empty.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    fn append(&mut self, _db: DbIndex, _words: &mut dyn ExactSizeIterator<Item = &[u8]>) {
        todo!("owned by the node shell")
    }
}
