//! A sorted set to be read: by member, by rank, by score, by text.
//! Pure.

use super::large::{self, Large};
use super::leaf::{self, View};
use super::walk::MemberScan;
use crate::store::StringRef;
use crate::store::value::block::{count, index};
use crate::store::value::chance::below;
use crate::store::value::codes::{Stored, Strings};
use crate::store::value::frame::{ordered, score_of};
use crate::store::value::leaves::{Leaves, Sought};
use crate::store::value::tree::Key;

/// A sorted set to be read.
#[derive(Clone, Copy, Debug)]
pub struct SortedSetView<'a> {
    pub(super) form: FormRef<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum FormRef<'a> {
    Packed(&'a [u8]),
    Large(&'a Large),
}

/// A border among the members.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound<'a> {
    /// Before all members of this score.
    BeforeScore(f64),
    /// Behind all members of this score.
    AfterScore(f64),
    /// Before the member of this text, all scores being equal.
    BeforeText(&'a [u8]),
    /// Behind the member of this text, all scores being equal.
    AfterText(&'a [u8]),
    /// Before all.
    First,
    /// Behind all.
    Last,
}

/// Where a member was found; good until something changes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Packed { nth: usize, score: u64 },
    Large(large::Found),
}

impl Place {
    pub(super) fn score(&self) -> u64 {
        match self {
            Self::Packed { score, .. } => *score,
            Self::Large(found) => found.score(),
        }
    }
}

impl<'a> SortedSetView<'a> {
    /// The sorted set of a blob, wherever that lies.
    #[must_use]
    pub fn of_blob(blob: &'a [u8]) -> Self {
        Self {
            form: FormRef::Packed(blob),
        }
    }

    /// How many members there are.
    #[inline]
    #[must_use]
    pub fn len(self) -> u64 {
        match self.form {
            FormRef::Packed(blob) => count(blob) as u64,
            FormRef::Large(large) => large.len(),
        }
    }

    /// Whether there are none, which a key's sorted set never is.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether OBJECT ENCODING says `skiplist`, not `listpack`.
    #[must_use]
    pub fn is_skiplist_by_name(self) -> bool {
        match self.form {
            FormRef::Packed(blob) => leaf::is_large_by_name(blob),
            FormRef::Large(large) => large.large_by_name,
        }
    }

    #[inline]
    pub(super) fn locate(self, leaves: &Leaves, sought: &Sought<'_>) -> Option<Place> {
        match self.form {
            FormRef::Packed(blob) => {
                let view = View::new(blob);
                let nth = view.find(leaves, sought)?;
                let score = view.score(nth);
                Some(Place::Packed { nth, score })
            }
            FormRef::Large(large) => large.find(leaves, sought).map(Place::Large),
        }
    }

    /// A member's score.
    #[inline]
    #[must_use]
    pub fn score(self, leaves: &Leaves, member: &[u8]) -> Option<f64> {
        let place = self.locate(leaves, &leaves.sought(member))?;
        Some(score_of(place.score()))
    }

    /// Asks for the memory where a member would be looked for first.
    #[inline]
    pub fn prefetch(self, leaves: &Leaves, member: &[u8]) {
        if let FormRef::Large(large) = self.form {
            large.prefetch(leaves, &leaves.sought(member));
        }
    }

    /// How many members stand before this one, and its score.
    #[inline]
    #[must_use]
    pub fn rank(self, leaves: &Leaves, member: &[u8]) -> Option<(u64, f64)> {
        let place = self.locate(leaves, &leaves.sought(member))?;
        let rank = match (self.form, &place) {
            (FormRef::Large(large), Place::Large(found)) => large.rank_of(leaves, found),
            (_, Place::Packed { nth, .. }) => *nth as u64,
            _ => return None,
        };
        Some((rank, score_of(place.score())))
    }

    /// How many members stand before a border: the difference of two is ZCOUNT or ZLEXCOUNT, and ranges begin and end there.
    #[must_use]
    pub fn rank_of_bound(self, leaves: &Leaves, bound: Bound<'_>) -> u64 {
        let mut next = Vec::new();
        let key = match bound {
            Bound::First => return 0,
            Bound::Last => return self.len(),
            Bound::BeforeScore(score) => Key {
                score: ordered(score),
                text: b"",
            },
            Bound::AfterScore(score) => Key {
                score: ordered(score) + 1,
                text: b"",
            },
            Bound::BeforeText(text) => Key {
                score: self.first_score(leaves),
                text,
            },
            Bound::AfterText(text) => {
                // The text that follows: nothing stands between.
                next.extend_from_slice(text);
                next.push(0);
                Key {
                    score: self.first_score(leaves),
                    text: &next,
                }
            }
        };
        match self.form {
            FormRef::Packed(blob) => View::new(blob).before(leaves, key) as u64,
            FormRef::Large(large) => large.before(leaves, key),
        }
    }

    fn first_score(self, leaves: &Leaves) -> u64 {
        let mut first = 0;
        self.walk(leaves, 0, 1, |_, score| first = ordered(score));
        first
    }

    /// Shows up to `limit` members from a rank on, in order. A long range is shown in steps: the next begins where this ends, as long as nothing changes.
    pub fn walk(
        self,
        leaves: &'a Leaves,
        from: u64,
        limit: u64,
        mut show: impl FnMut(StringRef<'a>, f64),
    ) {
        let mut show = |member: Stored<'a>, score| show(leaves.show(member), score_of(score));
        match self.form {
            FormRef::Packed(blob) => {
                let view = View::new(blob);
                let from = index(from).min(view.count);
                let end = from.saturating_add(index(limit)).min(view.count);
                for (member, score) in view.members(from, end) {
                    show(member, score);
                }
            }
            FormRef::Large(large) => large.walk(leaves, from, limit, show),
        }
    }

    /// The same in order, without scores.
    pub fn show_strings(
        self,
        leaves: &'a Leaves,
        from: u64,
        limit: u64,
        strings: &mut impl Strings,
    ) {
        let mut show = |view: View<'a>, from: usize, end: usize| {
            view.show_strings(leaves, from, end, strings);
        };
        match self.form {
            FormRef::Packed(blob) => {
                let view = View::new(blob);
                let from = index(from).min(view.count);
                let end = from.saturating_add(index(limit)).min(view.count);
                show(view, from, end);
            }
            FormRef::Large(large) => large.walk_views(leaves, from, limit, show),
        }
    }

    /// The same from a rank on downwards.
    pub fn walk_back(
        self,
        leaves: &'a Leaves,
        from: u64,
        limit: u64,
        mut show: impl FnMut(StringRef<'a>, f64),
    ) {
        let mut show = |member: Stored<'a>, score| show(leaves.show(member), score_of(score));
        match self.form {
            FormRef::Packed(blob) => {
                let view = View::new(blob);
                let end = index(from).saturating_add(1).min(view.count);
                let begin = end.saturating_sub(index(limit));
                for (member, score) in view.members_reversed(begin, end) {
                    show(member, score);
                }
            }
            FormRef::Large(large) => large.walk_back(leaves, from, limit, show),
        }
    }

    /// ZSCAN's step: shows some members, says the next cursor, 0 at the end. A member that is there from the first call to the last is shown at least once, whatever its score does.
    pub fn scan(
        self,
        leaves: &Leaves,
        cursor: u32,
        mut show: impl FnMut(StringRef<'_>, f64),
    ) -> u32 {
        let mut within = None;
        loop {
            if let Some(next) = self.scan_some(leaves, cursor, &mut within, &mut show) {
                return next;
            }
        }
    }

    /// The same in parts, for a step may have to look at very many members of one score: `None` when there is more to do, of which `within` knows. The set must not change between them.
    pub fn scan_some(
        self,
        leaves: &Leaves,
        cursor: u32,
        within: &mut Option<MemberScan>,
        mut show: impl FnMut(StringRef<'_>, f64),
    ) -> Option<u32> {
        let large = match self.form {
            FormRef::Packed(blob) => {
                let view = View::new(blob);
                for (member, score) in view.members(0, view.count) {
                    show(leaves.show(member), score_of(score));
                }
                return Some(0);
            }
            FormRef::Large(large) => large,
        };
        let scan = within.get_or_insert_with(|| large.begin_scan(leaves, cursor));
        let is_over = large.go_on_scanning(leaves, scan, &mut |member, score| {
            show(leaves.show(member), score_of(score));
        });
        let next = scan.next();
        is_over.then(|| {
            *within = None;
            next
        })
    }

    /// A member and its score, each member as likely.
    pub fn random(self, leaves: &'a Leaves, chance: &mut u64) -> Option<(StringRef<'a>, f64)> {
        let mut drawn = None;
        let rank = below(chance, self.len());
        self.walk(leaves, rank, 1, |member, score| {
            drawn = Some((member, score));
        });
        drawn
    }

    /// Bytes taken, exactly.
    #[must_use]
    pub fn bytes(self, leaves: &Leaves) -> u64 {
        match self.form {
            FormRef::Packed(blob) => {
                let view = View::new(blob);
                let longs = view.members(0, view.count);
                let longs = longs.filter_map(|(member, _)| member.elsewhere());
                blob.len() as u64 + longs.map(|place| leaves.long_cost(place)).sum::<u64>()
            }
            FormRef::Large(large) => large.bytes(),
        }
    }
}
