//! Asks memory ahead of time for what the keys of a window need: the directory's cells of all, then all index lines, then all entries.
//! May read: the store. Never: changes it. Invariant: hints only; whatever is asked for too late or in vain, commands find the same.
//!
//! Each stage asks in a row, without work between: what a question costs is the walk through the page tables, and the processor
//! makes several walks at once only for questions that stand close together (spread over the other work they cost a tenth more).

use crate::store::{DbIndex, ExpectedEntries, KeyHash, Store};

/// Most keys prefetched at once, however many commands they belong to: their lines and entries, three cache lines each, are at home in the second cache.
pub(super) const PREFETCHED_KEYS: usize = 1024;

/// The keys of a window, in order. Its vectors are reused.
#[derive(Debug, Default)]
pub(super) struct Lookahead {
    /// Which argument of its command each key is, and its hash.
    keys: Vec<(u32, KeyHash)>,
    /// Those that may lie elsewhere than in their home lines.
    strays: Vec<KeyHash>,
    expected: ExpectedEntries,
}

impl Lookahead {
    /// Room for so many keys.
    pub(super) fn new(keys: usize) -> Self {
        Self {
            keys: Vec::with_capacity(keys),
            strays: Vec::with_capacity(keys),
            expected: ExpectedEntries::default(),
        }
    }

    /// Forgets all keys.
    pub(super) fn clear(&mut self) {
        self.keys.clear();
    }

    /// How many keys there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Those from `first` on, `count` of them.
    #[inline]
    pub(super) fn keys(&self, first: usize, count: usize) -> &[(u32, KeyHash)] {
        &self.keys[first..][..count]
    }

    /// One more key: argument `at` of its command.
    #[inline]
    pub(super) fn push(&mut self, store: &Store, db: DbIndex, at: u32, hash: KeyHash) {
        store.prefetch_path(db, hash);
        self.keys.push((at, hash));
    }

    /// Asks for the lines and the entries of all keys.
    pub(super) fn ask(&mut self, store: &Store, db: DbIndex) {
        for (_, hash) in &self.keys {
            store.prefetch_line(db, *hash);
        }
        for (_, hash) in &self.keys {
            if !store.expect_entry(db, *hash, &mut self.expected) {
                self.strays.push(*hash);
            }
        }
        store.prefetch_expected(db, &mut self.expected);
        for hash in self.strays.drain(..) {
            store.expect_stray(db, hash, &mut self.expected);
        }
        store.prefetch_expected(db, &mut self.expected);
    }
}
