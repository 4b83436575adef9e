//! Commands of strings as a whole and by ranges of bytes.
//! Pure. Invariant: a handler that returns an error has changed nothing.

mod compare;
mod edit;
mod lcs;
mod many;
mod number;
mod read;
#[cfg(test)]
mod tests;
mod write;

use super::Handler;
use super::key_by_key::KeyByKey;
use shared::command::CommandId;

/// The handler of a command of this group.
pub(super) fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Delifeq => compare::delifeq,
        CommandId::Get => read::get,
        CommandId::Strlen => read::strlen,
        CommandId::Getrange | CommandId::Substr => read::getrange,
        CommandId::Getdel => read::getdel,
        CommandId::Getex => read::getex,
        CommandId::Set => write::set,
        CommandId::Setnx => write::setnx,
        CommandId::Setex => write::setex,
        CommandId::Psetex => write::psetex,
        CommandId::Getset => write::getset,
        CommandId::Mget => many::mget,
        CommandId::Mset => many::mset,
        CommandId::Msetnx => many::msetnx,
        CommandId::Incr => number::incr,
        CommandId::Decr => number::decr,
        CommandId::Incrby => number::incrby,
        CommandId::Decrby => number::decrby,
        CommandId::Incrbyfloat => number::incrbyfloat,
        CommandId::Append => edit::append,
        CommandId::Setrange => edit::setrange,
        CommandId::Lcs => lcs::lcs,
        _ => return None,
    })
}

/// How a command of this group treats its keys, if that can be cut.
pub(super) fn key_by_key(id: CommandId) -> Option<&'static KeyByKey> {
    match id {
        CommandId::Mget => Some(&many::MGET),
        CommandId::Mset => Some(&many::MSET),
        CommandId::Msetnx => Some(&many::MSETNX),
        _ => None,
    }
}
