//! How arguments are read: integers with the error that Redis gives; option words and cursors as C strings, which end at a NUL byte wherever the argument ends.
//! Pure.

use super::{ErrorReply, parse_integer};

/// A 64-bit integer in its canonical decimal form: no `+`, no blank, no leading zero.
///
/// # Errors
/// [`ErrorReply::NotInteger`] for everything else.
#[inline]
pub fn integer(argument: &[u8]) -> Result<i64, ErrorReply> {
    parse_integer(argument).ok_or(ErrorReply::NotInteger)
}

/// As [`integer`], of 32 bits.
///
/// # Errors
/// [`ErrorReply::NotInteger`], and [`ErrorReply::NotInteger32`] for a longer integer.
pub fn integer_32(argument: &[u8]) -> Result<i32, ErrorReply> {
    i32::try_from(integer(argument)?).map_err(|_| ErrorReply::NotInteger32)
}

/// Whether `argument` is the option `word` (without NUL bytes), in any letter case.
#[inline]
#[must_use]
pub fn is_word(argument: &[u8], word: &str) -> bool {
    match argument.split_at_checked(word.len()) {
        Some((head, rest)) => {
            head.eq_ignore_ascii_case(word.as_bytes()) && matches!(rest, [] | [0, ..])
        }
        None => false,
    }
}

/// A cursor of SCAN and its kin, read as the C library's `strtoul` does: a sign is taken, a negative number wraps around, nothing at all is 0.
/// `None` where there is something else, or a number beyond 64 bits.
#[must_use]
pub fn parse_cursor(argument: &[u8]) -> Option<u64> {
    let text = argument.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0);
    }
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        text => (false, text.strip_prefix(b"+").unwrap_or(text)),
    };
    if digits.is_empty() {
        return None;
    }
    let mut cursor = 0_u64;
    for digit in digits {
        let value = Some(digit.wrapping_sub(b'0')).filter(|value| *value <= 9)?;
        cursor = cursor.checked_mul(10)?.checked_add(u64::from(value))?;
    }
    Some(if is_negative {
        cursor.wrapping_neg()
    } else {
        cursor
    })
}

/// `on` or `off`.
///
/// # Errors
/// [`ErrorReply::Syntax`] for everything else.
pub fn on_or_off(argument: &[u8]) -> Result<bool, ErrorReply> {
    either(argument, "on", "off")
}

/// `yes` or `no`.
///
/// # Errors
/// [`ErrorReply::Syntax`] for everything else.
pub fn yes_or_no(argument: &[u8]) -> Result<bool, ErrorReply> {
    either(argument, "yes", "no")
}

fn either(argument: &[u8], right: &str, wrong: &str) -> Result<bool, ErrorReply> {
    if is_word(argument, right) {
        Ok(true)
    } else if is_word(argument, wrong) {
        Ok(false)
    } else {
        Err(ErrorReply::Syntax)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_ends_at_a_nul_byte() {
        let check = |argument: &[u8], expected: bool| {
            assert_eq!(
                is_word(argument, "NX"),
                expected,
                "{}",
                argument.escape_ascii()
            );
        };
        check(b"NX", true);
        check(b"nX", true);
        check(b"nx\0", true);
        check(b"nx\0anything", true);
        check(b"n", false);
        check(b"n\0", false);
        check(b"nxx", false);
        check(b"", false);
        check(b"\0nx", false);
    }

    #[test]
    fn cursors_are_read_as_c_does() {
        let check = |argument: &[u8], expected: Option<u64>| {
            assert_eq!(
                parse_cursor(argument),
                expected,
                "{}",
                argument.escape_ascii()
            );
        };
        check(b"0", Some(0));
        check(b"", Some(0));
        check(b"\0abc", Some(0));
        check(b"5\0zz", Some(5));
        check(b"+1", Some(1));
        check(b"-0", Some(0));
        check(b"-1", Some(u64::MAX));
        check(b"00000000000000000000000017", Some(17));
        check(b"18446744073709551615", Some(u64::MAX));
        check(b"-18446744073709551615", Some(1));
        for wrong in [
            &b" 0"[..],
            b"\t0",
            b"\x0b0",
            b" \0",
            b"0 ",
            b"+",
            b"-",
            b"--1",
            b"+-1",
            b"- 1",
            b"0x0",
            b"abc",
            b"1a",
            b"18446744073709551616",
            b"-18446744073709551616",
            b"99999999999999999999999",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn words_are_read_in_any_case_and_nothing_else_is() {
        assert_eq!(on_or_off(b"On").ok(), Some(true));
        assert_eq!(on_or_off(b"OFF").ok(), Some(false));
        assert_eq!(on_or_off(b"yes").ok(), None);
        assert_eq!(yes_or_no(b"YES").ok(), Some(true));
        assert_eq!(yes_or_no(b"no").ok(), Some(false));
        assert_eq!(yes_or_no(b"nope").ok(), None);
    }
}
