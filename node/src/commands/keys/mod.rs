//! Commands of keys, whatever they hold.
//! Pure. Invariant: a handler that returns an error has changed nothing.

mod dump;
mod expire;
mod object;
mod place;
mod presence;
mod restore;
mod sort;
#[cfg(test)]
mod tests;
mod walk;

pub(super) use dump::Dumping;
pub(super) use restore::Restoring;
pub(super) use sort::Sorting;

use super::Handler;
use super::key_by_key::KeyByKey;
use shared::command::CommandId;

/// The handler of a command of this group.
pub(super) fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Del | CommandId::Unlink => presence::del,
        CommandId::Exists => presence::exists,
        CommandId::Touch => presence::touch,
        CommandId::Type => presence::type_of,
        CommandId::Keys => walk::keys,
        CommandId::Scan => walk::scan,
        CommandId::Sort | CommandId::SortRo => sort::sort,
        CommandId::Randomkey => walk::randomkey,
        CommandId::Rename => place::rename,
        CommandId::Renamenx => place::renamenx,
        CommandId::Copy => place::copy,
        CommandId::Move => place::move_key,
        CommandId::Dump => dump::dump,
        CommandId::Restore | CommandId::RestoreAsking => restore::restore,
        CommandId::Expire => expire::expire,
        CommandId::Pexpire => expire::pexpire,
        CommandId::Expireat => expire::expireat,
        CommandId::Pexpireat => expire::pexpireat,
        CommandId::Ttl => expire::ttl,
        CommandId::Pttl => expire::pttl,
        CommandId::Expiretime => expire::expiretime,
        CommandId::Pexpiretime => expire::pexpiretime,
        CommandId::Persist => expire::persist,
        CommandId::ObjectEncoding => object::encoding,
        CommandId::ObjectFreq => object::freq,
        CommandId::ObjectIdletime => object::idletime,
        CommandId::ObjectRefcount => object::refcount,
        CommandId::ObjectHelp => super::help,
        _ => return None,
    })
}

/// How a command of this group treats its keys, if that can be cut.
pub(super) fn key_by_key(id: CommandId) -> Option<&'static KeyByKey> {
    match id {
        CommandId::Del | CommandId::Unlink => Some(&presence::DEL),
        CommandId::Exists => Some(&presence::EXISTS),
        CommandId::Touch => Some(&presence::TOUCH),
        _ => None,
    }
}
