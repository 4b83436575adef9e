//! ZRANDMEMBER.
//! Pure: chance comes from the store's seeded generator.

use super::{MembersReply, Telling};
use crate::commands::arguments::{is_word, reply_optional};
use crate::commands::chosen::count;
use crate::commands::{Action, Call};
use crate::store::SortedSetRef;
use shared::resp::ErrorReply;

/// Members drawn before the length of the reply is looked at: a negative count may ask for any number of them.
const DRAWN_AT_ONCE: u64 = 1_024;

/// ZRANDMEMBER key [count [WITHSCORES]]: a negative count may draw a member more than once.
pub(super) fn zrandmember(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.args.len() > 2 {
        return many(call);
    }
    let (db, key) = (call.db(), call.key(1));
    let mut chance = call.store.draw_seed();
    let set = SortedSetRef::there(call.store.get(db, key))?;
    let drawn = set.and_then(|set| set.random(&mut chance));
    reply_optional(&mut call.reply, drawn.map(|(member, _)| member));
    Ok(Action::Continue)
}

/// How many are asked for, and how they are told.
fn parse(call: &Call<'_>) -> Result<(i64, Telling), ErrorReply> {
    let count = count(call.args.at(2))?;
    let telling = match call.args.len() {
        3 => Telling::Members,
        4 if is_word(call.args.at(3), "WITHSCORES") => Telling::WithScores,
        _ => return Err(ErrorReply::Syntax),
    };
    // Twice as many must be countable.
    if telling == Telling::WithScores && !(-i64::MAX / 2..=i64::MAX / 2).contains(&count) {
        return Err(ErrorReply::PairsOutOfRange);
    }
    Ok((count, telling))
}

fn many(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (count, telling) = parse(call)?;
    let (db, key) = (call.db(), call.key(1));
    let most = call.node.settings.hot.output_limit.most_bytes();
    let mut chance = call.store.draw_seed();
    let set = SortedSetRef::there(call.store.get(db, key))?;
    let Some(set) = set.filter(|_| count != 0) else {
        call.reply.array(0);
        return Ok(Action::Continue);
    };
    let (wanted, len) = (count.unsigned_abs(), set.len());
    let told = if count < 0 { wanted } else { wanted.min(len) };
    let mut reply = MembersReply::begin(&mut call.reply, most, telling, told);
    if count < 0 {
        let mut left = told;
        while left > 0 && !reply.reply.is_full() {
            for _ in 0..left.min(DRAWN_AT_ONCE) {
                if let Some((member, score)) = set.random(&mut chance) {
                    reply.member(member, score);
                }
            }
            left = left.saturating_sub(DRAWN_AT_ONCE);
        }
    } else if told == len {
        // As Redis tells all.
        set.walk_back(len - 1, len, |member, score| reply.member(member, score));
    } else {
        set.sample(told, &mut chance, |member, score| {
            reply.member(member, score);
        });
    }
    reply.reply.finish()?;
    Ok(Action::Continue)
}
