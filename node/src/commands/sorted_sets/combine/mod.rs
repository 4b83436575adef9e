//! Commands that make one sorted set of many: ZUNION, ZINTER, ZDIFF, their STORE forms, ZINTERCARD.
//! Pure.

mod sources;

use super::{MembersReply, Telling};
use crate::commands::arguments::{at_least, integer, is_word, reply_count_64};
use crate::commands::double::double;
use crate::commands::{Action, Call};
use crate::store::{MemberList, SortedSetEdit, StringRef};
use shared::resp::{Args, ErrorReply};
use sources::{Source, compare_text, sources};
use std::ops::Range;

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

/// Members with their scores.
type Members<'a> = Vec<(StringRef<'a>, f64)>;

#[derive(Debug)]
struct Request {
    /// Which arguments are the sources' keys.
    keys: Range<usize>,
    /// One per key, or none: all are 1.
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
    /// How far is counted; 0: to the end.
    limit: u64,
}

/// ZUNION numkeys key … [WEIGHTS weight …] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]
pub(super) fn zunion(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    tell(call, Operation::Union)
}

/// ZINTER numkeys key … [WEIGHTS weight …] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]
pub(super) fn zinter(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    tell(call, Operation::Intersection)
}

/// ZDIFF numkeys key … [WITHSCORES]
pub(super) fn zdiff(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    tell(call, Operation::Difference)
}

/// ZUNIONSTORE destination numkeys key … [WEIGHTS weight …] [AGGREGATE SUM | MIN | MAX]
pub(super) fn zunionstore(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    store(call, Operation::Union)
}

/// ZINTERSTORE destination numkeys key … [WEIGHTS weight …] [AGGREGATE SUM | MIN | MAX]
pub(super) fn zinterstore(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    store(call, Operation::Intersection)
}

/// ZDIFFSTORE destination numkeys key …
pub(super) fn zdiffstore(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    store(call, Operation::Difference)
}

/// ZINTERCARD numkeys key … [LIMIT limit]
pub(super) fn zintercard(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let keys = keys(call, 1)?;
    sources::check(call, &keys)?;
    let request = Request::parse(call.args, keys, Operation::Intersection, Purpose::Count)?;
    let limit = match request.limit {
        0 => u64::MAX,
        limit => limit,
    };
    let mut sources = sources(
        call.store,
        call.session.db,
        request.weighted_keys(call.args),
    );
    sources.sort_by_key(Source::len);
    let mut count = 0;
    intersect(&sources, request.aggregate, |_, _| {
        count += 1;
        count < limit
    });
    reply_count_64(&mut call.reply, count);
    Ok(Action::Continue)
}

fn tell(call: &mut Call<'_>, operation: Operation) -> Result<Action, ErrorReply> {
    let keys = keys(call, 1)?;
    sources::check(call, &keys)?;
    let request = Request::parse(call.args, keys, operation, Purpose::Tell)?;
    let most = call.node.settings.hot.output_limit.most_bytes();
    let sources = sources(
        call.store,
        call.session.db,
        request.weighted_keys(call.args),
    );
    let members = combine(sources, operation, request.aggregate);
    let telling = Telling::of(request.with_scores);
    let count = members.len() as u64;
    let mut reply = MembersReply::begin(&mut call.reply, most, telling, count);
    for (member, score) in members {
        reply.member(member, score);
    }
    reply.reply.finish()?;
    Ok(Action::Continue)
}

fn store(call: &mut Call<'_>, operation: Operation) -> Result<Action, ErrorReply> {
    let keys = keys(call, 2)?;
    sources::check(call, &keys)?;
    let request = Request::parse(call.args, keys, operation, Purpose::Store)?;
    let mut list = MemberList::default();
    let sources = sources(
        call.store,
        call.session.db,
        request.weighted_keys(call.args),
    );
    for (member, score) in combine(sources, operation, request.aggregate) {
        list.push(member, score);
    }
    let (db, destination) = (call.db(), call.key(1));
    let limits = call.node.settings.hot.small.sorted_set;
    let stored = SortedSetEdit::put(call.store.slot(db, destination), &list, limits)?;
    reply_count_64(&mut call.reply, stored);
    Ok(Action::Continue)
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
        keys: Range<usize>,
        operation: Operation,
        purpose: Purpose,
    ) -> Result<Self, ErrorReply> {
        let number = keys.len();
        let mut index = keys.end;
        let mut request = Self {
            keys,
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

    /// The sources' keys, each with its weight.
    fn weighted_keys<'a>(&self, args: Args<'a>) -> impl Iterator<Item = (&'a [u8], f64)> {
        let weights = self.weights.iter().copied().chain(std::iter::repeat(1.0));
        self.keys
            .clone()
            .map(move |index| args.at(index))
            .zip(weights)
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

/// The members of the result, in a sorted set's order.
fn combine(
    mut sources: Vec<Source<'_>>,
    operation: Operation,
    aggregate: Aggregate,
) -> Members<'_> {
    let mut members = Vec::new();
    match operation {
        Operation::Union => {
            // As Redis: the order in which scores are added shows in their last digits.
            sources.sort_by_key(Source::len);
            members = unite(&sources, aggregate);
        }
        Operation::Intersection => {
            sources.sort_by_key(Source::len);
            intersect(&sources, aggregate, |member, score| {
                members.push((member, score));
                true
            });
        }
        Operation::Difference => {
            if let Some((first, others)) = sources.split_first() {
                first.walk(|member, score| {
                    if !others.iter().any(|other| other.score(member).is_some()) {
                        members.push((member, score));
                    }
                    true
                });
            }
        }
    }
    members.sort_unstable_by(|(one, score), (other, other_score)| {
        // Both zeros are equal.
        let by_score = (score + 0.0).total_cmp(&(other_score + 0.0));
        by_score.then_with(|| compare_text(*one, *other))
    });
    members
}

fn unite<'a>(sources: &[Source<'a>], aggregate: Aggregate) -> Members<'a> {
    let mut all = Vec::new();
    for source in sources {
        source.walk(|member, score| {
            all.push((member, number_or_zero(score * source.weight)));
            true
        });
    }
    // Stable: equal members stay in the order of their sources.
    all.sort_by(|(one, _), (other, _)| compare_text(*one, *other));
    all.dedup_by(|(member, score), (kept, sum)| {
        let is_same = compare_text(*member, *kept).is_eq();
        if is_same {
            *sum = aggregate.apply(*sum, *score);
        }
        is_same
    });
    all
}

/// Shows the members that all sources have until `show` has enough. The smallest source is the first.
fn intersect<'a>(
    sources: &[Source<'a>],
    aggregate: Aggregate,
    mut show: impl FnMut(StringRef<'a>, f64) -> bool,
) {
    let Some((first, others)) = sources.split_first() else {
        return;
    };
    first.walk(|member, score| {
        let mut sum = number_or_zero(score * first.weight);
        for other in others {
            let Some(score) = other.score(member) else {
                return true;
            };
            sum = aggregate.apply(sum, score * other.weight);
        }
        show(member, sum)
    });
}
