//! Commands that give members scores: ZADD, ZINCRBY.
//! Pure.

use crate::commands::arguments::{is_word, reply_count_64};
use crate::commands::double::double;
use crate::commands::element_by_element::{Elements, Told, treat};
use crate::commands::{Action, Call};
use crate::store::{AddRule, Added, Comparison, Existence, SortedSetEdit, Tally, Wording};
use shared::resp::{Args, ErrorReply};
use std::ops::Range;

/// The options of ZADD.
#[derive(Default)]
struct Options {
    only_new: bool,
    only_old: bool,
    greater: bool,
    less: bool,
    counts_changed: bool,
    increments: bool,
}

/// ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member …
pub(super) fn zadd(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let mut options = Options::default();
    let first = options.read(call.args);
    options.rule(call.args.len() - first)?;
    let pairs = Elements::from(call.args, first, Told::Sum).of(2);
    treat(call, pairs.checked(check), |call| {
        add(call, Options::default())
    })
}

/// ZINCRBY key increment member: Redis reads ZADD's options here as well.
pub(super) fn zincrby(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let options = Options {
        increments: true,
        ..Options::default()
    };
    add(call, options)
}

fn add(call: &mut Call<'_>, mut options: Options) -> Result<Action, ErrorReply> {
    let first = options.read(call.args);
    let rule = options.rule(call.args.len() - first)?;
    check(call.args, first..call.args.len())?;
    let pairs = Pairs {
        args: call.args,
        first,
    };
    let (db, key, as_asked) = (call.db(), call.key(1), Wording::Verbatim(call.args));
    let limits = call.node.settings.hot.small.sorted_set;
    let set = SortedSetEdit::of(call.store.slot(db, key))?;
    let tally = set.add(pairs.iter(), rule, limits, as_asked)?;
    let Tally {
        added,
        changed,
        last,
    } = tally;
    if !options.increments {
        let counted = added + if options.counts_changed { changed } else { 0 };
        reply_count_64(&mut call.reply, counted);
        return Ok(Action::Continue);
    }
    match last {
        Added::New(score) | Added::Changed(score) | Added::Same(score) => call.reply.double(score),
        Added::Refused => call.reply.null(),
        Added::NotANumber => return Err(ErrorReply::ScoreNotANumber),
    }
    Ok(Action::Continue)
}

impl Options {
    /// Reads the options that stand before the first score; says where that is.
    fn read(&mut self, args: Args<'_>) -> usize {
        for index in 2..args.len() {
            match args.at(index) {
                word if is_word(word, "NX") => self.only_new = true,
                word if is_word(word, "XX") => self.only_old = true,
                word if is_word(word, "GT") => self.greater = true,
                word if is_word(word, "LT") => self.less = true,
                word if is_word(word, "CH") => self.counts_changed = true,
                word if is_word(word, "INCR") => self.increments = true,
                _ => return index,
            }
        }
        args.len()
    }

    /// What they mean for so many arguments behind them.
    fn rule(&self, rest: usize) -> Result<AddRule, ErrorReply> {
        if rest == 0 || !rest.is_multiple_of(2) {
            return Err(ErrorReply::Syntax);
        }
        if self.only_new && self.only_old {
            return Err(ErrorReply::ScoreXxAndNx);
        }
        if (self.only_new && (self.greater || self.less)) || (self.greater && self.less) {
            return Err(ErrorReply::ScoreGtLtNx);
        }
        if self.increments && rest > 2 {
            return Err(ErrorReply::ScoreIncrementOfMany);
        }
        Ok(AddRule {
            existence: match (self.only_new, self.only_old) {
                (true, _) => Existence::New,
                (_, true) => Existence::Old,
                _ => Existence::Any,
            },
            comparison: match (self.greater, self.less) {
                (true, _) => Comparison::Greater,
                (_, true) => Comparison::Less,
                _ => Comparison::Any,
            },
            increments: self.increments,
        })
    }
}

/// Scores and members among the arguments.
#[derive(Clone, Copy)]
struct Pairs<'a> {
    args: Args<'a>,
    first: usize,
}

/// All scores are looked at before the first is used.
fn check(args: Args<'_>, pairs: Range<usize>) -> Result<(), ErrorReply> {
    for at in pairs.step_by(2) {
        double(args.at(at)).ok_or(ErrorReply::NotFloat)?;
    }
    Ok(())
}

impl<'a> Pairs<'a> {
    fn iter(self) -> impl Iterator<Item = (f64, &'a [u8])> + Clone {
        let Self { args, first } = self;
        (first..args.len()).step_by(2).map(move |index| {
            // Checked before.
            let score = double(args.at(index)).unwrap_or(0.0);
            (score, args.at(index + 1))
        })
    }
}
