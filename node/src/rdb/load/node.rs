//! [`NodeReader`]: a node of a stream on its way out of its listpack.
//! Pure. Invariant: an entry is there with as many values as names, at least one, and ends where it says; there are as many as the node says, removed ones included.
//!
//! ```text
//! entries | removed | names: how many, texts | 0 | an entry …
//! an entry: flags | milliseconds and sequence from the node's first on | values | how many elements that was
//!           with names of its own: how many, then each name and its value
//! ```

use super::stream::holds;
use crate::rdb::fault::Fault;
use crate::store::{Store, StreamId, StreamMaker, StringRef};
use shared::resp::parse_integer;

/// Flags of an entry: it was removed, its names are the node's. The numbers are Redis' own.
pub(in crate::rdb) const IS_REMOVED: u64 = 1;
pub(in crate::rdb) const HAS_NODE_NAMES: u64 = 2;

/// Elements of an entry beside its texts: flags, milliseconds, sequence; and how many names it has, where they are its own.
pub(in crate::rdb) const OTHERS: u64 = 3;

/// Where a reader stands.
#[derive(Debug)]
pub(super) struct NodeReader {
    expected: Expected,
    first: StreamId,
    /// Entries that are still to come: those that are there, and removed ones.
    entries: u64,
    removed: u64,
    /// How many names the node has.
    names: u64,
    entry: Entry,
}

/// The entry under way.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    flags: u64,
    id: StreamId,
    /// How many fields it has.
    fields: u64,
}

/// The element that comes next; of texts how many more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Entries,
    Removed,
    NameCount,
    Name(u64),
    Zero,
    Flags,
    Milliseconds,
    Sequence,
    OwnNameCount,
    OwnName(u64),
    OwnValue(u64),
    Value(u64),
    Elements,
}

impl NodeReader {
    /// Before the first element.
    pub(super) fn new(first: StreamId) -> Self {
        Self {
            expected: Expected::Entries,
            first,
            entries: 0,
            removed: 0,
            names: 0,
            entry: Entry::default(),
        }
    }

    /// Whether the node may end here.
    pub(super) fn is_over(&self) -> bool {
        self.expected == Expected::Flags && self.entries == 0 && self.removed == 0
    }

    /// Takes the next element.
    pub(super) fn take(
        &mut self,
        element: StringRef<'_>,
        maker: &mut StreamMaker,
        store: &mut Store,
    ) -> Result<(), Fault> {
        self.expected = match self.expected {
            Expected::Entries => {
                self.entries = count(element)?;
                Expected::Removed
            }
            Expected::Removed => {
                self.removed = count(element)?;
                Expected::NameCount
            }
            Expected::NameCount => {
                self.names = count(element)?;
                holds(self.names > 0)?;
                Expected::Name(self.names)
            }
            Expected::Name(left) => {
                shown(element, |name| maker.push_node_name(name));
                match left {
                    1 => Expected::Zero,
                    _ => Expected::Name(left - 1),
                }
            }
            Expected::Zero => {
                holds(number(element)? == 0)?;
                Expected::Flags
            }
            Expected::Elements => {
                self.end_entry(element, maker, store)?;
                Expected::Flags
            }
            _ => self.take_of_entry(element, maker)?,
        };
        Ok(())
    }

    /// Takes an element of an entry but for its last.
    fn take_of_entry(
        &mut self,
        element: StringRef<'_>,
        maker: &mut StreamMaker,
    ) -> Result<Expected, Fault> {
        Ok(match self.expected {
            Expected::Flags => {
                self.begin_entry(count(element)?)?;
                Expected::Milliseconds
            }
            Expected::Milliseconds => {
                self.entry.id.ms = self.first.ms.wrapping_add_signed(number(element)?);
                Expected::Sequence
            }
            Expected::Sequence => {
                self.entry.id.seq = self.first.seq.wrapping_add_signed(number(element)?);
                if self.entry.flags & HAS_NODE_NAMES == 0 {
                    maker.begin_entry_of_its_own();
                    Expected::OwnNameCount
                } else {
                    maker.begin_entry();
                    self.entry.fields = self.names;
                    Expected::Value(self.names)
                }
            }
            Expected::OwnNameCount => {
                self.entry.fields = count(element)?;
                holds(self.entry.fields > 0)?;
                Expected::OwnName(self.entry.fields)
            }
            Expected::OwnName(left) => {
                shown(element, |name| maker.push_name(name));
                Expected::OwnValue(left)
            }
            Expected::OwnValue(left) => {
                shown(element, |value| maker.push_value(value));
                match left {
                    1 => Expected::Elements,
                    _ => Expected::OwnName(left - 1),
                }
            }
            Expected::Value(left) => {
                shown(element, |value| maker.push_value(value));
                match left {
                    1 => Expected::Elements,
                    _ => Expected::Value(left - 1),
                }
            }
            _ => return Err(Fault::Broken),
        })
    }

    fn begin_entry(&mut self, flags: u64) -> Result<(), Fault> {
        holds(flags & !(IS_REMOVED | HAS_NODE_NAMES) == 0)?;
        let left = match flags & IS_REMOVED {
            0 => &mut self.entries,
            _ => &mut self.removed,
        };
        *left = left.checked_sub(1).ok_or(Fault::Broken)?;
        self.entry = Entry {
            flags,
            ..Entry::default()
        };
        Ok(())
    }

    fn end_entry(
        &mut self,
        element: StringRef<'_>,
        maker: &mut StreamMaker,
        store: &mut Store,
    ) -> Result<(), Fault> {
        let Entry { flags, id, fields } = self.entry;
        let own_names = match flags & HAS_NODE_NAMES {
            0 => fields.saturating_add(1),
            _ => 0,
        };
        let elements = fields.saturating_add(OTHERS).saturating_add(own_names);
        holds(count(element)? == elements)?;
        if flags & IS_REMOVED == 0 {
            return holds(maker.end_entry(store, id)?);
        }
        maker.end_removed(store, id);
        Ok(())
    }
}

/// Shows a text, an integer as its digits.
fn shown(text: StringRef<'_>, show: impl FnOnce(&[u8])) {
    match text {
        StringRef::Bytes(bytes) => show(bytes),
        StringRef::Integer(number) => show(itoa::Buffer::new().format(number).as_bytes()),
    }
}

/// The number that an element is, or says.
fn number(element: StringRef<'_>) -> Result<i64, Fault> {
    match element {
        StringRef::Integer(number) => Ok(number),
        StringRef::Bytes(text) => parse_integer(text).ok_or(Fault::Broken),
    }
}

/// The same where it is no less than 0.
fn count(element: StringRef<'_>) -> Result<u64, Fault> {
    u64::try_from(number(element)?).map_err(|_| Fault::Broken)
}
