//! Keys that share one slot although their names do not say so, because an application uses them together: what a topology says of it, and key → slot by that.
//! Pure. Invariant: a key has one slot, and all who know the topology know it.

use crate::slot::SlotId;
use std::fmt;

/// Most rules of a topology: each key is held against those that could mean it.
pub const MAX_COLOCATIONS: usize = 256;

/// Most patterns of one rule.
pub const MAX_PATTERNS: usize = 64;

/// Longest name or pattern, bytes.
pub const LONGEST: usize = 256;

/// Keys that share the slot of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Colocation {
    /// The slot is that of this name, as if it were a key.
    pub name: String,
    /// Which keys: those that begin with one of these.
    pub keys: Vec<KeyPrefix>,
}

/// A pattern of the form `text*`: the keys that begin with a text, which may be empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPrefix(String);

/// Why a text is no pattern of colocated keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is no pattern of keys that share a slot; it is a text with one star, at its end, such as \"bull:*\", of {LONGEST} bytes at most"
)]
pub struct PrefixError(String);

impl KeyPrefix {
    /// What the keys begin with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyPrefix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}*", self.0)
    }
}

impl std::str::FromStr for KeyPrefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let prefix = text
            .strip_suffix('*')
            .filter(|prefix| text.len() <= LONGEST && !prefix.contains(['*', '?', '[', ']', '\\']));
        let prefix = prefix.ok_or_else(|| PrefixError(text.to_owned()))?;
        Ok(Self(prefix.to_owned()))
    }
}

/// What rules say of all keys of one beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfAll {
    /// Nothing: their hash tags decide.
    Nothing,
    /// They share this slot.
    Slot(SlotId),
    /// A rule means some of them.
    Several,
}

/// Key → slot, as a topology says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Prefixes with their slots, the longest first.
    by_prefix: Vec<(Box<[u8]>, SlotId)>,
    /// First bytes of prefixes, so that most keys are looked at once; all where a prefix is empty.
    first_bytes: FirstBytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct FirstBytes([bool; 256]);

impl Default for FirstBytes {
    fn default() -> Self {
        Self([false; 256])
    }
}

impl Placement {
    /// By these rules.
    #[must_use]
    pub fn new(colocations: &[Colocation]) -> Self {
        let mut by_prefix = Vec::new();
        let mut first_bytes = FirstBytes::default();
        for Colocation { name, keys } in colocations {
            let slot = SlotId::of_key(name.as_bytes());
            for key in keys {
                let prefix = key.0.as_bytes();
                match prefix.first() {
                    Some(byte) => first_bytes.0[usize::from(*byte)] = true,
                    None => first_bytes.0 = [true; 256],
                }
                by_prefix.push((prefix.into(), slot));
            }
        }
        by_prefix.sort_by_key(|(prefix, _): &(Box<[u8]>, _)| std::cmp::Reverse(prefix.len()));
        Self {
            by_prefix,
            first_bytes,
        }
    }

    /// The slot of a key: that of the longest prefix that means it; else [`SlotId::of_key`].
    #[inline]
    #[must_use]
    pub fn slot_of(&self, key: &[u8]) -> SlotId {
        if self.by_prefix.is_empty() {
            return SlotId::of_key(key);
        }
        self.colocated(key).unwrap_or_else(|| SlotId::of_key(key))
    }

    /// What rules say of all keys that begin with this.
    #[must_use]
    pub fn of_all(&self, beginning: &[u8]) -> OfAll {
        let longer = || {
            let mut rules = self.by_prefix.iter();
            rules
                .find(|(prefix, _)| prefix.len() > beginning.len() && prefix.starts_with(beginning))
        };
        match (self.colocated(beginning), longer()) {
            (None, None) => OfAll::Nothing,
            (Some(slot), None) => OfAll::Slot(slot),
            (_, Some(_)) => OfAll::Several,
        }
    }

    /// The slot that a rule gives to this key.
    #[must_use]
    pub fn colocated(&self, key: &[u8]) -> Option<SlotId> {
        let may_be = match key.first() {
            Some(byte) => self.first_bytes.0[usize::from(*byte)],
            None => true,
        };
        let mut rules = self.by_prefix.iter().filter(|_| may_be);
        rules
            .find(|(prefix, _)| key.starts_with(prefix))
            .map(|(_, slot)| *slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colocation(name: &str, keys: &[&str]) -> Colocation {
        Colocation {
            name: name.to_owned(),
            keys: keys.iter().map(|key| key.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn the_longest_prefix_decides_and_then_the_key_itself() {
        let placement = Placement::new(&[
            colocation("bull", &["bull:*"]),
            colocation("mail", &["bull:mail:*", "unacked*"]),
        ]);
        let of = |key: &str| placement.slot_of(key.as_bytes());
        let plain = |key: &str| SlotId::of_key(key.as_bytes());
        assert_eq!(of("bull:a"), plain("bull"));
        assert_eq!(
            of("bull:{x}a"),
            plain("bull"),
            "a hash tag says nothing then"
        );
        assert_eq!(of("bull:mail:1"), plain("mail"));
        assert_eq!(of("unacked_mutex"), plain("mail"));
        assert_eq!(of("bull"), plain("bull"));
        assert_eq!(of("other{x}"), plain("x"));
        assert_eq!(of(""), plain(""));
        let all = Placement::new(&[colocation("all", &["*"])]);
        for key in ["", "a", "{x}y"] {
            assert_eq!(all.slot_of(key.as_bytes()), plain("all"));
        }
        assert_eq!(placement.of_all(b"bull:mail:"), OfAll::Slot(plain("mail")));
        assert_eq!(placement.of_all(b"bull:"), OfAll::Several);
        assert_eq!(placement.of_all(b"b"), OfAll::Several);
        assert_eq!(placement.of_all(b"other"), OfAll::Nothing);
        assert_eq!(Placement::default().slot_of(b"{x}y"), plain("x"));
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        for text in ["", "bull:", "*a", "a*b*", "a?*", "[a]*", "a\\*"] {
            let refused = text.parse::<KeyPrefix>().unwrap_err().to_string();
            assert!(refused.contains("no pattern of keys"), "{refused}");
        }
        assert_eq!("*".parse::<KeyPrefix>().unwrap().to_string(), "*");
        assert!(
            format!("{}*", "x".repeat(LONGEST))
                .parse::<KeyPrefix>()
                .is_err()
        );
    }
}
