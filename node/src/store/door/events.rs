//! Events of keys, as `notify-keyspace-events` asks for them: what happened to which key, by the name that Redis gives it. The door tells of every change, and whoever
//! runs a command has said before what its changes are called ([`Naming`]).
//! Pure. Never: sends anything. Bound: whoever runs commands takes what is noted after each of them, and after each slice of those that come in parts.

use super::Change;
use crate::store::key::{DbIndex, Key};

/// Classes of events, and where they are told: letters of `notify-keyspace-events`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventClasses(u16);

/// One class of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum EventClass {
    /// `g`
    Generic = 1 << 2,
    /// `$`
    String = 1 << 3,
    /// `l`
    List = 1 << 4,
    /// `s`
    Set = 1 << 5,
    /// `h`
    Hash = 1 << 6,
    /// `z`
    SortedSet = 1 << 7,
    /// `x`
    Expired = 1 << 8,
    /// `e`
    Evicted = 1 << 9,
    /// `t`
    Stream = 1 << 10,
    /// `m`
    KeyMiss = 1 << 11,
    /// `n`
    New = 1 << 12,
}

/// `K`
const KEYSPACE: u16 = 1;
/// `E`
const KEYEVENT: u16 = 1 << 1;
/// What `A` stands for; modules, of which there are none, are `d`.
const ALL: u16 = EventClass::Generic as u16
    | EventClass::String as u16
    | EventClass::List as u16
    | EventClass::Set as u16
    | EventClass::Hash as u16
    | EventClass::SortedSet as u16
    | EventClass::Expired as u16
    | EventClass::Evicted as u16
    | EventClass::Stream as u16;

impl EventClasses {
    /// What the letters ask for; nothing where they do not say where it is to be told. Other letters mean nothing.
    #[must_use]
    pub fn of_letters(letters: &[u8]) -> Self {
        let bit = |letter: &u8| match letter {
            b'K' => KEYSPACE,
            b'E' => KEYEVENT,
            b'A' => ALL,
            b'g' => EventClass::Generic as u16,
            b'$' => EventClass::String as u16,
            b'l' => EventClass::List as u16,
            b's' => EventClass::Set as u16,
            b'h' => EventClass::Hash as u16,
            b'z' => EventClass::SortedSet as u16,
            b'x' => EventClass::Expired as u16,
            b'e' => EventClass::Evicted as u16,
            b't' => EventClass::Stream as u16,
            b'm' => EventClass::KeyMiss as u16,
            b'n' => EventClass::New as u16,
            _ => 0,
        };
        let asked = letters.iter().map(bit).fold(0, |all, one| all | one);
        match asked & (KEYSPACE | KEYEVENT) {
            0 => Self(0),
            _ => Self(asked),
        }
    }

    /// The same, and new keys as well, if anything is told.
    #[must_use]
    pub fn with_new_keys(self) -> Self {
        match self.0 {
            0 => self,
            classes => Self(classes | EventClass::New as u16),
        }
    }

    /// Whether anything is told.
    #[inline]
    #[must_use]
    pub fn are_any(self) -> bool {
        self.0 != 0
    }

    /// Whether events are told on the channels of their keys.
    #[must_use]
    pub fn by_key(self) -> bool {
        self.0 & KEYSPACE != 0
    }

    /// Whether they are told on the channels of their names.
    #[must_use]
    pub fn by_name(self) -> bool {
        self.0 & KEYEVENT != 0
    }

    fn has(self, class: EventClass) -> bool {
        self.0 & class as u16 != 0
    }
}

/// What happened, as clients are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventName {
    /// Its class.
    pub class: EventClass,
    /// Its name.
    pub name: &'static str,
}

/// `del`
const DEL: EventName = EventName {
    class: EventClass::Generic,
    name: "del",
};
/// `expire`
pub const EXPIRE: EventName = EventName {
    class: EventClass::Generic,
    name: "expire",
};
const NEW: EventName = EventName {
    class: EventClass::New,
    name: "new",
};
const EXPIRED: EventName = EventName {
    class: EventClass::Expired,
    name: "expired",
};
const EVICTED: EventName = EventName {
    class: EventClass::Evicted,
    name: "evicted",
};
const KEY_MISS: EventName = EventName {
    class: EventClass::KeyMiss,
    name: "keymiss",
};
const FIELDS_EXPIRED: EventName = EventName {
    class: EventClass::Hash,
    name: "hexpired",
};

/// What the changes of the present command are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Naming {
    /// A change of a key that is there afterwards; nothing is told where there is none.
    pub written: Option<EventName>,
    /// Whether that is told also where the change leaves nothing, before `del`.
    pub takes_out: bool,
    /// Whether a new value with an expiry is told as `expire` as well.
    pub tells_expiry: bool,
    /// Whether what was there before goes first, so that the key is new in any case.
    pub replaces: bool,
    /// Whether it is told behind what happens next: a part of the command that Redis does last.
    pub is_late: bool,
}

/// An event and its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// What happened.
    pub name: &'static str,
    /// In which database.
    pub db: DbIndex,
    /// To which key.
    pub key: &'a [u8],
}

#[derive(Clone, Copy, Debug)]
struct Noted {
    name: EventName,
    db: DbIndex,
    key_start: usize,
    key_end: usize,
}

/// Events that have been noted and not been told, in the order in which they are told.
#[derive(Debug, Default)]
pub(in crate::store) struct Events {
    classes: EventClasses,
    naming: Naming,
    noted: Vec<Noted>,
    /// Behind all of these.
    late: Vec<Noted>,
    keys: Vec<u8>,
    /// Of a command that comes in parts, what was told of each key.
    told: Vec<(&'static str, u64)>,
    /// A part of it is being carried out: what was told is not told again.
    is_part: bool,
}

impl Events {
    /// Whether anything is told.
    #[inline]
    pub(super) fn are_on(&self) -> bool {
        self.classes.are_any()
    }

    pub(super) fn set_classes(&mut self, classes: EventClasses) {
        self.classes = classes;
    }

    /// The next changes are called so.
    pub(in crate::store) fn set_naming(&mut self, naming: Naming) {
        self.naming = naming;
    }

    /// A command that comes in parts begins: what it does to a key again and again is told once.
    pub(in crate::store) fn begin_parts(&mut self) {
        self.told.clear();
    }

    /// The next changes are a part of it.
    pub(in crate::store) fn begin_part(&mut self) {
        self.is_part = true;
    }

    /// They are another command's.
    pub(in crate::store) fn end_part(&mut self) {
        self.is_part = false;
    }

    /// A command changed a key.
    pub(super) fn changed(&mut self, db: DbIndex, key: Key<'_>, change: Change, is_new: bool) {
        let naming = self.naming;
        match change {
            Change::Written => {
                if is_new || naming.replaces {
                    self.note(db, key, NEW);
                }
                if let Some(name) = naming.written {
                    self.note(db, key, name);
                }
            }
            Change::Deleted => {
                if let Some(name) = naming.written.filter(|_| naming.takes_out) {
                    self.note(db, key, name);
                }
                self.note(db, key, DEL);
            }
            Change::Expired => self.note_now(db, key, EXPIRED),
            Change::Evicted => self.note_now(db, key, EVICTED),
        }
    }

    /// A new value was given an expiry.
    pub(super) fn put_with_expiry(&mut self, db: DbIndex, key: Key<'_>) {
        if self.naming.tells_expiry {
            self.note(db, key, EXPIRE);
        }
    }

    /// A key has another name, or lies in another database.
    pub(super) fn renamed(
        &mut self,
        from: (DbIndex, Key<'_>),
        to: (DbIndex, Key<'_>),
        names: [&'static str; 2],
    ) {
        let class = EventClass::Generic;
        let [left, came] = names.map(|name| EventName { class, name });
        self.note(to.0, to.1, NEW);
        self.note(from.0, from.1, left);
        self.note(to.0, to.1, came);
    }

    /// Fields of a hash went by themselves.
    pub(super) fn fields_expired(&mut self, db: DbIndex, key: Key<'_>) {
        self.note_now(db, key, FIELDS_EXPIRED);
    }

    /// Somebody read a key that is not there.
    pub(in crate::store) fn missed(&mut self, db: DbIndex, key: Key<'_>) {
        self.note_now(db, key, KEY_MISS);
    }

    /// Something that no change tells.
    pub(in crate::store) fn note(&mut self, db: DbIndex, key: Key<'_>, name: EventName) {
        if self.is_part {
            let this = (name.name, key.hash.0);
            if self.told.contains(&this) {
                return;
            }
            self.told.push(this);
        }
        if self.naming.is_late {
            let late = self.keep(db, key, name);
            self.late.extend(late);
        } else {
            self.note_now(db, key, name);
        }
    }

    fn note_now(&mut self, db: DbIndex, key: Key<'_>, name: EventName) {
        let noted = self.keep(db, key, name);
        self.noted.extend(noted);
    }

    fn keep(&mut self, db: DbIndex, key: Key<'_>, name: EventName) -> Option<Noted> {
        if !self.classes.has(name.class) {
            return None;
        }
        let key_start = self.keys.len();
        self.keys.extend_from_slice(key.bytes);
        Some(Noted {
            name,
            db,
            key_start,
            key_end: self.keys.len(),
        })
    }

    /// Whether there is something to tell.
    #[inline]
    pub(super) fn are_noted(&self) -> bool {
        !self.noted.is_empty() || !self.late.is_empty()
    }

    /// What is to be told, and where: none of it is here any more.
    pub(in crate::store) fn take(&mut self) -> TakenEvents {
        let mut noted = std::mem::take(&mut self.noted);
        noted.append(&mut self.late);
        TakenEvents {
            classes: self.classes,
            noted,
            keys: std::mem::take(&mut self.keys),
        }
    }
}

/// Events on their way to those who want to hear of them.
#[derive(Debug)]
pub struct TakenEvents {
    /// Where they are told.
    pub classes: EventClasses,
    noted: Vec<Noted>,
    keys: Vec<u8>,
}

impl TakenEvents {
    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = Event<'_>> {
        self.noted.iter().map(|noted| Event {
            name: noted.name.name,
            db: noted.db,
            key: &self.keys[noted.key_start..noted.key_end],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, DbIndex, EventClass, EventClasses, EventName, Events, Key, Naming};
    use crate::store::key::KeyHash;

    fn key(name: &str) -> Key<'_> {
        Key {
            bytes: name.as_bytes(),
            hash: KeyHash(name.len() as u64),
        }
    }

    fn told(events: &mut Events) -> String {
        let taken = events.take();
        let words: Vec<String> = taken
            .iter()
            .map(|event| {
                let key = String::from_utf8_lossy(event.key);
                format!("{}:{key}@{}", event.name, event.db.0)
            })
            .collect();
        words.join(" ")
    }

    fn events_of(letters: &str) -> Events {
        let mut events = Events::default();
        events.set_classes(EventClasses::of_letters(letters.as_bytes()));
        events.set_naming(Naming {
            written: Some(EventName {
                class: EventClass::List,
                name: "lpop",
            }),
            takes_out: true,
            ..Naming::default()
        });
        events
    }

    #[test]
    fn nothing_is_told_without_a_place_to_tell_it() {
        let are_any = |letters: &str| EventClasses::of_letters(letters.as_bytes()).are_any();
        assert_eq!(
            ["", "A", "g$", "mn", "K", "E", "AK", "gE"].map(are_any),
            [false, false, false, false, true, true, true, true]
        );
        let classes = EventClasses::of_letters(b"KA");
        assert!(classes.by_key() && !classes.by_name());
        assert!(classes.has(EventClass::Stream) && !classes.has(EventClass::KeyMiss));
        assert!(!classes.has(EventClass::New));
        assert!(classes.with_new_keys().has(EventClass::New));
        assert!(!EventClasses::of_letters(b"A").with_new_keys().are_any());
    }

    #[test]
    fn changes_are_called_by_the_command_and_what_became_of_the_key() {
        let check = |letters: &str, change: Change, is_new: bool, expected: &str| {
            let mut events = events_of(letters);
            events.changed(DbIndex(3), key("k"), change, is_new);
            assert_eq!(told(&mut events), expected, "{letters} {change:?}");
        };
        check("KEA", Change::Written, false, "lpop:k@3");
        check("KEAn", Change::Written, true, "new:k@3 lpop:k@3");
        check("KEA", Change::Deleted, false, "lpop:k@3 del:k@3");
        check("Kg", Change::Deleted, false, "del:k@3");
        check("Kl", Change::Deleted, false, "lpop:k@3");
        check("KEA", Change::Expired, false, "expired:k@3");
        check("KEA", Change::Evicted, false, "evicted:k@3");
        check("Eg", Change::Expired, false, "");
    }

    #[test]
    fn what_is_late_stands_behind_and_what_comes_in_parts_is_told_once() {
        let mut events = events_of("KEA");
        events.set_naming(Naming {
            is_late: true,
            ..events.naming
        });
        events.changed(DbIndex(0), key("from"), Change::Deleted, false);
        events.set_naming(Naming {
            is_late: false,
            ..events.naming
        });
        events.changed(DbIndex(0), key("to"), Change::Written, false);
        assert_eq!(told(&mut events), "lpop:to@0 lpop:from@0 del:from@0");
        assert!(!events.are_noted());
        events.begin_parts();
        for expected in ["lpop:k@0", "", ""] {
            events.begin_part();
            events.changed(DbIndex(0), key("k"), Change::Written, false);
            events.end_part();
            assert_eq!(told(&mut events), expected);
        }
        // Somebody else's.
        events.changed(DbIndex(0), key("k"), Change::Written, false);
        assert_eq!(told(&mut events), "lpop:k@0");
        events.begin_part();
        events.changed(DbIndex(0), key("k"), Change::Deleted, false);
        assert_eq!(told(&mut events), "del:k@0");
    }
}
