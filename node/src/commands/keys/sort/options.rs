//! [`Options`]: what SORT is to sort by, and what it tells of each element.
//! Pure.

use super::pattern::Pattern;
use crate::commands::arguments::{integer, is_word};
use crate::commands::double::until_nul;
use shared::command::CommandId;
use shared::resp::{Args, ErrorReply};
use std::ops::Range;

/// Arguments of one SORT: far more patterns than anybody has.
const MOST_ARGUMENTS: usize = 1_024;

/// What SORT is asked for. Patterns and keys are named by the arguments in which they stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub(super) is_descending: bool,
    /// Texts are compared, not numbers.
    pub(super) is_of_texts: bool,
    /// The elements stay as they lie.
    pub(super) is_as_it_lies: bool,
    /// They are compared by what is found at this pattern, not by themselves.
    pub(super) by: Option<usize>,
    offset: i64,
    /// Below zero: no limit.
    limit: i64,
    pub(super) gets: Vec<usize>,
    pub(super) destination: Option<usize>,
}

impl Options {
    /// Reads what stands behind the key.
    pub(super) fn parse(id: CommandId, args: Args<'_>) -> Result<Self, ErrorReply> {
        Self::parse_for(id, args, |_| Ok(()))
    }

    /// The same for a client, of whom `may_look` says whether it may look at the keys that an option stands for.
    pub(super) fn parse_for(
        id: CommandId,
        args: Args<'_>,
        may_look: impl Fn(&'static str) -> Result<(), ErrorReply>,
    ) -> Result<Self, ErrorReply> {
        if args.len() > MOST_ARGUMENTS {
            return Err(ErrorReply::TooManyArguments(id.name()));
        }
        let mut options = Self {
            limit: -1,
            ..Self::default()
        };
        let mut at = 2;
        while at < args.len() {
            let (word, behind) = (args.at(at), args.len() - at - 1);
            match word {
                _ if is_word(word, "ASC") => options.is_descending = false,
                _ if is_word(word, "DESC") => options.is_descending = true,
                _ if is_word(word, "ALPHA") => options.is_of_texts = true,
                _ if is_word(word, "LIMIT") && behind >= 2 => {
                    options.offset = integer(args.at(at + 1))?;
                    options.limit = integer(args.at(at + 2))?;
                    at += 2;
                }
                _ if id == CommandId::Sort && is_word(word, "STORE") && behind >= 1 => {
                    at += 1;
                    options.destination = Some(at);
                }
                _ if is_word(word, "BY") && behind >= 1 => {
                    at += 1;
                    options.by = Some(at);
                    // A key that is the same for all is none to sort by; what else is said does not change that.
                    match until_nul(args.at(at)).contains(&b'*') {
                        true => may_look("BY")?,
                        false => options.is_as_it_lies = true,
                    }
                }
                _ if is_word(word, "GET") && behind >= 1 => {
                    may_look("GET")?;
                    at += 1;
                    options.gets.push(at);
                }
                _ => return Err(ErrorReply::Syntax),
            }
            at += 1;
        }
        Ok(options)
    }

    /// Sets have no order in which they lie: what is stored is sorted by text instead.
    pub(super) fn adapt_to_set(&mut self) {
        if self.is_as_it_lies && self.destination.is_some() {
            self.is_as_it_lies = false;
            self.is_of_texts = true;
            self.by = None;
        }
    }

    /// Which of `len` sorted elements are told.
    pub(super) fn told(&self, len: u64) -> Range<u64> {
        let offset = u64::try_from(self.offset).unwrap_or(0);
        let start = offset.min(len);
        let count = u64::try_from(self.limit).unwrap_or(len);
        start..start.saturating_add(count).min(len)
    }

    /// Whether other keys are looked at.
    pub(super) fn reads_other_keys(&self, args: Args<'_>) -> bool {
        let by = self.by.filter(|_| !self.is_as_it_lies);
        let patterns = self.gets.iter().copied().chain(by);
        patterns
            .map(|at| Pattern::parse(args.at(at)))
            .any(|pattern| matches!(pattern, Pattern::Elsewhere { .. }))
    }
}
