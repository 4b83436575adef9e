//! Commands of lists.
//! Pure. Invariant: a handler that returns an error has changed nothing, but where there was no memory for all of very many elements.

mod blocking;
mod change;
mod pop;
mod position;
mod push;
mod read;
#[cfg(test)]
mod tests;

use super::Handler;
use super::arguments::is_word;
use crate::store::ListEnd;
use shared::command::CommandId;
use shared::resp::ErrorReply;

/// The handler of a command of this group.
pub(super) fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Lpush => push::lpush,
        CommandId::Rpush => push::rpush,
        CommandId::Lpushx => push::lpushx,
        CommandId::Rpushx => push::rpushx,
        CommandId::Linsert => push::linsert,
        CommandId::Lpop => pop::lpop,
        CommandId::Rpop => pop::rpop,
        CommandId::Lmpop => pop::lmpop,
        CommandId::Blpop => blocking::blpop,
        CommandId::Brpop => blocking::brpop,
        CommandId::Blmpop => blocking::blmpop,
        CommandId::Blmove => blocking::blmove,
        CommandId::Brpoplpush => blocking::brpoplpush,
        CommandId::Lmove => pop::lmove,
        CommandId::Rpoplpush => pop::rpoplpush,
        CommandId::Llen => read::llen,
        CommandId::Lrange => read::lrange,
        CommandId::Lindex => read::lindex,
        CommandId::Lpos => position::lpos,
        CommandId::Lrem => change::lrem,
        CommandId::Ltrim => change::ltrim,
        CommandId::Lset => change::lset,
        _ => return None,
    })
}

/// `LEFT` or `RIGHT`.
fn end_of(argument: &[u8]) -> Result<ListEnd, ErrorReply> {
    if is_word(argument, "LEFT") {
        Ok(ListEnd::Front)
    } else if is_word(argument, "RIGHT") {
        Ok(ListEnd::Back)
    } else {
        Err(ErrorReply::Syntax)
    }
}
