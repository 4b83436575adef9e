//! Commands of streams and of their consumer groups.
//! Pure. Invariant: a handler that returns an error has changed nothing, but where memory ran out while entries were given out.

mod add;
mod change;
mod claim;
mod groups;
mod identifier;
mod info;
mod info_full;
mod pending;
mod range;
mod read;
mod read_group;
mod reply;
#[cfg(test)]
mod tests;
mod trim;

pub(super) use read::since_ids;

use super::events::NEW_CONSUMER;
use super::{Call, Handler, help};
use crate::store::{Key, StreamRef};
use shared::command::CommandId;
use shared::resp::ErrorReply;

/// The handler of a command of this group.
pub(super) fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Xadd => add::xadd,
        CommandId::Xtrim => trim::xtrim,
        CommandId::Xdel => change::xdel,
        CommandId::Xsetid => change::xsetid,
        CommandId::Xlen => range::xlen,
        CommandId::Xrange => range::xrange,
        CommandId::Xrevrange => range::xrevrange,
        CommandId::Xread => read::xread,
        CommandId::Xreadgroup => read_group::xreadgroup,
        CommandId::XgroupCreate => groups::create,
        CommandId::XgroupSetid => groups::setid,
        CommandId::XgroupDestroy => groups::destroy,
        CommandId::XgroupCreateconsumer => groups::createconsumer,
        CommandId::XgroupDelconsumer => groups::delconsumer,
        CommandId::Xack => pending::xack,
        CommandId::Xpending => pending::xpending,
        CommandId::Xclaim => claim::xclaim,
        CommandId::Xautoclaim => claim::xautoclaim,
        CommandId::XinfoStream => info::stream,
        CommandId::XinfoGroups => info::groups,
        CommandId::XinfoConsumers => info::consumers,
        CommandId::XgroupHelp | CommandId::XinfoHelp => help,
        _ => return None,
    })
}

/// The longest reply that the client may have waiting, bytes.
fn most_reply_bytes(call: &Call<'_>) -> usize {
    call.node.settings.hot.output_limit.most_bytes()
}

/// Whether the stream at argument `index` is there and has a group of this name.
fn has_group(call: &mut Call<'_>, index: usize, group: &[u8]) -> Result<bool, ErrorReply> {
    let (db, key) = (call.db(), call.key(index));
    let stream = StreamRef::there(call.store.get(db, key))?;
    Ok(stream.is_some_and(|stream| stream.group(group).is_some()))
}

/// Tells that a command has made a consumer known, unless it was.
fn tell_new_consumer(
    call: &mut Call<'_>,
    key: Key<'_>,
    (group, consumer): (&[u8], &[u8]),
    was_known: bool,
) {
    let db = call.db();
    let is_known = || {
        let stream = StreamRef::there(call.store.look(db, key)).ok()??;
        stream.group(group)?.consumer(consumer)
    };
    if !was_known && is_known().is_some() {
        call.store.note_event(db, key, NEW_CONSUMER);
    }
}
