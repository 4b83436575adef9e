//! An entry's bytes: header, expiry where there is one, key, value; no pointers, so an entry can be moved by copying it.
//! Pure: reads and writes the bytes it is given.
//!
//! ```text
//! byte 0     form (4 bits; 0 is a hole), flags: expiry, edited, long key
//! byte 1     length of the key part, low 8 bits
//! bytes 2-3  access mark
//! bytes 4-5  length of the value part (13 bits), length of the key part (3 high bits)
//! 6 bytes    expiry, Unix milliseconds, if flagged
//! key part   the key; if it is long, its hash, and the key lies before the value in the extent
//! value part an integer's bytes without leading sign bytes; a string's bytes; an extent's number
//! ```

use super::extent::ExtentId;
use super::slab::{ClassId, HOLE, MAX_ENTRY_BYTES};
use super::value::{EMBEDDED_LIMIT_BYTES, StringEncoding};

/// Bytes of the header.
const HEADER_BYTES: usize = 6;

/// Bytes of an expiry: 48 bits of milliseconds reach the year 10889.
const EXPIRY_BYTES: usize = 6;

/// The latest expiry that can be kept; later ones are cut to it.
pub(crate) const LATEST_EXPIRY: u64 = (1 << 48) - 1;

/// The longest key that stands in the entry itself: 11 bits of length.
pub(super) const LONGEST_INLINE_KEY: usize = (1 << 11) - 1;

const FORM_MASK: u8 = 0x0f;
const HAS_EXPIRY: u8 = 0x10;
const EDITED: u8 = 0x20;
const LONG_KEY: u8 = 0x40;

/// How the value part is to be read. 0 is a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Form {
    /// A string that is an integer: 0 to 8 bytes, little-endian, sign-extended.
    Integer = 1,
    /// A string's bytes.
    Bytes = 2,
    /// The number of an extent that holds a string's bytes.
    Extent = 3,
    /// The number of an extent that holds a long key and an integer's digits.
    IntegerExtent = 4,
}

/// The first eight bytes of an entry as one number, from which all lengths are read.
#[derive(Clone, Copy, Debug)]
struct Header(u64);

impl Header {
    #[inline]
    fn read(bytes: &[u8]) -> Self {
        // The smallest class has 16 bytes, so there are always eight.
        Self(
            bytes
                .first_chunk::<8>()
                .map_or(0, |chunk| u64::from_le_bytes(*chunk)),
        )
    }

    #[inline]
    fn says(self, flag: u8) -> bool {
        self.0 & u64::from(flag) != 0
    }

    #[expect(clippy::cast_possible_truncation, reason = "11 bits")]
    #[inline]
    fn key_len(self) -> usize {
        ((self.0 >> 8) & 0xff | ((self.0 >> 45) << 8) & 0x700) as usize
    }

    #[inline]
    fn value_len(self) -> usize {
        ((self.0 >> 32) & 0x1fff) as usize
    }

    #[inline]
    fn key_at(self) -> usize {
        HEADER_BYTES + usize::from(self.says(HAS_EXPIRY)) * EXPIRY_BYTES
    }

    #[inline]
    fn len(self) -> usize {
        self.key_at() + self.key_len() + self.value_len()
    }
}

/// An entry to be read. Its bytes may go on behind its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    bytes: &'a [u8],
    header: Header,
}

impl<'a> Entry<'a> {
    /// The entry at the front of these bytes.
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            header: Header::read(bytes),
        }
    }

    /// `None` when this is a hole.
    #[inline]
    pub(super) fn form(self) -> Option<Form> {
        match self.header.0 & u64::from(FORM_MASK) {
            1 => Some(Form::Integer),
            2 => Some(Form::Bytes),
            3 => Some(Form::Extent),
            4 => Some(Form::IntegerExtent),
            _ => None,
        }
    }

    /// Bytes that the entry takes.
    #[inline]
    pub(super) fn len(self) -> usize {
        self.header.len()
    }

    /// The class in whose slab it lies.
    #[inline]
    pub(super) fn class(self) -> ClassId {
        ClassId::of(self.len())
    }

    /// When it expires, Unix milliseconds.
    #[inline]
    pub(super) fn expiry(self) -> Option<u64> {
        if !self.header.says(HAS_EXPIRY) {
            return None;
        }
        let bytes = self.bytes[HEADER_BYTES - 2..].first_chunk::<8>()?;
        Some(u64::from_le_bytes(*bytes) >> 16)
    }

    /// Whether its time has come.
    #[inline]
    pub(super) fn is_dead(self, now_ms: u64) -> bool {
        self.expiry().is_some_and(|at| at <= now_ms)
    }

    /// Whether this is the key; never so for a long one, which is not here.
    #[inline]
    pub(super) fn has_short_key(self, key: &[u8]) -> bool {
        self.header.key_len() == key.len()
            && !self.header.says(LONG_KEY)
            && self
                .bytes
                .get(self.header.key_at()..self.header.key_at() + key.len())
                .is_some_and(|ours| same(ours, key))
    }

    /// Whether all of it stands here: no extent and no long key.
    #[inline]
    pub(super) fn is_whole(self) -> bool {
        matches!(self.form(), Some(Form::Integer | Form::Bytes))
    }

    /// Whether the key part is a hash and the key lies in the extent.
    #[inline]
    pub(super) fn has_long_key(self) -> bool {
        self.header.says(LONG_KEY)
    }

    /// The key, or the hash of a long one.
    #[inline]
    pub(super) fn key_part(self) -> &'a [u8] {
        &self.bytes[self.header.key_at()..][..self.header.key_len()]
    }

    /// The hash of a long key.
    pub(super) fn long_key_hash(self) -> u64 {
        let hash = self.key_part().first_chunk::<8>();
        hash.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// The value part.
    #[inline]
    pub(super) fn value_part(self) -> &'a [u8] {
        &self.bytes[self.header.key_at() + self.header.key_len()..][..self.header.value_len()]
    }

    /// The value of an entry in integer form.
    #[inline]
    pub(super) fn integer(self) -> i64 {
        let part = self.value_part();
        let Some(&top) = part.last() else {
            return 0;
        };
        // All bytes above the last are its sign.
        let mut bytes = [if top & 0x80 == 0 { 0 } else { 0xff }; 8];
        for (to, from) in bytes.iter_mut().zip(part) {
            *to = *from;
        }
        i64::from_le_bytes(bytes)
    }

    /// The extent of an entry that has one.
    pub(super) fn extent(self) -> Option<ExtentId> {
        if !matches!(self.form(), Some(Form::Extent | Form::IntegerExtent)) {
            return None;
        }
        let number = self.value_part().first_chunk::<4>()?;
        Some(ExtentId(u32::from_le_bytes(*number)))
    }

    /// The access mark.
    #[inline]
    pub(super) fn mark(self) -> u16 {
        let [_, _, low, high, ..] = self.header.0.to_le_bytes();
        u16::from_le_bytes([low, high])
    }

    /// What OBJECT ENCODING says.
    pub(super) fn encoding(self) -> StringEncoding {
        match self.form() {
            Some(Form::Integer | Form::IntegerExtent) => StringEncoding::Integer,
            Some(Form::Bytes)
                if !self.header.says(EDITED) && self.header.value_len() <= EMBEDDED_LIMIT_BYTES =>
            {
                StringEncoding::Embedded
            }
            _ => StringEncoding::Raw,
        }
    }

    /// Whether it was edited in place.
    pub(super) fn is_edited(self) -> bool {
        self.header.says(EDITED)
    }
}

/// Whether two slices of one length are equal. Keys are short: eight bytes a step here are cheaper than calling a comparison of any length.
#[inline]
fn same(ours: &[u8], theirs: &[u8]) -> bool {
    let word = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
    match (ours.last_chunk::<8>(), theirs.last_chunk::<8>()) {
        (Some(our_end), Some(their_end)) if ours.len() <= SHORT_KEY => {
            // The last word overlaps the one before.
            let mut words = ours.as_chunks().0.iter().zip(theirs.as_chunks().0);
            word(our_end) == word(their_end) && words.all(|(one, other)| word(one) == word(other))
        }
        _ => ours == theirs,
    }
}

/// Longer keys are left to the system's comparison.
const SHORT_KEY: usize = 64;

/// Writes an access mark.
#[inline]
pub(super) fn set_mark(entry: &mut [u8], mark: u16) {
    entry[2..4].copy_from_slice(&mark.to_le_bytes());
}

/// Overwrites the expiry of an entry that has one.
pub(super) fn set_expiry(entry: &mut [u8], at_ms: u64) {
    let bytes = at_ms.min(LATEST_EXPIRY).to_le_bytes();
    entry[HEADER_BYTES..HEADER_BYTES + EXPIRY_BYTES].copy_from_slice(&bytes[..EXPIRY_BYTES]);
}

/// Gives another value and mark to an entry without an extent; its class has room for it. It is no longer an edited one.
#[inline]
pub(super) fn replace_value(entry: &mut [u8], form: Form, part: &[u8], mark: u16) {
    let header = Header::read(entry);
    let value_at = header.key_at() + header.key_len();
    entry[value_at..value_at + part.len()].copy_from_slice(part);
    let kept = u64::from(HAS_EXPIRY) | 0xff << 8 | 0x7 << 45;
    let new = header.0 & kept | form as u64 | u64::from(mark) << 16 | (part.len() as u64) << 32;
    entry[..HEADER_BYTES].copy_from_slice(&new.to_le_bytes()[..HEADER_BYTES]);
}

/// Marks an entry, whose value is bytes, as edited in place.
pub(super) fn set_edited(entry: &mut [u8]) {
    entry[0] |= EDITED;
}

/// Marks an entry with an extent as one of bytes edited in place.
pub(super) fn set_edited_extent(entry: &mut [u8]) {
    entry[0] = entry[0] & !FORM_MASK | Form::Extent as u8 | EDITED;
}

/// Lets an entry in bytes form have a longer value, new bytes zero; the class has room for it.
pub(super) fn grow_value(entry: &mut [u8], value_len: usize) {
    let header = Header::read(entry);
    let end = header.len();
    let grown = header.key_at() + header.key_len() + value_len;
    debug_assert!(
        grown >= end && grown <= MAX_ENTRY_BYTES,
        "only grows, within a class"
    );
    entry[end..grown].fill(0);
    write_lengths(entry, header.key_len(), value_len);
}

/// The bytes of the value part.
#[inline]
pub(super) fn value_part_mut(entry: &mut [u8]) -> &mut [u8] {
    let header = Header::read(entry);
    &mut entry[header.key_at() + header.key_len()..][..header.value_len()]
}

#[inline]
fn write_lengths(entry: &mut [u8], key_len: usize, value_len: usize) {
    #[expect(clippy::cast_possible_truncation, reason = "11 and 13 bits")]
    let (low, word) = (key_len as u8, (value_len | key_len >> 8 << 13) as u16);
    entry[1] = low;
    entry[4..6].copy_from_slice(&word.to_le_bytes());
}

/// The shortest little-endian bytes of an integer, in a buffer of eight.
#[derive(Clone, Copy, Debug)]
pub(super) struct IntegerBytes {
    bytes: [u8; 8],
    len: usize,
}

impl IntegerBytes {
    /// Of this number.
    #[inline]
    pub(super) fn new(number: i64) -> Self {
        // Bits that a sign bit above them makes whole again.
        let sign_bits = if number < 0 {
            number.leading_ones()
        } else {
            number.leading_zeros()
        };
        let bits = if number == 0 { 0 } else { 65 - sign_bits };
        Self {
            bytes: number.to_le_bytes(),
            len: bits.div_ceil(8) as usize,
        }
    }

    /// The bytes.
    #[inline]
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// An entry to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draft<'a> {
    /// How the value part is to be read.
    pub(super) form: Form,
    /// Whether the value was edited in place.
    pub(super) edited: bool,
    /// Whether the key part is a hash.
    pub(super) long_key: bool,
    /// Unix milliseconds.
    pub(super) expiry: Option<u64>,
    /// Access mark.
    pub(super) mark: u16,
    /// At most [`LONGEST_INLINE_KEY`] bytes.
    pub(super) key_part: &'a [u8],
    /// As the form says.
    pub(super) value_part: &'a [u8],
}

impl Draft<'_> {
    /// Bytes that the entry will take.
    #[inline]
    pub(super) fn len(&self) -> usize {
        HEADER_BYTES
            + usize::from(self.expiry.is_some()) * EXPIRY_BYTES
            + self.key_part.len()
            + self.value_part.len()
    }

    /// Writes the entry to the front of `to`.
    #[inline]
    pub(super) fn write(&self, to: &mut [u8]) {
        debug_assert!(self.len() <= MAX_ENTRY_BYTES && self.key_part.len() <= LONGEST_INLINE_KEY);
        let mut first = self.form as u8;
        debug_assert_ne!(first, HOLE);
        if self.expiry.is_some() {
            first |= HAS_EXPIRY;
        }
        if self.edited {
            first |= EDITED;
        }
        if self.long_key {
            first |= LONG_KEY;
        }
        to[0] = first;
        set_mark(to, self.mark);
        write_lengths(to, self.key_part.len(), self.value_part.len());
        let mut at = HEADER_BYTES;
        if let Some(expiry) = self.expiry {
            set_expiry(to, expiry);
            at += EXPIRY_BYTES;
        }
        let value_at = at + self.key_part.len();
        to[at..value_at].copy_from_slice(self.key_part);
        to[value_at..value_at + self.value_part.len()].copy_from_slice(self.value_part);
    }
}

/// Whether key and value stand in an entry of a slab; otherwise the value needs an extent.
#[inline]
pub(super) fn fits_slab(key_len: usize, value_len: usize, expires: bool) -> bool {
    key_len <= LONGEST_INLINE_KEY
        && HEADER_BYTES + usize::from(expires) * EXPIRY_BYTES + key_len + value_len
            <= MAX_ENTRY_BYTES
}

#[cfg(test)]
mod tests {
    use super::{
        Draft, Entry, Form, IntegerBytes, LATEST_EXPIRY, LONGEST_INLINE_KEY, grow_value, set_expiry,
    };
    use crate::store::value::StringEncoding;

    #[test]
    fn entries_are_read_as_they_were_written() {
        let long = vec![b'k'; LONGEST_INLINE_KEY];
        for key in [&b""[..], b"k", b"a key of some length", &long] {
            for value_len in [0, 1, 44, 45, 2000] {
                for expiry in [None, Some(0), Some(1_700_000_000_000), Some(LATEST_EXPIRY)] {
                    let value = vec![b'v'; value_len];
                    let draft = Draft {
                        form: Form::Bytes,
                        edited: false,
                        long_key: false,
                        expiry,
                        mark: 0xbeef,
                        key_part: key,
                        value_part: &value,
                    };
                    let mut bytes = vec![0xaa; 4200];
                    draft.write(&mut bytes);
                    let entry = Entry::new(&bytes);
                    assert_eq!(entry.len(), draft.len());
                    assert_eq!(entry.form(), Some(Form::Bytes));
                    assert_eq!(entry.key_part(), key);
                    assert_eq!(entry.value_part(), value);
                    assert_eq!(entry.expiry(), expiry);
                    assert_eq!(entry.mark(), 0xbeef);
                    let embedded = entry.encoding() == StringEncoding::Embedded;
                    assert_eq!(embedded, value_len <= 44);
                    grow_value(&mut bytes, value_len + 5);
                    assert_eq!(Entry::new(&bytes).key_part(), key);
                    assert_eq!(Entry::new(&bytes).value_part()[value_len..], [0; 5]);
                    if expiry.is_some() {
                        set_expiry(&mut bytes, u64::MAX);
                        assert_eq!(Entry::new(&bytes).expiry(), Some(LATEST_EXPIRY));
                    }
                }
            }
        }
    }

    #[test]
    fn integers_take_as_few_bytes_as_they_can() {
        let cases = [
            (0, 0),
            (1, 1),
            (-1, 1),
            (127, 1),
            (128, 2),
            (-128, 1),
            (-129, 2),
            (32767, 2),
            (32768, 3),
            (99_999, 3),
            (i64::MAX, 8),
            (i64::MIN, 8),
            (1 << 40, 6),
            (-(1 << 40), 6),
        ];
        for (number, len) in cases {
            let part = IntegerBytes::new(number);
            assert_eq!(part.as_bytes().len(), len, "{number}");
            let draft = Draft {
                form: Form::Integer,
                edited: false,
                long_key: false,
                expiry: None,
                mark: 0,
                key_part: b"key",
                value_part: part.as_bytes(),
            };
            let mut bytes = [0xff; 64];
            draft.write(&mut bytes);
            assert_eq!(Entry::new(&bytes).integer(), number);
        }
    }
}
