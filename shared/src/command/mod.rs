//! The one table of commands. Parser, router, retry, ACL, COMMAND and the docs all read its rows; no command's name stands anywhere else.
//! Pure.

mod flags;
mod id;
mod keys;
mod names;
mod route;
mod table;

pub use flags::{AclCategories, CommandFlags, KeyFlags};
pub use id::CommandId;
pub use keys::{BeginSearch, FindKeys, KeySpec};
pub use route::{Merge, Retry, Route};

use crate::resp::{Args, ErrorReply};

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
    /// Categories it belongs to.
    pub acl: AclCategories,
    /// Where a proxy sends it.
    pub route: Route,
    /// How a proxy makes one reply of several.
    pub merge: Merge,
    /// May a proxy send it again when no reply came?
    pub retry: Retry,
    /// Redis' hints for clients.
    pub tips: &'static [&'static str],
    /// How many rows behind this one are its subcommands.
    subcommand_count: u16,
    /// Whose subcommand it is.
    container: Option<CommandId>,
}

/// The row of `id`.
#[inline]
#[must_use]
pub fn spec(id: CommandId) -> &'static CommandSpec {
    &table::TABLE[id as usize]
}

/// All rows, subcommands behind their containers.
pub fn all() -> impl ExactSizeIterator<Item = &'static CommandSpec> {
    table::TABLE.iter()
}

/// The row of the command (never a subcommand) called `name`, in any letter case.
#[inline]
#[must_use]
pub fn lookup(name: &[u8]) -> Option<&'static CommandSpec> {
    names::find_command(name).map(spec)
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
    if spec.accepts(args.len()) {
        Ok(spec)
    } else {
        Err(ErrorReply::Arity(spec.name.into()))
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

    /// Its subcommand called `name`, in any letter case.
    #[must_use]
    pub fn subcommand(&self, name: &[u8]) -> Option<&'static Self> {
        names::find_subcommand(self.id, name).map(spec)
    }

    /// Its subcommands, in the table's order.
    #[must_use]
    pub fn subcommands(&self) -> &'static [Self] {
        let first = self.id as usize + 1;
        &table::TABLE[first..first + usize::from(self.subcommand_count)]
    }

    /// The command whose subcommand it is.
    #[must_use]
    pub fn container(&self) -> Option<CommandId> {
        self.container
    }
}

/// Bytes of a stranger's command that an error repeats: of the name, and of all its arguments together.
const QUOTED_BYTES: usize = 128;

/// The reply to a command that nobody knows, and to a row that nobody serves.
#[cold]
#[must_use]
pub fn unknown_command(args: Args<'_>) -> ErrorReply {
    let mut beginning = Vec::with_capacity(QUOTED_BYTES);
    for arg in args.iter_from(1) {
        if beginning.len() >= QUOTED_BYTES {
            break;
        }
        let room = QUOTED_BYTES - beginning.len();
        beginning.push(b'\'');
        beginning.extend_from_slice(quotable(arg, room));
        beginning.extend_from_slice(b"' ");
    }
    ErrorReply::UnknownCommand {
        name: one_line(quotable(args.get(0).unwrap_or_default(), QUOTED_BYTES)),
        beginning: one_line(&beginning),
    }
}

/// The reply to a subcommand that nobody knows, and to a subcommand's row that nobody serves.
#[cold]
#[must_use]
pub fn unknown_subcommand(container: &CommandSpec, subcommand: &[u8]) -> ErrorReply {
    ErrorReply::UnknownSubcommand {
        subcommand: one_line(quotable(subcommand, QUOTED_BYTES)),
        container: container.name.to_ascii_uppercase().into(),
    }
}

/// What Redis would print of it: not beyond a zero byte.
fn quotable(bytes: &[u8], room: usize) -> &[u8] {
    let bytes = &bytes[..bytes.len().min(room)];
    let end = bytes.iter().position(|byte| *byte == 0);
    &bytes[..end.unwrap_or(bytes.len())]
}

fn one_line(bytes: &[u8]) -> Box<str> {
    String::from_utf8_lossy(bytes)
        .replace(['\r', '\n'], " ")
        .into()
}

#[cfg(test)]
mod tests;
