//! The one table of commands. Parser, router, retry, ACL, COMMAND and the docs all read its rows; no command's name stands anywhere else.
//! Pure.

use crate::resp::Args;

/// A row of the table.
#[derive(Debug)]
pub struct CommandSpec {
    /// Lower case; of a subcommand `container|sub`, as in `config|get`.
    pub name: &'static str,
    /// Its identity; handlers are found by it.
    pub id: CommandId,
    /// Redis' arity: exact when positive, at least `-arity` when negative; the name counts.
    pub arity: i16,
    /// What it does and where it may run.
    pub flags: CommandFlags,
    /// Where its keys stand.
    pub keys: &'static [KeySpec],
    /// Categories it belongs to.
    pub acl: AclCategories,
    /// Where a proxy sends it.
    pub route: Route,
    /// How a proxy makes one reply of several.
    pub merge: Merge,
    /// May a proxy send it again when no reply came?
    pub retry: Retry,
}

/// Every command and subcommand of the table; `as usize` is its row. (Generated from the table; here only to let others begin.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CommandId {
    /// `GET`
    Get,
}

/// Redis' command flags as a set of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct CommandFlags(pub u32);

/// Redis' ACL categories as a set of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct AclCategories(pub u32);

/// Where keys begin and how far they go: Redis 7's key specifications.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {}

/// Where a proxy sends a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To the shard of its keys, which must all lie in one slot.
    ByKey,
    /// One sub-command per shard: each takes the keys (with what belongs to them) that live there.
    Split,
    /// To every shard.
    EveryShard,
    /// Shard after shard, by cursor.
    Walked,
    /// Answered by the proxy itself.
    Local,
    /// On a connection of the client's own.
    Leased,
    /// Changes what the client is subscribed to.
    Subscribed,
    /// To a shard the proxy may choose: there are no keys and every shard would do.
    AnyShard,
    /// Makes no sense through a proxy; a clear error.
    Refused,
}

/// How the replies of several shards become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// There is only one reply.
    Single,
    /// Elements go back to the places of their keys.
    KeyOrder,
    /// Integers are added.
    Sum,
    /// `OK` when all say OK, else the first error.
    AllOk,
    /// Arrays are joined.
    Concat,
    /// One of the non-null replies, drawn by chance.
    AnyNonNull,
}

/// May a proxy send the command again when its connection broke before a reply came?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Reads: again, without a word.
    Safe,
    /// It may have been applied: the client is told so.
    Never,
}

/// The row of the command (never a subcommand) called `name`, in any letter case.
#[must_use]
pub fn lookup(_name: &[u8]) -> Option<&'static CommandSpec> {
    todo!("owned by command")
}

/// The row of the command that `args` call: of a container's subcommand where it has them.
///
/// # Errors
/// The reply Redis gives: unknown command (with the beginning of its arguments), unknown subcommand, wrong number of arguments.
pub fn resolve(_args: Args<'_>) -> Result<&'static CommandSpec, crate::resp::ErrorReply> {
    todo!("owned by command")
}

impl CommandSpec {
    /// Calls `visit` with the index of each argument that is a key, in order.
    pub fn for_each_key(&self, _args: Args<'_>, _visit: impl FnMut(usize)) {
        todo!("owned by command")
    }

    /// The index of the first key, if there is one.
    #[must_use]
    pub fn first_key(&self, _args: Args<'_>) -> Option<usize> {
        todo!("owned by command")
    }
}
