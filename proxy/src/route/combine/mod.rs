//! Commands that make one set of those at several keys, over keys of several shards: what each shard is asked, and what is to be made of the answers.
//! Pure. Invariants: a shard is asked only for what its own keys come to; what a command says wrongly, a node says.
//!
//! A member is in the union, or the intersection, of all keys when it is in that of the shards' own; it is in the difference when it is in that of the first
//! key's shard and in none of the others' unions. Scores are added, or the least or greatest of them taken, here as there.

use std::ops::Range;

use shared::command::{self, Combination, CommandSpec, Merge, Operation, Telling};
use shared::resp::{Args, Protocol, ReplyWriter, Request, integer, is_word};
use shared::topology::ShardIndex;

use super::merge::{Aggregate, Making, Told};
use super::split::Split;
use crate::topology::Within;

/// Most arguments of such a command over several shards, and most bytes: they are hashed and copied in one go, in a fraction of a millisecond.
pub(crate) const MOST_ARGS: u32 = 8 * 1024;
/// See [`MOST_ARGS`].
pub(crate) const MOST_BYTES: u32 = 1024 * 1024;

/// A command in parts.
#[derive(Debug)]
pub(crate) struct Combined {
    combination: Combination,
    spec: &'static CommandSpec,
    keys: Range<usize>,
    told: Told,
}

/// Where the keys stand; `None` when their number is not true.
pub(crate) fn keys(spec: &CommandSpec, args: Args<'_>) -> Option<Range<usize>> {
    let mut keys: Option<Range<usize>> = None;
    spec.for_each_key(args, |at| {
        keys.get_or_insert(at..at).end = at + 1;
    });
    keys
}

/// The shard that owns all of these keys.
pub(crate) fn one_owner(
    args: Args<'_>,
    mut keys: Range<usize>,
    snapshot: Within<'_>,
) -> Option<ShardIndex> {
    if snapshot.is_one_shard() {
        return Some(super::any_shard());
    }
    let owner = |at| snapshot.owner(snapshot.slot_of(args.at(at)));
    let first = owner(keys.start);
    keys.all(|at| owner(at) == first).then_some(first)
}

/// Whether the request is more than is cut in parts in one go.
pub(crate) fn is_too_long(request: &Request) -> bool {
    request.arg_count > MOST_ARGS || request.end - request.start > MOST_BYTES
}

impl Combined {
    /// What is asked and told by a command with these keys; `None` when something in it is wrong.
    pub(crate) fn of(
        spec: &'static CommandSpec,
        args: Args<'_>,
        keys: Range<usize>,
    ) -> Option<Self> {
        let Merge::OneSet(combination) = spec.merge else {
            return None;
        };
        let mut aggregate = Aggregate::Sum;
        let mut with_scores = false;
        let mut limit = Some(0);
        let options = spec.for_each_option(args, &keys, |word, values| match word {
            "AGGREGATE" => aggregate = aggregate_of(args.at(values.start)),
            "WITHSCORES" => with_scores = true,
            "LIMIT" => limit = limit.and(limit_of(args.at(values.start))),
            _ => {}
        });
        options.ok()?;
        let told = match combination.telling {
            Telling::Members => Told::Members,
            Telling::Scores => Told::Scores {
                aggregate,
                with_scores,
            },
            Telling::Count => Told::Count { limit: limit? },
        };
        Some(Self {
            combination,
            spec,
            keys,
            told,
        })
    }

    /// What is to be made of the answers.
    pub(crate) fn making(&self) -> Making {
        Making {
            operation: self.combination.operation,
            told: self.told,
        }
    }

    /// The row of what a part asks, by its place: that of the first key's shard is the first.
    pub(crate) fn asks(&self, part: u16) -> &'static CommandSpec {
        let Combination { first, others, .. } = self.combination;
        command::spec(if part == 0 { first } else { others })
    }

    /// Appends the sub-command for `shard`, which answers this part.
    pub(crate) fn encode(
        &self,
        args: Args<'_>,
        split: &Split,
        (part, shard): (u16, ShardIndex),
        out: &mut Vec<u8>,
    ) {
        let (asks, keys) = (self.asks(part), split.keys_of(shard));
        let number = keys.clone().count().to_string();
        let mut words = vec![asks.name.as_bytes()];
        if asks.is_counted() {
            words.push(number.as_bytes());
        }
        words.extend(keys.clone().map(|at| args.at(at)));
        let has_scores = part == 0 || self.combination.operation != Operation::Difference;
        if has_scores && matches!(self.told, Told::Scores { .. }) {
            let options = self.spec.for_each_option(args, &self.keys, |word, values| {
                // Scores are always asked for; who weighs keys weighs each.
                if word == "WITHSCORES" {
                    return;
                }
                words.push(word.as_bytes());
                if word == "WEIGHTS" {
                    let weight = |key| args.at(values.start + key - self.keys.start);
                    words.extend(keys.clone().map(weight));
                } else {
                    words.extend(values.map(|at| args.at(at)));
                }
            });
            debug_assert!(options.is_ok(), "it was read before");
            words.push(b"WITHSCORES");
        }
        let mut request = ReplyWriter::new(out, Protocol::Resp2);
        request.array(words.len());
        words.iter().for_each(|word| request.bulk(word));
    }
}

fn aggregate_of(word: &[u8]) -> Aggregate {
    [("MIN", Aggregate::Least), ("MAX", Aggregate::Greatest)]
        .into_iter()
        .find(|(name, _)| is_word(word, name))
        .map_or(Aggregate::Sum, |(_, aggregate)| aggregate)
}

/// How far is counted; 0: to the end.
fn limit_of(argument: &[u8]) -> Option<u64> {
    u64::try_from(integer(argument).ok()?).ok()
}

#[cfg(test)]
mod tests;
