//! Commands that change or drop elements where they stand: LSET, LREM, LTRIM.
//! Pure.

use super::pop::pop_some;
use super::read::position_of;
use crate::commands::arguments::{integer, places, reply_count_64};
use crate::commands::events::LTRIM;
use crate::commands::piecewise::{Piecewise, Progress, carry_out};
use crate::commands::{Action, Call};
use crate::store::{ListEdit, ListEnd, Wording};
use shared::resp::ErrorReply;

/// LSET key index element
pub(super) fn lset(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key, as_asked) = (call.db(), call.key(1), Wording::Verbatim(call.args));
    let list = ListEdit::of(call.store.slot(db, key))?;
    let len = list.len();
    if len == 0 {
        return Err(ErrorReply::NoSuchKey);
    }
    let position = position_of(integer(call.args.at(2))?, len).filter(|position| *position < len);
    let position = position.ok_or(ErrorReply::IndexOutOfRange)?;
    list.set(position, call.args.at(3), as_asked)?;
    call.reply.ok();
    Ok(Action::Continue)
}

/// With more elements that are looked at or go, others have their turns in between: so many take some 50 µs.
const UNDIVIDED_ELEMENTS: u64 = COMPARED_AT_ONCE;
/// Elements that are looked at between two looks at the time.
const COMPARED_AT_ONCE: u64 = 1_024;

/// LREM key count element: a negative count begins at the end, 0 means all.
pub(super) fn lrem(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let count = integer(call.args.at(2))?;
    let (db, key) = (call.db(), call.key(1));
    let len = ListEdit::of(call.store.slot(db, key))?.len();
    let end = if count < 0 {
        ListEnd::Back
    } else {
        ListEnd::Front
    };
    let removal = Removal {
        end,
        passed: 0,
        left: match count.unsigned_abs() {
            0 => u64::MAX,
            limit => limit,
        },
        removed: 0,
        was_there: len > 0,
    };
    carry_out(call, removal, len > UNDIVIDED_ELEMENTS)
}

/// A LREM under way. Should the list go meanwhile, the command begins anew, and finds nothing.
#[derive(Debug)]
struct Removal {
    end: ListEnd,
    /// Elements at that end that were looked at and stay.
    passed: u64,
    /// Most elements that are still to go.
    left: u64,
    removed: u64,
    was_there: bool,
}

impl Piecewise for Removal {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (db, key, element) = (call.db(), call.key(1), call.args.at(3));
        let list = ListEdit::of(call.store.slot(db, key))?;
        let len = list.len();
        if len == 0 && self.was_there {
            return Ok(Progress::Anew);
        }
        let looked_at = COMPARED_AT_ONCE.min(len - self.passed);
        let removed = list.remove_equal(
            self.end,
            element,
            self.passed..self.passed + looked_at,
            self.left,
        )?;
        self.removed += removed;
        self.left -= removed;
        self.passed += looked_at - removed;
        let rest = len - removed;
        self.was_there = rest > 0;
        if self.left > 0 && self.passed < rest {
            return Ok(Progress::More);
        }
        reply_count_64(&mut call.reply, self.removed);
        Ok(Progress::Over)
    }
}

/// LTRIM key start stop
pub(super) fn ltrim(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (start, stop) = (integer(call.args.at(2))?, integer(call.args.at(3))?);
    let (db, key, as_asked) = (call.db(), call.key(1), Wording::Verbatim(call.args));
    let list = ListEdit::of(call.store.slot(db, key))?;
    let len = list.len();
    let (first, count) = places(start, stop, len).unwrap_or((0, 0));
    if (count > 0 && len - count > UNDIVIDED_ELEMENTS) || call.is_piecewise {
        let back = len - first - count;
        return Ok(Action::Piecewise(Box::new(Trim { front: first, back })));
    }
    list.keep(first, count, as_asked)?;
    if count == len && len > 0 {
        call.store.note_event(db, key, LTRIM);
    }
    call.reply.ok();
    Ok(Action::Continue)
}

/// A LTRIM under way: so many elements are still to go at the ends.
#[derive(Debug)]
struct Trim {
    front: u64,
    back: u64,
}

impl Piecewise for Trim {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let key = call.key(1);
        if self.back > 0 {
            self.back = pop_some(call, key, ListEnd::Back, self.back)?;
        } else if self.front > 0 {
            self.front = pop_some(call, key, ListEnd::Front, self.front)?;
        }
        if self.front + self.back > 0 {
            return Ok(Progress::More);
        }
        call.reply.ok();
        Ok(Progress::Over)
    }
}
