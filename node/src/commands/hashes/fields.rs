//! How the commands on fields that end read their arguments: `FIELDS`, how many, and the fields; and when they end.
//! Pure.

use crate::commands::Call;
use crate::commands::arguments::{DeadlineForm, integer, is_word};
use shared::resp::{Args, ErrorReply};

/// The latest end that a field may have, Unix milliseconds in Redis' 46 bits: the year 4199.
const LATEST_END_MS: u64 = (1 << 46) - 1;

/// Fields that a command names: all of its arguments from `first` on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub(super) first: usize,
    pub(super) count: usize,
}

impl Fields {
    /// Those behind the word FIELDS at `at` and their number, which is `not_positive` when it is none.
    pub(super) fn parse(
        args: Args<'_>,
        at: usize,
        not_positive: ErrorReply,
    ) -> Result<Self, ErrorReply> {
        if !args.get(at).is_some_and(|word| is_word(word, "FIELDS")) {
            return Err(ErrorReply::FieldsNotThere);
        }
        let number = args.get(at + 1).and_then(|number| integer(number).ok());
        let number = number.and_then(|number| usize::try_from(number).ok());
        let Some(count) = number.filter(|count| *count > 0) else {
            return Err(not_positive);
        };
        let first = at + 2;
        if count != args.len() - first {
            return Err(ErrorReply::FieldCountMismatch);
        }
        Ok(Self { first, count })
    }
}

/// The end that an argument names.
pub(super) fn end_ms(
    call: &Call<'_>,
    form: DeadlineForm,
    argument: &[u8],
) -> Result<u64, ErrorReply> {
    let number = integer(argument)?;
    if number < 0 {
        return Err(ErrorReply::ExpireTimeNegative);
    }
    let deadline = form.deadline_ms(number, call.now_ms);
    let deadline = deadline.and_then(|at_ms| u64::try_from(at_ms).ok());
    deadline
        .filter(|at_ms| *at_ms <= LATEST_END_MS)
        .ok_or(ErrorReply::InvalidExpireTime(call.spec.name))
}
