//! Whole numbers of any size, with the few operations that reading and printing long numbers needs.
//! Pure. The caller bounds the sizes: some 34,000 bits at most.

use std::cmp::Ordering;

/// The greatest power of ten in 64 bits, and its exponent.
pub(super) const CHUNK: u64 = 10_000_000_000_000_000_000;
/// See [`CHUNK`].
pub(super) const CHUNK_DIGITS: usize = 19;

/// A whole number: 64-bit limbs, the lowest first, the highest never zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Big {
    limbs: Vec<u64>,
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "limbs are the low halves of 128-bit intermediates"
)]
impl Big {
    pub(super) fn new(value: u64) -> Self {
        let mut big = Self { limbs: vec![value] };
        big.trim();
        big
    }

    pub(super) fn is_zero(&self) -> bool {
        self.limbs.is_empty()
    }

    fn trim(&mut self) {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
    }

    /// `self × factor + addend`.
    pub(super) fn multiply_add(&mut self, factor: u64, addend: u64) {
        let mut carry = u128::from(addend);
        for limb in &mut self.limbs {
            let product = u128::from(*limb) * u128::from(factor) + carry;
            *limb = product as u64;
            carry = product >> 64;
        }
        if carry != 0 {
            self.limbs.push(carry as u64);
        }
    }

    /// `self × 10^power`.
    pub(super) fn multiply_power_of_ten(&mut self, power: usize) {
        for _ in 0..power / CHUNK_DIGITS {
            self.multiply_add(CHUNK, 0);
        }
        for _ in 0..power % CHUNK_DIGITS {
            self.multiply_add(10, 0);
        }
    }

    /// `self / divisor`, the remainder returned.
    pub(super) fn divide(&mut self, divisor: u64) -> u64 {
        let mut remainder = 0_u128;
        for limb in self.limbs.iter_mut().rev() {
            let dividend = remainder << 64 | u128::from(*limb);
            *limb = (dividend / u128::from(divisor)) as u64;
            remainder = dividend % u128::from(divisor);
        }
        self.trim();
        remainder as u64
    }

    /// Bits up to the highest that is set.
    pub(super) fn bits(&self) -> usize {
        self.limbs.last().map_or(0, |high| {
            self.limbs.len() * 64 - high.leading_zeros() as usize
        })
    }

    /// `self × 2^distance`.
    pub(super) fn shift_up(&mut self, distance: usize) {
        if self.is_zero() {
            return;
        }
        let bits = distance % 64;
        if bits != 0 {
            self.multiply_add(1 << bits, 0);
        }
        let zeros = distance / 64;
        self.limbs.splice(0..0, std::iter::repeat_n(0, zeros));
    }

    fn subtract(&mut self, other: &Self) {
        let mut borrow = false;
        for (index, limb) in self.limbs.iter_mut().enumerate() {
            let taken = other.limbs.get(index).copied().unwrap_or(0);
            let (less, first) = limb.overflowing_sub(taken);
            let (less, second) = less.overflowing_sub(u64::from(borrow));
            *limb = less;
            borrow = first || second;
        }
        assert!(!borrow, "only ever a lesser number is taken away");
        self.trim();
    }

    fn compare(&self, other: &Self) -> Ordering {
        let by_length = self.limbs.len().cmp(&other.limbs.len());
        by_length.then_with(|| self.limbs.iter().rev().cmp(other.limbs.iter().rev()))
    }

    /// The first `count ≤ 127` bits of `self / divisor` as a whole number, the power of two that its last bit stands for, and whether something is left over.
    /// Of the bits the first may be zero. Neither number is zero.
    pub(super) fn quotient(mut self, mut divisor: Self, count: i32) -> (u128, i32, bool) {
        let bits = self.bits();
        let divisor_bits = divisor.bits();
        // Both made equally long, so that the quotient lies between 1/2 and 2.
        self.shift_up(divisor_bits.saturating_sub(bits));
        divisor.shift_up(bits.saturating_sub(divisor_bits));
        let scale = bits as i32 - divisor_bits as i32;
        let mut quotient = 0_u128;
        for _ in 0..count {
            quotient <<= 1;
            if self.compare(&divisor) != Ordering::Less {
                self.subtract(&divisor);
                quotient |= 1;
            }
            self.shift_up(1);
        }
        (quotient, scale - (count - 1), !self.is_zero())
    }
}
