//! CLIENT: what is known of the connections, and what may be done to them.
//! Pure: a client that is killed is only named here; the shell cuts it after the batch.

mod describe;
mod kill;

use super::arguments::{integer, is_word};
use super::connection::{checked_name, name_too_long};
use super::{Action, Call, Handler};
use crate::client::{Client, MOST_NAME_BYTES, Replies, Session};
use crate::node_state::PauseKind;
use describe::describe;
use shared::command::CommandId;
use shared::resp::{ErrorReply, on_or_off};

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
        CommandId::ClientHelp => super::help,
        _ => return None,
    })
}

/// What kind of client is meant by `TYPE …`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientType {
    /// All that are connected here today.
    Normal,
    /// Followers, primaries, subscribers: there are none yet.
    Other,
}

impl ClientType {
    fn parse(word: &[u8]) -> Result<Self, ErrorReply> {
        if is_word(word, "normal") {
            return Ok(Self::Normal);
        }
        let other = ["slave", "replica", "master", "pubsub"];
        if other.iter().any(|name| is_word(word, name)) {
            return Ok(Self::Other);
        }
        Err(ErrorReply::unknown_client_type(word))
    }
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
        describe(&mut text, client, call.session, call.now_ms);
    }
    call.reply.verbatim("txt", text.as_bytes());
    Ok(Action::Continue)
}

/// Numbers of one CLIENT LIST ID: several times as many as clients can be connected, and looked through in a few milliseconds.
const MOST_IDS: usize = 64 * 1024;

/// CLIENT LIST \[TYPE type\] | \[ID id …\]
fn list(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let args = call.args;
    let mut wanted_type = ClientType::Normal;
    let mut wanted_ids = None;
    match args.get(2) {
        None => {}
        Some(option) if is_word(option, "type") && args.len() == 4 => {
            wanted_type = ClientType::parse(args.at(3))?;
        }
        Some(option) if is_word(option, "id") && args.len() > 3 => {
            if args.len() - 3 > MOST_IDS {
                return Err(ErrorReply::TooManyNames);
            }
            let ids: Result<Vec<i64>, ErrorReply> = args
                .iter_from(3)
                .map(|id| integer(id).map_err(|_| ErrorReply::InvalidClientId))
                .collect();
            let mut ids = ids?;
            ids.sort_unstable();
            wanted_ids = Some(ids);
        }
        Some(_) => return Err(ErrorReply::Syntax),
    }
    let is_asked_for = |client: &Client| {
        let id = i64::try_from(client.identity.id).unwrap_or(i64::MAX);
        let is_wanted = |ids: &Vec<i64>| ids.binary_search(&id).is_ok();
        wanted_type == ClientType::Normal && wanted_ids.as_ref().is_none_or(is_wanted)
    };
    let mut clients: Vec<(&Client, &Session)> = call
        .node
        .clients
        .with_sessions(call.session)
        .filter(|(client, _)| is_asked_for(client))
        .collect();
    clients.sort_unstable_by_key(|(client, _)| client.identity.id);
    let mut text = String::new();
    for (client, session) in clients {
        describe(&mut text, client, session, call.now_ms);
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
    call.session.name = checked_name(call.args.at(2))?.to_vec();
    call.reply.ok();
    Ok(Action::Continue)
}

/// CLIENT SETINFO LIB-NAME name | LIB-VER version
fn set_info(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (attribute, value) = (call.args.at(2), call.args.at(3));
    let (word, place) = if is_word(attribute, "lib-name") {
        ("lib-name", &mut call.session.library_name)
    } else if is_word(attribute, "lib-ver") {
        ("lib-ver", &mut call.session.library_version)
    } else {
        return Err(ErrorReply::unrecognized_option(attribute));
    };
    if !value.iter().all(u8::is_ascii_graphic) {
        return Err(ErrorReply::Text(
            format!("ERR {word} cannot contain spaces, newlines or special characters.").into(),
        ));
    }
    if value.len() > MOST_NAME_BYTES {
        return Err(name_too_long(word));
    }
    *place = value.to_vec();
    call.reply.ok();
    Ok(Action::Continue)
}

/// CLIENT REPLY ON | OFF | SKIP
fn reply(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let word = call.args.at(2);
    if is_word(word, "on") {
        call.session.replies = Replies::On;
        call.reply.ok();
    } else if is_word(word, "off") {
        call.session.replies = Replies::Off;
    } else if !is_word(word, "skip") {
        return Err(ErrorReply::Syntax);
    } else if call.session.replies != Replies::Off {
        call.session.replies = Replies::SkipNext;
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
    let kind = match call.args.get(3) {
        None => PauseKind::All,
        Some(_) if call.args.len() > 4 => {
            let word = call.args.at(1);
            return Err(ErrorReply::unknown_subcommand_or_arity("CLIENT", word));
        }
        Some(word) if is_word(word, "write") => PauseKind::Write,
        Some(word) if is_word(word, "all") => PauseKind::All,
        Some(_) => return Err(ErrorReply::PauseMode),
    };
    let duration_ms = integer(call.args.at(2)).map_err(|_| ErrorReply::TimeoutNotInteger)?;
    let duration_ms = u64::try_from(duration_ms).map_err(|_| ErrorReply::TimeoutNegative)?;
    let until_ms = call.now_ms.saturating_add(duration_ms);
    call.node.pause.begin(kind, until_ms, call.now_ms);
    let until_ms = call.node.pause.until_ms();
    call.store.keep_expired_until(until_ms);
    call.reply.ok();
    Ok(Action::Continue)
}

/// CLIENT UNPAUSE
fn unpause(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    call.node.pause.end();
    call.store.keep_expired_until(0);
    call.reply.ok();
    Ok(Action::Continue)
}

/// CLIENT UNBLOCK id \[TIMEOUT | ERROR\]
fn unblock(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    match call.args.get(3) {
        None => {}
        Some(_) if call.args.len() > 4 => {
            let word = call.args.at(1);
            return Err(ErrorReply::unknown_subcommand_or_arity("CLIENT", word));
        }
        Some(word) if is_word(word, "timeout") || is_word(word, "error") => {}
        Some(_) => return Err(ErrorReply::UnblockReason),
    }
    integer(call.args.at(2))?;
    // No command blocks its client yet, so nobody is.
    call.reply.integer(0);
    Ok(Action::Continue)
}

#[cfg(test)]
mod tests {
    use super::super::testing::TestNode;

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
    }

    #[test]
    fn a_pause_holds_writes_or_everything() {
        let mut node = TestNode::new();
        assert_eq!(node.send("CLIENT PAUSE 100 WRITE"), "+OK\r\n");
        assert_eq!(node.send("SET a b"), "");
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
        let (longest, longer) = ("n".repeat(1_024), "n".repeat(1_025));
        node.send("CONFIG SET slowlog-log-slower-than 0");
        for (set, names) in [
            ("CLIENT SETNAME", "Client names"),
            ("CLIENT SETINFO LIB-NAME", "lib-name"),
            ("CLIENT SETINFO lib-ver", "lib-ver"),
            ("HELLO 2 SETNAME", "Client names"),
        ] {
            let refused = format!("-ERR {names} have at most 1024 bytes.\r\n");
            assert_eq!(node.send(&format!("{set} {longer}")), refused);
            assert!(
                !node.send(&format!("{set} {longest}")).starts_with('-'),
                "{set}"
            );
        }
        assert_eq!(memory(&mut node), before + 3 * 1_024);
        let log = node.send("SLOWLOG GET 1");
        assert!(
            !log.contains(&longest) && log.contains("... (896 more bytes)"),
            "{log}"
        );
    }

    #[test]
    fn a_list_looks_for_a_bounded_number_of_clients() {
        let mut node = TestNode::new();
        let list = |count: usize| format!("CLIENT LIST ID{} 1", " 7".repeat(count - 1));
        assert!(node.send(&list(64 * 1024)).contains("id=1 "));
        let refused = "-ERR too many names in one request, ask for fewer at a time\r\n";
        assert_eq!(node.send(&list(64 * 1024 + 1)), refused);
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
