//! Texts of an entry, one behind the other.
//! Pure. Invariant: equal texts are equal bytes, so whole rows of them are compared at once.
//!
//! ```text
//! code 1 | bytes                      as elements of collections: integers in few bytes, strings
//! LONG 1 | length 4 | bytes           longer strings
//! ```

use crate::store::StringRef;
use crate::store::value::block::u32_at;
use crate::store::value::codes::{Encoded, Stored, code_len};

/// The code of a string whose length follows.
const LONG: u8 = 255;

/// Code and length.
const LONG_HEAD: usize = 5;

/// Appends a text.
pub(super) fn push(out: &mut Vec<u8>, text: &[u8]) {
    if let Some(encoded) = Encoded::inline(text) {
        out.push(encoded.code);
        out.extend_from_slice(encoded.bytes());
        return;
    }
    // No argument of a command is longer than 32 bits say.
    let len = u32::try_from(text.len()).unwrap_or(u32::MAX);
    out.push(LONG);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(text);
}

/// Where the text at `at` ends.
#[inline]
fn end(bytes: &[u8], at: usize) -> usize {
    match bytes[at] {
        LONG => at + LONG_HEAD + u32_at(bytes, at + 1) as usize,
        code => at + 1 + code_len(code),
    }
}

/// Where `count` texts end that begin at `at`.
#[inline]
pub(super) fn skip(bytes: &[u8], at: usize, count: u64) -> usize {
    (0..count).fold(at, |at, _| end(bytes, at))
}

/// Texts in their order.
#[derive(Clone, Copy, Debug)]
pub struct EntryTexts<'a> {
    rest: &'a [u8],
}

impl<'a> EntryTexts<'a> {
    pub(super) fn of(rest: &'a [u8]) -> Self {
        Self { rest }
    }
}

impl<'a> Iterator for EntryTexts<'a> {
    type Item = StringRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<StringRef<'a>> {
        let code = *self.rest.first()?;
        let (text, rest) = self.rest.split_at(end(self.rest, 0));
        self.rest = rest;
        Some(match code {
            LONG => StringRef::Bytes(&text[LONG_HEAD..]),
            code => {
                let bytes = &text[1..];
                Stored { code, bytes }.here()
            }
        })
    }
}
