//! The answers to COMMAND and its subcommands, and to HELP of every container; node and proxy say the same.
//! Pure: reads the table and the arguments, writes a reply. Knows nothing of what runs where but through `is_served`:
//! rows that nobody serves answer as unknown commands, so they are not listed either.

mod describe;
mod document;

use super::docs::write_syntax;
use super::{AclCategories, CommandId, CommandSpec, all, docs, lookup, lookup_full_name};
use crate::glob::Glob;
use crate::resp::{Args, ErrorReply, ReplyWriter, is_word};

/// Longest reply, bytes: many times all rows and pages together. A million names in one request would otherwise ask for gigabytes.
const LONGEST_REPLY: usize = 512 * 1024;

/// Most names in one request: more than there are commands.
const MOST_NAMES: usize = 1024;

/// Most keys that are told of one command.
const MOST_KEYS: usize = 16 * 1024;

/// Whether the row's command is served here.
type IsServed<'a> = &'a dyn Fn(&CommandSpec) -> bool;

/// Writes the answer of `COMMAND` or of the subcommand whose row is `spec`; arity has been checked.
///
/// # Errors
/// Redis' replies to filters and commands that it does not know; our own beyond [`MOST_NAMES`], [`MOST_KEYS`] and [`LONGEST_REPLY`].
/// What was written before an error stays written; the caller takes it back.
pub fn answer(
    args: Args<'_>,
    spec: &CommandSpec,
    is_served: impl Fn(&CommandSpec) -> bool,
    reply: &mut ReplyWriter<'_>,
) -> Result<(), ErrorReply> {
    let is_served: IsServed<'_> = &is_served;
    match spec.id {
        CommandId::Command => every_row(is_served, reply),
        CommandId::CommandCount => reply.integer(count(commands(is_served).count())),
        CommandId::CommandInfo => return named_rows(args, is_served, reply),
        CommandId::CommandDocs => return pages(args, is_served, reply),
        CommandId::CommandList => return list(args, is_served, reply),
        CommandId::CommandGetkeys => return keys_of(args, is_served, reply),
        CommandId::CommandGetkeysandflags => return keys_and_flags_of(args, is_served, reply),
        CommandId::CommandHelp => help(CommandId::Command, is_served, reply),
        _ => return Err(super::unknown_command(args)),
    }
    Ok(())
}

/// Writes the HELP of a container: the syntax and the purpose of each subcommand that is served.
pub fn help(
    container: CommandId,
    is_served: impl Fn(&CommandSpec) -> bool,
    reply: &mut ReplyWriter<'_>,
) {
    let row = super::spec(container);
    let own_name = row.name.to_ascii_uppercase();
    let title = format!("{own_name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    let served = |sub: &&CommandSpec| is_served(sub);
    reply.array(1 + 2 * row.subcommands().iter().filter(served).count());
    reply.simple(&title);
    for sub in row.subcommands().iter().filter(served) {
        let page = docs(sub.id);
        let mut syntax = sub.name[own_name.len() + 1..].to_ascii_uppercase();
        if !page.arguments.is_empty() {
            syntax.push(' ');
            write_syntax(&mut syntax, page.arguments, " ");
        }
        reply.simple(&syntax);
        reply.simple(&format!("    {}", page.summary));
    }
}

/// A container is listed with its subcommands: when any of them is served.
fn is_listed(row: &CommandSpec, is_served: IsServed<'_>) -> bool {
    is_served(row) || row.subcommands().iter().any(is_served)
}

fn listed(is_served: IsServed<'_>) -> impl Iterator<Item = &'static CommandSpec> {
    all().filter(move |row| is_listed(row, is_served))
}

fn commands(is_served: IsServed<'_>) -> impl Iterator<Item = &'static CommandSpec> {
    listed(is_served).filter(|row| row.container().is_none())
}

fn find_listed(name: &[u8], is_served: IsServed<'_>) -> Option<&'static CommandSpec> {
    lookup_full_name(name).filter(|row| is_listed(row, is_served))
}

/// Replies count rows and arguments, of which there are far fewer than `i64::MAX`.
fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

fn every_row(is_served: IsServed<'_>, reply: &mut ReplyWriter<'_>) {
    reply.array(commands(is_served).count());
    for row in commands(is_served) {
        describe::row(row, is_served, reply);
    }
}

fn named_rows(
    args: Args<'_>,
    is_served: IsServed<'_>,
    reply: &mut ReplyWriter<'_>,
) -> Result<(), ErrorReply> {
    if args.len() == 2 {
        every_row(is_served, reply);
        return Ok(());
    }
    check_names(args)?;
    let start = reply.position();
    reply.array(args.len() - 2);
    for name in args.iter_from(2) {
        match find_listed(name, is_served) {
            Some(row) => describe::row(row, is_served, reply),
            None => reply.null(),
        }
        check_length(start, reply)?;
    }
    Ok(())
}

fn pages(
    args: Args<'_>,
    is_served: IsServed<'_>,
    reply: &mut ReplyWriter<'_>,
) -> Result<(), ErrorReply> {
    if args.len() == 2 {
        reply.map(commands(is_served).count());
        for row in commands(is_served) {
            document::page(row, is_served, reply);
        }
        return Ok(());
    }
    check_names(args)?;
    let start = reply.position();
    let named = || {
        args.iter_from(2)
            .filter_map(|name| find_listed(name, is_served))
    };
    reply.map(named().count());
    for row in named() {
        document::page(row, is_served, reply);
        check_length(start, reply)?;
    }
    Ok(())
}

fn check_names(args: Args<'_>) -> Result<(), ErrorReply> {
    if args.len() - 2 > MOST_NAMES {
        return Err(ErrorReply::TooManyNames);
    }
    Ok(())
}

fn check_length(start: usize, reply: &ReplyWriter<'_>) -> Result<(), ErrorReply> {
    if reply.position() - start > LONGEST_REPLY {
        return Err(ErrorReply::TooManyNames);
    }
    Ok(())
}

fn list(
    args: Args<'_>,
    is_served: IsServed<'_>,
    reply: &mut ReplyWriter<'_>,
) -> Result<(), ErrorReply> {
    if args.len() == 2 {
        names(reply, || listed(is_served));
        return Ok(());
    }
    let says = |at: usize, word: &str| args.get(at).is_some_and(|arg| is_word(arg, word));
    let (true, Some(wanted)) = (args.len() == 5 && says(2, "filterby"), args.get(4)) else {
        return Err(ErrorReply::Syntax);
    };
    if says(3, "module") {
        // No module can be loaded, so none has commands.
        reply.array(0);
    } else if says(3, "aclcat") {
        let category = AclCategories::from_word(wanted);
        let in_category =
            |row: &&CommandSpec| category.is_some_and(|category| row.acl.contains(category));
        names(reply, || listed(is_served).filter(in_category));
    } else if says(3, "pattern") {
        let glob = Glob::any_case(wanted)?;
        let matches = |row: &&CommandSpec| glob.matches(row.name.as_bytes()) == Ok(true);
        names(reply, || listed(is_served).filter(matches));
    } else {
        return Err(ErrorReply::Syntax);
    }
    Ok(())
}

fn names<I: Iterator<Item = &'static CommandSpec>>(
    reply: &mut ReplyWriter<'_>,
    rows: impl Fn() -> I,
) {
    reply.array(rows().count());
    for row in rows() {
        reply.bulk(row.name.as_bytes());
    }
}

/// The command inside `COMMAND GETKEYS …`: its row, when it is one whose keys can be asked for.
fn inner_row(inner: Args<'_>, is_served: IsServed<'_>) -> Result<&'static CommandSpec, ErrorReply> {
    let command = inner.get(0).and_then(lookup);
    let row = match (command, inner.get(1)) {
        (Some(row), Some(sub)) if row.is_container() => row.subcommand(sub),
        (row, _) => row,
    };
    let Some(row) = row.filter(|row| is_listed(row, is_served)) else {
        return Err(ErrorReply::InvalidCommandSpecified);
    };
    if !row.has_keys() {
        return Err(ErrorReply::NoKeyArguments);
    }
    if !row.accepts(inner.len()) {
        return Err(ErrorReply::InvalidArgumentCount);
    }
    Ok(row)
}

/// Calls `write` for each key; an error when there should be some and are none.
fn each_key(
    args: Args<'_>,
    is_served: IsServed<'_>,
    reply: &mut ReplyWriter<'_>,
    mut write: impl FnMut(&mut ReplyWriter<'_>, &[u8], super::KeyFlags),
) -> Result<(), ErrorReply> {
    let inner = args.skip(2);
    let row = inner_row(inner, is_served)?;
    let mut found = 0;
    row.for_each_key_with_flags(inner, |_, _| found += 1);
    if found == 0 && !row.flags.contains(super::CommandFlags::NO_MANDATORY_KEYS) {
        return Err(ErrorReply::InvalidArgumentsSpecified);
    }
    if found > MOST_KEYS {
        return Err(ErrorReply::TooManyNames);
    }
    reply.array(found);
    row.for_each_key_with_flags(inner, |at, flags| write(reply, inner.at(at), flags));
    Ok(())
}

fn keys_of(
    args: Args<'_>,
    is_served: IsServed<'_>,
    reply: &mut ReplyWriter<'_>,
) -> Result<(), ErrorReply> {
    each_key(args, is_served, reply, |reply, key, _| reply.bulk(key))
}

fn keys_and_flags_of(
    args: Args<'_>,
    is_served: IsServed<'_>,
    reply: &mut ReplyWriter<'_>,
) -> Result<(), ErrorReply> {
    each_key(args, is_served, reply, |reply, key, flags| {
        reply.array(2);
        reply.bulk(key);
        describe::key_flags(flags, reply);
    })
}

#[cfg(test)]
mod tests;
