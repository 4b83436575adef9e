//! `allkeys-sieve`: a hand goes round; what was used since its last visit loses that mark and stays, what was not goes (Zhang et al., "SIEVE is simpler than LRU", NSDI 2024).
//! Pure.
//!
//! The hand goes through the slabs, for there is no queue. A new key takes the place of one that went, just behind the hand, whereas SIEVE puts it before all others: so a new key is looked at after a whole round, as in CLOCK, and one-time keys go later than SIEVE would let them.

use super::queue_mark::{unused, uses};
use crate::store::database::Database;
use crate::store::slab::{CLASS_COUNT, ClassId, Handle};

/// Entries passed in one call, some 10 µs where they are cold; if all of them were used, the next call goes on behind them. A whole round later none is.
const STEPS: u32 = 512;

/// Where the hand is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hand {
    database: usize,
    class: usize,
    position: u32,
}

impl Hand {
    /// Moves on to the entry that goes; `None` when none was met so far.
    pub(super) fn next(&mut self, databases: &mut [Database]) -> Option<(usize, Handle)> {
        for _ in 0..STEPS {
            let (database, handle) = self.step(databases)?;
            databases[database].freshen(handle);
            let mark = databases[database].entry(handle).mark();
            if uses(mark) == 0 {
                return Some((database, handle));
            }
            databases[database].set_mark(handle, unused(mark));
        }
        None
    }

    /// The next live entry; `None` when there is none anywhere.
    fn step(&mut self, databases: &[Database]) -> Option<(usize, Handle)> {
        // Every class of every database at most once, and once more where the walk began.
        let mut turns = databases.len() * CLASS_COUNT + 1;
        while turns > 0 {
            if self.database >= databases.len() {
                *self = Self::default();
            }
            let slabs = databases.get(self.database)?.slabs();
            let Some(class) = ClassId::new(self.class) else {
                self.database += 1;
                self.class = 0;
                self.position = 0;
                continue;
            };
            if self.position >= slabs.places(class) {
                self.class += 1;
                self.position = 0;
                turns -= 1;
                continue;
            }
            let handle = slabs.place(class, self.position);
            self.position += 1;
            if !slabs.is_hole(handle) {
                return Some((self.database, handle));
            }
        }
        None
    }
}
