//! The replies of several shards → the one reply that the client gets.
//! Pure. Invariant: one failed part fails the whole, and the error says which shard, and what may have happened.

use shared::command::{CommandSpec, Merge, Retry};
use shared::resp::{ErrorReply, Protocol, ReplyWriter};

use super::info::{self, ProxyFacts};
use super::reply::{self, Elements};
use super::scan::ScanCursor;

/// What became of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The node's reply, which may be an error.
    Reply(Vec<u8>),
    /// The shard could not be reached; nothing was done there.
    Down(Box<str>),
    /// The shard did not reply.
    Unknown(Box<str>),
}

/// How parts become one reply.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    /// As the table says.
    Table {
        /// The row's rule.
        rule: Merge,
        /// What is there when some parts were executed and others failed.
        change: Change,
    },
    /// Elements of arrays, in the order of the keys; the part of each key.
    KeyOrder(Vec<u16>),
    /// SCAN of one shard: its cursor is packed into ours.
    Scan(ScanCursor),
    /// INFO: the shards' fields, and ours.
    Info(Box<ProxyFacts>),
    /// CONFIG GET: what the first shard says, but for what is the proxy's own.
    ConfigGet(Vec<(&'static str, String)>),
    /// SLOWLOG GET: the newest so many entries of all shards; all of them when negative.
    SlowlogGet(i64),
}

/// What those parts of a command have changed that were executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// Their share.
    Share,
    /// Their share, besides that of earlier rounds of the command.
    LaterShare,
}

impl Change {
    /// Of a command's first round.
    pub(crate) fn of(spec: &CommandSpec) -> Self {
        match spec.retry {
            Retry::Never => Self::Share,
            Retry::Safe => Self::None,
        }
    }
}

impl Plan {
    /// For a later round of a command: what was done in earlier ones is done.
    pub(crate) fn behind_others(mut self) -> Self {
        if let Self::Table { change, .. } = &mut self
            && *change == Change::Share
        {
            *change = Change::LaterShare;
        }
        self
    }

    /// Whether the reply is of use without the shards that cannot be reached, so that nobody waits for them.
    pub(crate) fn does_without_the_lost(&self) -> bool {
        matches!(self, Self::Info(_) | Self::ConfigGet(_))
    }
}

/// The parts of a command, all of them there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    /// What became of each.
    pub(crate) parts: &'a [Part],
    /// The shard of each, by name.
    pub(crate) shards: &'a [Box<str>],
    /// Where a choice is free, it is made by this.
    pub(crate) chance: u64,
}

/// Appends the reply to `out`.
pub(crate) fn merge(plan: &Plan, parts: Parts<'_>, protocol: Protocol, out: &mut Vec<u8>) {
    let mut reply = ReplyWriter::new(out, protocol);
    let start = reply.position();
    if let Err(error) = merge_into(plan, parts, &mut reply) {
        reply.truncate(start);
        match error {
            Broken::Said(bytes) => reply.raw(bytes),
            Broken::Ours(error) => reply.error(&error),
        }
    }
}

/// Why there is no merged reply.
enum Broken<'a> {
    /// An error as a node said it.
    Said(&'a [u8]),
    /// What we say.
    Ours(ErrorReply),
}

impl From<ErrorReply> for Broken<'_> {
    fn from(error: ErrorReply) -> Self {
        Self::Ours(error)
    }
}

fn merge_into<'a>(
    plan: &Plan,
    parts: Parts<'a>,
    reply: &mut ReplyWriter<'_>,
) -> Result<(), Broken<'a>> {
    match plan {
        Plan::Table {
            rule: Merge::AnyOk, ..
        } => return any_ok(parts, reply),
        Plan::Table { rule, change } => {
            let replies = parts.replies(*change)?;
            by_rule(*rule, &replies, parts.chance, reply)?;
        }
        Plan::KeyOrder(order) => in_key_order(order, &parts.replies(Change::None)?, reply)?,
        Plan::Scan(cursor) => scanned(*cursor, &parts.replies(Change::None)?, reply)?,
        Plan::Info(facts) => {
            let texts: Vec<&[u8]> = parts.whole_replies().filter_map(reply::bulk).collect();
            reply.verbatim("txt", info::merge(facts, &texts).as_bytes());
        }
        Plan::ConfigGet(own) => config(own, parts, reply)?,
        Plan::SlowlogGet(most) => slowlog(*most, &parts.replies(Change::None)?, reply)?,
    }
    Ok(())
}

impl<'a> Parts<'a> {
    /// Every reply, or what is said when one of them failed.
    fn replies(self, change: Change) -> Result<Vec<&'a [u8]>, Broken<'a>> {
        let mut replies = Vec::with_capacity(self.parts.len());
        let mut worst: Option<(usize, &'a Part)> = None;
        for (at, part) in self.parts.iter().enumerate() {
            match part {
                Part::Reply(bytes) if !reply::is_error(bytes) => replies.push(&bytes[..]),
                failed => {
                    let is_worse = worst.is_none_or(|(_, known)| weight(failed) > weight(known));
                    if is_worse {
                        worst = Some((at, failed));
                    }
                }
            }
        }
        let Some((at, part)) = worst else {
            return Ok(replies);
        };
        let shard = self.shards[at].clone();
        // Where others have done their share, or may have, half of a change is there.
        let others_applied = || {
            let mut parts = self.parts.iter();
            parts.any(|other| applied(other) && !std::ptr::eq(other, part))
        };
        let is_half = match change {
            Change::None => false,
            Change::Share => others_applied(),
            Change::LaterShare => true,
        };
        Err(match part {
            Part::Reply(error) if !is_half && self.parts.iter().all(|other| other == part) => {
                Broken::Said(error)
            }
            Part::Reply(error) => Broken::Ours(failed_at(error, &shard, is_half)),
            _ if is_half => Broken::Ours(ErrorReply::AppliedInPart { shard }),
            Part::Down(_) => Broken::Ours(ErrorReply::ShardDown { shard }),
            Part::Unknown(_) => Broken::Ours(ErrorReply::OutcomeUnknown { shard }),
        })
    }

    /// The replies that are no errors.
    fn whole_replies(self) -> impl Iterator<Item = &'a [u8]> {
        self.parts.iter().filter_map(|part| match part {
            Part::Reply(bytes) if !reply::is_error(bytes) => Some(&bytes[..]),
            _ => None,
        })
    }
}

/// Which failure is told when there are several: the one that leaves most in doubt.
fn weight(part: &Part) -> u8 {
    match part {
        Part::Down(_) => 1,
        Part::Reply(_) => 2,
        Part::Unknown(_) => 3,
    }
}

/// Whether the part has, or may have, changed something.
fn applied(part: &Part) -> bool {
    match part {
        Part::Reply(bytes) => !reply::is_error(bytes),
        Part::Down(_) => false,
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

/// The first reply that is no error, or the first error.
fn any_ok<'a>(parts: Parts<'a>, reply: &mut ReplyWriter<'_>) -> Result<(), Broken<'a>> {
    if let Some(good) = parts.whole_replies().next() {
        reply.raw(good);
        return Ok(());
    }
    for part in parts.parts {
        if let Part::Reply(error) = part {
            return Err(Broken::Said(error));
        }
    }
    parts.replies(Change::None).map(|_| ())
}

fn by_rule(
    rule: Merge,
    replies: &[&[u8]],
    chance: u64,
    reply: &mut ReplyWriter<'_>,
) -> Result<(), ErrorReply> {
    let integers = || -> Result<Vec<i64>, ErrorReply> {
        replies
            .iter()
            .map(|bytes| reply::integer(bytes).ok_or_else(not_understood))
            .collect()
    };
    match rule {
        Merge::Sum => reply.integer(integers()?.into_iter().fold(0, i64::saturating_add)),
        Merge::Least => reply.integer(integers()?.into_iter().min().unwrap_or(0)),
        Merge::Concat => {
            let all: Vec<Elements<'_>> = aggregates(replies)?;
            reply.array(all.iter().map(Elements::len).sum());
            for elements in all {
                elements.for_each(|element| reply.raw(element));
            }
        }
        Merge::EveryOne => every_one(replies, reply)?,
        Merge::AnyNonNull => {
            let known: Vec<&&[u8]> = replies
                .iter()
                .filter(|bytes| !reply::is_null(bytes))
                .collect();
            match known.len() {
                0 => reply.null(),
                count => reply.raw(known[usize::try_from(chance % count as u64).unwrap_or(0)]),
            }
        }
        Merge::Single | Merge::KeyOrder | Merge::AllOk | Merge::AnyOk => match replies.first() {
            Some(first) => reply.raw(first),
            None => return Err(not_understood()),
        },
    }
    Ok(())
}

/// Arrays of 0 and 1: 1 where every shard says 1.
fn every_one(replies: &[&[u8]], reply: &mut ReplyWriter<'_>) -> Result<(), ErrorReply> {
    let mut columns: Vec<bool> = Vec::new();
    for (at, elements) in aggregates(replies)?.into_iter().enumerate() {
        if at == 0 {
            columns = vec![true; elements.len()];
        }
        for (column, element) in columns.iter_mut().zip(elements) {
            *column &= reply::integer(element) == Some(1);
        }
    }
    reply.array(columns.len());
    for column in columns {
        reply.integer(i64::from(column));
    }
    Ok(())
}

fn in_key_order(
    order: &[u16],
    replies: &[&[u8]],
    reply: &mut ReplyWriter<'_>,
) -> Result<(), ErrorReply> {
    let mut parts = aggregates(replies)?;
    reply.array(order.len());
    for part in order {
        let element = parts.get_mut(usize::from(*part)).and_then(Iterator::next);
        reply.raw(element.ok_or_else(not_understood)?);
    }
    Ok(())
}

/// `[cursor, elements]`: the same with our cursor.
fn scanned(
    cursor: ScanCursor,
    replies: &[&[u8]],
    reply: &mut ReplyWriter<'_>,
) -> Result<(), ErrorReply> {
    let mut parts = replies
        .first()
        .and_then(|bytes| Elements::of(bytes))
        .ok_or_else(not_understood)?;
    let node_cursor = parts
        .next()
        .and_then(reply::bulk)
        .and_then(reply::decimal)
        .ok_or_else(not_understood)?;
    let elements = parts.next().ok_or_else(not_understood)?;
    let next = cursor.after(node_cursor).ok_or_else(not_understood)?;
    reply.array(2);
    reply.bulk(next.to_string().as_bytes());
    reply.raw(elements);
    Ok(())
}

/// Pairs of names and values, some of which are ours.
fn config<'a>(
    own: &[(&'static str, String)],
    parts: Parts<'a>,
    reply: &mut ReplyWriter<'_>,
) -> Result<(), Broken<'a>> {
    let Some(first) = parts.whole_replies().next() else {
        return any_ok(parts, reply);
    };
    let elements: Vec<&[u8]> = Elements::of(first).ok_or_else(not_understood)?.collect();
    reply.map(elements.len() / 2);
    for pair in elements.chunks_exact(2) {
        let name = reply::bulk(pair[0]).unwrap_or_default();
        reply.raw(pair[0]);
        match own.iter().find(|(own_name, _)| own_name.as_bytes() == name) {
            Some((_, value)) => reply.bulk(value.as_bytes()),
            None => reply.raw(pair[1]),
        }
    }
    Ok(())
}

/// Entries are `[id, unix time, …]`: the newest first, whatever shard they come from.
fn slowlog(most: i64, replies: &[&[u8]], reply: &mut ReplyWriter<'_>) -> Result<(), ErrorReply> {
    let mut entries: Vec<(i64, &[u8])> = Vec::new();
    for elements in aggregates(replies)? {
        for entry in elements {
            let time = Elements::of(entry)
                .and_then(|mut fields| fields.nth(1))
                .and_then(reply::integer);
            entries.push((time.unwrap_or(0), entry));
        }
    }
    entries.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    if let Ok(most) = usize::try_from(most) {
        entries.truncate(most);
    }
    reply.array(entries.len());
    for (_, entry) in entries {
        reply.raw(entry);
    }
    Ok(())
}

fn aggregates<'a>(replies: &[&'a [u8]]) -> Result<Vec<Elements<'a>>, ErrorReply> {
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
