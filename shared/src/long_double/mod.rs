//! The 80-bit floating point numbers in which Redis on x86-64 adds (INCRBYFLOAT and friends): 64 bits of mantissa, 15 of exponent.
//! Pure. Invariant: every operation rounds once, to the nearest and at a tie to the even mantissa, as the hardware and the C library do; so all digits agree with Redis'.

mod big;
mod parse;
mod print;
#[cfg(test)]
mod tests;

/// Bits of a mantissa.
const MANTISSA_BITS: i32 = 64;

/// Power of two that the last mantissa bit of the smallest (denormal) numbers stands for.
const LOWEST_EXPONENT: i32 = -16445;

/// The same for the greatest finite numbers.
const HIGHEST_EXPONENT: i32 = 16320;

/// A number, or an infinity. There is no NaN: what would give one gives `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongDouble {
    negative: bool,
    magnitude: Magnitude,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Magnitude {
    /// `mantissa × 2^exponent`. The mantissa's top bit is set unless the exponent is the lowest.
    Finite { mantissa: u64, exponent: i32 },
    /// Only ever read (`inf`), never a result.
    Infinite,
}

impl LongDouble {
    /// Zero.
    pub const ZERO: Self = Self {
        negative: false,
        magnitude: Magnitude::Finite {
            mantissa: 0,
            exponent: LOWEST_EXPONENT,
        },
    };

    /// An integer, exactly.
    #[must_use]
    pub fn from_integer(value: i64) -> Self {
        Self {
            negative: value < 0,
            magnitude: rounded(u128::from(value.unsigned_abs()), 0, false),
        }
    }

    /// The sum, or `None` when it is no finite number.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let Magnitude::Finite { mantissa, exponent } = self.magnitude else {
            return None;
        };
        let Magnitude::Finite {
            mantissa: other_mantissa,
            exponent: other_exponent,
        } = other.magnitude
        else {
            return None;
        };
        if exponent < other_exponent {
            return other.checked_add(self);
        }
        if mantissa == 0 {
            return Some(other);
        }
        // The greater one keeps 63 bits below its mantissa; what of the other one lies lower still is one sticky bit.
        let lowest = exponent - 63;
        let distance = exponent - other_exponent;
        let greater = u128::from(mantissa) << 63;
        let (lesser, sticky) = shifted_down(u128::from(other_mantissa) << 63, distance);
        let (sum, negative) = if self.negative == other.negative {
            (greater + lesser, self.negative)
        } else if greater >= lesser {
            // Taking away a little more than `lesser`: one less, and something is left over.
            (greater - lesser - u128::from(sticky), self.negative)
        } else {
            (lesser - greater, other.negative)
        };
        let magnitude = rounded(sum, lowest, sticky);
        let sum = Self {
            negative,
            magnitude,
        };
        (magnitude != Magnitude::Infinite).then_some(sum)
    }

    /// A thousand times as much, and then the least integer that is not below; `None` beyond 64 bits.
    #[must_use]
    pub fn thousandfold_rounded_up(self) -> Option<i64> {
        let Magnitude::Finite { mantissa, exponent } = self.magnitude else {
            return None;
        };
        let Magnitude::Finite { mantissa, exponent } =
            rounded(u128::from(mantissa) * 1_000, exponent, false)
        else {
            return None;
        };
        let whole = match exponent {
            // Its top bit is set: it is beyond 64 bits, or zero.
            1.. => return (mantissa == 0).then_some(0),
            _ => {
                let (kept, is_cut) = shifted_down(u128::from(mantissa), -exponent);
                let up = is_cut && !self.negative;
                i64::try_from(kept + u128::from(up)).ok()?
            }
        };
        Some(if self.negative { -whole } else { whole })
    }

    /// Whether it is a number.
    #[must_use]
    pub fn is_finite(self) -> bool {
        self.magnitude != Magnitude::Infinite
    }

    fn is_zero(self) -> bool {
        matches!(self.magnitude, Magnitude::Finite { mantissa: 0, .. })
    }
}

/// `value / 2^distance`, and whether something was cut off.
fn shifted_down(value: u128, distance: i32) -> (u128, bool) {
    match u32::try_from(distance) {
        Ok(distance @ 0..128) => {
            let kept = value >> distance;
            (kept, kept << distance != value)
        }
        _ => (0, value != 0),
    }
}

/// The number nearest to `value × 2^exponent`, `sticky` telling that the true value is a little greater than that.
/// A sticky value has more bits than a mantissa, so that the stickiness lies below them.
fn rounded(value: u128, exponent: i32, sticky: bool) -> Magnitude {
    if value == 0 {
        return Magnitude::Finite {
            mantissa: 0,
            exponent: LOWEST_EXPONENT,
        };
    }
    let bits = 128 - value.leading_zeros().cast_signed();
    let cut = (bits - MANTISSA_BITS).max(LOWEST_EXPONENT - exponent);
    if cut <= 0 {
        let mantissa = u64::try_from(value << cut.unsigned_abs());
        return finite(mantissa.unwrap_or(u64::MAX), exponent + cut);
    }
    let (kept, inexact_below) = shifted_down(value, cut - 1);
    let half = kept & 1 == 1;
    let kept = kept >> 1;
    let up = half && (inexact_below || sticky || kept & 1 == 1);
    match u64::try_from(kept + u128::from(up)) {
        Ok(mantissa) => finite(mantissa, exponent + cut),
        // Rounded up to the next power of two.
        Err(_) => finite(1 << 63, exponent + cut + 1),
    }
}

fn finite(mantissa: u64, exponent: i32) -> Magnitude {
    if exponent > HIGHEST_EXPONENT {
        return Magnitude::Infinite;
    }
    Magnitude::Finite { mantissa, exponent }
}
