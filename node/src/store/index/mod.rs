//! From a key's hash to its entry: a trie by slot whose leaves are small hash tables of cache lines.
//! Knows handles and hashes; asks its caller what a handle's key hashes to and whether it is the wanted one. Never: reads an entry, doubles a table.
//! Invariant: a leaf of depth `d` holds exactly the handles whose hashes begin with the `d` bits of its prefix.
//!
//! A full small leaf becomes a large one, a full large one splits by the next bit; where leaves empty, two siblings merge. Each of these rehashes at most some 700 keys, and nothing else ever waits: no doubling, no pause, also when one hash tag's slot holds millions of keys.
//! Keys that find no place in a leaf that is far from full (equal hashes, which clients cannot foresee) go to a list beside the leaf: slow, but bounded and never lost.
#![expect(
    unsafe_code,
    reason = "compares twelve fingerprints at once, prefetches lines: speed is the product"
)]

mod arena;
mod directory;
mod leaf;
mod line;
mod rebuild;
mod scan;

use super::chunked::Chunked;
use super::key::KeyHash;
use super::slab::{Handle, prefetch};
use super::value::StoreFull;
use arena::Arena;
use directory::{Directory, LeafId};
use leaf::LeafSize;
use line::Line;

/// What the index must know about entries when it moves handles.
pub(super) trait HashSource {
    /// The hash of the key of a live handle.
    fn hash_of(&self, handle: Handle) -> u64;
    /// Asks for the entry ahead of time.
    fn prefetch(&self, handle: Handle);
}

/// A handle that found no place in its leaf's lines.
#[derive(Clone, Copy, Debug)]
struct Overflow {
    hash: u64,
    handle: Handle,
}

/// What is known of a leaf beside its lines.
#[derive(Debug)]
struct LeafRecord {
    /// The first `depth` bits that its hashes share; zeros below.
    prefix: u32,
    /// In the arena of its size.
    position: u32,
    /// Handles in lines.
    count: u16,
    depth: u8,
    size: LeafSize,
    #[expect(
        clippy::box_collection,
        reason = "nearly always absent; one word instead of three keeps records small"
    )]
    overflow: Option<Box<Vec<Overflow>>>,
}

/// Where a handle stands in the index. Good until the next insertion or removal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    leaf: LeafId,
    /// [`OVERFLOW`] for the list beside the leaf.
    line: u32,
    slot: u32,
}

const OVERFLOW: u32 = u32::MAX;

/// The index of one database.
#[derive(Debug)]
pub(super) struct Index {
    trie: Option<Trie>,
    len: usize,
    /// Reused while a leaf is built anew.
    moving: Vec<(u64, Handle)>,
}

/// All that exists only once a key does.
#[derive(Debug)]
struct Trie {
    directory: Directory,
    records: Chunked<LeafRecord>,
    small: Arena,
    large: Arena,
    overflow_bytes: usize,
}

#[inline]
fn path(hash: u64) -> u32 {
    (hash >> 32) as u32
}

impl Trie {
    fn new() -> Result<Self, StoreFull> {
        let mut small = Arena::new(LeafSize::Small);
        small.ensure(1)?;
        let mut records = Chunked::new();
        let position = small.add(0);
        let first = records.add(LeafRecord {
            prefix: 0,
            position,
            count: 0,
            depth: 0,
            size: LeafSize::Small,
            overflow: None,
        });
        Ok(Self {
            directory: Directory::new(LeafId(first)),
            records,
            small,
            large: Arena::new(LeafSize::Large),
            overflow_bytes: 0,
        })
    }

    #[inline]
    fn lines(&self, record: &LeafRecord) -> &[Line] {
        match record.size {
            LeafSize::Small => self.small.lines(record.position),
            LeafSize::Large => self.large.lines(record.position),
        }
    }

    #[inline]
    fn lines_mut(&mut self, size: LeafSize, position: u32) -> &mut [Line] {
        match size {
            LeafSize::Small => self.small.lines_mut(position),
            LeafSize::Large => self.large.lines_mut(position),
        }
    }
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
        self.trie.as_ref().map_or(0, |trie| {
            (trie.directory.bytes()
                + trie.records.bytes()
                + trie.small.bytes()
                + trie.large.bytes()
                + trie.overflow_bytes) as u64
        })
    }

    /// Bytes kept beside that.
    pub(super) fn overhead_bytes(&self) -> u64 {
        self.trie.as_ref().map_or(0, |trie| {
            (trie.small.overhead_bytes() + trie.large.overhead_bytes()) as u64
        })
    }

    /// The handle of this hash that `is_it`, and where it stands.
    #[inline]
    pub(super) fn find(
        &self,
        hash: KeyHash,
        mut is_it: impl FnMut(Handle) -> bool,
    ) -> Option<(Place, Handle)> {
        let trie = self.trie.as_ref()?;
        let leaf = trie.directory.leaf(path(hash.0));
        let record = trie.records.get(leaf.0);
        let lines = trie.lines(record);
        if let Some((line, slot)) = leaf::find(lines, record.size, hash.0, &mut is_it) {
            let place = Place {
                leaf,
                line: u32::try_from(line).unwrap_or(OVERFLOW),
                slot: u32::try_from(slot).unwrap_or(0),
            };
            return Some((place, lines[line].handle(slot)));
        }
        let list = record.overflow.as_ref()?;
        let at = list
            .iter()
            .position(|other| other.hash == hash.0 && is_it(other.handle))?;
        let place = Place {
            leaf,
            line: OVERFLOW,
            slot: u32::try_from(at).unwrap_or(u32::MAX),
        };
        Some((place, list[at].handle))
    }

    /// Where this very handle stands; its key has this hash.
    #[inline]
    pub(super) fn find_handle(&self, hash: KeyHash, handle: Handle) -> Option<Place> {
        self.find(hash, |other| other == handle)
            .map(|(place, _)| place)
    }

    /// Asks for the home line of a hash.
    #[inline]
    pub(super) fn prefetch_line(&self, hash: KeyHash) {
        if let Some(line) = self.home(hash) {
            prefetch(std::ptr::from_ref(line).cast());
        }
    }

    /// Asks, through `ask`, for the entries that a lookup of this hash will most likely read.
    #[inline]
    pub(super) fn prefetch_entries(&self, hash: KeyHash, ask: impl Fn(Handle)) {
        if let Some(line) = self.home(hash) {
            for slot in line.matching(leaf::fingerprint(hash.0)) {
                ask(line.handle(slot));
            }
        }
    }

    #[inline]
    fn home(&self, hash: KeyHash) -> Option<&Line> {
        let trie = self.trie.as_ref()?;
        let record = trie.records.get(trie.directory.leaf(path(hash.0)).0);
        trie.lines(record).get(record.size.home(hash.0))
    }

    /// Adds a handle whose key is not in the index yet. Its entry is written already.
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
            let leaf = trie.directory.leaf(path(hash.0));
            let record = trie.records.get_mut(leaf.0);
            let lines = match record.size {
                LeafSize::Small => trie.small.lines_mut(record.position),
                LeafSize::Large => trie.large.lines_mut(record.position),
            };
            if leaf::insert(lines, record.size, hash.0, handle) {
                record.count += 1;
                return Ok(());
            }
            // Each round makes the leaf deeper or larger, or ends in its list.
            if !trie.make_room(leaf, source, &mut self.moving) {
                trie.push_overflow(leaf, hash.0, handle);
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
        let record = trie.records.get_mut(place.leaf.0);
        if place.line == OVERFLOW {
            if let Some(list) = record.overflow.as_mut() {
                list[place.slot as usize].handle = handle;
            }
            return;
        }
        let (size, position) = (record.size, record.position);
        trie.lines_mut(size, position)[place.line as usize].replace(place.slot as usize, handle);
    }

    /// Removes what stands at a place; the entries of all other handles are still there.
    pub(super) fn remove(&mut self, place: Place, source: &impl HashSource) {
        let Some(trie) = self.trie.as_mut() else {
            return;
        };
        self.len -= 1;
        let record = trie.records.get_mut(place.leaf.0);
        if place.line == OVERFLOW {
            trie.remove_overflow(place.leaf, place.slot as usize);
            return;
        }
        record.count -= 1;
        let (size, position) = (record.size, record.position);
        trie.lines_mut(size, position)[place.line as usize].remove(place.slot as usize);
        trie.shrink_if_sparse(place.leaf, source, &mut self.moving);
    }
}

impl Trie {
    fn push_overflow(&mut self, leaf: LeafId, hash: u64, handle: Handle) {
        let list = self
            .records
            .get_mut(leaf.0)
            .overflow
            .get_or_insert_default();
        let before = list.capacity();
        list.push(Overflow { hash, handle });
        self.overflow_bytes += (list.capacity() - before) * size_of::<Overflow>();
    }

    fn remove_overflow(&mut self, leaf: LeafId, at: usize) {
        let record = self.records.get_mut(leaf.0);
        if let Some(list) = record.overflow.as_mut() {
            list.swap_remove(at);
            if list.is_empty() {
                self.overflow_bytes -= list.capacity() * size_of::<Overflow>();
                record.overflow = None;
            }
        }
    }

    fn take_overflow(&mut self, leaf: LeafId) -> Vec<Overflow> {
        let list = self.records.get_mut(leaf.0).overflow.take();
        let list = list.map_or_else(Vec::new, |list| *list);
        self.overflow_bytes -= list.capacity() * size_of::<Overflow>();
        list
    }
}

#[cfg(test)]
mod tests;
