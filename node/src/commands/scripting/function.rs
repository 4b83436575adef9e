//! FUNCTION LOAD, DELETE, FLUSH, LIST, DUMP, RESTORE. What changes the libraries goes into the log as it stands.
//! Pure.

use super::{Action, Call, bound};
use crate::commands::server::is_flush_option;
use crate::node_state::check_len;
use crate::rdb::{read_libraries, write_libraries};
use lua::FLAGS;
use shared::glob::Glob;
use shared::resp::{ErrorReply, ScriptError};

fn shown(word: &[u8]) -> Box<str> {
    String::from_utf8_lossy(word).into()
}

/// The libraries have changed.
fn record(call: &mut Call<'_>) {
    call.store.record_message(call.session.db, call.args);
}

/// FUNCTION LOAD \[REPLACE\] function-code
pub(super) fn load(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let last = call.args.len() - 1;
    let mut replaces = false;
    for word in call.args.iter_from(2).take(last - 2) {
        if !word.eq_ignore_ascii_case(b"replace") {
            return Err(ScriptError::UnknownLoadOption(shown(word)).into());
        }
        replaces = true;
    }
    bound(call);
    let text = call.args.at(last);
    let is_new = is_new(call);
    if is_new {
        check_len(text)?;
    }
    let libraries = &mut call.node.scripts.libraries;
    let name = match is_new {
        true => libraries.load(text, replaces)?,
        false => libraries.load_again(text, replaces)?,
    };
    record(call);
    call.reply.bulk(&name);
    Ok(Action::Continue)
}

/// Whether libraries come from a client: what is in a log, or at whoever is followed, is not this node's to refuse.
fn is_new(call: &Call<'_>) -> bool {
    !call.node.is_passive() && call.node.persistence.loading.is_none()
}

/// FUNCTION DELETE library-name
pub(super) fn delete(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if !call.node.scripts.libraries.remove(call.args.at(2)) {
        return Err(ScriptError::NoLibrary.into());
    }
    record(call);
    call.reply.ok();
    Ok(Action::Continue)
}

/// FUNCTION FLUSH \[ASYNC | SYNC\]
pub(super) fn flush(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.args.len() > 3 {
        let word = call.args.at(1);
        return Err(ErrorReply::unknown_subcommand_or_arity("FUNCTION", word));
    }
    if !is_flush_option(call.args.get(2)) {
        return Err(ScriptError::FunctionFlushOption.into());
    }
    call.node.scripts.libraries.flush();
    record(call);
    call.reply.ok();
    Ok(Action::Continue)
}

/// FUNCTION LIST \[LIBRARYNAME pattern\] \[WITHCODE\]
pub(super) fn list(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let mut pattern: Option<&[u8]> = None;
    let mut with_code = false;
    let mut words = call.args.iter_from(2);
    while let Some(word) = words.next() {
        if !with_code && word.eq_ignore_ascii_case(b"withcode") {
            with_code = true;
        } else if pattern.is_none() && word.eq_ignore_ascii_case(b"libraryname") {
            pattern = Some(words.next().ok_or(ScriptError::NoListedName)?);
        } else {
            return Err(ScriptError::UnknownListArgument(shown(word)).into());
        }
    }
    let pattern = pattern.map(Glob::new).transpose()?;
    let reply = &mut call.reply;
    let head = reply.array_later();
    let mut count = 0;
    for (name, library) in call.node.scripts.libraries.iter() {
        if let Some(pattern) = &pattern
            && !pattern.matches(name)?
        {
            continue;
        }
        count += 1;
        reply.map(if with_code { 4 } else { 3 });
        reply.bulk(b"library_name");
        reply.bulk(name);
        reply.bulk(b"engine");
        reply.bulk(b"LUA");
        reply.bulk(b"functions");
        reply.array(library.functions.len());
        for function in &library.functions {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(&function.name);
            reply.bulk(b"description");
            match &function.description {
                Some(text) => reply.bulk(text),
                None => reply.null(),
            }
            reply.bulk(b"flags");
            let flags = || FLAGS.iter().filter(|flag| function.flags & flag.bit != 0);
            reply.set(flags().count());
            flags().for_each(|flag| reply.simple(flag.word));
        }
        if with_code {
            reply.bulk(b"library_code");
            reply.bulk(&library.text);
        }
    }
    reply.finish(head, count);
    Ok(Action::Continue)
}

/// FUNCTION DUMP
pub(super) fn dump(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let texts = call.node.scripts.libraries.texts();
    call.reply.bulk(&write_libraries(&texts));
    Ok(Action::Continue)
}

/// FUNCTION RESTORE serialized-value \[FLUSH | APPEND | REPLACE\]
pub(super) fn restore(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.args.len() > 4 {
        let word = call.args.at(1);
        return Err(ErrorReply::unknown_subcommand_or_arity("FUNCTION", word));
    }
    let policy = call.args.get(3).unwrap_or(b"append").to_ascii_lowercase();
    if !matches!(policy.as_slice(), b"flush" | b"append" | b"replace") {
        return Err(ScriptError::RestorePolicy.into());
    }
    let texts = read_libraries(call.args.at(2))?;
    bound(call);
    let is_new = is_new(call);
    let libraries = &mut call.node.scripts.libraries;
    let before = libraries.texts();
    if policy == b"flush" {
        libraries.flush();
    }
    for text in &texts {
        let replaces = policy == b"replace";
        let loaded = match is_new {
            true => libraries.load(text, replaces),
            false => libraries.load_again(text, replaces),
        };
        if let Err(error) = loaded {
            libraries.restore_texts(&before);
            return Err(match error {
                ScriptError::LibraryExists(name) => ScriptError::RestoredLibraryExists(name),
                other => other,
            }
            .into());
        }
    }
    record(call);
    call.reply.ok();
    Ok(Action::Continue)
}
