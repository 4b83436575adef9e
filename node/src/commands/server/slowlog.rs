//! SLOWLOG GET, LEN, RESET.
//! Pure.

use super::super::arguments::integer;
use super::{Action, Call};
use shared::resp::ErrorReply;

/// Entries told when no number is given.
const DEFAULT_COUNT: usize = 10;

/// SLOWLOG GET \[count\]
pub(super) fn get(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.args.len() > 3 {
        let word = call.args.at(1);
        return Err(ErrorReply::unknown_subcommand_or_arity("SLOWLOG", word));
    }
    let count = match call.args.get(2) {
        None => DEFAULT_COUNT,
        Some(word) => match integer(word) {
            Ok(-1) => usize::MAX,
            Ok(count) => usize::try_from(count).map_err(|_| ErrorReply::SlowlogCount)?,
            Err(_) => return Err(ErrorReply::SlowlogCount),
        },
    };
    let integer = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (log, reply) = (&call.node.slowlog, &mut call.reply);
    reply.array(count.min(log.iter().len()));
    for entry in log.iter().take(count) {
        reply.array(6);
        reply.integer(integer(entry.id));
        reply.integer(integer(entry.at_seconds));
        reply.integer(integer(entry.duration_us));
        reply.array(entry.args.len());
        for arg in &entry.args {
            reply.bulk(arg);
        }
        reply.bulk(entry.client_address.as_bytes());
        reply.bulk(&entry.client_name);
    }
    Ok(Action::Continue)
}

/// SLOWLOG LEN
pub(super) fn len(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let entries = call.node.slowlog.iter().len();
    call.reply
        .integer(i64::try_from(entries).unwrap_or(i64::MAX));
    Ok(Action::Continue)
}

/// SLOWLOG RESET
pub(super) fn reset(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    call.node.slowlog.clear();
    call.reply.ok();
    Ok(Action::Continue)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::TestNode;

    #[test]
    fn everything_is_slow_at_threshold_zero_and_secrets_are_hidden() {
        let mut node = TestNode::new();
        node.node.settings.preset("slowlog-log-slower-than", "0");
        node.send("SET a b");
        node.send("AUTH default secret");
        node.send("CONFIG SET requirepass secret2");
        let log = node.send("SLOWLOG GET");
        assert!(log.starts_with("*3\r\n*6\r\n:2\r\n"), "{log}");
        assert!(log.contains("$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n"), "{log}");
        assert!(!log.contains("secret"), "{log}");
        assert!(node.send("SLOWLOG GET 1").starts_with("*1\r\n"));
        assert_eq!(node.send("SLOWLOG LEN"), ":5\r\n");
        assert_eq!(node.send("SLOWLOG RESET"), "+OK\r\n");
        assert_eq!(
            node.send("SLOWLOG GET -2"),
            "-ERR count should be greater than or equal to -1\r\n"
        );
    }
}
