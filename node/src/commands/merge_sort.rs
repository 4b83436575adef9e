//! [`MergeSort`]: a stable sort of places that is done a part at a time.
//! Pure. Bound: a step compares some hundred times. What is compared must not change between steps.

use std::cmp::Ordering;

/// Places that are sorted in one go.
const RUN: usize = 64;
/// Places that are put in order in one step of a merge.
const MERGED_PER_STEP: usize = 512;

/// The places 0, 1, 2 … in an order.
#[derive(Debug)]
pub(super) struct MergeSort {
    order: Vec<u32>,
    /// What becomes the order when this merge is over.
    merged: Vec<u32>,
    /// Stretches of so many are in order; 0 until the first ones are.
    width: usize,
    /// How far the two stretches that are merged have been used.
    used: [usize; 2],
    /// Where the first of the two begins, and where those begin that are not in order yet.
    start: usize,
}

impl MergeSort {
    /// So many places, not in order yet.
    pub(super) fn new(len: usize) -> Self {
        Self {
            order: (0..u32::try_from(len).unwrap_or(u32::MAX)).collect(),
            merged: Vec::new(),
            width: 0,
            used: [0; 2],
            start: 0,
        }
    }

    /// A step; whether all are in order.
    pub(super) fn go_on(&mut self, mut compare: impl FnMut(usize, usize) -> Ordering) -> bool {
        let mut compare = |one: u32, other: u32| compare(one as usize, other as usize);
        let len = self.order.len();
        if self.width == 0 {
            let end = len.min(self.start + RUN);
            self.order[self.start..end].sort_by(|one, other| compare(*one, *other));
            self.start = end;
            if end == len {
                self.next_width(RUN);
            }
        } else if self.width < len {
            for _ in 0..MERGED_PER_STEP {
                if self.width < len {
                    self.merge_next(&mut compare);
                }
            }
        }
        self.width > 0 && self.width >= len
    }

    fn merge_next(&mut self, compare: &mut impl FnMut(u32, u32) -> Ordering) {
        let len = self.order.len();
        let middle = len.min(self.start + self.width);
        let end = len.min(middle + self.width);
        let [first, second] = self.used;
        let (one, other) = (self.start + first, middle + second);
        let is_first =
            one < middle && (other >= end || compare(self.order[one], self.order[other]).is_le());
        let (next, stretch) = if is_first { (one, 0) } else { (other, 1) };
        self.merged.push(self.order[next]);
        self.used[stretch] += 1;
        if self.merged.len() == end {
            self.start = end;
            self.used = [0; 2];
        }
        if self.merged.len() == len {
            std::mem::swap(&mut self.order, &mut self.merged);
            self.next_width(2 * self.width);
        }
    }

    fn next_width(&mut self, width: usize) {
        self.width = width;
        self.start = 0;
        self.used = [0; 2];
        self.merged.clear();
    }

    /// The place that comes `nth`, when all are in order.
    pub(super) fn at(&self, nth: usize) -> Option<usize> {
        self.order.get(nth).map(|place| *place as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::MergeSort;
    use crate::store::below;

    #[test]
    fn places_are_sorted_as_the_library_sorts_them() {
        let mut chance = 5;
        for len in [0, 1, 2, 63, 64, 65, 127, 128, 129, 1_000, 4_096, 20_001] {
            for bound in [1, 7, 1 << 40] {
                let keys: Vec<u64> = (0..len).map(|_| below(&mut chance, bound)).collect();
                let mut expected: Vec<usize> = (0..len).collect();
                expected.sort_by_key(|place| keys[*place]);
                let mut sort = MergeSort::new(len);
                while !sort.go_on(|one, other| keys[one].cmp(&keys[other])) {}
                let sorted: Vec<usize> = (0..len).filter_map(|nth| sort.at(nth)).collect();
                assert_eq!(sorted, expected, "{len} places below {bound}");
                assert_eq!(sort.at(len), None);
            }
        }
    }
}
