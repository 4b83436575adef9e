//! Commands of many strings at once: MGET, MSET, MSETNX.
//! Pure.

use crate::commands::arguments::{reply_optional, string, word};
use crate::commands::{Action, Call};
use crate::store::ExpiryChange;
use shared::command::CommandId;
use shared::resp::ErrorReply;

/// MGET key …: keys of other types count as absent.
pub(super) fn mget(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let db = call.db();
    call.reply.array(call.args.len() - 1);
    for index in 1..call.args.len() {
        let key = call.key(index);
        let value = string(call.store.get(db, key)).unwrap_or(None);
        reply_optional(&mut call.reply, value);
    }
    Ok(Action::Continue)
}

/// MSET key value …
pub(super) fn mset(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    expect_pairs(call)?;
    set_pairs(call)?;
    call.reply.ok();
    Ok(Action::Continue)
}

/// MSETNX key value …: all or none.
pub(super) fn msetnx(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    expect_pairs(call)?;
    let db = call.db();
    let mut keys = (1..call.args.len()).step_by(2);
    let taken = keys.any(|index| {
        let key = call.key(index);
        call.store.exists(db, key)
    });
    if !taken {
        set_pairs(call)?;
    }
    call.reply.integer(i64::from(!taken));
    Ok(Action::Continue)
}

fn expect_pairs(call: &Call<'_>) -> Result<(), ErrorReply> {
    if call.args.len() % 2 == 1 {
        Ok(())
    } else {
        Err(ErrorReply::Arity(call.spec.name.into()))
    }
}

fn set_pairs(call: &mut Call<'_>) -> Result<(), ErrorReply> {
    let db = call.db();
    for index in (1..call.args.len()).step_by(2) {
        let key = call.key(index);
        let value = call.args.at(index + 1);
        if let Err(full) = call.store.set(db, key, value, ExpiryChange::Clear) {
            // Not even Redis undoes the pairs before; their effects must not be lost.
            for index in (1..index).step_by(2) {
                let (key, value) = (call.args.at(index), call.args.at(index + 1));
                call.effects
                    .rewritten(db, &[word(CommandId::Set), key, value]);
            }
            return Err(full.into());
        }
    }
    call.effects.verbatim(db, call.args);
    Ok(())
}
