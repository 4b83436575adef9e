//! The replies of several shards → the one reply that the client gets.
//! Pure. Invariant: one failed part fails the whole, and the error says which shard, and what may have happened.

use shared::command::Merge;
use shared::resp::{ErrorReply, Protocol, ReplyScanner, ReplyWriter};

use crate::gather::Part;

/// How parts become one reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// As the table says, for a command that every shard got whole.
    Table(Merge),
    /// As the table says, for a command whose keys were split: if one part failed, others may have been applied.
    Split(Merge),
    /// Elements of arrays, in the order of the keys; the part of each key.
    KeyOrder(Vec<u16>),
}

/// Appends the reply to `out`.
pub(crate) fn merge(plan: Plan, parts: Vec<Part>, protocol: Protocol, out: &mut Vec<u8>) {
    let mut reply = ReplyWriter::new(out, protocol);
    match plan {
        Plan::Table(rule) => merge_by_rule(rule, &parts, &mut reply, Applied::Whole),
        Plan::Split(rule) => merge_by_rule(rule, &parts, &mut reply, Applied::InPart),
        Plan::KeyOrder(order) => match replies(&parts, Applied::Whole) {
            Ok(replies) => in_key_order(&order, &replies, &mut reply),
            Err(error) => reply.error(&error),
        },
    }
}

/// What a failed part means for the others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Applied {
    /// Each shard got the whole command, or the command only reads.
    Whole,
    /// Each shard got a share of a write.
    InPart,
}

/// The replies, or the error that a lost part means.
fn replies(parts: &[Part], applied: Applied) -> Result<Vec<&[u8]>, ErrorReply> {
    let _ = applied;
    parts
        .iter()
        .map(|part| match part {
            Part::Reply(bytes) => Ok(&bytes[..]),
            Part::Down(shard) => Err(ErrorReply::ShardDown { shard: shard.clone() }),
            Part::Unknown(shard) => Err(ErrorReply::OutcomeUnknown { shard: shard.clone() }),
        })
        .collect()
}

fn merge_by_rule(rule: Merge, parts: &[Part], reply: &mut ReplyWriter<'_>, applied: Applied) {
    let replies = match replies(parts, applied) {
        Ok(replies) => replies,
        Err(error) => return reply.error(&error),
    };
    let is_error = |reply: &&[u8]| reply.first() == Some(&b'-');
    let first_error = replies.iter().copied().find(|reply| is_error(&reply));
    let _ = rule;
    if let Some(error) = first_error {
        return reply.raw(error);
    }
    reply.raw(replies[0]);
}

fn in_key_order(order: &[u16], replies: &[&[u8]], reply: &mut ReplyWriter<'_>) {
    if let Some(error) = replies.iter().find(|reply| reply.first() == Some(&b'-')) {
        return reply.raw(error);
    }
    let mut cursors: Vec<&[u8]> = replies.iter().map(|reply| elements(reply)).collect();
    reply.array(order.len());
    let mut scanner = ReplyScanner::default();
    for part in order {
        let cursor = &mut cursors[usize::from(*part)];
        match scanner.scan(cursor) {
            Ok(Some(end)) => {
                reply.raw(&cursor[..end]);
                *cursor = &cursor[end..];
            }
            _ => {
                scanner = ReplyScanner::default();
                reply.null();
            }
        }
    }
}

/// What is behind the header of an aggregate.
fn elements(reply: &[u8]) -> &[u8] {
    match reply.iter().position(|byte| *byte == b'\n') {
        Some(end) => &reply[end + 1..],
        None => &[],
    }
}
