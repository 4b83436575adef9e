//! MULTI, DISCARD, WATCH, UNWATCH, and EXEC where there is nothing to run; what is queued [`crate::execute`] runs.
//! The same of clients of a proxy, whose watches have names (NODE WATCH, [`super::orders`]).
//! Pure. Invariant: a client whose watched keys have changed is among `broken_watches` from the moment at which anybody could ask, until it watches nothing any more.

use super::{Action, Call, FIRST_KEY, Handler};
use crate::client::{Session, Watched};
use crate::node_state::{NodeState, ProxiedWatch, WatchName};
use crate::store::{Key, Listener, Store};
use shared::command::CommandId;
use shared::resp::{ErrorReply, TransactionError};

/// The handler of a command of this group.
pub(super) fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Multi => multi,
        CommandId::Exec => exec,
        CommandId::Discard => discard,
        CommandId::Watch => watch,
        CommandId::Unwatch => unwatch,
        _ => return None,
    })
}

/// MULTI
fn multi(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.session.transaction.is_some() {
        return Err(ErrorReply::Transaction(TransactionError::MultiNested));
    }
    let queue = call.node.spare_queues.take();
    call.node.queued_bytes += queue.memory_bytes();
    call.session.transaction = Some(queue);
    call.reply.ok();
    Ok(Action::Continue)
}

/// EXEC outside of a transaction
fn exec(_: &mut Call<'_>) -> Result<Action, ErrorReply> {
    Err(ErrorReply::Transaction(TransactionError::ExecWithoutMulti))
}

/// DISCARD
fn discard(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.session.transaction.is_none() {
        return Err(ErrorReply::Transaction(
            TransactionError::DiscardWithoutMulti,
        ));
    }
    forget_transaction(call.node, call.session);
    forget_watched(call.store, call.node, call.session, call.identity.id);
    call.reply.ok();
    Ok(Action::Continue)
}

/// WATCH key \[key ...\]
fn watch(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.session.transaction.is_some() {
        return Err(ErrorReply::Transaction(TransactionError::WatchInMulti));
    }
    let (id, db) = (call.identity.id, call.db());
    watch_keys(call, FIRST_KEY, id, |call, key, is_there| {
        let watched = call.session.watched.get_or_insert_default();
        watched.insert(db, key, is_there);
    })?;
    call.reply.ok();
    Ok(Action::Continue)
}

/// Listens to the keys from argument `first` on, and tells `note` each, and whether it is there.
pub(super) fn watch_keys(
    call: &mut Call<'_>,
    first: usize,
    listener: u64,
    note: impl Fn(&mut Call<'_>, &[u8], bool),
) -> Result<(), ErrorReply> {
    // What has been told makes room for what is to be told.
    call.node.hear(call.store);
    let db = call.db();
    for index in first..call.args.len() {
        let key = call.key(index);
        // One that is over by now is not there, and its end is no change.
        let is_there = call.store.exists(db, key);
        call.node.hear(call.store);
        let listened = call.store.listen(db, key, Listener::Watcher(listener));
        listened.map_err(|error| ErrorReply::Text(format!("ERR {error}").into()))?;
        note(call, key.bytes, is_there);
    }
    Ok(())
}

/// UNWATCH
fn unwatch(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    forget_watched(call.store, call.node, call.session, call.identity.id);
    call.reply.ok();
    Ok(Action::Continue)
}

/// A client has queued nothing any more, and is in no transaction.
pub(crate) fn forget_transaction(node: &mut NodeState, session: &mut Session) {
    if let Some(queue) = session.transaction.take() {
        node.queued_bytes -= queue.memory_bytes();
        node.spare_queues.give(queue);
    }
}

/// A client, `id`, watches nothing any more.
pub(crate) fn forget_watched(
    store: &mut Store,
    node: &mut NodeState,
    session: &mut Session,
    id: u64,
) {
    if let Some(watched) = session.watched.take() {
        ignore(store, node, &watched, id);
    }
}

/// A client of a proxy does not either; how many keys it watched, one at least.
pub(crate) fn forget_proxied(store: &mut Store, node: &mut NodeState, name: WatchName) -> usize {
    let Some(watched) = node.watches.forget(name) else {
        return 1;
    };
    ignore(store, node, &watched, name.listener());
    watched.len().max(1)
}

fn ignore(store: &mut Store, node: &mut NodeState, watched: &Watched, listener: u64) {
    for (db, bytes, _) in watched.iter() {
        let hash = store.hash(bytes);
        store.ignore(db, Key { bytes, hash }, Listener::Watcher(listener));
    }
    node.hear(store);
    node.broken_watches.remove(&listener);
}

/// Whether a key that this client watches has changed, or is over by now.
pub(crate) fn is_watch_broken(
    store: &mut Store,
    node: &mut NodeState,
    session: &Session,
    id: u64,
) -> bool {
    let Some(watched) = &session.watched else {
        return false;
    };
    node.hear(store);
    node.broken_watches.contains(&id) || is_one_over(store, watched)
}

/// The same for a client of a proxy: also whether the node cannot know.
pub(crate) fn is_proxied_watch_broken(
    store: &mut Store,
    node: &mut NodeState,
    said: ProxiedWatch,
) -> bool {
    node.hear(store);
    let watched = node.watches.whole(said, node.member.serving_epoch);
    node.broken_watches.contains(&said.name.listener())
        || watched.is_none_or(|watched| is_one_over(store, watched))
}

/// What is over by now may not have gone yet.
fn is_one_over(store: &mut Store, watched: &Watched) -> bool {
    watched.iter().any(|(db, bytes, was_there)| {
        let hash = store.hash(bytes);
        was_there && !store.exists(db, Key { bytes, hash })
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::TestNode;
    use crate::execute::{Stop, Wait};
    use crate::node_state::Hold;

    const DISCARDED: &str = "-EXECABORT Transaction discarded because of previous errors.";

    #[test]
    fn what_is_queued_runs_at_exec_and_answers_there() {
        let mut node = TestNode::new();
        node.expect(&[
            ("EXEC", "-ERR EXEC without MULTI"),
            ("DISCARD", "-ERR DISCARD without MULTI"),
            ("MULTI", "+OK"),
            ("MULTI", "-ERR MULTI calls can not be nested"),
            ("SET k 1", "+QUEUED"),
            ("INCR k", "+QUEUED"),
            ("LPUSH k a", "+QUEUED"),
            ("SELECT 3", "+QUEUED"),
            ("GET k", "+QUEUED"),
            ("WAIT 1 0", "+QUEUED"),
            (
                "EXEC",
                "*6 +OK :2 -WRONGTYPE Operation against a key holding the wrong kind of value +OK $-1 :0",
            ),
            ("DBSIZE", ":0"),
            ("SELECT 0", "+OK"),
            ("GET k", "$1 2"),
            ("MULTI", "+OK"),
            ("EXEC", "*0"),
            ("MULTI", "+OK"),
            ("SET k 5", "+QUEUED"),
            ("DISCARD", "+OK"),
            ("GET k", "$1 2"),
            ("MULTI", "+OK"),
            ("SET k 5", "+QUEUED"),
            ("RESET", "+RESET"),
            ("EXEC", "-ERR EXEC without MULTI"),
        ]);
    }

    #[test]
    fn what_cannot_be_queued_spoils_the_rest_but_what_concerns_the_queue_does_not() {
        let mut node = TestNode::new();
        for wrong in [
            "NOSUCH",
            "GET",
            "SAVE",
            "DEBUG SLEEP 0",
            "PSYNC ? -1",
            "REPLICAOF NO ONE",
            "BGSAVE",
        ] {
            node.expect(&[("MULTI", "+OK"), ("SET k v", "+QUEUED")]);
            assert!(node.send(wrong).starts_with("-ERR "), "{wrong}");
            node.expect(&[
                ("SET k v", "+QUEUED"),
                ("EXEC", DISCARDED),
                ("GET k", "$-1"),
            ]);
        }
        node.expect(&[
            ("MULTI", "+OK"),
            ("WATCH k", "-ERR WATCH inside MULTI is not allowed"),
            ("UNWATCH", "+QUEUED"),
            ("EXEC", "*1 +OK"),
            ("MULTI", "+OK"),
            (
                "EXEC now",
                "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command",
            ),
            ("EXEC", "-ERR EXEC without MULTI"),
        ]);
    }

    #[test]
    fn a_watched_key_that_changes_makes_exec_run_nothing() {
        let mut node = TestNode::new();
        // What is done between, and whether the transaction runs.
        for (before, between, runs) in [
            ("SET k 1", "GET k", true),
            ("SET k 1", "SET k 1", false),
            ("SET k 1", "DEL k", false),
            ("DEL k", "DEL k", true),
            ("DEL k", "SET k 1", false),
            ("DEL k", "FLUSHALL", true),
            ("SET k 1", "FLUSHALL", false),
            ("SET k 1", "EXPIRE k 100", false),
            ("SET k 1", "SET other 1", true),
            ("SET k 1", "UNWATCH", true),
            ("SET k 1", "SWAPDB 0 1", false),
            ("SET k 1", "SETRANGE k 0 x", false),
        ] {
            node.send("FLUSHALL");
            node.send(before);
            node.expect(&[("WATCH k k", "+OK")]);
            node.send(between);
            node.expect(&[
                ("MULTI", "+OK"),
                ("PING", "+QUEUED"),
                ("EXEC", if runs { "*1 +PONG" } else { "*-1" }),
                // It is watched no more.
                ("SET k 9", "+OK"),
                ("MULTI", "+OK"),
                ("EXEC", "*0"),
            ]);
        }
        assert!(node.node.broken_watches.is_empty());
        assert!(node.session.watched.is_none());
    }

    #[test]
    fn a_watched_key_that_is_over_has_changed_unless_it_was_over_before() {
        let mut node = TestNode::new();
        node.expect(&[("SET k 1 PX 10", "+OK"), ("WATCH k", "+OK")]);
        node.advance_ms(20);
        node.expect(&[("MULTI", "+OK"), ("EXEC", "*-1")]);
        node.expect(&[("SET k 1 PX 10", "+OK")]);
        node.advance_ms(20);
        node.expect(&[("WATCH k", "+OK"), ("MULTI", "+OK"), ("EXEC", "*0")]);
        // It stands still while others are paused, and is over all the same.
        node.expect(&[("SET k 1 PX 10", "+OK"), ("WATCH k", "+OK")]);
        node.store.stand_still();
        node.now_ms += 20;
        node.store.set_now(node.now_ms);
        node.expect(&[("MULTI", "+OK"), ("EXEC", "*-1")]);
    }

    #[test]
    fn a_transaction_is_one_unit_of_the_log_if_it_changes_more_than_once() {
        let mut node = TestNode::new();
        node.store.start_recording();
        node.expect_effects(&[("SET first 1", "select 0 set first 1"), ("MULTI", "")]);
        for line in ["SET a 1", "INCR a", "GET a"] {
            node.expect_effects(&[(line, "")]);
        }
        node.expect_effects(&[
            ("EXEC", "multi set a 1 set a 2 KEEPTTL exec"),
            ("MULTI", ""),
        ]);
        node.expect_effects(&[("SET a 1", ""), ("EXEC", "set a 1"), ("MULTI", "")]);
        node.expect_effects(&[("DEL x", ""), ("DEL y", ""), ("EXEC", "")]);
    }

    #[test]
    fn a_queue_waits_as_a_whole_for_what_one_of_its_commands_has_to_wait_for() {
        let mut node = TestNode::new();
        node.expect(&[
            ("MULTI", "+OK"),
            ("SET a 1", "+QUEUED"),
            ("GET b", "+QUEUED"),
        ]);
        let mut hold = Hold::new(true, 1);
        hold.mark(node.store.hash(b"b"));
        node.node.hold = Some(hold);
        assert_eq!(node.send("EXEC"), "");
        assert_eq!(node.stop, Stop::NotYet(Wait::Keys));
        node.node.hold = None;
        node.expect(&[("EXEC", "*2 +OK $-1")]);
    }

    #[test]
    fn what_is_long_runs_to_its_end_within_a_transaction() {
        let mut node = TestNode::new();
        let many: Vec<String> = (0..20_000).map(|number| format!("m{number}")).collect();
        let words: Vec<&str> = ["SADD", "s"]
            .into_iter()
            .chain(many.iter().map(String::as_str))
            .collect();
        node.expect(&[("MULTI", "+OK")]);
        assert_eq!(node.run(&words), "+QUEUED\r\n");
        node.expect(&[
            ("SMEMBERS s", "+QUEUED"),
            ("SCARD s", "+QUEUED"),
            ("DEL s", "+QUEUED"),
        ]);
        let mut keys = vec!["EXISTS"];
        keys.extend(std::iter::repeat_n("none", 5_000));
        assert_eq!(node.run(&keys), "+QUEUED\r\n");
        let reply = node.send("EXEC");
        assert!(
            reply.starts_with("*5\r\n:20000\r\n*20000\r\n$"),
            "{}",
            &reply[..40]
        );
        assert!(reply.ends_with("\r\n:20000\r\n:1\r\n:0\r\n"));
        assert!(node.node.hold.is_none());
    }

    #[test]
    fn a_queue_beyond_the_bound_of_a_request_closes_its_client() {
        let mut node = TestNode::new();
        node.node
            .settings
            .preset("client-query-buffer-limit", "1mb");
        node.expect(&[("MULTI", "+OK")]);
        let value = "x".repeat(300 * 1024);
        let set = ["SET", "k", value.as_str()];
        for _ in 0..3 {
            assert_eq!(node.run(&set), "+QUEUED\r\n");
        }
        assert_eq!(node.run(&set), "");
        assert_eq!(node.stop, Stop::Close);
    }
}
