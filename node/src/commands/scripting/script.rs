//! SCRIPT LOAD, EXISTS, FLUSH, DEBUG.
//! Pure.

use super::eval::read_digest;
use super::{Action, Call, bound};
use crate::commands::server::is_flush_option;
use crate::node_state::check_len;
use lua::sha1_hex;
use shared::resp::{ErrorReply, ScriptError};

/// SCRIPT LOAD script
pub(super) fn load(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    bound(call);
    let text = call.args.at(2);
    check_len(text)?;
    let digest = sha1_hex(text);
    call.node.scripts.keep(&digest, text)?;
    call.reply.bulk(&digest);
    Ok(Action::Continue)
}

/// SCRIPT EXISTS sha1 \[sha1 ...\]
pub(super) fn exists(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    call.reply.array(call.args.len() - 2);
    for word in call.args.iter_from(2) {
        let digest = read_digest(word);
        let is_kept = digest.is_some_and(|digest| call.node.scripts.is_kept(&digest));
        call.reply.integer(i64::from(is_kept));
    }
    Ok(Action::Continue)
}

/// SCRIPT FLUSH \[ASYNC | SYNC\]
pub(super) fn flush(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.args.len() > 3 || !is_flush_option(call.args.get(2)) {
        return Err(ScriptError::FlushOption.into());
    }
    call.node.scripts.flush();
    call.reply.ok();
    Ok(Action::Continue)
}

/// SCRIPT DEBUG YES | SYNC | NO: NO is how it is.
pub(super) fn debug(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if !call.args.at(2).eq_ignore_ascii_case(b"no") {
        return Err(ScriptError::NoDebugger.into());
    }
    call.reply.ok();
    Ok(Action::Continue)
}
