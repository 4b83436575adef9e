//! Text ↔ numbers exactly as Redis reads and prints them.
//! Pure; allocates nothing but what the caller's buffer grows by.

/// Longest text of a 64-bit integer: `-9223372036854775808`.
const LONGEST_INTEGER: usize = 20;

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

/// `%.17g` of a finite value, from its correctly rounded 17 digits.
fn write_general(out: &mut Vec<u8>, value: f64) {
    /// Significant digits that `%.17g` asks for.
    const DIGITS: usize = 17;

    let text = format!("{:.*e}", DIGITS - 1, value.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    while digits.len() > 1 && digits.last() == Some(&b'0') {
        digits.pop();
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let (first, rest) = digits.split_at(1);
    match usize::try_from(exponent) {
        Ok(exponent) if exponent < DIGITS => {
            let whole_digits = exponent + 1;
            let whole = digits.get(..whole_digits).unwrap_or(&digits);
            out.extend_from_slice(whole);
            out.resize(out.len() + whole_digits - whole.len(), b'0');
            if let Some(fraction @ [_, ..]) = digits.get(whole_digits..) {
                out.push(b'.');
                out.extend_from_slice(fraction);
            }
        }
        Err(_) if exponent >= -4 => {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + (-1 - exponent).unsigned_abs() as usize, b'0');
            out.extend_from_slice(&digits);
        }
        _ => {
            out.extend_from_slice(first);
            if !rest.is_empty() {
                out.push(b'.');
                out.extend_from_slice(rest);
            }
            let sign = if exponent < 0 { '-' } else { '+' };
            out.extend_from_slice(format!("e{sign}{:02}", exponent.unsigned_abs()).as_bytes());
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
