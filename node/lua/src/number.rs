//! Numbers as C prints them.

use std::ffi::CStr;

/// Digits of the longest number.
pub(crate) const MOST_BYTES: usize = 64;

/// A number in so many digits (`%.17g`), as text in `buffer`.
pub(crate) fn print(number: f64, format: &CStr, buffer: &mut [u8; MOST_BYTES]) -> usize {
    // SAFETY: the buffer is as long as it says, and every format that is used here takes one double.
    let len = unsafe {
        libc::snprintf(
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            format.as_ptr(),
            number,
        )
    };
    usize::try_from(len).map_or(0, |len| len.min(MOST_BYTES - 1))
}

/// The same for a number that is one of C's `long long` by nature: it needs no conversion.
pub(crate) fn as_small_integer(number: f64) -> Option<i64> {
    const MOST: f64 = 1e15;
    if number.fract() != 0.0 || number.abs() >= MOST || (number == 0.0 && number.is_sign_negative())
    {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it has been looked at")]
    Some(number as i64)
}

/// What a conversion to a 64-bit integer makes of a number in C, on the machines of today: what does not fit becomes the least.
#[expect(clippy::cast_possible_truncation, reason = "that is the purpose")]
pub(crate) fn truncated(number: f64) -> i64 {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if (-BOUND..BOUND).contains(&number) {
        number as i64
    } else {
        i64::MIN
    }
}

/// Appends an integer.
pub(crate) fn push_integer(out: &mut Vec<u8>, mut value: i64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let negative = value < 0;
    loop {
        at -= 1;
        let digit = (value % 10).unsigned_abs();
        digits[at] = b'0' + u8::try_from(digit).unwrap_or(0);
        value /= 10;
        if value == 0 {
            break;
        }
    }
    if negative {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}
