//! Commands that say or change when a key ends: the EXPIRE and TTL families, PERSIST.
//! Pure. Invariant: effects name Unix time in milliseconds, whatever the client said.

use crate::commands::arguments::{DeadlineForm, integer, is_word};
use crate::commands::{Action, Call};
use shared::resp::ErrorReply;

/// EXPIRE key seconds [NX | XX | GT | LT]
pub(super) fn expire(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    set_deadline(call, DeadlineForm::SecondsFromNow)
}

/// PEXPIRE key milliseconds [NX | XX | GT | LT]
pub(super) fn pexpire(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    set_deadline(call, DeadlineForm::MillisecondsFromNow)
}

/// EXPIREAT key unix-seconds [NX | XX | GT | LT]
pub(super) fn expireat(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    set_deadline(call, DeadlineForm::UnixSeconds)
}

/// PEXPIREAT key unix-milliseconds [NX | XX | GT | LT]
pub(super) fn pexpireat(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    set_deadline(call, DeadlineForm::UnixMilliseconds)
}

fn set_deadline(call: &mut Call<'_>, form: DeadlineForm) -> Result<Action, ErrorReply> {
    let conditions = Conditions::parse(call)?;
    let number = integer(call.args.at(2))?;
    let deadline = form
        .deadline_ms(number, call.now_ms)
        .ok_or(ErrorReply::InvalidExpireTime(call.spec.name))?;
    let (db, key) = (call.db(), call.key(1));
    let allowed = match call.store.expiry(db, key) {
        None => false,
        Some(before) => conditions.allow(deadline, before),
    };
    if allowed {
        match u64::try_from(deadline) {
            Ok(at) if at > call.now_ms => {
                call.store.set_expiry(db, key, Some(at))?;
            }
            // Gone by already.
            _ => {
                call.store.remove(db, key);
            }
        }
    }
    call.reply.integer(i64::from(allowed));
    Ok(Action::Continue)
}

/// When a new deadline is taken.
#[derive(Clone, Copy, Debug, Default)]
struct Conditions {
    if_none: bool,
    if_some: bool,
    if_later: bool,
    if_earlier: bool,
}

impl Conditions {
    fn parse(call: &Call<'_>) -> Result<Self, ErrorReply> {
        let mut conditions = Self::default();
        for option in call.args.iter_from(3) {
            if is_word(option, "NX") {
                conditions.if_none = true;
            } else if is_word(option, "XX") {
                conditions.if_some = true;
            } else if is_word(option, "GT") {
                conditions.if_later = true;
            } else if is_word(option, "LT") {
                conditions.if_earlier = true;
            } else {
                return Err(ErrorReply::unsupported_expire_option(option));
            }
        }
        let needs_some = conditions.if_some || conditions.if_later || conditions.if_earlier;
        if conditions.if_none && needs_some {
            return Err(ErrorReply::ExpireNxConflict);
        }
        if conditions.if_later && conditions.if_earlier {
            return Err(ErrorReply::ExpireGtLtConflict);
        }
        Ok(conditions)
    }

    /// A key without a deadline lives for ever, which is later than anything.
    fn allow(self, deadline: i64, before: Option<u64>) -> bool {
        let before = before.map(|at| i64::try_from(at).unwrap_or(i64::MAX));
        let later = before.is_some_and(|before| deadline > before);
        let earlier = before.is_none_or(|before| deadline < before);
        (!self.if_none || before.is_none())
            && (!self.if_some || before.is_some())
            && (!self.if_later || later)
            && (!self.if_earlier || earlier)
    }
}

/// What the TTL family answers for a key that is not there.
const NO_KEY: i64 = -2;
/// What it answers for a key that lives for ever.
const NO_EXPIRY: i64 = -1;

/// TTL key
pub(super) fn ttl(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    reply_expiry(call, |at, now| to_seconds(at.saturating_sub(now)))
}

/// PTTL key
pub(super) fn pttl(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    reply_expiry(call, u64::saturating_sub)
}

/// EXPIRETIME key
pub(super) fn expiretime(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    reply_expiry(call, |at, _| to_seconds(at))
}

/// PEXPIRETIME key
pub(super) fn pexpiretime(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    reply_expiry(call, |at, _| at)
}

/// To the nearest second, as Redis does.
fn to_seconds(milliseconds: u64) -> u64 {
    milliseconds.saturating_add(500) / 1000
}

fn reply_expiry(
    call: &mut Call<'_>,
    show: fn(at: u64, now: u64) -> u64,
) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let expiry = call.store.expiry(db, key);
    call.store.count_lookup_of(db, key, expiry.is_some());
    call.reply.integer(match expiry {
        None => NO_KEY,
        Some(None) => NO_EXPIRY,
        Some(Some(at)) => i64::try_from(show(at, call.now_ms)).unwrap_or(i64::MAX),
    });
    Ok(Action::Continue)
}

/// PERSIST key
pub(super) fn persist(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let had_expiry = call.store.expiry(db, key).flatten().is_some();
    if had_expiry {
        call.store.set_expiry(db, key, None)?;
    }
    call.reply.integer(i64::from(had_expiry));
    Ok(Action::Continue)
}
