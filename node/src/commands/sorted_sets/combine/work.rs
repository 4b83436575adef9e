//! [`Combining`]: sorted sets under way to one, at once or, when they are long, a part at a time with other clients' commands between.
//! Pure. Bound: members that may be in the result are copied; of a union, whose sources may have the same ones very often, no more than twice as many as are in it, or [`LEAST_JOINED`]. Invariant: the sources are those of one moment: should one go meanwhile (nobody else may change
//! them), the work begins anew.

use super::sources::{Gone, Source};
use super::{Aggregate, Operation, Purpose, Request, number_or_zero};
use crate::commands::arguments::reply_count_64;
use crate::commands::merge_sort::MergeSort;
use crate::commands::piecewise::{PIECE_ELEMENTS, Piecewise, Progress};
use crate::commands::sorted_sets::{MembersReply, Telling};
use crate::commands::{Call, FIRST_KEY};
use crate::store::{ScoredPlace, ScoredRef, SortedSetMaker, StringRef, Texts};
use shared::resp::ErrorReply;
use std::ops::Range;

/// With more members that are looked at or looked up, others have their turns in between: so many take half a millisecond.
const UNDIVIDED_MEMBERS: u64 = 512;
/// The same of keys.
const UNDIVIDED_KEYS: usize = 1_024;

/// With so many members of a union, or twice as many as were left the last time, equal ones are joined before more are read.
const LEAST_JOINED: usize = 64 * 1024;

/// A command under way.
#[derive(Debug)]
pub(super) struct Combining {
    operation: Operation,
    purpose: Purpose,
    /// Which arguments are the sources' keys.
    keys: Range<usize>,
    /// The sources that were looked at.
    sources: Vec<Source>,
    request: Option<Request>,
    /// Members that were read, each with its weighted score.
    texts: Texts,
    scores: Vec<f64>,
    /// Which of them are in the result.
    result: Vec<u32>,
    /// With how many equal ones are joined before more are read, and where reading goes on then.
    joins_at: usize,
    reads_on: Option<(usize, Option<ScoredPlace>)>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The sources are looked at; how many members there are is known then.
    Looking,
    /// Members of this source are read from a place on.
    Reading(usize, Option<ScoredPlace>),
    /// Equal members are brought together.
    Grouping(MergeSort),
    /// Of equal members one is made; so many are done.
    Joining(MergeSort, usize),
    /// Those that are left take the place of all, and reading goes on.
    Keeping(Texts, Vec<f64>),
    /// The result is put in order.
    Sorting(MergeSort),
    /// It is told; so many members are.
    Telling(MergeSort, usize),
    /// It is stored; so many members are.
    Storing(MergeSort, usize, Option<SortedSetMaker>),
}

impl Combining {
    /// One of which nothing is done.
    pub(super) fn new(keys: Range<usize>, operation: Operation, purpose: Purpose) -> Self {
        Self {
            operation,
            purpose,
            sources: Vec::with_capacity(keys.len()),
            keys,
            request: None,
            texts: Texts::default(),
            scores: Vec::new(),
            result: Vec::new(),
            joins_at: LEAST_JOINED,
            reads_on: None,
            stage: Stage::Looking,
        }
    }

    /// Whether it takes long to look at the sources.
    pub(super) fn has_many_keys(&self) -> bool {
        self.keys.len() > UNDIVIDED_KEYS
    }

    /// Looks at all sources, and reads what else is asked for.
    pub(super) fn look_at_all(&mut self, call: &mut Call<'_>) -> Result<(), ErrorReply> {
        while matches!(self.stage, Stage::Looking) {
            self.look_on(call)?;
        }
        Ok(())
    }

    /// Whether so many members are to be looked at.
    pub(super) fn is_long(&self) -> bool {
        let looked_at = match self.operation {
            Operation::Union => self.sources.iter().map(|source| source.len).sum(),
            Operation::Intersection | Operation::Difference => {
                let walked = self.sources.first().map_or(0, |source| source.len);
                walked.saturating_mul(self.sources.len() as u64)
            }
        };
        looked_at > UNDIVIDED_MEMBERS
    }

    fn aggregate(&self) -> Aggregate {
        let request = self.request.as_ref();
        request.map_or(Aggregate::Sum, |request| request.aggregate)
    }

    /// Looks at some sources; behind the last one, as Redis, at the options.
    fn look_on(&mut self, call: &mut Call<'_>) -> Result<(), ErrorReply> {
        let first = self.keys.start + self.sources.len();
        for at in first..self.keys.end.min(first + PIECE_ELEMENTS) {
            self.sources.push(Source::of(call, at)?);
        }
        if self.sources.len() < self.keys.len() {
            return Ok(());
        }
        let request = Request::parse(call.args, &self.keys, self.operation, self.purpose)?;
        for (source, weight) in self.sources.iter_mut().zip(&request.weights) {
            source.weight = *weight;
        }
        if self.operation != Operation::Difference {
            // As Redis: the order in which scores are added shows in their last digits.
            self.sources.sort_by_key(|source| source.len);
        }
        self.request = Some(request);
        self.stage = Stage::Reading(0, Some(ScoredPlace::default()));
        Ok(())
    }

    /// Members of one source that are read in one step: fewer where each is looked up in many others.
    fn read_at_once(&self) -> usize {
        match self.operation {
            Operation::Union => PIECE_ELEMENTS,
            _ => (PIECE_ELEMENTS / self.sources.len().max(1)).max(1),
        }
    }

    /// Reads some members. Gives what comes next, if all have been read.
    fn read_on(&mut self, call: &Call<'_>) -> Result<(), Gone> {
        let Stage::Reading(nth, place) = self.stage else {
            return Ok(());
        };
        let source = self.sources[nth];
        let (Some(members), Some(place)) = (source.members(call)?, place) else {
            self.read_next_source(nth);
            return Ok(());
        };
        let others = match self.operation {
            Operation::Union => &[][..],
            _ => &self.sources[1..],
        };
        let looked_up = others.iter().map(|other| Ok((other, other.members(call)?)));
        let looked_up = looked_up.collect::<Result<Vec<_>, Gone>>()?;
        let (operation, aggregate, limit) = (self.operation, self.aggregate(), self.limit());
        let (counts_only, at_once) = (self.purpose == Purpose::Count, self.read_at_once());
        let (texts, scores) = (&mut self.texts, &mut self.scores);
        let next = members.walk(place, at_once, |member, score| {
            let score = match operation {
                Operation::Union => Some(number_or_zero(score * source.weight)),
                Operation::Intersection => {
                    let score = number_or_zero(score * source.weight);
                    in_all(&looked_up, member, score, aggregate)
                }
                Operation::Difference => in_none(&looked_up, member).then_some(score),
            };
            if let Some(score) = score.filter(|_| (scores.len() as u64) < limit) {
                scores.push(score);
                if !counts_only {
                    texts.push(member);
                }
            }
        });
        self.stage = Stage::Reading(nth, next);
        if next.is_none() || self.scores.len() as u64 == limit {
            self.read_next_source(nth);
        }
        if let Stage::Reading(nth, place) = self.stage
            && operation == Operation::Union
            && self.scores.len() >= self.joins_at
        {
            self.reads_on = Some((nth, place));
            self.stage = Stage::Grouping(MergeSort::new(self.scores.len()));
        }
        Ok(())
    }

    /// How many members are enough.
    fn limit(&self) -> u64 {
        match self.request.as_ref().map_or(0, |request| request.limit) {
            0 => u64::MAX,
            limit => limit,
        }
    }

    fn read_next_source(&mut self, nth: usize) {
        let is_last = self.operation != Operation::Union || nth + 1 == self.sources.len();
        if !is_last {
            self.stage = Stage::Reading(nth + 1, Some(ScoredPlace::default()));
        } else if self.operation == Operation::Union {
            self.stage = Stage::Grouping(MergeSort::new(self.scores.len()));
        } else {
            let all = u32::try_from(self.scores.len()).unwrap_or(u32::MAX);
            self.result = (0..all).collect();
            self.stage = Stage::Sorting(MergeSort::new(self.result.len()));
        }
    }

    /// Makes one of some equal members.
    fn join_on(&mut self) {
        let aggregate = self.aggregate();
        let Stage::Joining(sort, joined) = &mut self.stage else {
            return;
        };
        let end = self.scores.len().min(*joined + PIECE_ELEMENTS);
        for nth in *joined..end {
            let Some(place) = sort.at(nth) else { break };
            let before = self.result.last().map(|kept| *kept as usize);
            match before.filter(|kept| self.texts.get(*kept) == self.texts.get(place)) {
                // Equal members stay in the order of their sources.
                Some(kept) => {
                    self.scores[kept] = aggregate.apply(self.scores[kept], self.scores[place]);
                }
                None => self.result.push(u32::try_from(place).unwrap_or(u32::MAX)),
            }
        }
        *joined = end;
        if end == self.scores.len() {
            self.stage = match self.reads_on {
                Some(_) => Stage::Keeping(Texts::default(), Vec::new()),
                None => Stage::Sorting(MergeSort::new(self.result.len())),
            };
        }
    }

    /// Keeps some of those that are left; reads on when all are.
    fn keep_on(&mut self) {
        let Stage::Keeping(texts, scores) = &mut self.stage else {
            return;
        };
        let end = self.result.len().min(scores.len() + PIECE_ELEMENTS);
        for place in &self.result[scores.len()..end] {
            texts.push(StringRef::Bytes(self.texts.get(*place as usize)));
            scores.push(self.scores[*place as usize]);
        }
        if end < self.result.len() {
            return;
        }
        (self.texts, self.scores) = (std::mem::take(texts), std::mem::take(scores));
        self.result.clear();
        self.joins_at = LEAST_JOINED.max(2 * self.scores.len());
        if let Some((nth, place)) = self.reads_on.take() {
            self.stage = Stage::Reading(nth, place);
        }
    }

    /// Puts some members of the result in a sorted set's order; what is next when all are.
    fn sort_on(&mut self, call: &mut Call<'_>) {
        let Stage::Sorting(sort) = &mut self.stage else {
            return;
        };
        let (texts, scores, result) = (&self.texts, &self.scores, &self.result);
        let is_sorted = sort.go_on(|one, other| {
            let (one, other) = (result[one] as usize, result[other] as usize);
            // Both zeros are equal.
            let by_score = (scores[one] + 0.0).total_cmp(&(scores[other] + 0.0));
            by_score.then_with(|| texts.get(one).cmp(texts.get(other)))
        });
        if !is_sorted {
            return;
        }
        let sorted = std::mem::replace(sort, MergeSort::new(0));
        self.stage = if self.purpose == Purpose::Store {
            let limits = call.node.settings.hot.small.sorted_set;
            let maker = SortedSetMaker::new(call.db(), call.args.at(FIRST_KEY), limits);
            Stage::Storing(sorted, 0, Some(maker))
        } else {
            let (most, count) = (most_bytes(call), self.result.len() as u64);
            MembersReply::begin(&mut call.reply, most, self.telling(), count);
            Stage::Telling(sorted, 0)
        };
    }

    fn telling(&self) -> Telling {
        let request = self.request.as_ref();
        Telling::of(request.is_some_and(|request| request.with_scores))
    }

    /// Tells some members.
    fn tell_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (most, telling) = (most_bytes(call), self.telling());
        let Stage::Telling(sort, told) = &mut self.stage else {
            return Ok(Progress::Over);
        };
        let end = self.result.len().min(*told + PIECE_ELEMENTS);
        let mut reply = MembersReply::go_on(&mut call.reply, most, telling);
        for place in (*told..end).filter_map(|nth| sort.at(nth)) {
            let place = self.result[place] as usize;
            let member = StringRef::Bytes(self.texts.get(place));
            reply.member(member, self.scores[place]);
        }
        reply.reply.finish()?;
        *told = end;
        Ok(match end < self.result.len() {
            true => Progress::More,
            false => Progress::Over,
        })
    }

    /// Stores some members.
    fn store_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let Stage::Storing(sort, stored, maker) = &mut self.stage else {
            return Ok(Progress::Over);
        };
        let Some(mut making) = maker.take() else {
            return Ok(Progress::Over);
        };
        let end = self.result.len().min(*stored + PIECE_ELEMENTS);
        for place in (*stored..end).filter_map(|nth| sort.at(nth)) {
            let place = self.result[place] as usize;
            let member = self.texts.get(place);
            if let Err(full) = making.add(call.store, member, self.scores[place]) {
                making.drop(call.store);
                return Err(full.into());
            }
        }
        *stored = end;
        if end < self.result.len() {
            *maker = Some(making);
            return Ok(Progress::More);
        }
        let destination = call.key(FIRST_KEY);
        let stored = making.put(call.store, destination)?;
        reply_count_64(&mut call.reply, stored);
        Ok(Progress::Over)
    }
}

impl Piecewise for Combining {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        match &mut self.stage {
            Stage::Looking => self.look_on(call)?,
            Stage::Reading(..) => {
                if self.read_on(call).is_err() {
                    return Ok(Progress::Anew);
                }
            }
            Stage::Grouping(sort) => {
                let texts = &self.texts;
                if sort.go_on(|one, other| texts.get(one).cmp(texts.get(other))) {
                    let sorted = std::mem::replace(sort, MergeSort::new(0));
                    self.stage = Stage::Joining(sorted, 0);
                }
            }
            Stage::Joining(..) => self.join_on(),
            Stage::Keeping(..) => self.keep_on(),
            Stage::Sorting(_) if self.purpose == Purpose::Count => {
                reply_count_64(&mut call.reply, self.scores.len() as u64);
                return Ok(Progress::Over);
            }
            Stage::Sorting(_) => self.sort_on(call),
            Stage::Telling(..) => return self.tell_on(call),
            Stage::Storing(..) => return self.store_on(call),
        }
        Ok(Progress::More)
    }
}

/// The longest reply that the client may have waiting.
fn most_bytes(call: &Call<'_>) -> usize {
    call.node.settings.hot.output_limit.most_bytes()
}

/// The score of a member that all of these have; it has this one so far.
fn in_all(
    others: &[(&Source, Option<ScoredRef<'_>>)],
    member: StringRef<'_>,
    score: f64,
    aggregate: Aggregate,
) -> Option<f64> {
    others.iter().try_fold(score, |sum, (other, members)| {
        let score = other.score(*members, member)?;
        Some(aggregate.apply(sum, score))
    })
}

/// Whether a member is in none of these.
fn in_none(others: &[(&Source, Option<ScoredRef<'_>>)], member: StringRef<'_>) -> bool {
    others
        .iter()
        .all(|(_, members)| members.is_none_or(|members| members.score(member).is_none()))
}
