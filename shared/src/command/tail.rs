//! What stands behind keys whose number stands before them: the words that a command takes there, and what belongs to each.
//! Pure. Invariant: what is called broken here a node refuses, whatever the keys hold. The reverse is not promised: what a value says is not looked at.

use std::ops::Range;

use super::CommandSpec;
use crate::resp::{Args, is_word};

/// What a command takes behind its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// One of these stands there at once; without them the options begin.
    pub(super) first: &'static [&'static str],
    /// In any order.
    pub(super) options: &'static [TailOption],
}

/// A word, and what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TailOption {
    pub(super) word: &'static str,
    pub(super) value: TailValue,
}

/// The arguments that belong to a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TailValue {
    /// None.
    Nothing,
    /// One.
    Any,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// One for each key.
    EachKey,
}

/// The arguments are not such as the command takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenTail;

const WEIGHTS: TailOption = TailOption {
    word: "WEIGHTS",
    value: TailValue::EachKey,
};
const AGGREGATE: TailOption = TailOption {
    word: "AGGREGATE",
    value: TailValue::OneOf(&["SUM", "MIN", "MAX"]),
};
const WITH_SCORES: TailOption = TailOption {
    word: "WITHSCORES",
    value: TailValue::Nothing,
};
const LIMIT: TailOption = TailOption {
    word: "LIMIT",
    value: TailValue::Any,
};
const COUNT: TailOption = TailOption {
    word: "COUNT",
    value: TailValue::Any,
};

impl Tail {
    /// ZDIFFSTORE.
    pub(super) const NOTHING: Self = Self::of(&[]);
    /// ZUNION, ZINTER.
    pub(super) const WEIGHTED: Self = Self::of(&[WEIGHTS, AGGREGATE, WITH_SCORES]);
    /// ZUNIONSTORE, ZINTERSTORE.
    pub(super) const WEIGHTED_STORE: Self = Self::of(&[WEIGHTS, AGGREGATE]);
    /// ZDIFF.
    pub(super) const SCORES: Self = Self::of(&[WITH_SCORES]);
    /// SINTERCARD, ZINTERCARD.
    pub(super) const LIMITED: Self = Self::of(&[LIMIT]);
    /// LMPOP.
    pub(super) const LIST_END: Self = Self {
        first: &["LEFT", "RIGHT"],
        options: &[COUNT],
    };
    /// ZMPOP.
    pub(super) const SCORE_END: Self = Self {
        first: &["MIN", "MAX"],
        options: &[COUNT],
    };

    const fn of(options: &'static [TailOption]) -> Self {
        Self {
            first: &[],
            options,
        }
    }
}

impl CommandSpec {
    /// Calls `visit` with each option behind these keys, as the table writes it, and the arguments that belong to it.
    ///
    /// # Errors
    /// There is something else than the command takes; what stands before it was visited.
    pub fn for_each_option(
        &self,
        args: Args<'_>,
        keys: &Range<usize>,
        mut visit: impl FnMut(&'static str, Range<usize>),
    ) -> Result<(), BrokenTail> {
        let Some(tail) = self.tail else {
            return Ok(());
        };
        let is_one_of = |at: usize, words: &[&str]| {
            args.get(at)
                .is_some_and(|argument| words.iter().any(|word| is_word(argument, word)))
        };
        let mut at = keys.end;
        if !tail.first.is_empty() {
            if !is_one_of(at, tail.first) {
                return Err(BrokenTail);
            }
            at += 1;
        }
        while at < args.len() {
            let mut options = tail.options.iter();
            let option = options.find(|option| is_one_of(at, &[option.word]));
            let TailOption { word, value } = option.ok_or(BrokenTail)?;
            at += 1;
            let values = match value {
                TailValue::Nothing => 0,
                TailValue::Any => 1,
                TailValue::OneOf(words) if is_one_of(at, words) => 1,
                TailValue::OneOf(_) => return Err(BrokenTail),
                TailValue::EachKey => keys.len(),
            };
            if values > args.len() - at {
                return Err(BrokenTail);
            }
            visit(word, at..at + values);
            at += values;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{lookup, spec};
    use crate::resp::{RequestBatch, RequestLimits, RequestScanner, encode_request};

    /// The options of a command as they were found, or whether it is broken; `None` when there are no counted keys.
    fn options(line: &str) -> Option<Result<String, BrokenTail>> {
        let words: Vec<&str> = line.split(' ').collect();
        let mut frame = Vec::new();
        encode_request(&mut frame, &words);
        let mut batch = RequestBatch::default();
        RequestScanner::new(RequestLimits::AUTHENTICATED)
            .scan(&mut frame, &mut batch, 1)
            .unwrap();
        let args = batch.args(&frame, &batch.requests()[0]);
        let row = spec(lookup(words[0].as_bytes()).unwrap().id);
        let keys = row.counted_keys(args)?;
        let mut found = Vec::new();
        let result = row.for_each_option(args, &keys, |word, values| {
            found.push(word);
            found.extend(&words[values]);
        });
        Some(result.map(|()| found.join(" ")))
    }

    #[test]
    fn options_are_found_with_what_belongs_to_them() {
        let check = |line: &str, expected: &str| {
            assert_eq!(options(line), Some(Ok(expected.to_owned())), "{line}");
        };
        check("ZUNION 1 a", "");
        check(
            "ZUNION 2 a b weights 1 x Aggregate max withscores",
            "WEIGHTS 1 x AGGREGATE max WITHSCORES",
        );
        check("ZUNIONSTORE d 1 a WEIGHTS WEIGHTS", "WEIGHTS WEIGHTS");
        check("SINTERCARD 1 a LIMIT x LIMIT 1", "LIMIT x LIMIT 1");
        check("LMPOP 1 a LEFT COUNT 1", "COUNT 1");
        check("ZMPOP 1 a max", "");
        check("ZDIFF 1 a withscores", "WITHSCORES");
    }

    #[test]
    fn what_a_command_does_not_take_is_broken() {
        for line in [
            "ZUNION 2 a b WEIGHTS 1",
            "ZUNION 1 a AGGREGATE",
            "ZUNION 1 a AGGREGATE AVG",
            "ZUNION 1 a b",
            "ZUNIONSTORE d 1 a WITHSCORES",
            "ZDIFFSTORE d 1 a WITHSCORES",
            "ZINTERCARD 1 a LIMIT",
            "LMPOP 2 a LEFT",
            "LMPOP 2 a LEFT COUNT 2",
            "ZMPOP 1 a LEFT",
        ] {
            assert_eq!(options(line), Some(Err(BrokenTail)), "{line}");
        }
        // Their number is not true: which arguments are keys is not known.
        for line in ["ZUNION 3 a b", "ZUNION x a", "LMPOP 0 a LEFT"] {
            assert_eq!(options(line), None, "{line}");
        }
    }

    #[test]
    fn every_row_with_counted_keys_that_is_served_says_what_follows() {
        for row in crate::command::all() {
            let has_tail = row.tail.is_some();
            // What follows the keys of a script is the script's.
            let is_script = row.acl.contains(crate::command::AclCategories::SCRIPTING);
            assert_eq!(
                row.is_counted() && row.is_served_by_proxy() && !is_script,
                has_tail,
                "{}",
                row.name
            );
        }
    }
}
