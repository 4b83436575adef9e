//! Commands by which pending entries change hands: XCLAIM, XAUTOCLAIM.
//! Pure. Invariant: what changes hands is in the reply; what does not fit it any more stays where it is.

use super::identifier::{identifier, range_start};
use super::reply::{EntriesReply, reply_id};
use super::{has_group, most_reply_bytes};
use crate::commands::arguments::{integer, is_word};
use crate::commands::{Action, Call};
use crate::store::{Claim, ClaimRule, EntryRef, GroupEdit, StreamEdit, StreamId, Sweep};
use shared::resp::{Args, ErrorReply, StreamError};

/// What XAUTOCLAIM takes where nobody says.
const USUAL_COUNT: u64 = 100;

/// More than anybody may ask of XAUTOCLAIM.
const COUNT_TOO_LARGE: u64 = i64::MAX as u64 / 16;

/// What stands behind the identifiers of XCLAIM.
#[derive(Clone, Copy, Debug)]
struct ClaimOptions {
    rule: ClaimRule,
    last_id: StreamId,
    /// When entries count as given out, as far as the client said.
    at_ms: Option<i64>,
}

/// XCLAIM key group consumer min-idle-time id … \[IDLE ms\] \[TIME unix-time-ms\] \[RETRYCOUNT count\] \[FORCE\] \[JUSTID\] \[LASTID id\]
pub(super) fn xclaim(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (args, now_ms) = (call.args, call.now_ms);
    let (key, name, consumer) = (call.key(1), args.at(2), args.at(3));
    if !has_group(call, 1, name)? {
        return Err(ErrorReply::no_such_group(key.bytes, name));
    }
    let min_idle_ms = min_idle(args.at(4), "XCLAIM")?;
    let ids: Vec<StreamId> = args
        .iter_from(5)
        .map_while(|text| identifier(text).ok())
        .collect();
    let options = ClaimOptions::read(args, 5 + ids.len(), min_idle_ms, now_ms)?;
    let claim = Claim {
        consumer,
        rule: options.rule,
        last_id: options.last_id,
        now_ms,
    };
    let (db, most_bytes) = (call.db(), most_reply_bytes(call));
    let edit = GroupEdit::of(StreamEdit::of(call.store.slot(db, key))?, name);
    let mut reply = EntriesReply::begin(&mut call.reply, most_bytes, u64::MAX);
    edit.claim(claim, &ids, &mut |entry| {
        show(&mut reply, claim.rule, entry)
    })?;
    reply.end();
    Ok(Action::Continue)
}

/// XAUTOCLAIM key group consumer min-idle-time start \[COUNT count\] \[JUSTID\]
pub(super) fn xautoclaim(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (args, now_ms) = (call.args, call.now_ms);
    let (key, name) = (call.key(1), args.at(2));
    let mut sweep = Sweep {
        consumer: args.at(3),
        rule: ClaimRule {
            min_idle_ms: min_idle(args.at(4), "XAUTOCLAIM")?,
            at_ms: now_ms,
            count: None,
            counts: true,
            is_forced: false,
        },
        from: range_start(args.at(5))?,
        limit: USUAL_COUNT,
        now_ms,
    };
    let mut options = args.iter_from(6);
    while let Some(word) = options.next() {
        if is_word(word, "JUSTID") {
            sweep.rule.counts = false;
        } else if is_word(word, "COUNT") {
            sweep.limit = count(options.next().ok_or(ErrorReply::Syntax)?)?;
        } else {
            return Err(ErrorReply::Syntax);
        }
    }
    if !has_group(call, 1, name)? {
        return Err(ErrorReply::no_such_group(key.bytes, name));
    }
    let (db, most_bytes) = (call.db(), most_reply_bytes(call));
    let edit = GroupEdit::of(StreamEdit::of(call.store.slot(db, key))?, name);
    call.reply.array(3);
    let start = call.reply.position();
    let mut reply = EntriesReply::begin(&mut call.reply, most_bytes, u64::MAX);
    let end = edit.sweep(sweep, &mut |entry| show(&mut reply, sweep.rule, entry))?;
    reply.end();
    // Where it ended is known last but stands first.
    let entries_end = call.reply.position();
    reply_id(&mut call.reply, end.next);
    call.reply.move_back(entries_end, start);
    call.reply.array(end.removed.len());
    for id in end.removed {
        reply_id(&mut call.reply, id);
    }
    Ok(Action::Continue)
}

/// An entry that has changed hands: JUSTID is not counted, and names it alone.
fn show(reply: &mut EntriesReply<'_, '_>, rule: ClaimRule, entry: EntryRef<'_>) -> bool {
    if rule.counts {
        reply.entry(entry)
    } else {
        reply.push(|reply| reply_id(reply, entry.id))
    }
}

fn min_idle(argument: &[u8], command: &'static str) -> Result<u64, StreamError> {
    let idle = integer(argument).map_err(|_| StreamError::MinIdle(command))?;
    Ok(u64::try_from(idle).unwrap_or(0))
}

fn count(argument: &[u8]) -> Result<u64, ErrorReply> {
    let count = integer(argument).ok();
    count
        .and_then(|count| u64::try_from(count).ok())
        .filter(|count| (1..=COUNT_TOO_LARGE).contains(count))
        .ok_or(ErrorReply::CountTooSmall)
}

impl ClaimOptions {
    fn read(
        args: Args<'_>,
        first: usize,
        min_idle_ms: u64,
        now_ms: u64,
    ) -> Result<Self, ErrorReply> {
        let mut options = Self {
            rule: ClaimRule {
                min_idle_ms,
                at_ms: now_ms,
                count: None,
                counts: true,
                is_forced: false,
            },
            last_id: StreamId::MIN,
            at_ms: None,
        };
        let mut arguments = args.iter_from(first);
        while let Some(word) = arguments.next() {
            if is_word(word, "FORCE") {
                options.rule.is_forced = true;
            } else if is_word(word, "JUSTID") {
                options.rule.counts = false;
            } else {
                let value = arguments.next();
                let value = value.ok_or_else(|| ErrorReply::unrecognized_claim_option(word))?;
                options.read_pair(word, value, now_ms)?;
            }
        }
        // What makes no sense as a time is taken for now.
        let at_ms = options.at_ms.and_then(|at_ms| u64::try_from(at_ms).ok());
        if let Some(at_ms) = at_ms.filter(|at_ms| *at_ms <= now_ms) {
            options.rule.at_ms = at_ms;
        }
        Ok(options)
    }

    fn read_pair(&mut self, word: &[u8], value: &[u8], now_ms: u64) -> Result<(), ErrorReply> {
        let number = |option| integer(value).map_err(|_| StreamError::ClaimOption(option));
        if is_word(word, "IDLE") {
            let now_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
            self.at_ms = Some(now_ms.wrapping_sub(number("IDLE")?));
        } else if is_word(word, "TIME") {
            self.at_ms = Some(number("TIME")?);
        } else if is_word(word, "RETRYCOUNT") {
            self.rule.count = u64::try_from(number("RETRYCOUNT")?).ok();
        } else if is_word(word, "LASTID") {
            self.last_id = identifier(value)?;
        } else {
            return Err(ErrorReply::unrecognized_claim_option(word));
        }
        Ok(())
    }
}
