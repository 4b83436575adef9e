//! What every block begins with, six bytes: its class (7 bits above a one, so that it is no hole), its length (12), its number (28).
//! Pure.

use crate::store::slab::ClassId;

/// Bytes of a block's own header.
pub(super) const HEADER_BYTES: usize = 6;

/// Bits of a number: 268 million blocks, which are 32 GiB, all that handles reach, at 120 bytes each.
pub(super) const ID_BITS: u32 = 28;

/// The header of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) class: ClassId,
    pub(super) len: usize,
    pub(super) id: u32,
}

impl Header {
    #[expect(clippy::cast_possible_truncation, reason = "masked to their bits")]
    #[inline]
    pub(super) fn read(bytes: &[u8]) -> Self {
        let word = bytes
            .first_chunk::<8>()
            .map_or(0, |chunk| u64::from_le_bytes(*chunk));
        let class = ClassId::new((word >> 1 & 0x7f) as usize);
        Self {
            class: class.expect("a block's class is one of ours"),
            len: (word >> 8 & 0xfff) as usize,
            id: (word >> 20) as u32 & ((1 << ID_BITS) - 1),
        }
    }

    /// The length alone.
    #[inline]
    pub(super) fn len(bytes: &[u8]) -> usize {
        // Behind the class's byte.
        let both = bytes[1..].first_chunk::<2>();
        both.map_or(0, |both| usize::from(u16::from_le_bytes(*both) & 0xfff))
    }

    #[inline]
    pub(super) fn write(self, bytes: &mut [u8]) {
        let word = 1
            | (self.class.number() as u64) << 1
            | (self.len as u64) << 8
            | u64::from(self.id) << 20;
        bytes[..HEADER_BYTES].copy_from_slice(&word.to_le_bytes()[..HEADER_BYTES]);
    }
}

/// The class of a block of so many bytes: every other one above 256, for blocks that grow and shrink change their class half as often.
#[inline]
pub(super) fn class_of(bytes: usize) -> ClassId {
    if bytes <= 256 {
        return ClassId::of(bytes);
    }
    let step = 1 << ((bytes - 1).ilog2() - 3);
    ClassId::of(bytes.next_multiple_of(step))
}
