//! A page as COMMAND DOCS shows it.
//! Pure.

use super::super::docs::{Argument, CommandDocs};
use super::super::{CommandSpec, docs};
use super::IsServed;
use crate::resp::ReplyWriter;

/// Writes the name and the page, which are one pair of a map.
pub(super) fn page(row: &CommandSpec, is_served: IsServed<'_>, reply: &mut ReplyWriter<'_>) {
    let page = docs(row.id);
    let served = || row.subcommands().iter().filter(|sub| is_served(sub));
    let subcommands = served().count();
    reply.bulk(row.name.as_bytes());
    reply.map(pairs(page) + usize::from(subcommands > 0));
    text("summary", page.summary, reply);
    text("since", page.since, reply);
    text("group", page.group, reply);
    if let Some(complexity) = page.complexity {
        text("complexity", complexity, reply);
    }
    if page.deprecated.is_some() || page.internal {
        reply.bulk(b"doc_flags");
        words(
            &[
                ("deprecated", page.deprecated.is_some()),
                ("syscmd", page.internal),
            ],
            reply,
        );
    }
    if let Some((since, instead)) = page.deprecated {
        text("deprecated_since", since, reply);
        text("replaced_by", instead, reply);
    }
    if !page.history.is_empty() {
        reply.bulk(b"history");
        reply.set(page.history.len());
        for (version, change) in page.history {
            reply.array(2);
            reply.bulk(version.as_bytes());
            reply.bulk(change.as_bytes());
        }
    }
    arguments(page.arguments, reply);
    if subcommands > 0 {
        reply.bulk(b"subcommands");
        reply.map(subcommands);
        for sub in served() {
            self::page(sub, is_served, reply);
        }
    }
}

/// How many pairs `page` writes, its subcommands apart.
fn pairs(page: &CommandDocs) -> usize {
    3 + usize::from(page.complexity.is_some())
        + usize::from(page.deprecated.is_some() || page.internal)
        + 2 * usize::from(page.deprecated.is_some())
        + usize::from(!page.history.is_empty())
        + usize::from(!page.arguments.is_empty())
}

/// Writes the pair of `arguments`; nothing when there are none. Recurses as deep as the table nests them.
fn arguments(arguments: &[Argument], reply: &mut ReplyWriter<'_>) {
    if arguments.is_empty() {
        return;
    }
    reply.bulk(b"arguments");
    reply.array(arguments.len());
    for each in arguments {
        argument(each, reply);
    }
}

fn argument(argument: &Argument, reply: &mut ReplyWriter<'_>) {
    let members = argument.kind.members();
    let flags = [
        ("optional", argument.optional),
        ("multiple", argument.multiple),
        ("multiple_token", argument.multiple_token),
    ];
    let flagged = flags.iter().any(|(_, set)| *set);
    let pairs = [
        argument.key_spec.is_some(),
        argument.token.is_some(),
        argument.since.is_some(),
        argument.deprecated_since.is_some(),
        flagged,
        !members.is_empty(),
    ];
    reply.map(2 + pairs.iter().filter(|written| **written).count());
    text("name", argument.name, reply);
    text("type", argument.kind.word(), reply);
    if let Some(key_spec) = argument.key_spec {
        reply.bulk(b"key_spec_index");
        reply.integer(key_spec.into());
    }
    if let Some(token) = argument.token {
        text("token", token, reply);
    }
    if let Some(since) = argument.since {
        text("since", since, reply);
    }
    if let Some(since) = argument.deprecated_since {
        text("deprecated_since", since, reply);
    }
    if flagged {
        reply.bulk(b"flags");
        words(&flags, reply);
    }
    arguments(members, reply);
}

fn text(name: &str, value: &str, reply: &mut ReplyWriter<'_>) {
    reply.bulk(name.as_bytes());
    reply.bulk(value.as_bytes());
}

/// Writes a set of the words that are said.
fn words(words: &[(&str, bool)], reply: &mut ReplyWriter<'_>) {
    let said = || words.iter().filter(|(_, said)| *said);
    reply.set(said().count());
    said().for_each(|(word, _)| reply.simple(word));
}
