//! Commands that take elements from the ends of lists: LPOP, RPOP, LMPOP, LMOVE, RPOPLPUSH.
//! Pure.

use super::end_of;
use crate::commands::arguments::{positive, reply_string};
use crate::commands::bounded::BoundedReply;
use crate::commands::counted_keys::CountedKeys;
use crate::commands::events::{popping, pushing};
use crate::commands::piecewise::{Piecewise, Progress};
use crate::commands::{Action, Call};
use crate::store::{Key, ListEdit, ListEnd, ListRef, Texts, Wording};
use shared::command::CommandId;
use shared::resp::{ErrorReply, ReplyWriter};

/// With more elements, others have their turns in between: so many are told and taken in half a millisecond.
const UNDIVIDED_ELEMENTS: u64 = 1_024;
/// Elements that are told between two looks at the time, and that go.
const TOLD_AT_ONCE: u64 = 128;
const REMOVED_AT_ONCE: u64 = 1_024;

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
        (Some(_), None) => {
            let reply = &mut call.reply;
            edit.pop_one(end, as_asked, |element| reply_string(reply, element))?;
            return Ok(Action::Continue);
        }
        (Some(list), Some(count))
            if count.min(list.len()) > UNDIVIDED_ELEMENTS || call.is_piecewise =>
        {
            let popping = Popping::new(1, end, count.min(list.len()), Telling::Elements);
            return Ok(Action::Piecewise(Box::new(popping)));
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
    if let Some(action) = pop_from_first(call, &keys, end, count)? {
        return Ok(action);
    }
    call.reply.null_array();
    Ok(Action::Continue)
}

/// Takes up to so many elements of the first list that there is; `None` where there is none.
pub(super) fn pop_from_first(
    call: &mut Call<'_>,
    keys: &CountedKeys,
    end: ListEnd,
    count: u64,
) -> Result<Option<Action>, ErrorReply> {
    let (db, most) = (call.db(), call.node.settings.hot.output_limit.most_bytes());
    for index in keys.places() {
        let key = call.key(index);
        let edit = ListEdit::of(call.store.slot(db, key))?;
        let Some(list) = edit.list() else { continue };
        if count.min(list.len()) > UNDIVIDED_ELEMENTS || call.is_piecewise {
            let popping = Popping::new(index, end, count.min(list.len()), Telling::KeyAndElements);
            return Ok(Some(Action::Piecewise(Box::new(popping))));
        }
        call.reply.array(2);
        call.reply.bulk(key.bytes);
        let count = show_many(list, end, count, &mut call.reply, most)?;
        let mut digits = itoa::Buffer::new();
        let words = [pop_at(end), key.bytes, digits.format(count).as_bytes()];
        edit.pop(end, count, Wording::Words(&words))?;
        return Ok(Some(Action::Continue));
    }
    Ok(None)
}

/// What the reply to a long LPOP or LMPOP is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    Elements,
    KeyAndElements,
}

/// Elements at an end of a list on their way out: told first, for a reply may be too long, and nothing goes then. Should the list go while they are told, the command begins
/// anew; should it go later, what was told went before.
#[derive(Debug)]
struct Popping {
    key_at: usize,
    end: ListEnd,
    telling: Telling,
    /// How many there were to tell, how many are told, and how many are to go.
    count: u64,
    told: u64,
    left: u64,
}

impl Popping {
    /// The list has at least so many elements.
    fn new(key_at: usize, end: ListEnd, count: u64, telling: Telling) -> Self {
        Self {
            key_at,
            end,
            telling,
            count,
            told: 0,
            left: count,
        }
    }

    /// Tells some elements; `false` when there is no list any more.
    fn tell_on(&mut self, call: &mut Call<'_>) -> Result<bool, ErrorReply> {
        let (db, key) = (call.db(), call.key(self.key_at));
        let most = call.node.settings.hot.output_limit.most_bytes();
        let Some(list) = ListRef::there(call.store.look(db, key))? else {
            return Ok(false);
        };
        if self.told == 0 && self.telling == Telling::KeyAndElements {
            call.reply.array(2);
            call.reply.bulk(key.bytes);
        }
        let mut reply = BoundedReply::new(&mut call.reply, most);
        if self.told == 0 {
            reply.array(self.count);
        }
        let some = TOLD_AT_ONCE.min(self.count - self.told);
        match self.end {
            ListEnd::Front => list.walk(self.told, some, |element| reply.string(element)),
            ListEnd::Back => {
                let last = list.len().saturating_sub(self.told + 1);
                list.walk_back(last, some, |element| reply.string(element));
            }
        }
        reply.finish()?;
        self.told += some;
        Ok(true)
    }
}

impl Piecewise for Popping {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        if self.told < self.count {
            return Ok(match self.tell_on(call)? {
                true => Progress::More,
                false => Progress::Anew,
            });
        }
        let key = call.key(self.key_at);
        self.left = pop_some(call, key, self.end, self.left)?;
        Ok(match self.left {
            0 => Progress::Over,
            _ => Progress::More,
        })
    }
}

/// Takes some of so many elements at an end; how many are left to be taken.
pub(super) fn pop_some(
    call: &mut Call<'_>,
    key: Key<'_>,
    end: ListEnd,
    count: u64,
) -> Result<u64, ErrorReply> {
    let db = call.db();
    let list = ListEdit::of(call.store.slot(db, key))?;
    let some = match list.len() {
        // It went meanwhile.
        0 => return Ok(0),
        // As a whole it is freed in slices.
        len if count >= len => len,
        _ => count.min(REMOVED_AT_ONCE),
    };
    let mut digits = itoa::Buffer::new();
    let words = [pop_at(end), key.bytes, digits.format(some).as_bytes()];
    list.pop(end, some, Wording::Words(&words))?;
    Ok(count.saturating_sub(some))
}

/// The command that takes from this end.
pub(super) fn pop_at(end: ListEnd) -> &'static [u8] {
    let command = match end {
        ListEnd::Front => CommandId::Lpop,
        ListEnd::Back => CommandId::Rpop,
    };
    command.name().as_bytes()
}

/// LMOVE source destination LEFT|RIGHT LEFT|RIGHT
pub(super) fn lmove(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (from, to) = (end_of(call.args.at(3))?, end_of(call.args.at(4))?);
    let as_asked = Wording::Verbatim(call.args);
    move_or_nothing(call, from, to, as_asked)
}

/// RPOPLPUSH source destination
pub(super) fn rpoplpush(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let as_asked = Wording::Verbatim(call.args);
    move_or_nothing(call, ListEnd::Back, ListEnd::Front, as_asked)
}

fn move_or_nothing(
    call: &mut Call<'_>,
    from: ListEnd,
    to: ListEnd,
    wording: Wording<'_>,
) -> Result<Action, ErrorReply> {
    if !move_between(call, from, to, wording)? {
        call.reply.null();
    }
    Ok(Action::Continue)
}

/// Moves an element of the list at the first argument to that at the second; `false` where there is none.
pub(super) fn move_between(
    call: &mut Call<'_>,
    from: ListEnd,
    to: ListEnd,
    wording: Wording<'_>,
) -> Result<bool, ErrorReply> {
    let (db, source, destination) = (call.db(), call.key(1), call.key(2));
    let Some(list) = ListRef::there(call.store.peek(db, source))? else {
        return Ok(false);
    };
    let mut moved = Texts::default();
    list.show(from, 1, |element| moved.push(element));
    let element = moved.get(0);
    if source.bytes == destination.bytes {
        call.store.name_events(pushing(to));
        ListEdit::of(call.store.slot(db, source))?.turn(from, to, element, wording)?;
        if let Some(popped) = popping(from).written {
            call.store.note_event(db, source, popped);
        }
    } else {
        // Pushed first: that may be refused, and nothing has changed then.
        call.store.name_events(pushing(to));
        let list = ListEdit::of(call.store.slot(db, destination))?;
        list.push(to, std::iter::once(element), wording)?;
        call.store.name_events(popping(from));
        let list = ListEdit::of(call.store.slot(db, source))?;
        list.pop(from, 1, Wording::Told)?;
    }
    call.reply.bulk(element);
    Ok(true)
}
