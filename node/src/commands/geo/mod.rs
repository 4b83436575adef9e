//! Commands of places, which are members of sorted sets whose scores say where they are.
//! Pure. Invariant: a handler that returns an error has changed nothing.

mod add;
mod cell;
mod point;
mod read;
mod request;
mod search;
mod shape;
#[cfg(test)]
mod tests;

pub(crate) use search::Search;

use super::Handler;
use shared::command::CommandId;

/// The handler of a command of this group.
pub(super) fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Geoadd => add::geoadd,
        CommandId::Geopos => read::geopos,
        CommandId::Geodist => read::geodist,
        CommandId::Geohash => read::geohash,
        CommandId::Geosearch
        | CommandId::Geosearchstore
        | CommandId::Georadius
        | CommandId::GeoradiusRo
        | CommandId::Georadiusbymember
        | CommandId::GeoradiusbymemberRo => search::search,
        _ => return None,
    })
}
