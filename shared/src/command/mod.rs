//! The one table of commands. Parser, router, retry, ACL, COMMAND and the docs all read its rows; no command's name stands anywhere else.
//! Pure.

pub mod docs;
mod flags;
mod id;
pub mod introspection;
mod keys;
mod names;
mod route;
mod table;
mod tail;

pub use flags::{AclCategories, CommandFlags, KeyFlags};
pub use id::CommandId;
pub use keys::{BeginSearch, FindKeys, KeySpec};
pub use route::{
    Combination, Merge, MissingShard, Operation, Quiet, Retry, Route, Served, Telling,
};
pub use tail::{BrokenTail, Tail};

use crate::resp::{Args, ErrorReply};

/// Most arguments of a command that is not carried out some keys at a time: reading more would hold everybody up.
const MOST_UNDIVIDED_ARGS: usize = 1024 * 1024;

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct CommandSpec {
    /// Lower case; of a subcommand `container|sub`, as in `config|get`.
    pub name: &'static str,
    /// Its identity; handlers are found by it.
    pub id: CommandId,
    /// Redis' arity: exact when positive, at least `-arity` when negative; the name counts (and the container's).
    pub arity: i16,
    /// What it does and where it may run.
    pub flags: CommandFlags,
    shape: keys::KeyShape,
    /// Where its keys stand.
    pub keys: &'static [KeySpec],
    /// What it takes behind keys whose number stands before them.
    tail: Option<Tail>,
    /// Which arguments are elements that it looks for in what its first key holds; a hint, options may stand there too.
    pub elements: Option<ElementArgs>,
    /// Categories it belongs to.
    pub acl: AclCategories,
    /// Where a proxy sends it.
    pub route: Route,
    /// How a proxy makes one reply of several.
    pub merge: Merge,
    /// What becomes of it when a shard is missing that it is for?
    pub missing_shard: MissingShard,
    /// May a proxy send it again when no reply came?
    pub retry: Retry,
    /// Who has a handler for it.
    pub served: Served,
    /// Which of the client's other commands must be over.
    pub quiet: Quiet,
    /// It counts as a read, and may change a key all the same.
    pub is_changing_read: bool,
    /// It takes well under a microsecond when its request and its reply are small.
    pub is_quick: bool,
    /// It looks at every key of a node, or changes them all.
    pub is_whole_node: bool,
    /// Redis' hints for clients.
    pub tips: &'static [&'static str],
    /// How many rows behind this one are its subcommands.
    subcommand_count: u16,
    /// Whose subcommand it is.
    container: Option<CommandId>,
}

/// Where elements stand among the arguments: the first one, and how many arguments each has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElementArgs {
    /// The first one.
    pub first: u8,
    /// From one to the next.
    pub step: u8,
    /// Before each stands the score that it is to have.
    pub scored: bool,
}

/// The row of `id`.
#[inline]
#[must_use]
pub fn spec(id: CommandId) -> &'static CommandSpec {
    &table::TABLE[id as usize]
}

/// The page of `id`.
#[must_use]
pub fn docs(id: CommandId) -> &'static docs::CommandDocs {
    &table::PAGES[id as usize]
}

/// All rows, subcommands behind their containers.
pub fn all() -> impl ExactSizeIterator<Item = &'static CommandSpec> {
    table::TABLE.iter()
}

/// The row of the command (never a subcommand) called `name`, in any letter case.
#[inline]
#[must_use]
pub fn lookup(name: &[u8]) -> Option<&'static CommandSpec> {
    names::find_command(name).map(|row| &table::TABLE[row])
}

/// The row called `name` in any letter case, where a subcommand is written `container|sub`.
#[must_use]
pub fn lookup_full_name(name: &[u8]) -> Option<&'static CommandSpec> {
    match name.iter().position(|byte| *byte == b'|') {
        None => lookup(name),
        Some(bar) => lookup(&name[..bar])?.subcommand(&name[bar + 1..]),
    }
}

/// The row of the command that `args` call: of a container's subcommand where it has them.
///
/// # Errors
/// The reply Redis gives: unknown command (with the beginning of its arguments), unknown subcommand, wrong number of arguments.
#[inline]
pub fn resolve(args: Args<'_>) -> Result<&'static CommandSpec, ErrorReply> {
    let Some(mut spec) = args.get(0).and_then(lookup) else {
        return Err(unknown_command(args));
    };
    if let (true, Some(sub)) = (spec.is_container(), args.get(1)) {
        let Some(row) = spec.subcommand(sub) else {
            return Err(unknown_subcommand(spec, sub));
        };
        spec = row;
    }
    if !spec.accepts(args.len()) {
        Err(ErrorReply::Arity(spec.name.into()))
    } else if args.len() > MOST_UNDIVIDED_ARGS && spec.route != Route::Split {
        Err(ErrorReply::TooManyArguments(spec.name))
    } else {
        Ok(spec)
    }
}

/// As [`resolve`], for a server that serves some rows only: the others are unknown whatever their arguments, and so is a container of which nothing is served.
///
/// # Errors
/// The reply Redis gives: unknown command (with the beginning of its arguments), unknown subcommand, wrong number of arguments.
#[inline]
pub fn resolve_served(
    args: Args<'_>,
    is_served: impl Fn(&CommandSpec) -> bool,
) -> Result<&'static CommandSpec, ErrorReply> {
    match resolve(args) {
        Ok(spec) if is_served(spec) => Ok(spec),
        found => Err(refusal(args, found.err(), &is_served)),
    }
}

/// Why a command does not run: it is not served, or what [`resolve`] says.
#[cold]
fn refusal(
    args: Args<'_>,
    error: Option<ErrorReply>,
    is_served: &dyn Fn(&CommandSpec) -> bool,
) -> ErrorReply {
    let named = args.get(0).and_then(lookup);
    let is_known = |row: &&CommandSpec| is_served(row) || row.subcommands().iter().any(is_served);
    let Some(spec) = named.filter(is_known) else {
        return unknown_command(args);
    };
    match args.get(1) {
        Some(word) if spec.is_container() && !spec.subcommand(word).is_some_and(is_served) => {
            unknown_subcommand(spec, word)
        }
        _ => error.unwrap_or_else(|| unknown_command(args)),
    }
}

impl CommandSpec {
    /// Whether `arguments`, the name among them, are as many as it takes.
    #[inline]
    #[must_use]
    pub fn accepts(&self, arguments: usize) -> bool {
        let wanted = usize::from(self.arity.unsigned_abs());
        if self.arity < 0 {
            arguments >= wanted
        } else {
            arguments == wanted
        }
    }

    /// Whether it has subcommands.
    #[inline]
    #[must_use]
    pub fn is_container(&self) -> bool {
        self.subcommand_count > 0
    }

    /// Whether it may change a key, whatever it counts as.
    #[inline]
    #[must_use]
    pub fn may_write(&self) -> bool {
        self.flags.contains(CommandFlags::WRITE) || self.is_changing_read
    }

    /// Whether all that it changes are elements of hashes and sets, as far as these stay.
    #[must_use]
    pub fn changes_elements(&self) -> bool {
        let kinds = [AclCategories::HASH, AclCategories::SET];
        kinds.iter().any(|kind| self.acl.contains(*kind))
            && self.keys.iter().all(|key| key.flags.contains(KeyFlags::RW))
    }

    /// Whether it is about scripts, and waits for one that runs.
    #[inline]
    #[must_use]
    pub fn is_scripting(&self) -> bool {
        self.acl.contains(AclCategories::SCRIPTING)
            && !self.flags.contains(CommandFlags::ALLOW_BUSY)
    }

    /// Whether it runs a script, which may do anything.
    #[inline]
    #[must_use]
    pub fn runs_script(&self) -> bool {
        self.acl.contains(AclCategories::SCRIPTING)
            && self.flags.contains(CommandFlags::NO_MANDATORY_KEYS)
    }

    /// Its subcommand called `name`, in any letter case.
    #[must_use]
    pub fn subcommand(&self, name: &[u8]) -> Option<&'static Self> {
        names::find_subcommand(self.id, name).map(|row| &table::TABLE[row])
    }

    /// Its subcommands, in the table's order.
    #[must_use]
    pub fn subcommands(&self) -> &'static [Self] {
        let first = self.id as usize + 1;
        &table::TABLE[first..first + usize::from(self.subcommand_count)]
    }

    /// Whether a node has a handler for it.
    #[inline]
    #[must_use]
    pub fn is_served_by_node(&self) -> bool {
        self.served == Served::Everywhere
    }

    /// Whether a proxy sends it on, or answers it.
    #[inline]
    #[must_use]
    pub fn is_served_by_proxy(&self) -> bool {
        matches!(self.served, Served::Everywhere | Served::ByProxy)
    }

    /// The command whose subcommand it is.
    #[must_use]
    pub fn container(&self) -> Option<CommandId> {
        self.container
    }
}

/// The reply to a command that nobody knows, and to a row that nobody serves.
#[cold]
#[must_use]
pub fn unknown_command(args: Args<'_>) -> ErrorReply {
    ErrorReply::unknown_command(&args)
}

/// The reply to a subcommand that nobody knows, and to a subcommand's row that nobody serves.
#[cold]
#[must_use]
pub fn unknown_subcommand(container: &CommandSpec, subcommand: &[u8]) -> ErrorReply {
    ErrorReply::unknown_subcommand(container.name, subcommand)
}

#[cfg(test)]
mod tests;
