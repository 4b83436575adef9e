//! Text → double, as the C library's `strtod` reads it for Redis: decimal and hexadecimal notation, infinities.
//! Pure. Invariant: the double that is nearest to the number, the even one of two that are equally near.

use super::arguments::split_sign;

/// Exponents are cut here while they are read: far beyond what counts, far from overflow.
const EXPONENT_LIMIT: i64 = 1 << 40;

/// The least and the greatest exponent of a double whose first digit is 1.
const EXPONENTS: (i64, i64) = (-1022, 1023);

/// Binary digits of a double, the first included.
const DIGITS: u32 = 53;

/// What stands at the beginning of a text.
struct Number {
    value: f64,
    /// Bytes that it takes.
    len: usize,
    /// It was so large, or so small, that its value is another one.
    is_out_of_range: bool,
    /// It is so small that a double has not all digits for it.
    is_too_small: bool,
}

/// The number that the whole of `text` is, as `string2d` of Redis takes it: no blanks, nothing that is too large or too small to be told.
pub(crate) fn double(text: &[u8]) -> Option<f64> {
    let number = read(text)?;
    let is_taken = number.len == text.len() && !number.is_out_of_range;
    is_taken.then_some(number.value)
}

/// The number that a border of scores is: more than [`double`] takes, for Redis looks less closely. Blanks may stand before it, nothing at all is zero, what is too large is infinite.
pub(super) fn border(text: &[u8]) -> Option<f64> {
    read_c_string(text).map(|number| number.value)
}

/// The number by which SORT sorts: as [`border`], but what cannot be told exactly enough is refused, be it large or so small that digits are lost.
pub(super) fn weight(text: &[u8]) -> Option<f64> {
    let number = read_c_string(text)?;
    let is_taken = !number.is_out_of_range && !number.is_too_small;
    is_taken.then_some(number.value)
}

fn read_c_string(text: &[u8]) -> Option<Number> {
    let text = until_nul(text);
    if text.is_empty() {
        return Some(Number {
            value: 0.0,
            len: 0,
            is_out_of_range: false,
            is_too_small: false,
        });
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let blanks = text.iter().take_while(|byte| is_blank(byte)).count();
    let number = read(&text[blanks..])?;
    (blanks + number.len == text.len()).then_some(number)
}

/// What Redis sees where it reads a C string.
pub(super) fn until_nul(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| *byte == 0);
    &text[..end.unwrap_or(text.len())]
}

fn read(text: &[u8]) -> Option<Number> {
    let (is_negative, unsigned) = split_sign(text);
    let number = match unsigned {
        [b'0', b'x' | b'X', digits @ ..] => hexadecimal(digits)
            .map(|number| Number {
                len: number.len + 2,
                ..number
            })
            .or_else(|| decimal(unsigned)),
        [b'i' | b'I', ..] => infinity(unsigned),
        _ => decimal(unsigned),
    }?;
    Some(Number {
        value: if is_negative {
            -number.value
        } else {
            number.value
        },
        len: number.len + text.len() - unsigned.len(),
        ..number
    })
}

fn infinity(text: &[u8]) -> Option<Number> {
    let begins = |word: &str| {
        let head = text.get(..word.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
    };
    let word = ["infinity", "inf"].into_iter().find(|word| begins(word))?;
    Some(Number {
        value: f64::INFINITY,
        len: word.len(),
        is_out_of_range: false,
        is_too_small: false,
    })
}

/// How many digits a text begins with.
fn digits(text: &[u8], is_digit: fn(&u8) -> bool) -> usize {
    text.iter().take_while(|byte| is_digit(byte)).count()
}

/// Digits, a point, digits: how many bytes, and where the point is. One digit is there at least.
fn mantissa(text: &[u8], is_digit: fn(&u8) -> bool) -> Option<(usize, usize)> {
    let whole = digits(text, is_digit);
    let fraction = match text.get(whole) {
        Some(b'.') => 1 + digits(&text[whole + 1..], is_digit),
        _ => 0,
    };
    // A point alone is no number.
    (whole > 0 || fraction > 1).then_some((whole + fraction, whole))
}

/// The exponent that may follow a mantissa, and its length; a letter without digits behind it is not one.
fn exponent(text: &[u8], letter: u8) -> (i64, usize) {
    let (Some(first), true) = (text.first(), text.len() > 1) else {
        return (0, 0);
    };
    if !first.eq_ignore_ascii_case(&letter) {
        return (0, 0);
    }
    let (is_negative, unsigned) = split_sign(&text[1..]);
    let count = digits(unsigned, u8::is_ascii_digit);
    if count == 0 {
        return (0, 0);
    }
    let magnitude = unsigned[..count].iter().fold(0_i64, |value, digit| {
        (value * 10 + i64::from(digit - b'0')).min(EXPONENT_LIMIT)
    });
    let len = text.len() - unsigned.len() + count;
    (if is_negative { -magnitude } else { magnitude }, len)
}

fn decimal(text: &[u8]) -> Option<Number> {
    let (end, _) = mantissa(text, u8::is_ascii_digit)?;
    let len = end + exponent(&text[end..], b'e').1;
    let value: f64 = std::str::from_utf8(&text[..len]).ok()?.parse().ok()?;
    let is_zero = text[..end].iter().all(|byte| matches!(byte, b'0' | b'.'));
    Some(Number {
        value,
        len,
        is_out_of_range: value.is_infinite() || (value == 0.0 && !is_zero),
        is_too_small: value.is_subnormal(),
    })
}

/// What stands behind `0x`.
fn hexadecimal(text: &[u8]) -> Option<Number> {
    let (end, point) = mantissa(text, u8::is_ascii_hexdigit)?;
    let (power, exponent_len) = exponent(&text[end..], b'p');
    let (mut value, mut is_more, mut dropped) = (0_u64, false, 0_i64);
    for digit in text[..end].iter().filter(|byte| **byte != b'.') {
        let digit = char::from(*digit).to_digit(16)?;
        if value >> 60 == 0 {
            value = value << 4 | u64::from(digit);
        } else {
            is_more |= digit != 0;
            dropped += 4;
        }
    }
    let behind_point = end.saturating_sub(point + 1);
    let places = 4 * i64::try_from(behind_point).unwrap_or(EXPONENT_LIMIT);
    let result = nearest(value, is_more, power + dropped - places);
    Some(Number {
        value: result,
        len: end + exponent_len,
        is_out_of_range: result.is_infinite() || (result == 0.0 && value != 0),
        // Those of hexadecimal digits that there is no room for are hardly ever written.
        is_too_small: false,
    })
}

/// The double nearest to `value` × 2^`power`; `is_more`: to a little more than that.
fn nearest(value: u64, is_more: bool, power: i64) -> f64 {
    if value == 0 {
        return 0.0;
    }
    let shift = value.leading_zeros();
    let value = value << shift;
    // The first digit stands for 2^first.
    let first = power - i64::from(shift) + 63;
    if first > EXPONENTS.1 {
        return f64::INFINITY;
    }
    let missing = EXPONENTS.0 - first;
    if let Ok(exponent) = u64::try_from(-missing) {
        // The first digit, which is not written, counts one up.
        return f64::from_bits((exponent << (DIGITS - 1)) + rounded(value, is_more, DIGITS));
    }
    // Below all whose first digit is 1 there are fewer digits.
    let kept = u32::try_from(i64::from(DIGITS) - missing);
    kept.map_or(0.0, |kept| f64::from_bits(rounded(value, is_more, kept)))
}

/// The first `kept` of 64 digits, rounded.
fn rounded(value: u64, is_more: bool, kept: u32) -> u64 {
    let cut = 64 - kept;
    let wide = u128::from(value);
    let (head, tail, half) = (wide >> cut, wide & ((1 << cut) - 1), 1_u128 << (cut - 1));
    let is_up = tail > half || (tail == half && (is_more || head & 1 == 1));
    // 53 digits at most, and one more by rounding.
    u64::try_from(head + u128::from(is_up)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{border, double, weight};

    fn check(text: &str, as_score: Option<f64>, as_border: Option<f64>) {
        let bits = |value: Option<f64>| value.map(f64::to_bits);
        assert_eq!(bits(double(text.as_bytes())), bits(as_score), "{text:?}");
        assert_eq!(bits(border(text.as_bytes())), bits(as_border), "{text:?}");
    }

    #[test]
    fn numbers_are_read_as_strtod_reads_them() {
        for (text, value) in [
            ("1", 1.0),
            ("-0", -0.0),
            ("+1.5", 1.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("1E-2", 0.01),
            ("inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("0x10", 16.0),
            ("-0X.8p1", -1.0),
            ("0x1p-1074", 5e-324),
            ("0x1.8p-1074", 1e-323),
            ("0x1.7p-1074", 5e-324),
            ("0x0.8p-1073", 5e-324),
            ("0x1.fffffffffffffp-1023", f64::MIN_POSITIVE),
            ("0x1.fffffffffffff7p1023", f64::MAX),
            ("0x1.00000000000008p0", 1.0),
            ("0x1.000000000000080000001p0", 1.000_000_000_000_000_2),
            ("0x1.00000000000018p0", 1.000_000_000_000_000_4),
            ("0x123456789abcdef0123", 5.373_003_642_731_685e21),
            ("5e-324", 5e-324),
            ("0e999999999999999999999", 0.0),
            ("0x0p-99999", 0.0),
        ] {
            check(text, Some(value), Some(value));
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "nan", "-nan", "x", ".", "+", "-", "1x", "1e", "1e+", "e5", "0x", "0xg", "0x.", "infi",
            "--1", "+-1", "1 ", "0x1p", "in",
        ] {
            check(text, None, None);
        }
    }

    #[test]
    fn weights_are_told_exactly_or_refused() {
        for (text, expected) in [
            ("", Some(0.0)),
            (" 1", Some(1.0)),
            ("1\0x", Some(1.0)),
            ("inf", Some(f64::INFINITY)),
            ("0x1p-1074", Some(5e-324)),
            ("2.2250738585072014e-308", Some(f64::MIN_POSITIVE)),
            ("5e-324", None),
            ("1e-310", None),
            ("0x1p-1075", None),
            ("1e400", None),
            ("1 ", None),
            (" ", None),
            ("nan", None),
        ] {
            assert_eq!(weight(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn borders_are_looked_at_less_closely() {
        check("", None, Some(0.0));
        check(" \t\n1", None, Some(1.0));
        check("1\0x", None, Some(1.0));
        check(" ", None, None);
        check("1e400", None, Some(f64::INFINITY));
        check("0x1p1024", None, Some(f64::INFINITY));
        check("0x1.fffffffffffff8p1023", None, Some(f64::INFINITY));
        check("1e-400", None, Some(0.0));
        check("0x1p-1075", None, Some(0.0));
        check("-0x1p-2000", None, Some(-0.0));
    }
}
