//! From a key's hash to its entry: a trie by slot whose leaves are small hash tables of cache lines.
//! Knows handles and hashes; asks its caller what a handle's key hashes to and whether it is the wanted one. Never: reads an entry, doubles a table.
//! Invariant: a leaf of depth `d` holds exactly the handles whose hashes begin with the `d` bits of its prefix.
//!
//! A full small leaf becomes a large one, a full large one splits by the next bit; where leaves empty, two siblings merge. Each of these rehashes at most some 700 keys, and nothing else ever waits: no doubling, no pause, also when one hash tag's slot holds millions of keys.
//! Keys that find no place in a leaf that is far from full (equal hashes, which clients cannot foresee) go to a list beside the leaf: slow, but bounded and never lost.
#![expect(
    unsafe_code,
    reason = "compares twelve fingerprints at once, reads pages as lines: speed and memory are the product"
)]

mod arena;
mod directory;
mod leaf;
mod line;
mod rebuild;
mod scan;
mod trie;

use super::error::StoreFull;
use super::key::KeyHash;
use super::slab::{Handle, prefetch};
use leaf::{LeafAt, LeafSize};
use line::{ELSEWHERE, IN_LIST, IN_NEIGHBOUR, IN_STASH, Line};
use std::num::NonZeroU64;
use trie::Trie;

/// What the index must know about entries when it moves handles.
pub(super) trait HashSource {
    /// The hash of the key of a live handle.
    fn hash_of(&self, handle: Handle) -> u64;
    /// Asks for the entry ahead of time.
    fn prefetch(&self, handle: Handle);
}

/// What a lookup looks for, among handles whose hash may be the right one.
pub(super) trait Wanted: Copy {
    /// Whether it is this one.
    fn is_it(&self, handle: Handle) -> bool;
}

/// Looks for this very handle.
impl Wanted for Handle {
    #[inline]
    fn is_it(&self, handle: Handle) -> bool {
        *self == handle
    }
}

/// Where a handle stands in the index. Good until the next insertion or removal.
/// Never zero, so that a lookup's answer fits two registers. From the top: leaf (31 bits); line and slot, or [`LISTED`] and the number in the list beside the leaf (32 bits); a bit that is always set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(NonZeroU64);

/// What a [`Place`] says.
enum Spot {
    InLine { line: usize, slot: usize },
    InList(usize),
}

const LISTED: u32 = 1 << 31;

const SLOT_BITS: u32 = 4;

impl Place {
    #[inline]
    fn new(leaf: LeafAt, at: u32) -> Self {
        Self(NonZeroU64::MIN | u64::from(leaf.bits()) << 33 | u64::from(at) << 1)
    }

    #[inline]
    fn in_line(leaf: LeafAt, line: usize, slot: usize) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "64 lines of 12 slots")]
        let at = (line << SLOT_BITS | slot) as u32;
        Self::new(leaf, at)
    }

    fn in_list(leaf: LeafAt, number: usize) -> Self {
        Self::new(leaf, LISTED | u32::try_from(number).unwrap_or(0))
    }

    #[inline]
    fn leaf(self) -> LeafAt {
        LeafAt::from_bits((self.0.get() >> 33) as u32)
    }

    #[inline]
    fn spot(self) -> Spot {
        #[expect(clippy::cast_possible_truncation, reason = "32 of the bits are wanted")]
        let at = (self.0.get() >> 1) as u32;
        if at & LISTED != 0 {
            return Spot::InList((at & !LISTED) as usize);
        }
        Spot::InLine {
            line: (at >> SLOT_BITS) as usize,
            slot: (at & ((1 << SLOT_BITS) - 1)) as usize,
        }
    }
}

/// The index of one database.
#[derive(Debug)]
pub(super) struct Index {
    /// Absent until there is a key.
    trie: Option<Trie>,
    len: usize,
    /// Reused while a leaf is built anew.
    moving: Vec<(u64, Handle)>,
}

impl Index {
    /// No handles, no memory.
    pub(super) fn new() -> Self {
        Self {
            trie: None,
            len: 0,
            moving: Vec::new(),
        }
    }

    /// How many handles there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes taken by what leads to entries.
    pub(super) fn bytes(&self) -> u64 {
        self.trie.as_ref().map_or(0, |trie| trie.bytes() as u64)
    }

    /// Bytes kept beside that.
    pub(super) fn overhead_bytes(&self) -> u64 {
        let bytes = self.trie.as_ref().map_or(0, Trie::overhead_bytes);
        bytes as u64
    }

    /// Handles that were moved to other lines so far: what growing and shrinking cost.
    pub(super) fn moved(&self) -> u64 {
        self.trie.as_ref().map_or(0, |trie| trie.moved)
    }

    /// The handle of this hash that is wanted, and where it stands.
    #[inline(always)]
    pub(super) fn find(&self, hash: KeyHash, wanted: impl Wanted) -> Option<(Place, Handle)> {
        let trie = self.trie.as_ref()?;
        let leaf = trie.leaf(hash.0);
        let lines = trie.lines(leaf);
        let home = leaf.home(hash.0);
        let line = &lines[home];
        for slot in line.matching(leaf::fingerprint(hash.0)) {
            let handle = line.handle(slot);
            if wanted.is_it(handle) {
                return Some((Place::in_line(leaf, home, slot), handle));
            }
        }
        if !line.says(ELSEWHERE) {
            return None;
        }
        self.find_elsewhere(leaf, home, hash, wanted)
    }

    /// The same for a key that may lie in the line after its home, in the stash, or in the list.
    #[inline(never)]
    fn find_elsewhere(
        &self,
        leaf: LeafAt,
        home: usize,
        hash: KeyHash,
        wanted: impl Wanted,
    ) -> Option<(Place, Handle)> {
        let trie = self.trie.as_ref()?;
        let (lines, size) = (trie.lines(leaf), leaf.size());
        let fingerprint = leaf::fingerprint(hash.0);
        let found = elsewhere(lines, size, home).find_map(|at| {
            let line: &Line = &lines[at];
            let mut slots = line.matching(fingerprint);
            let slot = slots.find(|&slot| wanted.is_it(line.handle(slot)))?;
            Some((Place::in_line(leaf, at, slot), line.handle(slot)))
        });
        if found.is_some() {
            return found;
        }
        if !lines[home].says(IN_LIST) {
            return None;
        }
        let list = trie.list(leaf);
        let number = list
            .iter()
            .position(|other| other.hash == hash.0 && wanted.is_it(other.handle))?;
        Some((Place::in_list(leaf, number), list[number].handle))
    }

    /// Where this very handle stands; its key has this hash.
    #[inline]
    pub(super) fn find_handle(&self, hash: KeyHash, handle: Handle) -> Option<Place> {
        self.find(hash, handle).map(|(place, _)| place)
    }

    /// Asks for the directory's cell of a hash.
    #[inline]
    pub(super) fn prefetch_path(&self, hash: KeyHash) {
        if let Some(trie) = &self.trie {
            prefetch(trie.root_address(hash.0));
        }
    }

    /// Asks for the home line of a hash.
    #[inline]
    pub(super) fn prefetch_line(&self, hash: KeyHash) {
        if let Some(trie) = &self.trie {
            let leaf = trie.leaf(hash.0);
            let line = leaf.home(hash.0);
            if let Some(address) = trie.line_address(leaf, line) {
                prefetch(address);
            }
        }
    }

    /// Names the entries that a lookup of this hash will most likely read. `false` when none is in the home line but may be elsewhere; the lines there are asked for then.
    #[inline]
    pub(super) fn expect_entries(&self, hash: KeyHash, expect: impl FnMut(Handle)) -> bool {
        let Some(trie) = &self.trie else {
            return true;
        };
        let leaf = trie.leaf(hash.0);
        let line = &trie.lines(leaf)[leaf.home(hash.0)];
        let mut slots = line.matching(leaf::fingerprint(hash.0)).peekable();
        if slots.peek().is_none() && line.says(IN_NEIGHBOUR | IN_STASH) {
            self.prefetch_elsewhere(leaf, hash);
            return false;
        }
        slots.map(|slot| line.handle(slot)).for_each(expect);
        true
    }

    #[inline(never)]
    fn prefetch_elsewhere(&self, leaf: LeafAt, hash: KeyHash) {
        let Some(trie) = &self.trie else {
            return;
        };
        let lines = trie.lines(leaf);
        for at in elsewhere(lines, leaf.size(), leaf.home(hash.0)) {
            prefetch((&raw const lines[at]).cast());
        }
    }

    /// The same, for the entries that a lookup finds elsewhere than in the home line.
    pub(super) fn expect_strays(&self, hash: KeyHash, expect: impl FnMut(Handle)) {
        let Some(trie) = &self.trie else {
            return;
        };
        let leaf = trie.leaf(hash.0);
        let lines = trie.lines(leaf);
        for at in elsewhere(lines, leaf.size(), leaf.home(hash.0)) {
            let mut slots = lines[at].matching(leaf::fingerprint(hash.0)).peekable();
            if slots.peek().is_some() {
                slots.map(|slot| lines[at].handle(slot)).for_each(expect);
                return;
            }
        }
    }

    /// Adds a handle whose key is not in the index yet. Its entry is written already.
    ///
    /// # Errors
    /// [`StoreFull`] when the system gives no memory for the first leaf; later ones can do without.
    pub(super) fn insert(
        &mut self,
        hash: KeyHash,
        handle: Handle,
        source: &impl HashSource,
    ) -> Result<(), StoreFull> {
        if self.trie.is_none() {
            self.trie = Some(Trie::new()?);
        }
        let Some(trie) = self.trie.as_mut() else {
            return Err(StoreFull);
        };
        self.len += 1;
        loop {
            let leaf = trie.leaf(hash.0);
            if leaf::insert(trie.lines_mut(leaf), leaf.size(), hash.0, handle) {
                trie.record_mut(leaf).count += 1;
                return Ok(());
            }
            // Each round makes the leaf deeper or larger, or ends in its list.
            if !trie.make_room(leaf, source, &mut self.moving) {
                trie.push_to_list(leaf, hash.0, handle);
                return Ok(());
            }
        }
    }

    /// Lets a place hold another handle of the same key.
    #[inline]
    pub(super) fn replace(&mut self, place: Place, handle: Handle) {
        let Some(trie) = self.trie.as_mut() else {
            return;
        };
        match place.spot() {
            Spot::InLine { line, slot } => {
                trie.lines_mut(place.leaf())[line].replace(slot, handle);
            }
            Spot::InList(number) => trie.replace_in_list(place.leaf(), number, handle),
        }
    }

    /// Removes what stands at a place; the entries of all other handles are still there.
    pub(super) fn remove(&mut self, place: Place, source: &impl HashSource) {
        let Some(trie) = self.trie.as_mut() else {
            return;
        };
        self.len -= 1;
        match place.spot() {
            Spot::InLine { line, slot } => {
                trie.lines_mut(place.leaf())[line].remove(slot);
                trie.record_mut(place.leaf()).count -= 1;
                trie.shrink_if_sparse(place.leaf(), source, &mut self.moving);
            }
            Spot::InList(number) => trie.remove_from_list(place.leaf(), number),
        }
    }
}

/// The lines, other than its home, where keys of `home` may lie: its neighbour, then the stash.
fn elsewhere(lines: &[Line], size: LeafSize, home: usize) -> impl Iterator<Item = usize> {
    let neighbour = lines[home].says(IN_NEIGHBOUR).then(|| size.neighbour(home));
    let stash = if lines[home].says(IN_STASH) {
        size.homes()..size.lines()
    } else {
        0..0
    };
    neighbour.into_iter().chain(stash)
}

#[cfg(test)]
mod tests;
