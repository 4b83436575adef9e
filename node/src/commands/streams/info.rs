//! XINFO: what is known of a stream, its groups, and their consumers.
//! Pure.

use super::info_full::Full;
use super::most_reply_bytes;
use super::reply::{reply_array, reply_entry, reply_known, reply_named_count, reply_named_id};
use crate::commands::arguments::{check_reply, integer, is_word};
use crate::commands::piecewise::show;
use crate::commands::{Action, Call};
use crate::store::{GroupRef, StreamRef};
use shared::resp::{ErrorReply, ReplyWriter};

/// Entries that XINFO STREAM FULL shows of each list where nobody says how many.
const USUAL_COUNT: u64 = 10;

/// The stream at the key, which must be there.
fn stream_there<'a>(call: &'a mut Call<'_>) -> Result<StreamRef<'a>, ErrorReply> {
    let (db, key) = (call.db(), call.key(2));
    StreamRef::there(call.store.get(db, key))?.ok_or(ErrorReply::NoSuchKey)
}

/// XINFO STREAM key \[FULL \[COUNT count\]\]
pub(super) fn stream(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    stream_there(call)?;
    if let Some(most) = full_count(call)? {
        return show(call, |call| {
            let (db, key) = (call.db(), call.key(2));
            let stream = StreamRef::there(call.store.look(db, key))?;
            let stream = stream.ok_or(ErrorReply::NoSuchKey)?;
            let entries = stream.len().min(most);
            call.reply.map(9);
            reply_totals(&mut call.reply, stream);
            call.reply.bulk(b"entries");
            reply_array(&mut call.reply, entries);
            Ok(Full::new(most, entries))
        });
    }
    let (db, key) = (call.db(), call.key(2));
    let Some(stream) = StreamRef::there(call.store.look(db, key))? else {
        return Err(ErrorReply::NoSuchKey);
    };
    let reply = &mut call.reply;
    reply.map(10);
    reply_totals(reply, stream);
    reply_ends(reply, stream);
    check_reply(call)?;
    Ok(Action::Continue)
}

/// How many entries FULL shows of each list; `None` without it.
fn full_count(call: &Call<'_>) -> Result<Option<u64>, ErrorReply> {
    let args = call.args;
    let wrong = || ErrorReply::unknown_subcommand_or_arity("XINFO", args.at(1));
    let (option, count) = match args.len() {
        3 => return Ok(None),
        4 => (args.at(3), None),
        6 => (args.at(3), Some((args.at(4), args.at(5)))),
        _ => return Err(wrong()),
    };
    if !is_word(option, "FULL") {
        return Err(wrong());
    }
    let Some((word, value)) = count else {
        return Ok(Some(USUAL_COUNT));
    };
    if !is_word(word, "COUNT") {
        return Err(wrong());
    }
    Ok(Some(match integer(value)? {
        ..0 => USUAL_COUNT,
        0 => u64::MAX,
        count => count.unsigned_abs(),
    }))
}

fn reply_totals(reply: &mut ReplyWriter<'_>, stream: StreamRef<'_>) {
    reply_named_count(reply, "length", stream.len());
    let nodes = stream.nodes();
    reply_named_count(reply, "radix-tree-keys", nodes);
    // Redis' tree has inner nodes as well; ours is another one. One node is told as two, as there.
    reply_named_count(reply, "radix-tree-nodes", nodes.saturating_add(1));
    reply_named_id(reply, "last-generated-id", stream.last_id());
    reply_named_id(reply, "max-deleted-entry-id", stream.max_deleted_id());
    reply.bulk(b"entries-added");
    reply.integer(stream.entries_added().cast_signed());
    reply_named_id(reply, "recorded-first-entry-id", stream.first_entry());
}

/// Without FULL: how many groups, and the entries at both ends.
fn reply_ends(reply: &mut ReplyWriter<'_>, stream: StreamRef<'_>) {
    reply_named_count(reply, "groups", stream.group_count() as u64);
    let ends = [
        ("first-entry", Some(stream.first_entry())),
        ("last-entry", stream.last_entry()),
    ];
    for (name, id) in ends {
        reply.bulk(name.as_bytes());
        match id.and_then(|id| stream.get(id)) {
            Some(entry) => reply_entry(reply, entry.id, Some(entry)),
            None => reply.null(),
        }
    }
}

pub(super) fn reply_progress(reply: &mut ReplyWriter<'_>, group: GroupRef<'_>) {
    reply_named_id(reply, "last-delivered-id", group.last_id());
    reply.bulk(b"entries-read");
    reply_known(reply, group.entries_read().map(u64::cast_signed));
    reply.bulk(b"lag");
    reply_known(reply, group.lag());
}

/// XINFO GROUPS key
pub(super) fn groups(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    stream_there(call)?;
    let (db, key, most_bytes) = (call.db(), call.key(2), most_reply_bytes(call));
    if let Some(stream) = StreamRef::there(call.store.look(db, key))? {
        let reply = &mut call.reply;
        reply.array(stream.group_count());
        for group in stream.groups() {
            if reply.position() > most_bytes {
                break;
            }
            reply.map(6);
            reply.bulk(b"name");
            reply.bulk(group.name());
            reply_named_count(reply, "consumers", group.consumer_count() as u64);
            reply_named_count(reply, "pending", group.pending_count());
            reply_progress(reply, group);
        }
    }
    check_reply(call)?;
    Ok(Action::Continue)
}

/// XINFO CONSUMERS key group
pub(super) fn consumers(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (name, now_ms) = (call.args.at(3), call.now_ms);
    stream_there(call)?;
    let (db, key, most_bytes) = (call.db(), call.key(2), most_reply_bytes(call));
    let stream = StreamRef::there(call.store.look(db, key))?;
    let Some(group) = stream.and_then(|stream| stream.group(name)) else {
        return Err(ErrorReply::no_such_group_of(key.bytes, name));
    };
    let reply = &mut call.reply;
    reply.array(group.consumer_count());
    for consumer in group.consumers() {
        if reply.position() > most_bytes {
            break;
        }
        reply.map(3);
        reply.bulk(b"name");
        reply.bulk(consumer.name());
        reply_named_count(reply, "pending", consumer.pending_count());
        let idle_ms = now_ms.saturating_sub(consumer.seen_ms());
        reply_named_count(reply, "idle", idle_ms);
    }
    check_reply(call)?;
    Ok(Action::Continue)
}
