//! [`Handle`]: where an entry lies, in 32 bits.
//! Pure.

use super::class::PAGE_BYTES;

/// Pages in a region; a power of two.
pub(super) const PAGES_PER_REGION: usize = 64;

/// Handles count in units of this many bytes: 2³² of them are 32 GiB a database.
const UNIT_BYTES: usize = 8;

const UNITS_PER_PAGE_BITS: u32 = (PAGE_BYTES / UNIT_BYTES).ilog2();

const UNITS_PER_REGION_BITS: u32 = UNITS_PER_PAGE_BITS + PAGES_PER_REGION.ilog2();

/// As many pages as handles can tell apart.
pub(in crate::store) const MAX_PAGES: u32 = 1 << (u32::BITS - UNITS_PER_PAGE_BITS);

/// The place of an entry: region, page and offset in units of 8 bytes. Dead after any removal or change of size, for another entry may have moved in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) struct Handle(pub(in crate::store) u32);

impl Handle {
    /// No entry begins at a page's last unit, so this one points nowhere.
    pub(super) const NONE: Self = Self(u32::MAX);

    /// The place `offset` bytes into `page`.
    #[inline]
    pub(super) fn new(page: u32, offset: usize) -> Self {
        debug_assert!(offset < PAGE_BYTES && offset.is_multiple_of(UNIT_BYTES));
        #[expect(clippy::cast_possible_truncation, reason = "less than a page")]
        let units = (offset / UNIT_BYTES) as u32;
        Self(page << UNITS_PER_PAGE_BITS | units)
    }

    /// Its page.
    #[inline]
    pub(in crate::store) fn page(self) -> u32 {
        self.0 >> UNITS_PER_PAGE_BITS
    }

    /// Its region.
    #[inline]
    pub(super) fn region(self) -> usize {
        (self.0 >> UNITS_PER_REGION_BITS) as usize
    }

    /// Bytes from the start of its region.
    #[inline]
    pub(super) fn offset_in_region(self) -> usize {
        (self.0 & ((1 << UNITS_PER_REGION_BITS) - 1)) as usize * UNIT_BYTES
    }
}
