//! A key's 64-bit hash: its slot in the top 14 bits, 50 seeded bits below, so that a slot's keys lie together in the index and clients cannot foresee which keys collide.
//! Pure: the seed is given.
//!
//! The seeded part folds 64 × 64 → 128 bit products, as Wang Yi's wyhash does; the multiplicands depend on the seed, so colliding keys cannot be computed without it.

use super::key::KeyHash;
use shared::slot::SlotId;

/// How many bits of a hash stand below the slot.
pub(super) const SEEDED_BITS: u32 = 50;

/// Hashes keys under one seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyHasher {
    secrets: [u64; 3],
}

/// The two halves of a 128-bit product, folded.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the two halves are what is wanted"
    )]
    let halves = (product as u64, (product >> 64) as u64);
    halves.0 ^ halves.1
}

/// One step of the splitmix64 generator: well-mixed numbers from a counter.
pub(super) fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    bytes[at..]
        .first_chunk::<8>()
        .map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

#[inline]
fn half_word(bytes: &[u8], at: usize) -> u64 {
    bytes[at..]
        .first_chunk::<4>()
        .map_or(0, |chunk| u64::from(u32::from_le_bytes(*chunk)))
}

impl KeyHasher {
    /// The hasher of this seed.
    pub(super) fn new(seed: u64) -> Self {
        let mut state = seed;
        // Odd, so that no secret is zero and erases what it is multiplied with.
        let secrets = [(); 3].map(|()| splitmix(&mut state) | 1);
        Self { secrets }
    }

    /// The whole hash of `key`.
    #[inline]
    pub(super) fn hash(&self, key: &[u8]) -> KeyHash {
        let slot = u64::from(SlotId::of_key(key).number());
        KeyHash(slot << SEEDED_BITS | self.seeded(key) >> (64 - SEEDED_BITS))
    }

    /// Sixty-four seeded bits, without a slot: for what lies inside of a key.
    #[inline]
    pub(super) fn seeded(&self, key: &[u8]) -> u64 {
        let [first, second, third] = self.secrets;
        let len = key.len();
        let mut sum = first;
        let (a, b) = match len {
            0 => (0, 0),
            1..=3 => {
                let spread = [key[0], key[len / 2], key[len - 1]].map(u64::from);
                (spread[0] << 16 | spread[1] << 8 | spread[2], 0)
            }
            4..=7 => (half_word(key, 0), half_word(key, len - 4)),
            8..=16 => (word(key, 0), word(key, len - 8)),
            _ => {
                // Every pair but the last, which may overlap it and is taken below.
                for pair in key[..len - 1].chunks_exact(16) {
                    sum = fold(word(pair, 0) ^ second, word(pair, 8) ^ sum);
                }
                (word(key, len - 16), word(key, len - 8))
            }
        };
        let length = u64::try_from(len).unwrap_or(u64::MAX);
        fold(fold(a ^ second, b ^ sum) ^ third, length ^ first ^ second)
    }
}

#[cfg(test)]
mod tests {
    use super::KeyHasher;
    use std::collections::HashSet;

    #[test]
    fn the_slot_is_on_top_and_the_rest_depends_on_the_seed() {
        let (one, other) = (KeyHasher::new(1), KeyHasher::new(2));
        let hash = one.hash(b"foo").0;
        assert_eq!(hash >> 50, 12182, "as CLUSTER KEYSLOT foo");
        assert_eq!(other.hash(b"foo").0 >> 50, 12182);
        assert_ne!(hash, other.hash(b"foo").0);
    }

    #[test]
    fn keys_of_every_length_differ_in_the_bits_that_choose_home_and_fingerprint() {
        let hasher = KeyHasher::new(42);
        for len in 1..100_usize {
            let mut seen = HashSet::new();
            for at in 0..len {
                for change in 1..=255_u8 {
                    let mut key = vec![7_u8; len];
                    key[at] ^= change;
                    seen.insert(hasher.hash(&key).0 & 0xffff_ffff);
                }
            }
            assert!(seen.len() + 2 >= len * 255, "{len}: {}", seen.len());
        }
    }

    #[test]
    fn counted_keys_spread_evenly_over_homes() {
        let hasher = KeyHasher::new(7);
        let mut homes = [0_u32; 64];
        for number in 0..64_000 {
            let hash = hasher.hash(format!("{{tag}}k{number:015}").as_bytes()).0;
            homes[usize::try_from(((hash & 0xffff_ffff) * 64) >> 32).unwrap()] += 1;
        }
        assert!(
            homes.iter().all(|&count| (800..1200).contains(&count)),
            "{homes:?}"
        );
    }
}
