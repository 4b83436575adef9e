//! Commands that take elements from the ends of lists: LPOP, RPOP, LMPOP, LMOVE, RPOPLPUSH.
//! Pure.

use super::end_of;
use crate::commands::arguments::{positive, reply_string};
use crate::commands::bounded::BoundedReply;
use crate::commands::counted_keys::CountedKeys;
use crate::commands::{Action, Call};
use crate::store::{ListEdit, ListEnd, ListRef, Texts, Wording};
use shared::command::CommandId;
use shared::resp::{ErrorReply, ReplyWriter};

/// LPOP key [count]
pub(super) fn lpop(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    pop(call, ListEnd::Front)
}

/// RPOP key [count]
pub(super) fn rpop(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    pop(call, ListEnd::Back)
}

fn pop(call: &mut Call<'_>, end: ListEnd) -> Result<Action, ErrorReply> {
    let count = match call.args.len() {
        2 => None,
        3 => Some(positive(call.args.at(2))?),
        _ => return Err(ErrorReply::Arity(call.spec.name.into())),
    };
    let (db, key, as_asked) = (call.db(), call.key(1), Wording::Verbatim(call.args));
    let most = call.node.settings.hot.output_limit.most_bytes();
    let edit = ListEdit::of(call.store.slot(db, key))?;
    let taken = match (edit.list(), count) {
        (None, None) => {
            call.reply.null();
            return Ok(Action::Continue);
        }
        (None, Some(_)) => {
            call.reply.null_array();
            return Ok(Action::Continue);
        }
        (Some(list), None) => {
            list.show(end, 1, |element| reply_string(&mut call.reply, element));
            1
        }
        (Some(list), Some(count)) => show_many(list, end, count, &mut call.reply, most)?,
    };
    edit.pop(end, taken, as_asked)?;
    Ok(Action::Continue)
}

/// Up to `count` elements as an array; how many there were.
fn show_many(
    list: ListRef<'_>,
    end: ListEnd,
    count: u64,
    reply: &mut ReplyWriter<'_>,
    most: usize,
) -> Result<u64, ErrorReply> {
    let count = count.min(list.len());
    let mut reply = BoundedReply::new(reply, most);
    reply.array(count);
    list.show(end, count, |element| reply.string(element));
    reply.finish()?;
    Ok(count)
}

/// LMPOP numkeys key … LEFT|RIGHT [COUNT count]
pub(super) fn lmpop(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let keys = CountedKeys::at(call, 1)?;
    let (end, count) = keys.end_and_count(call, end_of)?;
    let (db, most) = (call.db(), call.node.settings.hot.output_limit.most_bytes());
    for index in keys.places() {
        let key = call.key(index);
        let edit = ListEdit::of(call.store.slot(db, key))?;
        let Some(list) = edit.list() else { continue };
        call.reply.array(2);
        call.reply.bulk(key.bytes);
        let count = show_many(list, end, count, &mut call.reply, most)?;
        let mut digits = itoa::Buffer::new();
        let words = [pop_at(end), key.bytes, digits.format(count).as_bytes()];
        edit.pop(end, count, Wording::Words(&words))?;
        return Ok(Action::Continue);
    }
    call.reply.null_array();
    Ok(Action::Continue)
}

/// The command that takes from this end.
fn pop_at(end: ListEnd) -> &'static [u8] {
    let command = match end {
        ListEnd::Front => CommandId::Lpop,
        ListEnd::Back => CommandId::Rpop,
    };
    command.name().as_bytes()
}

/// LMOVE source destination LEFT|RIGHT LEFT|RIGHT
pub(super) fn lmove(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (from, to) = (end_of(call.args.at(3))?, end_of(call.args.at(4))?);
    move_between(call, from, to)
}

/// RPOPLPUSH source destination
pub(super) fn rpoplpush(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    move_between(call, ListEnd::Back, ListEnd::Front)
}

fn move_between(call: &mut Call<'_>, from: ListEnd, to: ListEnd) -> Result<Action, ErrorReply> {
    let (db, source, destination) = (call.db(), call.key(1), call.key(2));
    let Some(list) = ListRef::there(call.store.get(db, source))? else {
        call.reply.null();
        return Ok(Action::Continue);
    };
    let mut moved = Texts::default();
    list.show(from, 1, |element| moved.push(element));
    let element = moved.get(0);
    let as_asked = Wording::Verbatim(call.args);
    if source.bytes == destination.bytes {
        ListEdit::of(call.store.slot(db, source))?.turn(from, to, element, as_asked)?;
    } else {
        // Pushed first: that may be refused, and nothing has changed then.
        let list = ListEdit::of(call.store.slot(db, destination))?;
        list.push(to, std::iter::once(element), as_asked)?;
        let list = ListEdit::of(call.store.slot(db, source))?;
        list.pop(from, 1, Wording::Told)?;
    }
    call.reply.bulk(element);
    Ok(Action::Continue)
}
