//! Commands that read entries between two identifiers: XLEN, XRANGE, XREVRANGE.
//! Pure.

use super::identifier::{range_end, range_start};
use super::most_reply_bytes;
use super::reply::EntriesReply;
use crate::commands::arguments::{integer, is_word, reply_count_64};
use crate::commands::{Action, Call};
use crate::store::StreamRef;
use shared::resp::{Args, ErrorReply};

/// XLEN key
pub(super) fn xlen(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let stream = StreamRef::there(call.store.get(db, key))?;
    reply_count_64(&mut call.reply, stream.map_or(0, StreamRef::len));
    Ok(Action::Continue)
}

/// XRANGE key start end \[COUNT count\]
pub(super) fn xrange(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (from, to) = (range_start(call.args.at(2))?, range_end(call.args.at(3))?);
    answer(call, |stream, reply| {
        stream.walk(from, to, |entry| reply.entry(entry));
    })
}

/// XREVRANGE key end start \[COUNT count\]
pub(super) fn xrevrange(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (from, to) = (range_start(call.args.at(3))?, range_end(call.args.at(2))?);
    answer(call, |stream, reply| {
        stream.walk_back(from, to, |entry| reply.entry(entry));
    })
}

fn answer(
    call: &mut Call<'_>,
    walk: impl FnOnce(StreamRef<'_>, &mut EntriesReply<'_, '_>),
) -> Result<Action, ErrorReply> {
    let count = count(call.args)?;
    let (db, key) = (call.db(), call.key(1));
    let most_bytes = most_reply_bytes(call);
    let Some(stream) = StreamRef::there(call.store.get(db, key))? else {
        call.reply.array(0);
        return Ok(Action::Continue);
    };
    if count == Some(0) {
        call.reply.null_array();
        return Ok(Action::Continue);
    }
    let most = count.unwrap_or(u64::MAX);
    let mut reply = EntriesReply::begin(&mut call.reply, most_bytes, most);
    walk(stream, &mut reply);
    reply.finish()?;
    Ok(Action::Continue)
}

/// How many entries are wanted; `None` for all, 0 where less than that was asked for.
fn count(args: Args<'_>) -> Result<Option<u64>, ErrorReply> {
    let mut count = None;
    let mut arguments = args.iter_from(4);
    while let Some(word) = arguments.next() {
        match arguments.next() {
            Some(value) if is_word(word, "COUNT") => {
                count = Some(u64::try_from(integer(value)?).unwrap_or(0));
            }
            _ => return Err(ErrorReply::Syntax),
        }
    }
    Ok(count)
}
