//! [`ReadOptions`], which XREAD and XREADGROUP share, and XREAD.
//! Pure.

use super::identifier::{identifier, is_sign};
use super::range::{Direction, Shown};
use crate::client::WaitKind;
use crate::commands::arguments::{integer, is_word};
use crate::commands::blocking::block_with;
use crate::commands::piecewise::{PIECE_ELEMENTS, Piecewise, Progress, show};
use crate::commands::{Action, Call};
use crate::store::{StreamId, StreamRef};
use shared::command::CommandId;
use shared::resp::{Args, ErrorReply, Protocol, ReplyWriter, StreamError};
use shared::wait_time;
use std::ops::Range;

/// With more keys, others have their turns while the streams are looked at: so many take half a millisecond.
pub(super) const UNDIVIDED_KEYS: usize = 1_024;

/// What stands before the streams, and where they are.
#[derive(Debug)]
pub(super) struct ReadOptions<'a> {
    /// Most entries of each stream.
    pub(super) most: u64,
    /// A group and the consumer in it.
    pub(super) group: Option<(&'a [u8], &'a [u8])>,
    /// Milliseconds to wait while there are none, if that is wanted; 0 for ever.
    pub(super) block_ms: Option<u64>,
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
            block_ms: None,
            is_acknowledged: true,
            keys: 0..0,
        };
        let is_of_group = command == CommandId::Xreadgroup;
        let mut at = 1;
        while at < args.len() {
            let (word, more) = (args.at(at), args.len() - at - 1);
            if is_word(word, "BLOCK") && more > 0 {
                options.block_ms = Some(wait_time::milliseconds(args.at(at + 1))?);
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
        Ok(options)
    }
}

/// XREAD \[COUNT count\] \[BLOCK milliseconds\] STREAMS key … id …
pub(super) fn xread(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let options = ReadOptions::read(call.args, CommandId::Xread)?;
    let mut work = Read {
        keys: options.keys.clone(),
        next: options.keys.start,
        most: options.most,
        found: Vec::new(),
        missed: Vec::new(),
        shown: None,
        is_begun: false,
    };
    if let Some(timeout_ms) = options.block_ms
        && !call.is_piecewise
    {
        // What is not there now is waited for, so that all of it is looked at in one go.
        while work.next < work.keys.end {
            work.look_on(call)?;
        }
        if work.found.iter().all(|shown| shown.left == 0) {
            return wait(call, timeout_ms, work.keys);
        }
    } else if work.keys.len() > UNDIVIDED_KEYS && !call.is_piecewise {
        return Ok(Action::Piecewise(Box::new(work)));
    }
    show(call, |_| Ok(work))
}

/// Waits for what comes behind the entries that are named, `$` being the last one of this moment.
fn wait(call: &mut Call<'_>, timeout_ms: u64, keys: Range<usize>) -> Result<Action, ErrorReply> {
    let mut last_ids = Vec::new();
    for index in keys.clone() {
        let id_at = index + keys.len();
        if is_sign(call.args.at(id_at), b'$') {
            let (db, key) = (call.db(), call.key(index));
            let stream = StreamRef::there(call.store.get(db, key))?;
            last_ids.push((id_at, last_id(stream)));
        }
    }
    let kind = WaitKind::Stream;
    Ok(block_with(call, kind, timeout_ms, keys, last_ids))
}

fn last_id(stream: Option<StreamRef<'_>>) -> Vec<u8> {
    let last = stream.map_or(StreamId::MIN, StreamRef::last_id);
    last.text().as_bytes().to_vec()
}

/// Behind which identifiers the XREAD whose name is argument `at` waits for what is new, `$` being the last one of this moment.
pub(in crate::commands) fn since_ids(
    call: &mut Call<'_>,
    at: usize,
) -> Result<Vec<Vec<u8>>, ErrorReply> {
    let args = call.args.skip(at);
    let keys = ReadOptions::read(args, CommandId::Xread)?.keys;
    let said = |index: usize| args.at(index + keys.len());
    let ids = keys.clone().map(|index| match said(index) {
        id if is_sign(id, b'$') => {
            let (db, key) = (call.db(), call.key(at + index));
            // Nobody looks for it: the command behind does.
            let stream = StreamRef::there(call.store.peek(db, key))?;
            Ok(last_id(stream))
        }
        id => Ok(id.to_vec()),
    });
    ids.collect()
}

/// A XREAD under way.
#[derive(Debug)]
struct Read {
    keys: Range<usize>,
    /// The key that is looked at next.
    next: usize,
    /// Most entries of each stream.
    most: u64,
    /// Streams that have what is asked for, the first one behind all others.
    found: Vec<Shown>,
    /// Streams that are not there, if that is told as an event: Redis looks for each twice.
    missed: Vec<usize>,
    /// The one that is being shown.
    shown: Option<Shown>,
    is_begun: bool,
}

impl Read {
    /// Looks for what some of the streams have.
    fn look_on(&mut self, call: &mut Call<'_>) -> Result<(), ErrorReply> {
        let (db, end) = (call.db(), self.keys.end.min(self.next + PIECE_ELEMENTS));
        for index in self.next..end {
            let key = call.key(index);
            let tells = call.store.tells_events();
            let stream = StreamRef::there(call.store.get(db, key))?;
            if tells && stream.is_none() {
                self.missed.push(index);
            }
            let behind = match call.args.at(index + self.keys.len()) {
                id if is_sign(id, b'$') => stream.map_or(StreamId::MIN, StreamRef::last_id),
                id if is_sign(id, b'>') => return Err(StreamError::NewIdOfNoGroup.into()),
                id => identifier(id)?,
            };
            if let (Some(stream), Some(from)) = (stream, behind.next()) {
                let to = StreamId::MAX;
                self.found.push(Shown {
                    key_at: index,
                    direction: Direction::Up,
                    from,
                    to,
                    left: stream.count(from, to).min(self.most),
                });
            }
        }
        self.next = end;
        Ok(())
    }

    fn begin(&mut self, reply: &mut ReplyWriter<'_>) {
        self.is_begun = true;
        self.found.retain(|shown| shown.left > 0);
        self.found.reverse();
        reply_streams(reply, self.found.len());
    }
}

impl Piecewise for Read {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        if self.next < self.keys.end {
            self.look_on(call)?;
            return Ok(Progress::More);
        }
        if !self.is_begun {
            self.begin(&mut call.reply);
            for index in std::mem::take(&mut self.missed) {
                call.store.miss(call.session.db, call.key(index));
            }
        }
        let Some(mut shown) = self.shown.take() else {
            self.shown = self.found.pop();
            let Some(shown) = &self.shown else {
                return Ok(Progress::Over);
            };
            let name = call.args.at(shown.key_at);
            reply_stream(&mut call.reply, name);
            call.reply
                .array(usize::try_from(shown.left).unwrap_or(usize::MAX));
            return Ok(Progress::More);
        };
        match shown.go_on(call)? {
            Progress::More | Progress::Long => self.shown = Some(shown),
            Progress::Over => {}
            Progress::Anew => return Ok(Progress::Anew),
        }
        Ok(Progress::More)
    }
}

/// The head of so many streams with their entries: pairs, a map in RESP3, nothing at all when there are none.
pub(super) fn reply_streams(reply: &mut ReplyWriter<'_>, streams: usize) {
    match reply.protocol() {
        _ if streams == 0 => reply.null_array(),
        Protocol::Resp2 => reply.array(streams),
        Protocol::Resp3 => reply.map(streams),
    }
}

/// The next stream's name; its entries follow.
pub(super) fn reply_stream(reply: &mut ReplyWriter<'_>, key: &[u8]) {
    if reply.protocol() == Protocol::Resp2 {
        reply.array(2);
    }
    reply.bulk(key);
}
