//! [`Sought`]: an element that is looked for.
//! Pure.

use super::Leaves;
use crate::store::value::codes::{ELSEWHERE, Encoded, Stored};

/// What is looked for: an element's text, how it would be written, its hash.
#[derive(Clone, Copy, Debug)]
pub(in crate::store::value) struct Sought<'a> {
    pub(in crate::store::value) text: &'a [u8],
    /// `None` for a string that lies elsewhere.
    pub(in crate::store::value) inline: Option<Encoded<'a>>,
    pub(in crate::store::value) hash: u64,
}

impl Sought<'_> {
    /// Eight bits that are kept beside an element, apart from those that choose its leaf.
    #[inline]
    pub(in crate::store::value) fn fingerprint(&self) -> u8 {
        fingerprint(self.hash)
    }

    /// The code it would be written with.
    #[inline]
    pub(in crate::store::value) fn code(&self) -> u8 {
        self.inline.map_or(ELSEWHERE, |encoded| encoded.code)
    }

    /// Whether this is the stored element. A short one may have been moved elsewhere too.
    #[inline]
    pub(in crate::store::value) fn is(&self, leaves: &Leaves, stored: Stored<'_>) -> bool {
        if let Some(place) = stored.elsewhere() {
            return place.hash == low_half(self.hash)
                && place.len as usize == self.text.len()
                && leaves.long(place) == self.text;
        }
        self.inline
            .is_some_and(|encoded| encoded.code == stored.code && encoded.bytes() == stored.bytes)
    }
}

/// See [`Sought::fingerprint`].
#[inline]
pub(in crate::store::value) fn fingerprint(hash: u64) -> u8 {
    hash.to_be_bytes()[0]
}

/// The half of a hash that chooses a leaf.
#[expect(clippy::cast_possible_truncation, reason = "the half that is wanted")]
#[inline]
pub(in crate::store::value) fn low_half(hash: u64) -> u32 {
    hash as u32
}
