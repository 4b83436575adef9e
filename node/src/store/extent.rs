//! Values (and keys) too long for a slab: one growing buffer each, known to entries by number.
//! Never: frees a large buffer itself; [`super::reclaim`] does that beside the keyspace's thread.

use super::chunked::Chunked;
use super::reclaim::Reclaimer;
use super::value::StoreFull;

/// Names an extent in an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExtentId(pub(super) u32);

/// A long key (empty when the key stands in the entry) followed by a value.
#[derive(Debug, Default)]
pub(super) struct Extent {
    bytes: Vec<u8>,
    key_len: usize,
}

/// Extents of one database.
#[derive(Debug)]
pub(super) struct Extents {
    slots: Chunked<Extent>,
    bytes: u64,
}

/// Buffers grow by a quarter at least, so that appending costs a constant per byte, and no more, so that little room is idle.
const GROWTH_SHARE: usize = 4;

impl Extent {
    /// The long key.
    pub(super) fn key(&self) -> &[u8] {
        &self.bytes[..self.key_len]
    }

    /// The value.
    pub(super) fn value(&self) -> &[u8] {
        &self.bytes[self.key_len..]
    }

    /// The value, to be edited.
    pub(super) fn value_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.key_len..]
    }

    /// Bytes of key and value.
    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Bytes taken, room for growth included.
    pub(super) fn cost(&self) -> u64 {
        self.bytes.capacity() as u64
    }
}

/// An empty buffer with room for `needed` bytes. It is as large as the allocator would make it anyway (four sizes per doubling), so that what is counted is what is taken.
fn buffer(needed: usize) -> Result<Vec<u8>, StoreFull> {
    let step = needed.next_power_of_two() / 8;
    let capacity = needed.next_multiple_of(step.max(16));
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(capacity).map_err(|_| StoreFull)?;
    Ok(bytes)
}

impl Extents {
    /// None.
    pub(super) fn new() -> Self {
        Self {
            slots: Chunked::new(),
            bytes: 0,
        }
    }

    /// Keeps a copy of a long key (or an empty slice) and a value of `parts` one after the other; zeros up to `min_len` follow.
    pub(super) fn add(
        &mut self,
        long_key: &[u8],
        value: &[u8],
        min_len: usize,
    ) -> Result<ExtentId, StoreFull> {
        let value_len = value.len().max(min_len);
        let mut bytes = buffer(long_key.len() + value_len)?;
        bytes.extend_from_slice(long_key);
        bytes.extend_from_slice(value);
        bytes.resize(long_key.len() + value_len, 0);
        let extent = Extent {
            bytes,
            key_len: long_key.len(),
        };
        self.bytes += extent.cost();
        // There are fewer than there are handles, so 32 bits of number are enough.
        Ok(ExtentId(self.slots.add(extent)))
    }

    /// The extent of this number.
    pub(super) fn get(&self, id: ExtentId) -> &Extent {
        self.slots.get(id.0)
    }

    /// The same, to be edited within its length.
    pub(super) fn get_mut(&mut self, id: ExtentId) -> &mut Extent {
        self.slots.get_mut(id.0)
    }

    /// Lets the value have at least `min_len` bytes, new ones zero.
    pub(super) fn grow(
        &mut self,
        id: ExtentId,
        min_len: usize,
        reclaimer: &mut Reclaimer,
    ) -> Result<(), StoreFull> {
        let extent = self.slots.get_mut(id.0);
        let wanted = extent.key_len + min_len;
        if wanted <= extent.bytes.len() {
            return Ok(());
        }
        if wanted > extent.bytes.capacity() {
            let before = extent.cost();
            let grown = wanted.max(extent.bytes.len() + extent.bytes.len() / GROWTH_SHARE);
            let mut bytes = buffer(grown)?;
            bytes.extend_from_slice(&extent.bytes);
            reclaimer.drop_bytes(std::mem::replace(&mut extent.bytes, bytes));
            self.bytes += extent.cost() - before;
        }
        extent.bytes.resize(wanted, 0);
        Ok(())
    }

    /// Frees an extent, beside the thread if it is large.
    pub(super) fn remove(&mut self, id: ExtentId, reclaimer: &mut Reclaimer) {
        reclaimer.drop_bytes(self.take(id));
    }

    /// Frees an extent that was hardly written.
    pub(super) fn forget(&mut self, id: ExtentId) {
        drop(self.take(id));
    }

    fn take(&mut self, id: ExtentId) -> Vec<u8> {
        let extent = std::mem::take(self.slots.get_mut(id.0));
        self.bytes -= extent.cost();
        self.slots.release(id.0);
        extent.bytes
    }

    /// Bytes taken, room for growth included.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of the table of extents.
    pub(super) fn table_bytes(&self) -> u64 {
        self.slots.bytes() as u64
    }
}
