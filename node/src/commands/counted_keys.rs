//! [`CountedKeys`]: keys whose number stands before them, and what follows them, of LMPOP and ZMPOP.
//! Pure.

use super::Call;
use super::arguments::{at_least, is_word};
use shared::resp::ErrorReply;
use std::ops::Range;

/// Which arguments are keys.
#[derive(Clone, Debug)]
pub(super) struct CountedKeys {
    keys: Range<usize>,
}

impl CountedKeys {
    /// The keys whose number is argument `number_at`; at least one argument stands behind them.
    pub(super) fn at(call: &Call<'_>, number_at: usize) -> Result<Self, ErrorReply> {
        let number = at_least(1, call.args.at(number_at), ErrorReply::KeyCountNotPositive)?;
        let first = number_at + 1;
        let end = usize::try_from(number)
            .ok()
            .and_then(|number| first.checked_add(number))
            .filter(|end| *end < call.args.len())
            .ok_or(ErrorReply::Syntax)?;
        Ok(Self { keys: first..end })
    }

    /// Where the keys stand.
    pub(super) fn places(&self) -> Range<usize> {
        self.keys.clone()
    }

    /// What follows the keys: an end, and `COUNT` with how many, 1 where that is not there.
    pub(super) fn end_and_count<E>(
        &self,
        call: &Call<'_>,
        end_of: fn(&[u8]) -> Result<E, ErrorReply>,
    ) -> Result<(E, u64), ErrorReply> {
        let end = end_of(call.args.at(self.keys.end))?;
        let mut count = None;
        let mut arguments = call.args.iter_from(self.keys.end + 1);
        while let Some(word) = arguments.next() {
            let argument = arguments.next().ok_or(ErrorReply::Syntax)?;
            if count.is_some() || !is_word(word, "COUNT") {
                return Err(ErrorReply::Syntax);
            }
            count = Some(at_least(1, argument, ErrorReply::CountNotPositive)?);
        }
        Ok((end, count.unwrap_or(1)))
    }
}
