//! Commands that read sets: SCARD, SISMEMBER, SMISMEMBER, SMEMBERS, SSCAN.
//! Pure.

use super::set;
use crate::commands::arguments::{bytes_of, check_reply, reply_string};
use crate::commands::element_by_element::{Elements, Told, treat};
use crate::commands::piecewise::{PIECE_ELEMENTS, Piecewise, Progress, show};
use crate::commands::scan_options::{Scan, scan_elements};
use crate::commands::{Action, Call};
use crate::store::{Position, SetRef};
use shared::resp::{ErrorReply, parse_cursor};

/// SCARD key
pub(super) fn scard(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let members = set(call.store.get(db, key))?.map_or(0, SetRef::members);
    call.reply
        .integer(i64::try_from(members).unwrap_or(i64::MAX));
    Ok(Action::Continue)
}

/// SISMEMBER key member
pub(super) fn sismember(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key, member) = (call.db(), call.key(1), call.args.at(2));
    let set = set(call.store.get(db, key))?;
    let is_member = set.is_some_and(|set| set.contains(member));
    call.reply.integer(i64::from(is_member));
    Ok(Action::Continue)
}

/// SMISMEMBER key member …
pub(super) fn smismember(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let members = Elements::from(call.args, 2, Told::Each);
    treat(call, members, |call| {
        let (db, key) = (call.db(), call.key(1));
        let set = set(call.store.get(db, key))?;
        call.reply.array(call.args.len() - 2);
        for member in call.args.iter_from(2) {
            let is_member = set.is_some_and(|set| set.contains(member));
            call.reply.integer(i64::from(is_member));
        }
        Ok(Action::Continue)
    })
}

/// SMEMBERS key
pub(super) fn smembers(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    show(call, |call| {
        let (db, key) = (call.db(), call.key(1));
        let members = set(call.store.get(db, key))?.map_or(0, SetRef::members);
        call.reply
            .set(usize::try_from(members).unwrap_or(usize::MAX));
        let next = (members > 0).then(Position::default);
        Ok(All { next })
    })
}

/// All members of the set at the first key, without a head, a piece at a time.
#[derive(Debug)]
pub(super) struct All {
    next: Option<Position>,
}

impl All {
    /// All members of a set that has some.
    pub(super) fn of_members() -> Self {
        let next = Some(Position::default());
        Self { next }
    }
}

impl Piecewise for All {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let Some(from) = self.next else {
            return Ok(Progress::Over);
        };
        let (db, key) = (call.db(), call.key(1));
        let Some(set) = set(call.store.look(db, key))? else {
            return Ok(Progress::Anew);
        };
        let reply = &mut call.reply;
        self.next = set.walk(from, PIECE_ELEMENTS, |member| reply_string(reply, member));
        check_reply(call)?;
        Ok(match self.next {
            Some(_) => Progress::More,
            None => Progress::Over,
        })
    }
}

/// SSCAN key cursor \[MATCH pattern\] \[COUNT count\]
pub(super) fn sscan(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let cursor = parse_cursor(call.args.at(2)).ok_or(ErrorReply::InvalidCursor)?;
    let (db, key) = (call.db(), call.key(1));
    let members = set(call.store.get(db, key))?.map(SetRef::members);
    scan_elements(
        call,
        cursor,
        (members, 1),
        |call, from, pattern, scanned| {
            let (db, key) = (call.db(), call.key(1));
            let Some(set) = set(call.store.look(db, key))? else {
                return Ok(None);
            };
            let next = set.scan(from, |member| {
                scanned.seen += 1;
                let mut digits = itoa::Buffer::new();
                if pattern.matches(bytes_of(member, &mut digits), &mut scanned.fault) {
                    reply_string(&mut call.reply, member);
                    scanned.words += 1;
                }
            });
            Ok(Some(Scan::To(next)))
        },
    )
}
