//! A leaf of a stream: entries in the order of their identifiers, and once the field names that most of them have. What Redis calls a node.
//! Pure. Invariants: an entry that was removed has no bytes any more, but the leaf knows how many there were, for Redis counts them; the first entry's
//! identifier stays what the others are counted from.
//!
//! ```text
//! there 2 (flags: the names lie elsewhere; something does) | removed 2 | bytes of Redis' node 4 | first 16 | last 16 | names: how many, bytes, texts | entries
//! an entry: milliseconds since the first, flags | sequence | [how many names, bytes, names] | values
//! ```
//! A sequence is counted from the first one's within its millisecond. Of an entry that lies elsewhere the last two parts do.

use super::body::{self, EntryTexts};
use super::id::{ID_BYTES, StreamId};
use super::varint;
use super::{EntryRef, listpack};
use crate::store::value::block::{
    Block, FIRST_FLAG, SECOND_FLAG, close, count, has_flag, put_u16, put_u32, set_count, set_flag,
    short, u16_at, u32_at,
};
use crate::store::value::codes::Elsewhere;
use crate::store::value::leaves::{LeafId, Leaves};

/// Set in the count of a leaf whose names lie elsewhere.
const NAMES_ELSEWHERE: u16 = FIRST_FLAG;

/// Set in that of a leaf that refers to anything elsewhere, or did: others need not be searched.
const HAS_REFERENCES: u16 = SECOND_FLAG;

const REMOVED: usize = 2;
const PACKED: usize = 4;
const FIRST: usize = 8;
const LAST: usize = FIRST + ID_BYTES;
const NAMES: usize = LAST + ID_BYTES;

/// Bytes that say where a string lies.
pub(super) const ELSEWHERE_BYTES: usize = 12;

/// Flags of an entry: it has names of its own; its texts lie elsewhere.
pub(super) const OWN_NAMES: u8 = 1;
pub(super) const IS_ELSEWHERE: u8 = 2;

/// What a new leaf is made of.
#[derive(Debug)]
pub(super) struct Beginning<'a> {
    pub(super) first: StreamId,
    /// How many names, and their texts, here or where they lie.
    pub(super) names: u64,
    pub(super) texts: &'a [u8],
    pub(super) are_elsewhere: bool,
}

/// Writes a leaf without entries.
pub(super) fn write_empty(out: &mut Vec<u8>, beginning: &Beginning<'_>) {
    out.resize(NAMES, 0);
    out[FIRST..LAST].copy_from_slice(&beginning.first.to_bytes());
    varint::push(out, beginning.names);
    varint::push(out, beginning.texts.len() as u64);
    out.extend_from_slice(beginning.texts);
    if beginning.are_elsewhere {
        set_flag(out, NAMES_ELSEWHERE);
        set_flag(out, HAS_REFERENCES);
    }
}

/// Appends an entry whose bytes are made already; Redis would have so many bytes more.
pub(super) fn append(block: &mut impl Block, id: StreamId, entry: &[u8], packed: u64) {
    let len = block.bytes().len();
    block.resize(len + entry.len());
    let bytes = block.bytes_mut();
    bytes[len..].copy_from_slice(entry);
    set_count(bytes, count(bytes) + 1);
    if entry[0] & IS_ELSEWHERE != 0 {
        set_flag(bytes, HAS_REFERENCES);
    }
    bytes[LAST..NAMES].copy_from_slice(&id.to_bytes());
    add_packed(bytes, packed);
}

/// Entries that were removed before a leaf was made.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Removed {
    pub(super) count: usize,
    /// The last of them.
    pub(super) last: StreamId,
    /// Bytes that Redis would have of them.
    pub(super) packed_bytes: u64,
}

/// Notes entries that are not here any more, but count.
pub(super) fn note_removed(bytes: &mut [u8], removed: Removed) {
    let count = usize::from(u16_at(bytes, REMOVED)).saturating_add(removed.count);
    put_u16(bytes, REMOVED, short(count));
    bytes[LAST..NAMES].copy_from_slice(&removed.last.to_bytes());
    add_packed(bytes, removed.packed_bytes);
}

fn add_packed(bytes: &mut [u8], packed: u64) {
    let packed = u64::from(u32_at(bytes, PACKED)).saturating_add(packed);
    put_u32(bytes, PACKED, u32::try_from(packed).unwrap_or(u32::MAX));
}

/// Takes the bytes of so many entries out. What they keep elsewhere is for the caller.
pub(super) fn remove(block: &mut impl Block, begin: usize, end: usize, entries: usize) {
    let bytes = block.bytes_mut();
    set_count(bytes, count(bytes) - entries);
    let removed = usize::from(u16_at(bytes, REMOVED)) + entries;
    put_u16(bytes, REMOVED, short(removed));
    close(block, [(begin, end - begin)]);
}

/// A leaf to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeafRef<'a> {
    leaves: &'a Leaves,
    bytes: &'a [u8],
    pub(super) first: StreamId,
    pub(super) names: u64,
    texts: &'a [u8],
    /// Where its names' bytes begin, and its entries.
    texts_at: usize,
    entries_at: usize,
}

/// An entry as it lies in a leaf.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lying {
    pub(super) id: StreamId,
    flags: u8,
    pub(super) begin: usize,
    texts: usize,
    pub(super) end: usize,
}

impl Lying {
    /// Whether its names are not the leaf's.
    pub(super) fn has_own_names(&self) -> bool {
        self.flags & OWN_NAMES != 0
    }
}

impl<'a> LeafRef<'a> {
    /// The leaf of this number.
    #[inline]
    pub(super) fn of(leaves: &'a Leaves, id: LeafId) -> Self {
        Self::of_bytes(leaves, leaves.bytes(id))
    }

    /// The leaf of these bytes, whose strings lie in `leaves`.
    #[inline]
    pub(super) fn of_bytes(leaves: &'a Leaves, bytes: &'a [u8]) -> Self {
        let mut texts_at = NAMES;
        let names = varint::read(bytes, &mut texts_at);
        let len = length(varint::read(bytes, &mut texts_at));
        let here = &bytes[texts_at..texts_at + len];
        let texts = if has_flag(bytes, NAMES_ELSEWHERE) {
            leaves.long(Elsewhere::read(here))
        } else {
            here
        };
        Self {
            leaves,
            bytes,
            first: StreamId::read(&bytes[FIRST..]),
            names,
            texts,
            texts_at,
            entries_at: texts_at + len,
        }
    }

    /// How many entries there are.
    pub(super) fn count(self) -> usize {
        count(self.bytes)
    }

    /// How many were removed.
    pub(super) fn removed(self) -> u64 {
        u64::from(u16_at(self.bytes, REMOVED))
    }

    /// Bytes that Redis' node would have.
    pub(super) fn packed(self) -> u64 {
        let counted = |number: u64| listpack::integer(number.cast_signed());
        let counts = counted(self.count() as u64) + counted(self.removed());
        u64::from(u32_at(self.bytes, PACKED)) + counts
    }

    /// Bytes that there are.
    pub(super) fn len(self) -> usize {
        self.bytes.len()
    }

    /// The last entry that was put here, which may have been removed.
    pub(super) fn last_put(self) -> StreamId {
        StreamId::read(&self.bytes[LAST..])
    }

    /// The last entry that is here.
    pub(super) fn last(self) -> Option<StreamId> {
        match self.removed() {
            0 => Some(self.last_put()),
            _ => self.entries().last().map(|entry| entry.id),
        }
    }

    /// Its names.
    pub(super) fn texts(self) -> EntryTexts<'a> {
        EntryTexts::of(self.texts)
    }

    /// Whether these are the names.
    pub(super) fn has_names(self, texts: &[u8]) -> bool {
        self.texts == texts
    }

    /// All entries in their order.
    #[inline]
    pub(super) fn entries(self) -> impl Iterator<Item = Lying> + use<'a> {
        let mut at = self.entries_at;
        std::iter::from_fn(move || {
            let is_more = at < self.bytes.len();
            is_more.then(|| {
                let entry = self.entry(at);
                at = entry.end;
                entry
            })
        })
    }

    #[inline]
    fn entry(self, begin: usize) -> Lying {
        let mut at = begin;
        let (flags, ms) = varint::read_flagged(self.bytes, &mut at);
        let seq = varint::read(self.bytes, &mut at);
        let id = StreamId {
            ms: self.first.ms + ms,
            seq: if ms == 0 { self.first.seq + seq } else { seq },
        };
        let end = match flags {
            0 => body::skip(self.bytes, at, self.names),
            OWN_NAMES => {
                let (names, _, values) = own_names(self.bytes, at);
                body::skip(self.bytes, values, names)
            }
            _ => at + ELSEWHERE_BYTES,
        };
        Lying {
            id,
            flags,
            begin,
            texts: at,
            end,
        }
    }

    /// Where an entry's texts are that lie elsewhere.
    pub(super) fn elsewhere(self, entry: &Lying) -> Option<Elsewhere> {
        let is_elsewhere = entry.flags & IS_ELSEWHERE != 0;
        is_elsewhere.then(|| Elsewhere::read(&self.bytes[entry.texts..]))
    }

    /// Where the names are when they lie elsewhere.
    pub(super) fn names_elsewhere(self) -> Option<Elsewhere> {
        let are_elsewhere = has_flag(self.bytes, NAMES_ELSEWHERE);
        are_elsewhere.then(|| Elsewhere::read(&self.bytes[self.texts_at..]))
    }

    /// Every place in the leaf that says where a string lies.
    pub(super) fn references(self) -> Vec<(usize, Elsewhere)> {
        if !has_flag(self.bytes, HAS_REFERENCES) {
            return Vec::new();
        }
        let names = self.names_elsewhere().map(|place| (self.texts_at, place));
        let texts = self.entries().filter_map(|entry| {
            let place = self.elsewhere(&entry)?;
            Some((entry.texts, place))
        });
        names.into_iter().chain(texts).collect()
    }

    /// An entry to be read.
    #[inline]
    pub(super) fn show(self, entry: &Lying) -> EntryRef<'a> {
        let texts = match self.elsewhere(entry) {
            Some(place) => self.leaves.long(place),
            None => &self.bytes[entry.texts..entry.end],
        };
        let (count, names, values) = match entry.flags & OWN_NAMES {
            0 => (self.names, self.texts, texts),
            _ => {
                let (count, names, values) = own_names(texts, 0);
                (count, &texts[names..values], &texts[values..])
            }
        };
        EntryRef {
            id: entry.id,
            count,
            names: EntryTexts::of(names),
            values: EntryTexts::of(values),
        }
    }
}

/// Of names that stand at `at`: how many there are, where they begin, and where the values do.
#[inline]
fn own_names(bytes: &[u8], mut at: usize) -> (u64, usize, usize) {
    let count = varint::read(bytes, &mut at);
    let len = length(varint::read(bytes, &mut at));
    (count, at, at + len)
}

fn length(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
