//! Commands that put what a key holds under another name or into another database: RENAME, RENAMENX, COPY, MOVE; what is large is copied a part at a time with other clients' commands between.
//! Pure.

use crate::commands::arguments::{integer_32, is_word};
use crate::commands::piecewise::{Piecewise, Progress, carry_out};
use crate::commands::{Action, Call};
use crate::store::{CopyProgress, DbIndex, ValueCopy};
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
    if copied && call.store.is_long_to_copy(db, from) {
        return carry_out(call, Placing::new(to_db, Purpose::Copy), true);
    }
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
    let moves = call.store.exists(db, key) && !call.store.exists(to_db, key);
    if moves && call.store.is_long_to_copy(db, key) {
        return carry_out(call, Placing::new(to_db, Purpose::Move), true);
    }
    let moved = call.store.move_key(db, key, to_db)?;
    call.reply.integer(i64::from(moved));
    Ok(Action::Continue)
}

/// What a copy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Copy,
    Move,
}

/// A large value on its way to another place, a part at a time. Should it go meanwhile (expired, evicted), the command begins anew, and finds nothing.
#[derive(Debug)]
struct Placing {
    to_db: DbIndex,
    purpose: Purpose,
    /// None before the first step.
    copy: Option<ValueCopy>,
}

impl Placing {
    fn new(to_db: DbIndex, purpose: Purpose) -> Self {
        Self {
            to_db,
            purpose,
            copy: None,
        }
    }
}

impl Piecewise for Placing {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (db, from) = (call.db(), call.key(1));
        let copy = self.copy.take();
        let mut copy = copy.unwrap_or_else(|| ValueCopy::new(db, self.to_db));
        match call.store.copy_some(&mut copy, from) {
            Ok(CopyProgress::More) => {
                self.copy = Some(copy);
                return Ok(Progress::More);
            }
            Ok(CopyProgress::Over) => {}
            Ok(CopyProgress::Gone) => {
                call.store.give_up_copy(copy);
                return Ok(Progress::Anew);
            }
            Err(full) => {
                call.store.give_up_copy(copy);
                return Err(full.into());
            }
        }
        let is_put = match self.purpose {
            Purpose::Copy => {
                let to = call.key(2);
                call.store.put_copy(copy, from, to)?
            }
            Purpose::Move => call.store.put_moved(copy, from)?,
        };
        call.reply.integer(i64::from(is_put));
        Ok(Progress::Over)
    }
}

/// The database that an argument names; `None` when there is none of that number.
fn database(call: &Call<'_>, argument: &[u8]) -> Result<Option<DbIndex>, ErrorReply> {
    let number = u8::try_from(integer_32(argument)?).ok();
    Ok(number
        .filter(|number| *number < call.store.databases())
        .map(DbIndex))
}
