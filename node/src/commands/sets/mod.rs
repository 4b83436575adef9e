//! Commands of sets.
//! Pure. Invariant: a handler that returns an error has changed nothing, but where there was no memory for all that was asked.

mod change;
mod combine;
mod random;
mod read;
mod sources;
#[cfg(test)]
mod tests;

use super::Handler;
use crate::store::{SetRef, Value, WrongType};
use shared::command::CommandId;

/// The handler of a command of this group.
pub(super) fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Sadd => change::sadd,
        CommandId::Srem => change::srem,
        CommandId::Smove => change::smove,
        CommandId::Scard => read::scard,
        CommandId::Sismember => read::sismember,
        CommandId::Smismember => read::smismember,
        CommandId::Smembers => read::smembers,
        CommandId::Sscan => read::sscan,
        CommandId::Spop => random::spop,
        CommandId::Srandmember => random::srandmember,
        CommandId::Sinter => combine::sinter,
        CommandId::Sinterstore => combine::sinterstore,
        CommandId::Sintercard => combine::sintercard,
        CommandId::Sunion => combine::sunion,
        CommandId::Sunionstore => combine::sunionstore,
        CommandId::Sdiff => combine::sdiff,
        CommandId::Sdiffstore => combine::sdiffstore,
        _ => return None,
    })
}

/// The set that was looked up, if there is one and it is a set.
#[inline]
fn set(value: Option<Value<'_>>) -> Result<Option<SetRef<'_>>, WrongType> {
    value.map(SetRef::of).transpose()
}
