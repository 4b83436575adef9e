//! Commands on the client's own connection: who it is, how it speaks, which database it looks at.
//! Pure.

use super::{
    Action, Call, Handler, access, forget_transaction, forget_watched, pubsub, stop_tracking,
};
use crate::store::DbIndex;
use shared::command::CommandId;
use shared::resp::{ErrorReply, greet};
use shared::session::{self, Hello};

/// The handler of a command of this group.
pub(super) fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Ping => ping,
        CommandId::Echo => echo,
        CommandId::Hello => hello,
        CommandId::Auth => auth,
        CommandId::Select => select,
        CommandId::Quit => quit,
        CommandId::Reset => reset,
        _ => return None,
    })
}

/// PING \[message\]
fn ping(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.session.is_only_subscriber() && call.args.len() <= 2 {
        // As a message, for whoever reads nothing else.
        call.reply.array(2);
        call.reply.bulk(b"pong");
        call.reply.bulk(call.args.get(1).unwrap_or_default());
        return Ok(Action::Continue);
    }
    match call.args.len() {
        1 => call.reply.simple("PONG"),
        2 => call.reply.bulk(call.args.at(1)),
        _ => return Err(ErrorReply::Arity(call.spec.name.into())),
    }
    Ok(Action::Continue)
}

/// ECHO message
fn echo(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    call.reply.bulk(call.args.at(1));
    Ok(Action::Continue)
}

/// HELLO \[version \[AUTH user password\] \[SETNAME name\]\]
///
/// Nothing takes effect unless all of it is right.
fn hello(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    call.session.secret_args |= session::secret_args(call.spec.id, call.args);
    let is_logged_in = call.session.login.is_authenticated();
    let hello = Hello::read(call.args, &call.node.access.users, is_logged_in);
    let hello = hello.map_err(|refused| access::refused(call, refused))?;
    if let Some(user) = hello.user {
        call.session.login.log_in(user);
    }
    if let Some(name) = hello.name {
        call.session.name = name.as_bytes().to_vec();
    }
    if let Some(protocol) = hello.protocol {
        call.session.protocol = protocol;
        call.reply.set_protocol(protocol);
    }
    let (protocol, id) = (call.session.protocol, call.identity.id);
    greet(&mut call.reply, protocol, id, "standalone");
    Ok(Action::NewLimits)
}

/// AUTH \[user\] password
fn auth(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    call.session.secret_args |= session::secret_args(call.spec.id, call.args);
    let user = session::read_auth(call.args, &call.node.access.users);
    let user = user.map_err(|refused| access::refused(call, refused))?;
    call.session.login.log_in(user);
    call.reply.ok();
    Ok(Action::NewLimits)
}

/// SELECT index
fn select(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    call.session.db = DbIndex(session::read_database(call.args, call.store.databases())?);
    call.reply.ok();
    Ok(Action::Continue)
}

/// The database of that number, if there is one.
pub(super) fn database(call: &Call<'_>, number: i32) -> Result<DbIndex, ErrorReply> {
    u8::try_from(number)
        .ok()
        .filter(|number| *number < call.store.databases())
        .map(DbIndex)
        .ok_or(ErrorReply::DbIndexOutOfRange)
}

/// QUIT
fn quit(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    call.reply.ok();
    Ok(Action::Close)
}

/// RESET
fn reset(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if pubsub::unsubscribe_all(call) {
        return Ok(Action::GoOn);
    }
    forget_transaction(call.node, call.session);
    forget_watched(call.store, call.node, call.session, call.identity.id);
    if call.session.is_monitor
        && let Some(client) = call.node.clients.key_of(call.identity.id)
    {
        call.node.stop_monitoring(client);
    }
    stop_tracking(call.store, call.node, call.identity.id);
    call.session.reset(&call.node.access.users);
    call.reply.set_protocol(call.session.protocol);
    call.reply.simple("RESET");
    Ok(Action::NewLimits)
}

#[cfg(test)]
mod tests {
    use super::super::testing::TestNode;
    use crate::execute::Stop;

    fn check(node: &mut TestNode, line: &str, reply: &str) {
        assert_eq!(node.send(line), reply, "{line}");
    }

    #[test]
    fn a_password_locks_everything_but_auth_hello_quit_and_reset() {
        let mut node = TestNode::new();
        node.require("secret");
        let locked = "-NOAUTH Authentication required.\r\n";
        let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
        check(&mut node, "PING", locked);
        check(&mut node, "AUTH zork", wrong);
        check(&mut node, "AUTH zork secret", wrong);
        assert!(
            node.send("HELLO 3")
                .starts_with("-NOAUTH HELLO must be called")
        );
        check(&mut node, "AUTH secret", "+OK\r\n");
        check(&mut node, "PING", "+PONG\r\n");
        check(&mut node, "RESET", "+RESET\r\n");
        check(&mut node, "PING", locked);
        assert!(
            node.send("HELLO 3 AUTH default secret SETNAME me")
                .starts_with("%7\r\n")
        );
        check(&mut node, "CLIENT GETNAME", "$2\r\nme\r\n");
        check(&mut node, "QUIT", "+OK\r\n");
        assert_eq!(node.stop, Stop::Close);
    }

    #[test]
    fn a_hello_takes_effect_as_a_whole_or_not_at_all() {
        let mut node = TestNode::new();
        node.require("pw");
        for (line, start) in [
            (
                "HELLO 3 AUTH default pw BAD",
                "-ERR Syntax error in HELLO option 'BAD'",
            ),
            (
                "HELLO 3 AUTH default pw SETNAME a\nb",
                "-ERR Client names cannot",
            ),
            ("HELLO 3 SETNAME me AUTH default wrong", "-WRONGPASS "),
            ("HELLO 9 AUTH default pw", "-NOPROTO "),
        ] {
            let reply = node.send(line);
            assert!(reply.starts_with(start), "{line}: {reply}");
            check(&mut node, "PING", "-NOAUTH Authentication required.\r\n");
        }
        assert!(node.session.name.is_empty());
        assert_eq!(node.session.protocol, shared::resp::Protocol::Resp2);
        assert!(
            node.send("HELLO 3 SETNAME me AUTH default pw")
                .starts_with('%')
        );
        check(&mut node, "CLIENT GETNAME", "$2\r\nme\r\n");
    }

    #[test]
    fn hello_says_what_is_wrong_with_it() {
        let mut node = TestNode::new();
        check(
            &mut node,
            "HELLO 4",
            "-NOPROTO unsupported protocol version\r\n",
        );
        check(
            &mut node,
            "HELLO x",
            "-ERR Protocol version is not an integer or out of range\r\n",
        );
        check(
            &mut node,
            "HELLO 3 SETNAME",
            "-ERR Syntax error in HELLO option 'SETNAME'\r\n",
        );
        assert!(node.send("HELLO").starts_with("*14\r\n"));
        assert!(node.send("HELLO 3").contains("$5\r\nproto\r\n:3\r\n"));
    }

    #[test]
    fn select_takes_what_is_there() {
        let mut node = TestNode::new();
        check(&mut node, "SELECT 15", "+OK\r\n");
        assert_eq!(node.session.db.0, 15);
        check(&mut node, "SELECT 16", "-ERR DB index is out of range\r\n");
        check(&mut node, "SELECT -1", "-ERR DB index is out of range\r\n");
        check(
            &mut node,
            "SELECT x",
            "-ERR value is not an integer or out of range\r\n",
        );
    }
}
