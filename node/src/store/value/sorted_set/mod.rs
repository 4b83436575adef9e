//! [`SortedSet`]: members by score, and by text where scores are equal.
//! Pure.

mod large;
mod leaf;

use super::Limits;
use super::block::{count, index, set_flag};
use super::chance::below;
use super::codes::{Encoded, Stored};
use super::frame::{ordered, score_of};
use super::hash::FREED_AT_ONCE;
use super::leaves::{Leaves, Sought};
use super::tree::Key;
use crate::store::{StoreFull, StringValue};
use large::Large;
use leaf::View;

/// A sorted set to be changed.
#[derive(Debug)]
pub struct SortedSet {
    form: Form,
}

#[derive(Debug)]
enum Form {
    Packed(Vec<u8>),
    Large(Box<Large>),
}

/// A sorted set to be read.
#[derive(Clone, Copy, Debug)]
pub struct SortedSetRef<'a> {
    form: FormRef<'a>,
}

#[derive(Clone, Copy, Debug)]
enum FormRef<'a> {
    Packed(&'a [u8]),
    Large(&'a Large),
}

/// Which members an addition may touch (ZADD's NX and XX).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existence {
    /// All.
    #[default]
    Any,
    /// Those that are not there.
    New,
    /// Those that are there.
    Old,
}

/// Which new scores of an old member are taken (ZADD's GT and LT).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Comparison {
    /// All.
    #[default]
    Any,
    /// Greater ones.
    Greater,
    /// Lesser ones.
    Less,
}

/// What an addition may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddRule {
    /// To whom.
    pub existence: Existence,
    /// With which score.
    pub comparison: Comparison,
    /// Whether the number is added to the score that is there.
    pub increments: bool,
}

/// What became of a member.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Added {
    /// It is new, with this score.
    New(f64),
    /// It has this score now.
    Changed(f64),
    /// It had this score already.
    Same(f64),
    /// The rule did not allow it.
    Refused,
    /// The sum of both infinities: nothing has changed.
    NotANumber,
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

impl Default for SortedSet {
    fn default() -> Self {
        Self {
            form: Form::Packed(leaf::empty_blob()),
        }
    }
}

impl SortedSet {
    /// The sorted set of a blob that [`SortedSet::blob`] gave.
    #[must_use]
    pub fn from_blob(blob: Vec<u8>) -> Self {
        Self {
            form: Form::Packed(blob),
        }
    }

    /// All of it in one blob while it is small, to stand in a key's entry. Whoever drops one calls [`SortedSet::free_blob`].
    #[must_use]
    pub fn blob(&self) -> Option<&[u8]> {
        match &self.form {
            Form::Packed(blob) => Some(blob),
            Form::Large(_) => None,
        }
    }

    /// To be read.
    #[inline]
    #[must_use]
    pub fn view(&self) -> SortedSetRef<'_> {
        SortedSetRef {
            form: match &self.form {
                Form::Packed(blob) => FormRef::Packed(blob),
                Form::Large(large) => FormRef::Large(large),
            },
        }
    }

    /// Adds a member or changes its score, as far as the rule allows. The score is a number.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing has changed then.
    pub fn add(
        &mut self,
        leaves: &mut Leaves,
        score: f64,
        member: &[u8],
        rule: AddRule,
        limits: &Limits,
    ) -> Result<Added, StoreFull> {
        leaves.reserve()?;
        let sought = leaves.sought(member);
        let place = self.view().locate(leaves, &sought);
        let old = place.map(|place| score_of(place.score()));
        let outcome = decide(old, score, rule);
        let (Added::New(score) | Added::Changed(score)) = outcome else {
            return Ok(outcome);
        };
        self.put(leaves, place, ordered(score), &sought, limits)?;
        let view = self.view();
        if !view.is_skiplist_by_name()
            && (member.len() > limits.element_bytes || view.len() > limits.entries)
        {
            self.set_large_by_name();
        }
        Ok(outcome)
    }

    /// Writes a score that is not there yet.
    fn put(
        &mut self,
        leaves: &mut Leaves,
        place: Option<Place>,
        score: u64,
        sought: &Sought<'_>,
        limits: &Limits,
    ) -> Result<(), StoreFull> {
        if let Form::Packed(blob) = &mut self.form {
            let view = View::new(blob);
            let reference = sought.inline.unwrap_or(LONG);
            if view.len_with(score, &reference) <= limits.blob_bytes.min(Limits::MOST_BLOB_BYTES) {
                return put_packed(blob, leaves, place, score, sought);
            }
            let large = Large::from_blob(leaves, blob)?;
            self.form = Form::Large(Box::new(large));
            leaves.reserve()?;
        }
        let Form::Large(large) = &mut self.form else {
            return Ok(());
        };
        match large.find(leaves, sought) {
            None => large.add(leaves, score, sought),
            Some(found) => large.change(leaves, found, score, sought),
        }
    }

    fn set_large_by_name(&mut self) {
        match &mut self.form {
            Form::Packed(blob) => set_flag(blob, leaf::LARGE_BY_NAME),
            Form::Large(large) => large.large_by_name = true,
        }
    }

    /// Removes a member; its score.
    pub fn remove(&mut self, leaves: &mut Leaves, member: &[u8]) -> Option<f64> {
        let sought = leaves.sought(member);
        let place = self.view().locate(leaves, &sought)?;
        let score = place.score();
        self.take_out(leaves, place);
        Some(score_of(score))
    }

    fn take_out(&mut self, leaves: &mut Leaves, place: Place) {
        match (&mut self.form, place) {
            (Form::Packed(blob), Place::Packed { nth, .. }) => {
                leaves.discard(View::new(blob).member(nth));
                leaf::remove(blob, nth);
            }
            (Form::Large(large), Place::Large(found)) => large.remove(leaves, found),
            _ => {}
        }
    }

    /// Removes up to `limit` members from a rank on, and shows each before: ZREMRANGEBY…, ZPOPMIN, and ZPOPMAX from the end. Says how many there were.
    pub fn remove_from(
        &mut self,
        leaves: &mut Leaves,
        rank: u64,
        limit: u64,
        mut show: impl FnMut(StringValue<'_>, f64),
    ) -> u64 {
        let mut removed = 0;
        while removed < limit {
            let place = match &self.form {
                Form::Packed(blob) if rank < count(blob) as u64 => Some(Place::Packed {
                    nth: index(rank),
                    score: View::new(blob).score(index(rank)),
                }),
                Form::Packed(_) => None,
                Form::Large(large) => large.at_rank(leaves, rank).map(Place::Large),
            };
            let Some(place) = place else {
                break;
            };
            self.view().walk(leaves, rank, 1, &mut show);
            self.take_out(leaves, place);
            removed += 1;
        }
        removed
    }

    /// Frees a bounded part; says whether there is more. Nothing else may be asked of it afterwards.
    pub fn free_some(&mut self, leaves: &mut Leaves) -> bool {
        match &mut self.form {
            Form::Packed(blob) => {
                Self::free_blob(blob, leaves);
                *blob = leaf::empty_blob();
                false
            }
            Form::Large(large) => large.free(leaves, FREED_AT_ONCE),
        }
    }

    /// Frees what a blob refers to that is about to be dropped.
    pub fn free_blob(blob: &[u8], leaves: &mut Leaves) {
        let view = View::new(blob);
        for (member, _) in view.members(0, view.count) {
            leaves.discard(member);
        }
    }
}

/// What a string that lies elsewhere is as long as.
const LONG: Encoded<'static> = Encoded::ANY_ELSEWHERE;

fn put_packed(
    blob: &mut Vec<u8>,
    leaves: &mut Leaves,
    place: Option<Place>,
    score: u64,
    sought: &Sought<'_>,
) -> Result<(), StoreFull> {
    let member = match place {
        Some(Place::Packed { nth, .. }) => {
            let old = View::new(blob).member(nth).elsewhere();
            leaf::remove(blob, nth);
            match (old, sought.inline) {
                (None, Some(inline)) => inline,
                (Some(place), _) => Encoded::elsewhere(place),
                (None, None) => return Err(StoreFull),
            }
        }
        _ => leaves.encode_sought(sought)?,
    };
    let view = View::new(blob);
    let (Ok(nth) | Err(nth)) = view.place(leaves, score, sought);
    leaf::insert(blob, nth, sought.fingerprint(), score, &member);
    Ok(())
}

/// What becomes of a member with the score `old` that is to have or gain `score`.
fn decide(old: Option<f64>, score: f64, rule: AddRule) -> Added {
    let Some(old) = old else {
        return match rule.existence {
            Existence::Old => Added::Refused,
            Existence::Any | Existence::New => Added::New(score),
        };
    };
    if rule.existence == Existence::New {
        return Added::Refused;
    }
    let score = if rule.increments { old + score } else { score };
    if score.is_nan() {
        return Added::NotANumber;
    }
    let is_refused = match rule.comparison {
        Comparison::Any => false,
        Comparison::Greater => score <= old,
        Comparison::Less => score >= old,
    };
    if is_refused {
        Added::Refused
    } else if ordered(score) == ordered(old) {
        Added::Same(score)
    } else {
        Added::Changed(score)
    }
}

/// Where a member was found; good until something changes.
#[derive(Clone, Copy, Debug)]
enum Place {
    Packed { nth: usize, score: u64 },
    Large(large::Found),
}

impl Place {
    fn score(&self) -> u64 {
        match self {
            Self::Packed { score, .. } => *score,
            Self::Large(found) => found.score(),
        }
    }
}

impl<'a> SortedSetRef<'a> {
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
    fn locate(self, leaves: &Leaves, sought: &Sought<'_>) -> Option<Place> {
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
        mut show: impl FnMut(StringValue<'a>, f64),
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
            FormRef::Large(large) => large.walk(leaves, from, limit, &mut show),
        }
    }

    /// The same from a rank on downwards.
    pub fn walk_back(
        self,
        leaves: &'a Leaves,
        from: u64,
        limit: u64,
        mut show: impl FnMut(StringValue<'a>, f64),
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
            FormRef::Large(large) => large.walk_back(leaves, from, limit, &mut show),
        }
    }

    /// ZSCAN's step: shows some members, says the next cursor, 0 at the end. A member that is there from the first call to the last is shown at least once, whatever its score does.
    pub fn scan(
        self,
        leaves: &Leaves,
        cursor: u32,
        mut show: impl FnMut(StringValue<'_>, f64),
    ) -> u32 {
        match self.form {
            FormRef::Packed(blob) => {
                let view = View::new(blob);
                for (member, score) in view.members(0, view.count) {
                    show(leaves.show(member), score_of(score));
                }
                0
            }
            FormRef::Large(large) => large.scan(leaves, cursor, &mut |member, score| {
                show(leaves.show(member), score_of(score));
            }),
        }
    }

    /// A member and its score, each member as likely.
    pub fn random(self, leaves: &'a Leaves, chance: &mut u64) -> Option<(StringValue<'a>, f64)> {
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

#[cfg(test)]
mod tests;
