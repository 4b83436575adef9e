//! How the commands on fields that end read their arguments: `FIELDS`, how many, and the fields; and when they end.
//! Pure.

use crate::commands::arguments::{DeadlineForm, check_reply, integer, is_word};
use crate::commands::piecewise::{Piecewise, Progress, carry_out};
use crate::commands::{Action, Call};
use shared::resp::{ArgRange, Args, ErrorReply};
use std::fmt;

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

/// With more arguments than these, others have their turns in between: below, a command takes about half a millisecond.
const UNDIVIDED_ARGS: usize = 1_024;
/// Arguments of fields that are treated between two looks at the time, an even number.
const ARGS_PER_STEP: usize = 256;

/// A command over fields under way: all at once, or, when they are very many, some at a time.
pub(super) struct FieldByField<W> {
    /// Where the fields begin, and the next one.
    first: usize,
    next: usize,
    ranges: Vec<ArgRange>,
    work: W,
}

impl<W> fmt::Debug for FieldByField<W> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = formatter.debug_struct("FieldByField");
        all.field("first", &self.first).field("next", &self.next);
        all.finish_non_exhaustive()
    }
}

/// Lets `work` treat fields, which are its arguments from `first` on: all that the command has, or some of them at a time.
pub(super) fn field_by_field<W>(
    call: &mut Call<'_>,
    first: usize,
    work: W,
) -> Result<Action, ErrorReply>
where
    W: FnMut(&mut Call<'_>, Args<'_>) -> Result<Progress, ErrorReply> + 'static,
{
    let is_long = call.args.len() > UNDIVIDED_ARGS;
    let fields = FieldByField {
        first,
        next: first,
        ranges: Vec::new(),
        work,
    };
    carry_out(call, fields, is_long)
}

impl<W> Piecewise for FieldByField<W>
where
    W: FnMut(&mut Call<'_>, Args<'_>) -> Result<Progress, ErrorReply>,
{
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (args, end) = (call.args, call.args.len());
        let some = if call.is_piecewise {
            self.next..end.min(self.next + ARGS_PER_STEP)
        } else {
            self.next..end
        };
        self.next = some.end;
        let part = args.part(self.first, some, end, &mut self.ranges);
        let progress = (self.work)(call, part)?;
        check_reply(call)?;
        if self.next < end {
            return Ok(Progress::More);
        }
        self.next = self.first;
        Ok(progress)
    }
}
