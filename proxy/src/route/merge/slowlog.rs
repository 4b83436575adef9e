//! SLOWLOG over several shards: one log, the newest first, with ids of its own, as long as the setting says.
//! Pure. Invariants: entries of one shard keep their order; an entry has the same id whenever it is asked for, and no other entry has it.
//!
//! A shard numbers its entries from 0 and tells whole seconds. An id of ours is the time, then the end of the shard's own id, then the shard's place: it grows
//! with time, stays below 2^53, and within one second follows each shard's own order.

use std::collections::{BinaryHeap, VecDeque};

use bytes::Bytes;
use shared::resp::ErrorReply;

use super::super::reply::{self, Elements};
use super::pieces::Pieces;
use super::{not_understood, value_of};

/// Bits of a shard's place in the topology, which has at most 1,024.
const PLACE_BITS: u32 = 10;

/// Bits of a shard's own id that are kept: that many entries of one second are told apart.
const SEQUENCE_BITS: u32 = 10;

/// An entry as a shard has it.
#[derive(Debug)]
struct Entry<'a> {
    seconds: i64,
    id: i64,
    /// How many fields it has.
    fields: usize,
    /// All but the first of them, as they lie.
    rest: &'a [u8],
}

/// Entries that the setting allows; where shards differ, the most.
pub(super) fn limit(replies: &[&Bytes]) -> Result<usize, ErrorReply> {
    let limits = replies
        .iter()
        .filter_map(|bytes| value_of(bytes, b"slowlog-max-len").and_then(reply::decimal));
    let most = limits.max().ok_or_else(not_understood)?;
    Ok(usize::try_from(most).unwrap_or(usize::MAX))
}

/// How long the log is.
pub(super) fn length(replies: &[&Bytes], limit: usize, out: &mut Pieces) -> Result<(), ErrorReply> {
    let mut sum: i64 = 0;
    for bytes in replies {
        let length = reply::integer(bytes).ok_or_else(not_understood)?;
        sum = sum.saturating_add(length);
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    out.writer().integer(sum.min(limit));
    Ok(())
}

/// The newest `most` entries (all when negative) within `limit` of these logs, each with the place of its shard, of which `asked` were asked.
pub(super) fn newest(
    logs: &[(usize, &Bytes)],
    asked: usize,
    most: i64,
    limit: usize,
    out: &mut Pieces,
) -> Result<(), ErrorReply> {
    let mut logs: Vec<VecDeque<Entry<'_>>> = logs
        .iter()
        .map(|(place, bytes)| entries(bytes, (asked > 1).then_some(*place)))
        .collect::<Result<_, _>>()?;
    let all: usize = logs.iter().map(VecDeque::len).sum();
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let wanted = all.min(most).min(limit);
    // The next entry of each log, the newest on top: a log's own order is kept whatever its clock did.
    let head = |log: &VecDeque<Entry<'_>>| log.front().map(|entry| (entry.seconds, entry.id));
    let mut heads: BinaryHeap<((i64, i64), usize)> = (0..)
        .zip(&logs)
        .filter_map(|(number, log)| Some((head(log)?, number)))
        .collect();
    let mut reply = out.writer();
    reply.array(wanted);
    for _ in 0..wanted {
        let Some((_, number)) = heads.pop() else {
            return Err(not_understood());
        };
        if let Some(entry) = logs[number].pop_front() {
            reply.array(entry.fields);
            reply.integer(entry.id);
            reply.raw(entry.rest);
        }
        heads.extend(head(&logs[number]).map(|next| (next, number)));
    }
    Ok(())
}

/// The entries of one log; with ids of ours when it has a `place` among several.
fn entries(bytes: &[u8], place: Option<usize>) -> Result<VecDeque<Entry<'_>>, ErrorReply> {
    let read = |entry| {
        let mut fields = Elements::of(entry)?;
        let count = fields.len();
        let own_id = fields.next().and_then(reply::integer)?;
        let rest = fields.as_bytes();
        let seconds = fields.next().and_then(reply::integer)?;
        let id = match place {
            None => own_id,
            Some(place) => id_of(seconds, own_id, place),
        };
        Some(Entry {
            seconds,
            id,
            fields: count,
            rest,
        })
    };
    let all = Elements::of(bytes).ok_or_else(not_understood)?;
    all.map(|entry| read(entry).ok_or_else(not_understood))
        .collect()
}

fn id_of(seconds: i64, own_id: i64, place: usize) -> i64 {
    let sequence = own_id & ((1 << SEQUENCE_BITS) - 1);
    let place = i64::try_from(place).unwrap_or(0) & ((1 << PLACE_BITS) - 1);
    // A clock that is far off must not make an id that clients cannot read.
    let seconds = seconds & ((1 << (53 - SEQUENCE_BITS - PLACE_BITS)) - 1);
    ((seconds << SEQUENCE_BITS) | sequence) << PLACE_BITS | place
}
