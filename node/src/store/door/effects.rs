//! What changed, as deterministic commands: not what was asked (`EXPIRE` → `PEXPIREAT`, `INCRBYFLOAT` → `SET`).
//! Pure. Invariant: replaying the effects of a history on an empty store gives the same keyspace.

use super::word;
use crate::store::key::DbIndex;
use crate::store::pieces::{Pieces, SHARED_LEAST_BYTES, SharedBytes};
use shared::command::CommandId;
use shared::resp::{Args, encode_bulk, encode_bulk_head, encode_request, encode_request_head};
use std::sync::Arc;

/// Collects the effects of one batch; reused, so that recording does not allocate.
#[derive(Debug, Default)]
pub struct Effects {
    changes: u64,
    recording: bool,
    pieces: Pieces,
    /// Large words that lie here need not be copied.
    offered: Option<Arc<Vec<u8>>>,
    /// The database of the last command in the log; nobody knows before the first.
    selected: Option<DbIndex>,
    /// Units that began and have not ended.
    depth: usize,
    /// Where the outermost of them began and what is in it begins, as long as nothing was taken since.
    unit: Option<(usize, usize)>,
}

/// How the effects tell of a change that a value's face made.
#[derive(Clone, Copy, Debug)]
pub enum Wording<'a> {
    /// As the client's own command: running it again as it stands changes the keyspace in the same way.
    Verbatim(Args<'a>),
    /// As so many of its first words.
    Beginning(Args<'a>, usize),
    /// As these words.
    Words(&'a [&'a [u8]]),
    /// As these words, and then as all of these arguments.
    Led(&'a [&'a [u8]], Args<'a>),
    /// Not at all: the words that told another key's change tell this one as well.
    Told,
}

/// Words, and then others.
struct Led<'a, I> {
    words: std::slice::Iter<'a, &'a [u8]>,
    rest: I,
}

impl<'a, I: ExactSizeIterator<Item = &'a [u8]>> Iterator for Led<'a, I> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.words.next().copied().or_else(|| self.rest.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.words.len() + self.rest.len();
        (len, Some(len))
    }
}

impl<'a, I: ExactSizeIterator<Item = &'a [u8]>> ExactSizeIterator for Led<'a, I> {}

impl Effects {
    /// A change that was told as `wording`.
    pub(in crate::store) fn append_worded(&mut self, db: DbIndex, wording: Wording<'_>) {
        match wording {
            Wording::Verbatim(args) => self.append(db, &mut args.iter_from(0)),
            Wording::Beginning(args, count) => {
                self.append(db, &mut args.iter_from(0).take(count));
            }
            Wording::Words(words) => self.append_words(db, words),
            Wording::Led(words, args) => {
                let (words, rest) = (words.iter(), args.iter_from(0));
                self.append(db, &mut Led { words, rest });
            }
            Wording::Told => {}
        }
    }

    /// A change that `words` would make.
    pub(in crate::store) fn append_words(&mut self, db: DbIndex, words: &[&[u8]]) {
        self.append(db, &mut words.iter().copied());
    }

    /// What follows, until [`Self::end_unit`], is one: whoever replays it shows all of it at once. Other clients' effects in between belong to it, for
    /// order is kept; a reply that waits for one of them to be safe waits for the end. A unit within another is part of that one.
    pub(in crate::store) fn begin_unit(&mut self) {
        self.depth += 1;
        if self.recording && self.depth == 1 {
            let start = self.pieces.len();
            encode_request(self.pieces.last(), [word(CommandId::Multi)]);
            self.unit = Some((start, self.pieces.len()));
        }
    }

    /// The end of what [`Self::begin_unit`] began. Of a unit in which nothing changed nothing is left.
    pub(in crate::store) fn end_unit(&mut self) {
        self.depth -= 1;
        if !self.recording || self.depth > 0 {
            return;
        }
        match self.unit.take() {
            Some((start, first)) if first == self.pieces.len() => self.pieces.truncate(start),
            _ => encode_request(self.pieces.last(), [word(CommandId::Exec)]),
        }
    }

    /// Whether something that is one has begun and not ended.
    #[must_use]
    pub fn is_within_unit(&self) -> bool {
        self.depth > 0
    }

    /// How many of them, one within the other.
    #[must_use]
    pub fn units(&self) -> usize {
        self.depth
    }

    /// One more change that somebody asked for, recorded or not.
    #[inline]
    pub(super) fn count(&mut self, changes: u64) {
        self.changes += changes;
    }

    /// Changes since the start, recorded or not (`rdb_changes_since_last_save`).
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) fn start_recording(&mut self) {
        self.recording = true;
    }

    /// From now on effects are not kept, and those that were not taken are forgotten.
    pub(super) fn stop_recording(&mut self) {
        self.recording = false;
        self.pieces = Pieces::default();
        self.unit = None;
    }

    /// The database of the last command; `None` where what comes next says which it means.
    #[must_use]
    pub fn selected(&self) -> Option<DbIndex> {
        self.selected
    }

    /// What another server's log has said last: that goes on from there.
    pub(super) fn go_on_with(&mut self, selected: DbIndex) {
        self.selected = Some(selected);
    }

    /// What comes next is read by itself: it says again which database it means.
    pub(super) fn forget_selected(&mut self) {
        self.selected = None;
    }

    /// Whether effects are kept.
    #[must_use]
    #[inline]
    pub fn is_recording(&self) -> bool {
        self.recording
    }

    pub(super) fn take(&mut self) -> Pieces {
        self.unit = None;
        std::mem::take(&mut self.pieces)
    }

    /// See [`crate::store::Store::offer`].
    pub(super) fn offer(&mut self, buffer: &Arc<Vec<u8>>) {
        if self.recording {
            self.offered = Some(Arc::clone(buffer));
        }
    }

    /// Ends the offer.
    pub(super) fn withdraw(&mut self) {
        self.offered = None;
    }

    fn append(&mut self, db: DbIndex, words: &mut dyn ExactSizeIterator<Item = &[u8]>) {
        if self.recording {
            self.select(db);
            match self.offered {
                None => encode_request(self.pieces.last(), words),
                Some(_) => self.share(words),
            }
        }
    }

    /// The same where a large word may stay in the buffer that is offered.
    #[cold]
    fn share(&mut self, words: &mut dyn ExactSizeIterator<Item = &[u8]>) {
        encode_request_head(self.pieces.last(), words.len());
        for word in words {
            let offered = self.offered.as_ref();
            let offered = offered.filter(|_| word.len() >= SHARED_LEAST_BYTES);
            match offered.and_then(|buffer| SharedBytes::find(buffer, word)) {
                Some(bytes) => {
                    encode_bulk_head(self.pieces.last(), word.len());
                    self.pieces.share(bytes);
                    self.pieces.extend(b"\r\n");
                }
                None => encode_bulk(self.pieces.last(), word),
            }
        }
    }

    fn select(&mut self, db: DbIndex) {
        if self.selected == Some(db) {
            return;
        }
        self.selected = Some(db);
        let number = db.0.to_string();
        encode_request(
            self.pieces.last(),
            [word(CommandId::Select), number.as_bytes()],
        );
    }
}

#[cfg(test)]
mod tests {
    use super::Effects;
    use crate::store::DbIndex;
    use crate::store::pieces::{PieceRef, Pieces, SHARED_LEAST_BYTES};
    use std::sync::Arc;

    fn take(effects: &mut Effects) -> Vec<u8> {
        effects.take().into_bytes()
    }

    #[test]
    fn a_unit_is_bracketed_unless_nothing_happened_in_it() {
        let mut effects = Effects::default();
        effects.start_recording();
        effects.forget_selected();
        effects.go_on_with(DbIndex(0));
        effects.begin_unit();
        effects.begin_unit();
        effects.end_unit();
        effects.end_unit();
        assert_eq!(take(&mut effects), b"");
        effects.begin_unit();
        effects.append_words(DbIndex(0), &[b"a"]);
        effects.end_unit();
        let whole = "*1\r\n$5\r\nmulti\r\n*1\r\n$1\r\na\r\n*1\r\n$4\r\nexec\r\n";
        assert_eq!(take(&mut effects), whole.as_bytes());
        // What was taken in the midst of it is gone already, and has to be ended.
        effects.begin_unit();
        assert_eq!(take(&mut effects), b"*1\r\n$5\r\nmulti\r\n");
        effects.end_unit();
        assert_eq!(take(&mut effects), b"*1\r\n$4\r\nexec\r\n");
    }

    #[test]
    fn a_select_stands_before_the_first_command_of_another_database() {
        let mut effects = Effects::default();
        effects.append_words(DbIndex(0), &[b"a"]);
        assert_eq!(take(&mut effects).len(), 0);
        effects.start_recording();
        effects.append_words(DbIndex(3), &[b"a", b""]);
        effects.append_words(DbIndex(3), &[b"b"]);
        effects.append_words(DbIndex(0), &[b"c"]);
        let expected = "*2\r\n$6\r\nselect\r\n$1\r\n3\r\n*2\r\n$1\r\na\r\n$0\r\n\r\n*1\r\n$1\r\nb\r\n\
                        *2\r\n$6\r\nselect\r\n$1\r\n0\r\n*1\r\n$1\r\nc\r\n";
        assert_eq!(take(&mut effects), expected.as_bytes());
    }

    #[test]
    fn a_large_word_stays_in_the_buffer_that_was_offered() {
        let mut effects = Effects::default();
        effects.start_recording();
        effects.go_on_with(DbIndex(0));
        let buffer = Arc::new(vec![b'v'; SHARED_LEAST_BYTES + 9]);
        let (value, elsewhere) = (&buffer[9..], vec![b'w'; SHARED_LEAST_BYTES]);
        let words = [&b"set"[..], &buffer[..3], value, &elsewhere];
        let shared_by = |pieces: &Pieces| {
            let shared = pieces.iter().filter_map(|piece| match piece {
                PieceRef::Shared(bytes) => Some(bytes.as_ptr()),
                PieceRef::Own(_) => None,
            });
            shared.collect::<Vec<_>>()
        };
        effects.offer(&buffer);
        effects.append_words(DbIndex(0), &words);
        let pieces = effects.take();
        assert_eq!(shared_by(&pieces), [value.as_ptr()]);
        effects.withdraw();
        effects.append_words(DbIndex(0), &words);
        let copied = effects.take();
        assert!(shared_by(&copied).is_empty());
        assert_eq!(pieces.into_bytes(), copied.into_bytes());
        assert_eq!(Arc::strong_count(&buffer), 1, "all has been given back");
    }
}
