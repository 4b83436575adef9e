//! [`TrimOptions`], and XTRIM.
//! Pure.

use super::identifier::{identifier, is_sign};
use crate::commands::arguments::{integer, is_word, reply_count_64};
use crate::commands::piecewise::{Piecewise, Progress, carry_out};
use crate::commands::{Action, Call};
use crate::store::{NodeLimits, StreamEdit, StreamId, StreamRef, Trim, TrimTo};
use shared::resp::{Args, ErrorReply, StreamError};

/// The options of XADD and XTRIM that say what is trimmed, while they are read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TrimOptions {
    to: Option<TrimTo>,
    is_approximate: bool,
    limit: Option<u64>,
}

impl TrimOptions {
    /// Reads the option at `at` with what belongs to it: where the next argument is, `None` when it is none of these.
    pub(super) fn read(&mut self, args: Args<'_>, at: usize) -> Result<Option<usize>, ErrorReply> {
        let word = args.at(at);
        let more = args.len() - at - 1;
        if more == 0 {
            return Ok(None);
        }
        if is_word(word, "MAXLEN") {
            let at = self.begin(args, at)?;
            let most = integer(args.at(at))?;
            let most = u64::try_from(most).map_err(|_| StreamError::MaxLenNegative)?;
            self.to = Some(TrimTo::Length(most));
            return Ok(Some(at + 1));
        }
        if is_word(word, "MINID") {
            let at = self.begin(args, at)?;
            self.to = Some(TrimTo::Id(identifier(args.at(at))?));
            return Ok(Some(at + 1));
        }
        if is_word(word, "LIMIT") {
            let limit = integer(args.at(at + 1))?;
            let limit = u64::try_from(limit).map_err(|_| StreamError::TrimLimitNegative)?;
            self.limit = Some(limit);
            return Ok(Some(at + 2));
        }
        Ok(None)
    }

    /// Reads `~` or `=` behind the option at `at`; where its value is.
    fn begin(&mut self, args: Args<'_>, at: usize) -> Result<usize, ErrorReply> {
        if self.to.is_some() {
            return Err(StreamError::TwoTrims.into());
        }
        // The value itself may look like that.
        let sign = args.get(at + 2).map(|_| args.at(at + 1));
        let has = |wanted| sign.is_some_and(|sign| is_sign(sign, wanted));
        self.is_approximate = has(b'~');
        let has_sign = self.is_approximate || has(b'=');
        Ok(at + 1 + usize::from(has_sign))
    }

    /// What is to be trimmed, when all options have been read.
    pub(super) fn finish(self, limits: NodeLimits) -> Result<Option<Trim>, ErrorReply> {
        let Some(to) = self.to else {
            return match self.limit {
                Some(1..) => Err(StreamError::LimitOfNoTrim.into()),
                _ => Ok(None),
            };
        };
        let limit = match self.limit {
            Some(_) if !self.is_approximate => {
                return Err(StreamError::LimitOfExactTrim.into());
            }
            None if self.is_approximate => limits.trimmed_at_once(),
            limit => limit.unwrap_or(0),
        };
        Ok(Some(Trim {
            to,
            is_approximate: self.is_approximate,
            limit: (limit > 0).then_some(limit),
        }))
    }
}

/// XTRIM key MAXLEN|MINID [=|~] threshold [LIMIT count]
pub(super) fn xtrim(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let mut options = TrimOptions::default();
    let mut at = 2;
    while at < call.args.len() {
        at = options.read(call.args, at)?.ok_or(ErrorReply::Syntax)?;
    }
    let trim = options.finish(call.node.settings.hot.stream_nodes)?;
    let trim = trim.ok_or(StreamError::NoTrim)?;
    let (db, key) = (call.db(), call.key(1));
    let stream = StreamRef::there(call.store.peek(db, key))?;
    let is_long = stream.is_some_and(|stream| is_long(stream, trim));
    carry_out(call, Trimming::counted(trim), is_long)
}

/// More entries go some at a time, with others' turns in between: so many, a leaf at a time, in a third of a millisecond.
const TRIMMED_AT_ONCE: u64 = 32 * 1024;

/// Whether a trim takes more entries than should go at once. What goes as a whole is freed later.
pub(super) fn is_long(stream: StreamRef<'_>, trim: Trim) -> bool {
    let goes = match trim.to {
        TrimTo::Length(most) => stream.len().saturating_sub(most),
        TrimTo::Id(least) => match least.previous() {
            Some(last) => stream.count(StreamId::MIN, last),
            None => 0,
        },
    };
    let goes = goes.min(trim.limit.unwrap_or(u64::MAX));
    goes > TRIMMED_AT_ONCE && goes < stream.len()
}

/// A trim under way. Should the stream go meanwhile, so does the rest of the work.
#[derive(Debug)]
pub(super) struct Trimming {
    trim: Trim,
    trimmed: u64,
    /// How many went is the reply.
    is_counted: bool,
}

impl Trimming {
    fn counted(trim: Trim) -> Self {
        Self {
            trim,
            trimmed: 0,
            is_counted: true,
        }
    }

    /// Behind the reply of another command.
    pub(super) fn untold(trim: Trim) -> Self {
        Self {
            is_counted: false,
            ..Self::counted(trim)
        }
    }

    /// The part that goes next: whole nodes, as many as go at once.
    fn part(&self) -> Trim {
        let left = self.trim.limit.map(|limit| limit - self.trimmed);
        Trim {
            is_approximate: true,
            limit: Some(left.unwrap_or(u64::MAX).min(TRIMMED_AT_ONCE)),
            ..self.trim
        }
    }
}

impl Piecewise for Trimming {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (db, key) = (call.db(), call.key(1));
        let mut trim = |trim: Trim| -> Result<u64, ErrorReply> {
            let edit = StreamEdit::of(call.store.slot(db, key))?;
            Ok(match edit.stream() {
                Some(_) => edit.trim(trim)?,
                None => 0,
            })
        };
        if call.is_piecewise {
            let some = trim(self.part())?;
            self.trimmed += some;
            if some > 0 {
                return Ok(Progress::More);
            }
        }
        // What is left of it is less than a node, or all that there is to do.
        if !(call.is_piecewise && self.trim.is_approximate) {
            self.trimmed += trim(self.trim)?;
        }
        if self.is_counted {
            reply_count_64(&mut call.reply, self.trimmed);
        }
        Ok(Progress::Over)
    }
}
