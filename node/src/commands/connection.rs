//! Commands on the client's own connection: who it is, how it speaks, which database it looks at.
//! Pure.

use super::arguments::{integer_32, is_word};
use super::{Action, Call, Handler};
use crate::client_state::ClientState;
use crate::node_state::NodeState;
use crate::store::DbIndex;
use shared::command::CommandId;
use shared::resp::{ErrorReply, Protocol, greet};

/// The only user there is.
pub(super) const DEFAULT_USER: &[u8] = b"default";

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
    let args = call.args;
    let wanted = args.get(1).map(protocol).transpose()?;
    let mut index = 2;
    while let Some(option) = args.get(index) {
        let more = args.len() - index - 1;
        if is_word(option, "auth") && more >= 2 {
            call.client.secret_args |= 0b11 << (index + 1).min(62);
            let (user, password) = (args.at(index + 1), args.at(index + 2));
            log_in(call.node, call.client, user, password)?;
            index += 3;
        } else if is_word(option, "setname") && more >= 1 {
            set_name(call.client, args.at(index + 1))?;
            index += 2;
        } else {
            return Err(ErrorReply::hello_option(option));
        }
    }
    if !call.client.authenticated {
        return Err(ErrorReply::HelloNoAuth);
    }
    if let Some(protocol) = wanted {
        call.client.protocol = protocol;
        call.reply.set_protocol(protocol);
    }
    let (protocol, id) = (call.client.protocol, call.client.id);
    greet(&mut call.reply, protocol, id, "standalone");
    Ok(Action::Continue)
}

fn protocol(version: &[u8]) -> Result<Protocol, ErrorReply> {
    match crate::store::canonical_integer(version) {
        Some(2) => Ok(Protocol::Resp2),
        Some(3) => Ok(Protocol::Resp3),
        Some(_) => Err(ErrorReply::NoProtocol),
        None => Err(ErrorReply::ProtocolNotInteger),
    }
}

/// AUTH \[user\] password
fn auth(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let args = call.args;
    call.client.secret_args |= 0b110;
    let (user, password) = match args.len() {
        2 if !call.node.needs_password() => return Err(ErrorReply::NoPasswordSet),
        2 => (DEFAULT_USER, args.at(1)),
        3 => (args.at(1), args.at(2)),
        _ => return Err(ErrorReply::Syntax),
    };
    log_in(call.node, call.client, user, password)?;
    call.reply.ok();
    Ok(Action::Continue)
}

/// Where no password is set, the default user's is any.
fn log_in(
    node: &NodeState,
    client: &mut ClientState,
    user: &[u8],
    password: &[u8],
) -> Result<(), ErrorReply> {
    let right = !node.needs_password() || node.settings.hot.password.matches(password);
    if user != DEFAULT_USER || !right {
        return Err(ErrorReply::WrongPassword);
    }
    client.authenticated = true;
    Ok(())
}

/// Names are printable ASCII without blanks; an empty one takes the name away.
pub(super) fn set_name(client: &mut ClientState, name: &[u8]) -> Result<(), ErrorReply> {
    if !name.iter().all(u8::is_ascii_graphic) {
        return Err(ErrorReply::ClientName);
    }
    client.name = name.to_vec();
    Ok(())
}

/// SELECT index
fn select(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    call.client.db = database(call, integer_32(call.args.at(1))?)?;
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
    call.client.reset(call.node.needs_password());
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
