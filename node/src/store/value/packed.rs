//! Elements packed one behind the other, with an array of fingerprints to find them by: a leaf of a table, or a whole small hash or set.
//! Pure. `VALUES` says whether elements are pairs of key and value (hashes) or keys alone (sets).
//!
//! ```text
//! count 2 | fingerprints n | codes of keys n | codes of values n | key, value, key, value …
//! ```
//! Elements stand in the order in which they came.

use super::block::{Block, COUNT_BYTES, close, count, open, set_count};
use super::codes::{ELSEWHERE, Encoded, Stored, code_len, places_of, sum_of_first};
use super::leaves::Leaves;
use std::ops::Range;

/// An element of a packed block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair<'a> {
    pub(super) fingerprint: u8,
    pub(super) key: Stored<'a>,
    /// [`Stored::EMPTY`] in a set.
    pub(super) value: Stored<'a>,
}

/// Where an element stands: its number, and where its key begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    nth: usize,
    at: usize,
}

/// Bytes of the arrays per element.
const fn array_bytes<const VALUES: bool>() -> usize {
    if VALUES { 3 } else { 2 }
}

/// Where the arrays begin.
#[derive(Clone, Copy, Debug)]
struct Layout {
    count: usize,
    codes: usize,
    values: usize,
    elements: usize,
}

#[inline]
fn layout<const VALUES: bool>(bytes: &[u8]) -> Layout {
    let count = count(bytes);
    Layout {
        count,
        codes: COUNT_BYTES + count,
        values: COUNT_BYTES + 2 * count,
        elements: COUNT_BYTES + array_bytes::<VALUES>() * count,
    }
}

impl Layout {
    /// Where element `nth` begins.
    #[inline]
    fn offset<const VALUES: bool>(self, bytes: &[u8], nth: usize) -> usize {
        let keys = sum_of_first(&bytes[self.codes..], nth);
        if !VALUES {
            return self.elements + keys;
        }
        self.elements + keys + sum_of_first(&bytes[self.values..], nth)
    }
}

/// A block without elements.
pub(super) const EMPTY: [u8; COUNT_BYTES] = [0; COUNT_BYTES];

/// Bytes that an element adds to a block.
#[inline]
pub(super) fn cost<const VALUES: bool>(key: &Encoded<'_>, value: &Encoded<'_>) -> usize {
    let value = if VALUES { code_len(value.code) } else { 0 };
    array_bytes::<VALUES>() + code_len(key.code) + value
}

/// The element with this fingerprint and code that is the one.
#[inline]
pub(super) fn find<const VALUES: bool>(
    bytes: &[u8],
    fingerprint: u8,
    code: u8,
    mut is: impl FnMut(Stored<'_>) -> bool,
) -> Option<Place> {
    let layout = layout::<VALUES>(bytes);
    for nth in places_of(fingerprint, &bytes[COUNT_BYTES..layout.codes]) {
        let ours = bytes[layout.codes + nth];
        if ours == code || ours == ELSEWHERE {
            let at = layout.offset::<VALUES>(bytes, nth);
            let key = Stored {
                code: ours,
                bytes: &bytes[at..at + code_len(ours)],
            };
            if is(key) {
                return Some(Place { nth, at });
            }
        }
    }
    None
}

/// Bytes of the block in which the first element of this fingerprint stands, most likely the one; `None` when it has none such.
#[inline]
pub(super) fn expect<const VALUES: bool>(bytes: &[u8], fingerprint: u8) -> Option<Range<usize>> {
    let layout = layout::<VALUES>(bytes);
    let nth = places_of(fingerprint, &bytes[COUNT_BYTES..layout.codes]).next()?;
    let at = layout.offset::<VALUES>(bytes, nth);
    let value = if VALUES {
        code_len(bytes[layout.values + nth])
    } else {
        0
    };
    Some(at..at + code_len(bytes[layout.codes + nth]) + value)
}

/// The element at a place.
#[inline]
pub(super) fn pair<const VALUES: bool>(bytes: &[u8], place: Place) -> Pair<'_> {
    let layout = layout::<VALUES>(bytes);
    let code = bytes[layout.codes + place.nth];
    let end = place.at + code_len(code);
    let value = if VALUES {
        let code = bytes[layout.values + place.nth];
        Stored {
            code,
            bytes: &bytes[end..end + code_len(code)],
        }
    } else {
        Stored::EMPTY
    };
    Pair {
        fingerprint: bytes[COUNT_BYTES + place.nth],
        key: Stored {
            code,
            bytes: &bytes[place.at..end],
        },
        value,
    }
}

/// The elements from the `nth` on.
#[inline]
pub(super) fn pairs<const VALUES: bool>(bytes: &[u8], nth: usize) -> Pairs<'_, VALUES> {
    let layout = layout::<VALUES>(bytes);
    let nth = nth.min(layout.count);
    let at = layout.offset::<VALUES>(bytes, nth);
    Pairs {
        bytes,
        left: layout.count - nth,
        place: Place { nth, at },
    }
}

/// See [`pairs`].
#[derive(Debug)]
pub(super) struct Pairs<'a, const VALUES: bool> {
    bytes: &'a [u8],
    left: usize,
    place: Place,
}

impl<'a, const VALUES: bool> Iterator for Pairs<'a, VALUES> {
    type Item = Pair<'a>;

    #[inline]
    fn next(&mut self) -> Option<Pair<'a>> {
        self.left = self.left.checked_sub(1)?;
        let pair = pair::<VALUES>(self.bytes, self.place);
        self.place.nth += 1;
        self.place.at += pair.key.bytes.len() + pair.value.bytes.len();
        Some(pair)
    }
}

/// Adds an element behind the others.
#[inline]
pub(super) fn append<const VALUES: bool>(
    block: &mut impl Block,
    fingerprint: u8,
    key: &Encoded<'_>,
    value: &Encoded<'_>,
) {
    let before = layout::<VALUES>(block.bytes());
    let len = block.bytes().len();
    let added = cost::<VALUES>(key, value) - array_bytes::<VALUES>();
    if VALUES {
        let gaps = [(before.codes, 1), (before.values, 1), (before.elements, 1)];
        open(block, [gaps[0], gaps[1], gaps[2], (len, added)]);
    } else {
        open(block, [(before.codes, 1), (before.values, 1), (len, added)]);
    }
    let bytes = block.bytes_mut();
    set_count(bytes, before.count + 1);
    bytes[before.codes] = fingerprint;
    bytes[before.values + 1] = key.code;
    if VALUES {
        bytes[before.elements + 2] = value.code;
    }
    let at = len + array_bytes::<VALUES>();
    let end = at + code_len(key.code);
    bytes[at..end].copy_from_slice(key.bytes());
    if VALUES {
        bytes[end..].copy_from_slice(value.bytes());
    }
}

/// Takes an element out.
#[inline]
pub(super) fn remove<const VALUES: bool>(block: &mut impl Block, place: Place) {
    let bytes = block.bytes();
    let before = layout::<VALUES>(bytes);
    let gone = pair::<VALUES>(bytes, place);
    let gone = gone.key.bytes.len() + gone.value.bytes.len();
    let Place { nth, at } = place;
    let (fingerprint, code) = (COUNT_BYTES + nth, before.codes + nth);
    set_count(block.bytes_mut(), before.count - 1);
    if VALUES {
        let value = before.values + nth;
        close(block, [(fingerprint, 1), (code, 1), (value, 1), (at, gone)]);
    } else {
        close(block, [(fingerprint, 1), (code, 1), (at, gone)]);
    }
}

/// Writes other bytes for one part of an element: its code at `code_at`, its bytes at `at`.
#[inline]
fn rewrite(block: &mut impl Block, code_at: usize, at: usize, new: &Encoded<'_>) {
    let old = code_len(block.bytes()[code_at]);
    let len = code_len(new.code);
    if len > old {
        open(block, [(at, len - old)]);
    } else if len < old {
        close(block, [(at, old - len)]);
    }
    let bytes = block.bytes_mut();
    bytes[code_at] = new.code;
    bytes[at..at + len].copy_from_slice(new.bytes());
}

/// Gives a pair another value.
#[inline]
pub(super) fn replace(block: &mut impl Block, place: Place, value: &Encoded<'_>) {
    let bytes = block.bytes();
    let layout = layout::<true>(bytes);
    let at = place.at + code_len(bytes[layout.codes + place.nth]);
    rewrite(block, layout.values + place.nth, at, value);
}

/// Whether a block refers to any long strings.
#[inline]
pub(super) fn has_long<const VALUES: bool>(bytes: &[u8]) -> bool {
    let layout = layout::<VALUES>(bytes);
    bytes[layout.codes..layout.elements].contains(&ELSEWHERE)
}

/// Bytes of the long strings that a block refers to.
pub(super) fn long_bytes<const VALUES: bool>(bytes: &[u8], leaves: &Leaves) -> u64 {
    pairs::<VALUES>(bytes, 0)
        .flat_map(|pair| [pair.key.elsewhere(), pair.value.elsewhere()])
        .flatten()
        .map(|place| leaves.long_cost(place))
        .sum()
}

/// The longest string that stands in the block itself and would be shorter as a reference: what to move elsewhere when a block is too long.
pub(super) fn longest<const VALUES: bool>(bytes: &[u8]) -> Option<Longest> {
    let layout = layout::<VALUES>(bytes);
    let mut found: Option<(usize, Longest)> = None;
    let reference = code_len(ELSEWHERE);
    let mut at = layout.elements;
    for (nth, pair) in pairs::<VALUES>(bytes, 0).enumerate() {
        let value_at = at + pair.key.bytes.len();
        let parts = [
            (pair.key, at, layout.codes + nth),
            (pair.value, value_at, layout.values + nth),
        ];
        for (part, at, code_at) in parts {
            let len = part.bytes.len();
            if len > reference && found.is_none_or(|(most, _)| len > most) && part.code != ELSEWHERE
            {
                found = Some((len, Longest { at, len, code_at }));
            }
        }
        at = value_at + pair.value.bytes.len();
    }
    found.map(|(_, longest)| longest)
}

/// See [`longest`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Longest {
    at: usize,
    len: usize,
    code_at: usize,
}

impl Longest {
    /// The string.
    pub(super) fn text(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.at..self.at + self.len]
    }

    /// Replaces it by where it lies now.
    pub(super) fn move_to(self, block: &mut impl Block, place: &Encoded<'_>) {
        rewrite(block, self.code_at, self.at, place);
    }
}

/// Elements on their way into a block.
#[derive(Debug)]
pub(super) struct Parts<const VALUES: bool> {
    fingerprints: Vec<u8>,
    codes: Vec<u8>,
    values: Vec<u8>,
    elements: Vec<u8>,
}

impl<const VALUES: bool> Parts<VALUES> {
    /// None, in buffers that are used again.
    pub(super) fn borrow(leaves: &mut Leaves) -> Self {
        Self {
            fingerprints: leaves.borrow_scratch(),
            codes: leaves.borrow_scratch(),
            values: leaves.borrow_scratch(),
            elements: leaves.borrow_scratch(),
        }
    }

    /// Brings the buffers back.
    pub(super) fn give_back(self, leaves: &mut Leaves) {
        leaves.return_scratch(self.fingerprints);
        leaves.return_scratch(self.codes);
        leaves.return_scratch(self.values);
        leaves.return_scratch(self.elements);
    }

    /// One more.
    #[inline]
    pub(super) fn push(&mut self, pair: Pair<'_>) {
        self.fingerprints.push(pair.fingerprint);
        self.codes.push(pair.key.code);
        self.elements.extend_from_slice(pair.key.bytes);
        if VALUES {
            self.values.push(pair.value.code);
            self.elements.extend_from_slice(pair.value.bytes);
        }
    }

    /// Bytes of the block that they would be.
    pub(super) fn len(&self) -> usize {
        COUNT_BYTES + array_bytes::<VALUES>() * self.codes.len() + self.elements.len()
    }

    /// Writes them as the only contents of a block.
    pub(super) fn write(&self, block: &mut impl Block) {
        block.resize(self.len());
        let bytes = block.bytes_mut();
        bytes[..COUNT_BYTES].copy_from_slice(&EMPTY);
        set_count(bytes, self.codes.len());
        let mut at = COUNT_BYTES;
        for part in [
            &self.fingerprints,
            &self.codes,
            &self.values,
            &self.elements,
        ] {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
    }
}
