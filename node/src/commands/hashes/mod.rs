//! Commands of hashes.
//! Pure. Invariant: a handler that returns an error has changed nothing, but where there was no memory for all that was asked.

mod change;
mod random;
mod read;
mod scan;
#[cfg(test)]
mod tests;

use super::Handler;
use crate::store::{HashRef, Value, WrongType};
use shared::command::CommandId;

/// The handler of a command of this group.
pub(super) fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Hget => read::hget,
        CommandId::Hmget => read::hmget,
        CommandId::Hgetall => read::hgetall,
        CommandId::Hkeys => read::hkeys,
        CommandId::Hvals => read::hvals,
        CommandId::Hlen => read::hlen,
        CommandId::Hexists => read::hexists,
        CommandId::Hstrlen => read::hstrlen,
        CommandId::Hset => change::hset,
        CommandId::Hsetnx => change::hsetnx,
        CommandId::Hmset => change::hmset,
        CommandId::Hdel => change::hdel,
        CommandId::Hincrby => change::hincrby,
        CommandId::Hincrbyfloat => change::hincrbyfloat,
        CommandId::Hrandfield => random::hrandfield,
        CommandId::Hscan => scan::hscan,
        _ => return None,
    })
}

/// The hash that was looked up, if there is one and it is a hash.
#[inline]
fn hash(value: Option<Value<'_>>) -> Result<Option<HashRef<'_>>, WrongType> {
    value.map(HashRef::of).transpose()
}
