//! Commands that put elements into lists: LPUSH, RPUSH, their X forms, LINSERT.
//! Pure.

use crate::commands::arguments::{is_word, reply_count_64};
use crate::commands::element_by_element::{Elements, Told, treat};
use crate::commands::piecewise::{Piecewise, Progress, work_through};
use crate::commands::{Action, Call};
use crate::store::{ListEdit, ListEnd, Wording};
use shared::resp::ErrorReply;

/// Elements that are compared with a pivot between two looks at the time.
pub(super) const COMPARED_AT_ONCE: u64 = 4_096;

/// LPUSH key element …
pub(super) fn lpush(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    treat(call, elements(call), |call| push(call, ListEnd::Front))
}

/// RPUSH key element …
pub(super) fn rpush(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    treat(call, elements(call), |call| push(call, ListEnd::Back))
}

/// LPUSHX key element …
pub(super) fn lpushx(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    treat(call, elements(call), |call| {
        push_to_old(call, ListEnd::Front)
    })
}

/// RPUSHX key element …
pub(super) fn rpushx(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    treat(call, elements(call), |call| {
        push_to_old(call, ListEnd::Back)
    })
}

/// The elements that are pushed: the last of the shorter commands says how long the list is.
fn elements(call: &Call<'_>) -> Elements {
    Elements::from(call.args, 2, Told::Last)
}

fn push(call: &mut Call<'_>, end: ListEnd) -> Result<Action, ErrorReply> {
    let (db, key, as_asked) = (call.db(), call.key(1), Wording::Verbatim(call.args));
    let list = ListEdit::of(call.store.slot(db, key))?;
    let len = list.push(end, call.args.iter_from(2), as_asked)?;
    reply_count_64(&mut call.reply, len);
    Ok(Action::Continue)
}

fn push_to_old(call: &mut Call<'_>, end: ListEnd) -> Result<Action, ErrorReply> {
    let (db, key, as_asked) = (call.db(), call.key(1), Wording::Verbatim(call.args));
    let list = ListEdit::of(call.store.slot(db, key))?;
    let len = if list.is_empty() {
        0
    } else {
        list.push(end, call.args.iter_from(2), as_asked)?
    };
    reply_count_64(&mut call.reply, len);
    Ok(Action::Continue)
}

/// LINSERT key BEFORE|AFTER pivot element
pub(super) fn linsert(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let side = match call.args.at(2) {
        word if is_word(word, "BEFORE") => Side::Before,
        word if is_word(word, "AFTER") => Side::After,
        _ => return Err(ErrorReply::Syntax),
    };
    let (db, key) = (call.db(), call.key(1));
    if ListEdit::of(call.store.slot(db, key))?.is_empty() {
        call.reply.integer(0);
        return Ok(Action::Continue);
    }
    work_through(call, Insertion { side, passed: 0 })
}

/// On which side of an element another one goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// Nearer to the front.
    Before,
    /// Nearer to the back.
    After,
}

/// A LINSERT under way: so many elements were looked at, and none was the pivot. Should the list go meanwhile, the command begins anew, and finds none.
#[derive(Debug)]
struct Insertion {
    side: Side,
    passed: u64,
}

impl Piecewise for Insertion {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (db, key, as_asked) = (call.db(), call.key(1), Wording::Verbatim(call.args));
        let (pivot, element) = (call.args.at(3), call.args.at(4));
        let list = ListEdit::of(call.store.slot(db, key))?;
        let Some(view) = list.list() else {
            return Ok(Progress::Anew);
        };
        let mut found = Vec::new();
        let among = self.passed..self.passed + COMPARED_AT_ONCE;
        view.find_some(pivot, ListEnd::Front, among, &mut found);
        self.passed += COMPARED_AT_ONCE;
        if let Some(pivot) = found.first() {
            let position = match self.side {
                Side::Before => *pivot,
                Side::After => pivot + 1,
            };
            let len = list.insert(position, element, as_asked)?;
            reply_count_64(&mut call.reply, len);
            return Ok(Progress::Over);
        }
        if self.passed < view.len() {
            return Ok(Progress::More);
        }
        call.reply.integer(-1);
        Ok(Progress::Over)
    }
}
