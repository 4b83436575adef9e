//! [`Line`]: one cache line of the index: twelve fingerprints, twelve handles, flags.
//! Pure.

use crate::store::slab::Handle;

/// Handles in a line.
pub(super) const LINE_SLOTS: usize = 12;

/// The low bits of `flags`: which slots are taken.
const PRESENT: u32 = (1 << LINE_SLOTS) - 1;

/// Some key whose home this is lies in the next line.
pub(super) const IN_NEIGHBOUR: u32 = 1 << LINE_SLOTS;

/// Some key whose home this is lies in the stash.
pub(super) const IN_STASH: u32 = 2 << LINE_SLOTS;

/// Some key whose home this is lies in the list beside the leaf.
pub(super) const IN_LIST: u32 = 4 << LINE_SLOTS;

/// Any of these.
pub(super) const ELSEWHERE: u32 = IN_NEIGHBOUR | IN_STASH | IN_LIST;

/// Twelve handles with a byte of each one's hash. Flags beside the taken slots are never wrong when clear; they may be set in vain after removals, until the leaf is built anew.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Line {
    fingerprints: [u8; LINE_SLOTS],
    flags: u32,
    handles: [u32; LINE_SLOTS],
}

/// Set bits of a mask over slots, from the lowest.
pub(super) struct Slots(u32);

impl Iterator for Slots {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let slot = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(slot)
    }
}

impl Line {
    /// A line without handles.
    pub(super) const EMPTY: Self = Self {
        fingerprints: [0; LINE_SLOTS],
        flags: 0,
        handles: [0; LINE_SLOTS],
    };

    /// The taken slots whose fingerprint is this one.
    #[inline]
    pub(super) fn matching(&self, fingerprint: u8) -> Slots {
        Slots(self.equal(fingerprint) & self.flags & PRESENT)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    fn equal(&self, fingerprint: u8) -> u32 {
        use core::arch::x86_64::{
            _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8,
        };
        let (low, high) = self.fingerprints.split_at(8);
        let low = low
            .first_chunk()
            .map_or(0, |bytes| i64::from_le_bytes(*bytes));
        let high = high
            .first_chunk()
            .map_or(0, |bytes| i32::from_le_bytes(*bytes));
        // SAFETY: these instructions are SSE2, which every x86-64 processor has; they touch registers only.
        let mask = unsafe {
            let ours = _mm_set_epi64x(i64::from(high), low);
            let wanted = _mm_set1_epi8(fingerprint.cast_signed());
            _mm_movemask_epi8(_mm_cmpeq_epi8(ours, wanted))
        };
        mask.cast_unsigned()
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[inline]
    fn equal(&self, fingerprint: u8) -> u32 {
        self.fingerprints
            .iter()
            .enumerate()
            .map(|(slot, &ours)| u32::from(ours == fingerprint) << slot)
            .sum()
    }

    /// The handle in a taken slot.
    #[inline]
    pub(super) fn handle(&self, slot: usize) -> Handle {
        Handle(self.handles[slot])
    }

    /// The taken slots.
    #[inline]
    pub(super) fn taken(&self) -> Slots {
        Slots(self.flags & PRESENT)
    }

    /// Puts a handle into a free slot; `false` when there is none.
    #[inline]
    pub(super) fn insert(&mut self, fingerprint: u8, handle: Handle) -> bool {
        let slot = (!self.flags).trailing_zeros() as usize;
        if slot >= LINE_SLOTS {
            return false;
        }
        self.flags |= 1 << slot;
        self.fingerprints[slot] = fingerprint;
        self.handles[slot] = handle.0;
        true
    }

    /// Another handle in a taken slot.
    #[inline]
    pub(super) fn replace(&mut self, slot: usize, handle: Handle) {
        self.handles[slot] = handle.0;
    }

    /// Empties a slot.
    #[inline]
    pub(super) fn remove(&mut self, slot: usize) {
        self.flags &= !(1 << slot);
    }

    /// Whether the line says that keys of it lie elsewhere.
    #[inline]
    pub(super) fn says(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// Says so from now on.
    #[inline]
    pub(super) fn say(&mut self, flag: u32) {
        self.flags |= flag;
    }
}
