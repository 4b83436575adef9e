//! Commands that take members out: ZREM, ZREMRANGEBYRANK, ZREMRANGEBYSCORE, ZREMRANGEBYLEX.
//! Pure.

use super::border::Borders;
use crate::commands::arguments::{integer, places, reply_count_64};
use crate::commands::element_by_element::{Elements, Told, treat};
use crate::commands::piecewise::{Piecewise, Progress, carry_out};
use crate::commands::{Action, Call};
use crate::store::{Key, SortedSetEdit, SortedSetRef, Wording};
use shared::command::CommandId;
use shared::resp::ErrorReply;

/// ZREM key member …
pub(super) fn zrem(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let members = Elements::from(call.args, 2, Told::Sum);
    treat(call, members, |call| {
        let (db, key, as_asked) = (call.db(), call.key(1), Wording::Verbatim(call.args));
        let set = SortedSetEdit::of(call.store.slot(db, key))?;
        let removed = set.remove(call.args.iter_from(2), as_asked)?;
        reply_count_64(&mut call.reply, removed);
        Ok(Action::Continue)
    })
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
    let (len, (first, count)) = (set.len(), set.set().map_or((0, 0), ranks));
    if (count > UNDIVIDED_MEMBERS && count < len) || call.is_piecewise {
        return carry_out(call, Removal::new(first, count), true);
    }
    let removed = set.remove_ranks(first, count, as_asked)?;
    reply_count_64(&mut call.reply, removed);
    Ok(Action::Continue)
}

/// With more members that go while others stay, others have their turns in between: so many take half a millisecond.
const UNDIVIDED_MEMBERS: u64 = 256;
/// Members that go between two looks at the time.
const REMOVED_AT_ONCE: u64 = 64;

/// Members of some ranks on their way out. Should the set go meanwhile, the command begins anew, and finds none.
#[derive(Debug)]
struct Removal {
    first: u64,
    left: u64,
    removed: u64,
}

impl Removal {
    fn new(first: u64, count: u64) -> Self {
        Self {
            first,
            left: count,
            removed: 0,
        }
    }
}

impl Piecewise for Removal {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (db, key) = (call.db(), call.key(1));
        if self.left > 0 {
            let set = SortedSetEdit::of(call.store.slot(db, key))?;
            if set.is_empty() {
                return Ok(Progress::Anew);
            }
            let is_all = self.left >= set.len();
            let some = if is_all {
                self.left
            } else {
                self.left.min(REMOVED_AT_ONCE)
            };
            self.removed += remove_from(set, key, self.first, some)?;
            self.left -= some;
        }
        if self.left > 0 {
            return Ok(Progress::More);
        }
        reply_count_64(&mut call.reply, self.removed);
        Ok(Progress::Over)
    }
}

/// Takes out so many members from a rank on, and tells it as what it is.
pub(super) fn remove_from(
    set: SortedSetEdit<'_>,
    key: Key<'_>,
    first: u64,
    count: u64,
) -> Result<u64, ErrorReply> {
    let mut digits = (itoa::Buffer::new(), itoa::Buffer::new());
    let words = [
        CommandId::Zremrangebyrank.name().as_bytes(),
        key.bytes,
        digits.0.format(first).as_bytes(),
        digits.1.format(first + count - 1).as_bytes(),
    ];
    Ok(set.remove_ranks(first, count, Wording::Words(&words))?)
}
