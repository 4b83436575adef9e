//! Commands on the client's own connection: who it is, how it speaks, which database it looks at.
//! Pure.

use super::{Action, Call, Handler};
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
fn hello(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    call.client.secret_args |= session::secret_args(call.spec.id, call.args);
    let hello = Hello::read(call.args, call.node.access(), call.client.authenticated)?;
    call.client.authenticated |= hello.logs_in;
    if let Some(name) = hello.name {
        call.client.name = name.as_bytes().to_vec();
    }
    if let Some(protocol) = hello.protocol {
        call.client.protocol = protocol;
        call.reply.set_protocol(protocol);
    }
    greet(&mut call.reply, call.client.protocol, call.client.id);
    Ok(Action::Continue)
}

/// AUTH \[user\] password
fn auth(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    call.client.secret_args |= session::secret_args(call.spec.id, call.args);
    session::read_auth(call.args, call.node.access())?;
    call.client.authenticated = true;
    call.reply.ok();
    Ok(Action::Continue)
}

/// SELECT index
fn select(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    call.client.db = DbIndex(session::read_database(call.args, call.store.databases())?);
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
    call.client.reset(call.node.access().needs_password());
    call.reply.set_protocol(call.client.protocol);
    call.reply.simple("RESET");
    Ok(Action::Continue)
}

#[cfg(test)]
mod tests {
    use super::super::testing::TestNode;
    use crate::execute::BatchEnd;

    fn check(node: &mut TestNode, line: &str, reply: &str) {
        assert_eq!(node.send(line), reply, "{line}");
    }

    #[test]
    fn a_password_locks_everything_but_auth_hello_quit_and_reset() {
        let mut node = TestNode::new();
        node.node.settings.preset("requirepass", "secret");
        node.client.authenticated = false;
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
        assert_eq!(node.end, BatchEnd::Close);
    }

    #[test]
    fn a_hello_that_is_refused_changes_nothing() {
        let mut node = TestNode::new();
        node.node.settings.preset("requirepass", "pw");
        node.client.authenticated = false;
        for line in [
            "HELLO 3 AUTH default pw BAD",
            "HELLO 3 AUTH default pw SETNAME",
            "HELLO 3 AUTH default pw SETNAME me BAD",
        ] {
            assert!(node.send(line).starts_with("-ERR Syntax error in HELLO"));
            assert!(!node.client.authenticated, "{line}");
            assert_eq!(node.client.name, b"", "{line}");
        }
        check(&mut node, "PING", "-NOAUTH Authentication required.\r\n");
    }

    #[test]
    fn names_are_bounded() {
        let mut node = TestNode::new();
        let long = "x".repeat(shared::session::LONGEST_NAME_BYTES + 1);
        for line in [
            format!("CLIENT SETNAME {long}"),
            format!("HELLO 2 SETNAME {long}"),
            format!("CLIENT SETINFO LIB-NAME {long}"),
            format!("CLIENT SETINFO LIB-VER {long}"),
        ] {
            let reply = node.send(&line);
            assert!(reply.starts_with("-ERR names of clients"), "{reply}");
        }
        check(&mut node, "CLIENT GETNAME", "$-1\r\n");
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
        assert_eq!(node.client.db.0, 15);
        check(&mut node, "SELECT 16", "-ERR DB index is out of range\r\n");
        check(&mut node, "SELECT -1", "-ERR DB index is out of range\r\n");
        check(
            &mut node,
            "SELECT x",
            "-ERR value is not an integer or out of range\r\n",
        );
    }
}
