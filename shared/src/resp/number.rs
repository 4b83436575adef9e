//! Text ↔ numbers exactly as Redis reads and prints them.
//! Pure; allocates nothing but what the caller's buffer grows by.

use std::io::Write as _;

/// Longest text of a 64-bit integer: `-9223372036854775808`.
const LONGEST_INTEGER: usize = 20;

/// A leading sign (`true` for a minus), and what follows it.
#[must_use]
pub fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    let negative = text.first() == Some(&b'-');
    let unsigned = text.strip_prefix(b"-").or(text.strip_prefix(b"+"));
    (negative, unsigned.unwrap_or(text))
}

/// Reads a 64-bit signed integer in its one canonical form: no blanks, no `+`, no leading zeros, no `-0`.
#[must_use]
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    if let [digit @ b'0'..=b'9'] = text {
        return Some(i64::from(digit - b'0'));
    }
    if text.len() > LONGEST_INTEGER {
        return None;
    }
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let [first @ b'1'..=b'9', more @ ..] = digits else {
        return None;
    };
    let mut magnitude = u64::from(first - b'0');
    for digit in more {
        let value = digit.wrapping_sub(b'0');
        if value > 9 {
            return None;
        }
        magnitude = magnitude.checked_mul(10)?.checked_add(u64::from(value))?;
    }
    if negative {
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// Reads a header line (`marker`, a length, CR LF) that is complete and canonical, and whose length has at most five digits: the length, and where the line ends.
/// Nearly all headers are such; `None` says nothing but that this one has to be looked at more closely.
#[inline(always)]
pub(super) fn short_header(bytes: &[u8], marker: u8) -> Option<(u32, usize)> {
    // Eight bytes are nearly always there; asked for at once, none of them needs a check of its own.
    let Some(head) = bytes.first_chunk::<8>() else {
        return last_header(bytes, marker);
    };
    if head[0] != marker {
        return None;
    }
    if [head[2], head[3]] == *b"\r\n" {
        let ones = u32::from(head[1].wrapping_sub(b'0'));
        return (ones <= 9).then_some((ones, 4));
    }
    if [head[3], head[4]] == *b"\r\n" {
        let tens = u32::from(head[1].wrapping_sub(b'0'));
        let ones = u32::from(head[2].wrapping_sub(b'0'));
        // A length does not begin with 0.
        return (tens.wrapping_sub(1) < 9 && ones <= 9).then_some((tens * 10 + ones, 5));
    }
    longer_header(head)
}

/// As [`short_header`], for three to five digits.
fn longer_header(head: &[u8; 8]) -> Option<(u32, usize)> {
    let digits = match head {
        [_, digits @ .., b'\r', b'\n', _, _] => digits.as_slice(),
        [_, digits @ .., b'\r', b'\n', _] => digits,
        [_, digits @ .., b'\r', b'\n'] => digits,
        _ => return None,
    };
    if digits[0] == b'0' {
        return None;
    }
    let mut length = 0;
    for digit in digits {
        let value = u32::from(digit.wrapping_sub(b'0'));
        if value > 9 {
            return None;
        }
        length = length * 10 + value;
    }
    Some((length, digits.len() + 3))
}

/// As [`short_header`], at the end of a buffer.
#[cold]
fn last_header(bytes: &[u8], marker: u8) -> Option<(u32, usize)> {
    let mut head = [0; 8];
    head.get_mut(..bytes.len())?.copy_from_slice(bytes);
    // The bytes that are not there are zeros, and no header has those.
    short_header(&head, marker)
}

/// Appends `value` as C's `%.17g` does, which is what Redis sends for scores: `3`, `0.10000000000000001`, `1e+20`, `inf`, `-inf`, `nan`.
pub fn write_double(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        return out.extend_from_slice(b"nan");
    }
    if value.is_infinite() {
        return out.extend_from_slice(if value > 0.0 { b"inf" } else { b"-inf" });
    }
    // Whole numbers below 2^53 are exact and the most common scores.
    #[expect(clippy::cast_possible_truncation, reason = "compared back at once")]
    let whole = value as i64;
    #[expect(
        clippy::cast_precision_loss,
        reason = "below 2^53 there is nothing to lose"
    )]
    let same = whole.unsigned_abs() < 1 << 53 && whole as f64 == value;
    if same && (whole != 0 || value.is_sign_positive()) {
        return out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    }
    write_general(out, value);
}

/// Significant digits that `%.17g` asks for.
const DIGITS: usize = 17;

/// Powers of ten by exponent.
const POWERS: [u128; 23] = {
    let mut powers = [1; 23];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

/// 17 digits of a number that is not negative, and the power of ten of the first.
type Digits = ([u8; DIGITS], i64);

/// The digits of any finite number.
fn digits_of_any(magnitude: f64) -> Digits {
    /// `d.dddddddddddddddde-ddd`.
    const LONGEST_SCIENTIFIC: usize = DIGITS + 1 + 5;

    let mut text = [0; LONGEST_SCIENTIFIC];
    let mut unused = text.as_mut_slice();
    if write!(unused, "{:.*e}", DIGITS - 1, magnitude).is_err() {
        unreachable!("no double is longer");
    }
    let unused = unused.len();
    let text = &text[..LONGEST_SCIENTIFIC - unused];
    // `d.dddddddddddddddde±x`: the digits become contiguous by moving the first over the point.
    let (mantissa, exponent) = text.split_at(DIGITS + 1);
    let exponent = parse_integer(&exponent[1..]).unwrap_or_default();
    let mut digits = [b'0'; DIGITS];
    digits[0] = mantissa[0];
    digits[1..].copy_from_slice(&mantissa[2..]);
    (digits, exponent)
}

/// The same of numbers of a middling size, which most are: 128 bits hold the exact product with a power of ten that has the 17 digits before the point, so one
/// multiplication and one look at what is behind the point are enough.
fn digits_at_once(magnitude: f64) -> Option<Digits> {
    const LEAST: f64 = 1e-5;
    const MOST: f64 = 4_503_599_627_370_496.0; // 2^52: from here on there is nothing behind the point.
    const MANTISSA_BITS: u32 = 52;
    const EXPONENT_BIAS: u64 = 1075;
    const RANGE: std::ops::Range<u64> = 10_u64.pow(16)..10_u64.pow(17);

    if !(LEAST..MOST).contains(&magnitude) {
        return None;
    }
    let bits = magnitude.to_bits();
    let mantissa = bits & ((1 << MANTISSA_BITS) - 1) | 1 << MANTISSA_BITS;
    let shift = u32::try_from(EXPONENT_BIAS - (bits >> MANTISSA_BITS)).ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "below 2^52"
    )]
    let whole = magnitude as u64;
    // A first guess; below one the product says whether it was right.
    let mut exponent = whole.checked_ilog10().map_or(-1, i64::from);
    loop {
        let power = usize::try_from(16 - exponent).ok()?;
        let product = u128::from(mantissa) * POWERS.get(power)?;
        let mut digits = u64::try_from(product >> shift).ok()?;
        let rest = product & ((1 << shift) - 1);
        let half = 1 << (shift - 1);
        // Halves go to the even neighbour.
        digits += u64::from(rest > half || (rest == half && digits % 2 == 1));
        if digits < RANGE.start {
            exponent -= 1;
        } else if digits >= RANGE.end {
            exponent += 1;
        } else {
            let mut text = itoa::Buffer::new();
            let text = text.format(digits).as_bytes();
            return Some((*text.first_chunk()?, exponent));
        }
    }
}

/// `%.17g` of a finite value, from its correctly rounded 17 digits.
fn write_general(out: &mut Vec<u8>, value: f64) {
    let magnitude = value.abs();
    let (digits, exponent) = digits_at_once(magnitude).unwrap_or_else(|| digits_of_any(magnitude));
    let significant = digits.iter().rposition(|digit| *digit != b'0');
    let digits = &digits[..=significant.unwrap_or(0)];
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let (first, rest) = digits.split_at(1);
    match usize::try_from(exponent) {
        Ok(exponent) if exponent < DIGITS => {
            let whole_digits = exponent + 1;
            let whole = digits.get(..whole_digits).unwrap_or(digits);
            out.extend_from_slice(whole);
            out.resize(out.len() + whole_digits - whole.len(), b'0');
            if let Some(fraction @ [_, ..]) = digits.get(whole_digits..) {
                out.push(b'.');
                out.extend_from_slice(fraction);
            }
        }
        Err(_) if exponent >= -4 => {
            out.extend_from_slice(b"0.");
            out.extend((exponent + 1..0).map(|_| b'0'));
            out.extend_from_slice(digits);
        }
        _ => {
            out.extend_from_slice(first);
            if !rest.is_empty() {
                out.push(b'.');
                out.extend_from_slice(rest);
            }
            let sign = if exponent < 0 { '-' } else { '+' };
            if write!(out, "e{sign}{:02}", exponent.unsigned_abs()).is_err() {
                unreachable!("writing to memory cannot fail");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_form_is_an_integer() {
        let cases: [(&str, Option<i64>); 20] = [
            ("0", Some(0)),
            ("7", Some(7)),
            ("-1", Some(-1)),
            ("10", Some(10)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("18446744073709551616", None),
            ("99999999999999999999", None),
            ("", None),
            ("-", None),
            ("+1", None),
            ("01", None),
            ("-0", None),
            ("-01", None),
            (" 1", None),
            ("1 ", None),
            ("1a", None),
            ("0x10", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_integer(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn short_headers_are_read_as_long_ones() {
        for length in (0..200).chain((200..120_000).step_by(77)) {
            let line = format!("${length}\r\n");
            let expected = (length <= 99_999).then_some((length, line.len()));
            assert_eq!(short_header(line.as_bytes(), b'$'), expected, "{line:?}");
            assert_eq!(
                short_header(format!("{line}abcdefgh").as_bytes(), b'$'),
                expected
            );
            for end in 0..line.len() {
                assert_eq!(short_header(&line.as_bytes()[..end], b'$'), None);
            }
        }
        assert_eq!(short_header(b"*1\r\n5678", b'$'), None);
        for line in [
            "$00\r\n",
            "$01\r\n",
            "$012\r\n",
            "$-1\r\n",
            "$+1\r\n",
            "$a\r\n",
            "$1a\r\n",
            "$a1\r\n",
            "$1a1\r\n",
            "$\r\n",
            "$1\rx",
            "$1\n",
            "$12\rx",
            "$123\rx",
            "$1234\n\r",
            "$:0\r\n",
            "$/1\r\n",
            "$1:1\r\n",
        ] {
            assert_eq!(short_header(line.as_bytes(), b'$'), None, "{line:?}");
            assert_eq!(
                short_header(format!("{line}1\r\n56789").as_bytes(), b'$'),
                None,
                "{line:?}"
            );
        }
    }

    #[test]
    fn digits_found_at_once_are_those_of_the_general_way() {
        let check = |value: f64| {
            if let Some(digits) = digits_at_once(value) {
                assert_eq!(digits, digits_of_any(value), "{value:e}");
            }
        };
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        for _ in 0..200_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            // Of all sizes that have a short way, and around its borders.
            let exponent = 1023 - 20 + (state >> 5) % 75;
            let value = f64::from_bits(exponent << 52 | state >> 12);
            check(value);
            // Many zeros behind: halves between two neighbours among them.
            check(f64::from_bits(
                value.to_bits() & (u64::MAX << ((state >> 40) % 48)),
            ));
        }
        for power in -6..17 {
            let border = 10_f64.powi(power);
            for value in [border.next_down(), border, border.next_up()] {
                check(value);
            }
        }
        let (digits, exponent) = digits_at_once(1.0 + 1.0 / 131_072.0).expect("a short way");
        assert_eq!(
            (&digits, exponent),
            (b"10000076293945312", 0),
            "to the even one"
        );
        assert_eq!(digits_at_once(5e-324), None);
    }

    #[test]
    fn doubles_are_printed_with_17_significant_digits() {
        let cases: [(f64, &str); 22] = [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (-3.0, "-3"),
            (0.1, "0.10000000000000001"),
            (0.5, "0.5"),
            (-1.25, "-1.25"),
            (1e15, "1000000000000000"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1e20, "1e+20"),
            (1.5e300, "1.5000000000000001e+300"),
            (1e-4, "0.0001"),
            (1e-5, "1.0000000000000001e-05"),
            (std::f64::consts::PI, "3.1415926535897931"),
            (123_456.789, "123456.789"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "4.9406564584124654e-324"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ];
        for (value, expected) in cases {
            let mut out = Vec::new();
            write_double(&mut out, value);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }
}
