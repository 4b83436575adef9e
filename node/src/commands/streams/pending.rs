//! What was given out and not acknowledged: XACK, XPENDING.
//! Pure.

use super::change::{check_identifiers, identifiers};
use super::identifier::{range_end, range_start};
use super::reply::{EntriesReply, reply_id};
use super::{has_group, most_reply_bytes};
use crate::commands::arguments::{check_reply, integer, is_word, reply_count_64};
use crate::commands::element_by_element::{Elements, Told, treat};
use crate::commands::piecewise::{EstimatedHead, PIECE_ELEMENTS, Piecewise, Progress, carry_out};
use crate::commands::{Action, Call};
use crate::store::{
    ConsumerRef, GroupEdit, GroupRef, PendingEntry, StreamEdit, StreamId, StreamRef, Wording,
};
use shared::resp::{Args, ErrorReply, ReplyWriter};

/// With more pending entries than these, others have their turns while XPENDING lists them.
const UNDIVIDED_ENTRIES: u64 = 512;

/// XACK key group id …
pub(super) fn xack(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if !has_group(call, 1, call.args.at(2))? {
        call.reply.integer(0);
        return Ok(Action::Continue);
    }
    let ids = Elements::from(call.args, 3, Told::Sum);
    treat(call, ids.checked(check_identifiers), |call| {
        let (name, as_asked) = (call.args.at(2), Wording::Verbatim(call.args));
        let ids = identifiers(call.args, 3)?;
        let (db, key) = (call.db(), call.key(1));
        let edit = StreamEdit::of(call.store.slot(db, key))?;
        let has_group = edit
            .stream()
            .is_some_and(|stream| stream.group(name).is_some());
        let settled = match has_group {
            true => GroupEdit::of(edit, name).acknowledge(&ids, as_asked)?,
            // It went meanwhile.
            false => 0,
        };
        reply_count_64(&mut call.reply, settled);
        Ok(Action::Continue)
    })
}

/// XPENDING under way: the entries that it lists.
#[derive(Debug)]
struct Listing {
    min_idle_ms: u64,
    now_ms: u64,
    /// Between these are those that are not listed yet.
    from: StreamId,
    to: StreamId,
    /// Which argument names the consumer, where one is named.
    consumer_at: Option<usize>,
    head: Option<EstimatedHead>,
    most: u64,
}

impl Listing {
    fn read(args: Args<'_>, now_ms: u64) -> Result<Self, ErrorReply> {
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
            now_ms,
            most,
            from: range_start(args.at(at))?,
            to: range_end(args.at(at + 1))?,
            consumer_at: (at + 3 < args.len()).then_some(at + 3),
            head: None,
        })
    }

    /// Lists some entries; where it goes on, if it does.
    fn list_some(
        &self,
        group: GroupRef<'_>,
        consumer: Option<ConsumerRef<'_>>,
        head: &mut EstimatedHead,
        reply: &mut ReplyWriter<'_>,
    ) -> Option<StreamId> {
        let (mut looked_at, mut next) = (0, None);
        let show = |entry: PendingEntry<'_>| {
            let idle_ms = self.now_ms.saturating_sub(entry.at_ms);
            next = None;
            if entry.id > self.to {
                return false;
            }
            if idle_ms >= self.min_idle_ms {
                head.count += 1;
                reply.array(4);
                reply_id(reply, entry.id);
                reply.bulk(entry.consumer);
                reply_count_64(reply, idle_ms);
                reply.integer(entry.count.cast_signed());
            }
            looked_at += 1;
            next = entry.id.next().filter(|_| head.count < self.most);
            next.is_some() && looked_at < PIECE_ELEMENTS
        };
        match consumer {
            None => group.walk_pending(self.from, show),
            Some(consumer) => group.walk_pending_of(consumer, self.from, show),
        }
        next.filter(|_| looked_at == PIECE_ELEMENTS)
    }
}

impl Piecewise for Listing {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (db, key, name) = (call.db(), call.key(1), call.args.at(2));
        let stream = StreamRef::there(call.store.look(db, key))?;
        let Some(group) = stream.and_then(|stream| stream.group(name)) else {
            return Ok(Progress::Anew);
        };
        let named = self.consumer_at.map(|at| group.consumer(call.args.at(at)));
        let all = match named {
            None => group.pending_count(),
            Some(consumer) => consumer.map_or(0, ConsumerRef::pending_count),
        };
        let reply = &mut call.reply;
        let head = self.head.take();
        let mut head = head.unwrap_or_else(|| EstimatedHead::write(reply, all.min(self.most)));
        let next = match named {
            Some(None) => None,
            _ if self.most == 0 => None,
            named => self.list_some(group, named.flatten(), &mut head, reply),
        };
        check_reply(call)?;
        match next {
            Some(next) => {
                self.from = next;
                self.head = Some(head);
                Ok(Progress::More)
            }
            None => {
                head.end(&mut call.reply);
                Ok(Progress::Over)
            }
        }
    }
}

/// XPENDING key group \[\[IDLE min-idle-time\] start end count \[consumer\]\]
pub(super) fn xpending(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let listing = match call.args.len() {
        3 => None,
        6..=9 => Some(Listing::read(call.args, call.now_ms)?),
        _ => return Err(ErrorReply::Syntax),
    };
    let (db, key, name) = (call.db(), call.key(1), call.args.at(2));
    let most_bytes = most_reply_bytes(call);
    let stream = StreamRef::there(call.store.get(db, key))?;
    let Some(group) = stream.and_then(|stream| stream.group(name)) else {
        return Err(ErrorReply::no_such_group(key.bytes, name));
    };
    match listing {
        None => summarize(group, &mut call.reply, most_bytes)?,
        Some(listing) => {
            let is_long =
                group.pending_count() > UNDIVIDED_ENTRIES && listing.most > UNDIVIDED_ENTRIES;
            return carry_out(call, listing, is_long);
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
