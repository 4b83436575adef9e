//! Comparing a string with what its client expects: DELIFEQ, and the condition of SET IFEQ. Both are Valkey's.
//! Pure.

use crate::commands::arguments::{bytes_of, string};
use crate::commands::{Action, Call};
use crate::store::StringRef;
use shared::resp::ErrorReply;

/// Whether a string is this one.
pub(super) fn is_equal(value: StringRef<'_>, expected: &[u8]) -> bool {
    bytes_of(value, &mut itoa::Buffer::new()) == expected
}

/// DELIFEQ key value
pub(super) fn delifeq(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key, expected) = (call.db(), call.key(1), call.args.at(2));
    let value = string(call.store.peek(db, key))?;
    let is_meant = value.is_some_and(|value| is_equal(value, expected));
    if is_meant {
        call.store.remove(db, key);
    }
    call.reply.integer(i64::from(is_meant));
    Ok(Action::Continue)
}
