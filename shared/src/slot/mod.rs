//! Key → slot: CRC16 of the key, or of its `{hash tag}`, modulo 16384 (Redis Cluster specification, "Key distribution model").
//! Pure.

mod crc16;
mod prefix;
mod set;

pub use crc16::crc16;
pub use prefix::{LONGEST_PREFIX, prefix_of};
pub use set::{SlotRange, SlotSet, SlotSetError};

use std::fmt;

/// Number of slots in a topology.
pub const SLOT_COUNT: u16 = 16384;

/// One of the 16384 slots; always `< SLOT_COUNT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(u16);

impl SlotId {
    /// The slot of `key`: CRC16 (XMODEM) of [`hash_tag`], modulo 16384.
    #[must_use]
    #[inline]
    pub fn of_key(key: &[u8]) -> Self {
        Self(crc16(hash_tag(key)) % SLOT_COUNT)
    }

    /// `Some` when `number < 16384`.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number < SLOT_COUNT {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The slot's number, `0..16384`.
    #[must_use]
    #[inline]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// All slots in ascending order.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator {
        (0..SLOT_COUNT).map(Self)
    }
}

impl fmt::Display for SlotId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// The bytes of `key` that are hashed: what stands between the first `{` and the next `}` if that is not empty, else the whole key.
#[must_use]
#[inline]
pub fn hash_tag(key: &[u8]) -> &[u8] {
    if key.len() <= SHORT_KEY && !has_brace(key) {
        return key;
    }
    let Some(open) = memchr::memchr(b'{', key) else {
        return key;
    };
    let behind = &key[open + 1..];
    match memchr::memchr(b'}', behind) {
        None | Some(0) => key,
        Some(length) => &behind[..length],
    }
}

/// Up to this length looking at all bytes here is cheaper than calling a search.
const SHORT_KEY: usize = 48;

/// Whether there is a `{`. Eight bytes a step; subtracting one from each lets only those that are zero (equal) borrow into their top bit.
#[inline]
fn has_brace(key: &[u8]) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let in_word = |bytes: &[u8; 8]| {
        let differs = u64::from_le_bytes(*bytes) ^ (EACH * u64::from(b'{'));
        differs.wrapping_sub(EACH) & !differs & (EACH << 7) != 0
    };
    // The last word overlaps the one before.
    match key.last_chunk::<8>() {
        Some(last) => in_word(last) || key.as_chunks::<8>().0.iter().any(in_word),
        None => key.contains(&b'{'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brace_is_seen_wherever_it_stands() {
        for length in 0..60 {
            let mut key = vec![b'z'; length];
            assert!(!has_brace(&key));
            for at in 0..length {
                key[at] = b'{';
                assert!(has_brace(&key));
                key[at] = b'|';
            }
            assert!(!has_brace(&key));
        }
    }

    #[test]
    fn hash_tags_follow_the_specification() {
        let check = |key: &str, tag: &str| {
            assert_eq!(hash_tag(key.as_bytes()), tag.as_bytes(), "tag of {key:?}");
        };
        check("", "");
        check("key", "key");
        check("{user1000}.following", "user1000");
        check("{user1000}.followers", "user1000");
        check("foo{}{bar}", "foo{}{bar}");
        check("foo{{bar}}zap", "{bar");
        check("foo{bar}{zap}", "bar");
        check("foo{bar", "foo{bar");
        check("foo}bar{", "foo}bar{");
        check("}{a}", "a");
        check("{", "{");
        check("{}", "{}");
        check("{a}", "a");
    }

    /// The numbers were answered by CLUSTER KEYSLOT of redis-server 7.0.15.
    #[test]
    fn slots_are_those_of_a_real_redis() {
        let check = |key: &str, slot: u16| {
            assert_eq!(
                SlotId::of_key(key.as_bytes()).number(),
                slot,
                "slot of {key:?}"
            );
        };
        check("", 0);
        check("foo", 12182);
        check("bar", 5061);
        check("hello", 866);
        check("123456789", 12739);
        check("{user1000}.following", 3443);
        check("user1000", 3443);
        check("foo{}{bar}", 8363);
        check("foo{{bar}}zap", 4015);
        check("foo{bar}{zap}", 5061);
        check("key:000000000042", 7803);
        check("}{a}", 15495);
        check("{", 4092);
        check("{}", 15257);
    }

    #[test]
    fn numbers_beyond_the_last_slot_are_refused() {
        assert_eq!(SlotId::new(16383).map(SlotId::number), Some(16383));
        assert_eq!(SlotId::new(16384), None);
        assert_eq!(SlotId::all().len(), 16384);
    }
}
