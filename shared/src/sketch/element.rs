//! What an element does to a sketch: its hash names one register, and says how far that is raised.
//! Pure. The hash is Austin Appleby's MurmurHash64A, with Redis' seed.

use super::{INDEX_BITS, REGISTERS, TAIL_BITS};

const SEED: u64 = 0xadc8_3b19;
const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
const SHIFT: u32 = 47;

/// A register and a count that it is to have at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rise {
    /// Which register, below [`REGISTERS`].
    pub(super) register: usize,
    /// 1 to 51.
    pub(super) count: u8,
}

impl Rise {
    /// What this element asks for.
    #[must_use]
    pub fn of(element: &[u8]) -> Self {
        let hash = hash(element);
        // A bit beyond the last ends every run of zeros.
        let tail = hash >> INDEX_BITS | 1 << TAIL_BITS;
        Self {
            register: usize::try_from(hash % REGISTERS as u64).unwrap_or(0),
            count: u8::try_from(tail.trailing_zeros() + 1).unwrap_or(0),
        }
    }
}

fn hash(element: &[u8]) -> u64 {
    let mut state = SEED ^ (element.len() as u64).wrapping_mul(FACTOR);
    let mut words = element.chunks_exact(8);
    for word in &mut words {
        let word = word
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte));
        let word = word.wrapping_mul(FACTOR);
        let word = (word ^ word >> SHIFT).wrapping_mul(FACTOR);
        state = (state ^ word).wrapping_mul(FACTOR);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let word = rest
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte));
        state = (state ^ word).wrapping_mul(FACTOR);
    }
    state = (state ^ state >> SHIFT).wrapping_mul(FACTOR);
    state ^ state >> SHIFT
}

#[cfg(test)]
mod tests {
    use super::Rise;

    #[test]
    fn elements_raise_the_registers_that_redis_raises() {
        // As PFDEBUG DECODE of redis-server 7.0.15 shows them.
        for (element, register, count) in [("a", 12_711, 2), ("b", 15_780, 1)] {
            let rise = Rise { register, count };
            assert_eq!(Rise::of(element.as_bytes()), rise, "{element}");
        }
    }
}
