//! [`StreamId`]: what names an entry of a stream, and orders it.
//! Pure.

/// An entry's name: Unix milliseconds, and which one of that millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId {
    /// Milliseconds, as a rule since 1970.
    pub ms: u64,
    /// The number within them.
    pub seq: u64,
}

/// Bytes of an identifier where it is kept.
pub(super) const ID_BYTES: usize = StreamId::BYTES;

/// `18446744073709551615-18446744073709551615`.
const LONGEST_TEXT: usize = 41;

/// An identifier as clients see it.
#[derive(Clone, Copy, Debug)]
pub struct StreamIdText {
    bytes: [u8; LONGEST_TEXT],
    len: usize,
}

impl StreamIdText {
    /// `ms-seq`.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl StreamId {
    /// Bytes that it is as bytes.
    pub const BYTES: usize = 16;

    /// Below all entries.
    pub const MIN: Self = Self { ms: 0, seq: 0 };

    /// The last one that there can be.
    pub const MAX: Self = Self {
        ms: u64::MAX,
        seq: u64::MAX,
    };

    /// The one behind it; `None` behind the last.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        if let Some(seq) = self.seq.checked_add(1) {
            return Some(Self { seq, ..self });
        }
        let ms = self.ms.checked_add(1)?;
        Some(Self { ms, seq: 0 })
    }

    /// The one before it; `None` before the first.
    #[must_use]
    pub fn previous(self) -> Option<Self> {
        if let Some(seq) = self.seq.checked_sub(1) {
            return Some(Self { seq, ..self });
        }
        let (ms, seq) = (self.ms.checked_sub(1)?, u64::MAX);
        Some(Self { ms, seq })
    }

    /// As clients see it.
    #[must_use]
    pub fn text(self) -> StreamIdText {
        let (mut ms, mut seq) = (itoa::Buffer::new(), itoa::Buffer::new());
        let (ms, seq) = (ms.format(self.ms), seq.format(self.seq));
        let mut bytes = [0; LONGEST_TEXT];
        bytes[..ms.len()].copy_from_slice(ms.as_bytes());
        bytes[ms.len()] = b'-';
        let (begin, len) = (ms.len() + 1, ms.len() + 1 + seq.len());
        bytes[begin..len].copy_from_slice(seq.as_bytes());
        StreamIdText { bytes, len }
    }

    /// As bytes, in whose order they are in their own.
    #[must_use]
    pub fn to_bytes(self) -> [u8; ID_BYTES] {
        (u128::from(self.ms) << 64 | u128::from(self.seq)).to_be_bytes()
    }

    /// Of the sixteen bytes at the front.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let chunk = bytes.first_chunk::<ID_BYTES>();
        chunk.map_or(Self::MIN, |chunk| Self::of_bytes(*chunk))
    }

    /// What [`Self::to_bytes`] gave.
    #[must_use]
    pub fn of_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let number = u128::from_be_bytes(bytes);
        let [ms, seq] = [number >> 64, number & u128::from(u64::MAX)];
        let half = |half: u128| u64::try_from(half).unwrap_or(u64::MAX);
        Self {
            ms: half(ms),
            seq: half(seq),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StreamId;

    fn id(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    #[test]
    fn neighbours_are_found_at_the_edges_as_well() {
        for (one, next) in [
            (id(0, 0), Some(id(0, 1))),
            (id(5, u64::MAX), Some(id(6, 0))),
            (id(u64::MAX, 7), Some(id(u64::MAX, 8))),
            (StreamId::MAX, None),
        ] {
            assert_eq!(one.next(), next);
            if let Some(next) = next {
                assert_eq!(next.previous(), Some(one));
            }
        }
        assert_eq!(StreamId::MIN.previous(), None);
    }

    #[test]
    fn texts_and_bytes_say_the_same() {
        assert_eq!(id(12, 0).text().as_bytes(), b"12-0");
        let longest = b"18446744073709551615-18446744073709551615";
        assert_eq!(StreamId::MAX.text().as_bytes(), longest);
        for one in [StreamId::MIN, id(1, 2), id(u64::MAX, 0), StreamId::MAX] {
            assert_eq!(StreamId::read(&one.to_bytes()), one);
        }
    }
}
