//! A row as COMMAND INFO shows it.
//! Pure.

use super::super::{BeginSearch, CommandSpec, FindKeys, KeyFlags, KeySpec};
use super::IsServed;
use crate::resp::ReplyWriter;

pub(super) fn row(row: &CommandSpec, is_served: IsServed<'_>, reply: &mut ReplyWriter<'_>) {
    reply.array(10);
    reply.bulk(row.name.as_bytes());
    reply.integer(row.arity.into());
    reply.set(row.flags.words().count());
    row.flags.words().for_each(|word| reply.simple(word));
    for place in first_last_step(row.keys) {
        reply.integer(place.into());
    }
    reply.set(row.acl.words().count());
    row.acl
        .words()
        .for_each(|word| reply.simple(&format!("@{word}")));
    reply.set(row.tips.len());
    row.tips.iter().for_each(|tip| reply.bulk(tip.as_bytes()));
    reply.set(row.keys.len());
    row.keys.iter().for_each(|spec| key_spec(spec, reply));
    let served = || row.subcommands().iter().filter(|sub| is_served(sub));
    // Redis' shapes: an empty set, or an array.
    match served().count() {
        0 => reply.set(0),
        subcommands => reply.array(subcommands),
    }
    for sub in served() {
        self::row(sub, is_served, reply);
    }
}

pub(super) fn key_flags(flags: KeyFlags, reply: &mut ReplyWriter<'_>) {
    reply.set(flags.words().count());
    flags.words().for_each(|word| reply.simple(word));
}

fn key_spec(spec: &KeySpec, reply: &mut ReplyWriter<'_>) {
    reply.map(if spec.note.is_some() { 4 } else { 3 });
    if let Some(note) = spec.note {
        reply.bulk(b"notes");
        reply.bulk(note.as_bytes());
    }
    reply.bulk(b"flags");
    key_flags(spec.flags, reply);
    reply.bulk(b"begin_search");
    match spec.begin {
        BeginSearch::Index(index) => {
            search("index", &[("index", index)], reply);
        }
        BeginSearch::Keyword(word, from) => {
            kind("keyword", 2, reply);
            reply.bulk(b"keyword");
            reply.bulk(word.as_bytes());
            reply.bulk(b"startfrom");
            reply.integer(from.into());
        }
        BeginSearch::Unknown => kind("unknown", 0, reply),
    }
    reply.bulk(b"find_keys");
    match spec.find {
        FindKeys::Range { last, step, limit } => {
            search(
                "range",
                &[("lastkey", last), ("keystep", step), ("limit", limit)],
                reply,
            );
        }
        FindKeys::Counted => {
            search(
                "keynum",
                &[("keynumidx", 0), ("firstkey", 1), ("keystep", 1)],
                reply,
            );
        }
        FindKeys::Unknown => kind("unknown", 0, reply),
    }
}

fn search(name: &str, numbers: &[(&str, i16)], reply: &mut ReplyWriter<'_>) {
    kind(name, numbers.len(), reply);
    for (name, number) in numbers {
        reply.bulk(name.as_bytes());
        reply.integer((*number).into());
    }
}

/// The head of a search: its kind, and a map of so many details that the caller writes.
fn kind(name: &str, details: usize, reply: &mut ReplyWriter<'_>) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(name.as_bytes());
    reply.bulk(b"spec");
    reply.map(details);
}

/// What Redis before 7.0 told of keys: a single range, or the ranges at the front that continue each other.
fn first_last_step(keys: &[KeySpec]) -> [i16; 3] {
    if let [
        KeySpec {
            begin: BeginSearch::Index(first),
            find: FindKeys::Range { last, step, .. },
            ..
        },
    ] = *keys
    {
        return [first, absolute(first, last), step];
    }
    let mut whole: Option<(i16, i16)> = None;
    for spec in keys {
        let (BeginSearch::Index(first), FindKeys::Range { last, step, .. }) =
            (spec.begin, spec.find)
        else {
            continue;
        };
        let continues = whole.is_none_or(|(_, before)| before + 1 == first);
        if step != 1 || !continues {
            return [0, 0, 0];
        }
        whole = Some((
            whole.map_or(first, |(front, _)| front),
            absolute(first, last),
        ));
    }
    whole.map_or([0, 0, 0], |(first, last)| [first, last, 1])
}

fn absolute(first: i16, last: i16) -> i16 {
    if last >= 0 { first + last } else { last }
}
