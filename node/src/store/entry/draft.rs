//! Writing entries: whole ones ([`Draft`]), and the parts that change where they are.
//! Pure: writes the bytes it is given. Invariant: whoever lets a value grow has seen to it that the class has room.

use super::{
    EXPIRY_BYTES, FORM_MASK, Form, HAS_EXPIRY, HEADER_BYTES, Header, KEY_LEN_HIGH_AT,
    LATE_EXPIRY_BYTES, LATEST_SHORT_EXPIRY, LONG_KEY, LONGEST_INLINE_KEY, PLACE_AT, Place,
    VALUE_LEN_AT, expiry_bytes,
};
use crate::store::extent::ExtentId;
use crate::store::key::KeyHash;
use crate::store::slab::{HOLE, MAX_ENTRY_BYTES};

/// What stands for a long key in its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct LongKey {
    /// Its hash, so that it need not be computed anew.
    pub(in crate::store) hash: KeyHash,
    /// What holds it.
    pub(in crate::store) extent: ExtentId,
}

/// Bytes of that.
const LONG_KEY_BYTES: usize = 12;

impl LongKey {
    /// As bytes of a key part.
    pub(in crate::store) fn bytes(self) -> [u8; LONG_KEY_BYTES] {
        let mut bytes = [0; LONG_KEY_BYTES];
        bytes[..8].copy_from_slice(&self.hash.0.to_le_bytes());
        bytes[8..].copy_from_slice(&self.extent.0.to_le_bytes());
        bytes
    }

    pub(super) fn read(part: &[u8]) -> Option<Self> {
        let hash = u64::from_le_bytes(*part.first_chunk()?);
        let extent = u32::from_le_bytes(*part[8..].first_chunk()?);
        Some(Self {
            hash: KeyHash(hash),
            extent: ExtentId(extent),
        })
    }
}

/// An entry to be written.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Draft<'a> {
    /// Kind and flavour.
    pub(in crate::store) form: Form,
    /// Where the value lies.
    pub(in crate::store) place: Place,
    /// Whether the key part is a [`LongKey`].
    pub(in crate::store) long_key: bool,
    /// Unix milliseconds.
    pub(in crate::store) expiry: Option<u64>,
    /// Access mark.
    pub(in crate::store) mark: u16,
    /// At most [`LONGEST_INLINE_KEY`] bytes.
    pub(in crate::store) key_part: &'a [u8],
    /// As the place says.
    pub(in crate::store) value_part: &'a [u8],
}

impl Draft<'_> {
    /// Bytes that the entry will take.
    #[inline]
    pub(in crate::store) fn len(&self) -> usize {
        HEADER_BYTES + expiry_bytes(self.expiry) + self.key_part.len() + self.value_part.len()
    }

    /// Writes the entry to the front of `to`.
    #[inline]
    pub(in crate::store) fn write(&self, to: &mut [u8]) {
        debug_assert!(self.len() <= MAX_ENTRY_BYTES && self.key_part.len() <= LONGEST_INLINE_KEY);
        let mut first = self.form.0;
        debug_assert_ne!(first, HOLE);
        if self.expiry.is_some() {
            first |= HAS_EXPIRY;
        }
        if self.long_key {
            first |= LONG_KEY;
        }
        let (key_len, value_len) = (self.key_part.len() as u64, self.value_part.len() as u64);
        let header = u64::from(first)
            | (key_len & 0xff) << 8
            | u64::from(self.mark) << 16
            | value_len << VALUE_LEN_AT
            | (key_len >> 8) << KEY_LEN_HIGH_AT
            | (self.place as u64) << PLACE_AT;
        to[..HEADER_BYTES].copy_from_slice(&header.to_le_bytes()[..HEADER_BYTES]);
        let mut at = HEADER_BYTES;
        if let Some(expiry) = self.expiry {
            write_expiry(to, expiry);
            at += expiry_bytes(self.expiry);
        }
        let value_at = at + self.key_part.len();
        to[at..value_at].copy_from_slice(self.key_part);
        to[value_at..value_at + self.value_part.len()].copy_from_slice(self.value_part);
    }
}

/// Whether a key part and a value stand in an entry of a slab; otherwise the value lies elsewhere.
#[inline]
pub(in crate::store) fn fits_slab(
    key_part_len: usize,
    value_len: usize,
    expiry: Option<u64>,
) -> bool {
    HEADER_BYTES + expiry_bytes(expiry) + key_part_len + value_len <= MAX_ENTRY_BYTES
}

/// Bytes of the longest value that stands in the entry of a key of so many bytes, whether it expires or not.
pub(in crate::store) fn most_value_bytes(key_len: usize) -> usize {
    let key_part_len = if key_len <= LONGEST_INLINE_KEY {
        key_len
    } else {
        LONG_KEY_BYTES
    };
    MAX_ENTRY_BYTES - HEADER_BYTES - EXPIRY_BYTES - LATE_EXPIRY_BYTES - key_part_len
}

fn write_expiry(entry: &mut [u8], at_ms: u64) {
    let is_late = at_ms > LATEST_SHORT_EXPIRY;
    let field = (at_ms << 1 | u64::from(is_late)).to_le_bytes();
    let bytes = EXPIRY_BYTES + usize::from(is_late) * LATE_EXPIRY_BYTES;
    entry[HEADER_BYTES..HEADER_BYTES + bytes].copy_from_slice(&field[..bytes]);
}

/// Overwrites the expiry of an entry that has one of as many bytes. `false`, with nothing changed, when it has not.
#[inline]
pub(in crate::store) fn set_expiry(entry: &mut [u8], at_ms: u64) -> bool {
    let fits = Header::read(entry).expiry_bytes() == expiry_bytes(Some(at_ms));
    if fits {
        write_expiry(entry, at_ms);
    }
    fits
}

/// Writes an access mark.
#[inline]
pub(in crate::store) fn set_mark(entry: &mut [u8], mark: u16) {
    entry[2..4].copy_from_slice(&mark.to_le_bytes());
}

/// Writes kind and flavour.
#[inline]
pub(in crate::store) fn set_form(entry: &mut [u8], form: Form) {
    entry[0] = entry[0] & !FORM_MASK | form.0;
}

/// Gives another value and mark to an entry whose value stands in it; its class has room for it.
#[inline]
pub(in crate::store) fn replace_value(entry: &mut [u8], form: Form, part: &[u8], mark: u16) {
    let header = Header::read(entry);
    let value_at = header.value_at();
    entry[value_at..value_at + part.len()].copy_from_slice(part);
    let kept = u64::from(HAS_EXPIRY | LONG_KEY) | 0xff << 8 | 0b11 << KEY_LEN_HIGH_AT;
    let new = header.0 & kept
        | u64::from(form.0)
        | u64::from(mark) << 16
        | (part.len() as u64) << VALUE_LEN_AT;
    entry[..HEADER_BYTES].copy_from_slice(&new.to_le_bytes()[..HEADER_BYTES]);
}

/// Lets a value that stands in its entry have another length; new bytes are zeros, and the class has room for them.
pub(in crate::store) fn move_value_end(entry: &mut [u8], value_len: usize) {
    let header = Header::read(entry);
    let (end, new_end) = (header.len(), header.value_at() + value_len);
    debug_assert!(new_end <= MAX_ENTRY_BYTES, "within a class");
    if new_end > end {
        entry[end..new_end].fill(0);
    }
    let kept = !(super::VALUE_LEN_MASK << VALUE_LEN_AT);
    let new = header.0 & kept | (value_len as u64) << VALUE_LEN_AT;
    entry[..HEADER_BYTES].copy_from_slice(&new.to_le_bytes()[..HEADER_BYTES]);
}

/// The bytes of the value part.
#[inline]
pub(in crate::store) fn value_part_mut(entry: &mut [u8]) -> &mut [u8] {
    let header = Header::read(entry);
    &mut entry[header.value_at()..][..header.value_len()]
}
