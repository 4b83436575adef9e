//! Commands by which pending entries change hands: XCLAIM, XAUTOCLAIM.
//! Pure. Invariant: what changes hands is in the reply; what does not fit it any more stays where it is.

use super::identifier::{identifier, range_start};
use super::reply::{reply_entry, reply_id};
use super::{has_group, most_reply_bytes, tell_new_consumer};
use crate::commands::arguments::{integer, is_word};
use crate::commands::piecewise::{EstimatedHead, Piecewise, Progress, carry_out};
use crate::commands::{Action, Call};
use crate::store::{Claim, ClaimRule, GroupEdit, GroupRef, StreamEdit, StreamId, StreamRef, Sweep};
use shared::resp::{Args, ErrorReply, ReplyWriter, StreamError};
use std::ops::Range;

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
    let (key, name) = (call.key(1), args.at(2));
    if !has_group(call, 1, name)? {
        return Err(ErrorReply::no_such_group(key.bytes, name));
    }
    let min_idle_ms = min_idle(args.at(4), "XCLAIM")?;
    let claiming = Claiming {
        min_idle_ms,
        now_ms,
        next: FIRST_ID,
        options: None,
    };
    carry_out(call, claiming, args.len() > UNDIVIDED_IDS)
}

/// Where the identifiers of XCLAIM begin.
const FIRST_ID: usize = 5;
/// With more arguments others have their turns in between: so many entries change hands in half a millisecond.
const UNDIVIDED_IDS: usize = 512;
/// Identifiers that are read, and entries that change hands, between two looks at the time.
const READ_AT_ONCE: usize = 1_024;
const CLAIMED_AT_ONCE: usize = 128;

/// An XCLAIM under way: first the identifiers are read up to the options behind them. Should the stream go meanwhile, what was given was given.
#[derive(Debug)]
struct Claiming {
    min_idle_ms: u64,
    now_ms: u64,
    /// The identifier that is read next, or claimed.
    next: usize,
    /// Behind the identifiers; the head of the reply is there then.
    options: Option<(usize, ClaimOptions, EstimatedHead)>,
}

impl Claiming {
    /// Reads some identifiers, and what follows them.
    fn read(&mut self, call: &mut Call<'_>) -> Result<(), ErrorReply> {
        let (args, end) = (call.args, self.next + READ_AT_ONCE);
        while self.next < args.len().min(end) && identifier(args.at(self.next)).is_ok() {
            self.next += 1;
        }
        if self.next < end {
            let options = ClaimOptions::read(args, self.next, self.min_idle_ms, self.now_ms)?;
            let ids = self.next - FIRST_ID;
            let head = EstimatedHead::write(&mut call.reply, ids as u64);
            self.options = Some((self.next, options, head));
            self.next = FIRST_ID;
        }
        Ok(())
    }
}

impl Piecewise for Claiming {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let Some((end, options, head)) = &mut self.options else {
            self.read(call)?;
            return Ok(Progress::More);
        };
        let (args, most_bytes) = (call.args, most_reply_bytes(call));
        let (db, key, name) = (call.db(), call.key(1), args.at(2));
        let some = self.next..(*end).min(self.next + CLAIMED_AT_ONCE);
        self.next = some.end;
        let ids: Vec<StreamId> = some.filter_map(|at| identifier(args.at(at)).ok()).collect();
        let claim = Claim {
            consumer: args.at(3),
            rule: options.rule,
            last_id: options.last_id,
            now_ms: self.now_ms,
        };
        let is_there = StreamRef::there(call.store.look(db, key))?.is_some();
        if is_there {
            let tells = call.store.tells_events();
            let edit = StreamEdit::of(call.store.slot(db, key))?;
            let was_known = !tells || edit.knows(name, claim.consumer);
            let edit = GroupEdit::of(edit, name);
            let reply = &mut call.reply;
            edit.claim(claim, &ids, &mut |entry| {
                head.count += 1;
                match claim.rule.counts {
                    true => reply_entry(reply, entry.id, Some(entry)),
                    // JUSTID is not counted, and names it alone.
                    false => reply_id(reply, entry.id),
                }
                reply.position() <= most_bytes
            })?;
            tell_new_consumer(call, key, (name, claim.consumer), was_known);
        }
        let is_full = call.reply.position() > most_bytes;
        if is_there && !is_full && self.next < *end {
            return Ok(Progress::More);
        }
        if let Some((_, _, head)) = self.options.take() {
            head.end(&mut call.reply);
        }
        Ok(Progress::Over)
    }
}

/// XAUTOCLAIM key group consumer min-idle-time start \[COUNT count\] \[JUSTID\]
pub(super) fn xautoclaim(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let sweeping = Sweeping::read(call.args, call.now_ms)?;
    let (db, key, name) = (call.db(), call.key(1), call.args.at(2));
    let stream = StreamRef::there(call.store.get(db, key))?;
    let Some(group) = stream.and_then(|stream| stream.group(name)) else {
        return Err(ErrorReply::no_such_group(key.bytes, name));
    };
    let looked_at = sweeping.looks.min(group.pending_count());
    carry_out(call, sweeping, looked_at > UNDIVIDED_ENTRIES)
}

/// With more pending entries that are looked at, others have their turns in between.
const UNDIVIDED_ENTRIES: u64 = 256;
/// Pending entries that are looked at between two looks at the time.
const LOOKED_AT_ONCE: u64 = 128;
/// Pending entries that are looked at for each that may be named in the reply.
const LOOKED_AT: u64 = 10;

/// A XAUTOCLAIM under way. Should the stream go meanwhile, what was given was given.
#[derive(Debug)]
struct Sweeping {
    rule: ClaimRule,
    from: StreamId,
    limit: u64,
    looks: u64,
    now_ms: u64,
    /// What stands first in the reply and is known last; the estimate is that all pending entries change hands.
    head: Option<(Range<usize>, (StreamId, usize))>,
    shown: usize,
    removed: Vec<StreamId>,
}

impl Sweeping {
    fn read(args: Args<'_>, now_ms: u64) -> Result<Self, ErrorReply> {
        let mut rule = ClaimRule {
            min_idle_ms: min_idle(args.at(4), "XAUTOCLAIM")?,
            at_ms: now_ms,
            count: None,
            counts: true,
            is_forced: false,
        };
        let from = range_start(args.at(5))?;
        let mut limit = USUAL_COUNT;
        let mut options = args.iter_from(6);
        while let Some(word) = options.next() {
            if is_word(word, "JUSTID") {
                rule.counts = false;
            } else if is_word(word, "COUNT") {
                limit = count(options.next().ok_or(ErrorReply::Syntax)?)?;
            } else {
                return Err(ErrorReply::Syntax);
            }
        }
        Ok(Self {
            rule,
            from,
            limit,
            looks: limit.saturating_mul(LOOKED_AT),
            now_ms,
            head: None,
            shown: 0,
            removed: Vec::new(),
        })
    }

    /// The head of a reply with so many entries.
    fn write_head(reply: &mut ReplyWriter<'_>, (next, entries): (StreamId, usize)) {
        reply.array(3);
        reply_id(reply, next);
        reply.array(entries);
    }

    fn begin(&mut self, call: &mut Call<'_>, pending: u64) {
        let entries = usize::try_from(pending.min(self.limit)).unwrap_or(usize::MAX);
        let estimate = (StreamId::MIN, entries);
        let start = call.reply.position();
        Self::write_head(&mut call.reply, estimate);
        self.head = Some((start..call.reply.position(), estimate));
    }

    /// The end of the reply: where the sweep ended, and what is there no more.
    fn end(&mut self, call: &mut Call<'_>, next: StreamId) {
        let end = (next, self.shown);
        if let Some((place, estimate)) = self.head.take()
            && estimate != end
        {
            let (mut head, protocol) = (Vec::new(), call.reply.protocol());
            Self::write_head(&mut ReplyWriter::new(&mut head, protocol), end);
            call.reply.replace(place, &head);
        }
        call.reply.array(self.removed.len());
        for id in &self.removed {
            reply_id(&mut call.reply, *id);
        }
    }
}

impl Piecewise for Sweeping {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (db, key, name) = (call.db(), call.key(1), call.args.at(2));
        let most_bytes = most_reply_bytes(call);
        let stream = StreamRef::there(call.store.look(db, key))?;
        let group = stream.and_then(|stream| stream.group(name));
        let Some(pending) = group.map(GroupRef::pending_count) else {
            if self.head.is_none() {
                return Ok(Progress::Anew);
            }
            self.end(call, StreamId::MIN);
            return Ok(Progress::Over);
        };
        if self.head.is_none() {
            self.begin(call, pending);
        }
        let sweep = Sweep {
            consumer: call.args.at(3),
            rule: self.rule,
            from: self.from,
            limit: self.limit,
            looks: self.looks.min(LOOKED_AT_ONCE),
            now_ms: self.now_ms,
        };
        let tells = call.store.tells_events();
        let edit = StreamEdit::of(call.store.slot(db, key))?;
        let was_known = !tells || edit.knows(name, sweep.consumer);
        let edit = GroupEdit::of(edit, name);
        let (reply, counts) = (&mut call.reply, self.rule.counts);
        let shown = &mut self.shown;
        let swept = edit.sweep(sweep, &mut |entry| {
            *shown += 1;
            match counts {
                true => reply_entry(reply, entry.id, Some(entry)),
                // JUSTID is not counted, and names it alone.
                false => reply_id(reply, entry.id),
            }
            reply.position() <= most_bytes
        })?;
        tell_new_consumer(call, key, (name, sweep.consumer), was_known);
        self.limit -= swept.named;
        self.looks -= swept.looked_at;
        self.removed.extend(swept.removed);
        let is_full = call.reply.position() > most_bytes;
        if swept.next == StreamId::MIN || is_full || self.limit == 0 || self.looks == 0 {
            self.end(call, swept.next);
            return Ok(Progress::Over);
        }
        self.from = swept.next;
        Ok(Progress::More)
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
        // What makes no sense as a time is taken for now; where no time is it has made sense before.
        let at_ms = options.at_ms.and_then(|at_ms| u64::try_from(at_ms).ok());
        if let Some(at_ms) = at_ms.filter(|at_ms| *at_ms <= now_ms || now_ms == 0) {
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
