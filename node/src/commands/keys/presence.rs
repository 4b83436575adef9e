//! Commands that ask whether keys are there, or see to it that they are not: DEL, UNLINK, EXISTS, TOUCH, TYPE.
//! Pure.

use crate::commands::arguments::reply_count;
use crate::commands::{Action, Call};
use crate::store::Value;
use shared::resp::ErrorReply;

/// DEL key …, and UNLINK, which is the same here: large values are always freed aside.
pub(super) fn del(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let db = call.db();
    let mut removed = 0;
    for index in 1..call.args.len() {
        let key = call.key(index);
        removed += usize::from(call.store.remove(db, key));
    }
    if removed > 0 {
        call.effects.verbatim(db, call.args);
    }
    reply_count(&mut call.reply, removed);
    Ok(Action::Continue)
}

/// EXISTS key …: a key named twice counts twice.
pub(super) fn exists(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let db = call.db();
    let mut found = 0;
    for index in 1..call.args.len() {
        let key = call.key(index);
        let exists = call.store.exists(db, key);
        call.store.count_lookup(exists);
        found += usize::from(exists);
    }
    reply_count(&mut call.reply, found);
    Ok(Action::Continue)
}

/// TOUCH key …
pub(super) fn touch(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let db = call.db();
    let mut touched = 0;
    for index in 1..call.args.len() {
        let key = call.key(index);
        touched += usize::from(call.store.get(db, key).is_some());
    }
    reply_count(&mut call.reply, touched);
    Ok(Action::Continue)
}

/// TYPE key
pub(super) fn type_of(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let name = call.store.peek(db, key).map(type_name);
    call.store.count_lookup(name.is_some());
    call.reply.simple(name.unwrap_or("none"));
    Ok(Action::Continue)
}

/// What TYPE calls a value.
pub(super) fn type_name(value: Value<'_>) -> &'static str {
    match value {
        Value::String(_) => "string",
    }
}
