//! What was given out and not acknowledged: XACK, XPENDING.
//! Pure.

use super::change::identifiers;
use super::identifier::{range_end, range_start};
use super::reply::{EntriesReply, reply_id};
use super::{has_group, most_reply_bytes};
use crate::commands::arguments::{integer, is_word, reply_count_64};
use crate::commands::{Action, Call};
use crate::store::{GroupEdit, GroupRef, PendingEntry, StreamEdit, StreamId, StreamRef, Wording};
use shared::resp::{Args, ErrorReply, ReplyWriter};

/// XACK key group id …
pub(super) fn xack(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (name, as_asked) = (call.args.at(2), Wording::Verbatim(call.args));
    if !has_group(call, 1, name)? {
        call.reply.integer(0);
        return Ok(Action::Continue);
    }
    let ids = identifiers(call.args, 3)?;
    let (db, key) = (call.db(), call.key(1));
    let group = GroupEdit::of(StreamEdit::of(call.store.slot(db, key))?, name);
    let settled = group.acknowledge(&ids, as_asked)?;
    reply_count_64(&mut call.reply, settled);
    Ok(Action::Continue)
}

/// Which entries XPENDING is to list.
#[derive(Clone, Copy, Debug)]
struct Listing<'a> {
    min_idle_ms: u64,
    most: u64,
    from: StreamId,
    to: StreamId,
    consumer: Option<&'a [u8]>,
}

impl<'a> Listing<'a> {
    fn read(args: Args<'a>) -> Result<Self, ErrorReply> {
        let mut min_idle_ms = 0;
        let mut at = 3;
        if is_word(args.at(at), "IDLE") {
            min_idle_ms = u64::try_from(integer(args.at(4))?).unwrap_or(0);
            if args.len() < 8 {
                return Err(ErrorReply::Syntax);
            }
            at = 5;
        }
        let most = u64::try_from(integer(args.at(at + 2))?).unwrap_or(0);
        Ok(Self {
            min_idle_ms,
            most,
            from: range_start(args.at(at))?,
            to: range_end(args.at(at + 1))?,
            consumer: args.get(at + 3),
        })
    }
}

/// XPENDING key group \[\[IDLE min-idle-time\] start end count \[consumer\]\]
pub(super) fn xpending(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let listing = match call.args.len() {
        3 => None,
        6..=9 => Some(Listing::read(call.args)?),
        _ => return Err(ErrorReply::Syntax),
    };
    let (db, key, name) = (call.db(), call.key(1), call.args.at(2));
    let (most_bytes, now_ms) = (most_reply_bytes(call), call.now_ms);
    let stream = StreamRef::there(call.store.get(db, key))?;
    let Some(group) = stream.and_then(|stream| stream.group(name)) else {
        return Err(ErrorReply::no_such_group(key.bytes, name));
    };
    match listing {
        None => summarize(group, &mut call.reply, most_bytes)?,
        Some(listing) => {
            let reply = EntriesReply::begin(&mut call.reply, most_bytes, listing.most);
            list(group, listing, now_ms, reply)?;
        }
    }
    Ok(Action::Continue)
}

/// How many there are, the first, the last, and how many each consumer has.
fn summarize(
    group: GroupRef<'_>,
    reply: &mut ReplyWriter<'_>,
    most_bytes: usize,
) -> Result<(), ErrorReply> {
    reply.array(4);
    reply_count_64(reply, group.pending_count());
    let Some((first, last)) = group.pending_ends() else {
        reply.null();
        reply.null();
        reply.null_array();
        return Ok(());
    };
    reply_id(reply, first);
    reply_id(reply, last);
    let mut consumers = EntriesReply::begin(reply, most_bytes, u64::MAX);
    let busy = group
        .consumers()
        .filter(|consumer| consumer.pending_count() > 0);
    for consumer in busy {
        let goes_on = consumers.push(|reply| {
            reply.array(2);
            reply.bulk(consumer.name());
            let mut digits = itoa::Buffer::new();
            reply.bulk(digits.format(consumer.pending_count()).as_bytes());
        });
        if !goes_on {
            break;
        }
    }
    consumers.finish()
}

fn list(
    group: GroupRef<'_>,
    listing: Listing<'_>,
    now_ms: u64,
    mut reply: EntriesReply<'_, '_>,
) -> Result<(), ErrorReply> {
    let mut show = |entry: PendingEntry<'_>| {
        let idle_ms = now_ms.saturating_sub(entry.at_ms);
        if entry.id > listing.to {
            return false;
        }
        if idle_ms < listing.min_idle_ms {
            return true;
        }
        reply.push(|reply| {
            reply.array(4);
            reply_id(reply, entry.id);
            reply.bulk(entry.consumer);
            reply_count_64(reply, idle_ms);
            reply.integer(entry.count.cast_signed());
        })
    };
    match listing.consumer {
        _ if listing.most == 0 => {}
        None => group.walk_pending(listing.from, show),
        Some(name) => {
            if let Some(consumer) = group.consumer(name) {
                group.walk_pending_of(consumer, listing.from, &mut show);
            }
        }
    }
    reply.finish()
}
