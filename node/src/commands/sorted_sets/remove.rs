//! Commands that take members out: ZREM, ZREMRANGEBYRANK, ZREMRANGEBYSCORE, ZREMRANGEBYLEX.
//! Pure.

use super::border::Borders;
use crate::commands::arguments::{integer, places, reply_count_64};
use crate::commands::{Action, Call};
use crate::store::{SortedSetEdit, SortedSetRef, Wording};
use shared::resp::ErrorReply;

/// ZREM key member …
pub(super) fn zrem(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key, as_asked) = (call.db(), call.key(1), Wording::Verbatim(call.args));
    let set = SortedSetEdit::of(call.store.slot(db, key))?;
    let removed = set.remove(call.args.iter_from(2), as_asked)?;
    reply_count_64(&mut call.reply, removed);
    Ok(Action::Continue)
}

/// ZREMRANGEBYRANK key start stop
pub(super) fn zremrangebyrank(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (start, stop) = (integer(call.args.at(2))?, integer(call.args.at(3))?);
    remove_ranks(call, |set| places(start, stop, set.len()).unwrap_or((0, 0)))
}

/// ZREMRANGEBYSCORE key min max
pub(super) fn zremrangebyscore(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let borders = Borders::of_scores(call.args.at(2), call.args.at(3))?;
    remove_ranks(call, |set| borders.ranks(set))
}

/// ZREMRANGEBYLEX key min max
pub(super) fn zremrangebylex(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let borders = Borders::of_texts(call.args.at(2), call.args.at(3))?;
    remove_ranks(call, |set| borders.ranks(set))
}

/// Takes out the members of some ranks: the first, and how many.
fn remove_ranks(
    call: &mut Call<'_>,
    ranks: impl FnOnce(SortedSetRef<'_>) -> (u64, u64),
) -> Result<Action, ErrorReply> {
    let (db, key, as_asked) = (call.db(), call.key(1), Wording::Verbatim(call.args));
    let set = SortedSetEdit::of(call.store.slot(db, key))?;
    let (first, count) = set.set().map_or((0, 0), ranks);
    let removed = set.remove_ranks(first, count, as_asked)?;
    reply_count_64(&mut call.reply, removed);
    Ok(Action::Continue)
}
