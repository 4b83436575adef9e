//! PING, ECHO, HELLO, AUTH, SELECT, QUIT, RESET and the few others that need nothing but the connection.
//! Pure. Texts and order of checks as in Redis 7.0.

use shared::command::{self, CommandId, CommandSpec};
use shared::resp::{Args, ErrorReply, ReplyWriter, greet};
use shared::session::{self, Hello};

use super::{After, Desk, access, presentation};
use crate::client::ClientState;

pub(super) fn answer(
    spec: &CommandSpec,
    args: Args<'_>,
    desk: &Desk<'_>,
    state: &mut ClientState,
    reply: &mut ReplyWriter<'_>,
) -> Result<After, ErrorReply> {
    match spec.id {
        CommandId::Ping => match args.len() {
            1 | 2 if state.is_only_subscriber() => {
                reply.array(2);
                reply.bulk(b"pong");
                reply.bulk(args.get(1).unwrap_or_default());
            }
            1 => reply.simple("PONG"),
            2 => reply.bulk(args.at(1)),
            _ => return Err(ErrorReply::Arity(spec.name.into())),
        },
        CommandId::Echo => reply.bulk(args.at(1)),
        CommandId::Hello => return hello(args, desk, state, reply),
        CommandId::Auth => {
            let user = session::read_auth(args, &desk.access.users());
            let user = user.map_err(|refused| access::refused(args, desk, state, refused))?;
            state.login.log_in(user);
            reply.ok();
            return Ok(After::Moved);
        }
        CommandId::Select => {
            state.database = session::read_database(args, desk.config.databases)?.into();
            reply.ok();
            return Ok(After::Moved);
        }
        CommandId::Quit => {
            reply.ok();
            return Ok(After::Close);
        }
        CommandId::Reset => {
            state.reset(&desk.access.users());
            reply.set_protocol(state.protocol);
            reply.simple("RESET");
            return Ok(After::Moved);
        }
        CommandId::Role => {
            // One server that follows nobody: which nodes have copies is not its clients' matter.
            reply.array(3);
            reply.bulk(b"master");
            reply.integer(0);
            reply.array(0);
        }
        _ => return Err(command::unknown_command(args)),
    }
    Ok(After::Done)
}

/// HELLO \[version \[AUTH user password\] \[SETNAME name\]\]
fn hello(
    args: Args<'_>,
    desk: &Desk<'_>,
    state: &mut ClientState,
    reply: &mut ReplyWriter<'_>,
) -> Result<After, ErrorReply> {
    let is_logged_in = state.login.is_authenticated();
    let hello = Hello::read(args, &desk.access.users(), is_logged_in);
    let hello = hello.map_err(|refused| access::refused(args, desk, state, refused))?;
    if let Some(user) = hello.user {
        state.login.log_in(user);
    }
    if let Some(name) = hello.name {
        state.name = name.as_bytes().into();
    }
    if let Some(protocol) = hello.protocol {
        state.protocol = protocol;
        reply.set_protocol(protocol);
    }
    let mode = presentation::mode(desk.config.present_as);
    greet(reply, state.protocol, state.id, mode);
    Ok(After::Moved)
}
