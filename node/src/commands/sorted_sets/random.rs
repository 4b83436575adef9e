//! ZRANDMEMBER.
//! Pure: chance comes from the store's seeded generator.

use super::{MembersReply, Telling};
use crate::commands::arguments::{is_word, reply_optional};
use crate::commands::chosen::count;
use crate::commands::piecewise::{PIECE_ELEMENTS, Piecewise, Progress, show};
use crate::commands::{Action, Call};
use crate::store::SortedSetRef;
use shared::resp::ErrorReply;

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
    if count < 0 {
        return show(call, |call| {
            let (chance, left) = (call.store.draw_seed(), count.unsigned_abs());
            MembersReply::begin(&mut call.reply, most, telling, left);
            Ok(Drawn {
                telling,
                chance,
                left,
            })
        });
    }
    let len = set.len();
    let told = count.unsigned_abs().min(len);
    let mut reply = MembersReply::begin(&mut call.reply, most, telling, told);
    if told == len {
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

/// Members that are drawn one after the other, the same one perhaps more than once.
#[derive(Debug)]
struct Drawn {
    telling: Telling,
    chance: u64,
    left: u64,
}

impl Piecewise for Drawn {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (db, key) = (call.db(), call.key(1));
        let most = call.node.settings.hot.output_limit.most_bytes();
        let Some(set) = SortedSetRef::there(call.store.look(db, key))? else {
            return Ok(Progress::Anew);
        };
        let some = self.left.min(PIECE_ELEMENTS as u64);
        let mut reply = MembersReply::go_on(&mut call.reply, most, self.telling);
        for _ in 0..some {
            if let Some((member, score)) = set.random(&mut self.chance) {
                reply.member(member, score);
            }
        }
        reply.reply.finish()?;
        self.left -= some;
        Ok(match self.left {
            0 => Progress::Over,
            _ => Progress::More,
        })
    }
}
