//! Commands that read lists by position: LLEN, LRANGE, LINDEX.
//! Pure.

use crate::commands::arguments::{integer, places, reply_count_64, reply_optional};
use crate::commands::bounded::BoundedReply;
use crate::commands::piecewise::{PIECE_ELEMENTS, Piecewise, Progress, show};
use crate::commands::{Action, Call};
use crate::store::ListRef;
use shared::resp::ErrorReply;

/// LLEN key
pub(super) fn llen(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let list = ListRef::there(call.store.get(db, key))?;
    reply_count_64(&mut call.reply, list.map_or(0, ListRef::len));
    Ok(Action::Continue)
}

/// LRANGE key start stop
pub(super) fn lrange(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (start, stop) = (integer(call.args.at(2))?, integer(call.args.at(3))?);
    show(call, |call| {
        let (db, key) = (call.db(), call.key(1));
        let list = ListRef::there(call.store.get(db, key))?;
        let range = list.and_then(|list| places(start, stop, list.len()));
        let (next, left) = range.unwrap_or((0, 0));
        call.reply
            .array(usize::try_from(left).unwrap_or(usize::MAX));
        Ok(Elements { next, left })
    })
}

/// Elements of the list at the first key.
#[derive(Debug)]
struct Elements {
    next: u64,
    left: u64,
}

impl Piecewise for Elements {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        if self.left == 0 {
            return Ok(Progress::Over);
        }
        let (db, key) = (call.db(), call.key(1));
        let Some(list) = ListRef::there(call.store.look(db, key))? else {
            return Ok(Progress::Anew);
        };
        let piece = self.left.min(PIECE_ELEMENTS as u64);
        let most = call.node.settings.hot.output_limit.most_bytes();
        let mut reply = BoundedReply::new(&mut call.reply, most);
        list.show_strings(self.next, piece, &mut reply.strings());
        reply.finish()?;
        self.next += piece;
        self.left -= piece;
        Ok(match self.left {
            0 => Progress::Over,
            _ => Progress::More,
        })
    }
}

/// LINDEX key index
pub(super) fn lindex(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let element = match ListRef::there(call.store.get(db, key))? {
        None => None,
        // Redis looks at the number only when there is a list.
        Some(list) => {
            let position = position_of(integer(call.args.at(2))?, list.len());
            position.and_then(|position| list.get(position))
        }
    };
    reply_optional(&mut call.reply, element);
    Ok(Action::Continue)
}

/// The position that an index means, negative ones counted from the end.
pub(super) fn position_of(index: i64, len: u64) -> Option<u64> {
    match u64::try_from(index) {
        Ok(position) => Some(position),
        Err(_) => len.checked_sub(index.unsigned_abs()),
    }
}
