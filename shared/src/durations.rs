//! The bounds by which durations are told apart on pages that Prometheus reads: eight per doubling, each less than a tenth above the one before, so that
//! whatever quantile is read off them is that near.
//! Pure. The same at nodes and proxies: what is measured at both ends of a way can be compared.

use std::ops::RangeInclusive;

/// Where the steps of a doubling begin, in 64ths of its beginning.
const STEPS: [u8; STEPS_PER_DOUBLING] = [64, 70, 77, 84, 92, 101, 111, 122];

/// How many bounds a doubling has.
pub const STEPS_PER_DOUBLING: usize = 8;

/// In which step a duration is, by the six bits behind its highest one.
const STEP_OF: [u8; 64] = step_of();

/// A bound, nanoseconds: the beginning of a step (0 to 7) of the doubling from 2^`bits` on; `bits` is 6 to 56.
#[inline]
#[must_use]
pub fn bound_ns(bits: u32, step: usize) -> u64 {
    u64::from(STEPS[step % STEPS_PER_DOUBLING]) << (bits - 6)
}

/// In which step (0 to 7) of its doubling, from 2^`bits` on, a duration is; `bits` is 6 or more.
#[inline]
#[must_use]
pub fn step(ns: u64, bits: u32) -> usize {
    // The lowest byte has all six bits.
    let fraction = (ns >> (bits - 6)).to_le_bytes()[0] & 63;
    usize::from(STEP_OF[usize::from(fraction)])
}

/// All bounds in a range, nanoseconds, rising.
pub fn bounds_ns(range: RangeInclusive<u64>) -> impl Iterator<Item = u64> {
    let bits = 6..=56;
    let all = bits.flat_map(|bits| (0..STEPS_PER_DOUBLING).map(move |step| bound_ns(bits, step)));
    all.filter(move |bound| range.contains(bound))
}

#[expect(clippy::cast_possible_truncation, reason = "a step is less than eight")]
const fn step_of() -> [u8; 64] {
    let mut table = [0; 64];
    let mut step = 0;
    let mut fraction = 0;
    while fraction < table.len() {
        if step + 1 < STEPS.len() && fraction + 64 >= STEPS[step + 1] as usize {
            step += 1;
        }
        table[fraction] = step as u8;
        fraction += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_is_less_than_a_tenth_above_the_one_before() {
        let bounds: Vec<u64> = bounds_ns(1 << 10..=1 << 36).collect();
        assert_eq!(bounds.len(), 26 * STEPS_PER_DOUBLING + 1);
        assert_eq!((bounds[0], bounds[1], bounds[208]), (1024, 1120, 1 << 36));
        for pair in bounds.windows(2) {
            assert!(pair[0] < pair[1], "{pair:?}");
            assert!(pair[1] * 10 <= pair[0] * 11, "{pair:?}");
        }
    }

    #[test]
    fn a_duration_lies_between_the_bounds_of_its_step() {
        for bits in [6, 10, 36, 55] {
            for fraction in 0..64 {
                let ns = (64 + fraction) << (bits - 6);
                let step = step(ns, bits);
                assert!(bound_ns(bits, step) <= ns);
                let (bits, next) = match step {
                    7 => (bits + 1, 0),
                    _ => (bits, step + 1),
                };
                assert!(ns < bound_ns(bits, next));
            }
        }
    }
}
