//! Integers as strings hold them, in as few bytes as each needs; [`shared::resp::parse_integer`] says which text is one.
//! Pure.

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

/// The integer of which these are the bytes.
#[inline]
pub(super) fn integer_of(part: &[u8]) -> i64 {
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

#[cfg(test)]
mod tests {
    use super::{IntegerBytes, integer_of};

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
            assert_eq!(integer_of(part.as_bytes()), number);
        }
    }
}
