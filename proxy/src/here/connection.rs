//! PING, ECHO, HELLO, AUTH, SELECT, QUIT, RESET and the few others that need nothing but the connection.
//! Pure. Texts and order of checks as in Redis 7.0.

use shared::command::{self, CommandId, CommandSpec};
use shared::config::ProxyConfig;
use shared::resp::{Args, ErrorReply, Protocol, ReplyWriter, greet, is_word, parse_integer};

use super::{After, Desk, presentation};
use crate::client::ClientState;

/// The only user there is.
pub(super) const DEFAULT_USER: &[u8] = b"default";

pub(super) fn answer(
    spec: &CommandSpec,
    args: Args<'_>,
    desk: &Desk<'_>,
    state: &mut ClientState,
    reply: &mut ReplyWriter<'_>,
) -> Result<After, ErrorReply> {
    match spec.id {
        CommandId::Ping => match args.len() {
            1 => reply.simple("PONG"),
            2 => reply.bulk(args.at(1)),
            _ => return Err(ErrorReply::Arity(spec.name.into())),
        },
        CommandId::Echo => reply.bulk(args.at(1)),
        CommandId::Hello => return hello(args, desk, state, reply),
        CommandId::Auth => return auth(args, desk.config, state, reply),
        CommandId::Select => {
            let number = integer(args.at(1))?;
            let number = i32::try_from(number).map_err(|_| ErrorReply::NotInteger32)?;
            let database = u8::try_from(number)
                .ok()
                .filter(|number| *number < desk.config.databases);
            state.database = database.ok_or(ErrorReply::DbIndexOutOfRange)?.into();
            reply.ok();
            return Ok(After::Moved);
        }
        CommandId::Quit => {
            reply.ok();
            return Ok(After::Close);
        }
        CommandId::Reset => {
            state.reset(!desk.config.requirepass.is_empty());
            reply.set_protocol(state.protocol);
            reply.simple("RESET");
            return Ok(After::Moved);
        }
        _ => return Err(command::unknown_command(args)),
    }
    Ok(After::Done)
}

/// A 64-bit integer in its canonical form.
pub(super) fn integer(argument: &[u8]) -> Result<i64, ErrorReply> {
    parse_integer(argument).ok_or(ErrorReply::NotInteger)
}

/// HELLO \[version \[AUTH user password\] \[SETNAME name\]\]
fn hello(
    args: Args<'_>,
    desk: &Desk<'_>,
    state: &mut ClientState,
    reply: &mut ReplyWriter<'_>,
) -> Result<After, ErrorReply> {
    let wanted = args.get(1).map(protocol).transpose()?;
    let mut index = 2;
    while let Some(option) = args.get(index) {
        let more = args.len() - index - 1;
        if is_word(option, "auth") && more >= 2 {
            log_in(desk.config, state, args.at(index + 1), args.at(index + 2))?;
            index += 3;
        } else if is_word(option, "setname") && more >= 1 {
            set_name(state, args.at(index + 1))?;
            index += 2;
        } else {
            return Err(ErrorReply::hello_option(option));
        }
    }
    if !state.is_authenticated {
        return Err(ErrorReply::HelloNoAuth);
    }
    if let Some(protocol) = wanted {
        state.protocol = protocol;
        reply.set_protocol(protocol);
    }
    let mode = presentation::mode(desk.config.present_as);
    greet(reply, state.protocol, state.id, mode);
    Ok(After::Moved)
}

fn protocol(version: &[u8]) -> Result<Protocol, ErrorReply> {
    match parse_integer(version) {
        Some(2) => Ok(Protocol::Resp2),
        Some(3) => Ok(Protocol::Resp3),
        Some(_) => Err(ErrorReply::NoProtocol),
        None => Err(ErrorReply::ProtocolNotInteger),
    }
}

/// AUTH \[user\] password
fn auth(
    args: Args<'_>,
    config: &ProxyConfig,
    state: &mut ClientState,
    reply: &mut ReplyWriter<'_>,
) -> Result<After, ErrorReply> {
    let (user, password) = match args.len() {
        2 if config.requirepass.is_empty() => return Err(ErrorReply::NoPasswordSet),
        2 => (DEFAULT_USER, args.at(1)),
        3 => (args.at(1), args.at(2)),
        _ => return Err(ErrorReply::Syntax),
    };
    log_in(config, state, user, password)?;
    reply.ok();
    Ok(After::Moved)
}

/// Where no password is set, the default user's is any.
fn log_in(
    config: &ProxyConfig,
    state: &mut ClientState,
    user: &[u8],
    password: &[u8],
) -> Result<(), ErrorReply> {
    let is_right = config.requirepass.is_empty() || config.requirepass.matches(password);
    if user != DEFAULT_USER || !is_right {
        return Err(ErrorReply::WrongPassword);
    }
    state.is_authenticated = true;
    Ok(())
}

/// Names are printable ASCII without blanks; an empty one takes the name away.
pub(super) fn set_name(state: &mut ClientState, name: &[u8]) -> Result<(), ErrorReply> {
    if !name.iter().all(u8::is_ascii_graphic) {
        return Err(ErrorReply::ClientName);
    }
    state.name = name.into();
    Ok(())
}
