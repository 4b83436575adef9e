//! Commands that take members from the ends: ZPOPMIN, ZPOPMAX, ZMPOP.
//! Pure.

use super::{MembersReply, Telling};
use crate::commands::arguments::{is_word, positive};
use crate::commands::counted_keys::CountedKeys;
use crate::commands::{Action, Call};
use crate::store::{ScoreEnd, SortedSetEdit, SortedSetRef, Wording};
use shared::command::CommandId;
use shared::resp::{ErrorReply, ReplyWriter};

/// ZPOPMIN key [count]
pub(super) fn zpopmin(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    pop(call, ScoreEnd::Least)
}

/// ZPOPMAX key [count]
pub(super) fn zpopmax(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    pop(call, ScoreEnd::Greatest)
}

fn pop(call: &mut Call<'_>, end: ScoreEnd) -> Result<Action, ErrorReply> {
    let (count, telling) = match call.args.len() {
        // One member is told flat, with its score, in RESP3 as well.
        2 => (1, Telling::Flat),
        3 => (positive(call.args.at(2))?, Telling::WithScores),
        _ => return Err(ErrorReply::Syntax),
    };
    let key = call.key(1);
    let as_asked = Wording::Verbatim(call.args);
    let db = call.db();
    let most = call.node.settings.hot.output_limit.most_bytes();
    let edit = SortedSetEdit::of(call.store.slot(db, key))?;
    let Some(set) = edit.set().filter(|_| count > 0) else {
        call.reply.array(0);
        return Ok(Action::Continue);
    };
    let count = show(set, end, count, telling, &mut call.reply, most)?;
    edit.pop(end, count, as_asked)?;
    Ok(Action::Continue)
}

/// Up to `count` members as a reply; how many there were.
fn show(
    set: SortedSetRef<'_>,
    end: ScoreEnd,
    count: u64,
    telling: Telling,
    reply: &mut ReplyWriter<'_>,
    most: usize,
) -> Result<u64, ErrorReply> {
    let count = count.min(set.len());
    let mut reply = MembersReply::begin(reply, most, telling, count);
    set.show(end, count, |member, score| reply.member(member, score));
    reply.reply.finish()?;
    Ok(count)
}

/// ZMPOP numkeys key … MIN|MAX [COUNT count]
pub(super) fn zmpop(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let keys = CountedKeys::at(call, 1)?;
    let (end, count) = keys.end_and_count(call, end_of)?;
    let (db, most) = (call.db(), call.node.settings.hot.output_limit.most_bytes());
    for index in keys.places() {
        let key = call.key(index);
        let edit = SortedSetEdit::of(call.store.slot(db, key))?;
        let Some(set) = edit.set() else { continue };
        call.reply.array(2);
        call.reply.bulk(key.bytes);
        let count = show(set, end, count, Telling::Pairs, &mut call.reply, most)?;
        let mut digits = itoa::Buffer::new();
        let words = [pop_at(end), key.bytes, digits.format(count).as_bytes()];
        edit.pop(end, count, Wording::Words(&words))?;
        return Ok(Action::Continue);
    }
    call.reply.null_array();
    Ok(Action::Continue)
}

/// `MIN` or `MAX`.
fn end_of(argument: &[u8]) -> Result<ScoreEnd, ErrorReply> {
    if is_word(argument, "MIN") {
        Ok(ScoreEnd::Least)
    } else if is_word(argument, "MAX") {
        Ok(ScoreEnd::Greatest)
    } else {
        Err(ErrorReply::Syntax)
    }
}

/// The command that takes from this end.
fn pop_at(end: ScoreEnd) -> &'static [u8] {
    let command = match end {
        ScoreEnd::Least => CommandId::Zpopmin,
        ScoreEnd::Greatest => CommandId::Zpopmax,
    };
    command.name().as_bytes()
}
