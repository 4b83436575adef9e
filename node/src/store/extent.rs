//! Values (and keys) too long for a slab: one growing buffer each, known to entries by number.
//! Never: frees a large buffer itself; [`super::reclaim`] does that beside the keyspace's thread.

use super::chunked::Chunked;
use super::reclaim::Reclaimer;
use super::value::StoreFull;
use std::sync::Arc;

/// Names an extent in an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExtentId(pub(super) u32);

/// Where the bytes of an extent are.
#[derive(Debug)]
enum Buffer {
    /// In a buffer of its own that ends with the value.
    Own(Vec<u8>),
    /// In the buffer that they were received in, which was offered: see [`Extents::offer`]. Shared only until the offer is withdrawn.
    Adopted(Arc<Vec<u8>>),
}

/// A long key (empty when the key stands in the entry), and a value.
#[derive(Debug)]
pub(super) struct Extent {
    buffer: Buffer,
    key_len: usize,
    /// Where in the buffer the value begins: behind the key, or behind what was received before it.
    value_at: usize,
    value_len: usize,
}

/// Extents of one database.
#[derive(Debug)]
pub(super) struct Extents {
    slots: Chunked<Extent>,
    bytes: u64,
    offered: Option<Arc<Vec<u8>>>,
}

/// Buffers grow by a quarter at least, so that appending costs a constant per byte, and no more, so that little room is idle.
const GROWTH_SHARE: usize = 4;

/// A buffer is adopted when no more than one byte in so many would be idle.
const IDLE_SHARE: usize = 4;

impl Buffer {
    fn bytes(&self) -> &Vec<u8> {
        match self {
            Self::Own(bytes) => bytes,
            Self::Adopted(bytes) => bytes,
        }
    }

    /// The bytes, when they are nobody else's; whoever shares them drops them otherwise.
    fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Own(bytes) => bytes,
            Self::Adopted(bytes) => Arc::into_inner(bytes).unwrap_or_default(),
        }
    }
}

impl Extent {
    /// Nothing.
    const EMPTY: Self = Self {
        buffer: Buffer::Own(Vec::new()),
        key_len: 0,
        value_at: 0,
        value_len: 0,
    };

    /// The long key.
    pub(super) fn key(&self) -> &[u8] {
        &self.buffer.bytes()[..self.key_len]
    }

    /// The value.
    pub(super) fn value(&self) -> &[u8] {
        &self.buffer.bytes()[self.value_at..][..self.value_len]
    }

    /// The value, to be edited.
    pub(super) fn value_mut(&mut self) -> &mut [u8] {
        let at = self.value_at;
        &mut self.own_bytes()[at..]
    }

    /// The buffer, from now on shared with nobody and ending with the value.
    fn own_bytes(&mut self) -> &mut Vec<u8> {
        let bytes = match &mut self.buffer {
            Buffer::Own(bytes) => bytes,
            Buffer::Adopted(bytes) => Arc::make_mut(bytes),
        };
        bytes.truncate(self.value_at + self.value_len);
        bytes
    }

    /// Bytes of key and value.
    pub(super) fn len(&self) -> u64 {
        (self.key_len + self.value_len) as u64
    }

    /// Bytes taken, room for growth included.
    pub(super) fn cost(&self) -> u64 {
        self.buffer.bytes().capacity() as u64
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

/// A buffer of its own with copies of both; zeros up to `value_len` follow the value.
fn copied(long_key: &[u8], value: &[u8], value_len: usize) -> Result<Extent, StoreFull> {
    let mut bytes = buffer(long_key.len() + value_len)?;
    bytes.extend_from_slice(long_key);
    bytes.extend_from_slice(value);
    bytes.resize(long_key.len() + value_len, 0);
    Ok(Extent {
        buffer: Buffer::Own(bytes),
        key_len: long_key.len(),
        value_at: long_key.len(),
        value_len,
    })
}

impl Extents {
    /// None.
    pub(super) fn new() -> Self {
        Self {
            slots: Chunked::new(),
            bytes: 0,
            offered: None,
        }
    }

    /// Values that lie in `buffer` may be kept there instead of being copied, until the offer is withdrawn; the buffer does not change any more.
    pub(super) fn offer(&mut self, buffer: Arc<Vec<u8>>) {
        self.offered = Some(buffer);
    }

    /// Ends the offer.
    pub(super) fn withdraw(&mut self) {
        self.offered = None;
    }

    /// The offered buffer as the extent of `value`, if it lies there and takes most of it.
    fn adopt(&self, value: &[u8]) -> Option<Extent> {
        let buffer = self.offered.as_ref()?;
        let value_at = value.as_ptr().addr().checked_sub(buffer.as_ptr().addr())?;
        let is_inside = value_at
            .checked_add(value.len())
            .is_some_and(|end| end <= buffer.len());
        // A value from elsewhere may be longer than the buffer.
        let idle = buffer.capacity().checked_sub(value.len())?;
        (is_inside && idle <= value.len() / IDLE_SHARE).then(|| Extent {
            buffer: Buffer::Adopted(Arc::clone(buffer)),
            key_len: 0,
            value_at,
            value_len: value.len(),
        })
    }

    /// Keeps a long key (or an empty slice) and a value one after the other; zeros up to `min_len` follow. Both are copied, but for a value in the buffer that is offered.
    pub(super) fn add(
        &mut self,
        long_key: &[u8],
        value: &[u8],
        min_len: usize,
    ) -> Result<ExtentId, StoreFull> {
        let value_len = value.len().max(min_len);
        let adopted = (long_key.is_empty() && value_len == value.len())
            .then(|| self.adopt(value))
            .flatten();
        let extent = match adopted {
            Some(extent) => extent,
            None => copied(long_key, value, value_len)?,
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

    /// Lets the value be edited and have at least `min_len` bytes, new ones zero.
    pub(super) fn grow(
        &mut self,
        id: ExtentId,
        min_len: usize,
        reclaimer: &mut Reclaimer,
    ) -> Result<(), StoreFull> {
        let extent = self.slots.get_mut(id.0);
        let before = extent.cost();
        let (value_at, value_len) = (extent.value_at, extent.value_len);
        let bytes = extent.own_bytes();
        if min_len > value_len {
            let wanted = value_at + min_len;
            if wanted > bytes.capacity() {
                let grown = wanted.max(bytes.len() + bytes.len() / GROWTH_SHARE);
                let mut larger = buffer(grown)?;
                larger.extend_from_slice(bytes);
                reclaimer.drop_bytes(std::mem::replace(bytes, larger));
            }
            bytes.resize(wanted, 0);
            extent.value_len = min_len;
        }
        self.bytes = self.bytes + extent.cost() - before;
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
        let extent = std::mem::replace(self.slots.get_mut(id.0), Extent::EMPTY);
        self.bytes -= extent.cost();
        self.slots.release(id.0);
        extent.buffer.into_bytes()
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
