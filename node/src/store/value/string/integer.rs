//! Integers as strings hold them: [`canonical_integer`] says which text is one, [`IntegerBytes`] how one is kept.
//! Pure.

/// The longest canonical decimal of an `i64`: `-9223372036854775808`.
const LONGEST_INTEGER: usize = 20;

/// The integer that `bytes` is the canonical decimal of: no `+`, no leading zero, no `-0`.
#[must_use]
pub fn canonical_integer(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() || bytes.len() > LONGEST_INTEGER {
        return None;
    }
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    // Summed as a negative number, whose range is the greater one.
    let mut sum = 0_i64;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        sum = sum.checked_mul(10)?.checked_sub(i64::from(digit - b'0'))?;
    }
    if negative {
        Some(sum)
    } else {
        sum.checked_neg()
    }
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
    use super::{IntegerBytes, canonical_integer, integer_of};

    #[test]
    fn only_canonical_decimals_are_integers() {
        for number in [0, 1, -1, 10, 99_999, i64::MAX, i64::MIN, -100] {
            assert_eq!(
                canonical_integer(number.to_string().as_bytes()),
                Some(number)
            );
        }
        for text in [
            "",
            "-",
            "+1",
            "-0",
            "01",
            "00",
            " 1",
            "1 ",
            "1a",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
            "123456789012345678901",
        ] {
            assert_eq!(canonical_integer(text.as_bytes()), None, "{text:?}");
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
            assert_eq!(integer_of(part.as_bytes()), number);
        }
    }
}
