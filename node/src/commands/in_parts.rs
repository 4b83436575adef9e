//! Commands over very much that is not keys of their own: carried out a part at a time, so that others have their turns between.
//! Pure. Never: decides for how long others wait, or how they are kept from the keys ([`crate::execute`] does).

use super::bits::Combination;
use super::geo::Search;
use super::hyperloglog::{Addition, Union};
use super::keys::{Dumping, Restoring, Sorting};
use super::{Call, FIRST_KEY};
use crate::store::{DbIndex, Store};
use shared::command::CommandId;
use shared::resp::{Args, ErrorReply};

/// How far such a command has come.
#[derive(Debug)]
pub(crate) enum InParts {
    /// BITOP; nothing before the first step.
    Combination(Option<Combination>),
    /// PFADD.
    Addition(Addition),
    /// PFCOUNT, PFMERGE.
    Union(Union),
    /// GEOSEARCH and its kind; nothing before the first step.
    Search(Option<Search>),
    /// SORT; nothing before the first step.
    Sorting(Option<Sorting>),
    /// DUMP; nothing before the first step.
    Dumping(Option<Dumping>),
    /// RESTORE; nothing before the first step.
    Restoring(Option<Restoring>),
}

impl InParts {
    /// Whether a command is one of these, and has so much to do that it should not be carried out in one go.
    #[inline]
    pub(crate) fn is_for(store: &mut Store, db: DbIndex, id: CommandId, args: Args<'_>) -> bool {
        match id {
            CommandId::Bitop => Combination::is_long(store, db, args),
            CommandId::Pfadd => Addition::is_long(args),
            CommandId::Pfcount | CommandId::Pfmerge => Union::is_long(args),
            CommandId::Geosearch
            | CommandId::Geosearchstore
            | CommandId::Georadius
            | CommandId::GeoradiusRo
            | CommandId::Georadiusbymember
            | CommandId::GeoradiusbymemberRo => Search::is_long(store, db, id, args),
            CommandId::Sort | CommandId::SortRo => Sorting::is_long(store, db, id, args),
            CommandId::Dump => Dumping::is_long(store, db, args),
            CommandId::Restore | CommandId::RestoreAsking => Restoring::is_long(args),
            _ => false,
        }
    }

    /// A command that has not begun; `None` for all that are none of these.
    pub(crate) fn of(id: CommandId) -> Option<Self> {
        Some(match id {
            CommandId::Bitop => Self::Combination(None),
            CommandId::Pfadd => Self::Addition(Addition::new()),
            CommandId::Pfcount | CommandId::Pfmerge => Self::Union(Union::new()),
            CommandId::Geosearch
            | CommandId::Geosearchstore
            | CommandId::Georadius
            | CommandId::GeoradiusRo
            | CommandId::Georadiusbymember
            | CommandId::GeoradiusbymemberRo => Self::Search(None),
            CommandId::Sort | CommandId::SortRo => Self::Sorting(None),
            CommandId::Dump => Self::Dumping(None),
            CommandId::Restore | CommandId::RestoreAsking => Self::Restoring(None),
            _ => return None,
        })
    }

    /// Behind the last argument that may be a key.
    pub(crate) fn keys_end(&self, args: Args<'_>) -> usize {
        match self {
            // What follows is no key, and may be long.
            Self::Dumping(_) | Self::Restoring(_) => FIRST_KEY + 1,
            _ => args.len(),
        }
    }

    /// Whether what the command reads depends on what it finds: no key may change while it is at work.
    pub(crate) fn reads_any_key(id: CommandId, args: Args<'_>) -> bool {
        let is_sort = matches!(id, CommandId::Sort | CommandId::SortRo);
        is_sort && Sorting::reads_any_key(id, args)
    }

    /// A step of the work; whether it was the last.
    pub(crate) fn go_on(&mut self, call: &mut Call<'_>) -> Result<bool, ErrorReply> {
        match self {
            Self::Combination(combination) => Combination::go_on(combination, call),
            Self::Addition(addition) => addition.go_on(call),
            Self::Union(union) => union.go_on(call),
            Self::Search(search) => Search::go_on(search, call),
            Self::Sorting(sorting) => Sorting::go_on(sorting, call),
            Self::Dumping(dumping) => Dumping::go_on(dumping, call),
            Self::Restoring(restoring) => Restoring::go_on(restoring, call),
        }
    }
}
