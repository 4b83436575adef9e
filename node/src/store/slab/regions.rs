//! Memory from the system, in regions of one size: address space that costs nothing until it is written, and nothing again after it was discarded.
//! Never: decides what lies where.

use crate::store::error::StoreFull;
use memmap2::{Advice, MmapMut, UncheckedAdvice};

/// A growing array of regions.
#[derive(Debug)]
pub(in crate::store) struct Regions {
    region_bytes: usize,
    regions: Vec<MmapMut>,
}

impl Regions {
    /// None yet; each will have this many bytes, a multiple of 4 KiB.
    pub(in crate::store) fn new(region_bytes: usize) -> Self {
        Self {
            region_bytes,
            regions: Vec::new(),
        }
    }

    /// One more region, of zeros.
    pub(in crate::store) fn add(&mut self) -> Result<(), StoreFull> {
        let region = MmapMut::map_anon(self.region_bytes).map_err(|_| StoreFull)?;
        // A huge page would be resident as a whole after its first byte, and its first touch takes milliseconds.
        // Where the kernel has none there is nothing to refuse.
        drop(region.advise(Advice::NoHugePage));
        self.regions.push(region);
        Ok(())
    }

    /// How many there are.
    pub(in crate::store) fn len(&self) -> usize {
        self.regions.len()
    }

    /// The bytes of a region.
    #[inline]
    pub(in crate::store) fn bytes(&self, region: usize) -> &[u8] {
        &self.regions[region]
    }

    /// The same, to be written.
    #[inline]
    pub(in crate::store) fn bytes_mut(&mut self, region: usize) -> &mut [u8] {
        &mut self.regions[region]
    }

    /// Copies bytes from one (region, offset) to another.
    pub(in crate::store) fn copy(
        &mut self,
        from: (usize, usize),
        to: (usize, usize),
        bytes: usize,
    ) {
        if from.0 == to.0 {
            self.regions[from.0].copy_within(from.1..from.1 + bytes, to.1);
            return;
        }
        let both = self.regions.get_disjoint_mut([from.0, to.0]);
        let [source, target] = both.expect("both regions are there");
        target[to.1..to.1 + bytes].copy_from_slice(&source[from.1..from.1 + bytes]);
    }

    /// Where a region begins, to prefetch from; `None` when there is no such region.
    #[inline]
    pub(in crate::store) fn address(&self, region: usize) -> Option<*const u8> {
        Some(self.regions.get(region)?.as_ptr())
    }

    /// Gives whole pages of a region back to the system; they are zeros when they are touched again.
    pub(in crate::store) fn discard(&mut self, region: usize, at: usize, bytes: usize) {
        // SAFETY: the range lies within the region, else the call is refused. Private anonymous memory reads as zeros afterwards, which is a valid value of the bytes it is made of; nothing borrows the region, for it is ours alone and `self` is borrowed mutably.
        let answer = unsafe {
            self.regions[region].unchecked_advise_range(UncheckedAdvice::DontNeed, at, bytes)
        };
        // A refusal leaves the pages resident: they cost memory and are as good as before.
        drop(answer);
    }

    /// Bytes of the table of regions.
    pub(in crate::store) fn table_bytes(&self) -> usize {
        self.regions.capacity() * size_of::<MmapMut>()
    }
}
