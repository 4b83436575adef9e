//! CLIENT TRACKING, TRACKINGINFO, GETREDIR, CACHING: how the client is told that what it has read has changed.
//! Pure.

use super::{Action, Call};
use crate::node_state::NodeState;
use crate::store::Store;
use shared::resp::{ErrorReply, yes_or_no};
use shared::tracking::{Mode, TrackingWish, write_info};

/// CLIENT TRACKING ON | OFF \[REDIRECT client-id\] \[PREFIX prefix …\] \[BCAST\] \[OPTIN\] \[OPTOUT\] \[NOLOOP\]
pub(super) fn track(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let clients = &call.node.clients;
    let wish = TrackingWish::read(call.args, |id| clients.key_of(id).is_some())?;
    call.node.tracking.apply(call.identity.id, &wish)?;
    call.store.note_changed_keys(call.node.tracking.is_on());
    call.reply.ok();
    Ok(Action::Continue)
}

/// CLIENT TRACKINGINFO
pub(super) fn info(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let mode = call.node.tracking.mode(call.identity.id);
    write_info(mode, &mut call.reply);
    Ok(Action::Continue)
}

/// CLIENT GETREDIR
pub(super) fn redirection(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let mode = call.node.tracking.mode(call.identity.id);
    let id = mode.map(Mode::redirect).map(i64::try_from);
    call.reply
        .integer(id.map_or(-1, |id| id.unwrap_or(i64::MAX)));
    Ok(Action::Continue)
}

/// CLIENT CACHING YES | NO
pub(super) fn choose(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let client = call.identity.id;
    if call.node.tracking.mode(client).is_none() {
        call.node.tracking.choose(client, true)?;
    }
    let wants = yes_or_no(call.args.at(2))?;
    call.node.tracking.choose(client, wants)?;
    call.reply.ok();
    Ok(Action::Continue)
}

/// A client is told no more, or has gone.
pub(crate) fn stop_tracking(store: &mut Store, node: &mut NodeState, client: u64) {
    if node.tracking.is_on() {
        node.tracking.stop(client);
        store.note_changed_keys(node.tracking.is_on());
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::TestNode;
    use crate::node_state::ClientKey;
    use shared::resp::Protocol;

    /// A node whose first client speaks RESP3 and is told as these words say, and another client.
    fn tracking(words: &str) -> (TestNode, ClientKey) {
        let mut node = TestNode::new_resp3();
        let other = node.connect();
        node.expect(&[(&format!("CLIENT TRACKING {words}"), "+OK")]);
        (node, other)
    }

    /// The other client sends these; what the first one is told meanwhile, with blanks for line ends.
    fn told(node: &mut TestNode, other: ClientKey, lines: &[&str]) -> String {
        let first = node.switch_to(other);
        for line in lines {
            let reply = node.send(line);
            assert!(!reply.starts_with('-'), "{line}: {reply}");
        }
        node.node.broadcast_changes(None);
        node.switch_to(first);
        let outbox = &mut node.node.clients.at(first).outbox;
        let ready = outbox.ready().to_vec();
        outbox.wrote(ready.len());
        String::from_utf8_lossy(&ready).replace("\r\n", " ")
    }

    fn invalid(keys: &[&str]) -> String {
        let keys: String = keys
            .iter()
            .map(|key| format!("${} {key} ", key.len()))
            .collect();
        let count = keys.matches('$').count();
        format!(">2 $10 invalidate *{count} {keys}")
    }

    #[test]
    fn what_was_read_is_told_when_others_change_it() {
        let (mut node, other) = tracking("ON");
        let a = invalid(&["a"]);
        for (before, reads, changes, expected) in [
            ("SET a 0", "GET a", "SET a 1", a.clone()),
            ("SET a 0", "GET a", "GET a", String::new()),
            ("SET a 0", "GET a", "SETNX a 2", String::new()),
            (
                "SET a 0",
                "MGET a b c",
                "MSET a 1 c 1",
                a.clone() + &invalid(&["c"]),
            ),
            (
                "SET a 0",
                "EXISTS a b",
                "RENAME a b",
                a.clone() + &invalid(&["b"]),
            ),
            ("DEL a", "SORT_RO a", "RPUSH a 1 2", a.clone()),
            ("RPUSH a 1 2", "LRANGE a 0 -1", "LPOP a", a.clone()),
            ("SET a 0", "TTL a", "EXPIRE a 100", a.clone()),
            ("SET a 0", "TYPE a", "DEL a", a.clone()),
            ("SET a 0", "SET a 1", "SET a 2", String::new()),
            (
                "SET a 0",
                "GET a",
                "FLUSHDB",
                ">2 $10 invalidate _ ".to_owned(),
            ),
            (
                "SET a 0",
                "GET a",
                "SWAPDB 0 1",
                ">2 $10 invalidate _ ".to_owned(),
            ),
        ] {
            told(&mut node, other, &["FLUSHALL", before]);
            node.send(reads);
            let said = told(&mut node, other, &[changes]);
            assert_eq!(said, expected, "{reads}, {changes}");
        }
        told(&mut node, other, &["FLUSHALL"]);
        node.send("CLIENT TRACKING OFF");
        node.send("GET a");
        assert_eq!(told(&mut node, other, &["SET a 1"]), "");
        assert!(!node.store.has_news());
    }

    #[test]
    fn what_the_client_changes_itself_is_told_behind_the_reply() {
        let (mut node, other) = tracking("ON");
        let a = "\r\n>2 $10 invalidate *1 $1 a".replace("\r\n", "");
        node.send("GET a");
        node.expect(&[("SET a 1", &format!("+OK {a}"))]);
        node.expect(&[("SET a 1", "+OK"), ("GET a", "$1 1"), ("MULTI", "+OK")]);
        node.expect(&[("SET a 2", "+QUEUED"), ("GET a", "+QUEUED")]);
        // What was read after the change is remembered.
        node.expect(&[("EXEC", &format!("*2 +OK $1 2 {a}"))]);
        assert_eq!(told(&mut node, other, &["SET a 3"]), invalid(&["a"]));
        // A script is answered in RESP2; its client is not.
        node.send("GET a");
        let script = ["EVAL", "redis.call('set', KEYS[1], 1) return 5", "1", "a"];
        assert_eq!(node.run(&script).replace("\r\n", " "), format!(":5 {a} "));
        let script = ["EVAL", "return redis.call('get', KEYS[1])", "1", "a"];
        node.run(&script);
        assert_eq!(told(&mut node, other, &["SET a 3"]), invalid(&["a"]));
        node.send("CLIENT TRACKING ON NOLOOP");
        node.expect(&[("GET a", "$1 3"), ("SET a 4", "+OK")]);
        assert_eq!(told(&mut node, other, &["SET a 5"]), "");
    }

    #[test]
    fn keys_that_go_by_themselves_are_told() {
        let (mut node, other) = tracking("ON");
        told(&mut node, other, &["SET a 1 PX 10", "SET b 1"]);
        node.send("MGET a b");
        node.advance_ms(20);
        assert_eq!(told(&mut node, other, &["GET a"]), invalid(&["a"]));
        // Its own read finds it gone, and is of the time after.
        told(&mut node, other, &["SET a 1 PX 10"]);
        node.send("GET a");
        node.advance_ms(20);
        node.expect(&[("GET a", "_ >2 $10 invalidate *1 $1 a")]);
        assert_eq!(told(&mut node, other, &["SET a 2"]), invalid(&["a"]));
    }

    #[test]
    fn reads_are_chosen_and_prefixes_told_together() {
        let (mut node, other) = tracking("ON OPTIN");
        node.send("GET a");
        assert_eq!(told(&mut node, other, &["SET a 1"]), "");
        node.expect(&[("CLIENT CACHING YES", "+OK"), ("GET a", "$1 1")]);
        node.send("GET b");
        assert_eq!(told(&mut node, other, &["MSET a 1 b 1"]), invalid(&["a"]));
        node.expect(&[("CLIENT TRACKING OFF", "+OK")]);
        node.expect(&[("CLIENT TRACKING ON BCAST PREFIX a PREFIX b", "+OK")]);
        let said = told(
            &mut node,
            other,
            &["MSET az 1 ay 1 c 1", "DEL az", "SET b1 1"],
        );
        assert_eq!(said, invalid(&["ay", "az"]) + &invalid(&["b1"]));
    }

    #[test]
    fn who_speaks_resp2_is_told_through_another_client_that_has_subscribed() {
        let mut node = TestNode::new();
        let (other, receiver) = (node.connect(), node.connect());
        let redirect = format!("CLIENT TRACKING ON REDIRECT {}", receiver.id());
        node.expect(&[(&redirect, "+OK")]);
        let read = |node: &mut TestNode| {
            node.send("GET a");
            told(node, other, &["SET a 1"]);
            let Some(client) = node.node.clients.get_mut(receiver) else {
                return String::new();
            };
            let ready = client.outbox.ready().to_vec();
            client.outbox.wrote(ready.len());
            String::from_utf8_lossy(&ready).replace("\r\n", " ")
        };
        assert_eq!(read(&mut node), "");
        let first = node.switch_to(receiver);
        node.send("SUBSCRIBE __redis__:invalidate");
        node.switch_to(first);
        let message = "*3 $7 message $20 __redis__:invalidate *1 $1 a ";
        assert_eq!(read(&mut node), message);
        node.node.clients.leave(receiver);
        assert_eq!(read(&mut node), "");
        let broken = "*6 $5 flags *2 $2 on $15 broken_redirect $8 redirect :3 $8 prefixes *0";
        node.expect(&[("CLIENT TRACKINGINFO", broken), ("CLIENT GETREDIR", ":3")]);
        assert!(node.send("CLIENT INFO").contains(" flags=tR "));
        node.session.protocol = Protocol::Resp3;
        node.send("GET a");
        let said = told(&mut node, other, &["SET a 1"]);
        assert_eq!(said, ">2 $21 tracking-redir-broken :3 ");
        node.expect(&[("RESET", "+RESET"), ("CLIENT GETREDIR", ":-1")]);
    }

    #[test]
    fn very_many_keys_are_remembered_in_pieces_and_within_the_bound() {
        let (mut node, other) = tracking("ON");
        node.send("CONFIG SET tracking-table-max-keys 1500");
        let names: Vec<String> = (0..3_000).map(|number| format!("k{number}")).collect();
        let mget: Vec<&str> = std::iter::once("MGET")
            .chain(names.iter().map(String::as_str))
            .collect();
        node.run(&mget);
        assert_eq!(node.node.tracking.keys(), 1_500);
        let mut mset = vec!["MSET"];
        names
            .iter()
            .for_each(|name| mset.extend([name.as_str(), "1"]));
        let first = node.switch_to(other);
        node.run(&mset);
        node.switch_to(first);
        // Each was told once: when it had to go, or when it changed.
        let ready =
            String::from_utf8_lossy(node.node.clients.at(first).outbox.ready()).into_owned();
        let own = node.node.clients.take_own_messages().concat();
        let told = ready.matches("invalidate").count();
        let before = String::from_utf8_lossy(&own).matches("invalidate").count();
        assert_eq!((told, before), (1_500, 0), "the rest went behind the reply");
        assert_eq!(node.node.tracking.keys(), 0);
    }
}
