//! Pages of entries: where they come from, which are free, and what their entries' expiries are at least.
//! Invariant: a page is in use, or spare, or given back, never two of these.

use super::class::PAGE_BYTES;
use super::handle::{Handle, PAGES_PER_REGION};
use super::regions::Regions;
use crate::store::error::StoreFull;

/// Bytes asked of the system at once: address space, of which only touched pages become resident.
const REGION_BYTES: usize = PAGE_BYTES * PAGES_PER_REGION;

/// Free pages that stay resident, so that a class at a page's edge does not give back and take the same page over and over. Half a MiB.
const SPARE_PAGES: usize = 8;

/// The pages of one database.
#[derive(Debug)]
pub(super) struct Pages {
    regions: Regions,
    /// For every page a lower bound of its entries' expiries; `u64::MAX` when none expires.
    earliest: Vec<u64>,
    /// For every page whether its entries' marks are of an earlier meaning; how many pages there are of these.
    stale: Vec<bool>,
    stale_pages: usize,
    /// Free and resident.
    spare: Vec<u32>,
    /// Free and given back to the system.
    returned: Vec<u32>,
    /// No more pages than this may exist.
    limit: u32,
}

impl Pages {
    /// No pages yet; there will never be more than `limit`.
    pub(super) fn new(limit: u32) -> Self {
        Self {
            regions: Regions::new(REGION_BYTES),
            earliest: Vec::new(),
            stale: Vec::new(),
            stale_pages: 0,
            spare: Vec::new(),
            returned: Vec::new(),
            limit,
        }
    }

    /// A page for a class to fill.
    pub(super) fn take(&mut self) -> Result<u32, StoreFull> {
        let free = self.spare.pop().or_else(|| self.returned.pop());
        let page = match free {
            Some(page) => page,
            None => self.add()?,
        };
        self.earliest[page as usize] = u64::MAX;
        Ok(page)
    }

    fn add(&mut self) -> Result<u32, StoreFull> {
        let page = u32::try_from(self.earliest.len()).map_err(|_| StoreFull)?;
        if page >= self.limit {
            return Err(StoreFull);
        }
        if self.earliest.len() == self.regions.len() * PAGES_PER_REGION {
            self.regions.add()?;
        }
        self.earliest.push(u64::MAX);
        self.stale.push(false);
        Ok(page)
    }

    /// Makes sure that [`Pages::take`] will succeed so many times.
    pub(super) fn reserve(&mut self, pages: usize) -> Result<(), StoreFull> {
        let free = self.spare.len() + self.returned.len();
        let wanted = self.earliest.len() + pages.saturating_sub(free);
        if wanted > self.limit as usize {
            return Err(StoreFull);
        }
        while wanted > self.regions.len() * PAGES_PER_REGION {
            self.regions.add()?;
        }
        Ok(())
    }

    /// Takes back a page that holds nothing any more.
    pub(super) fn give_back(&mut self, page: u32) {
        self.forget_stale(page);
        self.earliest[page as usize] = u64::MAX;
        if self.spare.len() < SPARE_PAGES {
            self.spare.push(page);
            return;
        }
        let at = page as usize % PAGES_PER_REGION * PAGE_BYTES;
        let region = page as usize / PAGES_PER_REGION;
        self.regions.discard(region, at, PAGE_BYTES);
        self.returned.push(page);
    }

    /// The bytes from `handle` to the end of its region.
    #[inline]
    pub(super) fn bytes(&self, handle: Handle) -> &[u8] {
        // As an array: a handle's offset is always within its bounds, so nothing more is checked.
        let region: Option<&[u8; REGION_BYTES]> = self.regions.bytes(handle.region()).first_chunk();
        &region.expect("regions are of one size")[handle.offset_in_region()..]
    }

    /// The same, to be written.
    #[inline]
    pub(super) fn bytes_mut(&mut self, handle: Handle) -> &mut [u8] {
        let region = self.regions.bytes_mut(handle.region()).first_chunk_mut();
        let region: &mut [u8; REGION_BYTES] = region.expect("regions are of one size");
        &mut region[handle.offset_in_region()..]
    }

    /// Copies bytes from one place to another; the two do not overlap.
    pub(super) fn copy(&mut self, from: Handle, to: Handle, bytes: usize) {
        self.regions.copy(
            (from.region(), from.offset_in_region()),
            (to.region(), to.offset_in_region()),
            bytes,
        );
    }

    /// An address to prefetch; `None` for a handle that points nowhere.
    #[inline]
    pub(super) fn address(&self, handle: Handle) -> Option<*const u8> {
        let region = self.regions.address(handle.region())?;
        Some(region.wrapping_add(handle.offset_in_region()))
    }

    /// A lower bound of the expiries in `page`.
    #[inline]
    pub(super) fn earliest(&self, page: u32) -> u64 {
        self.earliest[page as usize]
    }

    /// An entry of `page` expires at `at`.
    #[inline]
    pub(super) fn note_expiry(&mut self, page: u32, at: u64) {
        let earliest = &mut self.earliest[page as usize];
        *earliest = at.min(*earliest);
    }

    /// Forgets the bound of a page whose entries are about to be noted anew.
    pub(super) fn forget_expiries(&mut self, page: u32) {
        self.earliest[page as usize] = u64::MAX;
    }

    /// The marks in a page are of an earlier meaning.
    pub(super) fn make_stale(&mut self, page: u32) {
        let stale = &mut self.stale[page as usize];
        self.stale_pages += usize::from(!*stale);
        *stale = true;
    }

    /// They no longer are; `false` when they were not.
    pub(super) fn forget_stale(&mut self, page: u32) -> bool {
        let was_stale = std::mem::take(&mut self.stale[page as usize]);
        self.stale_pages -= usize::from(was_stale);
        was_stale
    }

    /// Whether there is any such page.
    #[inline]
    pub(super) fn has_stale(&self) -> bool {
        self.stale_pages > 0
    }

    /// Resident bytes of free pages.
    pub(super) fn spare_bytes(&self) -> usize {
        self.spare.len() * PAGE_BYTES
    }

    /// Bytes of the tables kept about pages.
    pub(super) fn table_bytes(&self) -> usize {
        self.regions.table_bytes()
            + self.earliest.capacity() * size_of::<u64>()
            + self.stale.capacity()
            + (self.spare.capacity() + self.returned.capacity()) * size_of::<u32>()
    }
}
