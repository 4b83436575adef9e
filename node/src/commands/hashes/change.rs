//! Commands that change hashes: HSET, HSETNX, HMSET, HDEL, HINCRBY, HINCRBYFLOAT.
//! Pure.

use crate::commands::arguments::{integer, reply_count};
use crate::commands::element_by_element::{Elements, Told, treat};
use crate::commands::{Action, Call};
use crate::store::{HashEdit, StringRef, Wording};
use shared::command::CommandId;
use shared::long_double::LongDouble;
use shared::resp::ErrorReply;

/// Where a command's fields begin.
const FIRST_FIELD: usize = 2;

/// The hash at the first key, to be changed.
fn edit<'a>(call: &'a mut Call<'_>) -> Result<HashEdit<'a>, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let limits = call.node.settings.hot.small.hash;
    Ok(HashEdit::of(call.store.slot(db, key), limits)?)
}

/// The pairs that the arguments are.
fn pairs(call: &Call<'_>, told: Told) -> Result<Elements, ErrorReply> {
    if call.args.len() % 2 == 1 {
        return Err(ErrorReply::Arity(call.spec.name.into()));
    }
    Ok(Elements::from(call.args, FIRST_FIELD, told).of(2))
}

/// HSET key field value …
pub(super) fn hset(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let pairs = pairs(call, Told::Sum)?;
    treat(call, pairs, |call| {
        let args = call.args;
        let added = edit(call)?.set_pairs(args, FIRST_FIELD)?;
        reply_count(&mut call.reply, added);
        Ok(Action::Continue)
    })
}

/// HMSET key field value …
pub(super) fn hmset(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let pairs = pairs(call, Told::Last)?;
    treat(call, pairs, |call| {
        let args = call.args;
        edit(call)?.set_pairs(args, FIRST_FIELD)?;
        call.reply.ok();
        Ok(Action::Continue)
    })
}

/// HSETNX key field value
pub(super) fn hsetnx(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let args = call.args;
    let (field, value) = (args.at(2), args.at(3));
    let edit = edit(call)?;
    let is_there = edit.hash()?.is_some_and(|hash| hash.get(field).is_some());
    if !is_there {
        edit.set(field, value, Wording::Verbatim(args))?;
    }
    call.reply.integer(i64::from(!is_there));
    Ok(Action::Continue)
}

/// HDEL key field …
pub(super) fn hdel(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let fields = Elements::from(call.args, FIRST_FIELD, Told::Sum);
    treat(call, fields, |call| {
        let args = call.args;
        let removed = edit(call)?.remove_all(args, FIRST_FIELD)?;
        reply_count(&mut call.reply, removed);
        Ok(Action::Continue)
    })
}

/// HINCRBY key field increment
pub(super) fn hincrby(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let args = call.args;
    let (field, increment) = (args.at(2), integer(args.at(3))?);
    let edit = edit(call)?;
    let before = match edit.hash()?.and_then(|hash| hash.get(field)) {
        None => 0,
        Some(StringRef::Integer(number)) => number,
        // A hash keeps every canonical integer as one.
        Some(StringRef::Bytes(_)) => return Err(ErrorReply::HashValueNotInteger),
    };
    let after = before
        .checked_add(increment)
        .ok_or(ErrorReply::IncrementOverflow)?;
    let mut digits = itoa::Buffer::new();
    let value = digits.format(after).as_bytes();
    edit.set_keeping(field, value, Wording::Verbatim(args))?;
    call.reply.integer(after);
    Ok(Action::Continue)
}

/// HINCRBYFLOAT key field increment
pub(super) fn hincrbyfloat(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let args = call.args;
    let field = args.at(2);
    let increment = LongDouble::parse(args.at(3)).ok_or(ErrorReply::NotFloat)?;
    if !increment.is_finite() {
        return Err(ErrorReply::NotFinite);
    }
    let edit = edit(call)?;
    let before = match edit.hash()?.and_then(|hash| hash.get(field)) {
        None => LongDouble::ZERO,
        Some(StringRef::Integer(number)) => LongDouble::from_integer(number),
        Some(StringRef::Bytes(bytes)) => {
            LongDouble::parse(bytes).ok_or(ErrorReply::HashValueNotFloat)?
        }
    };
    let after = before
        .checked_add(increment)
        .ok_or(ErrorReply::IncrementNotFinite)?;
    let mut text = Vec::new();
    after.print(&mut text);
    let (key, hset) = (args.at(1), CommandId::Hset.name().as_bytes());
    let hsetex = CommandId::Hsetex.name().as_bytes();
    let ends = edit.hash()?.is_some_and(|hash| hash.ends(field));
    if ends {
        let words = [hsetex, key, b"KEEPTTL", b"FIELDS", b"1", field, &text];
        edit.set_keeping(field, &text, Wording::Words(&words))?;
    } else {
        edit.set(field, &text, Wording::Words(&[hset, key, field, &text]))?;
    }
    call.reply.bulk(&text);
    Ok(Action::Continue)
}
