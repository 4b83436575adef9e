//! [`Past`]: a table as it was at a moment, on its way to whoever takes it part by part, while the table changes.
//! Pure. Knows numbers of parts only: a part is all that has the same low bits of its hash, as many bits as led to the table's leaves at the moment. So it lies in one leaf or some, or in one with others, however leaves are split and merged since.
//! Invariant: what was there at the moment is recalled once. What is about to change is put aside first, with all of its part; what comes later comes into a part that is recalled already.
//!
//! Parts come in the order of the leaves: whoever puts them into another table of this hash fills its leaves in turn. What was put aside comes as it changed; it is for tables of other processes, whose hashes are others.

use super::texts::Texts;

/// What is still to be recalled.
#[derive(Debug)]
pub(super) struct Past {
    /// Elements that there were.
    len: u64,
    /// Low bits of a hash that say which part it belongs to.
    mask: u32,
    /// Which parts have been recalled or put aside, a bit each.
    recalled: Box<[u64]>,
    /// All parts before this one have been.
    next: u32,
    /// Elements that were put aside, as far as they have not been recalled.
    early: Texts,
}

impl Past {
    /// Of so many elements in `2^level` parts, of which none has been recalled.
    pub(super) fn new(len: u64, level: u32) -> Self {
        let parts = 1_usize << level;
        Self {
            len,
            mask: (1 << level) - 1,
            recalled: vec![0; parts.div_ceil(64)].into_boxed_slice(),
            next: 0,
            early: Texts::default(),
        }
    }

    /// Elements that there were.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The part of a hash.
    pub(super) fn part(&self, hash: u32) -> u32 {
        hash & self.mask
    }

    /// How many parts there are.
    pub(super) fn parts(&self) -> u32 {
        self.mask + 1
    }

    /// Whether a part has been recalled or put aside.
    pub(super) fn has(&self, part: u32) -> bool {
        self.recalled[part as usize / 64] & 1 << (part % 64) != 0
    }

    /// From now on it has been.
    pub(super) fn note(&mut self, part: u32) {
        self.recalled[part as usize / 64] |= 1 << (part % 64);
    }

    /// The next part that has not been, which is to be recalled now.
    pub(super) fn take_next(&mut self) -> Option<u32> {
        while self.next < self.parts() {
            let part = self.next;
            self.next += 1;
            if !self.has(part) {
                self.note(part);
                return Some(part);
            }
        }
        None
    }

    /// Elements that were put aside.
    pub(super) fn early(&mut self) -> &mut Texts {
        &mut self.early
    }

    /// Bytes of them.
    pub(super) fn early_bytes(&self) -> u64 {
        self.early.text_bytes() as u64
    }

    /// Bytes taken.
    pub(super) fn bytes(&self) -> u64 {
        (size_of::<Self>() + self.recalled.len() * 8 + self.early.room()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::Past;

    #[test]
    fn each_part_comes_once() {
        for level in [0, 3, 7] {
            let mut past = Past::new(7, level);
            let last = past.part(u32::MAX);
            assert!(!past.has(last));
            past.note(last);
            assert!(past.has(last));
            let rest: Vec<u32> = std::iter::from_fn(|| past.take_next()).collect();
            assert_eq!(rest, (0..last).collect::<Vec<_>>());
            assert!((0..=last).all(|part| past.has(part)));
        }
    }
}
