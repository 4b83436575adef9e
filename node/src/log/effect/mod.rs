//! What a command changed, as deterministic commands: not what was asked (`EXPIRE` → `PEXPIREAT`, `INCRBYFLOAT` → `SET`).
//! Pure. Invariant: replaying the effects of a history on an empty store gives the same keyspace.

use crate::store::{DbIndex, Store};
use shared::command::CommandId;
use shared::resp::{Args, encode_request};
use std::ops::Range;

/// Collects the effects of one batch; reused, so that recording does not allocate.
#[derive(Debug, Default)]
pub struct Effects {
    changes: u64,
    recording: bool,
    bytes: Vec<u8>,
    /// The database of the last command in the log; nobody knows before the first.
    selected: Option<DbIndex>,
}

/// A place between two effects.
#[derive(Clone, Copy, Debug)]
pub struct EffectMark {
    length: usize,
    selected: Option<DbIndex>,
}

impl Effects {
    /// The command changed the keyspace, and running it again as it stands changes it in the same way.
    #[inline]
    pub fn verbatim(&mut self, db: DbIndex, args: Args<'_>) {
        self.changes += 1;
        if self.recording {
            self.append(db, &mut args.iter_from(0));
        }
    }

    /// The command changed the keyspace as the command `name` would with these of its arguments.
    pub fn with_part(&mut self, db: DbIndex, name: &[u8], args: Args<'_>, part: Range<usize>) {
        self.changes += 1;
        if self.recording {
            let word = |index| match index {
                0 => name,
                _ => args.at(part.start + index - 1),
            };
            self.append(db, &mut (0..part.len() + 1).map(word));
        }
    }

    /// The command changed the keyspace as `words` would.
    #[inline]
    pub fn rewritten(&mut self, db: DbIndex, words: &[&[u8]]) {
        self.changes += 1;
        if self.recording {
            self.append(db, &mut words.iter().copied());
        }
    }

    /// A key has gone: expired or evicted. Not one of the changes that clients asked for.
    pub fn deleted(&mut self, db: DbIndex, key: &[u8]) {
        if self.recording {
            let name = CommandId::Del.name().as_bytes();
            self.append(db, &mut [name, key].into_iter());
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

    /// Whether effects are kept.
    #[must_use]
    #[inline]
    pub fn is_recording(&self) -> bool {
        self.recording
    }

    /// What was recorded since the last call, as RESP commands (`SELECT` before the first of another database); leaves the buffer empty.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// The place behind the latest effect.
    #[must_use]
    #[inline]
    pub fn mark(&self) -> EffectMark {
        EffectMark {
            length: self.bytes.len(),
            selected: self.selected,
        }
    }

    /// Puts the deletion of keys that were found expired since `mark` there: a command that met an expired key has worked without it,
    /// so whoever replays must have lost it before.
    pub fn insert_expired(&mut self, mark: EffectMark, store: &mut Store) {
        let mut own = None;
        store.take_expired(&mut |db, key| {
            if own.is_none() {
                own = Some((self.bytes.split_off(mark.length), self.selected));
                self.selected = mark.selected;
            }
            self.deleted(db, key);
        });
        if let Some((bytes, selected)) = own {
            if let Some(db) = mark.selected
                && !bytes.is_empty()
            {
                self.select(db);
            }
            self.bytes.extend_from_slice(&bytes);
            if !bytes.is_empty() {
                self.selected = selected;
            }
        }
    }

    fn append(&mut self, db: DbIndex, words: &mut dyn ExactSizeIterator<Item = &[u8]>) {
        self.select(db);
        encode_request(&mut self.bytes, words);
    }

    fn select(&mut self, db: DbIndex) {
        if self.selected == Some(db) {
            return;
        }
        self.selected = Some(db);
        let name = CommandId::Select.name().as_bytes();
        let number = db.0.to_string();
        encode_request(&mut self.bytes, [name, number.as_bytes()]);
    }
}

#[cfg(test)]
mod tests;
