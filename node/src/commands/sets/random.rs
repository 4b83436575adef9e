//! Commands that take or show members by chance: SPOP, SRANDMEMBER.
//! Pure.

use super::change::edit;
use super::read::reply_members;
use super::set;
use crate::commands::arguments::{check_reply, reply_string};
use crate::commands::chosen::{Choice, count, positive_count};
use crate::commands::{Action, Call};
use crate::store::{Position, SetRef};
use shared::resp::ErrorReply;

/// SPOP key \[count\]
pub(super) fn spop(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let mut chance = call.store.draw_seed();
    let count = match call.args.len() {
        2 => None,
        3 => Some(positive_count(call.args.at(2))?),
        _ => return Err(ErrorReply::Syntax),
    };
    let Some(count) = count else {
        let popped = edit(call, key)?.pop(1, &mut chance)?;
        if popped.is_empty() {
            call.reply.null();
        } else {
            call.reply.bulk(popped.get(0));
        }
        return Ok(Action::Continue);
    };
    let members = edit(call, key)?.set()?.map_or(0, SetRef::members);
    if count >= members {
        call.reply
            .set(usize::try_from(members).unwrap_or(usize::MAX));
        reply_members(call)?;
        call.store.remove(db, key);
        return Ok(Action::Continue);
    }
    let popped = edit(call, key)?.pop(count, &mut chance)?;
    call.reply.set(popped.len());
    for member in popped.iter() {
        call.reply.bulk(member);
    }
    Ok(Action::Continue)
}

/// SRANDMEMBER key \[count\]
pub(super) fn srandmember(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    if call.args.len() == 2 {
        let mut chance = call.store.draw_seed();
        let set = set(call.store.get(db, key))?;
        let drawn = set.and_then(|set| set.at(set.random(&mut chance)?));
        match drawn {
            Some(member) => reply_string(&mut call.reply, member),
            None => call.reply.null(),
        }
        return Ok(Action::Continue);
    }
    if call.args.len() > 3 {
        return Err(ErrorReply::Syntax);
    }
    let count = count(call.args.at(2))?;
    let members = set(call.store.get(db, key))?.map_or(0, SetRef::members);
    if members == 0 || count == 0 {
        call.reply.array(0);
        return Ok(Action::Continue);
    }
    let shown = match count {
        ..0 => count.unsigned_abs(),
        _ => count.unsigned_abs().min(members),
    };
    call.reply
        .array(usize::try_from(shown).unwrap_or(usize::MAX));
    if count < 0 {
        draw_with_repetitions(call, shown)?;
    } else {
        choose(call, shown, members)?;
    }
    Ok(Action::Continue)
}

fn draw_with_repetitions(call: &mut Call<'_>, count: u64) -> Result<(), ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let most = call.node.settings.hot.output_limit.most_bytes();
    let mut chance = call.store.draw_seed();
    let Some(set) = set(call.store.look(db, key))? else {
        return Ok(());
    };
    for _ in 0..count {
        let drawn = set.random(&mut chance);
        if let Some(member) = drawn.and_then(|place| set.at(place)) {
            reply_string(&mut call.reply, member);
        }
        if call.reply.position() > most {
            return Err(ErrorReply::ReplyTooLong);
        }
    }
    Ok(())
}

fn choose(call: &mut Call<'_>, count: u64, members: u64) -> Result<(), ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let mut chance = call.store.draw_seed();
    let Some(set) = set(call.store.look(db, key))? else {
        return Ok(());
    };
    match Choice::of(count, members, &mut chance, |chance| set.random(chance)) {
        Choice::All => return reply_members(call),
        Choice::Walk(mut selection) => {
            set.walk(Position::default(), usize::MAX, |member| {
                if selection.takes_next(&mut chance) {
                    reply_string(&mut call.reply, member);
                }
            });
        }
        Choice::Drawn(drawn) => {
            for member in drawn.into_iter().filter_map(|place| set.at(place)) {
                reply_string(&mut call.reply, member);
            }
        }
    }
    check_reply(call)
}
