//! Redis' glob patterns: `*`, `?`, `[a-z]`, `[^…]`, `\` escapes.
//! Pure, on bytes. A pattern is read once, its classes become sets of bytes; then each name costs a comparison per byte, and more only behind a `*` that is not
//! the last, where the rest may have to be tried at every place.
//! Bounds: a pattern has at most [`LONGEST_PATTERN_BYTES`], a match takes at most [`MOST_STEPS`] comparisons; beyond both there is an error, never a wrong answer.

use std::ops::RangeInclusive;

/// Longest pattern. Redis has no bound; reading one takes some ten times its length while it is used, and CONFIG GET takes hundreds of them at once.
pub const LONGEST_PATTERN_BYTES: usize = 1 << 16;

/// Most comparisons of one pattern with one name: a few milliseconds. A name of up to 4,095 bytes never needs more, whatever the pattern: of a piece of `p`
/// bytes at most `p * (4096 - p)` are wanted.
pub const MOST_STEPS: usize = 1 << 22;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// The pattern is longer than [`LONGEST_PATTERN_BYTES`].
    #[error("the pattern has more than {LONGEST_PATTERN_BYTES} bytes")]
    TooLong,
    /// Pattern and name are so long and so alike that more than [`MOST_STEPS`] comparisons would be needed.
    #[error("pattern and name are too long and too alike to be compared")]
    TooAlike,
}

/// A pattern that has been read.
#[derive(Clone, Debug)]
pub struct Glob {
    elements: Vec<Element>,
    classes: Vec<ByteSet>,
    /// Elements that take a byte: no shorter name can match.
    fixed: usize,
    /// The pattern is just `*`, which alone matches the empty name too.
    is_everything: bool,
    is_any_case: bool,
}

#[derive(Clone, Copy, Debug)]
enum Element {
    /// Any bytes, or none. Never twice in a row.
    Star,
    /// Any byte.
    Any,
    /// This byte; a lower case letter where case does not matter.
    Byte(u8),
    /// A byte of this class.
    Class(u32),
}

impl Glob {
    /// Reads a pattern as in KEYS, SCAN and PSUBSCRIBE.
    ///
    /// # Errors
    /// It is too long.
    pub fn new(pattern: &[u8]) -> Result<Self, GlobError> {
        Self::read(pattern, false)
    }

    /// The same, with ASCII letters of both cases equal, as in CONFIG GET.
    ///
    /// # Errors
    /// It is too long.
    pub fn any_case(pattern: &[u8]) -> Result<Self, GlobError> {
        Self::read(pattern, true)
    }

    fn read(pattern: &[u8], is_any_case: bool) -> Result<Self, GlobError> {
        if pattern.len() > LONGEST_PATTERN_BYTES {
            return Err(GlobError::TooLong);
        }
        let mut glob = Self {
            elements: Vec::new(),
            classes: Vec::new(),
            fixed: 0,
            is_everything: pattern == b"*",
            is_any_case,
        };
        let mut rest = pattern;
        while let Some((first, behind)) = rest.split_first() {
            rest = behind;
            let element = match (first, behind) {
                (b'*', _) => Element::Star,
                (b'?', _) => Element::Any,
                (b'[', _) => glob.class(&mut rest),
                (b'\\', [escaped, behind @ ..]) => {
                    rest = behind;
                    Element::Byte(glob.fold(*escaped))
                }
                // A `\` at the very end stands for itself.
                (literal, _) => Element::Byte(glob.fold(*literal)),
            };
            glob.push(element);
        }
        Ok(glob)
    }

    fn push(&mut self, element: Element) {
        match (self.elements.last(), element) {
            (Some(Element::Star), Element::Star) => return,
            (_, Element::Star) => {}
            _ => self.fixed += 1,
        }
        self.elements.push(element);
    }

    /// `rest` begins behind the `[`, and is left behind the `]`. A class that is not closed ends with the pattern.
    fn class(&mut self, rest: &mut &[u8]) -> Element {
        let is_inverted = rest.first() == Some(&b'^');
        let mut at = &rest[usize::from(is_inverted)..];
        let mut set = ByteSet::default();
        loop {
            at = match at {
                [] => break,
                [b'\\', escaped, behind @ ..] => {
                    // Redis does not fold the case of escaped members.
                    set.insert(*escaped..=*escaped);
                    behind
                }
                [b']', behind @ ..] => {
                    at = behind;
                    break;
                }
                [first, b'-', last, behind @ ..] => {
                    let (low, high) = (*first.min(last), *first.max(last));
                    self.insert(&mut set, low, high);
                    behind
                }
                [member, behind @ ..] => {
                    self.insert(&mut set, *member, *member);
                    behind
                }
            };
        }
        *rest = at;
        if is_inverted {
            set.invert();
        }
        self.classes.push(set);
        // No more than the pattern has bytes.
        Element::Class(u32::try_from(self.classes.len() - 1).unwrap_or(u32::MAX))
    }

    /// A range of a class; where case does not matter, both ends are folded, and whatever folds into them is in it.
    fn insert(&self, set: &mut ByteSet, low: u8, high: u8) {
        if !self.is_any_case {
            return set.insert(low..=high);
        }
        let folded = low.to_ascii_lowercase()..=high.to_ascii_lowercase();
        for upper in b'A'..=b'Z' {
            if folded.contains(&upper.to_ascii_lowercase()) {
                set.insert(upper..=upper);
            }
        }
        // Upper case letters are in it by what they fold into, and by nothing else.
        let (low, high) = folded.into_inner();
        set.insert(low..=high.min(b'A' - 1));
        set.insert(low.max(b'Z' + 1)..=high);
    }

    #[inline]
    fn fold(&self, byte: u8) -> u8 {
        if self.is_any_case {
            byte.to_ascii_lowercase()
        } else {
            byte
        }
    }

    /// Whether all of `name` matches.
    ///
    /// # Errors
    /// It would take too many comparisons; never for a name of up to 4,095 bytes.
    pub fn matches(&self, name: &[u8]) -> Result<bool, GlobError> {
        // What takes no more than so many may take as many as the last of them.
        self.matches_within(name, &mut { MOST_STEPS + 1 })
    }

    /// The same where many patterns are compared with a name: `left` says how many comparisons may still be made, and is less by those that were.
    ///
    /// # Errors
    /// It would take more; then none is left.
    pub fn matches_within(&self, name: &[u8], left: &mut usize) -> Result<bool, GlobError> {
        // Beginning and end cost no more than the look at the pattern itself does.
        // As in Redis: any pattern but `*` needs a byte to begin with, so `**` does not match the empty name.
        if name.is_empty() {
            return Ok(self.is_everything || self.elements.is_empty());
        }
        if self.fixed > name.len() {
            return Ok(false);
        }
        let is_star = |element: &Element| matches!(element, Element::Star);
        let Some(first) = self.elements.iter().position(is_star) else {
            return Ok(self.fixed == name.len() && self.all_match(&self.elements, name));
        };
        let last = self.elements.iter().rposition(is_star).unwrap_or(first);
        let (head, tail) = (&self.elements[..first], &self.elements[last + 1..]);
        let (start, end) = (head.len(), name.len() - tail.len());
        Ok(self.all_match(head, &name[..start])
            && self.all_match(tail, &name[end..])
            && self.all_found(&self.elements[first..last], &name[start..end], left)?)
    }

    /// Whether the pieces between stars stand in `name`, one behind the other: each is taken where it is found first, for that leaves most to the others.
    fn all_found(
        &self,
        elements: &[Element],
        name: &[u8],
        left: &mut usize,
    ) -> Result<bool, GlobError> {
        let mut rest = name;
        for piece in elements.split(|element| matches!(element, Element::Star)) {
            while !self.all_match_counted(piece, rest, left) {
                if *left == 0 {
                    return Err(GlobError::TooAlike);
                }
                match rest {
                    [_, behind @ ..] if behind.len() >= piece.len() => rest = behind,
                    _ => return Ok(false),
                }
            }
            rest = &rest[piece.len()..];
        }
        Ok(true)
    }

    fn all_match_counted(&self, piece: &[Element], name: &[u8], left: &mut usize) -> bool {
        if piece.len() > name.len() {
            return false;
        }
        let mut pairs = piece.iter().zip(name);
        let stray = pairs.position(|(element, byte)| !self.matches_one(*element, *byte));
        *left = left.saturating_sub(stray.map_or(piece.len(), |at| at + 1));
        stray.is_none()
    }

    fn all_match(&self, piece: &[Element], name: &[u8]) -> bool {
        let mut pairs = piece.iter().zip(name);
        pairs.all(|(element, byte)| self.matches_one(*element, *byte))
    }

    #[inline]
    fn matches_one(&self, element: Element, byte: u8) -> bool {
        match element {
            Element::Star | Element::Any => true,
            Element::Byte(wanted) => wanted == self.fold(byte),
            Element::Class(number) => self.classes[number as usize].contains(byte),
        }
    }
}

/// A set of bytes.
#[derive(Clone, Copy, Debug, Default)]
struct ByteSet([u64; 4]);

impl ByteSet {
    fn insert(&mut self, range: RangeInclusive<u8>) {
        let (low, high) = (usize::from(*range.start()), usize::from(*range.end()));
        for (index, word) in self.0.iter_mut().enumerate() {
            let (first, last) = (index * 64, index * 64 + 63);
            let (from, to) = (low.max(first), high.min(last));
            if from <= to {
                *word |= (u64::MAX << (from - first)) & (u64::MAX >> (last - to));
            }
        }
    }

    fn invert(&mut self) {
        self.0 = self.0.map(|word| !word);
    }

    fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte / 64)] >> (byte % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests;
