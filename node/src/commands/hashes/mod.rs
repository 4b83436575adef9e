//! Commands of hashes.
//! Pure. Invariant: a handler that returns an error has changed nothing, but where there was no memory for all that was asked.

mod change;
mod expire;
mod fields;
mod random;
mod read;
mod scan;
#[cfg(test)]
mod tests;
mod timed;

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
        CommandId::Hexpire => expire::hexpire,
        CommandId::Hpexpire => expire::hpexpire,
        CommandId::Hexpireat => expire::hexpireat,
        CommandId::Hpexpireat => expire::hpexpireat,
        CommandId::Httl => expire::httl,
        CommandId::Hpttl => expire::hpttl,
        CommandId::Hexpiretime => expire::hexpiretime,
        CommandId::Hpexpiretime => expire::hpexpiretime,
        CommandId::Hpersist => expire::hpersist,
        CommandId::Hgetdel => timed::hgetdel,
        CommandId::Hgetex => timed::hgetex,
        CommandId::Hsetex => timed::hsetex,
        _ => return None,
    })
}

/// The hash that was looked up, if there is one and it is a hash.
#[inline]
fn hash(value: Option<Value<'_>>) -> Result<Option<HashRef<'_>>, WrongType> {
    value.map(HashRef::of).transpose()
}
