//! Entries in dense arrays of pages, one array per size class; a [`Handle`] says where one lies.
//! Knows of an entry only its class, that its first byte is not [`HOLE`], and where its mark stands. Never: searches for free space.
//! Invariant: all places of a class below its length hold an entry or a hole; holes are linked both ways. Whoever frees must fill holes when told ([`Slabs::needs_filling`]), with the class's last entries: so pages empty from the end and go back, and memory follows the number of entries without compaction runs.
#![expect(
    unsafe_code,
    reason = "gives pages back to the system, prefetches: memory is the product"
)]

mod class;
mod handle;
mod pages;
mod regions;

pub(in crate::store) use class::{CLASS_COUNT, ClassId, MAX_ENTRY_BYTES};
pub(in crate::store) use handle::{Handle, MAX_PAGES};
pub(in crate::store) use regions::Regions;

use super::error::StoreFull;
use class::PAGE_BYTES;
use pages::Pages;
use std::ops::Range;

/// First byte of a hole; entries begin otherwise.
pub(in crate::store) const HOLE: u8 = 0;

/// Where an entry keeps its access mark, two bytes.
const MARK: usize = 2;

/// Where a hole keeps the handles of its neighbours in the list.
const NEXT: usize = 4;
const PREVIOUS: usize = 8;

/// Up to this share of a class may be holes (one in …), so memory is at most 3 % above what lives.
pub(in crate::store) const HOLE_SHARE: u32 = 32;

/// With fewer holes than this a class is left alone: a batch worth of moves is cheaper than single ones.
const HOLES_AT_LEAST: u32 = 8;

/// Holes at the end are dropped when they get there; this bounds how many in one go.
const TRIM_LIMIT: u32 = 64;

/// One class: a dense array of places.
#[derive(Clone, Debug)]
struct Class {
    pages: Vec<u32>,
    /// Places in use, holes included.
    len: u32,
    holes: u32,
    first_hole: Handle,
}

/// The entries of one database.
#[derive(Debug)]
pub(in crate::store) struct Slabs {
    pages: Pages,
    classes: Vec<Class>,
    live_bytes: u64,
    /// What marks of an earlier meaning are replaced by.
    restart_mark: u16,
}

impl Slabs {
    /// No entries; at most `page_limit` pages of 64 KiB ever.
    pub(in crate::store) fn new(page_limit: u32) -> Self {
        Self {
            pages: Pages::new(page_limit.min(MAX_PAGES)),
            classes: Vec::new(),
            live_bytes: 0,
            restart_mark: 0,
        }
    }

    /// A place for an entry of `class`; its bytes are as some earlier entry left them.
    pub(in crate::store) fn allocate(&mut self, class: ClassId) -> Result<Handle, StoreFull> {
        if self.classes.is_empty() {
            let empty = Class {
                pages: Vec::new(),
                len: 0,
                holes: 0,
                first_hole: Handle::NONE,
            };
            self.classes = vec![empty; CLASS_COUNT];
        }
        let hole = self.classes[class.number()].first_hole;
        if hole != Handle::NONE {
            self.unlink(class, hole);
            self.live_bytes += class.bytes() as u64;
            self.freshen(hole, class);
            return Ok(hole);
        }
        let list = &mut self.classes[class.number()];
        let position = list.len;
        if position == u32_len(&list.pages) * class.per_page() {
            list.pages.push(self.pages.take()?);
        }
        list.len += 1;
        self.live_bytes += class.bytes() as u64;
        let handle = self.place(class, position);
        self.freshen(handle, class);
        Ok(handle)
    }

    /// Frees the place of an entry of `class`.
    pub(in crate::store) fn free(&mut self, handle: Handle, class: ClassId) {
        self.live_bytes -= class.bytes() as u64;
        self.link(class, handle);
        self.trim(class);
    }

    /// The bytes from `handle` on; the entry itself knows where it ends.
    #[inline]
    pub(in crate::store) fn bytes(&self, handle: Handle) -> &[u8] {
        self.pages.bytes(handle)
    }

    /// The same, to be written.
    #[inline]
    pub(in crate::store) fn bytes_mut(&mut self, handle: Handle) -> &mut [u8] {
        self.pages.bytes_mut(handle)
    }

    /// Places of a class, holes included.
    pub(in crate::store) fn places(&self, class: ClassId) -> u32 {
        self.classes.get(class.number()).map_or(0, |list| list.len)
    }

    /// The place at `position < places(class)`; it may be a hole.
    #[inline]
    pub(in crate::store) fn place(&self, class: ClassId, position: u32) -> Handle {
        let per_page = class.per_page();
        let page = self.classes[class.number()].pages[(position / per_page) as usize];
        Handle::new(page, (position % per_page) as usize * class.bytes())
    }

    /// Whether nothing lives at this place.
    #[inline]
    pub(in crate::store) fn is_hole(&self, handle: Handle) -> bool {
        self.bytes(handle)[0] == HOLE
    }

    /// Whether a class has so many holes that some must be filled now.
    #[inline]
    pub(in crate::store) fn needs_filling(&self, class: ClassId) -> bool {
        let list = &self.classes[class.number()];
        list.holes >= HOLES_AT_LEAST && list.holes > list.len / HOLE_SHARE
    }

    /// The class's last entry and the hole that it should fill; the caller then tells the index and calls [`Slabs::fill`]. `None` without holes.
    pub(in crate::store) fn next_fill(&mut self, class: ClassId) -> Option<(Handle, Handle)> {
        self.trim(class);
        let list = &self.classes[class.number()];
        if list.holes == 0 || list.len == 0 {
            return None;
        }
        let last = self.place(class, list.len - 1);
        // Only after more holes at the end than one trim may drop.
        if self.is_hole(last) {
            return None;
        }
        Some((last, list.first_hole))
    }

    /// Moves the entry at `from` into the hole `to`, as [`Slabs::next_fill`] named them.
    pub(in crate::store) fn fill(&mut self, class: ClassId, from: Handle, to: Handle) {
        let bytes = class.bytes();
        self.freshen(from, class);
        self.freshen(to, class);
        self.unlink(class, to);
        let mut entry = [0; MAX_ENTRY_BYTES];
        let entry = &mut entry[..bytes];
        entry.copy_from_slice(&self.bytes(from)[..bytes]);
        self.bytes_mut(to)[..bytes].copy_from_slice(entry);
        self.link(class, from);
        self.trim(class);
    }

    /// Copies the first `bytes` of the place `from` to the place `to`, another one.
    pub(in crate::store) fn copy(&mut self, from: Handle, to: Handle, bytes: usize) {
        self.pages.copy(from, to, bytes);
    }

    /// Makes sure that so many pages can be had without a refusal.
    pub(in crate::store) fn reserve(&mut self, pages: usize) -> Result<(), StoreFull> {
        self.pages.reserve(pages)
    }

    /// Drops holes at the end of a class, and pages that hold nothing then.
    fn trim(&mut self, class: ClassId) {
        for _ in 0..TRIM_LIMIT {
            let len = self.classes[class.number()].len;
            if len == 0 {
                return;
            }
            let last = self.place(class, len - 1);
            if !self.is_hole(last) {
                return;
            }
            self.unlink(class, last);
            let list = &mut self.classes[class.number()];
            list.len -= 1;
            if list.len.is_multiple_of(class.per_page())
                && let Some(page) = list.pages.pop()
            {
                self.pages.give_back(page);
            }
        }
    }

    fn link(&mut self, class: ClassId, hole: Handle) {
        let list = &mut self.classes[class.number()];
        let next = std::mem::replace(&mut list.first_hole, hole);
        list.holes += 1;
        self.bytes_mut(hole)[0] = HOLE;
        self.set_link(hole, NEXT, next);
        self.set_link(hole, PREVIOUS, Handle::NONE);
        if next != Handle::NONE {
            self.set_link(next, PREVIOUS, hole);
        }
    }

    fn unlink(&mut self, class: ClassId, hole: Handle) {
        let (next, previous) = (self.link_at(hole, NEXT), self.link_at(hole, PREVIOUS));
        let list = &mut self.classes[class.number()];
        list.holes -= 1;
        if previous == Handle::NONE {
            list.first_hole = next;
        } else {
            self.set_link(previous, NEXT, next);
        }
        if next != Handle::NONE {
            self.set_link(next, PREVIOUS, previous);
        }
    }

    fn link_at(&self, hole: Handle, at: usize) -> Handle {
        let link = self.bytes(hole)[at..].first_chunk::<4>();
        link.map_or(Handle::NONE, |bytes| Handle(u32::from_le_bytes(*bytes)))
    }

    fn set_link(&mut self, hole: Handle, at: usize, to: Handle) {
        self.bytes_mut(hole)[at..at + 4].copy_from_slice(&to.0.to_le_bytes());
    }

    /// Asks for the first two cache lines of an entry; any handle may be given.
    #[inline]
    pub(in crate::store) fn prefetch(&self, handle: Handle) {
        if let Some(address) = self.pages.address(handle) {
            prefetch(address);
            prefetch(address.wrapping_add(64));
        }
    }

    /// Asks for that many cache lines from `handle` on; any handle may be given.
    #[inline]
    pub(in crate::store) fn prefetch_lines(&self, handle: Handle, lines: usize) {
        if let Some(address) = self.pages.address(handle) {
            for line in 0..lines {
                prefetch(address.wrapping_add(line * 64));
            }
        }
    }

    /// Asks for the cache lines of these bytes behind `handle`; any handle may be given.
    #[inline]
    pub(in crate::store) fn prefetch_bytes(&self, handle: Handle, bytes: Range<usize>) {
        if let Some(address) = self.pages.address(handle) {
            for at in bytes.clone().step_by(64) {
                prefetch(address.wrapping_add(at));
            }
            // Lines begin where they will: the last byte may stand in one more.
            prefetch(address.wrapping_add(bytes.end.saturating_sub(1)));
        }
    }

    /// Asks for an entry's first cache line, where most short keys end.
    #[inline]
    pub(in crate::store) fn prefetch_front(&self, handle: Handle) {
        if let Some(address) = self.pages.address(handle) {
            prefetch(address);
        }
    }

    /// The entry at `handle` expires at `at`.
    #[inline]
    pub(in crate::store) fn note_expiry(&mut self, handle: Handle, at: u64) {
        self.pages.note_expiry(handle.page(), at);
    }

    /// Pages of a class.
    pub(in crate::store) fn pages_of(&self, class: ClassId) -> u32 {
        self.classes
            .get(class.number())
            .map_or(0, |list| u32_len(&list.pages))
    }

    /// A lower bound of the expiries in the class's page number `nth`; `u64::MAX` when nothing in it expires.
    #[inline]
    pub(in crate::store) fn earliest_expiry(&self, class: ClassId, nth: u32) -> u64 {
        self.pages
            .earliest(self.classes[class.number()].pages[nth as usize])
    }

    /// Forgets that bound: every entry of the page is about to be noted anew.
    pub(in crate::store) fn forget_expiries(&mut self, class: ClassId, nth: u32) {
        self.pages
            .forget_expiries(self.classes[class.number()].pages[nth as usize]);
    }

    /// From now on marks mean something else; all that are there become `mark`, each page's when it is next looked at ([`Slabs::freshen`]).
    pub(in crate::store) fn restart_marks(&mut self, mark: u16) {
        self.restart_mark = mark;
        let pages = self.classes.iter().flat_map(|class| &class.pages);
        for &page in pages {
            self.pages.make_stale(page);
        }
    }

    /// Whether any mark is of an earlier meaning.
    #[inline]
    pub(in crate::store) fn has_stale_marks(&self) -> bool {
        self.pages.has_stale()
    }

    /// Sees to it that the mark of an entry is of the present meaning, with those of its whole page: at most 4096, some 10 µs.
    #[inline]
    pub(in crate::store) fn freshen(&mut self, handle: Handle, class: ClassId) {
        if self.pages.has_stale() {
            self.freshen_page(handle, class);
        }
    }

    #[cold]
    fn freshen_page(&mut self, handle: Handle, class: ClassId) {
        if !self.pages.forget_stale(handle.page()) {
            return;
        }
        let mark = self.restart_mark.to_le_bytes();
        let page = self.pages.bytes_mut(Handle::new(handle.page(), 0));
        // Holes and places never used keep nothing where an entry keeps its mark.
        let places = page.chunks_exact_mut(class.bytes());
        for place in places.take(class.per_page() as usize) {
            place[MARK..MARK + 2].copy_from_slice(&mark);
        }
    }

    /// Live entries, rounded up to their classes.
    pub(in crate::store) fn live_bytes(&self) -> u64 {
        self.live_bytes
    }

    /// What pages and tables take beyond the live entries: holes, ends of pages, spare pages. Untouched ends of fresh pages count although they are not resident.
    pub(in crate::store) fn overhead_bytes(&self) -> u64 {
        let pages: usize = self.classes.iter().map(|list| list.pages.len()).sum();
        let tables: usize = self
            .classes
            .iter()
            .map(|list| list.pages.capacity() * size_of::<u32>() + size_of::<Class>())
            .sum();
        let taken =
            pages * PAGE_BYTES + self.pages.spare_bytes() + self.pages.table_bytes() + tables;
        (taken as u64).saturating_sub(self.live_bytes)
    }
}

#[inline]
fn u32_len(pages: &[u32]) -> u32 {
    u32::try_from(pages.len()).unwrap_or(u32::MAX)
}

/// Asks for the cache line at an address; any address may be given.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(in crate::store) fn prefetch(address: *const u8) {
    // SAFETY: a prefetch is a hint: it neither reads nor faults, whatever the address.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(in crate::store) fn prefetch(_address: *const u8) {}

/// Asks for the first cache line of a value.
#[inline]
pub(in crate::store) fn prefetch_of<T>(value: &T) {
    prefetch(std::ptr::from_ref(value).cast());
}

#[cfg(test)]
mod tests;
