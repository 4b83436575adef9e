//! Text → long double, as the C library's `strtold` in Redis' `string2ld`: decimal and hexadecimal notation, `inf`.
//! Pure. Never: white space, `nan`, anything after the number, or a number so small that it would become zero.

use super::big::{Big, CHUNK_DIGITS};
use super::{LongDouble, Magnitude, rounded};
use crate::resp::split_sign;

/// Redis copies the text into a buffer of this size with a zero byte behind it.
const TEXT_LIMIT_BYTES: usize = 5 * 1024;

/// Decimal places of the greatest numbers, rounded up. Beyond: infinite.
const HIGHEST_DECIMAL_PLACE: i64 = 4934;

/// Decimal places of the smallest numbers, rounded down. Beyond: zero.
const LOWEST_DECIMAL_PLACE: i64 = -4952;

/// Exponents are cut here while they are read: far beyond what counts, far from overflow.
const EXPONENT_LIMIT: i64 = 1_000_000;

/// Powers of ten so small that one division of 128 by 64 bits leaves more bits than a mantissa has.
const SHORT_DIVISION_PLACES: i64 = 18;

impl LongDouble {
    /// The number that the whole of `text` is.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() >= TEXT_LIMIT_BYTES {
            return None;
        }
        let (negative, digits) = split_sign(text);
        let magnitude = match digits {
            [b'0', b'x' | b'X', rest @ ..] => parse_hexadecimal(rest)?,
            [b'i' | b'I', ..] => {
                let known =
                    digits.eq_ignore_ascii_case(b"inf") || digits.eq_ignore_ascii_case(b"infinity");
                let infinite = LongDouble {
                    negative,
                    magnitude: Magnitude::Infinite,
                };
                return known.then_some(infinite);
            }
            _ => parse_decimal(digits)?,
        };
        // An overflow is refused here, unlike an infinity that was asked for.
        (magnitude != Magnitude::Infinite).then_some(Self {
            negative,
            magnitude,
        })
    }
}

/// The parts of a number's text.
struct Parts<'a> {
    /// Digits before the point.
    whole: &'a [u8],
    /// Digits behind it.
    fraction: &'a [u8],
    /// What follows the exponent's letter, if there is one.
    exponent: Option<&'a [u8]>,
}

fn split(text: &[u8], is_digit: fn(&u8) -> bool, letter: u8) -> Option<Parts<'_>> {
    let count = |text: &[u8]| text.iter().take_while(|byte| is_digit(byte)).count();
    let (whole, rest) = text.split_at(count(text));
    let (fraction, rest) = match rest.strip_prefix(b".") {
        Some(rest) => rest.split_at(count(rest)),
        None => (&[][..], rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let exponent = match rest {
        [] => None,
        [first, exponent @ ..] if first.eq_ignore_ascii_case(&letter) => Some(exponent),
        _ => return None,
    };
    Some(Parts {
        whole,
        fraction,
        exponent,
    })
}

/// A decimal exponent with its sign; cut at [`EXPONENT_LIMIT`].
fn parse_exponent(text: Option<&[u8]>) -> Option<i64> {
    let Some(text) = text else { return Some(0) };
    let (negative, digits) = split_sign(text);
    if digits.is_empty() {
        return None;
    }
    let mut exponent = 0_i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        exponent = (exponent * 10 + i64::from(digit - b'0')).min(EXPONENT_LIMIT);
    }
    Some(if negative { -exponent } else { exponent })
}

fn parse_decimal(text: &[u8]) -> Option<Magnitude> {
    let parts = split(text, u8::is_ascii_digit, b'e')?;
    let exponent = parse_exponent(parts.exponent)?;
    let whole = trim_leading_zeros(parts.whole);
    let fraction = trim_trailing_zeros(parts.fraction);
    let exponent = exponent - i64::try_from(fraction.len()).unwrap_or(i64::MAX);
    let mut digits = whole.iter().chain(fraction).map(|byte| byte - b'0');
    let count = whole.len() + fraction.len();
    if count <= CHUNK_DIGITS {
        let value = digits.fold(0_u64, |value, digit| value * 10 + u64::from(digit));
        return nonzero_stays(value == 0, decimal_short(value, exponent));
    }
    let mut value = Big::new(0);
    loop {
        let mut chunk = 0_u64;
        let mut factor = 1_u64;
        for digit in digits.by_ref().take(CHUNK_DIGITS) {
            chunk = chunk * 10 + u64::from(digit);
            factor = factor.wrapping_mul(10);
        }
        if factor == 1 {
            break;
        }
        value.multiply_add(factor, chunk);
    }
    let is_zero = value.is_zero();
    nonzero_stays(is_zero, decimal_long(value, count, exponent))
}

/// A number other than zero that rounds to zero is out of range.
fn nonzero_stays(is_zero: bool, magnitude: Magnitude) -> Option<Magnitude> {
    let became_zero = matches!(magnitude, Magnitude::Finite { mantissa: 0, .. });
    (is_zero || !became_zero).then_some(magnitude)
}

fn trim_leading_zeros(mut digits: &[u8]) -> &[u8] {
    while let [b'0', rest @ ..] = digits {
        digits = rest;
    }
    digits
}

fn trim_trailing_zeros(mut digits: &[u8]) -> &[u8] {
    while let [rest @ .., b'0'] = digits {
        digits = rest;
    }
    digits
}

/// `value × 10^exponent`: nearly all numbers in practice.
fn decimal_short(value: u64, exponent: i64) -> Magnitude {
    match exponent {
        _ if value == 0 => rounded(0, 0, false),
        0..=SHORT_DIVISION_PLACES => {
            let factor = power_of_ten(exponent);
            rounded(u128::from(value) * factor, 0, false)
        }
        places if (-SHORT_DIVISION_PLACES..0).contains(&places) => {
            let divisor = power_of_ten(-places);
            let shift = u128::from(value).leading_zeros();
            let dividend = u128::from(value) << shift;
            let quotient = dividend / divisor;
            rounded(
                quotient,
                -shift.cast_signed(),
                quotient * divisor != dividend,
            )
        }
        _ => decimal_long(Big::new(value), CHUNK_DIGITS, exponent),
    }
}

fn power_of_ten(places: i64) -> u128 {
    (0..places).fold(1, |power, _| power * 10)
}

/// `value × 10^exponent`, where `value` has at most `count` digits.
fn decimal_long(mut value: Big, count: usize, exponent: i64) -> Magnitude {
    if value.is_zero() {
        return rounded(0, 0, false);
    }
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    // At most some 34,000 bits are left to compute with after these two.
    if exponent > HIGHEST_DECIMAL_PLACE {
        return Magnitude::Infinite;
    }
    if count.saturating_add(exponent) < LOWEST_DECIMAL_PLACE {
        return rounded(0, 0, false);
    }
    let places = usize::try_from(exponent.unsigned_abs()).unwrap_or(usize::MAX);
    let mut divisor = Big::new(1);
    if exponent < 0 {
        divisor.multiply_power_of_ten(places);
    } else {
        value.multiply_power_of_ten(places);
    }
    // Of 80 bits at least 79 count: more than a mantissa, so what is left over is a sticky bit.
    let (quotient, last_bit, left_over) = value.quotient(divisor, 80);
    rounded(quotient, last_bit, left_over)
}

fn parse_hexadecimal(text: &[u8]) -> Option<Magnitude> {
    let parts = split(text, u8::is_ascii_hexdigit, b'p')?;
    let mut exponent = parse_exponent(parts.exponent)?;
    let mut value = 0_u128;
    let mut left_over = false;
    let mut is_zero = true;
    for (index, digit) in parts.whole.iter().chain(parts.fraction).enumerate() {
        let digit = char::from(*digit).to_digit(16).unwrap_or(0);
        let in_fraction = index >= parts.whole.len();
        is_zero = is_zero && digit == 0;
        if value >> 120 == 0 {
            value = value << 4 | u128::from(digit);
            exponent -= if in_fraction { 4 } else { 0 };
        } else {
            left_over = left_over || digit != 0;
            exponent += if in_fraction { 0 } else { 4 };
        }
    }
    let exponent = i32::try_from(exponent).ok()?;
    nonzero_stays(is_zero, rounded(value, exponent, left_over))
}
