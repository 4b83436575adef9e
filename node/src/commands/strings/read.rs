//! Commands that answer with a string that is there: GET, STRLEN, GETRANGE, and the two that do something to its key besides, GETDEL and GETEX.
//! Pure.

use crate::commands::arguments::{
    DeadlineForm, bytes_of, forward_span, integer, is_word, reply_count, reply_optional,
    reply_string, string,
};
use crate::commands::{Action, Call};
use crate::store::StringRef;
use shared::resp::ErrorReply;

/// GET key
pub(super) fn get(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let value = string(call.store.get(db, key))?;
    reply_optional(&mut call.reply, value);
    Ok(Action::Continue)
}

/// STRLEN key
pub(super) fn strlen(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let len = string(call.store.get(db, key))?.map_or(0, StringRef::len);
    reply_count(&mut call.reply, len);
    Ok(Action::Continue)
}

/// GETRANGE key start end, and its old name SUBSTR
pub(super) fn getrange(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let start = integer(call.args.at(2))?;
    let end = integer(call.args.at(3))?;
    let (db, key) = (call.db(), call.key(1));
    let mut buffer = itoa::Buffer::new();
    let value = string(call.store.get(db, key))?;
    let bytes = value.map_or(&b""[..], |value| bytes_of(value, &mut buffer));
    let part = match forward_span(start, end, bytes.len()) {
        Some((first, last)) => &bytes[first..=last],
        None => b"",
    };
    call.reply.bulk(part);
    Ok(Action::Continue)
}

/// GETDEL key
pub(super) fn getdel(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let value = string(call.store.get(db, key))?;
    reply_optional(&mut call.reply, value);
    if value.is_some() {
        call.store.remove(db, key);
    }
    Ok(Action::Continue)
}

/// What GETEX does to the expiry.
#[derive(Clone, Copy)]
enum ExpiryOption<'a> {
    Leave,
    Remove,
    Set(DeadlineForm, &'a [u8]),
}

/// GETEX key [EX seconds | PX milliseconds | EXAT unix-seconds | PXAT unix-milliseconds | PERSIST]
pub(super) fn getex(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let option = getex_option(call)?;
    let (db, key) = (call.db(), call.key(1));
    let Some(value) = string(call.store.get(db, key))? else {
        call.reply.null();
        return Ok(Action::Continue);
    };
    // Redis looks at the number only when there is a key.
    let deadline = match option {
        ExpiryOption::Set(form, number) => {
            Some(form.positive_deadline_ms(number, call.now_ms, call.spec.name)?)
        }
        _ => None,
    };
    reply_string(&mut call.reply, value);
    match (option, deadline) {
        (ExpiryOption::Set(form, _), Some(at)) if form.is_absolute() && at <= call.now_ms => {
            call.store.remove(db, key);
        }
        (_, Some(at)) => {
            call.store.set_expiry(db, key, Some(at))?;
        }
        (ExpiryOption::Remove, None) => {
            if call.store.expiry(db, key).flatten().is_some() {
                call.store.set_expiry(db, key, None)?;
            }
        }
        (_, None) => {}
    }
    Ok(Action::Continue)
}

fn getex_option<'a>(call: &Call<'a>) -> Result<ExpiryOption<'a>, ErrorReply> {
    let mut option = ExpiryOption::Leave;
    let mut arguments = call.args.iter_from(2);
    while let Some(argument) = arguments.next() {
        option = match (DeadlineForm::of_option(argument), option) {
            // The same option may come again; the last number counts.
            (Some(form), ExpiryOption::Leave) => next_number(form, arguments.next())?,
            (Some(form), ExpiryOption::Set(before, _)) if form == before => {
                next_number(form, arguments.next())?
            }
            (None, ExpiryOption::Leave | ExpiryOption::Remove) if is_word(argument, "PERSIST") => {
                ExpiryOption::Remove
            }
            _ => return Err(ErrorReply::Syntax),
        };
    }
    Ok(option)
}

fn next_number(form: DeadlineForm, number: Option<&[u8]>) -> Result<ExpiryOption<'_>, ErrorReply> {
    let number = number.ok_or(ErrorReply::Syntax)?;
    Ok(ExpiryOption::Set(form, number))
}
