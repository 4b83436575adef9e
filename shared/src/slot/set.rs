//! A set of slots: 16384 bits. Reads and prints `0-5460 9000`. Pure.

use super::{SLOT_COUNT, SlotId};
use std::fmt;
use std::iter;
use std::ops::RangeInclusive;
use std::str::FromStr;

const WORDS: usize = SLOT_COUNT as usize / 64;

/// Any of the slots, none to all.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SlotSet {
    // On the heap: 2 KiB are much to move about.
    words: Box<[u64; WORDS]>,
}

/// Neighbouring slots, both ends included.
pub type SlotRange = RangeInclusive<u16>;

/// Why a text is no set of slots.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlotSetError {
    /// Neither a number nor two with a dash between them.
    #[error("\"{0}\" is neither a slot nor a range of slots; write them as in \"0-5460 9000\"")]
    Shape(String),
    /// Beyond the last slot.
    #[error("slot {0} does not exist; the last one is 16383")]
    TooHigh(u64),
    /// A range whose end lies before its start.
    #[error("range {0}-{1} ends before it begins")]
    Backwards(u16, u16),
    /// A slot that stands in the text twice.
    #[error("slot {0} is named twice")]
    Twice(u16),
}

impl SlotSet {
    /// No slot.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            words: Box::new([0; WORDS]),
        }
    }

    /// Every slot.
    #[must_use]
    pub fn full() -> Self {
        Self {
            words: Box::new([u64::MAX; WORDS]),
        }
    }

    /// Whether no slot is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// How many slots are in it, 0 to 16384.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    /// Whether `slot` is in it.
    #[must_use]
    #[inline]
    pub fn contains(&self, slot: SlotId) -> bool {
        let (word, bit) = place(slot);
        self.words[word] & bit != 0
    }

    /// Adds `slot`; `false` when it was in already.
    pub fn insert(&mut self, slot: SlotId) -> bool {
        let (word, bit) = place(slot);
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        new
    }

    /// Takes `slot` out; `false` when it was not in.
    pub fn remove(&mut self, slot: SlotId) -> bool {
        let (word, bit) = place(slot);
        let present = self.words[word] & bit != 0;
        self.words[word] &= !bit;
        present
    }

    /// Adds every slot of the other set.
    pub fn insert_all(&mut self, other: &Self) {
        for (word, &right) in self.words.iter_mut().zip(other.words.iter()) {
            *word |= right;
        }
    }

    /// Takes every slot of the other set out.
    pub fn remove_all(&mut self, other: &Self) {
        for (word, &right) in self.words.iter_mut().zip(other.words.iter()) {
            *word &= !right;
        }
    }

    /// Slots in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.insert_all(other);
        both
    }

    /// Slots in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for (word, &right) in both.words.iter_mut().zip(other.words.iter()) {
            *word &= right;
        }
        both
    }

    /// Slots in this set but not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        rest.remove_all(other);
        rest
    }

    /// Slots not in this set.
    #[must_use]
    pub fn complement(&self) -> Self {
        Self::full().difference(self)
    }

    /// Whether no slot is in both.
    #[must_use]
    pub fn is_disjoint(&self, other: &Self) -> bool {
        let mut words = self.words.iter().zip(other.words.iter());
        words.all(|(left, right)| left & right == 0)
    }

    /// Whether every slot of this set is in the other.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        let mut words = self.words.iter().zip(other.words.iter());
        words.all(|(left, right)| left & !right == 0)
    }

    /// Its slots in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = SlotId> {
        self.ranges().flatten().map(SlotId)
    }

    /// Its slots as the fewest ranges, in ascending order.
    pub fn ranges(&self) -> impl Iterator<Item = SlotRange> {
        let mut from = 0_u16;
        iter::from_fn(move || {
            let start = self.next_with(from, true)?;
            let end = self.next_with(start, false).unwrap_or(SLOT_COUNT);
            from = end;
            Some(start..=end - 1)
        })
    }

    /// The first slot from `from` on that is in the set, or that is not; `None` when there is no further one.
    fn next_with(&self, from: u16, present: bool) -> Option<u16> {
        let mut slot = from;
        while slot < SLOT_COUNT {
            let word = self.words[usize::from(slot / 64)];
            let wanted = if present { word } else { !word } >> (slot % 64);
            if wanted != 0 {
                // At most 63, and the slot stays within its word.
                return u16::try_from(wanted.trailing_zeros())
                    .ok()
                    .map(|distance| slot + distance);
            }
            slot = (slot / 64 + 1) * 64;
        }
        None
    }
}

/// The slot's word, and its bit in there.
#[inline]
fn place(slot: SlotId) -> (usize, u64) {
    (usize::from(slot.0 / 64), 1 << (slot.0 % 64))
}

impl Default for SlotSet {
    fn default() -> Self {
        Self::empty()
    }
}

impl FromIterator<SlotId> for SlotSet {
    fn from_iter<I: IntoIterator<Item = SlotId>>(slots: I) -> Self {
        let mut set = Self::empty();
        set.extend(slots);
        set
    }
}

impl Extend<SlotId> for SlotSet {
    fn extend<I: IntoIterator<Item = SlotId>>(&mut self, slots: I) {
        for slot in slots {
            self.insert(slot);
        }
    }
}

impl fmt::Display for SlotSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.ranges().enumerate() {
            let separator = if index == 0 { "" } else { " " };
            let (start, end) = range.into_inner();
            if start == end {
                write!(out, "{separator}{start}")?;
            } else {
                write!(out, "{separator}{start}-{end}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for SlotSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SlotSet({self})")
    }
}

impl FromStr for SlotSet {
    type Err = SlotSetError;

    /// Slots and ranges, separated by white space or commas, in any order.
    fn from_str(text: &str) -> Result<Self, SlotSetError> {
        let mut set = Self::empty();
        let separator = |letter: char| letter.is_whitespace() || letter == ',';
        for part in text.split(separator).filter(|part| !part.is_empty()) {
            let (start, end) = part.split_once('-').unwrap_or((part, part));
            let (start, end) = (number(start, part)?, number(end, part)?);
            if start > end {
                return Err(SlotSetError::Backwards(start, end));
            }
            for slot in (start..=end).map(SlotId) {
                if !set.insert(slot) {
                    return Err(SlotSetError::Twice(slot.0));
                }
            }
        }
        Ok(set)
    }
}

/// A slot's number; `part` is what the error shows, cut to a bearable length.
fn number(digits: &str, part: &str) -> Result<u16, SlotSetError> {
    const LONGEST_SHOWN: usize = 40;
    let shape = || SlotSetError::Shape(part.chars().take(LONGEST_SHOWN).collect());
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(shape());
    }
    let number: u64 = digits.parse().map_err(|_| shape())?;
    u16::try_from(number)
        .ok()
        .and_then(SlotId::new)
        .map(SlotId::number)
        .ok_or(SlotSetError::TooHigh(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn text_is_read_in_any_order_and_printed_in_ascending_ranges() {
        let check = |text: &str, printed: Result<&str, &str>| {
            let set = text.parse::<SlotSet>();
            let shown = set.map(|set| set.to_string()).map_err(|e| e.to_string());
            assert_eq!(
                shown.as_deref().map_err(String::as_str),
                printed,
                "reading {text:?}"
            );
        };
        check("", Ok(""));
        check("0-5460 9000", Ok("0-5460 9000"));
        check("9000,1,0,2", Ok("0-2 9000"));
        check("  63-64\n127-128 ", Ok("63-64 127-128"));
        check("0-16383", Ok("0-16383"));
        check(
            "16384",
            Err("slot 16384 does not exist; the last one is 16383"),
        );
        check(
            "0-99999",
            Err("slot 99999 does not exist; the last one is 16383"),
        );
        check("7-3", Err("range 7-3 ends before it begins"));
        check("1-5 3", Err("slot 3 is named twice"));
        check(
            "1-2-3",
            Err(
                "\"1-2-3\" is neither a slot nor a range of slots; write them as in \"0-5460 9000\"",
            ),
        );
        check(
            "-1",
            Err("\"-1\" is neither a slot nor a range of slots; write them as in \"0-5460 9000\""),
        );
    }

    #[test]
    fn the_full_set_has_every_slot_and_the_empty_one_none() {
        assert_eq!(SlotSet::full().len(), 16384);
        assert_eq!(SlotSet::full().complement(), SlotSet::empty());
        assert_eq!(SlotSet::full().iter().count(), 16384);
        assert!(SlotSet::empty().is_empty());
        assert_eq!(SlotSet::empty().ranges().next(), None);
    }

    fn numbers() -> impl Strategy<Value = BTreeSet<u16>> {
        proptest::collection::btree_set(
            prop_oneof![0_u16..200, 0..SLOT_COUNT, 16300..SLOT_COUNT],
            0..80,
        )
    }

    fn set(numbers: &BTreeSet<u16>) -> SlotSet {
        numbers.iter().copied().filter_map(SlotId::new).collect()
    }

    proptest! {
        #[test]
        fn it_behaves_as_a_set_of_numbers(left in numbers(), right in numbers()) {
            let (a, b) = (set(&left), set(&right));
            prop_assert_eq!(a.union(&b), set(&left.union(&right).copied().collect()));
            prop_assert_eq!(a.intersection(&b), set(&left.intersection(&right).copied().collect()));
            prop_assert_eq!(a.difference(&b), set(&left.difference(&right).copied().collect()));
            prop_assert_eq!(a.is_disjoint(&b), left.is_disjoint(&right));
            prop_assert_eq!(a.is_subset(&b), left.is_subset(&right));
            prop_assert_eq!(a.len(), left.len());
            prop_assert!(a.iter().map(SlotId::number).eq(left.iter().copied()));
            let mut emptied = a.clone();
            prop_assert!(a.iter().all(|slot| emptied.remove(slot)));
            prop_assert!(emptied.is_empty());
        }

        #[test]
        fn what_is_printed_parses_back(numbers in numbers()) {
            let set = set(&numbers);
            prop_assert_eq!(set.to_string().parse(), Ok(set));
        }

        #[test]
        fn no_text_panics(text in "[0-9, x-]{0,40}") {
            let parsed = text.parse::<SlotSet>();
            prop_assert!(parsed.is_ok() || parsed.is_err());
        }
    }
}
