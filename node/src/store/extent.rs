//! Values and keys too long for a slab: one growing buffer each, known to entries by number.
//! Never: frees a large buffer itself; [`super::reclaim`] does that beside the keyspace's thread.

use super::chunked::Chunked;
use super::error::StoreFull;
use super::reclaim::Reclaimer;
use std::sync::Arc;

/// Names an extent in an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExtentId(pub(super) u32);

/// Where the bytes of an extent are.
#[derive(Debug)]
enum Buffer {
    /// In a buffer of its own that ends with the value.
    Own(Vec<u8>),
    /// In the buffer that they were received in, which was offered: see [`Extents::offer`]. Shared until the offer is withdrawn, and as long as the log has it that is kept or on its way to disk.
    Adopted(Arc<Vec<u8>>),
}

/// A long key or a long value.
#[derive(Debug)]
pub(super) struct Extent {
    buffer: Buffer,
    /// Where in the buffer it begins: behind what was received before it.
    at: usize,
    len: usize,
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
        at: 0,
        len: 0,
    };

    /// What it holds.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer.bytes()[self.at..][..self.len]
    }

    /// The same, to be edited: all of it, of one that is nobody else's ([`Extents::own`]); nothing of another.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        let (at, end) = (self.at, self.at + self.len);
        match self.buffer_mut() {
            Some(bytes) => &mut bytes[at..end],
            None => &mut [],
        }
    }

    /// The buffer, where it is nobody else's.
    fn buffer_mut(&mut self) -> Option<&mut Vec<u8>> {
        match &mut self.buffer {
            Buffer::Own(bytes) => Some(bytes),
            Buffer::Adopted(bytes) => Arc::get_mut(bytes),
        }
    }

    /// How many bytes it can hold without being moved: none where others have the buffer too.
    fn room(&mut self) -> usize {
        let at = self.at;
        self.buffer_mut().map_or(0, |bytes| bytes.capacity() - at)
    }

    /// How many bytes it holds.
    pub(super) fn len(&self) -> u64 {
        self.len as u64
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

/// More zeros than these are not written but left to the system, whose fresh pages are zeros: half a gigabyte of them would take a tenth of a second.
const WRITTEN_ZEROS: usize = 256 * 1024;

/// A buffer that begins with `bytes`, is filled up to `len` with zeros, and has room for `needed` bytes.
fn filled(bytes: &[u8], len: usize, needed: usize) -> Result<Vec<u8>, StoreFull> {
    let mut own = buffer(needed)?;
    if len - bytes.len() > WRITTEN_ZEROS {
        // Whether there is room was asked first, for this way of asking cannot fail.
        let capacity = own.capacity();
        drop(own);
        own = vec![0; capacity];
        own.truncate(len);
        own[..bytes.len()].copy_from_slice(bytes);
        return Ok(own);
    }
    own.extend_from_slice(bytes);
    own.resize(len, 0);
    Ok(own)
}

/// A buffer of its own with a copy; zeros up to `len` follow.
fn copied(bytes: &[u8], len: usize) -> Result<Extent, StoreFull> {
    Ok(Extent {
        buffer: Buffer::Own(filled(bytes, len, len)?),
        at: 0,
        len,
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
            at: value_at,
            len: value.len(),
        })
    }

    /// Keeps some bytes, with zeros behind them up to `min_len`. They are copied, unless they lie in the buffer that is offered.
    pub(super) fn add(&mut self, bytes: &[u8], min_len: usize) -> Result<ExtentId, StoreFull> {
        let len = bytes.len().max(min_len);
        let adopted = (len == bytes.len()).then(|| self.adopt(bytes)).flatten();
        let extent = match adopted {
            Some(extent) => extent,
            None => copied(bytes, len)?,
        };
        self.bytes += extent.cost();
        // There are at most two for a handle, and each has more than a KiB, so 32 bits of number are enough.
        Ok(ExtentId(self.slots.add(extent)))
    }

    /// The extent of this number.
    pub(super) fn get(&self, id: ExtentId) -> &Extent {
        self.slots.get(id.0)
    }

    /// Makes sure that the buffer is nobody else's, so that what is held can be edited: a copy where others have it too.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub(super) fn own(&mut self, id: ExtentId, reclaimer: &mut Reclaimer) -> Result<(), StoreFull> {
        let extent = self.slots.get_mut(id.0);
        match extent.buffer_mut() {
            Some(_) => Ok(()),
            None => {
                let len = extent.len;
                self.resize(id, len, reclaimer)
            }
        }
    }

    /// The same, to be edited within its length.
    pub(super) fn get_mut(&mut self, id: ExtentId) -> &mut Extent {
        self.slots.get_mut(id.0)
    }

    /// Lets the bytes be edited and be `len` many; new ones are zeros.
    pub(super) fn resize(
        &mut self,
        id: ExtentId,
        len: usize,
        reclaimer: &mut Reclaimer,
    ) -> Result<(), StoreFull> {
        let extent = self.slots.get_mut(id.0);
        let before = extent.cost();
        // Others' has room for nothing; of no bytes there is nothing to be copied, and nothing to be edited.
        if extent.room() < len.max(1) {
            let kept = &extent.bytes()[..extent.len.min(len)];
            let grown = len.max(kept.len() + kept.len() / GROWTH_SHARE);
            let larger = Buffer::Own(filled(kept, len, grown)?);
            extent.at = 0;
            reclaimer.drop_bytes(std::mem::replace(&mut extent.buffer, larger).into_bytes());
        } else {
            let (len_before, end) = (extent.at + extent.len, extent.at + len);
            if let Some(bytes) = extent.buffer_mut() {
                bytes.truncate(len_before);
                bytes.resize(end, 0);
            }
        }
        extent.len = len;
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
