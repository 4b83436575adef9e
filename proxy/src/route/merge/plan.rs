//! How the parts of a command become one reply, decided when it is sent.
//! Pure.

use shared::command::{CommandId, CommandSpec, Merge, MissingShard, Retry};

use super::members::Making;
use crate::route::info::ProxyFacts;
use crate::route::scan::ScanCursor;

/// How parts become one reply.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    /// As the table says.
    Table {
        /// The row's rule.
        rule: Merge,
        /// What is there when some parts were executed and others failed.
        change: Change,
    },
    /// Members of several shards' sets are put together.
    Combined(Making),
    /// Sketches of several keys are counted as one.
    CountedTogether,
    /// A command of which something is wrong, said to every shard of its keys as it is: what the nodes say is wrong.
    Broken,
    /// Elements of arrays, in the order of the keys; the part of each key.
    KeyOrder(Vec<u16>),
    /// SCAN of one shard: its cursor is packed into ours.
    Scan(ScanCursor),
    /// INFO: the shards' fields, and ours.
    Info(Box<ProxyFacts>),
    /// CONFIG GET: what the first shard says, but for what is the proxy's own and what all have together.
    ConfigGet(Vec<(&'static str, String)>),
    /// RANDOMKEY: one of the shards' keys, each shard as likely as it has keys.
    AnyKey,
    /// SLOWLOG GET: the newest so many entries of all shards; all of them when negative.
    SlowlogGet(i64),
    /// SLOWLOG LEN.
    SlowlogLen,
    /// The same of those shards that are there.
    WithoutLost(Box<Plan>),
}

/// What each shard is asked besides the command itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Companion {
    /// Its row.
    pub(crate) id: CommandId,
    /// Its words.
    pub(crate) words: &'static [&'static str],
}

/// What those parts of a command have changed that were executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// Their share.
    Share,
    /// Their share, besides that of earlier rounds of the command.
    LaterShare,
}

impl Change {
    /// Of a command's first round.
    pub(crate) fn of(spec: &CommandSpec) -> Self {
        match spec.retry {
            Retry::Never => Self::Share,
            Retry::Safe => Self::None,
        }
    }
}

impl Plan {
    /// For a later round of a command: what was done in earlier ones is done.
    pub(crate) fn behind_others(mut self) -> Self {
        if let Self::Table { change, .. } = &mut self
            && *change == Change::Share
        {
            *change = Change::LaterShare;
        }
        self
    }

    /// As the table says that shards are dealt with that are missing.
    pub(crate) fn with_missing(self, missing: MissingShard) -> Self {
        match missing {
            MissingShard::Fails => self,
            MissingShard::LeftOut => Self::WithoutLost(Box::new(self)),
        }
    }

    /// Whether the reply is of use without the shards that cannot be reached, so that nobody waits for them.
    pub(crate) fn does_without_the_lost(&self) -> bool {
        matches!(self, Self::WithoutLost(_))
    }

    /// What else must be known of each shard. Its replies are a second part of each, behind the first parts of all.
    pub(crate) fn companion(&self) -> Option<Companion> {
        match self {
            Self::AnyKey => Some(Companion {
                id: CommandId::Dbsize,
                words: &["DBSIZE"],
            }),
            Self::SlowlogGet(_) | Self::SlowlogLen => Some(Companion {
                id: CommandId::ConfigGet,
                words: &["CONFIG", "GET", "slowlog-max-len"],
            }),
            Self::WithoutLost(plan) => plan.companion(),
            _ => None,
        }
    }
}
