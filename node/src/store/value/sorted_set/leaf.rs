//! A block of members in the order of score and text: a leaf of the tree, or, with fingerprints, a whole small sorted set.
//! Pure.
//!
//! ```text
//! count 2 (flag: has fingerprints) | frame | fingerprints n | scores n × width | codes n | members
//! ```

use crate::store::StringRef;
use crate::store::value::block::{
    Block, COUNT_BYTES, FIRST_FLAG, SECOND_FLAG, close, count, has_flag, open, put_u16, set_count,
    u16_at,
};
use crate::store::value::codes::{
    Encoded, Stored, Strings, code_len, places_of, show_strings, sum_of_first, sum_of_lengths,
};
use crate::store::value::frame::Frame;
use crate::store::value::leaves::{Leaves, Sought};
use crate::store::value::tree::Key;
use std::cmp::Ordering;

const HAS_FINGERPRINTS: u16 = FIRST_FLAG;

/// Set in a blob that is large by name.
pub(super) const LARGE_BY_NAME: u16 = SECOND_FLAG;

const FLAGS: u16 = HAS_FINGERPRINTS | LARGE_BY_NAME;

/// Whether a blob is large by name.
pub(super) fn is_large_by_name(blob: &[u8]) -> bool {
    has_flag(blob, LARGE_BY_NAME)
}

/// Writes a blob without members.
pub(super) fn write_empty(blob: &mut Vec<u8>) {
    Parts {
        flags: HAS_FINGERPRINTS,
        ..Parts::default()
    }
    .write(blob);
}

/// A small sorted set without members: count and the frame of nothing.
pub(super) fn empty_blob() -> Vec<u8> {
    let mut blob = Vec::new();
    write_empty(&mut blob);
    blob
}

/// A block to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    bytes: &'a [u8],
    pub(super) count: usize,
    frame: Frame,
    fingerprints: usize,
    scores: usize,
    codes: usize,
    members: usize,
}

impl<'a> View<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let count = count(bytes);
        let frame = Frame::read(&bytes[COUNT_BYTES..]);
        let fingerprints = COUNT_BYTES + frame.len();
        let scores = fingerprints + usize::from(has_flag(bytes, HAS_FINGERPRINTS)) * count;
        let codes = scores + count * frame.width();
        Self {
            bytes,
            count,
            frame,
            fingerprints,
            scores,
            codes,
            members: codes + count,
        }
    }

    /// The score of a member, in its ordered form.
    #[inline]
    pub(super) fn score(self, nth: usize) -> u64 {
        self.frame.get(&self.bytes[self.scores..], nth)
    }

    #[inline]
    fn codes(self) -> &'a [u8] {
        &self.bytes[self.codes..self.members]
    }

    #[inline]
    fn offset(self, nth: usize) -> usize {
        self.members + sum_of_first(&self.bytes[self.codes..], nth)
    }

    #[inline]
    fn member_at(self, nth: usize, at: usize) -> Stored<'a> {
        let code = self.codes()[nth];
        Stored {
            code,
            bytes: &self.bytes[at..at + code_len(code)],
        }
    }

    /// A member.
    #[inline]
    pub(super) fn member(self, nth: usize) -> Stored<'a> {
        self.member_at(nth, self.offset(nth))
    }

    /// The members from `from` on up to `end`, with their scores.
    #[inline]
    pub(super) fn members(
        self,
        from: usize,
        end: usize,
    ) -> impl Iterator<Item = (Stored<'a>, u64)> {
        let mut rest = &self.bytes[self.offset(from)..];
        let codes = self.codes()[from..end].iter();
        (from..end).zip(codes).map(move |(nth, &code)| {
            let bytes;
            (bytes, rest) = rest.split_at(code_len(code));
            (Stored { code, bytes }, self.score(nth))
        })
    }

    /// Shows the members from `from` on up to `end`, without their scores.
    pub(super) fn show_strings(
        self,
        leaves: &'a Leaves,
        from: usize,
        end: usize,
        strings: &mut impl Strings,
    ) {
        let members = &self.bytes[self.offset(from)..];
        let whole = |member| leaves.show(member);
        show_strings(&self.codes()[from..end], members, whole, strings);
    }

    /// The members before `end` down to `from`.
    #[inline]
    pub(super) fn members_reversed(
        self,
        from: usize,
        end: usize,
    ) -> impl Iterator<Item = (Stored<'a>, u64)> {
        let mut at = self.offset(end);
        (from..end).rev().map(move |nth| {
            at -= code_len(self.codes()[nth]);
            (self.member_at(nth, at), self.score(nth))
        })
    }

    /// How many members have a score below this one.
    #[inline]
    fn below_score(self, score: u64) -> usize {
        if self.count == 0 {
            return 0;
        }
        if self.frame.width() == 0 {
            return if self.score(0) < score { self.count } else { 0 };
        }
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            if self.score(middle) < score {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// How many members stand before a key.
    #[inline]
    pub(super) fn before(self, leaves: &Leaves, key: Key<'_>) -> usize {
        self.search(leaves, key, |_| false)
            .unwrap_or_else(|nth| nth)
    }

    /// The place of a member that has this score, or the one where it would go.
    #[inline]
    pub(super) fn place(
        self,
        leaves: &Leaves,
        score: u64,
        sought: &Sought<'_>,
    ) -> Result<usize, usize> {
        let text = sought.text;
        let key = Key { score, text };
        self.search(leaves, key, |member| sought.is(leaves, member))
    }

    #[inline]
    fn search(
        self,
        leaves: &Leaves,
        key: Key<'_>,
        is: impl Fn(Stored<'_>) -> bool,
    ) -> Result<usize, usize> {
        let (mut low, mut high) = (self.below_score(key.score), self.count);
        // Few scores are equal, or all are.
        if self.frame.width() > 0 {
            high = low;
            while high < self.count && self.score(high) == key.score {
                high += 1;
            }
        } else if low < high && self.score(0) != key.score {
            high = low;
        }
        while low < high {
            let middle = low.midpoint(high);
            let member = self.member(middle);
            if is(member) {
                return Ok(middle);
            }
            if compare(leaves, member, key.text) == Ordering::Less {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Err(low)
    }

    /// The place of a member, by its fingerprint.
    #[inline]
    pub(super) fn find(self, leaves: &Leaves, sought: &Sought<'_>) -> Option<usize> {
        let fingerprints = &self.bytes[self.fingerprints..self.scores];
        places_of(sought.fingerprint(), fingerprints)
            .find(|&nth| sought.is(leaves, self.member(nth)))
    }

    /// Bytes that the block would have with one more member.
    pub(super) fn len_with(self, score: u64, member: &Encoded<'_>) -> usize {
        let own = code_len(member.code) + 1;
        if self.count > 0 && self.frame.fits(score) {
            let fingerprint = usize::from(self.scores > self.fingerprints);
            return self.bytes.len() + own + fingerprint + self.frame.width();
        }
        let scores = (0..self.count).map(|nth| self.score(nth));
        let frame = Frame::of(scores.chain([score]));
        let members = self.bytes.len() - self.codes;
        let fingerprints = self.scores - self.fingerprints + 1;
        let scores = (self.count + 1) * frame.width();
        COUNT_BYTES + frame.len() + fingerprints + scores + members + own
    }
}

/// The order of a member and a text.
#[inline]
pub(super) fn compare(leaves: &Leaves, member: Stored<'_>, text: &[u8]) -> Ordering {
    match leaves.show(member) {
        StringRef::Bytes(bytes) => bytes.cmp(text),
        // The order is that of the digits.
        StringRef::Integer(number) => itoa::Buffer::new().format(number).as_bytes().cmp(text),
    }
}

/// Puts a member at place `nth`.
pub(super) fn insert(
    block: &mut impl Block,
    nth: usize,
    fingerprint: u8,
    score: u64,
    member: &Encoded<'_>,
) {
    let before = View::new(block.bytes());
    let has_fingerprints = has_flag(before.bytes, HAS_FINGERPRINTS);
    if before.count == 0 || !before.frame.fits(score) {
        let mut parts = Parts::of(before, 0, before.count);
        parts.insert(nth, fingerprint, score, member);
        parts.write(block);
        return;
    }
    let (width, count, len) = (before.frame.width(), before.count, code_len(member.code));
    let gaps = [
        (before.fingerprints + nth, usize::from(has_fingerprints)),
        (before.scores + nth * width, width),
        (before.codes + nth, 1),
        (before.offset(nth), len),
    ];
    if has_fingerprints {
        open(block, gaps);
    } else {
        open(block, [gaps[1], gaps[2], gaps[3]]);
    }
    let bytes = block.bytes_mut();
    set_count(bytes, count + 1);
    let after = View::new(bytes);
    let (frame, fingerprints, scores) = (after.frame, after.fingerprints, after.scores);
    let code_at = after.codes + nth;
    bytes[code_at] = member.code;
    let at = View::new(bytes).offset(nth);
    bytes[at..at + len].copy_from_slice(member.bytes());
    if has_fingerprints {
        bytes[fingerprints + nth] = fingerprint;
    }
    frame.put(&mut bytes[scores..], nth, score);
}

/// Takes the member at place `nth` out.
pub(super) fn remove(block: &mut impl Block, nth: usize) {
    let before = View::new(block.bytes());
    let has_fingerprints = has_flag(before.bytes, HAS_FINGERPRINTS);
    let (width, count) = (before.frame.width(), before.count);
    let at = before.offset(nth);
    let gaps = [
        (before.fingerprints + nth, usize::from(has_fingerprints)),
        (before.scores + nth * width, width),
        (before.codes + nth, 1),
        (at, before.member_at(nth, at).bytes.len()),
    ];
    set_count(block.bytes_mut(), count - 1);
    if has_fingerprints {
        close(block, gaps);
    } else {
        close(block, [gaps[1], gaps[2], gaps[3]]);
    }
}

/// Members on their way into a block.
#[derive(Debug, Default)]
pub(super) struct Parts {
    flags: u16,
    fingerprints: Vec<u8>,
    scores: Vec<u64>,
    codes: Vec<u8>,
    members: Vec<u8>,
}

impl Parts {
    /// The members from `from` up to `end`, and the block's flags.
    pub(super) fn of(view: View<'_>, from: usize, end: usize) -> Self {
        let mut parts = Self {
            flags: u16_at(view.bytes, 0) & FLAGS,
            ..Self::default()
        };
        parts.append(view, from, end);
        parts
    }

    /// Those of another block behind them.
    pub(super) fn append(&mut self, view: View<'_>, from: usize, end: usize) {
        if self.flags & HAS_FINGERPRINTS != 0 {
            let fingerprints = &view.bytes[view.fingerprints..view.scores];
            self.fingerprints
                .extend_from_slice(&fingerprints[from..end]);
        }
        self.scores.extend((from..end).map(|nth| view.score(nth)));
        self.codes.extend_from_slice(&view.codes()[from..end]);
        let (begin, end) = (view.offset(from), view.offset(end));
        self.members.extend_from_slice(&view.bytes[begin..end]);
    }

    fn insert(&mut self, nth: usize, fingerprint: u8, score: u64, member: &Encoded<'_>) {
        if self.flags & HAS_FINGERPRINTS != 0 {
            self.fingerprints.insert(nth, fingerprint);
        }
        self.scores.insert(nth, score);
        let at = sum_of_lengths(&self.codes[..nth]);
        self.codes.insert(nth, member.code);
        self.members.splice(at..at, member.bytes().iter().copied());
    }

    /// As a leaf of a tree, which has no fingerprints.
    pub(super) fn into_leaf(mut self) -> Self {
        self.flags = 0;
        self.fingerprints.clear();
        self
    }

    /// Bytes of the block that they would be.
    pub(super) fn len(&self) -> usize {
        let frame = Frame::of(self.scores.iter().copied());
        let arrays = self.fingerprints.len() + self.codes.len() + self.members.len();
        COUNT_BYTES + frame.len() + self.scores.len() * frame.width() + arrays
    }

    /// Writes them as the only contents of a block.
    pub(super) fn write(&self, block: &mut impl Block) {
        let frame = Frame::of(self.scores.iter().copied());
        block.resize(self.len());
        let bytes = block.bytes_mut();
        put_u16(bytes, 0, self.flags);
        set_count(bytes, self.codes.len());
        frame.write(&mut bytes[COUNT_BYTES..]);
        let mut at = COUNT_BYTES + frame.len();
        bytes[at..at + self.fingerprints.len()].copy_from_slice(&self.fingerprints);
        at += self.fingerprints.len();
        for (nth, &score) in self.scores.iter().enumerate() {
            frame.put(&mut bytes[at..], nth, score);
        }
        at += self.scores.len() * frame.width();
        bytes[at..at + self.codes.len()].copy_from_slice(&self.codes);
        at += self.codes.len();
        bytes[at..].copy_from_slice(&self.members);
    }
}
