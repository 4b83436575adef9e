//! Whole databases: DBSIZE, FLUSHDB, FLUSHALL, SWAPDB.
//! Pure. Dropping is at once for clients either way: the store gives much memory back aside, so ASYNC and SYNC are one.

use super::super::arguments::{integer_32, is_word};
use super::super::connection::database;
use super::{Action, Call};
use shared::resp::ErrorReply;

/// Whether the option is missing, `ASYNC` or `SYNC`.
pub(in crate::commands) fn is_flush_option(option: Option<&[u8]>) -> bool {
    option.is_none_or(|word| is_word(word, "async") || is_word(word, "sync"))
}

fn check_options(call: &Call<'_>) -> Result<(), ErrorReply> {
    if call.args.len() > 2 || !is_flush_option(call.args.get(1)) {
        return Err(ErrorReply::Syntax);
    }
    Ok(())
}

/// DBSIZE
pub(super) fn size(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let keys = call.store.len(call.db());
    call.reply.integer(i64::try_from(keys).unwrap_or(i64::MAX));
    Ok(Action::Continue)
}

/// FLUSHDB \[ASYNC | SYNC\]
pub(super) fn flush_one(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    check_options(call)?;
    let db = call.db();
    call.store.clear(db);
    call.reply.ok();
    Ok(Action::Continue)
}

/// FLUSHALL \[ASYNC | SYNC\]
pub(super) fn flush_all(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    check_options(call)?;
    call.store.clear_all(call.db());
    call.reply.ok();
    Ok(Action::Continue)
}

/// SWAPDB index index
pub(super) fn swap(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let first = integer_32(call.args.at(1)).map_err(|_| ErrorReply::InvalidFirstDbIndex)?;
    let second = integer_32(call.args.at(2)).map_err(|_| ErrorReply::InvalidSecondDbIndex)?;
    let (first, second) = (database(call, first)?, database(call, second)?);
    call.store.swap(call.db(), first, second);
    call.reply.ok();
    Ok(Action::Continue)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::TestNode;

    #[test]
    fn databases_are_counted_flushed_and_swapped() {
        let mut node = TestNode::new();
        let mut check = |line: &str, reply: &str| assert_eq!(node.send(line), reply, "{line}");
        check("SET a 1", "+OK\r\n");
        check("SELECT 1", "+OK\r\n");
        check("MSET b 2 c 3", "+OK\r\n");
        check("DBSIZE", ":2\r\n");
        check("SWAPDB 0 1", "+OK\r\n");
        check("DBSIZE", ":1\r\n");
        check("GET a", "$1\r\n1\r\n");
        check("SWAPDB x 1", "-ERR invalid first DB index\r\n");
        check("SWAPDB 0 x", "-ERR invalid second DB index\r\n");
        check("SWAPDB 0 16", "-ERR DB index is out of range\r\n");
        check("FLUSHDB zork", "-ERR syntax error\r\n");
        check("FLUSHDB ASYNC", "+OK\r\n");
        check("DBSIZE", ":0\r\n");
        check("SELECT 0", "+OK\r\n");
        check("DBSIZE", ":2\r\n");
        check("FLUSHALL", "+OK\r\n");
        check("DBSIZE", ":0\r\n");
    }
}
