//! XREADGROUP.
//! Pure. Invariant: what is shown was given to the consumer; what does not fit the reply any more is not.

use super::identifier::{identifier, is_sign};
use super::most_reply_bytes;
use super::read::{ReadOptions, StreamsReply};
use super::reply::{EntriesReply, reply_entry};
use crate::commands::{Action, Call};
use crate::store::{GroupEdit, GroupRef, Reading, StreamEdit, StreamId, StreamRef};
use shared::command::CommandId;
use shared::resp::{ErrorReply, StreamError};

/// What a consumer asks for of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// What nobody was given yet.
    New,
    /// What it was given itself, behind this entry.
    Behind(StreamId),
}

/// XREADGROUP GROUP group consumer \[COUNT count\] \[NOACK\] STREAMS key … id …
pub(super) fn xreadgroup(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let options = ReadOptions::read(call.args, CommandId::Xreadgroup)?;
    let (group, consumer) = options.group.ok_or(StreamError::MissingGroup)?;
    let mut wanted = Vec::with_capacity(options.keys.len());
    for index in options.keys.clone() {
        wanted.push(wanted_of(call, index, options.id_of(index), group)?);
    }
    let reading = Reading {
        consumer,
        limit: options.most,
        is_acknowledged: options.is_acknowledged,
        now_ms: call.now_ms,
    };
    let mut streams = StreamsReply::begin(&mut call.reply);
    for (index, wanted) in options.keys.clone().zip(wanted) {
        serve(call, &mut streams, index, group, wanted, reading)?;
    }
    streams.end(&mut call.reply);
    Ok(Action::Continue)
}

fn wanted_of(
    call: &mut Call<'_>,
    key_at: usize,
    id_at: usize,
    group: &[u8],
) -> Result<Wanted, ErrorReply> {
    let (db, key, id) = (call.db(), call.key(key_at), call.args.at(id_at));
    let stream = StreamRef::there(call.store.get(db, key))?;
    if stream.is_none_or(|stream| stream.group(group).is_none()) {
        return Err(ErrorReply::no_such_group_to_read(key.bytes, group));
    }
    Ok(match id {
        id if is_sign(id, b'$') => return Err(StreamError::LastIdOfGroup.into()),
        id if is_sign(id, b'>') => Wanted::New,
        id => match identifier(id)? {
            // Redis knows no other word for what is new.
            StreamId::MAX => Wanted::New,
            id => Wanted::Behind(id),
        },
    })
}

fn serve(
    call: &mut Call<'_>,
    streams: &mut StreamsReply,
    index: usize,
    group: &[u8],
    wanted: Wanted,
    reading: Reading<'_>,
) -> Result<(), ErrorReply> {
    let (db, key, most_bytes) = (call.db(), call.key(index), most_reply_bytes(call));
    let edit = StreamEdit::of(call.store.slot(db, key))?;
    let Some(stream) = edit.stream() else {
        return Ok(());
    };
    let last_given = stream.group(group).map(GroupRef::last_id);
    let has_new = stream.last_entry() > last_given;
    let edit = GroupEdit::of(edit, group);
    if wanted == Wanted::New && !has_new {
        // As in Redis, its consumer counts as not heard of.
        return Ok(());
    }
    streams.stream(&mut call.reply, key.bytes);
    let mut reply = EntriesReply::begin(&mut call.reply, most_bytes, reading.limit);
    match wanted {
        Wanted::New => edit.read(reading, &mut |entry| reply.entry(entry))?,
        Wanted::Behind(id) => edit.reread(reading, id.next(), &mut |id, entry| {
            reply.push(|reply| reply_entry(reply, id, entry))
        })?,
    }
    reply.end();
    Ok(())
}
