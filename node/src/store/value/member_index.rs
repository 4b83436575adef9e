//! [`MemberIndex`]: from a member's hash to its score, without members: a candidate is verified in the tree.
//! Pure.
//! Invariant: an entry keeps 32 bits of the hash: eight as fingerprint, and of 24 those that its leaf's position does not say; a split uses one up and a merge gives it back, so no member is ever read.
//!
//! ```text
//! count 2 | depth 1: bits that the position says | frame | fingerprints n | rests n × 0–3 | scores n × width
//! ```

use super::block::{COUNT_BYTES, close, count, open, set_count};
use super::codes::places_of;
use super::frame::Frame;
use super::leaves::{LeafId, Leaves, MAX_LEAF_BYTES, fingerprint, low_half};
use super::linear::{DIRECTORY_STEPS, Directory};
use crate::store::StoreFull;
use crate::store::object::Ahead;

/// Entries that leaves are to have on average.
const ENTRIES: u64 = 64;

/// Bits of a hash beside the fingerprint: at most as many leaves can be told apart.
const HASH_BITS: u8 = 24;

const HASH_MASK: u32 = (1 << HASH_BITS) - 1;

/// Cache lines asked for before a leaf is read.
const PREFETCHED_LINES: usize = 10;

/// Of them, those in which fingerprints and the rests of hashes stand, most likely.
const FRONT_LINES: usize = 4;

/// Steps of [`MemberIndex::look_ahead`].
pub(super) const INDEX_STEPS: usize = DIRECTORY_STEPS + 2;

/// One member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    fingerprint: u8,
    rest: u32,
    score: u64,
}

/// A member as the index knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trace {
    fingerprint: u8,
    hash: u32,
    pub(super) score: u64,
}

/// The bits of a member's hash that the index keeps beside the fingerprint.
#[inline]
pub(super) fn low_hash(hash: u64) -> u32 {
    low_half(hash) & HASH_MASK
}

impl Trace {
    /// [`low_hash`] of its member's.
    #[inline]
    pub(super) fn hash(&self) -> u32 {
        self.hash
    }

    /// Whether a member of this hash is the one, as far as the index knows.
    pub(super) fn is(&self, hash: u64) -> bool {
        self.fingerprint == fingerprint(hash) && self.hash == low_hash(hash)
    }
}

/// Where an entry stands; good until the index changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    leaf: LeafId,
    nth: usize,
    pub(super) score: u64,
}

/// Where the arrays of a leaf begin.
#[derive(Clone, Copy, Debug)]
struct Layout {
    count: usize,
    depth: u8,
    frame: Frame,
    fingerprints: usize,
    rests: usize,
    rest_bytes: usize,
    scores: usize,
}

#[inline]
fn layout(bytes: &[u8]) -> Layout {
    let count = count(bytes);
    let depth = bytes[COUNT_BYTES];
    let frame = Frame::read(&bytes[COUNT_BYTES + 1..]);
    let fingerprints = COUNT_BYTES + 1 + frame.len();
    let rest_bytes = rest_bytes(depth);
    Layout {
        count,
        depth,
        frame,
        fingerprints,
        rests: fingerprints + count,
        rest_bytes,
        scores: fingerprints + count * (1 + rest_bytes),
    }
}

#[inline]
fn rest_bytes(depth: u8) -> usize {
    usize::from((HASH_BITS.saturating_sub(depth)).div_ceil(8))
}

impl Layout {
    #[inline]
    fn rest(self, bytes: &[u8], nth: usize) -> u32 {
        let at = self.rests + nth * self.rest_bytes;
        let mut wide = [0; 4];
        wide[..self.rest_bytes].copy_from_slice(&bytes[at..at + self.rest_bytes]);
        u32::from_le_bytes(wide)
    }

    #[inline]
    fn entry(self, bytes: &[u8], nth: usize) -> Entry {
        Entry {
            fingerprint: bytes[self.fingerprints + nth],
            rest: self.rest(bytes, nth),
            score: self.frame.get(&bytes[self.scores..], nth),
        }
    }
}

fn entries(bytes: &[u8]) -> Vec<Entry> {
    let layout = layout(bytes);
    (0..layout.count)
        .map(|nth| layout.entry(bytes, nth))
        .collect()
}

fn write(leaves: &mut Leaves, id: LeafId, depth: u8, entries: &[Entry]) {
    use super::block::Block;
    let frame = Frame::of(entries.iter().map(|entry| entry.score));
    let each = 1 + rest_bytes(depth) + frame.width();
    let mut block = leaves.block(id);
    block.resize(COUNT_BYTES + 1 + frame.len() + entries.len() * each);
    let bytes = block.bytes_mut();
    bytes[..COUNT_BYTES].fill(0);
    set_count(bytes, entries.len());
    bytes[COUNT_BYTES] = depth;
    frame.write(&mut bytes[COUNT_BYTES + 1..]);
    let layout = layout(bytes);
    for (nth, entry) in entries.iter().enumerate() {
        put(bytes, layout, nth, *entry);
    }
}

fn put(bytes: &mut [u8], layout: Layout, nth: usize, entry: Entry) {
    bytes[layout.fingerprints + nth] = entry.fingerprint;
    let at = layout.rests + nth * layout.rest_bytes;
    bytes[at..at + layout.rest_bytes]
        .copy_from_slice(&entry.rest.to_le_bytes()[..layout.rest_bytes]);
    layout
        .frame
        .put(&mut bytes[layout.scores..], nth, entry.score);
}

/// Asks for the scores that a member may have, by its fingerprint.
fn prefetch_scores(leaves: &Leaves, element: &Ahead<'_>) {
    let id = LeafId(element.leaf);
    let bytes = leaves.bytes(id);
    let layout = layout(bytes);
    let width = layout.frame.width();
    let fingerprints = &bytes[layout.fingerprints..layout.rests];
    for nth in places_of(fingerprint(element.hash), fingerprints) {
        let at = layout.scores + nth * width;
        leaves.prefetch_bytes(id, at..at + width);
    }
}

/// Scores by hash.
#[derive(Debug)]
pub(super) struct MemberIndex {
    directory: Directory,
    count: u64,
}

impl MemberIndex {
    /// No members. Room is reserved.
    pub(super) fn new(leaves: &mut Leaves) -> Self {
        let leaf = leaves.alloc(0);
        write(leaves, leaf, 0, &[]);
        Self {
            directory: Directory::new(leaf),
            count: 0,
        }
    }

    /// Bytes of its directory.
    pub(super) fn directory_bytes(&self) -> u64 {
        self.directory.bytes()
    }

    #[inline]
    fn leaf_of(&self, hash: u64) -> LeafId {
        self.directory
            .leaf(self.directory.position(low_half(hash) & HASH_MASK))
    }

    /// Asks for the memory of a member's entry.
    #[inline]
    pub(super) fn prefetch(&self, leaves: &Leaves, hash: u64) {
        leaves.prefetch(self.leaf_of(hash), PREFETCHED_LINES);
    }

    /// Asks for the memory of members' entries: the way to their leaves, the fronts of those with fingerprints and rests, the scores that these point to.
    pub(super) fn look_ahead(&self, leaves: &Leaves, elements: &mut [Ahead<'_>], step: usize) {
        match step {
            0..DIRECTORY_STEPS => {
                self.directory.look_ahead(leaves, elements, step, HASH_MASK);
            }
            DIRECTORY_STEPS => {
                for element in elements {
                    leaves.prefetch(LeafId(element.leaf), FRONT_LINES);
                }
            }
            _ => {
                for element in elements {
                    prefetch_scores(leaves, element);
                }
            }
        }
    }

    /// The entry of this hash whose score is the member's, which `is` finds out.
    #[inline]
    pub(super) fn find(
        &self,
        leaves: &Leaves,
        hash: u64,
        is: impl FnMut(u64) -> bool,
    ) -> Option<Spot> {
        leaves.prefetch(self.leaf_of(hash), PREFETCHED_LINES);
        self.search(leaves, hash, is)
    }

    /// The same where the memory has been asked for.
    #[inline]
    pub(super) fn search(
        &self,
        leaves: &Leaves,
        hash: u64,
        mut is: impl FnMut(u64) -> bool,
    ) -> Option<Spot> {
        let leaf = self.leaf_of(hash);
        let bytes = leaves.bytes(leaf);
        let layout = layout(bytes);
        let rest = (low_half(hash) & HASH_MASK) >> layout.depth;
        for nth in places_of(fingerprint(hash), &bytes[layout.fingerprints..layout.rests]) {
            if layout.rest(bytes, nth) == rest {
                let score = layout.frame.get(&bytes[layout.scores..], nth);
                if is(score) {
                    return Some(Spot { leaf, nth, score });
                }
            }
        }
        None
    }

    /// Adds a member. Room is reserved.
    pub(super) fn insert(
        &mut self,
        leaves: &mut Leaves,
        hash: u64,
        score: u64,
    ) -> Result<(), StoreFull> {
        let id = self.leaf_of(hash);
        let before = layout(leaves.bytes(id));
        let entry = Entry {
            fingerprint: fingerprint(hash),
            rest: (low_half(hash) & HASH_MASK) >> before.depth,
            score,
        };
        // Hashes are seeded: four times as many as on average do not meet.
        if (before.count + 1) * 12 + 16 > MAX_LEAF_BYTES {
            return Err(StoreFull);
        }
        if before.count > 0 && before.frame.fits(score) {
            let (rest_bytes, width) = (before.rest_bytes, before.frame.width());
            let mut block = leaves.block(id);
            let end = before.scores + before.count * width;
            let gaps = [(before.rests, 1), (before.scores, rest_bytes), (end, width)];
            open(&mut block, gaps);
            let bytes = leaves.bytes_mut(id);
            set_count(bytes, before.count + 1);
            put(bytes, layout(bytes), before.count, entry);
        } else {
            let mut entries = entries(leaves.bytes(id));
            entries.push(entry);
            write(leaves, id, before.depth, &entries);
        }
        self.count += 1;
        let is_full = self.count > u64::from(self.directory.len()) * ENTRIES;
        if is_full && self.directory.len() < 1 << HASH_BITS {
            self.split(leaves);
        }
        Ok(())
    }

    /// Gives a member another score. Room is reserved.
    pub(super) fn update(&mut self, leaves: &mut Leaves, spot: Spot, score: u64) {
        let bytes = leaves.bytes_mut(spot.leaf);
        let layout = layout(bytes);
        if layout.frame.fits(score) {
            layout
                .frame
                .put(&mut bytes[layout.scores..], spot.nth, score);
            return;
        }
        let mut entries = entries(bytes);
        entries[spot.nth].score = score;
        write(leaves, spot.leaf, layout.depth, &entries);
    }

    /// Takes a member out.
    pub(super) fn remove(&mut self, leaves: &mut Leaves, spot: Spot) {
        let before = layout(leaves.bytes(spot.leaf));
        let (nth, width) = (spot.nth, before.frame.width());
        set_count(leaves.bytes_mut(spot.leaf), before.count - 1);
        close(
            &mut leaves.block(spot.leaf),
            [
                (before.fingerprints + nth, 1),
                (before.rests + nth * before.rest_bytes, before.rest_bytes),
                (before.scores + nth * width, width),
            ],
        );
        self.count -= 1;
        let leaf_count = u64::from(self.directory.len());
        let is_sparse = self.count < (leaf_count - 1) * ENTRIES / 4 * 3;
        if leaf_count > 1 && is_sparse && leaves.reserve().is_ok() {
            self.merge(leaves);
        }
    }

    fn split(&mut self, leaves: &mut Leaves) {
        let (old, _) = self.directory.next_split();
        let bytes = leaves.bytes(old);
        let depth = layout(bytes).depth + 1;
        let (mut stay, mut go) = (Vec::new(), Vec::new());
        for mut entry in entries(bytes) {
            let part = if entry.rest & 1 == 0 {
                &mut stay
            } else {
                &mut go
            };
            entry.rest >>= 1;
            part.push(entry);
        }
        write(leaves, old, depth, &stay);
        let new = leaves.alloc(0);
        write(leaves, new, depth, &go);
        self.directory.push(new);
    }

    fn merge(&mut self, leaves: &mut Leaves) {
        let (last, first) = self.directory.next_merge();
        let mut all = entries(leaves.bytes(first));
        let gone = entries(leaves.bytes(last));
        if (all.len() + gone.len()) * 12 + 16 > MAX_LEAF_BYTES {
            return;
        }
        let depth = layout(leaves.bytes(first)).depth - 1;
        for entry in &mut all {
            entry.rest <<= 1;
        }
        all.extend(gone.into_iter().map(|entry| Entry {
            rest: entry.rest << 1 | 1,
            ..entry
        }));
        self.directory.pop();
        leaves.free(last);
        write(leaves, first, depth, &all);
    }

    /// Shows what is known of the members of one leaf, from the cursor `from` on, and says the next cursor, 0 at the end. See [`super::table::Table::scan`] for what that promises.
    pub(super) fn scan(&self, leaves: &Leaves, from: u32, found: &mut Vec<Trace>) -> u32 {
        let position = self.directory.position(from.reverse_bits());
        let bytes = leaves.bytes(self.directory.leaf(position));
        let depth = layout(bytes).depth;
        for entry in entries(bytes) {
            let said = position & ((1 << depth) - 1);
            let hash = entry.rest << depth | said;
            if hash.reverse_bits() >= from {
                found.push(Trace {
                    fingerprint: entry.fingerprint,
                    hash,
                    score: entry.score,
                });
            }
        }
        match self.directory.depth(position) {
            0 => 0,
            depth => position.reverse_bits().wrapping_add(1 << (32 - depth)),
        }
    }

    /// Frees up to `limit` leaves; says whether any is left.
    pub(super) fn free(&mut self, leaves: &mut Leaves, limit: usize) -> bool {
        for _ in 0..limit {
            let Some(id) = self.directory.pop() else {
                return false;
            };
            leaves.free(id);
        }
        self.directory.len() > 0
    }
}
