//! [`SortedSet`]: members by score, and by text where scores are equal.
//! Pure.

mod edit;
mod face;
mod keep;
mod large;
mod leaf;
mod maker;
mod rule;
mod scored;
mod view;
mod walk;

pub use edit::{SortedSetEdit, Tally};
pub use face::{ScoreEnd, SortedSetRef};
pub use maker::SortedSetMaker;
pub use rule::{AddRule, Added, Comparison, Existence};
pub use scored::{ScoredPlace, ScoredRef};
pub use view::{Bound, SortedSetView};
pub use walk::MemberScan;

use super::block::{count, index, set_flag};
use super::codes::Encoded;
use super::frame::{ordered, score_of};
use super::leaves::{Leaves, Sought};
use super::limits::{FREED_AT_ONCE, Limits};
use crate::store::{StoreFull, StringRef};
use large::Large;
use leaf::View;
use rule::decide;
use view::{FormRef, Place};

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

impl Default for SortedSet {
    fn default() -> Self {
        Self {
            form: Form::Packed(leaf::empty_blob()),
        }
    }
}

impl SortedSet {
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
    pub fn view(&self) -> SortedSetView<'_> {
        SortedSetView {
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
            let place = large.find(leaves, sought).map(Place::Large);
            self.form = Form::Large(Box::new(large));
            leaves.reserve()?;
            return self.put_large(leaves, place, score, sought);
        }
        self.put_large(leaves, place, score, sought)
    }

    fn put_large(
        &mut self,
        leaves: &mut Leaves,
        place: Option<Place>,
        score: u64,
        sought: &Sought<'_>,
    ) -> Result<(), StoreFull> {
        match (&mut self.form, place) {
            (Form::Large(large), None) => large.add(leaves, score, sought),
            (Form::Large(large), Some(Place::Large(found))) => {
                large.change(leaves, found, score, sought)
            }
            _ => Ok(()),
        }
    }

    /// Bytes that its blob has room for.
    pub(in crate::store::value) fn blob_room(&self) -> u64 {
        match &self.form {
            Form::Packed(blob) => blob.capacity() as u64,
            Form::Large(_) => 0,
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
        mut show: impl FnMut(StringRef<'_>, f64),
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

#[cfg(test)]
mod tests;
