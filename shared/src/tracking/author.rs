//! On whose behalf a key was changed: a client of a proxy, which asks a node for many.
//! Pure. Invariant: two clients that live at the same time have different names, whichever proxies they are at: half of a name is drawn by its proxy.

use std::fmt;

/// Digits of a name.
const DIGITS: usize = 32;

/// A client of a proxy, as nodes are told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Author(u128);

impl Author {
    /// The client of this number at a proxy that has drawn this.
    #[must_use]
    pub fn new(drawn: u64, client: u64) -> Self {
        Self(u128::from(drawn) << u64::BITS | u128::from(client))
    }

    /// Reads what [`fmt::Display`] writes.
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Self> {
        let is_name = text.len() == DIGITS && text.iter().all(u8::is_ascii_hexdigit);
        let digits = std::str::from_utf8(text).ok().filter(|_| is_name)?;
        u128::from_str_radix(digits, 16).ok().map(Self)
    }
}

impl fmt::Display for Author {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:032x}", self.0)
    }
}

/// By whose command a key was changed, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By<K> {
    /// Which client asked.
    pub client: Option<K>,
    /// On whose behalf.
    pub author: Option<Author>,
}

impl<K> By<K> {
    /// This client's own.
    #[must_use]
    pub fn client(client: Option<K>) -> Self {
        Self {
            client,
            author: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back_from_its_digits() {
        let author = Author::new(0xAB, 7);
        let text = author.to_string();
        assert_eq!(text, "00000000000000ab0000000000000007");
        assert_eq!(Author::read(text.as_bytes()), Some(author));
        for wrong in [
            "",
            "7",
            &text[1..],
            &text.replace('b', "x"),
            &"+".repeat(32),
        ] {
            assert_eq!(Author::read(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
