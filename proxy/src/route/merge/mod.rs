//! The replies of several shards → the one reply that the client gets.
//! Pure. Invariants: one failed part fails the whole, and the error says which shard, and what may have happened; large elements are not copied.
//!
//! - [`plan`]: how parts become one reply. Here: what is there, what failed, and the plain rules. [`pieces`]: the reply as it grows. [`slowlog`]: one log of several.
//! - [`members`]: one set of several shards'. [`sketches`]: one count of several shards' sketches.

mod members;
pub(crate) mod pieces;
mod plan;
mod sketches;
mod slowlog;

use bytes::Bytes;
use shared::command::Merge;
use shared::resp::ErrorReply;

pub(crate) use self::members::{Aggregate, Making, Told};
pub(crate) use self::pieces::Pieces;
pub(crate) use self::plan::{Change, Plan};
pub(crate) use self::sketches::MOST_SKETCHES;
use super::Outcome;
use super::info;
use super::reply::{self, Elements};
use super::scan::ScanCursor;
use super::totals::{self, TOTAL};

/// What became of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The node's reply, which may be an error.
    Reply(Bytes),
    /// The shard could not be reached; nothing was done there.
    Down(Box<str>),
    /// The shard did not reply in time; nothing was done there.
    Late(Box<str>),
    /// The shard's node does not take the proxy's password; nothing was done there.
    Barred(Box<str>),
    /// The shard did not reply.
    Unknown(Box<str>),
}

/// The parts of a command, all of them there.
#[derive(Clone, Debug)]
pub(crate) struct Parts<'a> {
    /// What became of each.
    parts: Vec<&'a Part>,
    /// The shard of each, by name.
    shards: Vec<&'a str>,
    /// The place of each among those that were asked.
    places: Vec<usize>,
    /// How many were asked.
    asked: usize,
    /// Where a choice is free, it is made by this.
    chance: u64,
}

/// Appends the reply to `out`, which is empty; gives what it says of the command.
pub(crate) fn merge(plan: &Plan, parts: &Parts<'_>, out: &mut Pieces) -> Outcome {
    let Err(error) = merge_into(plan, parts, out) else {
        return if reply::is_error(out.first()) {
            Outcome::Error
        } else {
            Outcome::Whole
        };
    };
    out.clear();
    match error {
        Broken::Said(bytes) => {
            out.share(bytes, bytes);
            Outcome::Error
        }
        Broken::Ours(error) => {
            out.writer().error(&error);
            Outcome::of(&error)
        }
    }
}

/// Why there is no merged reply.
enum Broken<'a> {
    /// An error as a node said it.
    Said(&'a Bytes),
    /// What we say.
    Ours(ErrorReply),
}

impl From<ErrorReply> for Broken<'_> {
    fn from(error: ErrorReply) -> Self {
        Self::Ours(error)
    }
}

fn merge_into<'a>(plan: &Plan, parts: &Parts<'a>, out: &mut Pieces) -> Result<(), Broken<'a>> {
    match plan {
        Plan::Table {
            rule: Merge::AnyOk, ..
        } => return any_ok(parts, out),
        Plan::Table { rule, change } => by_rule(*rule, &parts.replies(*change)?, out)?,
        Plan::Combined(making) => members::make(*making, &parts.replies_of_keys()?, out)?,
        Plan::CountedTogether => {
            let count = sketches::count(parts.of_keys()?)?;
            out.writer().integer(count.cast_signed());
        }
        Plan::Broken => {
            parts.replies_of_keys()?;
            return Err(not_understood().into());
        }
        Plan::KeyOrder(order) => in_key_order(order, &parts.replies(Change::None)?, out)?,
        Plan::Scan(cursor) => scanned(*cursor, &parts.replies(Change::None)?, out)?,
        Plan::Info(facts) => {
            let texts: Vec<&[u8]> = parts
                .whole_replies()
                .filter_map(|bytes| reply::bulk(bytes))
                .collect();
            out.writer()
                .verbatim("txt", info::merge(facts, &texts).as_bytes());
        }
        Plan::ConfigGet(own) => config(own, parts, out)?,
        Plan::AnyKey => any_key(parts, out)?,
        Plan::SlowlogGet(most) => {
            let (logs, limits) = parts.halves();
            let entries = logs.numbered()?;
            let limit = slowlog::limit(&limits.replies(Change::None)?)?;
            slowlog::newest(&entries, logs.asked, *most, limit, out)?;
        }
        Plan::SlowlogLen => {
            let (lengths, limits) = parts.halves();
            let lengths = lengths.replies(Change::None)?;
            let limit = slowlog::limit(&limits.replies(Change::None)?)?;
            slowlog::length(&lengths, limit, out)?;
        }
        Plan::WithoutLost(plan) => {
            if matches!(**plan, Plan::ConfigGet(_)) && parts.tell_a_total_alone() {
                // A sum of some is no answer.
                parts.replies(Change::None)?;
            }
            let asked_of_each = 1 + usize::from(plan.companion().is_some());
            return merge_into(plan, &parts.without_lost(asked_of_each), out);
        }
    }
    Ok(())
}

impl<'a> Parts<'a> {
    /// All parts with their shards; a free choice is made by `chance`.
    pub(crate) fn of(parts: &'a [Part], shards: &'a [Box<str>], chance: u64) -> Self {
        Self {
            parts: parts.iter().collect(),
            shards: shards.iter().map(|name| &**name).collect(),
            places: (0..parts.len()).collect(),
            asked: parts.len(),
            chance,
        }
    }

    fn pick(&self, kept: &[usize]) -> Self {
        Self {
            parts: kept.iter().map(|at| self.parts[*at]).collect(),
            shards: kept.iter().map(|at| self.shards[*at]).collect(),
            places: kept.iter().map(|at| self.places[*at]).collect(),
            asked: self.asked,
            chance: self.chance,
        }
    }

    /// Without the parts of shards that did not reply to all that they were asked; all of them when no shard did, so that it is told.
    fn without_lost(&self, asked_of_each: usize) -> Self {
        let shards = self.parts.len() / asked_of_each;
        let is_there = |shard: usize| {
            let mut own = self.parts[shard..].iter().step_by(shards);
            own.all(|part| matches!(part, Part::Reply(_)))
        };
        let kept: Vec<usize> = (0..self.parts.len())
            .filter(|at| is_there(at % shards))
            .collect();
        if kept.is_empty() {
            self.clone()
        } else {
            self.pick(&kept)
        }
    }

    /// The replies to the command, and those to its companion.
    fn halves(&self) -> (Self, Self) {
        let half = self.parts.len() / 2;
        let kept: Vec<usize> = (0..self.parts.len()).collect();
        let (mut first, mut second) = (self.pick(&kept[..half]), self.pick(&kept[half..]));
        first.asked /= 2;
        second.asked /= 2;
        (first, second)
    }

    /// Every reply, or what is said when one of them failed.
    fn replies(&self, change: Change) -> Result<Vec<&'a Bytes>, Broken<'a>> {
        let mut replies = Vec::with_capacity(self.parts.len());
        let mut worst: Option<(usize, &'a Part)> = None;
        for (at, part) in self.parts.iter().copied().enumerate() {
            match part {
                Part::Reply(bytes) if !reply::is_error(bytes) => replies.push(bytes),
                failed => {
                    let is_worse = worst.is_none_or(|(_, known)| weight(failed) > weight(known));
                    if is_worse {
                        worst = Some((at, failed));
                    }
                }
            }
        }
        match worst {
            None => Ok(replies),
            Some((at, part)) => Err(self.failure(at, part, change)),
        }
    }

    /// Every reply, or an error as its node said it: to the client these are keys of one server, which looks at types before it reads options.
    fn replies_of_keys(&self) -> Result<Vec<&'a Bytes>, Broken<'a>> {
        let errors = || {
            self.parts.iter().filter_map(|part| match part {
                Part::Reply(bytes) if reply::is_error(bytes) => Some(bytes),
                _ => None,
            })
        };
        let have_all_replied = self.parts.iter().all(|part| matches!(part, Part::Reply(_)));
        let of_type = errors().find(|error| error.starts_with(b"-WRONGTYPE "));
        match of_type.or_else(|| errors().next()) {
            Some(error) if have_all_replied => Err(Broken::Said(error)),
            _ => self.replies(Change::None),
        }
    }

    /// The reply to each key, errors as well, as long as all are there.
    fn of_keys(&self) -> Result<impl Iterator<Item = &'a Bytes>, Broken<'a>> {
        if !self.parts.iter().all(|part| matches!(part, Part::Reply(_))) {
            self.replies(Change::None)?;
        }
        Ok(self.parts.iter().filter_map(|part| match part {
            Part::Reply(bytes) => Some(bytes),
            _ => None,
        }))
    }

    fn failure(&self, at: usize, part: &'a Part, change: Change) -> Broken<'a> {
        let shard: Box<str> = self.shards[at].into();
        // Where others have done their share, or may have, half of a change is there.
        let others_applied = || {
            let mut parts = self.parts.iter();
            parts.any(|other| applied(other) && !std::ptr::eq(*other, part))
        };
        let is_half = match change {
            Change::None => false,
            Change::Share => others_applied(),
            Change::LaterShare => true,
        };
        match part {
            Part::Reply(error) if !is_half && self.parts.iter().all(|other| *other == part) => {
                Broken::Said(error)
            }
            Part::Reply(error) => Broken::Ours(failed_at(error, &shard, is_half)),
            _ if is_half => Broken::Ours(ErrorReply::AppliedInPart { shard }),
            Part::Down(_) => Broken::Ours(ErrorReply::ShardDown { shard }),
            Part::Late(_) => Broken::Ours(ErrorReply::ShardLate { shard }),
            Part::Barred(_) => Broken::Ours(ErrorReply::NodePassword { shard }),
            Part::Unknown(_) => Broken::Ours(ErrorReply::OutcomeUnknown { shard }),
        }
    }

    /// Every reply with the place of its shard.
    fn numbered(&self) -> Result<Vec<(usize, &'a Bytes)>, Broken<'a>> {
        let replies = self.replies(Change::None)?;
        Ok(self.places.iter().copied().zip(replies).collect())
    }

    /// Whether CONFIG GET asked for nothing but what is added up over the shards.
    fn tell_a_total_alone(&self) -> bool {
        let first = self.whole_replies().next();
        let mut elements = first
            .and_then(|bytes| Elements::of(bytes))
            .into_iter()
            .flatten();
        let name = elements.next().and_then(reply::bulk);
        name.is_some_and(|name| name.eq_ignore_ascii_case(TOTAL.as_bytes()))
            && elements.count() == 1
    }

    /// The replies that are no errors.
    fn whole_replies(&self) -> impl Iterator<Item = &'a Bytes> {
        self.parts.iter().filter_map(|part| match part {
            Part::Reply(bytes) if !reply::is_error(bytes) => Some(bytes),
            _ => None,
        })
    }
}

/// Which failure is told when there are several: the one that leaves most in doubt.
fn weight(part: &Part) -> u8 {
    match part {
        Part::Down(_) | Part::Late(_) => 1,
        Part::Barred(_) => 2,
        Part::Reply(_) => 3,
        Part::Unknown(_) => 4,
    }
}

/// Whether the part has, or may have, changed something.
fn applied(part: &Part) -> bool {
    match part {
        Part::Reply(bytes) => !reply::is_error(bytes),
        Part::Down(_) | Part::Late(_) | Part::Barred(_) => false,
        Part::Unknown(_) => true,
    }
}

/// A node's own error, with the shard that said it.
fn failed_at(error: &[u8], shard: &str, is_half: bool) -> ErrorReply {
    let text = error[1..].trim_ascii_end();
    let rest = if is_half {
        "; the command may have been applied in part"
    } else {
        ""
    };
    let place = format!(" (shard {shard}{rest})");
    ErrorReply::Quoting([text, place.as_bytes()].concat().into())
}

/// The first reply that is no error, or the first error; where a shard has not been heard, nobody knows what it would have said.
fn any_ok<'a>(parts: &Parts<'a>, out: &mut Pieces) -> Result<(), Broken<'a>> {
    if let Some(good) = parts.whole_replies().next() {
        out.share(good, good);
        return Ok(());
    }
    let mut all = parts.parts.iter();
    if let Some(at) = all.position(|part| !matches!(part, Part::Reply(_))) {
        return Err(parts.failure(at, parts.parts[at], Change::None));
    }
    for part in &parts.parts {
        if let Part::Reply(error) = part {
            return Err(Broken::Said(error));
        }
    }
    parts.replies(Change::None).map(|_| ())
}

fn by_rule(rule: Merge, replies: &[&Bytes], out: &mut Pieces) -> Result<(), ErrorReply> {
    let integers = || -> Result<Vec<i64>, ErrorReply> {
        replies
            .iter()
            .map(|bytes| reply::integer(bytes).ok_or_else(not_understood))
            .collect()
    };
    match rule {
        Merge::Sum => {
            let sum = integers()?.into_iter().fold(0, i64::saturating_add);
            out.writer().integer(sum);
        }
        Merge::Least => {
            let least = integers()?.into_iter().min().unwrap_or(0);
            out.writer().integer(least);
        }
        Merge::Concat => {
            let all: Vec<Elements<'_>> = aggregates(replies)?;
            out.writer().array(all.iter().map(Elements::len).sum());
            for (whole, elements) in replies.iter().zip(all) {
                out.share(whole, elements.as_bytes());
            }
        }
        Merge::EveryOne => every_one(replies, out)?,
        Merge::Counts => counts(replies, out)?,
        // Have plans of their own.
        Merge::OneSet(_) | Merge::OneSketch(_) => return Err(not_understood()),
        Merge::Single | Merge::KeyOrder | Merge::AllOk | Merge::AnyOk | Merge::AnyNonNull => {
            match replies.first() {
                Some(first) => out.share(first, first),
                None => return Err(not_understood()),
            }
        }
    }
    Ok(())
}

/// Arrays of 0 and 1: 1 where every shard says 1.
fn every_one(replies: &[&Bytes], out: &mut Pieces) -> Result<(), ErrorReply> {
    let mut columns: Vec<bool> = Vec::new();
    for (at, elements) in aggregates(replies)?.into_iter().enumerate() {
        if at == 0 {
            columns = vec![true; elements.len()];
        }
        for (column, element) in columns.iter_mut().zip(elements) {
            *column &= reply::integer(element) == Some(1);
        }
    }
    let mut reply = out.writer();
    reply.array(columns.len());
    for column in columns {
        reply.integer(i64::from(column));
    }
    Ok(())
}

/// Arrays of names with counts: what the shards count of each, added.
fn counts(replies: &[&Bytes], out: &mut Pieces) -> Result<(), ErrorReply> {
    let mut sums: Vec<i64> = Vec::new();
    for elements in aggregates(replies)? {
        let counts = elements.skip(1).step_by(2);
        for (at, count) in counts.enumerate() {
            let count = reply::integer(count).ok_or_else(not_understood)?;
            match sums.get_mut(at) {
                Some(sum) => *sum = sum.saturating_add(count),
                None => sums.push(count),
            }
        }
    }
    let first = aggregates(&replies[..replies.len().min(1)])?;
    out.writer().array(2 * sums.len());
    for (elements, whole) in first.into_iter().zip(replies) {
        for (name, sum) in elements.step_by(2).zip(&sums) {
            out.share(whole, name);
            out.writer().integer(*sum);
        }
    }
    Ok(())
}

/// One of the shards' keys, drawn by `chance`: each shard weighs as much as it has keys, so that every key is as likely as any other.
fn any_key<'a>(parts: &Parts<'a>, out: &mut Pieces) -> Result<(), Broken<'a>> {
    let (keys, sizes) = parts.halves();
    let (keys, sizes) = (keys.replies(Change::None)?, sizes.replies(Change::None)?);
    let mut known: Vec<(&Bytes, u64)> = Vec::new();
    for (key, size) in keys.into_iter().zip(sizes) {
        let size = reply::integer(size).ok_or_else(not_understood)?;
        if !reply::is_null(key) {
            // It may have got its first key between the two questions.
            known.push((key, u64::try_from(size).unwrap_or(0).max(1)));
        }
    }
    let all = known
        .iter()
        .fold(0, |all: u64, (_, size)| all.saturating_add(*size));
    let mut left = parts.chance.checked_rem(all).unwrap_or(0);
    for (key, size) in known {
        if left < size {
            out.share(key, key);
            return Ok(());
        }
        left -= size;
    }
    out.writer().null();
    Ok(())
}

fn in_key_order(order: &[u16], replies: &[&Bytes], out: &mut Pieces) -> Result<(), ErrorReply> {
    let mut parts = aggregates(replies)?;
    out.writer().array(order.len());
    for part in order {
        let part = usize::from(*part);
        let element = parts.get_mut(part).and_then(Iterator::next);
        out.share(replies[part], element.ok_or_else(not_understood)?);
    }
    Ok(())
}

/// `[cursor, elements]`: the same with our cursor.
fn scanned(cursor: ScanCursor, replies: &[&Bytes], out: &mut Pieces) -> Result<(), ErrorReply> {
    let whole = replies.first().ok_or_else(not_understood)?;
    let mut parts = Elements::of(whole).ok_or_else(not_understood)?;
    let node_cursor = parts
        .next()
        .and_then(reply::bulk)
        .and_then(reply::decimal)
        .ok_or_else(not_understood)?;
    let elements = parts.next().ok_or_else(not_understood)?;
    let next = cursor.after(node_cursor).ok_or_else(not_understood)?;
    let mut reply = out.writer();
    reply.array(2);
    reply.bulk(next.to_string().as_bytes());
    out.share(whole, elements);
    Ok(())
}

/// Pairs of names and values, some of which are ours, and some what all shards have together.
fn config<'a>(
    own: &[(&'static str, String)],
    parts: &Parts<'a>,
    out: &mut Pieces,
) -> Result<(), Broken<'a>> {
    let Some(first) = parts.whole_replies().next() else {
        return any_ok(parts, out);
    };
    let mut elements: Vec<&[u8]> = Elements::of(first).ok_or_else(not_understood)?.collect();
    if parts.whole_replies().count() < parts.asked {
        // What some have together is not what all have.
        let is_total = |pair: &[&[u8]]| {
            let name = reply::bulk(pair[0]).unwrap_or_default();
            name.eq_ignore_ascii_case(TOTAL.as_bytes())
        };
        let pairs = elements.chunks_exact(2).filter(|pair| !is_total(pair));
        elements = pairs.flatten().copied().collect();
    }
    let mut reply = out.writer();
    reply.map(elements.len() / 2);
    for pair in elements.chunks_exact(2) {
        let name = reply::bulk(pair[0]).unwrap_or_default();
        reply.raw(pair[0]);
        // A name that was asked for in full comes back as it was written.
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let own = own.iter().find(|(own_name, _)| is(own_name));
        match own {
            Some((_, value)) => reply.bulk(value.as_bytes()),
            None if is(TOTAL) => {
                let shares = parts
                    .whole_replies()
                    .filter_map(|bytes| value_of(bytes, name));
                let total = totals::total(shares.filter_map(reply::decimal));
                reply.bulk(total.to_string().as_bytes());
            }
            None => reply.raw(pair[1]),
        }
    }
    Ok(())
}

/// The value of a setting in the reply to CONFIG GET.
fn value_of<'a>(bytes: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut elements = Elements::of(bytes)?;
    while let (Some(known), Some(value)) = (elements.next(), elements.next()) {
        if reply::bulk(known) == Some(name) {
            return reply::bulk(value);
        }
    }
    None
}

fn aggregates<'a>(replies: &[&'a Bytes]) -> Result<Vec<Elements<'a>>, ErrorReply> {
    replies
        .iter()
        .map(|bytes| Elements::of(bytes).ok_or_else(not_understood))
        .collect()
}

/// A node said something else than the command's row promises.
#[cold]
fn not_understood() -> ErrorReply {
    ErrorReply::Text("ERR a shard's reply has an unexpected shape".into())
}

#[cfg(test)]
mod tests;
