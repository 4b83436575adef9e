//! SCRIPT KILL, FUNCTION KILL, FUNCTION STATS: about what is under way.
//! Pure. What has been killed ends when it has its next turn.

use super::{Action, Call};
use lua::Kind;
use shared::resp::{ErrorReply, ScriptError};

/// SCRIPT KILL
pub(super) fn script(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    kill(call, Kind::Scripts)
}

/// FUNCTION KILL
pub(super) fn function(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    kill(call, Kind::Libraries)
}

fn kill(call: &mut Call<'_>, kind: Kind) -> Result<Action, ErrorReply> {
    let under_way = call.node.scripts.under_way.as_mut();
    let under_way = under_way.ok_or(ScriptError::NotBusy)?;
    if under_way.has_written {
        return Err(ScriptError::Unkillable.into());
    }
    if under_way.kind != kind {
        return Err(under_way.busy().into());
    }
    under_way.is_to_end = true;
    call.reply.ok();
    Ok(Action::Continue)
}

/// FUNCTION STATS
pub(super) fn stats(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (scripts, reply) = (&call.node.scripts, &mut call.reply);
    reply.map(2);
    reply.bulk(b"running_script");
    match &scripts.under_way {
        None => reply.null(),
        Some(under_way) => {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(&under_way.name);
            reply.bulk(b"command");
            reply.array(under_way.words.len());
            under_way.words.iter().for_each(|word| reply.bulk(word));
            reply.bulk(b"duration_ms");
            let took_ms = i64::try_from(under_way.took_ms);
            reply.integer(took_ms.unwrap_or(i64::MAX));
        }
    }
    reply.bulk(b"engines");
    reply.map(1);
    reply.bulk(b"LUA");
    reply.map(2);
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    reply.bulk(b"libraries_count");
    reply.integer(count(scripts.libraries.iter().len()));
    reply.bulk(b"functions_count");
    reply.integer(count(scripts.libraries.count_functions()));
    Ok(Action::Continue)
}
