//! What a command changed, as deterministic commands: not what was asked (`EXPIRE` → `PEXPIREAT`, `INCRBYFLOAT` → `SET`).
//! Pure. Invariant: replaying the effects of a history on an empty store gives the same keyspace.

use crate::store::{DbIndex, Store};
use shared::command::CommandId;
use shared::resp::Args;
use std::io::Write;
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

    /// The latest effect changed so many keys, and not one: changes are counted as Redis does.
    pub fn latest_changed(&mut self, keys: usize) {
        self.changes = self.changes - 1 + keys as u64;
    }

    /// What follows, until [`Self::end_unit`], is one: whoever replays it shows all of it at once. Other clients' effects in between belong to it, for
    /// order is kept; a reply that waits for one of them to be safe waits for the end.
    pub fn begin_unit(&mut self) {
        if self.recording {
            write_command(&mut self.bytes, &mut [word(CommandId::Multi)].into_iter());
        }
    }

    /// The end of what [`Self::begin_unit`] began.
    pub fn end_unit(&mut self) {
        if self.recording {
            write_command(&mut self.bytes, &mut [word(CommandId::Exec)].into_iter());
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
        write_command(&mut self.bytes, words);
    }

    fn select(&mut self, db: DbIndex) {
        if self.selected == Some(db) {
            return;
        }
        self.selected = Some(db);
        let name = CommandId::Select.name().as_bytes();
        let number = db.0.to_string();
        let mut words = [name, number.as_bytes()].into_iter();
        write_command(&mut self.bytes, &mut words);
    }
}

fn word(command: CommandId) -> &'static [u8] {
    command.name().as_bytes()
}

fn write_command(out: &mut Vec<u8>, words: &mut dyn ExactSizeIterator<Item = &[u8]>) {
    write_head(out, b'*', words.len());
    for word in words {
        write_head(out, b'$', word.len());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

#[expect(
    clippy::let_underscore_must_use,
    reason = "writing to memory cannot fail"
)]
fn write_head(out: &mut Vec<u8>, kind: u8, count: usize) {
    out.push(kind);
    let _ = write!(out, "{count}\r\n");
}

#[cfg(test)]
mod tests;
