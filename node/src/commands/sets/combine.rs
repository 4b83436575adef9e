//! Commands that combine sets: SINTER, SUNION, SDIFF, their STORE forms, SINTERCARD.
//! Pure.

use super::sources::{Keep, Sources};
use crate::commands::arguments::{check_reply, integer, is_word, reply_string};
use crate::commands::{Action, Call};
use crate::store::{Position, SetMaker, Store};
use shared::resp::ErrorReply;

/// How sets are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Intersection,
    Union,
    Difference,
}

/// How the result is come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    /// Members of this one set that count.
    Walk(usize, Keep),
    /// All members of all sets, put together.
    Gather,
    /// All members of the first set, from which those of the others are taken away.
    Subtract,
}

impl Plan {
    fn of(operation: Operation, sources: &mut Sources<'_>) -> Self {
        match operation {
            Operation::Intersection => {
                // The smallest first: a member that is not in all is soon found out.
                sources.sort();
                Self::Walk(0, Keep::InEvery)
            }
            Operation::Union => Self::Gather,
            Operation::Difference => {
                let members = sources.members();
                let sets = members.iter().filter(|members| **members > 0).count() as u64;
                let looked_up = members[0].saturating_mul(sets) / 2;
                // As Redis weighs it: most members are found in the first other set or two.
                if looked_up <= members.iter().sum() {
                    Self::Walk(0, Keep::InNone)
                } else {
                    Self::Subtract
                }
            }
        }
    }

    /// Makes the result.
    fn carry_out(
        self,
        store: &mut Store,
        sources: &Sources<'_>,
        result: &mut SetMaker,
    ) -> Result<(), ErrorReply> {
        let mut add = |store: &mut Store, walked, keep| {
            sources.walk(store, walked, keep, |store, members| {
                for member in members.iter() {
                    result.add_member(store, member)?;
                }
                Ok(true)
            })
        };
        match self {
            Self::Walk(walked, keep) => add(store, walked, keep)?,
            Self::Gather => {
                for walked in 0..sources.members().len() {
                    add(store, walked, Keep::All)?;
                }
            }
            Self::Subtract => {
                add(store, 0, Keep::All)?;
                for walked in 1..sources.members().len() {
                    sources.walk(store, walked, Keep::All, |store, members| {
                        for member in members.iter() {
                            result.remove_member(store, member);
                        }
                        Ok(true)
                    })?;
                }
            }
        }
        Ok(())
    }
}

/// SINTER key …
pub(super) fn sinter(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    reply(call, Operation::Intersection)
}

/// SUNION key …
pub(super) fn sunion(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    reply(call, Operation::Union)
}

/// SDIFF key …
pub(super) fn sdiff(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    reply(call, Operation::Difference)
}

/// SINTERSTORE destination key …
pub(super) fn sinterstore(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    store(call, Operation::Intersection)
}

/// SUNIONSTORE destination key …
pub(super) fn sunionstore(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    store(call, Operation::Union)
}

/// SDIFFSTORE destination key …
pub(super) fn sdiffstore(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    store(call, Operation::Difference)
}

/// SINTERCARD numkeys key … \[LIMIT limit\]
pub(super) fn sintercard(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let args = call.args;
    let keys = integer(args.at(1)).ok().filter(|keys| *keys > 0);
    let keys = keys.ok_or(ErrorReply::KeyCountNotPositive)?;
    let end = usize::try_from(keys)
        .ok()
        .and_then(|keys| keys.checked_add(2));
    let end = end.filter(|end| *end <= args.len());
    let end = end.ok_or(ErrorReply::KeyCountTooLarge)?;
    let mut limit = 0;
    let mut options = args.iter_from(end);
    while let Some(word) = options.next() {
        let argument = options.next().filter(|_| is_word(word, "LIMIT"));
        let number = integer(argument.ok_or(ErrorReply::Syntax)?).ok();
        let number = number.and_then(|number| u64::try_from(number).ok());
        limit = number.ok_or(ErrorReply::LimitNegative)?;
    }
    let mut sources = Sources::of(call, 2..end)?;
    sources.sort();
    let mut count = 0;
    sources.walk(call.store, 0, Keep::InEvery, |_, members| {
        count += members.len() as u64;
        Ok(limit == 0 || count < limit)
    })?;
    if limit > 0 {
        count = count.min(limit);
    }
    call.reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(Action::Continue)
}

fn reply(call: &mut Call<'_>, operation: Operation) -> Result<Action, ErrorReply> {
    let mut sources = Sources::of(call, 1..call.args.len())?;
    let plan = Plan::of(operation, &mut sources);
    if let Plan::Walk(walked, keep) = plan {
        reply_walked(call, &sources, walked, keep)?;
    } else {
        let mut result = SetMaker::new(call.db(), b"", call.node.settings.hot.small.set);
        let replied = plan
            .carry_out(call.store, &sources, &mut result)
            .and_then(|()| reply_made(call, &result));
        result.drop(call.store);
        replied?;
    }
    Ok(Action::Continue)
}

fn reply_walked(
    call: &mut Call<'_>,
    sources: &Sources<'_>,
    walked: usize,
    keep: Keep,
) -> Result<(), ErrorReply> {
    let most = call.node.settings.hot.output_limit.most_bytes();
    let head = call.reply.set_later();
    let mut count = 0;
    let reply = &mut call.reply;
    sources.walk(call.store, walked, keep, |_, members| {
        for member in members.iter() {
            reply.bulk(member);
        }
        count += members.len();
        if reply.position() > most {
            return Err(ErrorReply::ReplyTooLong);
        }
        Ok(true)
    })?;
    call.reply.finish(head, count);
    Ok(())
}

fn reply_made(call: &mut Call<'_>, result: &SetMaker) -> Result<(), ErrorReply> {
    let members = result.members();
    call.reply
        .set(usize::try_from(members).unwrap_or(usize::MAX));
    let all = Position::default();
    result.view(call.store).walk(all, usize::MAX, |member| {
        reply_string(&mut call.reply, member);
    });
    check_reply(call)
}

fn store(call: &mut Call<'_>, operation: Operation) -> Result<Action, ErrorReply> {
    let mut sources = Sources::of(call, 2..call.args.len())?;
    let plan = Plan::of(operation, &mut sources);
    let destination = call.key(1);
    let limits = call.node.settings.hot.small.set;
    let mut result = SetMaker::new(call.db(), destination.bytes, limits);
    let made = plan.carry_out(call.store, &sources, &mut result);
    if let Err(error) = made {
        result.drop(call.store);
        return Err(error);
    }
    let members = result.members();
    result.put(call.store, destination)?;
    call.reply
        .integer(i64::try_from(members).unwrap_or(i64::MAX));
    Ok(Action::Continue)
}
