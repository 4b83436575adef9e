//! [`ReadOptions`], which XREAD and XREADGROUP share, and XREAD.
//! Pure.

use super::identifier::{identifier, is_sign};
use super::most_reply_bytes;
use super::reply::EntriesReply;
use crate::commands::arguments::{integer, is_word};
use crate::commands::{Action, Call};
use crate::store::{StreamId, StreamRef};
use shared::command::CommandId;
use shared::resp::{Args, ErrorReply, LaterHead, Protocol, ReplyWriter, StreamError};
use std::ops::Range;

/// What stands before the streams, and where they are.
#[derive(Debug)]
pub(super) struct ReadOptions<'a> {
    /// Most entries of each stream.
    pub(super) most: u64,
    /// A group and the consumer in it.
    pub(super) group: Option<(&'a [u8], &'a [u8])>,
    /// Whether entries are pending until they are acknowledged.
    pub(super) is_acknowledged: bool,
    /// Which arguments are keys; as many identifiers follow.
    pub(super) keys: Range<usize>,
}

impl<'a> ReadOptions<'a> {
    /// Reads them.
    pub(super) fn read(args: Args<'a>, command: CommandId) -> Result<Self, ErrorReply> {
        let mut options = Self {
            most: u64::MAX,
            group: None,
            is_acknowledged: true,
            keys: 0..0,
        };
        let is_of_group = command == CommandId::Xreadgroup;
        let mut blocks = false;
        let mut at = 1;
        while at < args.len() {
            let (word, more) = (args.at(at), args.len() - at - 1);
            if is_word(word, "BLOCK") && more > 0 {
                check_timeout(args.at(at + 1))?;
                blocks = true;
                at += 2;
            } else if is_word(word, "COUNT") && more > 0 {
                let count = u64::try_from(integer(args.at(at + 1))?).unwrap_or(0);
                options.most = if count == 0 { u64::MAX } else { count };
                at += 2;
            } else if is_word(word, "STREAMS") && more > 0 {
                if !more.is_multiple_of(2) {
                    return Err(StreamError::Unbalanced.into());
                }
                options.keys = at + 1..at + 1 + more / 2;
                break;
            } else if is_word(word, "GROUP") && more > 1 {
                if !is_of_group {
                    return Err(StreamError::GroupOfNoGroup.into());
                }
                options.group = Some((args.at(at + 1), args.at(at + 2)));
                at += 3;
            } else if is_word(word, "NOACK") {
                if !is_of_group {
                    return Err(StreamError::NoAckOfNoGroup.into());
                }
                options.is_acknowledged = false;
                at += 1;
            } else {
                return Err(ErrorReply::Syntax);
            }
        }
        if options.keys.is_empty() {
            return Err(ErrorReply::Syntax);
        }
        if is_of_group && options.group.is_none() {
            return Err(StreamError::MissingGroup.into());
        }
        if blocks {
            return Err(StreamError::Block.into());
        }
        Ok(options)
    }

    /// Which argument is the identifier that belongs to a key.
    pub(super) fn id_of(&self, key: usize) -> usize {
        key + self.keys.len()
    }
}

/// Milliseconds to wait: wrong ones are told first.
fn check_timeout(argument: &[u8]) -> Result<(), ErrorReply> {
    match integer(argument) {
        Err(_) => Err(ErrorReply::TimeoutNotInteger),
        Ok(..0) => Err(ErrorReply::TimeoutNegative),
        Ok(_) => Ok(()),
    }
}

/// XREAD \[COUNT count\] STREAMS key … id …
pub(super) fn xread(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let options = ReadOptions::read(call.args, CommandId::Xread)?;
    let db = call.db();
    let mut behind = Vec::with_capacity(options.keys.len());
    for index in options.keys.clone() {
        let key = call.key(index);
        let stream = StreamRef::there(call.store.get(db, key))?;
        let id = call.args.at(options.id_of(index));
        behind.push(match id {
            id if is_sign(id, b'$') => stream.map_or(StreamId::MIN, StreamRef::last_id),
            id if is_sign(id, b'>') => return Err(StreamError::NewIdOfNoGroup.into()),
            id => identifier(id)?,
        });
    }
    let most_bytes = most_reply_bytes(call);
    let mut streams = StreamsReply::begin(&mut call.reply);
    for (index, behind) in options.keys.clone().zip(behind) {
        let key = call.key(index);
        let Some(stream) = StreamRef::there(call.store.look(db, key))? else {
            continue;
        };
        let is_behind_all = stream.last_entry().is_none_or(|last| last <= behind);
        let Some(from) = behind.next().filter(|_| !is_behind_all) else {
            continue;
        };
        streams.stream(&mut call.reply, key.bytes);
        let mut reply = EntriesReply::begin(&mut call.reply, most_bytes, options.most);
        stream.walk(from, StreamId::MAX, |entry| reply.entry(entry));
        reply.finish()?;
    }
    streams.end(&mut call.reply);
    Ok(Action::Continue)
}

/// Streams with their entries: pairs, a map in RESP3, nothing at all when there are none.
#[derive(Debug)]
pub(super) struct StreamsReply {
    start: usize,
    head: LaterHead,
    count: usize,
}

impl StreamsReply {
    pub(super) fn begin(reply: &mut ReplyWriter<'_>) -> Self {
        let start = reply.position();
        let head = match reply.protocol() {
            Protocol::Resp2 => reply.array_later(),
            Protocol::Resp3 => reply.map_later(),
        };
        let count = 0;
        Self { start, head, count }
    }

    /// The next stream's name; its entries follow.
    pub(super) fn stream(&mut self, reply: &mut ReplyWriter<'_>, key: &[u8]) {
        if reply.protocol() == Protocol::Resp2 {
            reply.array(2);
        }
        reply.bulk(key);
        self.count += 1;
    }

    pub(super) fn end(self, reply: &mut ReplyWriter<'_>) {
        if self.count == 0 {
            reply.truncate(self.start);
            reply.null_array();
        } else {
            reply.finish(self.head, self.count);
        }
    }
}
