//! Commands that read scores, ranks and counts: ZCARD, ZSCORE, ZMSCORE, ZRANK, ZREVRANK, ZCOUNT, ZLEXCOUNT.
//! Pure.

use super::border::Borders;
use crate::commands::arguments::reply_count_64;
use crate::commands::element_by_element::{Elements, Told, treat};
use crate::commands::{Action, Call};
use crate::store::SortedSetRef;
use shared::resp::{ErrorReply, ReplyWriter};

/// ZCARD key
pub(super) fn zcard(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let set = SortedSetRef::there(call.store.get(db, key))?;
    reply_count_64(&mut call.reply, set.map_or(0, SortedSetRef::len));
    Ok(Action::Continue)
}

/// ZSCORE key member
pub(super) fn zscore(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let set = SortedSetRef::there(call.store.get(db, key))?;
    reply_score(&mut call.reply, set, call.args.at(2));
    Ok(Action::Continue)
}

/// ZMSCORE key member …
pub(super) fn zmscore(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let members = Elements::from(call.args, 2, Told::Each);
    treat(call, members, |call| {
        let (db, key) = (call.db(), call.key(1));
        let set = SortedSetRef::there(call.store.get(db, key))?;
        let members = call.args.iter_from(2);
        call.reply.array(members.len());
        for member in members {
            reply_score(&mut call.reply, set, member);
        }
        Ok(Action::Continue)
    })
}

fn reply_score(reply: &mut ReplyWriter<'_>, set: Option<SortedSetRef<'_>>, member: &[u8]) {
    match set.and_then(|set| set.score(member)) {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

/// ZRANK key member
pub(super) fn zrank(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    reply_rank(call, |_, rank| rank)
}

/// ZREVRANK key member
pub(super) fn zrevrank(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    reply_rank(call, |len, rank| len - 1 - rank)
}

fn reply_rank(call: &mut Call<'_>, told: fn(u64, u64) -> u64) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let set = SortedSetRef::there(call.store.get(db, key))?;
    let rank = set.and_then(|set| Some(told(set.len(), set.rank(call.args.at(2))?)));
    match rank {
        Some(rank) => reply_count_64(&mut call.reply, rank),
        None => call.reply.null(),
    }
    Ok(Action::Continue)
}

/// ZCOUNT key min max
pub(super) fn zcount(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let borders = Borders::of_scores(call.args.at(2), call.args.at(3))?;
    reply_between(call, borders)
}

/// ZLEXCOUNT key min max
pub(super) fn zlexcount(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let borders = Borders::of_texts(call.args.at(2), call.args.at(3))?;
    reply_between(call, borders)
}

fn reply_between(call: &mut Call<'_>, borders: Borders<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let set = SortedSetRef::there(call.store.get(db, key))?;
    reply_count_64(&mut call.reply, set.map_or(0, |set| borders.ranks(set).1));
    Ok(Action::Continue)
}
