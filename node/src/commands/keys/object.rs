//! OBJECT: how a value is kept and how much it is used.
//! Pure.

use crate::commands::{Action, Call};
use crate::store::{EvictionPolicy, StringRef, Usage, encoding_name};
use shared::resp::ErrorReply;

/// What Redis answers for the small integers that its keys share.
const SHARED_REFERENCES: i64 = 2_147_483_647;
/// Integers below are shared, as long as the policy needs no access mark of their own.
const SHARED_INTEGERS: i64 = 10_000;

/// OBJECT ENCODING key
pub(super) fn encoding(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(2));
    let encoding = call.store.peek(db, key).map(encoding_name);
    call.store.count_lookup(encoding.is_some());
    match encoding {
        None => call.reply.null(),
        Some(name) => call.reply.bulk(name.as_bytes()),
    }
    Ok(Action::Continue)
}

/// OBJECT REFCOUNT key
pub(super) fn refcount(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(2));
    let shares = shares_integers(call);
    let value = call.store.peek(db, key);
    let references = value.map(|value| match StringRef::of(value) {
        Ok(StringRef::Integer(0..SHARED_INTEGERS)) if shares => SHARED_REFERENCES,
        _ => 1,
    });
    call.store.count_lookup(references.is_some());
    match references {
        None => call.reply.null(),
        Some(references) => call.reply.integer(references),
    }
    Ok(Action::Continue)
}

/// Redis keeps small integers once for all keys, unless each needs an access mark of its own to be evicted by.
fn shares_integers(call: &Call<'_>) -> bool {
    use EvictionPolicy::{AllKeysLfu, AllKeysLru, VolatileLfu, VolatileLru};
    let policy = call.store.eviction().policy;
    let marked = matches!(policy, AllKeysLfu | AllKeysLru | VolatileLfu | VolatileLru);
    !marked
}

/// OBJECT IDLETIME key
pub(super) fn idletime(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    reply_usage(call, |usage, counts_frequency| {
        if counts_frequency {
            return Err(ErrorReply::IdleTimeNotTracked);
        }
        Ok(usage.idle_seconds)
    })
}

/// OBJECT FREQ key
pub(super) fn freq(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    reply_usage(call, |usage, counts_frequency| {
        if !counts_frequency {
            return Err(ErrorReply::FrequencyNotTracked);
        }
        Ok(u64::from(usage.frequency))
    })
}

fn reply_usage(
    call: &mut Call<'_>,
    show: fn(usage: Usage, counts_frequency: bool) -> Result<u64, ErrorReply>,
) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(2));
    let counts_frequency = call.store.eviction().policy.is_lfu();
    let usage = call.store.usage(db, key);
    call.store.count_lookup(usage.is_some());
    match usage {
        None => call.reply.null(),
        Some(usage) => {
            let shown = show(usage, counts_frequency)?;
            call.reply.integer(i64::try_from(shown).unwrap_or(i64::MAX));
        }
    }
    Ok(Action::Continue)
}
