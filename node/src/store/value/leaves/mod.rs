//! [`Leaves`]: the memory of all collections of a database, blocks of up to 4 KiB that are known by number, and the long strings of their elements.
//! Pure. Never: knows what a block holds.
//! Invariant: who may grow something calls [`Leaves::reserve`] first, where alone a full store is told; what follows cannot fail halfway.
//!
//! A block begins with six bytes: its class (7 bits above a one, so that it is no hole), its length (12), its number (28).
//! Blocks move when a hole is filled, so nobody keeps a place: numbers lead to places through a table that the mover keeps true.

use super::block::Block;
use super::codes::{ELSEWHERE, Elsewhere, Encoded, Stored};
use crate::store::extent::{ExtentId, Extents};
use crate::store::hash::KeyHasher;
use crate::store::reclaim::Reclaimer;
use crate::store::slab::{ClassId, Handle, MAX_ENTRY_BYTES, MAX_PAGES, Slabs};
use crate::store::{StoreFull, StringValue};

/// Names a block for as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LeafId(pub(super) u32);

/// Bytes of a block's own header.
const HEADER_BYTES: usize = 6;

/// What the longest block holds.
pub(super) const MAX_LEAF_BYTES: usize = MAX_ENTRY_BYTES - HEADER_BYTES;

/// Bits of a number: 268 million blocks, which are 32 GiB, all that handles reach, at 120 bytes each.
const ID_BITS: u32 = 28;

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

/// The header of a block.
#[derive(Clone, Copy, Debug)]
struct Header {
    class: ClassId,
    len: usize,
    id: u32,
}

impl Header {
    #[expect(clippy::cast_possible_truncation, reason = "masked to their bits")]
    #[inline]
    fn read(bytes: &[u8]) -> Self {
        let word = bytes
            .first_chunk::<8>()
            .map_or(0, |chunk| u64::from_le_bytes(*chunk));
        let class = ClassId::new((word >> 1 & 0x7f) as usize);
        Self {
            class: class.expect("a block's class is one of ours"),
            len: (word >> 8 & 0xfff) as usize,
            id: (word >> 20) as u32 & ((1 << ID_BITS) - 1),
        }
    }

    #[inline]
    fn write(self, bytes: &mut [u8]) {
        let word = 1
            | (self.class.number() as u64) << 1
            | (self.len as u64) << 8
            | u64::from(self.id) << 20;
        bytes[..HEADER_BYTES].copy_from_slice(&word.to_le_bytes()[..HEADER_BYTES]);
    }
}

/// The class of a block of so many bytes: every other one above 256, for blocks that grow and shrink change their class half as often.
#[inline]
fn class_of(bytes: usize) -> ClassId {
    if bytes <= 256 {
        return ClassId::of(bytes);
    }
    let step = 1 << ((bytes - 1).ilog2() - 3);
    ClassId::of(bytes.next_multiple_of(step))
}

/// What is looked for: an element's text, how it would be written, its hash.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sought<'a> {
    pub(super) text: &'a [u8],
    /// `None` for a string that lies elsewhere.
    pub(super) inline: Option<Encoded<'a>>,
    pub(super) hash: u64,
}

impl Sought<'_> {
    /// Eight bits that are kept beside an element, apart from those that choose its leaf.
    #[inline]
    pub(super) fn fingerprint(&self) -> u8 {
        fingerprint(self.hash)
    }

    /// The code it would be written with.
    #[inline]
    pub(super) fn code(&self) -> u8 {
        self.inline.map_or(ELSEWHERE, |encoded| encoded.code)
    }

    /// Whether this is the stored element. A short one may have been moved elsewhere too.
    #[inline]
    pub(super) fn is(&self, leaves: &Leaves, stored: Stored<'_>) -> bool {
        if let Some(place) = stored.elsewhere() {
            return place.hash == low_half(self.hash)
                && place.len as usize == self.text.len()
                && leaves.long(place) == self.text;
        }
        self.inline
            .is_some_and(|encoded| encoded.code == stored.code && encoded.bytes() == stored.bytes)
    }
}

/// See [`Sought::fingerprint`].
#[inline]
pub(super) fn fingerprint(hash: u64) -> u8 {
    hash.to_be_bytes()[0]
}

/// The half of a hash that chooses a leaf.
#[expect(clippy::cast_possible_truncation, reason = "the half that is wanted")]
#[inline]
pub(super) fn low_half(hash: u64) -> u32 {
    hash as u32
}

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
}

impl Leaves {
    /// None; hashes are drawn from `seed`, the same for all databases of a store, for small collections move between them as bytes.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with_limit(seed, MAX_PAGES)
    }

    /// The same with at most `page_limit` pages of 64 KiB.
    pub(super) fn with_limit(seed: u64, page_limit: u32) -> Self {
        Self {
            slabs: Slabs::new(page_limit),
            places: Vec::new(),
            ids: 0,
            free_id: NO_ID,
            live_ids: 0,
            extents: Extents::new(),
            reclaimer: Reclaimer::default(),
            hasher: KeyHasher::new(seed),
            scratch: Vec::new(),
        }
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
        let len = Header::read(block).len;
        &block[HEADER_BYTES..HEADER_BYTES + len]
    }

    /// The same, to be written.
    #[inline]
    pub(super) fn bytes_mut(&mut self, id: LeafId) -> &mut [u8] {
        let block = self.slabs.bytes_mut(self.place(id));
        let len = Header::read(block).len;
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
    pub(super) fn keep<'a>(&mut self, text: &[u8], hash: u32) -> Result<Encoded<'a>, StoreFull> {
        let number = if text.len() <= MAX_LEAF_BYTES {
            self.slabs.reserve(1)?;
            let id = self.alloc(text.len());
            self.bytes_mut(id).copy_from_slice(text);
            id.0
        } else {
            self.extents.add(&[], text, 0)?.0
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
            self.extents.get(ExtentId(place.number)).value()
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
    pub(super) fn show<'a>(&'a self, element: Stored<'a>) -> StringValue<'a> {
        match element.elsewhere() {
            Some(place) => StringValue::Bytes(self.long(place)),
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
