//! Size classes of entries: steps of 8 bytes to 256, then 16 steps per doubling to 4 KiB.
//! Pure.

/// Bytes of a page; every page holds entries of one class.
pub(in crate::store) const PAGE_BYTES: usize = 64 * 1024;

/// The longest entry that lives in a slab. Longer ones keep their value in an extent.
pub(in crate::store) const MAX_ENTRY_BYTES: usize = 4096;

/// The smallest class, so that a hole has room for its links.
const SMALLEST_BYTES: usize = 16;

/// Classes in steps of 8 bytes: 16, 24, … 256.
const FINE_CLASSES: usize = 31;

/// How many classes there are.
pub(in crate::store) const CLASS_COUNT: usize = FINE_CLASSES + 4 * 16;

/// One of the size classes, `0..CLASS_COUNT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) struct ClassId(u8);

static SIZES: [u16; CLASS_COUNT] = sizes();

static PER_PAGE: [u16; CLASS_COUNT] = per_page();

#[expect(
    clippy::cast_possible_truncation,
    reason = "sizes end at 4096, and this runs in the compiler"
)]
const fn sizes() -> [u16; CLASS_COUNT] {
    let mut sizes = [0; CLASS_COUNT];
    let mut class = 0;
    while class < CLASS_COUNT {
        sizes[class] = if class < FINE_CLASSES {
            (SMALLEST_BYTES + class * 8) as u16
        } else {
            let coarse = class - FINE_CLASSES;
            ((17 + coarse % 16) << (4 + coarse / 16)) as u16
        };
        class += 1;
    }
    sizes
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "at most 4096 entries of 16 bytes, and this runs in the compiler"
)]
const fn per_page() -> [u16; CLASS_COUNT] {
    let sizes = sizes();
    let mut counts = [0; CLASS_COUNT];
    let mut class = 0;
    while class < CLASS_COUNT {
        counts[class] = (PAGE_BYTES / sizes[class] as usize) as u16;
        class += 1;
    }
    counts
}

impl ClassId {
    /// The class of entries of `bytes` bytes, at most [`MAX_ENTRY_BYTES`].
    #[inline]
    pub(in crate::store) fn of(bytes: usize) -> Self {
        debug_assert!(bytes <= MAX_ENTRY_BYTES, "longer entries have extents");
        let class = if bytes <= 256 {
            bytes.div_ceil(8).max(2) - 2
        } else {
            let doubling = (bytes - 1).ilog2();
            let step = (bytes - 1) >> (doubling - 4);
            FINE_CLASSES + (doubling as usize - 8) * 16 + step - 16
        };
        #[expect(clippy::cast_possible_truncation, reason = "95 classes")]
        let class = class as u8;
        Self(class)
    }

    /// All classes, the smallest first.
    pub(in crate::store) fn all() -> impl DoubleEndedIterator<Item = Self> {
        (0..CLASS_COUNT).filter_map(Self::new)
    }

    /// The class of this number, if there is one.
    #[expect(clippy::cast_possible_truncation, reason = "checked just before")]
    pub(in crate::store) fn new(number: usize) -> Option<Self> {
        (number < CLASS_COUNT).then_some(Self(number as u8))
    }

    /// Its number, `0..CLASS_COUNT`.
    #[inline]
    pub(in crate::store) fn number(self) -> usize {
        usize::from(self.0)
    }

    /// Bytes that every entry of the class takes.
    #[inline]
    pub(in crate::store) fn bytes(self) -> usize {
        usize::from(SIZES[self.number()])
    }

    /// Entries in a page.
    #[inline]
    pub(in crate::store) fn per_page(self) -> u32 {
        u32::from(PER_PAGE[self.number()])
    }
}

#[cfg(test)]
mod tests {
    use super::{CLASS_COUNT, ClassId, MAX_ENTRY_BYTES};

    #[test]
    fn every_length_has_the_smallest_class_that_holds_it() {
        let mut last = 0;
        for class in ClassId::all() {
            assert!(class.bytes() > last && class.bytes().is_multiple_of(8));
            for bytes in last + 1..=class.bytes() {
                assert_eq!(ClassId::of(bytes), class, "{bytes}");
            }
            last = class.bytes();
        }
        assert_eq!(last, MAX_ENTRY_BYTES);
        assert_eq!(ClassId::all().count(), CLASS_COUNT);
    }
}
