//! Uniform draws from a seeded generator.
//! Pure: the state is given.

use crate::store::hash::splitmix;

/// A number below `bound`, each as likely; 0 when the bound is.
#[inline]
#[must_use]
pub fn below(chance: &mut u64, bound: u64) -> u64 {
    let product = u128::from(splitmix(chance)) * u128::from(bound);
    u64::try_from(product >> 64).unwrap_or(0)
}
