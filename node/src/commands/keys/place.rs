//! Commands that put what a key holds under another name or into another database: RENAME, RENAMENX, COPY, MOVE.
//! Pure.

use crate::commands::arguments::{integer_32, is_word};
use crate::commands::{Action, Call};
use crate::store::DbIndex;
use shared::resp::ErrorReply;

/// RENAME key newkey
pub(super) fn rename(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, from, to) = (call.db(), call.key(1), call.key(2));
    if !call.store.exists(db, from) {
        return Err(ErrorReply::NoSuchKey);
    }
    if from.bytes != to.bytes {
        call.store.rename(db, from, to)?;
    }
    call.reply.ok();
    Ok(Action::Continue)
}

/// RENAMENX key newkey
pub(super) fn renamenx(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, from, to) = (call.db(), call.key(1), call.key(2));
    if !call.store.exists(db, from) {
        return Err(ErrorReply::NoSuchKey);
    }
    // A key is there when it is the same one.
    let free = !call.store.exists(db, to);
    if free {
        call.store.rename(db, from, to)?;
    }
    call.reply.integer(i64::from(free));
    Ok(Action::Continue)
}

/// COPY source destination [DB destination-db] [REPLACE]
pub(super) fn copy(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, from, to) = (call.db(), call.key(1), call.key(2));
    let mut to_db = db;
    let mut replace = false;
    let mut arguments = call.args.iter_from(3);
    while let Some(argument) = arguments.next() {
        if is_word(argument, "REPLACE") {
            replace = true;
        } else if is_word(argument, "DB") {
            let number = arguments.next().ok_or(ErrorReply::Syntax)?;
            to_db = database(call, number)?.ok_or(ErrorReply::DbIndexOutOfRange)?;
        } else {
            return Err(ErrorReply::Syntax);
        }
    }
    if db == to_db && from.bytes == to.bytes {
        return Err(ErrorReply::SameObject);
    }
    // Counted as a read; the other place is only looked at.
    let found = call.store.get(db, from).is_some();
    let copied = found && (replace || !call.store.exists(to_db, to));
    if copied {
        call.store.copy(db, from, to_db, to)?;
    }
    call.reply.integer(i64::from(copied));
    Ok(Action::Continue)
}

/// MOVE key db
pub(super) fn move_key(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let to_db = database(call, call.args.at(2))?.ok_or(ErrorReply::DbIndexOutOfRange)?;
    if db == to_db {
        return Err(ErrorReply::SameObject);
    }
    let moved = call.store.move_key(db, key, to_db)?;
    call.reply.integer(i64::from(moved));
    Ok(Action::Continue)
}

/// The database that an argument names; `None` when there is none of that number.
fn database(call: &Call<'_>, argument: &[u8]) -> Result<Option<DbIndex>, ErrorReply> {
    let number = u8::try_from(integer_32(argument)?).ok();
    Ok(number
        .filter(|number| *number < call.store.databases())
        .map(DbIndex))
}
