//! Commands of many strings at once: MGET, MSET, MSETNX.
//! Pure.

use crate::commands::arguments::{reply_optional, string, word};
use crate::commands::key_by_key::{KeyByKey, at_once};
use crate::commands::{Action, Call};
use crate::store::ExpiryChange;
use shared::command::CommandId;
use shared::resp::ErrorReply;
use std::ops::Range;

/// MGET key …: keys of other types count as absent.
pub(super) static MGET: KeyByKey = KeyByKey {
    begin: |call| {
        call.reply.array(call.args.len() - 1);
        Ok(())
    },
    unless: None,
    treat: reply_each,
    end: |_, _| {},
};

/// MSET key value …
pub(super) static MSET: KeyByKey = KeyByKey {
    begin: expect_pairs,
    unless: None,
    treat: set_pairs,
    end: |call, _| call.reply.ok(),
};

/// MSETNX key value …: all or none.
pub(super) static MSETNX: KeyByKey = KeyByKey {
    begin: expect_pairs,
    unless: Some(find_pairs),
    treat: set_pairs,
    end: |call, set| call.reply.integer(i64::from(set > 0)),
};

pub(super) fn mget(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    at_once(call, &MGET)
}

pub(super) fn mset(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    at_once(call, &MSET)
}

pub(super) fn msetnx(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    at_once(call, &MSETNX)
}

fn reply_each(call: &mut Call<'_>, keys: Range<usize>) -> Result<usize, ErrorReply> {
    let db = call.db();
    let most = call.node.settings.hot.output_limit.most_bytes();
    let count = keys.len();
    for index in keys {
        let key = call.key(index);
        let value = string(call.store.get(db, key)).unwrap_or(None);
        reply_optional(&mut call.reply, value);
        // A short request may name a long value a thousand times.
        if call.reply.position() > most {
            return Err(ErrorReply::ReplyTooLong);
        }
    }
    Ok(count)
}

fn expect_pairs(call: &mut Call<'_>) -> Result<(), ErrorReply> {
    if call.args.len() % 2 == 1 {
        Ok(())
    } else {
        Err(ErrorReply::Arity(call.spec.name.into()))
    }
}

fn find_pairs(call: &mut Call<'_>, pairs: Range<usize>) -> Result<usize, ErrorReply> {
    let db = call.db();
    let mut keys = pairs.step_by(2);
    let found = keys.any(|index| {
        let key = call.key(index);
        call.store.exists(db, key)
    });
    Ok(usize::from(found))
}

fn set_pairs(call: &mut Call<'_>, pairs: Range<usize>) -> Result<usize, ErrorReply> {
    let db = call.db();
    for index in pairs.clone().step_by(2) {
        let key = call.key(index);
        let value = call.args.at(index + 1);
        if let Err(full) = call.store.set(db, key, value, ExpiryChange::Clear) {
            // Not even Redis undoes the pairs before; their effects must not be lost.
            for index in (pairs.start..index).step_by(2) {
                let (key, value) = (call.args.at(index), call.args.at(index + 1));
                call.effects
                    .rewritten(db, &[word(CommandId::Set), key, value]);
            }
            return Err(full.into());
        }
    }
    // MSETNX as well: that the keys were absent has been seen to.
    call.effects
        .with_part(db, word(CommandId::Mset), call.args, pairs.clone());
    call.effects.latest_changed(pairs.len() / 2);
    Ok(pairs.len() / 2)
}
