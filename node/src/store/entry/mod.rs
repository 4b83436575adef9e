//! An entry's bytes: header, expiry where there is one, key, value; no pointers, so an entry can be moved by copying it.
//! Pure: reads the bytes it is given; [`draft`] writes them.
//!
//! ```text
//! byte 0     kind of value (4 bits; 0 is a hole), flavour of the kind (2 bits), flags: expiry, long key
//! byte 1     length of the key part, low 8 bits
//! bytes 2-3  access mark
//! bytes 4-5  length of the value part (12 bits), length of the key part (2 high bits), place of the value (2 bits)
//! 6 bytes    expiry, if flagged: Unix milliseconds in 47 bits above a bit that is 0; where that bit is 1, 8 bytes with 63 bits
//! key part   the key; if it is long, its hash and the number of the extent that holds it
//! value part the value; the number of an extent that holds it; or the number of an object that holds it
//! ```
//!
//! What a value is (kind, flavour), where it lies (place) and where its key lies (long or not) are independent of each other.

mod draft;
mod kind;

pub(super) use draft::{
    Draft, LongKey, fits_slab, most_value_bytes, move_value_end, replace_value, set_expiry,
    set_form, set_mark, value_part_mut,
};
pub use kind::Kind;
pub(super) use kind::{Form, Place};

use super::extent::ExtentId;
use super::object::ObjectId;
use super::slab::ClassId;

/// Bytes of the header.
const HEADER_BYTES: usize = 6;

/// Bytes of an expiry that 47 bits hold: until the year 6429.
const EXPIRY_BYTES: usize = 6;

/// More bytes of one that they do not.
const LATE_EXPIRY_BYTES: usize = 2;

/// The latest expiry in 47 bits.
const LATEST_SHORT_EXPIRY: u64 = (1 << 47) - 1;

/// The longest key that stands in the entry itself: 10 bits of length.
pub(super) const LONGEST_INLINE_KEY: usize = (1 << 10) - 1;

const KIND_MASK: u8 = 0x0f;
const FORM_MASK: u8 = 0x3f;
const HAS_EXPIRY: u8 = 0x40;
const LONG_KEY: u8 = 0x80;

const VALUE_LEN_AT: u32 = 32;
const VALUE_LEN_MASK: u64 = 0xfff;
const KEY_LEN_HIGH_AT: u32 = 44;
const PLACE_AT: u32 = 46;
/// The lowest bit of an expiry, which says that it has eight bytes.
const LATE_AT: u32 = 48;

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

    #[expect(clippy::cast_possible_truncation, reason = "10 bits")]
    #[inline]
    fn key_len(self) -> usize {
        ((self.0 >> 8) & 0xff | ((self.0 >> KEY_LEN_HIGH_AT) << 8) & 0x300) as usize
    }

    #[inline]
    fn value_len(self) -> usize {
        ((self.0 >> VALUE_LEN_AT) & VALUE_LEN_MASK) as usize
    }

    #[inline]
    fn expiry_bytes(self) -> usize {
        if !self.says(HAS_EXPIRY) {
            return 0;
        }
        EXPIRY_BYTES + usize::from(self.0 >> LATE_AT & 1 == 1) * LATE_EXPIRY_BYTES
    }

    #[inline]
    fn key_at(self) -> usize {
        HEADER_BYTES + self.expiry_bytes()
    }

    #[inline]
    fn value_at(self) -> usize {
        self.key_at() + self.key_len()
    }

    #[inline]
    fn len(self) -> usize {
        self.value_at() + self.value_len()
    }
}

/// Bytes that an expiry takes.
#[inline]
fn expiry_bytes(expiry: Option<u64>) -> usize {
    match expiry {
        None => 0,
        Some(..=LATEST_SHORT_EXPIRY) => EXPIRY_BYTES,
        Some(_) => EXPIRY_BYTES + LATE_EXPIRY_BYTES,
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

    /// `None` when this is not the entry of a key: a hole.
    #[inline]
    pub(super) fn kind(self) -> Option<Kind> {
        Kind::of(self.header.0.to_le_bytes()[0] & KIND_MASK)
    }

    /// Kind and flavour.
    #[inline]
    pub(super) fn form(self) -> Form {
        Form(self.header.0.to_le_bytes()[0] & FORM_MASK)
    }

    /// Where the value lies.
    #[inline]
    pub(super) fn place(self) -> Place {
        match self.header.0 >> PLACE_AT & 0b11 {
            0 => Place::Inline,
            1 => Place::Extent,
            _ => Place::Object,
        }
    }

    /// Whether the value stands here and has this form but for the flavour's bits in `loose`: one comparison.
    #[inline]
    pub(super) fn is_inline(self, form: Form, loose: u8) -> bool {
        let mask = u64::from(FORM_MASK & !Form::flavour_bits(loose)) | 0b11 << PLACE_AT;
        self.header.0 & mask == u64::from(form.0)
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
        let bytes = self.bytes[HEADER_BYTES..].first_chunk::<8>()?;
        let field = u64::from_le_bytes(*bytes);
        let unused_bits = if field & 1 == 1 { 0 } else { 16 };
        Some(field << unused_bits >> (unused_bits + 1))
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

    /// The hash of a long key, and the extent that holds it; `None` when the key stands here.
    #[inline]
    pub(super) fn long_key(self) -> Option<LongKey> {
        if self.header.says(LONG_KEY) {
            LongKey::read(self.key_part())
        } else {
            None
        }
    }

    /// The key, or what stands for a long one.
    #[inline]
    pub(super) fn key_part(self) -> &'a [u8] {
        &self.bytes[self.header.key_at()..][..self.header.key_len()]
    }

    /// The value, or the number of what holds it.
    #[inline]
    pub(super) fn value_part(self) -> &'a [u8] {
        &self.bytes[self.header.value_at()..][..self.header.value_len()]
    }

    fn number(self) -> Option<u32> {
        let number = self.value_part().first_chunk::<4>()?;
        Some(u32::from_le_bytes(*number))
    }

    /// The extent that holds the value, if one does.
    #[inline]
    pub(super) fn extent(self) -> Option<ExtentId> {
        if self.place() == Place::Extent {
            self.number().map(ExtentId)
        } else {
            None
        }
    }

    /// The object that holds the value, if one does.
    #[inline]
    pub(super) fn object(self) -> Option<ObjectId> {
        if self.place() == Place::Object {
            self.number().map(ObjectId)
        } else {
            None
        }
    }

    /// The access mark.
    #[inline]
    pub(super) fn mark(self) -> u16 {
        let [_, _, low, high, ..] = self.header.0.to_le_bytes();
        u16::from_le_bytes([low, high])
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

#[cfg(test)]
mod tests;
