//! One step of SCAN: a walk over the index in the order of hashes.
//! Pure.
//!
//! A cursor says how much of the range of hashes has been walked, not where in memory the walk is: a region of the trie (the first `depth` bits of its hashes) and how many of [`FRACTIONS`] parts of the homes within it. Whatever leaves grow, split, merge or move between two steps, the keys of the part not yet walked are found there, so a key that is there all the time is visited at least once.
//! A leaf that is meanwhile larger than the cursor's region (merged) is walked only for the hashes of the region; one that is smaller (split) makes the region smaller.
//!
//! In bits, from the top: 1 + `depth` bits of prefix (the one marks their number, so that 0 is no cursor but the start and the end), the part, and one bit that
//! says how parts are counted: one by one (8 bits), or in deep regions by thirds of a leaf (2 bits). At most [`CURSOR_BITS`], for a proxy packs more into one
//! number below 2^53. A step in a deep region goes on to the next third, so that it may visit somewhat more keys than asked for.

use super::directory::MAX_DEPTH;
use super::leaf::{FRACTIONS, LeafSize};
use super::line::{IN_LIST, IN_NEIGHBOUR, IN_STASH, Line};
use super::trie::{LeafRecord, Trie, path};
use super::{HashSource, Index};
use crate::store::slab::Handle;

/// Bits of a part counted one by one.
const PART_BITS: u32 = 8;

/// Deepest region whose parts are counted one by one; deeper ones are those of a hash tag with millions of keys.
const FINE_DEPTH: u32 = 25;

/// Parts that make a third of a leaf, where a home of leaves of either size begins.
const COARSE_PARTS: u32 = FRACTIONS / 3;

/// Bits of a third.
const COARSE_BITS: u32 = 2;

/// Bits of a cursor: of the deepest region with parts one by one, and of the deepest of all.
const CURSOR_BITS: u32 = 35;

const _: () = {
    assert!(1 + FINE_DEPTH + PART_BITS < CURSOR_BITS && 1 + MAX_DEPTH + COARSE_BITS < CURSOR_BITS);
    assert!(COARSE_PARTS.is_multiple_of(LeafSize::Small.fractions_per_line()));
    assert!(COARSE_PARTS.is_multiple_of(LeafSize::Large.fractions_per_line()));
};

/// Where a walk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    prefix: u32,
    depth: u32,
    /// `0..FRACTIONS`: homes below are done.
    part: u32,
}

impl Position {
    const START: Self = Self {
        prefix: 0,
        depth: 0,
        part: 0,
    };

    /// Whether a cursor can name it.
    fn is_nameable(self) -> bool {
        self.depth <= FINE_DEPTH || self.part.is_multiple_of(COARSE_PARTS)
    }

    fn encode(self) -> u64 {
        debug_assert!(self.is_nameable(), "a walk stops where a cursor can say");
        let marked =
            1_u64 << self.depth | u64::from(self.prefix).unbounded_shr(u32::BITS - self.depth);
        let is_coarse = self.depth > FINE_DEPTH;
        let (bits, part) = if is_coarse {
            (COARSE_BITS, self.part / COARSE_PARTS)
        } else {
            (PART_BITS, self.part)
        };
        (marked << bits | u64::from(part)) << 1 | u64::from(is_coarse)
    }

    /// Any number is a cursor: one that we did not give starts somewhere.
    fn decode(cursor: u64) -> Self {
        let is_coarse = cursor & 1 == 1;
        let (bits, step) = if is_coarse {
            (COARSE_BITS, COARSE_PARTS)
        } else {
            (PART_BITS, 1)
        };
        let Ok(part) = u32::try_from(cursor >> 1 & ((1 << bits) - 1)) else {
            return Self::START;
        };
        let part = part * step;
        let marked = cursor >> (bits + 1);
        let Some(depth) = marked.checked_ilog2() else {
            return Self::START;
        };
        if depth > MAX_DEPTH || part >= FRACTIONS || is_coarse != (depth > FINE_DEPTH) {
            return Self::START;
        }
        let prefix = (marked ^ 1 << depth) << (u32::BITS - depth);
        Self {
            prefix: u32::try_from(prefix).unwrap_or(0),
            depth,
            part,
        }
    }

    fn mask(depth: u32) -> u32 {
        u32::MAX.unbounded_shl(u32::BITS - depth)
    }

    fn holds(self, hash: u64) -> bool {
        (path(hash) ^ self.prefix) & Self::mask(self.depth) == 0
    }

    /// The start of the region after this one; `None` at the end. The region is as large as alignment allows; the leaf found there makes it smaller.
    fn next_region(self) -> Option<Self> {
        let prefix = self
            .prefix
            .checked_add(1_u32.unbounded_shl(u32::BITS - self.depth))?;
        if self.depth == 0 {
            return None;
        }
        Some(Self {
            prefix,
            depth: u32::BITS - prefix.trailing_zeros(),
            part: 0,
        })
    }
}

impl Index {
    /// Visits about `count` handles from `cursor` on and returns the next cursor, 0 at the end.
    pub(in crate::store) fn scan(
        &self,
        cursor: u64,
        count: usize,
        source: &impl HashSource,
        visit: &mut dyn FnMut(Handle),
    ) -> u64 {
        let Some(trie) = &self.trie else {
            return 0;
        };
        let mut position = Position::decode(cursor);
        let mut visited = 0;
        loop {
            let record = trie.record(trie.directory.leaf(position.prefix));
            if u32::from(record.depth) > position.depth {
                position.depth = u32::from(record.depth);
            }
            let mut walk = LeafWalk::new(trie, record, position);
            while walk.position.part < FRACTIONS {
                if visited >= count && walk.position.is_nameable() {
                    return walk.position.encode();
                }
                visited += walk.home(source, visit);
            }
            match position.next_region() {
                Some(next) => position = next,
                None => return 0,
            }
            if visited >= count {
                return position.encode();
            }
        }
    }
}

/// A walk over the homes of one leaf.
struct LeafWalk<'a> {
    record: &'a LeafRecord,
    lines: &'a [Line],
    position: Position,
    /// Whether the leaf also holds hashes of other regions.
    filtered: bool,
    /// Stash and list with their hashes, once they were needed.
    displaced: Option<Vec<(u64, Handle)>>,
}

impl<'a> LeafWalk<'a> {
    fn new(trie: &'a Trie, record: &'a LeafRecord, position: Position) -> Self {
        Self {
            record,
            lines: trie.lines(record.at),
            position,
            filtered: u32::from(record.depth) < position.depth,
            displaced: None,
        }
    }

    /// Visits the keys of the home that the position is in, and moves on; says how many.
    fn home(&mut self, source: &impl HashSource, visit: &mut dyn FnMut(Handle)) -> usize {
        let size = self.record.at.size();
        let step = size.fractions_per_line();
        let home = self.position.part / step;
        self.position.part = (home + 1) * step;
        let home = home as usize;
        let mut visited = 0;
        let wanted =
            |hash: u64| size.home(hash) == home && (!self.filtered || self.position.holds(hash));
        let line = &self.lines[home];
        let mut look = |hash: u64, handle: Handle| {
            if wanted(hash) {
                visit(handle);
                visited += 1;
            }
        };
        for handle in line.taken().map(|slot| line.handle(slot)) {
            look(source.hash_of(handle), handle);
        }
        if line.says(IN_NEIGHBOUR) {
            let next = &self.lines[size.neighbour(home)];
            for handle in next.taken().map(|slot| next.handle(slot)) {
                look(source.hash_of(handle), handle);
            }
        }
        if line.says(IN_STASH) || line.says(IN_LIST) {
            let displaced = self
                .displaced
                .get_or_insert_with(|| displaced(self.record, self.lines, size, source));
            for &(hash, handle) in displaced.iter() {
                look(hash, handle);
            }
        }
        visited
    }
}

fn displaced(
    record: &LeafRecord,
    lines: &[Line],
    size: LeafSize,
    source: &impl HashSource,
) -> Vec<(u64, Handle)> {
    let stash = lines[size.homes()..].iter();
    let mut found: Vec<_> = stash
        .flat_map(|line| line.taken().map(|slot| line.handle(slot)))
        .map(|handle| (source.hash_of(handle), handle))
        .collect();
    let list = record.list.iter().flat_map(|list| list.iter());
    found.extend(list.map(|other| (other.hash, other.handle)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_they_were_written_and_take_few_bits() {
        for (prefix, depth) in [
            (0, 0),
            (0, 1),
            (1 << 31, 1),
            (0xffff_0000, 16),
            (u32::MAX << (u32::BITS - FINE_DEPTH), FINE_DEPTH),
            (0x1234_5678 & !1, MAX_DEPTH),
            (u32::MAX - 1, MAX_DEPTH),
        ] {
            for part in [0, 1, COARSE_PARTS, 2 * COARSE_PARTS, FRACTIONS - 1] {
                let position = Position {
                    prefix,
                    depth,
                    part,
                };
                if !position.is_nameable() {
                    continue;
                }
                let cursor = position.encode();
                assert!(cursor > 0 && cursor < 1 << CURSOR_BITS);
                assert_eq!(Position::decode(cursor), position);
            }
        }
        // No mark, a part beyond the last, a deep region counted one by one, a high one counted by thirds, too deep.
        for strange in [
            1,
            255 << 1,
            1 << 9 | 200 << 1,
            1 << 36,
            1 << 3 | 1,
            u64::MAX,
        ] {
            assert_eq!(Position::decode(strange), Position::START);
        }
    }

    #[test]
    fn regions_follow_each_other_to_the_end() {
        let mut position = Position::START;
        assert_eq!(position.next_region(), None);
        position.depth = 2;
        let mut starts = vec![position.prefix];
        while let Some(mut next) = position.next_region() {
            next.depth = next.depth.max(2);
            starts.push(next.prefix);
            position = next;
        }
        assert_eq!(starts, [0, 1 << 30, 2 << 30, 3 << 30]);
    }
}
