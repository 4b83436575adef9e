//! Commands that put a string in place of whatever was there: SET and its older forms.
//! Pure.

use super::compare::is_equal;
use crate::commands::arguments::{DeadlineForm, is_word, reply_optional, string};
use crate::commands::{Action, Call};
use crate::store::{ExpiryChange, StringEdit, StringRef};
use shared::resp::ErrorReply;

/// Whether SET depends on what is at the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition<'a> {
    Always,
    IfAbsent,
    IfPresent,
    /// This string is there.
    IfEqual(&'a [u8]),
}

/// The options of SET.
#[derive(Clone, Copy, Debug)]
struct SetOptions<'a> {
    condition: Condition<'a>,
    answer_with_old: bool,
    keep_expiry: bool,
    deadline: Option<(DeadlineForm, &'a [u8])>,
}

/// SET key value [NX | XX | IFEQ value] [GET] [EX seconds | PX milliseconds | EXAT unix-seconds | PXAT unix-milliseconds | KEEPTTL]
pub(super) fn set(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.args.len() > 3 {
        return set_with_options(call);
    }
    let (db, key) = (call.db(), call.key(1));
    let value = call.args.at(2);
    StringEdit::put(call.store.slot(db, key), value, ExpiryChange::Clear)?;
    call.reply.ok();
    Ok(Action::Continue)
}

fn set_with_options(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let options = parse_options(call)?;
    let deadline = match options.deadline {
        Some((form, number)) => {
            Some(form.positive_deadline_ms(number, call.now_ms, call.spec.name)?)
        }
        None => None,
    };
    let (db, key, value) = (call.db(), call.key(1), call.args.at(2));
    let is_met = if options.answer_with_old {
        let old = string(call.store.get(db, key))?;
        reply_optional(&mut call.reply, old);
        options.condition.is_met_by(old)
    } else {
        match options.condition {
            Condition::Always => true,
            Condition::IfAbsent => !call.store.exists(db, key),
            Condition::IfPresent => call.store.exists(db, key),
            Condition::IfEqual(_) => {
                let old = string(call.store.peek(db, key))?;
                options.condition.is_met_by(old)
            }
        }
    };
    if !is_met {
        if !options.answer_with_old {
            call.reply.null();
        }
        return Ok(Action::Continue);
    }
    let expiry = match deadline {
        Some(at) => ExpiryChange::At(at),
        None if options.keep_expiry => ExpiryChange::Keep,
        None => ExpiryChange::Clear,
    };
    StringEdit::put(call.store.slot(db, key), value, expiry)?;
    if !options.answer_with_old {
        call.reply.ok();
    }
    Ok(Action::Continue)
}

impl Condition<'_> {
    /// Whether SET may go on when this string is at the key, or nothing.
    fn is_met_by(self, old: Option<StringRef<'_>>) -> bool {
        match self {
            Self::Always => true,
            Self::IfAbsent => old.is_none(),
            Self::IfPresent => old.is_some(),
            Self::IfEqual(expected) => old.is_some_and(|old| is_equal(old, expected)),
        }
    }

    /// Whether an option may ask for another one.
    fn is_or_may_be(self, other: Self) -> bool {
        self == Self::Always || self == other
    }
}

fn parse_options<'a>(call: &Call<'a>) -> Result<SetOptions<'a>, ErrorReply> {
    let mut options = SetOptions {
        condition: Condition::Always,
        answer_with_old: false,
        keep_expiry: false,
        deadline: None,
    };
    let mut arguments = call.args.iter_from(3);
    while let Some(argument) = arguments.next() {
        if let Some(form) = DeadlineForm::of_option(argument) {
            // The same option may come again; the last number counts.
            let another = options.deadline.is_some_and(|(before, _)| before != form);
            let number = arguments.next().ok_or(ErrorReply::Syntax)?;
            if another || options.keep_expiry {
                return Err(ErrorReply::Syntax);
            }
            options.deadline = Some((form, number));
        } else if is_word(argument, "NX") && options.condition.is_or_may_be(Condition::IfAbsent) {
            options.condition = Condition::IfAbsent;
        } else if is_word(argument, "XX") && options.condition.is_or_may_be(Condition::IfPresent) {
            options.condition = Condition::IfPresent;
        } else if is_word(argument, "IFEQ") && options.condition == Condition::Always {
            let expected = arguments.next().ok_or(ErrorReply::Syntax)?;
            options.condition = Condition::IfEqual(expected);
        } else if is_word(argument, "GET") {
            options.answer_with_old = true;
        } else if is_word(argument, "KEEPTTL") && options.deadline.is_none() {
            options.keep_expiry = true;
        } else {
            return Err(ErrorReply::Syntax);
        }
    }
    Ok(options)
}

/// SETNX key value
pub(super) fn setnx(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key, value) = (call.db(), call.key(1), call.args.at(2));
    let free = !call.store.exists(db, key);
    if free {
        StringEdit::put(call.store.slot(db, key), value, ExpiryChange::Clear)?;
    }
    call.reply.integer(i64::from(free));
    Ok(Action::Continue)
}

/// SETEX key seconds value
pub(super) fn setex(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    set_for(call, DeadlineForm::SecondsFromNow)
}

/// PSETEX key milliseconds value
pub(super) fn psetex(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    set_for(call, DeadlineForm::MillisecondsFromNow)
}

fn set_for(call: &mut Call<'_>, form: DeadlineForm) -> Result<Action, ErrorReply> {
    let at = form.positive_deadline_ms(call.args.at(2), call.now_ms, call.spec.name)?;
    let (db, key, value) = (call.db(), call.key(1), call.args.at(3));
    StringEdit::put(call.store.slot(db, key), value, ExpiryChange::At(at))?;
    call.reply.ok();
    Ok(Action::Continue)
}

/// GETSET key value
pub(super) fn getset(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key, value) = (call.db(), call.key(1), call.args.at(2));
    let old = string(call.store.get(db, key))?;
    reply_optional(&mut call.reply, old);
    StringEdit::put(call.store.slot(db, key), value, ExpiryChange::Clear)?;
    Ok(Action::Continue)
}
