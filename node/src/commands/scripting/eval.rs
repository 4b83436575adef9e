//! EVAL, EVALSHA, FCALL, and those of them that only read: finds what is to run.
//! Pure.

use super::{Action, Call, bound};
use crate::node_state::{Digest, Planned, check_len};
use lua::{Function, Kind, sha1_hex};
use shared::command::CommandFlags;
use shared::resp::{ErrorReply, ScriptError, parse_integer};

/// Where the number of keys stands, and the first key.
const COUNT: usize = 2;
const FIRST: usize = 3;

/// How many keys there are.
fn count_keys(call: &Call<'_>, otherwise: ErrorReply) -> Result<usize, ErrorReply> {
    let count = parse_integer(call.args.at(COUNT)).ok_or(otherwise)?;
    let behind = call.args.len() - FIRST;
    match usize::try_from(count) {
        Ok(count) if count <= behind => Ok(count),
        Ok(_) => Err(ErrorReply::KeyCountTooLarge),
        Err(_) if count > 0 => Err(ErrorReply::KeyCountTooLarge),
        Err(_) => Err(ScriptError::KeyCountNegative.into()),
    }
}

/// EVAL script numkeys \[key ...\] \[arg ...\], EVAL_RO
pub(super) fn eval(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let keys = count_keys(call, ErrorReply::NotInteger)?;
    bound(call);
    let text = call.args.at(1);
    check_len(text)?;
    let digest = sha1_hex(text);
    call.node.scripts.keep(&digest, text)?;
    run(call, &digest, keys)
}

/// EVALSHA sha1 numkeys \[key ...\] \[arg ...\], EVALSHA_RO
pub(super) fn evalsha(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let digest = read_digest(call.args.at(1)).ok_or(ScriptError::NoScript)?;
    let keys = count_keys(call, ErrorReply::NotInteger)?;
    bound(call);
    run(call, &digest, keys)
}

/// A digest in any letter case.
pub(super) fn read_digest(word: &[u8]) -> Option<Digest> {
    let mut digest: Digest = word.try_into().ok()?;
    digest.make_ascii_lowercase();
    Some(digest)
}

fn run(call: &mut Call<'_>, digest: &Digest, keys: usize) -> Result<Action, ErrorReply> {
    let (function, flags) = call.node.scripts.find(digest)?;
    plan(call, Kind::Scripts, function, digest, keys, flags)
}

/// FCALL function numkeys \[key ...\] \[arg ...\], FCALL_RO
pub(super) fn fcall(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    bound(call);
    let name = call.args.at(1);
    let (function, flags) = call.node.scripts.libraries.find(name)?;
    let keys = count_keys(call, ScriptError::KeyCountWrong.into())?;
    plan(call, Kind::Libraries, function, name, keys, Some(flags))
}

fn plan(
    call: &mut Call<'_>,
    kind: Kind,
    function: Function,
    name: &[u8],
    keys: usize,
    flags: Option<u8>,
) -> Result<Action, ErrorReply> {
    call.node.scripts.planned = Some(Planned {
        kind,
        function,
        name: name.into(),
        first_key: FIRST,
        keys,
        flags,
        only_reads: call.spec.flags.contains(CommandFlags::READ),
    });
    Ok(Action::Script)
}
