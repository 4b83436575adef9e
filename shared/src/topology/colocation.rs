//! Keys that share one slot although their names do not say so, because an application uses them together: by their names or by their database: what a topology says of it, and key → slot by that.
//! Pure. Invariant: a key has one slot, and all who know the topology know it.

use crate::slot::SlotId;
use std::fmt;

/// Most rules of a topology: each key is held against those that could mean it.
pub const MAX_COLOCATIONS: usize = 256;

/// Most patterns of one rule.
pub const MAX_PATTERNS: usize = 64;

/// The last database that a node may have.
pub const LAST_DATABASE: u8 = 254;

/// Longest name or pattern, bytes.
pub const LONGEST: usize = 256;

/// Keys that share the slot of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Colocation {
    /// The slot is that of this name, as if it were a key.
    pub name: String,
    /// Which keys: those that begin with one of these.
    pub keys: Vec<KeyPrefix>,
    /// And all keys of these databases, whatever they begin with.
    pub databases: Vec<u8>,
}

impl Colocation {
    /// The keys that it means, in words.
    #[must_use]
    pub fn meant(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(ToString::to_string).collect();
        let databases: Vec<String> = self.databases.iter().map(u8::to_string).collect();
        match (keys.is_empty(), databases.is_empty()) {
            (_, true) => format!("keys {}", keys.join(" ")),
            (true, false) => format!("all keys of database {}", databases.join(" ")),
            (false, false) => {
                let (keys, databases) = (keys.join(" "), databases.join(" "));
                format!("keys {keys}, and all of database {databases},")
            }
        }
    }
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
    /// Slots of databases that have one, by number; nothing where no rule means a database.
    by_database: Vec<Option<SlotId>>,
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
        let mut placement = Self::default();
        for rule in colocations {
            let slot = SlotId::of_key(rule.name.as_bytes());
            for database in &rule.databases {
                placement.add_database(*database, slot);
            }
            for key in &rule.keys {
                placement.add_prefix(key, slot);
            }
        }
        placement.order();
        placement
    }

    /// All keys of a database have this slot.
    pub(super) fn add_database(&mut self, database: u8, slot: SlotId) {
        let database = usize::from(database);
        let len = self.by_database.len().max(database + 1);
        self.by_database.resize(len, None);
        self.by_database[database] = Some(slot);
    }

    /// Keys that begin so have this slot; not before all are in order.
    pub(super) fn add_prefix(&mut self, key: &KeyPrefix, slot: SlotId) {
        let prefix = key.0.as_bytes();
        match prefix.first() {
            Some(byte) => self.first_bytes.0[usize::from(*byte)] = true,
            None => self.first_bytes.0 = [true; 256],
        }
        self.by_prefix.push((prefix.into(), slot));
    }

    /// All have been added.
    pub(super) fn order(&mut self) {
        let longest_first = |(prefix, _): &(Box<[u8]>, _)| std::cmp::Reverse(prefix.len());
        self.by_prefix.sort_by_key(longest_first);
    }

    /// Bytes that its rules take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let prefixes = self.by_prefix.iter().map(|(prefix, _)| prefix.len() + 32);
        prefixes.sum::<usize>() + self.by_database.len() * 4
    }

    /// The slot of a key of a database: that of the database, if it has one, else that of its name ([`Self::slot_of_name`]).
    #[inline]
    #[must_use]
    pub fn slot_of(&self, database: u16, key: &[u8]) -> SlotId {
        match self.of_database(database) {
            Some(slot) => slot,
            None => self.slot_of_name(key),
        }
    }

    /// The slot of all keys of a database, where a rule says that they share one.
    #[inline]
    #[must_use]
    pub fn of_database(&self, database: u16) -> Option<SlotId> {
        *self.by_database.get(usize::from(database))?
    }

    /// Whether a rule means a database.
    #[must_use]
    pub fn means_databases(&self) -> bool {
        !self.by_database.is_empty()
    }

    /// The slot of a name, whatever the database, as of channels: that of the longest prefix that means it; else [`SlotId::of_key`].
    #[inline]
    #[must_use]
    pub fn slot_of_name(&self, name: &[u8]) -> SlotId {
        if self.by_prefix.is_empty() {
            return SlotId::of_key(name);
        }
        self.colocated(name).unwrap_or_else(|| SlotId::of_key(name))
    }

    /// What rules say of all keys of a database that begin with this.
    #[must_use]
    pub fn of_all(&self, database: u16, beginning: &[u8]) -> OfAll {
        if let Some(slot) = self.of_database(database) {
            return OfAll::Slot(slot);
        }
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

    /// The slot that a rule gives to this key by its name.
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
            databases: Vec::new(),
        }
    }

    #[test]
    fn a_database_that_has_a_slot_has_one_for_all_its_keys() {
        let mut celery = colocation("celery", &["mail:*"]);
        celery.databases = vec![2, 5];
        let placement = Placement::new(&[celery, colocation("bull", &["bull:*"])]);
        let plain = |key: &str| SlotId::of_key(key.as_bytes());
        for database in [2, 5] {
            for key in [&b""[..], b"a", b"{x}y", b"bull:1", b"mail:1"] {
                assert_eq!(placement.slot_of(database, key), plain("celery"));
            }
            let of_all = placement.of_all(database, b"bull:");
            assert_eq!(of_all, OfAll::Slot(plain("celery")));
        }
        for database in [0, 1, 3, 4, 6, 255, u16::MAX] {
            assert_eq!(placement.of_database(database), None);
            assert_eq!(placement.slot_of(database, b"{x}y"), plain("x"));
            assert_eq!(placement.slot_of(database, b"bull:1"), plain("bull"));
            assert_eq!(placement.slot_of(database, b"mail:1"), plain("celery"));
        }
        assert_eq!(placement.slot_of_name(b"{x}y"), plain("x"));
        assert!(placement.means_databases());
        assert!(!Placement::new(&[colocation("bull", &["b*"])]).means_databases());
    }

    #[test]
    fn the_longest_prefix_decides_and_then_the_key_itself() {
        let placement = Placement::new(&[
            colocation("bull", &["bull:*"]),
            colocation("mail", &["bull:mail:*", "unacked*"]),
        ]);
        let of = |key: &str| placement.slot_of(0, key.as_bytes());
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
            assert_eq!(all.slot_of(0, key.as_bytes()), plain("all"));
        }
        assert_eq!(
            placement.of_all(0, b"bull:mail:"),
            OfAll::Slot(plain("mail"))
        );
        assert_eq!(placement.of_all(0, b"bull:"), OfAll::Several);
        assert_eq!(placement.of_all(0, b"b"), OfAll::Several);
        assert_eq!(placement.of_all(0, b"other"), OfAll::Nothing);
        assert_eq!(Placement::default().slot_of(0, b"{x}y"), plain("x"));
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
