//! XREADGROUP.
//! Pure. Invariant: what is shown was given to the consumer; what does not fit the reply any more is not.

use super::identifier::{identifier, is_sign};
use super::read::{ReadOptions, UNDIVIDED_KEYS, reply_stream, reply_streams};
use super::reply::reply_entry;
use super::{most_reply_bytes, tell_new_consumer};
use crate::client::WaitKind;
use crate::commands::blocking::block;
use crate::commands::piecewise::{EstimatedHead, PIECE_ELEMENTS, Piecewise, Progress, carry_out};
use crate::commands::{Action, Call};
use crate::store::{ConsumerRef, EntryRef, GroupEdit, Reading, StreamEdit, StreamId, StreamRef};
use shared::command::CommandId;
use shared::resp::{Args, ErrorReply, StreamError};
use std::collections::HashMap;
use std::ops::Range;

/// What a consumer asks for of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// What nobody was given yet.
    New,
    /// What it was given itself, behind this entry.
    Behind(StreamId),
}

/// With more entries than these, others have their turns in between.
const UNDIVIDED_ENTRIES: u64 = 256;
/// Entries that are given between two looks at the time.
const GIVEN_AT_ONCE: u64 = 64;

/// XREADGROUP GROUP group consumer \[COUNT count\] \[BLOCK milliseconds\] \[NOACK\] STREAMS key … id …
pub(super) fn xreadgroup(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let options = ReadOptions::read(call.args, CommandId::Xreadgroup)?;
    let mut work = GroupRead::new(&options, call.now_ms);
    let may_divide = options.block_ms.is_none();
    let is_long = call.is_piecewise || work.keys.len() > UNDIVIDED_KEYS && may_divide || {
        while work.next < work.keys.end {
            work.look_on(call)?;
        }
        let entries = work.found.iter().map(|served| served.estimate);
        entries.fold(0, u64::saturating_add) > UNDIVIDED_ENTRIES
    };
    if let Some(timeout_ms) = options.block_ms
        && !is_long
        && work.found.is_empty()
    {
        let (group, _) = group_of(call.args)?;
        let kind = WaitKind::Group(call.store.hash(group).0);
        return Ok(block(call, kind, timeout_ms, work.keys));
    }
    carry_out(call, work, is_long)
}

/// A XREADGROUP under way. Should a stream go meanwhile, what was given of it was given.
#[derive(Debug)]
struct GroupRead {
    keys: Range<usize>,
    /// The key that is looked at next.
    next: usize,
    most: u64,
    is_acknowledged: bool,
    now_ms: u64,
    /// Streams that are served, the first one behind all others.
    found: Vec<Served>,
    /// How many new entries of each of them will be given.
    given: HashMap<Box<[u8]>, u64>,
    served: Option<Served>,
    is_begun: bool,
}

/// A stream that is served.
#[derive(Debug)]
struct Served {
    key_at: usize,
    wanted: Wanted,
    /// How many entries it will give: exactly, or no fewer.
    estimate: u64,
    head: Option<EstimatedHead>,
}

impl GroupRead {
    fn new(options: &ReadOptions<'_>, now_ms: u64) -> Self {
        Self {
            keys: options.keys.clone(),
            next: options.keys.start,
            most: options.most,
            is_acknowledged: options.is_acknowledged,
            now_ms,
            found: Vec::new(),
            given: HashMap::new(),
            served: None,
            is_begun: false,
        }
    }

    /// Looks at some of the streams.
    fn look_on(&mut self, call: &mut Call<'_>) -> Result<(), ErrorReply> {
        let (group, consumer) = group_of(call.args)?;
        let end = self.keys.end.min(self.next + PIECE_ELEMENTS);
        for index in self.next..end {
            let wanted = wanted_of(call, index, index + self.keys.len(), group)?;
            let (db, key) = (call.db(), call.key(index));
            let stream = StreamRef::there(call.store.look(db, key))?;
            let Some((stream, group)) =
                stream.and_then(|stream| Some((stream, stream.group(group)?)))
            else {
                continue;
            };
            let given = self.given.get(key.bytes).copied().unwrap_or(0);
            let all = match wanted {
                Wanted::New => {
                    let from = group.last_id().next();
                    let all = from.map_or(0, |from| stream.count(from, StreamId::MAX));
                    // Named again, a stream has left what is not given the first time.
                    all.saturating_sub(given)
                }
                // What is given before in this very command is pending by then.
                Wanted::Behind(_) => group
                    .consumer(consumer)
                    .map_or(0, ConsumerRef::pending_count)
                    .saturating_add(given),
            };
            // As in Redis, its consumer counts as not heard of where nothing is new.
            if wanted != Wanted::New || all > 0 {
                if wanted == Wanted::New {
                    *self.given.entry(key.bytes.into()).or_default() += all.min(self.most);
                }
                self.found.push(Served {
                    key_at: index,
                    wanted,
                    estimate: all.min(self.most),
                    head: None,
                });
            }
        }
        self.next = end;
        Ok(())
    }

    /// Gives some entries; whether more are to come.
    fn serve(&self, call: &mut Call<'_>, served: &mut Served) -> Result<bool, ErrorReply> {
        let (group, consumer) = group_of(call.args)?;
        let (db, key, most_bytes) = (call.db(), call.key(served.key_at), most_reply_bytes(call));
        let estimate = served.estimate;
        let head = served.head.get_or_insert_with(|| {
            reply_stream(&mut call.reply, key.bytes);
            EstimatedHead::write(&mut call.reply, estimate)
        });
        let tells = call.store.tells_events();
        let edit = StreamEdit::of(call.store.slot(db, key))?;
        let has_group = edit
            .stream()
            .is_some_and(|stream| stream.group(group).is_some());
        if !has_group {
            return Ok(false);
        }
        let reading = Reading {
            consumer,
            limit: head.left().min(GIVEN_AT_ONCE),
            is_acknowledged: self.is_acknowledged,
            now_ms: self.now_ms,
        };
        let was_known = !tells || edit.knows(group, consumer);
        let (edit, reply) = (GroupEdit::of(edit, group), &mut call.reply);
        let (mut given, mut last) = (0, None);
        let mut show = |id: StreamId, entry: Option<EntryRef<'_>>| {
            reply_entry(reply, id, entry);
            (given, last) = (given + 1, Some(id));
            reply.position() <= most_bytes
        };
        match served.wanted {
            Wanted::New => edit.read(reading, &mut |entry| show(entry.id, Some(entry)))?,
            Wanted::Behind(id) => edit.reread(reading, id.next(), &mut show)?,
        }
        tell_new_consumer(call, key, (group, consumer), was_known);
        head.count += given;
        if let (Wanted::Behind(id), Some(last)) = (&mut served.wanted, last) {
            *id = last;
        }
        let has_more = given == reading.limit && head.left() > 0;
        Ok(has_more && call.reply.position() <= most_bytes)
    }
}

impl Piecewise for GroupRead {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        if self.next < self.keys.end {
            self.look_on(call)?;
            return Ok(Progress::More);
        }
        if !self.is_begun {
            self.is_begun = true;
            self.found.reverse();
            reply_streams(&mut call.reply, self.found.len());
        }
        let Some(mut served) = self.served.take().or_else(|| self.found.pop()) else {
            return Ok(Progress::Over);
        };
        if self.serve(call, &mut served)? {
            self.served = Some(served);
        } else if let Some(head) = served.head {
            head.end(&mut call.reply);
        }
        Ok(Progress::More)
    }
}

/// The group, and the consumer in it.
fn group_of<'a>(args: Args<'a>) -> Result<(&'a [u8], &'a [u8]), ErrorReply> {
    let options = ReadOptions::read(args, CommandId::Xreadgroup)?;
    Ok(options.group.ok_or(StreamError::MissingGroup)?)
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
