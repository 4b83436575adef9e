//! Commands that read fields and change them at once, or set them with their end: HGETDEL, HGETEX, HSETEX.
//! Pure. Invariant: a reply that would be too long is refused before anything is changed.

use super::fields::{Fields, end_ms, field_by_field};
use super::hash;
use crate::commands::arguments::{DeadlineForm, integer, is_word, reply_optional};
use crate::commands::piecewise::Progress;
use crate::commands::{Action, Call};
use crate::store::{ExpiryChange, ExpiryRule, HashEdit, StringRef};
use shared::resp::{Args, ErrorReply};

/// Lets `work` treat fields whose values are the reply, once that has been seen not to be longer than any client may have waiting: of very many some at a time.
fn once_checked<W>(call: &mut Call<'_>, fields: Fields, mut work: W) -> Result<Action, ErrorReply>
where
    W: FnMut(&mut Call<'_>, Args<'_>) -> Result<(), ErrorReply> + 'static,
{
    let (mut next, mut bytes, mut is_begun) = (fields.first, 0, false);
    field_by_field(call, fields.first, move |call, part| {
        let (db, key, end) = (call.db(), call.key(1), call.args.len());
        if next < end {
            let most = call.node.settings.hot.output_limit.most_bytes();
            let hash = hash(call.store.look(db, key))?;
            for field in part.iter_from(fields.first) {
                let value = hash.and_then(|hash| hash.get(field));
                bytes += value.map_or(0, StringRef::len);
                next += 1;
            }
            if bytes > most {
                return Err(ErrorReply::ReplyTooLong);
            }
            // All have been looked at: from the first one on they are treated.
            return Ok(Progress::More);
        }
        if !is_begun {
            is_begun = true;
            call.reply.array(fields.count);
        }
        work(call, part)?;
        Ok(Progress::Over)
    })
}

/// HGETDEL key FIELDS count field …
pub(super) fn hgetdel(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key, args) = (call.db(), call.key(1), call.args);
    let limits = call.node.settings.hot.small.hash;
    HashEdit::of(call.store.slot(db, key), limits)?;
    let fields = Fields::parse(args, 2, ErrorReply::FieldCountNotPositive)?;
    once_checked(call, fields, move |call, part| {
        let (db, key) = (call.db(), call.key(1));
        let edit = HashEdit::of(call.store.slot(db, key), limits)?;
        let reply = &mut call.reply;
        edit.take(part, fields.first, |value| reply_optional(reply, value))?;
        Ok(())
    })
}

/// What HGETEX does to the fields that it reads.
#[derive(Clone, Copy, Debug)]
enum Then {
    Nothing,
    Persist,
    EndAt(u64),
}

/// The options of HGETEX, and its fields.
fn parse_getex(call: &Call<'_>) -> Result<(Then, Fields), ErrorReply> {
    let args = call.args;
    let option = args.at(2);
    let (then, at) = match DeadlineForm::of_option(option) {
        Some(form) => (Then::EndAt(end_ms(call, form, args.at(3))?), 4),
        None if is_word(option, "PERSIST") => (Then::Persist, 3),
        None => (Then::Nothing, 2),
    };
    let fields = Fields::parse(args, at, ErrorReply::FieldCountNotPositive)?;
    Ok((then, fields))
}

/// HGETEX key \[EX seconds | PX milliseconds | EXAT unix-seconds | PXAT unix-milliseconds | PERSIST\] FIELDS count field …
pub(super) fn hgetex(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let asked = parse_getex(call);
    let (db, key, now_ms) = (call.db(), call.key(1), call.now_ms);
    let limits = call.node.settings.hot.small.hash;
    // Redis looks at the key before the arguments.
    HashEdit::of(call.store.slot(db, key), limits)?;
    let (then, fields) = asked?;
    once_checked(call, fields, move |call, part| {
        let (db, key) = (call.db(), call.key(1));
        let edit = HashEdit::of(call.store.slot(db, key), limits)?;
        let reply = &mut call.reply;
        if let Then::EndAt(at_ms) = then
            && at_ms <= now_ms
        {
            // Named twice it is there only once.
            edit.take(part, fields.first, |value| reply_optional(reply, value))?;
            return Ok(());
        }
        let hash = edit.hash()?;
        for field in part.iter_from(fields.first) {
            reply_optional(reply, hash.and_then(|hash| hash.get(field)));
        }
        match then {
            Then::Nothing => {}
            Then::Persist => edit.persist(part, fields.first, |_| {})?,
            Then::EndAt(at_ms) => {
                edit.expire(part, fields.first, at_ms, ExpiryRule::Always, |_| {})?;
            }
        }
        Ok(())
    })
}

/// When HSETEX sets fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    NoneIsThere,
    AllAreThere,
}

/// The options of HSETEX, and where its pairs begin.
#[derive(Debug)]
struct Setting {
    condition: Option<Condition>,
    expiry: ExpiryChange,
    first: usize,
}

fn arity(call: &Call<'_>) -> ErrorReply {
    ErrorReply::Arity(call.spec.name.into())
}

impl Setting {
    /// Options in any order; with FIELDS they end.
    fn parse(call: &Call<'_>) -> Result<Self, ErrorReply> {
        let args = call.args;
        let (mut condition, mut expiry) = (None, None);
        let mut at = 2;
        while let Some(word) = args.get(at) {
            if is_word(word, "FIELDS") {
                return Ok(Self {
                    condition,
                    expiry: expiry.unwrap_or(ExpiryChange::Clear),
                    first: Self::pairs(call, at)?,
                });
            }
            if let Some(form) = DeadlineForm::of_option(word) {
                if expiry.is_some() {
                    return Err(ErrorReply::FieldExpiryConflict);
                }
                at += 1;
                let number = args.get(at).ok_or_else(|| arity(call))?;
                expiry = Some(ExpiryChange::At(end_ms(call, form, number)?));
            } else if is_word(word, "KEEPTTL") {
                if expiry.is_some() {
                    return Err(ErrorReply::FieldExpiryConflict);
                }
                expiry = Some(ExpiryChange::Keep);
            } else if let Some(wanted) = Condition::of(word) {
                if condition.is_some() {
                    return Err(ErrorReply::FieldConditionConflict);
                }
                condition = Some(wanted);
            } else {
                return Err(ErrorReply::unknown_argument(word));
            }
            at += 1;
        }
        // There are too many arguments for that.
        Err(arity(call))
    }

    /// Where the pairs begin behind FIELDS, which stands at `at`: as many as are announced, and nothing behind them.
    fn pairs(call: &Call<'_>, at: usize) -> Result<usize, ErrorReply> {
        let (args, first) = (call.args, at + 2);
        if first + 2 > args.len() {
            return Err(arity(call));
        }
        let count = integer(args.at(at + 1)).ok();
        let count = count.and_then(|count| i32::try_from(count).ok());
        let count = count.and_then(|count| usize::try_from(count).ok());
        let count = count
            .filter(|count| *count > 0)
            .ok_or(ErrorReply::FieldCountInvalid)?;
        let words = args.len() - first;
        if words % 2 == 1 || words / 2 != count {
            return Err(arity(call));
        }
        Ok(first)
    }
}

impl Condition {
    fn of(word: &[u8]) -> Option<Self> {
        if is_word(word, "FNX") {
            Some(Self::NoneIsThere)
        } else if is_word(word, "FXX") {
            Some(Self::AllAreThere)
        } else {
            None
        }
    }
}

/// HSETEX key \[FNX | FXX\] \[EX seconds | PX milliseconds | EXAT unix-seconds | PXAT unix-milliseconds | KEEPTTL\] FIELDS count field value …
pub(super) fn hsetex(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let Setting {
        condition,
        expiry,
        first,
    } = Setting::parse(call)?;
    let (db, key) = (call.db(), call.key(1));
    let limits = call.node.settings.hot.small.hash;
    HashEdit::of(call.store.slot(db, key), limits)?;
    // Up to where they have been looked at, and set.
    let mut looked_to = condition.map_or(usize::MAX, |_| first);
    let (mut is_met, mut set_to) = (true, first);
    field_by_field(call, first, move |call, part| {
        let (db, key, end) = (call.db(), call.key(1), call.args.len());
        let edit = HashEdit::of(call.store.slot(db, key), limits)?;
        if looked_to < end {
            let hash = edit.hash()?;
            let is_there = |field| hash.is_some_and(|hash| hash.get(field).is_some());
            let mut fields = part.iter_from(first).step_by(2);
            is_met = is_met
                && match condition {
                    None => true,
                    Some(Condition::NoneIsThere) => !fields.any(is_there),
                    Some(Condition::AllAreThere) => fields.all(is_there),
                };
            looked_to += part.len() - first;
            // When all have been looked at, they are set, from the first one on.
            return Ok(Progress::More);
        }
        if is_met {
            edit.set_timed(part, first, expiry)?;
        }
        set_to += part.len() - first;
        if set_to == end {
            call.reply.integer(i64::from(is_met));
        }
        Ok(Progress::Over)
    })
}
