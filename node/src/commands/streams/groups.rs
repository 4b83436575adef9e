//! XGROUP: groups are made, moved and dropped, and so are their consumers.
//! Pure.

use super::identifier::{identifier, identifier_or_end, is_sign};
use crate::commands::arguments::{integer, is_word, reply_count_64};
use crate::commands::piecewise::{Piecewise, Progress, carry_out};
use crate::commands::{Action, Call};
use crate::store::{
    ConsumerRef, GroupEdit, StreamEdit, StreamId, StreamIdText, StreamRef, Wording,
};
use shared::command::CommandId;
use shared::resp::{ErrorReply, StreamError};

/// Most arguments of XGROUP CREATE.
const MOST_OF_CREATE: usize = 8;

/// Options of CREATE and SETID.
#[derive(Clone, Copy, Debug, Default)]
struct GroupOptions {
    makes_stream: bool,
    entries_read: Option<u64>,
}

impl GroupOptions {
    fn read(call: &Call<'_>, may_make_stream: bool) -> Result<Self, ErrorReply> {
        let mut options = Self::default();
        let mut at = 5;
        while at < call.args.len() {
            let word = call.args.at(at);
            if may_make_stream && is_word(word, "MKSTREAM") {
                options.makes_stream = true;
                at += 1;
            } else if is_word(word, "ENTRIESREAD") && at + 1 < call.args.len() {
                options.entries_read = match integer(call.args.at(at + 1))? {
                    -1 => None,
                    read => Some(u64::try_from(read).map_err(|_| StreamError::EntriesRead)?),
                };
                at += 2;
            } else {
                return Err(wrong(call));
            }
        }
        Ok(options)
    }
}

/// The subcommand has other arguments.
fn wrong(call: &Call<'_>) -> ErrorReply {
    ErrorReply::unknown_subcommand_or_arity("XGROUP", call.args.at(1))
}

/// The stream at the key, and whether it has the group.
fn edit<'a>(call: &'a mut Call<'_>) -> Result<(StreamEdit<'a>, bool), ErrorReply> {
    let (db, key, name) = (call.db(), call.key(2), call.args.at(3));
    let edit = StreamEdit::of(call.store.slot(db, key))?;
    let Some(stream) = edit.stream() else {
        return Err(StreamError::GroupOfNoStream.into());
    };
    let is_there = stream.group(name).is_some();
    Ok((edit, is_there))
}

/// The group, which must be there.
fn group<'a>(call: &'a mut Call<'_>) -> Result<GroupEdit<'a, 'a>, ErrorReply> {
    let (key, name) = (call.args.at(2), call.args.at(3));
    match edit(call)? {
        (edit, true) => Ok(GroupEdit::of(edit, name)),
        (_, false) => Err(ErrorReply::no_such_group_of(key, name)),
    }
}

/// XGROUP CREATE key group id|$ \[MKSTREAM\] \[ENTRIESREAD entries-read\]
pub(super) fn create(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let options = GroupOptions::read(call, true)?;
    let (db, key, as_asked) = (call.db(), call.key(2), Wording::Verbatim(call.args));
    let (name, id) = (call.args.at(3), call.args.at(4));
    let edit = StreamEdit::of(call.store.slot(db, key))?;
    let last = edit.stream().map(StreamRef::last_id);
    if last.is_none() && !options.makes_stream {
        return Err(StreamError::GroupOfNoStream.into());
    }
    if call.args.len() > MOST_OF_CREATE {
        return Err(wrong(call));
    }
    let id = match is_sign(id, b'$') {
        true => last.unwrap_or(StreamId::MIN),
        false => identifier(id)?,
    };
    if !edit.create_group(name, id, options.entries_read, as_asked)? {
        return Err(StreamError::BusyGroup.into());
    }
    call.reply.ok();
    Ok(Action::Continue)
}

/// XGROUP SETID key group id|$ \[ENTRIESREAD entries-read\]
pub(super) fn setid(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let options = GroupOptions::read(call, false)?;
    let (id, as_asked) = (call.args.at(4), Wording::Verbatim(call.args));
    let is_too_long = !matches!(call.args.len(), 5 | 7);
    let (db, key) = (call.db(), call.key(2));
    let last = StreamRef::there(call.store.peek(db, key))?.map(StreamRef::last_id);
    let id = || match is_sign(id, b'$') {
        true => Ok(last.unwrap_or(StreamId::MIN)),
        false => identifier_or_end(id),
    };
    let refusal = wrong(call);
    let group = group(call)?;
    if is_too_long {
        return Err(refusal);
    }
    group.set_position(id()?, options.entries_read, as_asked)?;
    call.reply.ok();
    Ok(Action::Continue)
}

/// XGROUP DESTROY key group
pub(super) fn destroy(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (name, as_asked) = (call.args.at(3), Wording::Verbatim(call.args));
    let (edit, is_there) = edit(call)?;
    let is_destroyed = is_there && edit.destroy_group(name, as_asked)?;
    call.reply.integer(i64::from(is_destroyed));
    Ok(Action::Continue)
}

/// XGROUP CREATECONSUMER key group consumer
pub(super) fn createconsumer(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (name, as_asked) = (call.args.at(4), Wording::Verbatim(call.args));
    let now_ms = call.now_ms;
    let is_new = group(call)?.create_consumer(name, now_ms, as_asked)?;
    call.reply.integer(i64::from(is_new));
    Ok(Action::Continue)
}

/// XGROUP DELCONSUMER key group consumer
pub(super) fn delconsumer(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let consumer = call.args.at(4);
    group(call)?;
    let (db, key, name) = (call.db(), call.key(2), call.args.at(3));
    let stream = StreamRef::there(call.store.look(db, key))?;
    let group = stream.and_then(|stream| stream.group(name));
    let consumer = group.and_then(|group| group.consumer(consumer));
    let pending = consumer.map_or(0, ConsumerRef::pending_count);
    carry_out(call, Dropping { pending }, pending > SETTLED_AT_ONCE as u64)
}

/// Entries that a consumer that is dropped had, and that are done with between two looks at the time: with more, others have their turns in between.
const SETTLED_AT_ONCE: usize = 256;

/// A consumer with very much that it has not acknowledged, on its way out. Should the stream go meanwhile, the command begins anew.
#[derive(Debug)]
struct Dropping {
    /// How much it was.
    pending: u64,
}

impl Piecewise for Dropping {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (db, key, name) = (call.db(), call.key(2), call.args.at(3));
        let (consumer, as_asked) = (call.args.at(4), Wording::Verbatim(call.args));
        let stream = StreamRef::there(call.store.look(db, key))?;
        let Some(group) = stream.and_then(|stream| stream.group(name)) else {
            return Ok(Progress::Anew);
        };
        let mut ids = Vec::new();
        if let Some(consumer) = group.consumer(consumer) {
            group.walk_pending_of(consumer, StreamId::MIN, |entry| {
                ids.push(entry.id);
                ids.len() <= SETTLED_AT_ONCE
            });
        }
        let edit = GroupEdit::of(StreamEdit::of(call.store.slot(db, key))?, name);
        if ids.len() <= SETTLED_AT_ONCE {
            edit.remove_consumer(consumer, as_asked)?;
            reply_count_64(&mut call.reply, self.pending);
            return Ok(Progress::Over);
        }
        let texts: Vec<StreamIdText> = ids.iter().map(|id| id.text()).collect();
        let mut words = vec![CommandId::Xack.name().as_bytes(), key.bytes, name];
        words.extend(texts.iter().map(StreamIdText::as_bytes));
        edit.acknowledge(&ids, Wording::Words(&words))?;
        Ok(Progress::More)
    }
}
