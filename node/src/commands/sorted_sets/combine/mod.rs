//! Commands that make one sorted set of many: ZUNION, ZINTER, ZDIFF, their STORE forms, ZINTERCARD.
//! Pure.

mod sources;
mod work;

use crate::commands::arguments::{at_least, integer, is_word};
use crate::commands::double::double;
use crate::commands::piecewise::carry_out;
use crate::commands::{Action, Call};
use shared::resp::{Args, ErrorReply};
use std::ops::Range;
use work::Combining;

/// What is made of the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// What becomes of the scores of a member that is in many sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Least,
    Greatest,
}

/// Which options a command takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// The members are told.
    Tell,
    /// They become a key's value.
    Store,
    /// They are only counted.
    Count,
}

#[derive(Debug)]
struct Request {
    /// One per key, or none: all are 1.
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
    /// How far is counted; 0: to the end.
    limit: u64,
}

/// ZUNION numkeys key … [WEIGHTS weight …] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]
pub(super) fn zunion(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    combine(call, Operation::Union, Purpose::Tell)
}

/// ZINTER numkeys key … [WEIGHTS weight …] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]
pub(super) fn zinter(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    combine(call, Operation::Intersection, Purpose::Tell)
}

/// ZDIFF numkeys key … [WITHSCORES]
pub(super) fn zdiff(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    combine(call, Operation::Difference, Purpose::Tell)
}

/// ZUNIONSTORE destination numkeys key … [WEIGHTS weight …] [AGGREGATE SUM | MIN | MAX]
pub(super) fn zunionstore(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    combine(call, Operation::Union, Purpose::Store)
}

/// ZINTERSTORE destination numkeys key … [WEIGHTS weight …] [AGGREGATE SUM | MIN | MAX]
pub(super) fn zinterstore(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    combine(call, Operation::Intersection, Purpose::Store)
}

/// ZDIFFSTORE destination numkeys key …
pub(super) fn zdiffstore(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    combine(call, Operation::Difference, Purpose::Store)
}

/// ZINTERCARD numkeys key … [LIMIT limit]
pub(super) fn zintercard(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    combine(call, Operation::Intersection, Purpose::Count)
}

fn combine(
    call: &mut Call<'_>,
    operation: Operation,
    purpose: Purpose,
) -> Result<Action, ErrorReply> {
    let number_at = if purpose == Purpose::Store { 2 } else { 1 };
    let keys = keys(call, number_at)?;
    let mut work = Combining::new(keys, operation, purpose);
    let is_long = call.is_piecewise || work.has_many_keys() || {
        work.look_at_all(call)?;
        work.is_long()
    };
    carry_out(call, work, is_long)
}

/// The arguments that are keys, whose number stands before them.
fn keys(call: &Call<'_>, number_at: usize) -> Result<Range<usize>, ErrorReply> {
    let number = integer(call.args.at(number_at))?;
    let number = usize::try_from(number).unwrap_or(0);
    if number == 0 {
        return Err(ErrorReply::NoInputKeys(call.spec.name));
    }
    let first = number_at + 1;
    if number > call.args.len() - first {
        return Err(ErrorReply::Syntax);
    }
    Ok(first..first + number)
}

impl Request {
    fn parse(
        args: Args<'_>,
        keys: &Range<usize>,
        operation: Operation,
        purpose: Purpose,
    ) -> Result<Self, ErrorReply> {
        let number = keys.len();
        let mut index = keys.end;
        let mut request = Self {
            weights: Vec::new(),
            aggregate: Aggregate::Sum,
            with_scores: false,
            limit: 0,
        };
        let is_weighted = operation != Operation::Difference && purpose != Purpose::Count;
        while index < args.len() {
            let (word, behind) = (args.at(index), args.len() - index - 1);
            index += 1;
            if is_weighted && behind >= number && is_word(word, "WEIGHTS") {
                let weights = args.iter_from(index).take(number);
                let weights = weights.map(|text| double(text).ok_or(ErrorReply::WeightNotFloat));
                request.weights = weights.collect::<Result<_, _>>()?;
                index += number;
            } else if is_weighted && behind >= 1 && is_word(word, "AGGREGATE") {
                request.aggregate = Aggregate::of(args.at(index))?;
                index += 1;
            } else if purpose == Purpose::Tell && is_word(word, "WITHSCORES") {
                request.with_scores = true;
            } else if purpose == Purpose::Count && behind >= 1 && is_word(word, "LIMIT") {
                request.limit = at_least(0, args.at(index), ErrorReply::LimitNegative)?;
                index += 1;
            } else {
                return Err(ErrorReply::Syntax);
            }
        }
        Ok(request)
    }
}

impl Aggregate {
    fn of(word: &[u8]) -> Result<Self, ErrorReply> {
        [
            ("SUM", Self::Sum),
            ("MIN", Self::Least),
            ("MAX", Self::Greatest),
        ]
        .into_iter()
        .find(|(name, _)| is_word(word, name))
        .map(|(_, aggregate)| aggregate)
        .ok_or(ErrorReply::Syntax)
    }

    /// One score of two. Infinities that cancel each other out are 0.
    fn apply(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Sum => number_or_zero(one + other),
            Self::Least if other < one => other,
            Self::Greatest if other > one => other,
            Self::Least | Self::Greatest => one,
        }
    }
}

/// 0 for what is no number: an infinite score with the weight 0.
fn number_or_zero(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}
