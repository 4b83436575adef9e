//! [`GroupChange`]: what happened in a group, as the effects tell it.
//! Pure. Invariant: told in their order, changes make the same group out of the one before.

use super::StreamId;
use super::group::Group;
use crate::store::door::{Effects, word};
use crate::store::key::DbIndex;
use shared::command::CommandId;

/// One change.
#[derive(Clone, Copy, Debug)]
pub(super) enum GroupChange {
    /// The consumer of the command is new.
    NewConsumer,
    /// It was given an entry.
    Given {
        id: StreamId,
        at_ms: u64,
        count: u64,
    },
    /// An entry is not pending any more.
    Settled(StreamId),
    /// How far the group is.
    Position {
        last_id: StreamId,
        entries_read: Option<u64>,
    },
}

impl GroupChange {
    /// How far a group is now.
    pub(super) fn position(group: &Group) -> Self {
        Self::Position {
            last_id: group.last_id,
            entries_read: group.entries_read,
        }
    }
}

/// Of whom changes are told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names<'a> {
    pub(super) group: &'a [u8],
    pub(super) consumer: &'a [u8],
}

/// The second word of a subcommand.
fn subcommand(command: CommandId) -> &'static [u8] {
    let name = command.name();
    name.split_once('|').map_or(name, |both| both.1).as_bytes()
}

/// Tells changes of a group of the stream at `key`, as one.
pub(super) fn tell(
    effects: &mut Effects,
    db: DbIndex,
    key: &[u8],
    names: Names<'_>,
    changes: &[GroupChange],
) {
    let is_unit = changes.len() > 1;
    if is_unit {
        effects.begin_unit();
    }
    for change in changes {
        tell_one(effects, db, key, names, *change);
    }
    if is_unit {
        effects.end_unit();
    }
}

fn tell_one(
    effects: &mut Effects,
    db: DbIndex,
    key: &[u8],
    Names { group, consumer }: Names<'_>,
    change: GroupChange,
) {
    let (mut digits, mut more_digits) = (itoa::Buffer::new(), itoa::Buffer::new());
    match change {
        GroupChange::NewConsumer => {
            let verb = subcommand(CommandId::XgroupCreateconsumer);
            let words = [word(CommandId::Xgroup), verb, key, group, consumer];
            effects.append_words(db, &words);
        }
        GroupChange::Given { id, at_ms, count } => {
            let id = id.text();
            let at_ms = digits.format(at_ms).as_bytes();
            let count = more_digits.format(count).as_bytes();
            let words: [&[u8]; 12] = [
                word(CommandId::Xclaim),
                key,
                group,
                consumer,
                b"0",
                id.as_bytes(),
                b"TIME",
                at_ms,
                b"RETRYCOUNT",
                count,
                b"FORCE",
                b"JUSTID",
            ];
            effects.append_words(db, &words);
        }
        GroupChange::Settled(id) => {
            let id = id.text();
            let words = [word(CommandId::Xack), key, group, id.as_bytes()];
            effects.append_words(db, &words);
        }
        GroupChange::Position {
            last_id,
            entries_read,
        } => {
            let id = last_id.text();
            let read = match entries_read {
                Some(read) => digits.format(read.cast_signed()).as_bytes(),
                None => b"-1",
            };
            let verb = subcommand(CommandId::XgroupSetid);
            let words: [&[u8]; 7] = [
                word(CommandId::Xgroup),
                verb,
                key,
                group,
                id.as_bytes(),
                b"ENTRIESREAD",
                read,
            ];
            effects.append_words(db, &words);
        }
    }
}
