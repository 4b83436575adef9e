//! The name of a key, or what keys begin with, as it is kept: of a long one the beginning, but told apart from others by all of it.
//! Pure. Bound: [`MOST_KEPT`] bytes of each.

use std::fmt::Write as _;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash as _, Hasher};
use std::sync::Arc;

/// Bytes that are kept of a name.
pub(crate) const MOST_KEPT: usize = 128;

/// A name as it passes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'a> {
    /// The same in all threads, which put together what they have seen. Names that share one, 64 bits, are taken for one.
    hash: u64,
    text: &'a [u8],
    database: u32,
}

/// A name that is kept.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    hash: u64,
    kept: Arc<[u8]>,
    length: usize,
    database: u32,
}

/// For maps by [`Named::hash`]: it is not hashed again.
pub(crate) type HashedAlready = BuildHasherDefault<AsItIs>;

/// A number as its own hash.
#[derive(Debug, Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl<'a> Named<'a> {
    /// A name in a database.
    pub(crate) fn new(text: &'a [u8], database: u32) -> Self {
        let mut hasher = DefaultHasher::new();
        (database, text).hash(&mut hasher);
        Self {
            hash: hasher.finish(),
            text,
            database,
        }
    }

    /// By which it is told apart.
    pub(crate) fn hash(self) -> u64 {
        self.hash
    }

    /// Keeps it.
    pub(crate) fn keep(self) -> Name {
        Name {
            hash: self.hash,
            kept: self.text[..self.text.len().min(MOST_KEPT)].into(),
            length: self.text.len(),
            database: self.database,
        }
    }
}

impl Name {
    /// By which it is told apart.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// What is kept of it.
    pub(crate) fn text(&self) -> &[u8] {
        &self.kept
    }

    /// Bytes of all of it.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// In which database it is.
    pub(crate) fn database(&self) -> u32 {
        self.database
    }

    /// What is kept of it as people and machines may be shown it: in one line, and none like another. What is no letter, and a backslash, is written as Redis' clients do.
    pub(crate) fn shown(&self) -> String {
        let mut shown = String::new();
        for chunk in self.kept.utf8_chunks() {
            for letter in chunk.valid().chars() {
                match letter {
                    '\\' | '\n' | '\r' | '\t' => shown.extend(letter.escape_default()),
                    letter if letter.is_control() || is_unseen(letter) => {
                        let mut bytes = [0; 4];
                        escape(&mut shown, letter.encode_utf8(&mut bytes).as_bytes());
                    }
                    letter => shown.push(letter),
                }
            }
            escape(&mut shown, chunk.invalid());
        }
        shown
    }
}

/// What ends a line, or turns its direction, for some who show it.
fn is_unseen(letter: char) -> bool {
    matches!(letter, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[expect(
    clippy::let_underscore_must_use,
    reason = "writing to memory cannot fail"
)]
fn escape(shown: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(shown, "\\x{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown_in_one_line_and_none_like_another() {
        let check = |text: &[u8], expected: &str| {
            assert_eq!(Named::new(text, 0).keep().shown(), expected);
        };
        check(b"user:1", "user:1");
        check("größe ok".as_bytes(), "größe ok");
        check(b"a\r\nb\tc\0", "a\\r\\nb\\tc\\x00");
        check(b"a\\x00", "a\\\\x00");
        check(b"\xff:1", "\\xff:1");
        check("\u{202e}x".as_bytes(), "\\xe2\\x80\\xaex");
        check(b"", "");
    }

    #[test]
    fn a_long_name_is_cut_and_still_told_apart() {
        let long = |end: u8| [vec![b'x'; 500], vec![end]].concat();
        let (one, other) = (long(b'1'), long(b'2'));
        let (one, other) = (Named::new(&one, 0), Named::new(&other, 0));
        assert_ne!(one.hash(), other.hash());
        let kept = one.keep();
        assert_eq!((kept.text().len(), kept.length()), (MOST_KEPT, 501));
        assert_eq!(kept.text(), other.keep().text());
        assert_ne!(Named::new(b"a", 0).hash(), Named::new(b"a", 1).hash());
    }
}
