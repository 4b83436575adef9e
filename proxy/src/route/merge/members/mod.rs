//! The members of several shards' sets → one set: united, intersected, subtracted.
//! Pure. Bound: [`MOST_MEMBERS`] of all shards, because they are put together in one go.
//!
//! Sums: shards add the scores of their own keys before these are added here, the smallest part first, as Redis adds those of the smallest key first. Where
//! additions are not exact, the last digits tell the order.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use shared::command::Operation;
use shared::resp::{ErrorReply, Protocol};

use super::{Pieces, not_understood};
use crate::route::reply::{self, Elements};

/// Most members that the parts may have together: so many take about a millisecond.
pub(crate) const MOST_MEMBERS: usize = 10_000;

/// What is made of the parts of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Making {
    /// How members are combined.
    pub(crate) operation: Operation,
    /// How the result is told.
    pub(crate) told: Told,
}

/// How a result is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// As a set.
    Members,
    /// In the order of scores.
    Scores {
        /// How scores of one member become one.
        aggregate: Aggregate,
        /// Each member with its score.
        with_scores: bool,
    },
    /// As a number.
    Count {
        /// How far is counted; 0: to the end.
        limit: u64,
    },
}

/// What becomes of the scores of a member that is in many sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aggregate {
    /// Their sum.
    Sum,
    /// The least.
    Least,
    /// The greatest.
    Greatest,
}

/// A member as it lies in a part.
#[derive(Clone, Copy, Debug)]
struct Member<'a> {
    /// Which part.
    part: usize,
    /// The element; equal members have equal ones.
    element: &'a [u8],
    /// 0 where scores are not looked at.
    score: f64,
    /// The score's element, as long as the score is what it says.
    score_element: &'a [u8],
}

/// Appends what is made of the replies.
pub(super) fn make(making: Making, replies: &[&Bytes], out: &mut Pieces) -> Result<(), ErrorReply> {
    let Making { operation, told } = making;
    let parts = members(making, replies)?;
    let aggregate = match told {
        Told::Scores { aggregate, .. } => aggregate,
        Told::Members | Told::Count { .. } => Aggregate::Sum,
    };
    let mut made = match operation {
        Operation::Union => unite(parts, aggregate),
        Operation::Intersection => intersect(parts, aggregate),
        Operation::Difference => subtract(parts),
    };
    match told {
        Told::Count { limit } => {
            let count = i64::try_from(made.len()).unwrap_or(i64::MAX);
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let limit = if limit == 0 { i64::MAX } else { limit };
            out.writer().integer(count.min(limit));
        }
        Told::Members => {
            out.writer().set(made.len());
            for member in made {
                out.share(replies[member.part], member.element);
            }
        }
        Told::Scores { with_scores, .. } => {
            sort(&mut made);
            tell(&made, with_scores, replies, out);
        }
    }
    Ok(())
}

/// The members of each part.
fn members<'a>(making: Making, replies: &[&'a Bytes]) -> Result<Vec<Vec<Member<'a>>>, ErrorReply> {
    let is_scored = matches!(making.told, Told::Scores { .. });
    let mut parts = Vec::with_capacity(replies.len());
    let mut left = MOST_MEMBERS;
    for (part, reply) in replies.iter().enumerate() {
        let elements = Elements::of(reply).ok_or_else(not_understood)?;
        let has_scores = is_scored && (part == 0 || making.operation != Operation::Difference);
        // Pairs are elements where the protocol has them.
        let is_flat = has_scores && !matches!(elements.as_bytes(), [b'*', ..]);
        let count = elements.len() / (1 + usize::from(is_flat));
        left = left
            .checked_sub(count)
            .ok_or(ErrorReply::TooManyMembers { most: MOST_MEMBERS })?;
        let members = read(part, elements, count, has_scores);
        parts.push(members.ok_or_else(not_understood)?);
    }
    Ok(parts)
}

fn read<'a>(
    part: usize,
    mut elements: Elements<'a>,
    count: usize,
    has_scores: bool,
) -> Option<Vec<Member<'a>>> {
    let mut members = Vec::with_capacity(count);
    while let Some(element) = elements.next() {
        let (element, score_element) = match element {
            [b'*', ..] => {
                let mut pair = Elements::of(element)?;
                (pair.next()?, pair.next()?)
            }
            _ if has_scores => (element, elements.next()?),
            _ => (element, &b""[..]),
        };
        let score = if has_scores {
            reply::double(score_element)?
        } else {
            0.0
        };
        members.push(Member {
            part,
            element,
            score,
            score_element,
        });
    }
    Some(members)
}

fn unite(mut parts: Vec<Vec<Member<'_>>>, aggregate: Aggregate) -> Vec<Member<'_>> {
    parts.sort_by_key(Vec::len);
    let members = parts.iter().map(Vec::len).sum();
    let mut made: Vec<Member<'_>> = Vec::with_capacity(members);
    let mut places: HashMap<&[u8], usize> = HashMap::with_capacity(members);
    for member in parts.into_iter().flatten() {
        match places.entry(member.element) {
            Entry::Occupied(place) => made[*place.get()].take(&member, aggregate),
            Entry::Vacant(place) => {
                place.insert(made.len());
                made.push(member);
            }
        }
    }
    made
}

fn intersect(mut parts: Vec<Vec<Member<'_>>>, aggregate: Aggregate) -> Vec<Member<'_>> {
    parts.sort_by_key(Vec::len);
    let mut parts = parts.into_iter();
    let mut made = parts.next().unwrap_or_default();
    for part in parts {
        let others: HashMap<&[u8], Member<'_>> = part
            .into_iter()
            .map(|member| (member.element, member))
            .collect();
        made.retain_mut(|member| match others.get(member.element) {
            Some(other) => {
                member.take(other, aggregate);
                true
            }
            None => false,
        });
    }
    made
}

fn subtract(parts: Vec<Vec<Member<'_>>>) -> Vec<Member<'_>> {
    let mut parts = parts.into_iter();
    let mut made = parts.next().unwrap_or_default();
    let others: HashSet<&[u8]> = parts.flatten().map(|member| member.element).collect();
    made.retain(|member| !others.contains(member.element));
    made
}

impl<'a> Member<'a> {
    /// The same member is in another part, too. Infinities that cancel each other out are 0.
    fn take(&mut self, other: &Member<'a>, aggregate: Aggregate) {
        let is_other = match aggregate {
            Aggregate::Sum => {
                let sum = self.score + other.score;
                self.score = if sum.is_nan() { 0.0 } else { sum };
                self.score_element = b"";
                return;
            }
            Aggregate::Least => other.score < self.score,
            Aggregate::Greatest => other.score > self.score,
        };
        if is_other {
            self.score = other.score;
            self.score_element = other.score_element;
        }
    }

    fn text(&self) -> &'a [u8] {
        reply::bulk(self.element).unwrap_or_default()
    }
}

/// By score, and by text among equal ones.
fn sort(made: &mut [Member<'_>]) {
    made.sort_unstable_by(|one, other| {
        // Both zeros are equal.
        let by_score = (one.score + 0.0).total_cmp(&(other.score + 0.0));
        by_score.then_with(|| one.text().cmp(other.text()))
    });
}

fn tell(made: &[Member<'_>], with_scores: bool, replies: &[&Bytes], out: &mut Pieces) {
    let has_pairs = with_scores && out.writer().protocol() == Protocol::Resp3;
    let is_flat = with_scores && !has_pairs;
    out.writer().array(made.len() * (1 + usize::from(is_flat)));
    for member in made {
        if has_pairs {
            out.writer().array(2);
        }
        out.share(replies[member.part], member.element);
        match member.score_element {
            _ if !with_scores => {}
            b"" => out.writer().double(member.score),
            element => out.writer().raw(element),
        }
    }
}

#[cfg(test)]
mod tests;
