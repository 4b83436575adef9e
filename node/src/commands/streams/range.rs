//! Commands that read entries between two identifiers: XLEN, XRANGE, XREVRANGE.
//! Pure.

use super::identifier::{range_end, range_start};
use super::reply::push_entry;
use crate::commands::arguments::{check_reply, integer, is_word, reply_count_64};
use crate::commands::piecewise::{PIECE_BYTES, PIECE_ELEMENTS, Piecewise, Progress, show};
use crate::commands::{Action, Call};
use crate::store::{EntryRef, StreamId, StreamRef};
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
    answer(call, Direction::Up, from, to)
}

/// XREVRANGE key end start \[COUNT count\]
pub(super) fn xrevrange(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (from, to) = (range_start(call.args.at(3))?, range_end(call.args.at(2))?);
    answer(call, Direction::Down, from, to)
}

fn answer(
    call: &mut Call<'_>,
    direction: Direction,
    from: StreamId,
    to: StreamId,
) -> Result<Action, ErrorReply> {
    let count = count(call.args)?;
    let (db, key) = (call.db(), call.key(1));
    if StreamRef::there(call.store.get(db, key))?.is_some() && count == Some(0) {
        call.reply.null_array();
        return Ok(Action::Continue);
    }
    show(call, |call| {
        let stream = StreamRef::there(call.store.look(db, key))?;
        let all = stream.map_or(0, |stream| stream.count(from, to));
        let left = all.min(count.unwrap_or(u64::MAX));
        call.reply
            .array(usize::try_from(left).unwrap_or(usize::MAX));
        Ok(Shown {
            key_at: 1,
            direction,
            from,
            to,
            left,
        })
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Up,
    Down,
}

/// Entries of a stream on their way into a reply, whose head is written.
#[derive(Debug)]
pub(super) struct Shown {
    /// Which argument is the key.
    pub(super) key_at: usize,
    pub(super) direction: Direction,
    /// Between these are those that are not shown yet.
    pub(super) from: StreamId,
    pub(super) to: StreamId,
    pub(super) left: u64,
}

impl Piecewise for Shown {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        if self.left == 0 {
            return Ok(Progress::Over);
        }
        let (db, key) = (call.db(), call.key(self.key_at));
        let Some(stream) = StreamRef::there(call.store.look(db, key))? else {
            return Ok(Progress::Anew);
        };
        let mut bulks = call.reply.bulks();
        let start = bulks.end();
        let (most, mut shown, mut last) = (self.left.min(PIECE_ELEMENTS as u64), 0, None);
        let show = |entry: EntryRef<'_>| {
            push_entry(&mut bulks, entry);
            (shown, last) = (shown + 1, Some(entry.id));
            shown < most && bulks.end() - start < PIECE_BYTES
        };
        match self.direction {
            Direction::Up => stream.walk(self.from, self.to, show),
            Direction::Down => stream.walk_back(self.from, self.to, show),
        }
        drop(bulks);
        check_reply(call)?;
        self.left -= shown;
        let next = last.and_then(|last| match self.direction {
            Direction::Up => last.next().map(|next| (next, self.to)),
            Direction::Down => last.previous().map(|next| (self.from, next)),
        });
        match next {
            Some((from, to)) if self.left > 0 => (self.from, self.to) = (from, to),
            _ => return Ok(Progress::Over),
        }
        Ok(Progress::More)
    }
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
