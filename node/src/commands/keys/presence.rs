//! Commands that ask whether keys are there, or see to it that they are not: DEL, UNLINK, EXISTS, TOUCH, TYPE.
//! Pure.

use crate::commands::arguments::reply_count;
use crate::commands::key_by_key::{KeyByKey, Stride, at_once};
use crate::commands::{Action, Call};
use shared::resp::ErrorReply;
use std::ops::Range;

/// DEL key …, and UNLINK, which is the same here: large values are always freed aside.
pub(super) static DEL: KeyByKey = counting(remove);
/// EXISTS key …: a key named twice counts twice.
pub(super) static EXISTS: KeyByKey = counting(find);
/// TOUCH key …
pub(super) static TOUCH: KeyByKey = counting(touch_each);

/// The reply is the number of keys that count.
const fn counting(treat: Stride) -> KeyByKey {
    KeyByKey {
        begin: |_| Ok(()),
        unless: None,
        treat,
        end: |call, counted| reply_count(&mut call.reply, counted),
    }
}

pub(super) fn del(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    at_once(call, &DEL)
}

pub(super) fn exists(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    at_once(call, &EXISTS)
}

pub(super) fn touch(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    at_once(call, &TOUCH)
}

fn remove(call: &mut Call<'_>, keys: Range<usize>) -> Result<usize, ErrorReply> {
    let db = call.db();
    let mut removed = 0;
    for index in keys {
        let key = call.key(index);
        removed += usize::from(call.store.remove(db, key));
    }
    Ok(removed)
}

fn find(call: &mut Call<'_>, keys: Range<usize>) -> Result<usize, ErrorReply> {
    let db = call.db();
    let mut found = 0;
    for index in keys {
        let key = call.key(index);
        let exists = call.store.exists(db, key);
        call.store.count_lookup_of(db, key, exists);
        found += usize::from(exists);
    }
    Ok(found)
}

fn touch_each(call: &mut Call<'_>, keys: Range<usize>) -> Result<usize, ErrorReply> {
    let db = call.db();
    let mut touched = 0;
    for index in keys {
        let key = call.key(index);
        touched += usize::from(call.store.get(db, key).is_some());
    }
    Ok(touched)
}

/// TYPE key
pub(super) fn type_of(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let name = call.store.peek(db, key).map(|value| value.kind().name());
    call.store.count_lookup_of(db, key, name.is_some());
    call.reply.simple(name.unwrap_or("none"));
    Ok(Action::Continue)
}
