//! SORT and SORT_RO: elements of a list, a set or a sorted set in an order, told or stored; at once or, when they are many, a part at a time with other clients' commands between.
//! Pure. Bound: what is sorted is copied, element by element, and so are the texts that it is sorted by.
//! Invariant: what is sorted was there at one moment: should the source go meanwhile (nobody else may change it), the work begins anew.
//! Unlike Redis, which makes a skip list of every sorted set that it sorts, it leaves the source as it is.

mod options;
mod pattern;
mod source;
#[cfg(test)]
mod tests;
mod weights;

use super::super::arguments::{check_reply, reply_count_64, reply_optional};
use super::super::merge_sort::MergeSort;
use super::super::{Action, Call};
use crate::store::{DbIndex, Key, ListMaker, Store, StringRef, Texts};
use options::Options;
use pattern::Pattern;
use shared::command::CommandId;
use shared::resp::{AccessError, Args, ErrorReply};
use source::{Reader, Source};
use std::ops::Range;
use weights::Weights;

/// With more elements and look-ups than these, others have their turns in between: one takes up to a microsecond.
const UNDIVIDED_ELEMENTS: u64 = 512;
/// Elements read, or keys looked up, between two looks at the stopwatch.
const ELEMENTS_PER_STEP: usize = 128;

/// Index of the key that is sorted.
const SOURCE: usize = 1;

/// SORT key [BY pattern] [LIMIT offset count] [GET pattern …] [ASC | DESC] [ALPHA] [STORE destination]
pub(super) fn sort(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let mut work = None;
    while !Sorting::go_on(&mut work, call)? {}
    Ok(Action::Continue)
}

/// A SORT under way.
#[derive(Debug)]
pub(crate) struct Sorting {
    options: Options,
    /// Elements of the source.
    len: u64,
    elements: Texts,
    weights: Weights,
    /// Which of the sorted elements are told.
    told: Range<usize>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Elements are copied.
    Reading(Reader),
    /// What they are compared by is looked up; so many have it.
    Weighing(usize),
    /// They are put in order.
    Sorting(MergeSort),
    /// They are in order, and are told.
    Telling(Option<MergeSort>),
    /// They are in order, and are stored.
    Storing(Option<MergeSort>, Option<ListMaker>),
}

impl Sorting {
    /// Whether this SORT has so much to do.
    pub(crate) fn is_long(store: &mut Store, db: DbIndex, id: CommandId, args: Args<'_>) -> bool {
        let bytes = args.at(SOURCE);
        let hash = store.hash(bytes);
        let Some(Ok(source)) = store.peek(db, Key { bytes, hash }).map(Source::of) else {
            return false;
        };
        let Ok(mut options) = Options::parse(id, args) else {
            return false;
        };
        if source.is_set() {
            options.adapt_to_set();
        }
        let told = options.told(source.len());
        let told = told.end - told.start;
        let read = if options.is_as_it_lies && !source.is_set() {
            told
        } else {
            source.len()
        };
        read.saturating_add(told.saturating_mul(options.gets.len() as u64)) > UNDIVIDED_ELEMENTS
    }

    /// Whether it looks at keys that no argument names.
    pub(crate) fn reads_any_key(id: CommandId, args: Args<'_>) -> bool {
        Options::parse(id, args).is_ok_and(|options| options.reads_other_keys(args))
    }

    /// A step of the work; whether it was the last.
    pub(crate) fn go_on(work: &mut Option<Self>, call: &mut Call<'_>) -> Result<bool, ErrorReply> {
        let Some(sorting) = work else {
            *work = Self::begin(call)?;
            return Ok(work.is_none());
        };
        match &mut sorting.stage {
            Stage::Reading(_) => {
                if !sorting.read_on(call) {
                    *work = None;
                }
            }
            Stage::Weighing(_) => sorting.weigh_on(call)?,
            Stage::Sorting(sort) => {
                let (options, elements) = (&sorting.options, &sorting.elements);
                let weights = &sorting.weights;
                if sort.go_on(|one, other| weights.compare(options, elements, one, other)) {
                    let sorted = std::mem::replace(sort, MergeSort::new(0));
                    sorting.stage = sorting.last_stage(call, Some(sorted));
                }
            }
            Stage::Telling(_) => return sorting.tell_on(call),
            Stage::Storing(..) => return sorting.store_on(call),
        }
        Ok(false)
    }

    /// `None` when there is nothing to be sorted, and that was the reply.
    fn begin(call: &mut Call<'_>) -> Result<Option<Self>, ErrorReply> {
        let login = &call.session.login;
        // Which keys those are that BY and GET stand for nobody knows before.
        let may_look = |option| match login.user().may_read_every_key(call.spec, call.args) {
            true => Ok(()),
            false => Err(AccessError::SortPattern(option).into()),
        };
        let mut options = Options::parse_for(call.spec.id, call.args, may_look)?;
        let (db, key) = (call.db(), call.key(SOURCE));
        let Some(source) = call.store.get(db, key).map(Source::of).transpose()? else {
            match options.destination {
                Some(destination) => {
                    let key = call.key(destination);
                    call.store.remove(db, key);
                    call.reply.integer(0);
                }
                None => call.reply.array(0),
            }
            return Ok(None);
        };
        if source.is_set() {
            options.adapt_to_set();
        }
        let told = options.told(source.len());
        let lies_in_order = options.is_as_it_lies && !source.is_set();
        let (reader, told) = if lies_in_order {
            let count = told.end - told.start;
            let reader = Reader::of_part(source, told, options.is_descending);
            (reader, 0..count)
        } else {
            (Reader::of_all(source), told)
        };
        let place = |place: u64| usize::try_from(place).unwrap_or(usize::MAX);
        Ok(Some(Self {
            weights: Weights::new(&options),
            options,
            len: source.len(),
            elements: Texts::default(),
            told: place(told.start)..place(told.end),
            stage: Stage::Reading(reader),
        }))
    }

    /// Copies some elements; `false` when the source is no longer what it was.
    fn read_on(&mut self, call: &mut Call<'_>) -> bool {
        let (db, key) = (call.db(), call.key(SOURCE));
        let source = call.store.look(db, key).map(Source::of);
        let (Some(Ok(source)), Stage::Reading(reader)) = (source, &mut self.stage) else {
            return false;
        };
        if source.len() != self.len {
            return false;
        }
        if !reader.read(source, ELEMENTS_PER_STEP as u64, &mut self.elements) {
            self.stage = if self.options.is_as_it_lies {
                self.last_stage(call, None)
            } else {
                Stage::Weighing(0)
            };
        }
        true
    }

    /// Looks up what some elements are compared by.
    fn weigh_on(&mut self, call: &mut Call<'_>) -> Result<(), ErrorReply> {
        let Stage::Weighing(weighed) = &mut self.stage else {
            return Ok(());
        };
        let len = self.elements.len();
        let pattern = weights::pattern(&self.options, &self.weights, call.args);
        if let Some(pattern) = pattern {
            let end = len.min(*weighed + ELEMENTS_PER_STEP);
            let (db, mut name) = (call.db(), Vec::new());
            for nth in *weighed..end {
                let element = self.elements.get(nth);
                let found = pattern.find(call.store, db, element, &mut name);
                self.weights.push(found)?;
            }
            *weighed = end;
        } else {
            *weighed = len;
        }
        if *weighed == len {
            self.stage = Stage::Sorting(MergeSort::new(len));
        }
        Ok(())
    }

    /// What is done when the elements are in order.
    fn last_stage(&self, call: &mut Call<'_>, order: Option<MergeSort>) -> Stage {
        match self.options.destination {
            Some(destination) => {
                let key = call.args.at(destination);
                Stage::Storing(order, Some(ListMaker::new(call.db(), key)))
            }
            None => {
                let each = self.options.gets.len().max(1);
                call.reply.array(self.told.len().saturating_mul(each));
                Stage::Telling(order)
            }
        }
    }

    /// The next elements that are told: as many as may be looked at in one step.
    fn next_told(&mut self) -> Range<usize> {
        let some = (ELEMENTS_PER_STEP / self.options.gets.len().max(1)).max(1);
        let next = self.told.start..self.told.end.min(self.told.start.saturating_add(some));
        self.told.start = next.end;
        next
    }

    /// Tells some elements; whether these were the last.
    fn tell_on(&mut self, call: &mut Call<'_>) -> Result<bool, ErrorReply> {
        let next = self.next_told();
        let (Stage::Telling(order), db) = (&self.stage, call.db()) else {
            return Ok(true);
        };
        let mut name = Vec::new();
        for nth in next {
            let element = self.elements.get(place(order.as_ref(), nth));
            if self.options.gets.is_empty() {
                call.reply.bulk(element);
            }
            for get in &self.options.gets {
                let pattern = Pattern::parse(call.args.at(*get));
                let found = pattern.find(call.store, db, element, &mut name);
                reply_optional(&mut call.reply, found);
            }
        }
        check_reply(call)?;
        Ok(self.told.is_empty())
    }

    /// Stores some elements; whether these were the last.
    fn store_on(&mut self, call: &mut Call<'_>) -> Result<bool, ErrorReply> {
        let next = self.next_told();
        let Stage::Storing(order, maker) = &mut self.stage else {
            return Ok(true);
        };
        let (Some(mut making), Some(destination)) = (maker.take(), self.options.destination) else {
            return Ok(true);
        };
        let (db, mut name, mut text) = (call.db(), Vec::new(), Texts::default());
        for nth in next {
            text.clear();
            let element = self.elements.get(place(order.as_ref(), nth));
            if self.options.gets.is_empty() {
                text.push(StringRef::Bytes(element));
            }
            for get in &self.options.gets {
                let pattern = Pattern::parse(call.args.at(*get));
                let found = pattern.find(call.store, db, element, &mut name);
                text.push(found.unwrap_or(StringRef::Bytes(b"")));
            }
            for text in text.iter() {
                if let Err(full) = making.push(call.store, text) {
                    making.drop(call.store);
                    return Err(full.into());
                }
            }
        }
        if !self.told.is_empty() {
            *maker = Some(making);
            return Ok(false);
        }
        let key = call.key(destination);
        let stored = making.put(call.store, key)?;
        reply_count_64(&mut call.reply, stored);
        Ok(true)
    }
}

/// Where the element lies that comes `nth`.
fn place(order: Option<&MergeSort>, nth: usize) -> usize {
    order.and_then(|order| order.at(nth)).unwrap_or(nth)
}
