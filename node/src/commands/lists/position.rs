//! LPOS.
//! Pure.

use super::push::COMPARED_AT_ONCE;
use crate::commands::arguments::{check_reply, integer, is_word, reply_count_64};
use crate::commands::piecewise::{PIECE_ELEMENTS, Piecewise, Progress, work_through};
use crate::commands::{Action, Call};
use crate::store::{ListEnd, ListRef};
use shared::resp::ErrorReply;

/// The options of LPOS.
struct Options {
    /// Which match is the first that is told; below zero, counted from the end.
    rank: i64,
    /// How many are told, 0 for all; `None`: one, and not in an array.
    count: Option<u64>,
    /// How many elements are compared, 0 for all.
    most: u64,
}

/// LPOS key element [RANK rank] [COUNT count] [MAXLEN length]
pub(super) fn lpos(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let options = parse_options(call)?;
    let (db, key) = (call.db(), call.key(1));
    if ListRef::there(call.store.get(db, key))?.is_none() {
        match options.count {
            Some(_) => call.reply.array(0),
            None => call.reply.null(),
        }
        return Ok(Action::Continue);
    }
    work_through(call, Search::of(&options))
}

fn parse_options(call: &Call<'_>) -> Result<Options, ErrorReply> {
    let mut options = Options {
        rank: 1,
        count: None,
        most: 0,
    };
    let mut arguments = call.args.iter_from(3);
    while let Some(word) = arguments.next() {
        let argument = arguments.next().ok_or(ErrorReply::Syntax)?;
        if is_word(word, "RANK") {
            options.rank = integer(argument)?;
            if options.rank == 0 {
                return Err(ErrorReply::MatchRankZero);
            }
        } else if is_word(word, "COUNT") {
            let count = integer(argument).ok().and_then(|n| u64::try_from(n).ok());
            options.count = Some(count.ok_or(ErrorReply::MatchCountNegative)?);
        } else if is_word(word, "MAXLEN") {
            let most = integer(argument).ok().and_then(|n| u64::try_from(n).ok());
            options.most = most.ok_or(ErrorReply::MatchLengthNegative)?;
        } else {
            return Err(ErrorReply::Syntax);
        }
    }
    Ok(options)
}

/// A LPOS under way. Should the list go meanwhile, the command begins anew, and finds nothing.
#[derive(Debug)]
struct Search {
    end: ListEnd,
    /// How many matches are passed over first.
    skipped: u64,
    /// How many are told; `None`: one, and not in an array.
    count: Option<u64>,
    /// How many elements were compared, and may be.
    compared: u64,
    most: u64,
    found: Vec<u64>,
    /// How many of the found positions are told, when all are found.
    told: Option<usize>,
}

impl Search {
    fn of(options: &Options) -> Self {
        // The least rank has no counterpart: Redis takes it for one before the first.
        let rank = options.rank.checked_abs().unwrap_or(1);
        let or_all = |number: u64| if number == 0 { u64::MAX } else { number };
        Self {
            end: if options.rank < 0 {
                ListEnd::Back
            } else {
                ListEnd::Front
            },
            skipped: rank.unsigned_abs() - 1,
            count: options.count.map(or_all),
            compared: 0,
            most: or_all(options.most),
            found: Vec::new(),
            told: None,
        }
    }

    /// Compares some elements; whether that was all.
    fn search_on(&mut self, list: ListRef<'_>, element: &[u8]) -> bool {
        let most = self.most.min(list.len());
        let end = most.min(self.compared + COMPARED_AT_ONCE);
        let before = self.found.len();
        let among = self.compared..end;
        list.find_some(element, self.end, among, &mut self.found);
        let matches = (self.found.len() - before) as u64;
        let skipped = self.skipped.min(matches);
        self.skipped -= skipped;
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        self.found.drain(before..before + skipped);
        let wanted = self.count.unwrap_or(1);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        self.found.truncate(wanted);
        self.compared = end;
        end == most || self.found.len() == wanted
    }
}

impl Piecewise for Search {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        if let Some(told) = self.told {
            let end = self.found.len().min(told + PIECE_ELEMENTS);
            for position in &self.found[told..end] {
                reply_count_64(&mut call.reply, *position);
            }
            check_reply(call)?;
            self.told = Some(end);
            return Ok(match end < self.found.len() {
                true => Progress::More,
                false => Progress::Over,
            });
        }
        let (db, key) = (call.db(), call.key(1));
        let Some(list) = ListRef::there(call.store.look(db, key))? else {
            return Ok(Progress::Anew);
        };
        if !self.search_on(list, call.args.at(2)) {
            return Ok(Progress::More);
        }
        match (self.count, self.found.first()) {
            (Some(_), _) => {
                call.reply.array(self.found.len());
                self.told = Some(0);
                return self.go_on(call);
            }
            (None, Some(position)) => reply_count_64(&mut call.reply, *position),
            (None, None) => call.reply.null(),
        }
        Ok(Progress::Over)
    }
}
