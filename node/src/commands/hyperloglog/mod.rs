//! Commands of HyperLogLogs, which are plain strings in Redis' own format.
//! Pure. Invariant: a handler that returns an error has changed nothing, but that a very long PFADD keeps what it had done.

mod add;
mod count;
mod debug;
#[cfg(test)]
mod tests;

pub(crate) use add::Addition;
pub(crate) use count::Union;

use super::Handler;
use crate::store::StringRef;
use shared::command::CommandId;
use shared::resp::ErrorReply;
use shared::sketch::SketchRef;

/// The handler of a command of this group.
pub(super) fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Pfadd => add::pfadd,
        CommandId::Pfcount => count::pfcount,
        CommandId::Pfmerge => count::pfmerge,
        CommandId::Pfdebug => debug::pfdebug,
        CommandId::Pfselftest => debug::pfselftest,
        _ => return None,
    })
}

/// The sketch that a string is.
fn sketch_of(value: StringRef<'_>) -> Result<SketchRef<'_>, ErrorReply> {
    match value {
        StringRef::Bytes(bytes) => SketchRef::of(bytes),
        StringRef::Integer(_) => Err(ErrorReply::NotASketch),
    }
}
