//! How many elements a sketch has seen, by how many of its registers have each count.
//! Pure. The estimator is Ertl's (Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", 2017, algorithm 6), computed in the order in which Redis computes it.

use super::{REGISTERS, TAIL_BITS};

/// How many registers have each count. What six bits hold beyond 51 is counted and not used.
pub(super) type Histogram = [u32; 64];

/// 1 / (2 ln 2), as Redis writes it.
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// The estimate, rounded.
pub(super) fn estimate(histogram: &Histogram) -> u64 {
    #[expect(clippy::cast_precision_loss, reason = "16,384")]
    let registers = REGISTERS as f64;
    let having = |count: u32| f64::from(histogram[count as usize]);
    let mut sum = registers * tau((registers - having(TAIL_BITS + 1)) / registers);
    for count in (1..=TAIL_BITS).rev() {
        sum += having(count);
        sum *= 0.5;
    }
    sum += registers * sigma(having(0) / registers);
    let estimate = (ALPHA * registers * registers / sum).round();
    if estimate.is_finite() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive number, far below 2^64 as the least sum is 2^-50"
        )]
        let estimate = estimate as u64;
        return estimate;
    }
    // All registers are as high as none can be: what the C library makes of it.
    1 << 63
}

fn sigma(mut x: f64) -> f64 {
    if is(x, 1.0) {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        let before = z;
        x *= x;
        z += x * y;
        y += y;
        if is(before, z) {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if is(x, 0.0) || is(x, 1.0) {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        let before = z;
        x = x.sqrt();
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if is(before, z) {
            return z / 3.0;
        }
    }
}

/// To the last bit: the sums are at their limits when another term changes nothing.
#[expect(clippy::float_cmp, reason = "that is what is asked")]
fn is(one: f64, other: f64) -> bool {
    one == other
}
