//! Commands that change streams without adding to them: XDEL, XSETID.
//! Pure.

use super::identifier::identifier;
use crate::commands::arguments::{integer, is_word, reply_count_64};
use crate::commands::element_by_element::{Elements, Told, treat};
use crate::commands::{Action, Call};
use crate::store::{StreamEdit, StreamId, StreamRef, Totals, Wording};
use shared::resp::{Args, ErrorReply, StreamError};
use std::ops::Range;

/// XDEL key id …
pub(super) fn xdel(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    if StreamRef::there(call.store.peek(db, key))?.is_none() {
        call.reply.integer(0);
        return Ok(Action::Continue);
    }
    let ids = Elements::from(call.args, 2, Told::Sum);
    treat(call, ids.checked(check_identifiers), |call| {
        let (db, key, as_asked) = (call.db(), call.key(1), Wording::Verbatim(call.args));
        let edit = StreamEdit::of(call.store.slot(db, key))?;
        let removed = match edit.stream() {
            Some(_) => edit.remove(&identifiers(call.args, 2)?, as_asked)?,
            // It went meanwhile.
            None => 0,
        };
        reply_count_64(&mut call.reply, removed);
        Ok(Action::Continue)
    })
}

/// All identifiers are looked at before the first is used.
pub(super) fn check_identifiers(args: Args<'_>, ids: Range<usize>) -> Result<(), ErrorReply> {
    for at in ids {
        identifier(args.at(at))?;
    }
    Ok(())
}

/// All arguments from `first` on as identifiers.
pub(super) fn identifiers(args: Args<'_>, first: usize) -> Result<Vec<StreamId>, ErrorReply> {
    args.iter_from(first).map(identifier).collect()
}

/// XSETID key last-id \[ENTRIESADDED entries-added\] \[MAXDELETEDID max-deleted-id\]
pub(super) fn xsetid(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let totals = totals(call.args)?;
    let (db, key, as_asked) = (call.db(), call.key(1), Wording::Verbatim(call.args));
    let edit = StreamEdit::of(call.store.slot(db, key))?;
    let stream = edit.stream().ok_or(ErrorReply::NoSuchKey)?;
    check(stream, totals)?;
    edit.set_totals(totals, as_asked)?;
    call.reply.ok();
    Ok(Action::Continue)
}

fn totals(args: Args<'_>) -> Result<Totals, ErrorReply> {
    let last_id = identifier(args.at(2))?;
    let mut totals = Totals {
        last_id,
        entries_added: None,
        max_deleted_id: None,
    };
    let mut arguments = args.iter_from(3);
    while let Some(word) = arguments.next() {
        let value = arguments.next().ok_or(ErrorReply::Syntax)?;
        if is_word(word, "ENTRIESADDED") {
            let added = u64::try_from(integer(value)?);
            let added = added.map_err(|_| StreamError::EntriesAddedNegative)?;
            totals.entries_added = Some(added);
        } else if is_word(word, "MAXDELETEDID") {
            let id = identifier(value)?;
            if last_id < id {
                return Err(StreamError::BelowMaxDeleted.into());
            }
            totals.max_deleted_id = (id != StreamId::MIN).then_some(id);
        } else {
            return Err(ErrorReply::Syntax);
        }
    }
    Ok(totals)
}

/// Whether a stream can have these totals.
fn check(stream: StreamRef<'_>, totals: Totals) -> Result<(), StreamError> {
    let Some(last) = stream.last_entry() else {
        return Ok(());
    };
    if totals.last_id < last {
        return Err(StreamError::BelowTopItem);
    }
    if totals
        .entries_added
        .is_some_and(|added| added < stream.len())
    {
        return Err(StreamError::BelowLength);
    }
    Ok(())
}
