//! Long double → text, as Redis prints for people: `%.17Lf` without the zeros at its end.
//! Pure.

use super::big::{Big, CHUNK, CHUNK_DIGITS};
use super::{LongDouble, Magnitude, shifted_down};

/// Digits after the point.
const PLACES: usize = 17;

/// `10^PLACES`.
const ONE: u128 = 100_000_000_000_000_000;

impl LongDouble {
    /// Appends the decimal form to `out`: at most 4933 digits, a sign, a point and 17 more digits.
    pub fn print(self, out: &mut Vec<u8>) {
        let start = out.len();
        if self.negative && !self.is_zero() {
            out.push(b'-');
        }
        match self.magnitude {
            Magnitude::Infinite => out.extend_from_slice(b"inf"),
            Magnitude::Finite { mantissa, exponent } if exponent >= 0 => {
                print_whole(mantissa, exponent.unsigned_abs() as usize, out);
            }
            Magnitude::Finite { mantissa, exponent } => {
                print_fraction(mantissa, exponent.unsigned_abs(), out);
            }
        }
        // What was rounded to nothing has no sign.
        if out[start..] == *b"-0" {
            out.remove(start);
        }
    }
}

/// `mantissa × 2^exponent`
fn print_whole(mantissa: u64, exponent: usize, out: &mut Vec<u8>) {
    let mut value = Big::new(mantissa);
    value.shift_up(exponent);
    let mut chunks = Vec::with_capacity(value.bits() / 60 + 1);
    while !value.is_zero() {
        chunks.push(value.divide(CHUNK));
    }
    let mut digits = itoa::Buffer::new();
    let highest = chunks.pop().unwrap_or(0);
    out.extend_from_slice(digits.format(highest).as_bytes());
    for chunk in chunks.iter().rev() {
        push_padded(*chunk, CHUNK_DIGITS, out);
    }
}

/// `mantissa / 2^below`
fn print_fraction(mantissa: u64, below: u32, out: &mut Vec<u8>) {
    let (whole, fraction) = match below {
        0..64 => (mantissa >> below, mantissa & ((1 << below) - 1)),
        _ => (0, mantissa),
    };
    // Below 2^121: 64 bits times 57.
    let scaled = u128::from(fraction) * ONE;
    let (halves, left_over) = shifted_down(scaled, below.cast_signed() - 1);
    let places = halves >> 1;
    let up = halves & 1 == 1 && (left_over || places & 1 == 1);
    let places = places + u128::from(up);
    let (whole, places) = if places == ONE {
        (u128::from(whole) + 1, 0)
    } else {
        (u128::from(whole), u64::try_from(places).unwrap_or(0))
    };
    out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    if places != 0 {
        out.push(b'.');
        push_padded(places, PLACES, out);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

/// `value` with zeros in front up to `width` digits.
fn push_padded(value: u64, width: usize, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value).as_bytes();
    out.extend(std::iter::repeat_n(
        b'0',
        width.saturating_sub(digits.len()),
    ));
    out.extend_from_slice(digits);
}
