//! Commands that say or change when fields end: the HEXPIRE and HTTL families, HPERSIST.
//! Pure. Invariant: effects name Unix time in milliseconds, whatever the client said.

use super::fields::{Fields, end_ms, field_by_field};
use super::hash;
use crate::commands::arguments::{DeadlineForm, is_word};
use crate::commands::piecewise::Progress;
use crate::commands::{Action, Call};
use crate::store::{Ended, ExpiryRule, FieldExpiry, HashEdit};
use shared::resp::ErrorReply;

/// There is no such field.
const NO_FIELD: i64 = -2;
/// It does not end by itself.
const NEVER: i64 = -1;

/// HEXPIRE key seconds \[NX | XX | GT | LT\] FIELDS count field …
pub(super) fn hexpire(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    set_end(call, DeadlineForm::SecondsFromNow)
}

/// HPEXPIRE key milliseconds \[NX | XX | GT | LT\] FIELDS count field …
pub(super) fn hpexpire(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    set_end(call, DeadlineForm::MillisecondsFromNow)
}

/// HEXPIREAT key unix-seconds \[NX | XX | GT | LT\] FIELDS count field …
pub(super) fn hexpireat(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    set_end(call, DeadlineForm::UnixSeconds)
}

/// HPEXPIREAT key unix-milliseconds \[NX | XX | GT | LT\] FIELDS count field …
pub(super) fn hpexpireat(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    set_end(call, DeadlineForm::UnixMilliseconds)
}

/// What HEXPIRE and its kind ask for.
struct Asked {
    at_ms: u64,
    rule: ExpiryRule,
    fields: Fields,
}

impl Asked {
    fn parse(call: &Call<'_>, form: DeadlineForm) -> Result<Self, ErrorReply> {
        let args = call.args;
        let at_ms = end_ms(call, form, args.at(2))?;
        let rule = rule(args.at(3));
        let words = 3 + usize::from(rule.is_some());
        Ok(Self {
            at_ms,
            rule: rule.unwrap_or_default(),
            fields: Fields::parse(args, words, ErrorReply::FieldCountTooSmall)?,
        })
    }
}

fn rule(word: &[u8]) -> Option<ExpiryRule> {
    [
        ("NX", ExpiryRule::IfNone),
        ("XX", ExpiryRule::IfSome),
        ("GT", ExpiryRule::IfLater),
        ("LT", ExpiryRule::IfEarlier),
    ]
    .into_iter()
    .find(|(name, _)| is_word(word, name))
    .map(|(_, rule)| rule)
}

fn set_end(call: &mut Call<'_>, form: DeadlineForm) -> Result<Action, ErrorReply> {
    let asked = Asked::parse(call, form);
    let (db, key) = (call.db(), call.key(1));
    let limits = call.node.settings.hot.small.hash;
    // Redis looks at the key before the arguments.
    HashEdit::of(call.store.slot(db, key), limits)?;
    let Asked {
        at_ms,
        rule,
        fields,
    } = asked?;
    let mut head = Some(fields.count);
    field_by_field(call, fields.first, move |call, part| {
        let (db, key) = (call.db(), call.key(1));
        let edit = HashEdit::of(call.store.slot(db, key), limits)?;
        let reply = &mut call.reply;
        head.take().into_iter().for_each(|count| reply.array(count));
        edit.expire(part, fields.first, at_ms, rule, |ended| {
            reply.integer(match ended {
                Ended::NoField => NO_FIELD,
                Ended::Refused => 0,
                Ended::Later => 1,
                Ended::Now => 2,
            });
        })?;
        Ok(Progress::Over)
    })
}

/// HTTL key FIELDS count field …
pub(super) fn httl(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    tell_ends(call, |at_ms, now_ms| {
        at_ms.saturating_sub(now_ms).div_ceil(1000)
    })
}

/// HPTTL key FIELDS count field …
pub(super) fn hpttl(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    tell_ends(call, u64::saturating_sub)
}

/// HEXPIRETIME key FIELDS count field …
pub(super) fn hexpiretime(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    tell_ends(call, |at_ms, _| at_ms.div_ceil(1000))
}

/// HPEXPIRETIME key FIELDS count field …
pub(super) fn hpexpiretime(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    tell_ends(call, |at_ms, _| at_ms)
}

/// Tells of each field when it ends, as `form` makes it of that and of now.
fn tell_ends(call: &mut Call<'_>, form: fn(u64, u64) -> u64) -> Result<Action, ErrorReply> {
    let (db, key, args) = (call.db(), call.key(1), call.args);
    hash(call.store.get(db, key))?;
    let fields = Fields::parse(args, 2, ErrorReply::FieldCountNotPositive)?;
    let (mut head, now_ms) = (Some(fields.count), call.now_ms);
    field_by_field(call, fields.first, move |call, part| {
        let (db, key) = (call.db(), call.key(1));
        let hash = hash(call.store.look(db, key))?.map(|hash| hash.at_moment(now_ms));
        let reply = &mut call.reply;
        head.take().into_iter().for_each(|count| reply.array(count));
        for field in part.iter_from(fields.first) {
            let expiry = hash.map_or(FieldExpiry::NoField, |hash| hash.expiry(field));
            reply.integer(match expiry {
                FieldExpiry::NoField => NO_FIELD,
                FieldExpiry::Never => NEVER,
                FieldExpiry::At(at_ms) => i64::try_from(form(at_ms, now_ms)).unwrap_or(i64::MAX),
            });
        }
        Ok(Progress::Over)
    })
}

/// HPERSIST key FIELDS count field …
pub(super) fn hpersist(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key, args) = (call.db(), call.key(1), call.args);
    let limits = call.node.settings.hot.small.hash;
    HashEdit::of(call.store.slot(db, key), limits)?;
    let fields = Fields::parse(args, 2, ErrorReply::FieldCountNotPositive)?;
    let mut head = Some(fields.count);
    field_by_field(call, fields.first, move |call, part| {
        let (db, key) = (call.db(), call.key(1));
        let edit = HashEdit::of(call.store.slot(db, key), limits)?;
        let reply = &mut call.reply;
        head.take().into_iter().for_each(|count| reply.array(count));
        edit.persist(part, fields.first, |before| {
            reply.integer(match before {
                FieldExpiry::NoField => NO_FIELD,
                FieldExpiry::Never => NEVER,
                FieldExpiry::At(_) => 1,
            });
        })?;
        Ok(Progress::Over)
    })
}
