//! CLIENT: what is known of the connections, and what may be done to them.
//! Pure: a client that is killed is only named here; the shell cuts it after the batch.

mod describe;
mod kill;
mod tracking;

use super::{Action, Call, Handler, Release, release};
use crate::client::{Client, CopiesWait, Listed, Session};
pub(super) use describe::describe;
use shared::command::CommandId;
use shared::resp::{ErrorReply, on_or_off};
use shared::session::{ClientName, LibraryFact, ListFilter, Pause, ReplyWish, Unblock};
pub(crate) use tracking::stop_tracking;

/// The handler of a command of this group.
pub(super) fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::ClientId => id_of,
        CommandId::ClientInfo => info,
        CommandId::ClientList => list,
        CommandId::ClientGetname => get_name,
        CommandId::ClientSetname => set_own_name,
        CommandId::ClientSetinfo => set_info,
        CommandId::ClientKill => kill::kill,
        CommandId::ClientReply => reply,
        CommandId::ClientNoEvict => no_evict,
        CommandId::ClientNoTouch => no_touch,
        CommandId::ClientPause => pause,
        CommandId::ClientUnpause => unpause,
        CommandId::ClientUnblock => unblock,
        CommandId::ClientTracking => tracking::track,
        CommandId::ClientTrackinginfo => tracking::info,
        CommandId::ClientGetredir => tracking::redirection,
        CommandId::ClientCaching => tracking::choose,
        CommandId::ClientHelp => super::help,
        _ => return None,
    })
}

/// CLIENT ID
fn id_of(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let id = i64::try_from(call.identity.id).unwrap_or(i64::MAX);
    call.reply.integer(id);
    Ok(Action::Continue)
}

/// CLIENT INFO
fn info(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let mut text = String::new();
    let id = call.identity.id;
    if let Some(client) = call
        .node
        .clients
        .iter()
        .find(|client| client.identity.id == id)
    {
        describe(
            &mut text,
            client,
            call.session,
            &call.node.tracking,
            call.now_ms,
        );
    }
    call.reply.verbatim("txt", text.as_bytes());
    Ok(Action::Continue)
}

/// CLIENT LIST \[TYPE type\] | \[ID id …\]
fn list(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let filter = ListFilter::read(call.args)?;
    let all = call.node.clients.with_sessions(call.session);
    let mut clients: Vec<(&Client, &Session)> = all
        .filter(|(client, session)| {
            filter.accepts(&Listed {
                identity: &client.identity,
                is_follower: client.traffic.is_follower(),
                session,
            })
        })
        .collect();
    clients.sort_unstable_by_key(|(client, _)| client.identity.id);
    let mut text = String::new();
    for (client, session) in clients {
        describe(&mut text, client, session, &call.node.tracking, call.now_ms);
    }
    call.reply.verbatim("txt", text.as_bytes());
    Ok(Action::Continue)
}

/// CLIENT GETNAME
fn get_name(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.session.name.is_empty() {
        call.reply.null();
    } else {
        call.reply.bulk(&call.session.name);
    }
    Ok(Action::Continue)
}

/// CLIENT SETNAME name
fn set_own_name(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    call.session.name = ClientName::read(call.args.at(2))?.as_bytes().to_vec();
    call.reply.ok();
    Ok(Action::Continue)
}

/// CLIENT SETINFO LIB-NAME name | LIB-VER version
fn set_info(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    match LibraryFact::read(call.args)? {
        LibraryFact::Name(name) => call.session.library_name = name.as_bytes().to_vec(),
        LibraryFact::Version(version) => call.session.library_version = version.as_bytes().to_vec(),
    }
    call.reply.ok();
    Ok(Action::Continue)
}

/// CLIENT REPLY ON | OFF | SKIP
fn reply(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let wish = ReplyWish::read(call.args)?;
    call.session.replies.choose(wish);
    if wish == ReplyWish::On {
        call.reply.ok();
    }
    Ok(Action::Continue)
}

/// CLIENT NO-EVICT ON | OFF
fn no_evict(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    call.session.no_evict = on_or_off(call.args.at(2))?;
    call.reply.ok();
    Ok(Action::Continue)
}

/// CLIENT NO-TOUCH ON | OFF
fn no_touch(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    call.session.no_touch = on_or_off(call.args.at(2))?;
    call.reply.ok();
    Ok(Action::Continue)
}

/// CLIENT PAUSE milliseconds \[WRITE | ALL\]
fn pause(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let pause = Pause::read(call.args)?;
    let until_ms = call.now_ms.saturating_add(pause.for_ms);
    call.node.pause.begin(pause.kind, until_ms, call.now_ms);
    call.store.keep_all_until(call.node.keeps_all_until_ms());
    call.reply.ok();
    Ok(Action::Continue)
}

/// CLIENT UNPAUSE
fn unpause(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    call.node.pause.end();
    call.store.keep_all_until(call.node.keeps_all_until_ms());
    call.reply.ok();
    Ok(Action::Continue)
}

/// CLIENT UNBLOCK id \[TIMEOUT | ERROR\]
fn unblock(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let unblock = Unblock::read(call.args)?;
    let (why, how) = match unblock.with_error {
        true => (Release::Forced, CopiesWait::Forced),
        false => (Release::TimeIsOver, CopiesWait::IsOver),
    };
    let id = u64::try_from(unblock.id).ok();
    let client = id.and_then(|id| call.node.clients.key_of(id));
    let has_waited = client.is_some_and(|client| {
        release(call.store, call.node, client, why)
            || call.node.clients.end_copies_wait(client, how)
    });
    call.reply.integer(has_waited.into());
    Ok(Action::Continue)
}

#[cfg(test)]
mod tests {
    use super::super::testing::TestNode;
    use shared::session::LONGEST_NAME_BYTES;

    #[test]
    fn replies_are_left_out_as_the_client_wishes() {
        let mut node = TestNode::new();
        assert_eq!(node.send("CLIENT REPLY SKIP"), "");
        assert_eq!(node.send("PING"), "");
        assert_eq!(node.send("PING"), "+PONG\r\n");
        assert_eq!(node.send("CLIENT REPLY OFF"), "");
        assert_eq!(node.send("PING"), "");
        assert_eq!(node.send("CLIENT REPLY SKIP"), "");
        assert_eq!(node.send("ZORK"), "");
        assert_eq!(node.send("CLIENT REPLY ON"), "+OK\r\n");
        assert_eq!(node.send("CLIENT REPLY ZORK"), "-ERR syntax error\r\n");
        // Who said OFF is told that it is heard again; who said SKIP has said that it is not to be told.
        assert_eq!(node.send("CLIENT REPLY OFF"), "");
        assert_eq!(node.send("RESET"), "+RESET\r\n");
        assert_eq!(node.send("CLIENT REPLY SKIP"), "");
        assert_eq!(node.send("RESET"), "");
        assert_eq!(node.send("PING"), "+PONG\r\n");
    }

    #[test]
    fn a_pause_holds_writes_or_everything() {
        let mut node = TestNode::new();
        assert_eq!(node.send("CLIENT PAUSE 100 WRITE"), "+OK\r\n");
        assert_eq!(node.send("SET a b"), "");
        // It may keep what it has counted.
        assert_eq!(node.send("PFCOUNT a"), "");
        assert_eq!(node.send("PING"), "+PONG\r\n");
        assert_eq!(node.send("CLIENT UNPAUSE"), "+OK\r\n");
        assert_eq!(node.send("SET a b"), "+OK\r\n");
        assert_eq!(node.send("CLIENT PAUSE 100"), "+OK\r\n");
        assert_eq!(node.send("PING"), "");
        node.advance_ms(100);
        assert_eq!(node.send("PING"), "+PONG\r\n");
    }

    #[test]
    fn expired_keys_stay_unseen_while_clients_are_paused() {
        let mut node = TestNode::new();
        node.expect(&[("SET a 1 PX 10", "+OK"), ("CLIENT PAUSE 1000 WRITE", "+OK")]);
        node.advance_ms(500);
        node.expect(&[("GET a", "$-1"), ("EXISTS a", ":0"), ("DBSIZE", ":1")]);
        node.advance_ms(500);
        node.expect(&[("GET a", "$-1"), ("DBSIZE", ":0")]);
        node.expect(&[("SET a 1 PX 10", "+OK"), ("CLIENT PAUSE 1000 WRITE", "+OK")]);
        node.advance_ms(500);
        node.expect(&[
            ("CLIENT UNPAUSE", "+OK"),
            ("GET a", "$-1"),
            ("DBSIZE", ":0"),
        ]);
    }

    #[test]
    fn names_are_bounded_counted_and_shortened_in_the_slow_log() {
        let mut node = TestNode::new();
        let memory = |node: &mut TestNode| -> usize {
            let line = node.send("CLIENT INFO");
            let bytes = line
                .split(' ')
                .find_map(|word| word.strip_prefix("tot-mem="));
            bytes.and_then(|bytes| bytes.parse().ok()).expect("told")
        };
        let before = memory(&mut node);
        let (longest, longer) = ("n".repeat(LONGEST_NAME_BYTES), "n".repeat(513));
        node.send("CONFIG SET slowlog-log-slower-than 0");
        for set in [
            "CLIENT SETNAME",
            "CLIENT SETINFO LIB-NAME",
            "CLIENT SETINFO lib-ver",
            "HELLO 2 SETNAME",
        ] {
            let refused = node.send(&format!("{set} {longer}"));
            assert!(refused.starts_with("-ERR names of clients"), "{refused}");
            assert!(
                !node.send(&format!("{set} {longest}")).starts_with('-'),
                "{set}"
            );
        }
        assert_eq!(memory(&mut node), before + 3 * LONGEST_NAME_BYTES);
        let log = node.send("SLOWLOG GET 1");
        assert!(
            !log.contains(&longest) && log.contains("... (384 more bytes)"),
            "{log}"
        );
    }

    #[test]
    fn a_list_looks_for_a_bounded_number_of_clients() {
        let mut node = TestNode::new();
        let list = |count: usize| format!("CLIENT LIST ID{} 1", " 7".repeat(count - 1));
        assert!(node.send(&list(16 * 1024)).contains("id=1 "));
        let refused = "-ERR too many names in one request, ask for fewer at a time\r\n";
        assert_eq!(node.send(&list(16 * 1024 + 1)), refused);
        assert_eq!(
            node.send("CLIENT LIST ID 1 x"),
            "-ERR Invalid client ID\r\n"
        );
    }

    #[test]
    fn lists_can_be_narrowed() {
        let mut node = TestNode::new();
        let all = node.send("CLIENT LIST");
        assert!(all.contains("id=1 addr="), "{all}");
        assert!(
            all.contains(" cmd=client|list user=default redir=-1 resp=2 "),
            "{all}"
        );
        assert_eq!(node.send("CLIENT LIST TYPE pubsub"), "$0\r\n\r\n");
        assert_eq!(node.send("CLIENT LIST ID 2 3"), "$0\r\n\r\n");
        assert!(node.send("CLIENT LIST ID 2 1").contains("id=1 "));
        assert_eq!(node.send("CLIENT LIST ID"), "-ERR syntax error\r\n");
        assert_eq!(
            node.send("CLIENT LIST TYPE zork"),
            "-ERR Unknown client type 'zork'\r\n"
        );
    }
}
