//! [`Leaves`]: the memory of all collections of a database, blocks of up to 4 KiB that are known by number, and the long strings of their elements.
//! May touch: the side thread that frees what is large. Never: knows what a block holds.
//! Invariant: who may grow something calls [`Leaves::reserve`] first, where alone a full store is told; what follows cannot fail halfway.
//!
//! Blocks move when a hole is filled, so nobody keeps a place: numbers lead to places through a table that the mover keeps true.

mod header;
mod pools;
mod sought;

pub(in crate::store) use pools::Pools;
pub(super) use sought::{Sought, fingerprint, low_half};

use super::block::Block;
use super::codes::{Elsewhere, Encoded, Stored};
use crate::store::extent::{ExtentId, Extents};
use crate::store::hash::KeyHasher;
use crate::store::reclaim::Reclaimer;
use crate::store::slab::{ClassId, Handle, MAX_ENTRY_BYTES, MAX_PAGES, Slabs, prefetch_of};
use crate::store::{StoreFull, StringRef};
use header::{HEADER_BYTES, Header, ID_BITS, class_of};
use std::ops::Range;

/// Names a block for as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LeafId(pub(super) u32);

/// What the longest block holds.
pub(super) const MAX_LEAF_BYTES: usize = MAX_ENTRY_BYTES - HEADER_BYTES;

/// Places in one piece of the table: 4 KiB, so the table grows without a pause.
const CHUNK: usize = 1024;

/// Ends the list of free numbers.
const NO_ID: u32 = u32::MAX;

/// More pages than any one step takes: a tree of sixteen levels that splits on all of them takes forty blocks.
const RESERVED_PAGES: usize = 64;

/// More numbers than any one step takes.
const IDS_AT_ONCE: u32 = 1024;

/// Moves after a block was freed: two, so that holes become fewer than are made.
const FILLS: u32 = 2;

/// Blocks by number; long strings.
#[derive(Debug)]
pub struct Leaves {
    slabs: Slabs,
    /// Where each block lies, in pieces of [`CHUNK`]; a free number leads to the next one.
    places: Vec<Box<[u32; CHUNK]>>,
    /// Numbers ever given out, the next free one, how many are in use.
    ids: u32,
    free_id: u32,
    live_ids: u32,
    extents: Extents,
    reclaimer: Reclaimer,
    hasher: KeyHasher,
    /// Buffers for steps that write several blocks anew.
    scratch: Vec<Vec<u8>>,
    /// Bytes of elements that have changed and are remembered as they were.
    remembered: u64,
}

impl Leaves {
    /// None; hashes are drawn from `seed`, the same for all databases of a store, for small collections move between them as bytes.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with_limit(seed, MAX_PAGES)
    }

    /// The same with at most `page_limit` pages of 64 KiB.
    pub(super) fn with_limit(seed: u64, page_limit: u32) -> Self {
        Self::of(KeyHasher::new(seed), page_limit)
    }

    /// None, with the hashes of a store.
    pub(in crate::store) fn of(hasher: KeyHasher, page_limit: u32) -> Self {
        Self {
            slabs: Slabs::new(page_limit),
            places: Vec::new(),
            ids: 0,
            free_id: NO_ID,
            live_ids: 0,
            extents: Extents::new(),
            reclaimer: Reclaimer::default(),
            hasher,
            scratch: Vec::new(),
            remembered: 0,
        }
    }

    /// Bytes of elements that have changed and are remembered as they were.
    pub(in crate::store) fn remembered_bytes(&self) -> u64 {
        self.remembered
    }

    /// There are so many of them now where there were so many before.
    pub(super) fn count_remembered(&mut self, before: u64, now: u64) {
        self.remembered = (self.remembered + now).saturating_sub(before);
    }

    /// Makes sure that whatever one step of a collection allocates is there.
    pub(super) fn reserve(&mut self) -> Result<(), StoreFull> {
        if self.ids + IDS_AT_ONCE > 1 << ID_BITS && self.free_id == NO_ID {
            return Err(StoreFull);
        }
        self.slabs.reserve(RESERVED_PAGES)
    }

    #[inline]
    fn place(&self, id: LeafId) -> Handle {
        Handle(self.places[id.0 as usize / CHUNK][id.0 as usize % CHUNK])
    }

    #[inline]
    fn set_place(&mut self, id: u32, place: u32) {
        self.places[id as usize / CHUNK][id as usize % CHUNK] = place;
    }

    /// A new block of `len` bytes, at most [`MAX_LEAF_BYTES`]; what they hold is not said.
    ///
    /// # Panics
    /// When nothing was reserved and nothing is left.
    pub(super) fn alloc(&mut self, len: usize) -> LeafId {
        let class = class_of(HEADER_BYTES + len);
        let place = self.slabs.allocate(class).expect("room was reserved");
        let id = self.take_id();
        self.set_place(id, place.0);
        Header { class, len, id }.write(self.slabs.bytes_mut(place));
        LeafId(id)
    }

    fn take_id(&mut self) -> u32 {
        self.live_ids += 1;
        if self.free_id != NO_ID {
            let id = self.free_id;
            self.free_id = self.place(LeafId(id)).0;
            return id;
        }
        if self.ids as usize == self.places.len() * CHUNK {
            self.places.push(Box::new([NO_ID; CHUNK]));
        }
        self.ids += 1;
        self.ids - 1
    }

    /// What a block holds.
    #[inline]
    pub(super) fn bytes(&self, id: LeafId) -> &[u8] {
        let block = self.slabs.bytes(self.place(id));
        let len = Header::len(block);
        &block[HEADER_BYTES..HEADER_BYTES + len]
    }

    /// The same, to be written.
    #[inline]
    pub(super) fn bytes_mut(&mut self, id: LeafId) -> &mut [u8] {
        let block = self.slabs.bytes_mut(self.place(id));
        let len = Header::len(block);
        &mut block[HEADER_BYTES..HEADER_BYTES + len]
    }

    /// A block that can change its length.
    #[inline]
    pub(super) fn block(&mut self, id: LeafId) -> LeafMut<'_> {
        LeafMut { leaves: self, id }
    }

    /// Asks for the first `lines` cache lines of a block.
    #[inline]
    pub(super) fn prefetch(&self, id: LeafId, lines: usize) {
        self.slabs.prefetch_lines(self.place(id), lines);
    }

    /// Asks for what says where a block lies.
    #[inline]
    pub(super) fn prefetch_place(&self, id: LeafId) {
        prefetch_of(&self.places[id.0 as usize / CHUNK][id.0 as usize % CHUNK]);
    }

    /// Asks for these bytes of a block.
    #[inline]
    pub(super) fn prefetch_bytes(&self, id: LeafId, bytes: Range<usize>) {
        let bytes = HEADER_BYTES + bytes.start..HEADER_BYTES + bytes.end;
        self.slabs.prefetch_bytes(self.place(id), bytes);
    }

    /// Lets a block hold `len` bytes; those that stay are the same.
    fn resize(&mut self, id: LeafId, len: usize) {
        let from = self.place(id);
        let old = Header::read(self.slabs.bytes(from));
        let class = class_of(HEADER_BYTES + len);
        let mut header = Header {
            class,
            len,
            id: id.0,
        };
        if class == old.class {
            header.write(self.slabs.bytes_mut(from));
            return;
        }
        let Ok(to) = self.slabs.allocate(class) else {
            assert!(class < old.class, "room to grow was reserved");
            // Shrinking must not fail: it stays where it is.
            header.class = old.class;
            header.write(self.slabs.bytes_mut(from));
            return;
        };
        self.slabs.copy(from, to, HEADER_BYTES + old.len.min(len));
        header.write(self.slabs.bytes_mut(to));
        self.set_place(id.0, to.0);
        self.release(from, old.class);
    }

    /// Gives a block up.
    pub(super) fn free(&mut self, id: LeafId) {
        let place = self.place(id);
        let class = Header::read(self.slabs.bytes(place)).class;
        self.set_place(id.0, self.free_id);
        self.free_id = id.0;
        self.live_ids -= 1;
        self.release(place, class);
    }

    /// Frees a place, and moves the class's last blocks into holes when there are many.
    fn release(&mut self, place: Handle, class: ClassId) {
        self.slabs.free(place, class);
        for _ in 0..FILLS {
            if !self.slabs.needs_filling(class) {
                return;
            }
            let Some((from, to)) = self.slabs.next_fill(class) else {
                return;
            };
            let id = Header::read(self.slabs.bytes(from)).id;
            self.slabs.fill(class, from, to);
            self.set_place(id, to.0);
        }
    }

    /// How an element is looked for.
    #[inline]
    pub(super) fn sought<'a>(&self, text: &'a [u8]) -> Sought<'a> {
        let inline = Encoded::inline(text);
        let hash = match &inline {
            Some(encoded) => self.hasher.seeded(encoded.bytes()),
            None => self.hasher.seeded(text),
        };
        Sought { text, inline, hash }
    }

    /// The hash of an element, as [`Leaves::sought`] finds it.
    #[inline]
    pub(in crate::store) fn element_hash(&self, text: &[u8]) -> u64 {
        self.sought(text).hash
    }

    /// A stored element's hash.
    #[inline]
    pub(super) fn hash_of(&self, element: Stored<'_>) -> u64 {
        match element.elsewhere() {
            Some(place) => self.hasher.seeded(self.long(place)),
            None => self.hasher.seeded(element.bytes),
        }
    }

    /// The half of a stored element's hash that chooses its leaf.
    #[inline]
    pub(super) fn low_hash(&self, element: Stored<'_>) -> u32 {
        match element.elsewhere() {
            Some(place) => place.hash,
            None => low_half(self.hasher.seeded(element.bytes)),
        }
    }

    /// An element to be written; a long string is kept first.
    #[inline]
    pub(super) fn encode<'a>(&mut self, text: &'a [u8]) -> Result<Encoded<'a>, StoreFull> {
        match Encoded::inline(text) {
            Some(encoded) => Ok(encoded),
            None => self.keep(text, low_half(self.hasher.seeded(text))),
        }
    }

    /// The same for a string that is to be compared byte by byte, whatever it means.
    pub(super) fn encode_text<'a>(&mut self, text: &'a [u8]) -> Result<Encoded<'a>, StoreFull> {
        match Encoded::inline_text(text) {
            Some(encoded) => Ok(encoded),
            None => self.keep(text, 0),
        }
    }

    /// The same for what was looked for.
    #[inline]
    pub(super) fn encode_sought<'a>(
        &mut self,
        sought: &Sought<'a>,
    ) -> Result<Encoded<'a>, StoreFull> {
        match sought.inline {
            Some(encoded) => Ok(encoded),
            None => self.keep(sought.text, low_half(sought.hash)),
        }
    }

    /// Keeps a string by itself: in a block, or in an extent when it is too long.
    #[cold]
    pub(super) fn keep<'a>(&mut self, text: &[u8], hash: u32) -> Result<Encoded<'a>, StoreFull> {
        let number = if text.len() <= MAX_LEAF_BYTES {
            self.slabs.reserve(1)?;
            let id = self.alloc(text.len());
            self.bytes_mut(id).copy_from_slice(text);
            id.0
        } else {
            self.extents.add(text, 0)?.0
        };
        let len = u32::try_from(text.len()).map_err(|_| StoreFull)?;
        Ok(Encoded::elsewhere(Elsewhere { number, len, hash }))
    }

    /// A string that is kept by itself.
    #[inline]
    pub(super) fn long(&self, place: Elsewhere) -> &[u8] {
        if place.len as usize <= MAX_LEAF_BYTES {
            self.bytes(LeafId(place.number))
        } else {
            self.extents.get(ExtentId(place.number)).bytes()
        }
    }

    /// Gives up what an element keeps elsewhere, if it does.
    #[inline]
    pub(super) fn discard(&mut self, element: Stored<'_>) {
        if let Some(place) = element.elsewhere() {
            self.discard_long(place);
        }
    }

    /// The same for one that is known to.
    pub(super) fn discard_long(&mut self, place: Elsewhere) {
        if place.len as usize <= MAX_LEAF_BYTES {
            self.free(LeafId(place.number));
        } else {
            self.extents
                .remove(ExtentId(place.number), &mut self.reclaimer);
        }
    }

    /// What an element is.
    #[inline]
    pub(super) fn show<'a>(&'a self, element: Stored<'a>) -> StringRef<'a> {
        match element.elsewhere() {
            Some(place) => StringRef::Bytes(self.long(place)),
            None => element.here(),
        }
    }

    /// Bytes that a block takes.
    pub(super) fn cost(&self, id: LeafId) -> u64 {
        let header = Header::read(self.slabs.bytes(self.place(id)));
        header.class.bytes() as u64 + 4
    }

    /// Bytes that such a string takes.
    pub(super) fn long_cost(&self, place: Elsewhere) -> u64 {
        if place.len as usize <= MAX_LEAF_BYTES {
            return class_of(HEADER_BYTES + place.len as usize).bytes() as u64 + 4;
        }
        self.extents.get(ExtentId(place.number)).cost()
    }

    /// A buffer to build blocks in; to be brought back.
    pub(super) fn borrow_scratch(&mut self) -> Vec<u8> {
        self.scratch.pop().unwrap_or_default()
    }

    /// Takes such a buffer back.
    pub(super) fn return_scratch(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.scratch.push(buffer);
    }

    /// Bytes that live: blocks rounded up to their classes, their places in the table, long strings.
    #[must_use]
    pub fn live_bytes(&self) -> u64 {
        self.slabs.live_bytes() + u64::from(self.live_ids) * 4 + self.extents.bytes()
    }

    /// What is taken beyond them: holes, ends of pages, free numbers, tables.
    #[must_use]
    pub fn overhead_bytes(&self) -> u64 {
        let table = self.places.len() * CHUNK * 4 + self.places.capacity() * 8;
        self.slabs.overhead_bytes() + self.extents.table_bytes() + table as u64
            - u64::from(self.live_ids) * 4
    }
}

/// A block of [`Leaves`] that can change its length.
#[derive(Debug)]
pub(super) struct LeafMut<'a> {
    leaves: &'a mut Leaves,
    id: LeafId,
}

impl Block for LeafMut<'_> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self.leaves.bytes(self.id)
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        self.leaves.bytes_mut(self.id)
    }

    #[inline]
    fn resize(&mut self, len: usize) {
        self.leaves.resize(self.id, len);
    }
}

#[cfg(test)]
mod tests;
