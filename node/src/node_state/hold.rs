//! Keys that other clients' commands must not touch while a command over many of them is under way: to everybody it happens at one moment.
//! Pure: waiting is done by the shell. Invariant: a key that was marked is always found marked; others may be, seldom.

use crate::store::KeyHash;

/// With so few keys to a word, of which each sets four bits, at most one key in a thousand is taken for a marked one.
const KEYS_PER_WORD: usize = 2;

/// A command under way, and its keys.
#[derive(Debug)]
pub struct Hold {
    writes: bool,
    /// Nobody knows beforehand which keys it looks at: all of them.
    of_all_keys: bool,
    /// See [`Hold::of_moment`].
    moment_ms: u64,
    marks: KeyMarks,
}

impl Hold {
    /// For a command with at most `keys` keys, none of which is marked yet; `writes`: it may change them.
    #[must_use]
    pub fn new(writes: bool, keys: usize) -> Self {
        Self {
            writes,
            of_all_keys: false,
            moment_ms: 0,
            marks: KeyMarks::new(keys),
        }
    }

    /// The same for a command that may look at any key.
    #[must_use]
    pub fn of_all_keys(self) -> Self {
        Self {
            of_all_keys: true,
            ..self
        }
    }

    /// The same for a command that minds nothing of what goes of its keys' values that had ended by then (Unix milliseconds), for it does not see it.
    #[must_use]
    pub fn of_moment(self, moment_ms: u64) -> Self {
        Self { moment_ms, ..self }
    }

    /// Up to when parts of its keys' values that have ended may go; 0: none may.
    #[must_use]
    pub fn moment_ms(&self) -> u64 {
        self.moment_ms
    }

    /// One of its keys, in whatever database.
    #[inline]
    pub fn mark(&mut self, key: KeyHash) {
        self.marks.insert(key);
    }

    /// Whether a command that reads, or that changes something (`writes`), can be in its way at all.
    #[must_use]
    pub fn concerns(&self, writes: bool) -> bool {
        self.writes || writes
    }

    /// Whether a command with this key has to wait.
    #[must_use]
    #[inline]
    pub fn holds(&self, key: KeyHash) -> bool {
        self.of_all_keys || self.marks.may_contain(key)
    }
}

/// A set of hashes that never forgets one: a Bloom filter of words, in which a key sets bits of one word alone
/// (Putze, Sanders and Singler, Cache-, hash- and space-efficient Bloom filters, WEA 2007).
#[derive(Debug)]
struct KeyMarks {
    words: Vec<u64>,
    /// Number of words less one; that number is a power of two.
    mask: u64,
}

impl KeyMarks {
    fn new(keys: usize) -> Self {
        let words = keys.div_ceil(KEYS_PER_WORD).next_power_of_two();
        Self {
            words: vec![0; words],
            mask: words as u64 - 1,
        }
    }

    /// A key's word and its bits there: from parts of the hash that do not overlap, all below the slot.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "below the number of words, which is a usize"
    )]
    fn place(&self, key: KeyHash) -> (usize, u64) {
        let bit = |shift: u32| 1 << ((key.0 >> shift) % 64);
        let bits = bit(26) | bit(32) | bit(38) | bit(44);
        ((key.0 & self.mask) as usize, bits)
    }

    #[inline]
    fn insert(&mut self, key: KeyHash) {
        let (word, bits) = self.place(key);
        self.words[word] |= bits;
    }

    #[inline]
    fn may_contain(&self, key: KeyHash) -> bool {
        let (word, bits) = self.place(key);
        self.words[word] & bits == bits
    }
}

#[cfg(test)]
mod tests {
    use super::Hold;
    use crate::store::Store;

    #[test]
    fn marked_keys_are_held_and_few_others() {
        for keys in [0, 1, 1_000, 100_000] {
            let store = Store::new(1, 3);
            let hash = |number: usize| store.hash(format!("key:{number}").as_bytes());
            let mut hold = Hold::new(false, keys);
            for number in 0..keys {
                hold.mark(hash(number));
            }
            assert!((0..keys).all(|number| hold.holds(hash(number))));
            let strangers = (keys..keys + 100_000).filter(|number| hold.holds(hash(*number)));
            assert!(strangers.count() < 150, "of {keys} keys");
        }
    }

    #[test]
    fn readers_are_in_nobodys_way() {
        let reader = Hold::new(false, 1);
        let writer = Hold::new(true, 1);
        assert!(!reader.concerns(false) && reader.concerns(true));
        assert!(writer.concerns(false) && writer.concerns(true));
    }
}
