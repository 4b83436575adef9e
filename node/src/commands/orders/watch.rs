//! NODE WATCH, NODE UNWATCH, and what NODE EXEC says of a watch: WATCH of clients of a proxy, which share its connections.
//! Pure. Invariant: where a WATCH was not carried out, or the node cannot know whether a key has changed since, the transaction that follows does not run.

use super::super::transactions::{forget_proxied, watch_keys};
use super::{Action, Call, integer, is_word};
use crate::node_state::{ProxiedWatch, WatchName};
use shared::resp::{Args, ErrorReply};

/// Where the keys of NODE WATCH begin.
const FIRST_KEY: usize = 4;

/// NODE WATCH name times key …
pub(super) fn watch(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.args.len() <= FIRST_KEY {
        let word = call.args.at(1);
        return Err(ErrorReply::unknown_subcommand_or_arity("NODE", word));
    }
    let said = read(call.args.at(2), call.args.at(3))?;
    let (connection, epoch) = (call.identity.id, call.node.member.serving_epoch);
    if call.node.watches.admit(said, connection, epoch) {
        let db = call.db();
        watch_keys(
            call,
            FIRST_KEY,
            said.name.listener(),
            |call, key, is_there| {
                let watches = &mut call.node.watches;
                watches.add(said.name, |watched| watched.insert(db, key, is_there));
            },
        )?;
        call.node.watches.carried_out(said);
    }
    call.reply.ok();
    Ok(Action::Continue)
}

/// NODE UNWATCH name
pub(super) fn unwatch(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.args.len() != 3 {
        let word = call.args.at(1);
        return Err(ErrorReply::unknown_subcommand_or_arity("NODE", word));
    }
    let name = read_name(call.args.at(2))?;
    forget_proxied(call.store, call.node, name);
    call.reply.ok();
    Ok(Action::Continue)
}

/// What is said of a watch before the requests of a queue, and these.
pub(super) fn of_queue(args: Args<'_>) -> Result<(Option<ProxiedWatch>, Args<'_>), ErrorReply> {
    if !args.get(0).is_some_and(|word| is_word(word, "watched")) {
        return Ok((None, args));
    }
    let (Some(name), Some(times)) = (args.get(1), args.get(2)) else {
        return Err(ErrorReply::Syntax);
    };
    Ok((Some(read(name, times)?), args.skip(3)))
}

fn read(name: &[u8], times: &[u8]) -> Result<ProxiedWatch, ErrorReply> {
    let times = u32::try_from(integer(times)?)
        .ok()
        .filter(|times| *times > 0);
    Ok(ProxiedWatch {
        name: read_name(name)?,
        times: times.ok_or(ErrorReply::NotInteger)?,
    })
}

fn read_name(word: &[u8]) -> Result<WatchName, ErrorReply> {
    WatchName::new(integer(word)?).ok_or(ErrorReply::NotInteger)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::TestNode;

    /// What a proxy sends for an EXEC of `PING` under a watch.
    fn exec(node: &mut TestNode, name: &str, times: &str) -> String {
        let ping = "*1\r\n$4\r\nPING\r\n";
        node.run(&["NODE", "EXEC", "WATCHED", name, times, ping])
    }

    const RUNS: &str = "*1\r\n+PONG\r\n";
    const VOID: &str = "*-1\r\n";

    #[test]
    fn clients_of_one_connection_watch_each_for_itself() {
        let mut node = TestNode::new();
        node.expect(&[
            ("SET b 1", "+OK"),
            ("NODE WATCH 1 1 a", "+OK"),
            ("NODE WATCH 2 1 b", "+OK"),
            ("NODE WATCH 3 1 b a", "+OK"),
            ("NODE WATCH 3 2 c", "+OK"),
            ("NODE WATCH 4 1 c", "+OK"),
            ("DEL b", ":1"),
        ]);
        assert_eq!(exec(&mut node, "1", "1"), RUNS);
        assert_eq!(exec(&mut node, "1", "1"), VOID, "it has been used");
        assert_eq!(exec(&mut node, "2", "1"), VOID);
        assert_eq!(exec(&mut node, "3", "2"), VOID);
        assert_eq!(exec(&mut node, "4", "1"), RUNS);
        assert_eq!(exec(&mut node, "5", "1"), VOID, "nobody knows it");
        assert!(node.node.watches.is_empty() && node.node.broken_watches.is_empty());
    }

    #[test]
    fn a_watch_that_is_not_whole_runs_nothing() {
        let mut node = TestNode::new();
        node.expect(&[("NODE WATCH 1 1 a", "+OK"), ("NODE WATCH 1 3 b", "+OK")]);
        assert_eq!(exec(&mut node, "1", "3"), VOID);
        // One that comes again is the same.
        node.expect(&[
            ("NODE WATCH 1 1 a", "+OK"),
            ("NODE WATCH 1 1 a", "+OK"),
            ("NODE WATCH 1 2 b", "+OK"),
        ]);
        assert_eq!(exec(&mut node, "1", "2"), RUNS);
        node.expect(&[("NODE WATCH 1 1 a", "+OK")]);
        node.node.member.serving_epoch += 1;
        node.session.fence_epoch += 1;
        assert_eq!(exec(&mut node, "1", "1"), VOID, "others led meanwhile");
        node.expect(&[("SET k v PX 10", "+OK"), ("NODE WATCH 1 1 k", "+OK")]);
        node.advance_ms(20);
        assert_eq!(exec(&mut node, "1", "1"), VOID, "it is over");
    }

    #[test]
    fn what_is_watched_no_more_is_forgotten() {
        let mut node = TestNode::new();
        node.expect(&[
            ("NODE WATCH 1 1 a", "+OK"),
            ("SET a 1", "+OK"),
            ("NODE UNWATCH 1", "+OK"),
            ("NODE UNWATCH 1", "+OK"),
            ("NODE WATCH 1 1 a", "+OK"),
            ("NODE UNWATCH 1", "+OK"),
        ]);
        assert!(node.node.watches.is_empty() && node.node.broken_watches.is_empty());
        for wrong in [
            "NODE WATCH 1 1",
            "NODE WATCH 1 0 a",
            "NODE WATCH -1 1 a",
            "NODE WATCH x 1 a",
            "NODE UNWATCH",
            "NODE UNWATCH x",
            "NODE EXEC WATCHED 1",
        ] {
            assert!(node.send(wrong).starts_with("-ERR"), "{wrong}");
        }
        assert!(node.node.watches.is_empty());
    }
}
