//! LPOS.
//! Pure.

use crate::commands::arguments::{integer, is_word, reply_count_64};
use crate::commands::{Action, Call};
use crate::store::ListRef;
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
    let Some(list) = ListRef::there(call.store.get(db, key))? else {
        match options.count {
            Some(_) => call.reply.array(0),
            None => call.reply.null(),
        }
        return Ok(Action::Continue);
    };
    let mut matches = Matches::new(list, call.args.at(2), &options);
    let Some(count) = options.count else {
        match matches.next() {
            Some(position) => reply_count_64(&mut call.reply, position),
            None => call.reply.null(),
        }
        return Ok(Action::Continue);
    };
    let head = call.reply.array_later();
    let mut told = 0;
    let most = if count == 0 { u64::MAX } else { count };
    while told < most
        && let Some(position) = matches.next()
    {
        reply_count_64(&mut call.reply, position);
        told += 1;
    }
    call.reply
        .finish(head, usize::try_from(told).unwrap_or(usize::MAX));
    Ok(Action::Continue)
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

/// Positions of equal elements, one after the other.
struct Matches<'a> {
    list: ListRef<'a>,
    element: &'a [u8],
    is_backwards: bool,
    /// How many matches are passed over first.
    skipped: u64,
    /// Where the search goes on: the next position forwards, or one above it backwards.
    next: u64,
    /// How many elements may still be compared.
    left: u64,
}

impl<'a> Matches<'a> {
    fn new(list: ListRef<'a>, element: &'a [u8], options: &Options) -> Self {
        let is_backwards = options.rank < 0;
        // The least rank has no counterpart: Redis takes it for one before the first.
        let rank = options.rank.checked_abs().unwrap_or(1);
        Self {
            list,
            element,
            is_backwards,
            skipped: rank.unsigned_abs() - 1,
            next: if is_backwards { list.len() } else { 0 },
            left: if options.most == 0 {
                u64::MAX
            } else {
                options.most
            },
        }
    }

    fn find(&mut self) -> Option<u64> {
        if self.is_backwards {
            let above = self.next;
            let found = self
                .list
                .find_back(self.element, above.checked_sub(1)?, self.left)?;
            self.left = self.left.saturating_sub(above - found);
            self.next = found;
            return Some(found);
        }
        let found = self.list.find(self.element, self.next, self.left)?;
        self.left = self.left.saturating_sub(found + 1 - self.next);
        self.next = found + 1;
        Some(found)
    }
}

impl Iterator for Matches<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        while self.skipped > 0 {
            self.find()?;
            self.skipped -= 1;
        }
        self.find()
    }
}
