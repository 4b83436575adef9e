//! A leaf: lines where keys have their homes, then lines of stash. A key lies at home, else in the next line, else in the stash.
//! Pure: works on the lines it is given.

use super::line::{IN_NEIGHBOUR, IN_STASH, Line};
use crate::store::slab::Handle;

/// The two shapes of a leaf. Growing by a third before splitting keeps the index's swing small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeafSize {
    /// 45 home lines and 3 of stash: 3 KiB.
    Small = 0,
    /// 60 home lines and 4 of stash: 4 KiB.
    Large = 1,
}

/// Where the lines of a leaf are: its size, and its position among the leaves of that size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LeafAt(u32);

/// Marks large leaves. The bit above is free for the directory.
const LARGE: u32 = 1 << 30;

/// No leaf has as high a position.
pub(super) const POSITION_LIMIT: u32 = LARGE - 1;

impl LeafAt {
    /// A leaf that has no lines yet.
    pub(super) const NOWHERE: Self = Self(POSITION_LIMIT);

    /// At this position, below [`POSITION_LIMIT`].
    pub(super) fn new(size: LeafSize, position: u32) -> Self {
        debug_assert!(position < POSITION_LIMIT);
        Self(match size {
            LeafSize::Small => position,
            LeafSize::Large => position | LARGE,
        })
    }

    /// As [`LeafAt::bits`] gave it.
    #[inline]
    pub(super) fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// As a number below 2³¹.
    #[inline]
    pub(super) fn bits(self) -> u32 {
        self.0
    }

    /// Its size.
    pub(super) fn size(self) -> LeafSize {
        if self.0 & LARGE == 0 {
            LeafSize::Small
        } else {
            LeafSize::Large
        }
    }

    /// The number of its size, found without a branch: half of the leaves are of each size, so no processor could foresee it.
    #[inline]
    pub(super) fn size_number(self) -> usize {
        (self.0 >> LARGE.trailing_zeros()) as usize & 1
    }

    /// The home of a hash, as [`LeafSize::home`].
    #[inline]
    pub(super) fn home(self, hash: u64) -> usize {
        home(hash, 45 + 15 * self.size_number())
    }

    /// All lines, as [`LeafSize::lines`].
    #[inline]
    pub(super) fn lines(self) -> usize {
        48 + 16 * self.size_number()
    }

    /// Its position.
    #[inline]
    pub(super) fn position(self) -> usize {
        (self.0 & !LARGE) as usize
    }
}

/// Parts into which home lines divide the range of hashes: a multiple of both shapes' home lines, so that a scan's place within a leaf means the same in both.
pub(super) const FRACTIONS: u32 = 180;

impl LeafSize {
    /// Lines where keys have their homes.
    #[inline]
    pub(super) const fn homes(self) -> usize {
        45 + 15 * self as usize
    }

    /// All lines.
    #[inline]
    pub(super) const fn lines(self) -> usize {
        48 + 16 * self as usize
    }

    /// Bytes of all lines.
    #[inline]
    pub(super) const fn bytes(self) -> usize {
        self.lines() * size_of::<Line>()
    }

    /// Parts per home line.
    pub(super) const fn fractions_per_line(self) -> u32 {
        match self {
            Self::Small => FRACTIONS / 45,
            Self::Large => FRACTIONS / 60,
        }
    }

    /// The home of a hash: its low 32 bits as a fraction of the home lines.
    #[inline]
    pub(super) fn home(self, hash: u64) -> usize {
        home(hash, self.homes())
    }

    /// The line after a home, the last one's being the first.
    #[inline]
    pub(super) fn neighbour(self, home: usize) -> usize {
        if home + 1 == self.homes() {
            0
        } else {
            home + 1
        }
    }
}

#[inline]
fn home(hash: u64, homes: usize) -> usize {
    (((hash & 0xffff_ffff) * homes as u64) >> 32) as usize
}

/// The byte of a hash that a line keeps.
#[inline]
pub(super) fn fingerprint(hash: u64) -> u8 {
    hash.to_le_bytes()[0]
}

/// Puts a handle into a leaf; `false` when home, neighbour and stash are full.
#[inline]
pub(super) fn insert(lines: &mut [Line], size: LeafSize, hash: u64, handle: Handle) -> bool {
    let (home, fingerprint) = (size.home(hash), fingerprint(hash));
    if lines[home].insert(fingerprint, handle) {
        return true;
    }
    if lines[size.neighbour(home)].insert(fingerprint, handle) {
        lines[home].say(IN_NEIGHBOUR);
        return true;
    }
    for at in size.homes()..size.lines() {
        if lines[at].insert(fingerprint, handle) {
            lines[home].say(IN_STASH);
            return true;
        }
    }
    false
}
