//! Commands that read hashes: HGET, HMGET, HGETALL, HKEYS, HVALS, HLEN, HEXISTS, HSTRLEN.
//! Pure.

use super::hash;
use crate::commands::arguments::{check_reply, reply_count, reply_optional, reply_string};
use crate::commands::{Action, Call};
use crate::store::{HashRef, Position, StringRef};
use shared::resp::{ErrorReply, ReplyWriter};

/// Fields shown between two looks at how long the reply has become.
const SHOWN_AT_ONCE: usize = 128;

/// HGET key field
pub(super) fn hget(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key, field) = (call.db(), call.key(1), call.args.at(2));
    let hash = hash(call.store.get(db, key))?;
    let value = hash.and_then(|hash| hash.get(field));
    reply_optional(&mut call.reply, value);
    Ok(Action::Continue)
}

/// HMGET key field …
pub(super) fn hmget(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let most = call.node.settings.hot.output_limit.most_bytes();
    let hash = hash(call.store.get(db, key))?;
    call.reply.array(call.args.len() - 2);
    for field in call.args.iter_from(2) {
        let value = hash.and_then(|hash| hash.get(field));
        reply_optional(&mut call.reply, value);
        // A short request may name a long value a thousand times.
        if call.reply.position() > most {
            return Err(ErrorReply::ReplyTooLong);
        }
    }
    Ok(Action::Continue)
}

/// HLEN key
pub(super) fn hlen(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let fields = hash(call.store.get(db, key))?.map_or(0, HashRef::fields);
    call.reply
        .integer(i64::try_from(fields).unwrap_or(i64::MAX));
    Ok(Action::Continue)
}

/// HEXISTS key field
pub(super) fn hexists(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key, field) = (call.db(), call.key(1), call.args.at(2));
    let hash = hash(call.store.get(db, key))?;
    let exists = hash.is_some_and(|hash| hash.get(field).is_some());
    call.reply.integer(i64::from(exists));
    Ok(Action::Continue)
}

/// HSTRLEN key field
pub(super) fn hstrlen(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key, field) = (call.db(), call.key(1), call.args.at(2));
    let hash = hash(call.store.get(db, key))?;
    let value = hash.and_then(|hash| hash.get(field));
    reply_count(&mut call.reply, value.map_or(0, StringRef::len));
    Ok(Action::Continue)
}

/// HGETALL key
pub(super) fn hgetall(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    reply_all(call, ReplyWriter::map, |reply, field, value| {
        reply_string(reply, field);
        reply_string(reply, value);
    })
}

/// HKEYS key
pub(super) fn hkeys(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    reply_all(call, ReplyWriter::array, |reply, field, _| {
        reply_string(reply, field);
    })
}

/// HVALS key
pub(super) fn hvals(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    reply_all(call, ReplyWriter::array, |reply, _, value| {
        reply_string(reply, value);
    })
}

fn reply_all<'a>(
    call: &mut Call<'a>,
    head: fn(&mut ReplyWriter<'a>, usize),
    show: fn(&mut ReplyWriter<'_>, StringRef<'_>, StringRef<'_>),
) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let fields = hash(call.store.get(db, key))?.map_or(0, HashRef::fields);
    head(
        &mut call.reply,
        usize::try_from(fields).unwrap_or(usize::MAX),
    );
    let mut next = (fields > 0).then(Position::default);
    while let Some(from) = next {
        let Some(hash) = hash(call.store.look(db, key))? else {
            break;
        };
        next = hash.walk(from, SHOWN_AT_ONCE, |field, value| {
            show(&mut call.reply, field, value);
        });
        check_reply(call)?;
    }
    Ok(Action::Continue)
}
