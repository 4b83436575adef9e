//! [`Block`]: bytes that grow and shrink at their end, and gaps opened and closed in them.
//! Pure.

/// Bytes that collections are packed into: a leaf, or a buffer on its way to or from a key's entry.
pub(super) trait Block {
    /// All of them.
    fn bytes(&self) -> &[u8];

    /// The same, to be written.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// Lets there be `len` bytes: those that were there stay as they are, what new ones hold is not said.
    fn resize(&mut self, len: usize);
}

impl Block for Vec<u8> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }

    fn resize(&mut self, len: usize) {
        Vec::resize(self, len, 0);
    }
}

/// The number at `at`.
#[inline]
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes[at..]
        .first_chunk::<2>()
        .map_or(0, |chunk| u16::from_le_bytes(*chunk))
}

/// The number at `at`.
#[inline]
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..]
        .first_chunk::<4>()
        .map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

/// Writes the number at `at`.
#[inline]
pub(super) fn put_u16(bytes: &mut [u8], at: usize, number: u16) {
    bytes[at..at + 2].copy_from_slice(&number.to_le_bytes());
}

/// Writes the number at `at`.
#[inline]
pub(super) fn put_u32(bytes: &mut [u8], at: usize, number: u32) {
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

/// A length within a block, which always fits.
#[inline]
pub(super) fn short(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}

/// A count of elements, which there are fewer of than 2³² in a collection.
#[inline]
pub(super) fn count32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// An element's count or place as an index: 64 bits wide wherever this runs.
#[inline]
pub(super) fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Bytes of the count that every packed block begins with.
pub(super) const COUNT_BYTES: usize = 2;

/// Two flags stand above the count.
pub(super) const FIRST_FLAG: u16 = 1 << 14;
pub(super) const SECOND_FLAG: u16 = 1 << 15;

const COUNT_MASK: u16 = FIRST_FLAG - 1;

/// How many elements a block says that it holds.
#[inline]
pub(super) fn count(bytes: &[u8]) -> usize {
    usize::from(u16_at(bytes, 0) & COUNT_MASK)
}

/// Writes that; flags stay.
#[inline]
pub(super) fn set_count(bytes: &mut [u8], count: usize) {
    let flags = u16_at(bytes, 0) & !COUNT_MASK;
    put_u16(bytes, 0, flags | short(count) & COUNT_MASK);
}

/// Whether a flag is set.
#[inline]
pub(super) fn has_flag(bytes: &[u8], flag: u16) -> bool {
    u16_at(bytes, 0) & flag != 0
}

/// Sets a flag.
pub(super) fn set_flag(bytes: &mut [u8], flag: u16) {
    let word = u16_at(bytes, 0) | flag;
    put_u16(bytes, 0, word);
}

/// Makes room: each gap is (where in the block as it is, bytes), in ascending order. The new bytes hold what they held.
#[inline]
pub(super) fn open<const GAPS: usize>(block: &mut impl Block, gaps: [(usize, usize); GAPS]) {
    let len = block.bytes().len();
    let mut shift: usize = gaps.iter().map(|gap| gap.1).sum();
    block.resize(len + shift);
    let bytes = block.bytes_mut();
    let mut end = len;
    for (at, wide) in gaps.into_iter().rev() {
        if shift > 0 && at < end {
            bytes.copy_within(at..end, at + shift);
        }
        shift -= wide;
        end = at;
    }
}

/// Takes bytes out: each gap is (where in the block as it is, bytes), in ascending order, none overlapping.
#[inline]
pub(super) fn close<const GAPS: usize>(block: &mut impl Block, gaps: [(usize, usize); GAPS]) {
    let bytes = block.bytes_mut();
    let len = bytes.len();
    let mut shift = 0;
    for (nth, &(at, wide)) in gaps.iter().enumerate() {
        shift += wide;
        let end = gaps.get(nth + 1).map_or(len, |next| next.0);
        if shift > 0 && at + wide < end {
            bytes.copy_within(at + wide..end, at + wide - shift);
        }
    }
    block.resize(len - shift);
}

#[cfg(test)]
mod tests {
    use super::{Block, close, open};

    #[test]
    fn gaps_open_and_close_where_they_are_told() {
        let mut block: Vec<u8> = (0..10).collect();
        open(&mut block, [(0, 1), (3, 0), (5, 2), (10, 3)]);
        assert_eq!(block.len(), 16);
        assert_eq!(block[1..6], [0, 1, 2, 3, 4]);
        assert_eq!(block[8..13], [5, 6, 7, 8, 9]);
        close(&mut block, [(0, 1), (6, 2), (7 + 1, 0), (13, 3)]);
        assert_eq!(block.bytes(), (0..10).collect::<Vec<u8>>());
        close(&mut block, [(2, 3), (5, 1)]);
        assert_eq!(block.bytes(), [0, 1, 6, 7, 8, 9]);
    }
}
