//! [`Pattern`]: where SORT finds what belongs to an element: `*` in the name of a key stands for it, and `->` before the name of a hash's field.
//! Pure.

use crate::commands::double::until_nul;
use crate::store::{DbIndex, HashRef, Key, Kind, Store, StringRef};

/// Where something of an element is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern<'a> {
    /// `#`: it is the element.
    Element,
    /// Nowhere: the key would be the same for all.
    Nowhere,
    /// At a key.
    Elsewhere {
        /// The key's name before the element.
        before: &'a [u8],
        /// And behind it.
        behind: &'a [u8],
        /// The field of the hash at that key.
        field: Option<&'a [u8]>,
    },
}

impl<'a> Pattern<'a> {
    /// Reads a pattern, up to a NUL byte as Redis does; what is found is followed by all that follows.
    pub(super) fn parse(text: &'a [u8]) -> Self {
        let read = until_nul(text);
        if read == b"#" {
            return Self::Element;
        }
        let Some(star) = read.iter().position(|byte| *byte == b'*') else {
            return Self::Nowhere;
        };
        let (before, behind) = (&text[..star], &text[star + 1..]);
        let arrow = read[star + 1..].windows(2).position(|two| two == b"->");
        match arrow.filter(|arrow| star + 1 + arrow + 2 < read.len()) {
            Some(arrow) => Self::Elsewhere {
                before,
                behind: &behind[..arrow],
                field: Some(&behind[arrow + 2..]),
            },
            None => Self::Elsewhere {
                before,
                behind,
                field: None,
            },
        }
    }

    /// What is found for an element; `name` is room for a key's name.
    pub(super) fn find<'b>(
        self,
        store: &'b mut Store,
        db: DbIndex,
        element: &'b [u8],
        name: &mut Vec<u8>,
    ) -> Option<StringRef<'b>> {
        let (before, behind, field) = match self {
            Self::Element => return Some(StringRef::Bytes(element)),
            Self::Nowhere => return None,
            Self::Elsewhere {
                before,
                behind,
                field,
            } => (before, behind, field),
        };
        name.clear();
        for part in [before, element, behind] {
            name.extend_from_slice(part);
        }
        let hash = store.hash(name);
        let value = store.get(db, Key { bytes: name, hash })?;
        match field {
            Some(field) if value.kind() == Kind::Hash => HashRef::of(value).ok()?.get(field),
            Some(_) => None,
            None => StringRef::of(value).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn stars_and_arrows_are_found_where_redis_finds_them() {
        let elsewhere =
            |before: &'static str, behind: &'static str, field: &'static str| Pattern::Elsewhere {
                before: before.as_bytes(),
                behind: behind.as_bytes(),
                field: Some(field.as_bytes()).filter(|field| !field.is_empty()),
            };
        for (text, expected) in [
            ("#", Pattern::Element),
            ("#\0*", Pattern::Element),
            ("", Pattern::Nowhere),
            ("name", Pattern::Nowhere),
            ("a\0*", Pattern::Nowhere),
            ("w_*", elsewhere("w_", "", "")),
            ("*", elsewhere("", "", "")),
            ("a*b*", elsewhere("a", "b*", "")),
            ("h_*->field", elsewhere("h_", "", "field")),
            ("h_*x->a->b", elsewhere("h_", "x", "a->b")),
            ("h_*->", elsewhere("h_", "->", "")),
            ("->*x", elsewhere("->", "x", "")),
            ("h_*\0->f", elsewhere("h_", "\0->f", "")),
        ] {
            assert_eq!(Pattern::parse(text.as_bytes()), expected, "{text:?}");
        }
    }
}
