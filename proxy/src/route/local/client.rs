//! CLIENT: what is known of the connections of this proxy, and what may be done to them.
//! Pure: other threads' clients are only named here, in a [`ClientOrder`] that each thread carries out.

use std::fmt::Write as _;

use shared::command::{self, CommandId};
use shared::resp::{Args, ErrorReply, Protocol, ReplyWriter, is_word, on_or_off, yes_or_no};

use super::connection::{DEFAULT_USER, integer, set_name};
use super::{After, Desk};
use crate::client::ClientState;
use crate::client::state::ReplyMode;

/// Bytes that a connected client costs beside its buffers: state, task, socket.
const CLIENT_BYTES: usize = 1_536;

/// What threads are asked about their clients.
#[derive(Clone, Debug)]
pub(crate) enum ClientOrder {
    /// CLIENT LIST: those with one of these ids, or all.
    List(Option<Vec<u64>>),
    /// CLIENT KILL.
    Kill(Filter),
}

/// Whom to kill; a client must pass all that are given.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    id: Option<u64>,
    /// Some type that no client of a proxy has was asked for.
    is_nobody: bool,
    address: Option<Vec<u8>>,
    local_address: Option<Vec<u8>>,
    /// The caller is spared.
    spared: Option<u64>,
    /// The old form with just an address: another reply.
    is_by_address: bool,
    /// Who asks; it gets its reply even if it is meant itself.
    asker: u64,
}

/// What a thread has to say.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientVerdict {
    /// Lines of CLIENT LIST by id.
    pub(crate) lines: Vec<(u64, String)>,
    /// How many were killed.
    pub(crate) killed: usize,
}

impl Filter {
    fn parse(args: Args<'_>, own_id: u64) -> Result<Self, ErrorReply> {
        let mut filter = Self {
            id: None,
            is_nobody: false,
            address: None,
            local_address: None,
            spared: Some(own_id),
            is_by_address: false,
            asker: own_id,
        };
        if args.len() == 3 {
            filter.address = Some(args.at(2).to_vec());
            filter.spared = None;
            filter.is_by_address = true;
            return Ok(filter);
        }
        let mut index = 2;
        while let Some(option) = args.get(index) {
            let value = args.get(index + 1).ok_or(ErrorReply::Syntax)?;
            if is_word(option, "id") {
                let id = integer(value).ok().filter(|id| *id > 0);
                filter.id = Some(id.ok_or(ErrorReply::ClientIdNotPositive)?.unsigned_abs());
            } else if is_word(option, "type") {
                filter.is_nobody |= !is_normal(value)?;
            } else if is_word(option, "addr") {
                filter.address = Some(value.to_vec());
            } else if is_word(option, "laddr") {
                filter.local_address = Some(value.to_vec());
            } else if is_word(option, "user") {
                if value != DEFAULT_USER {
                    return Err(ErrorReply::no_such_user(value));
                }
            } else if is_word(option, "skipme") {
                filter.spared = yes_or_no(value)?.then_some(own_id);
            } else {
                return Err(ErrorReply::Syntax);
            }
            index += 2;
        }
        Ok(filter)
    }

    /// Whether this client is the one that asks.
    pub(crate) fn is_asker(&self, state: &ClientState) -> bool {
        self.asker == state.id
    }

    /// Whether this client is meant.
    pub(crate) fn accepts(&self, state: &ClientState) -> bool {
        let is = |wanted: &Option<Vec<u8>>, found: std::net::SocketAddr| {
            wanted
                .as_ref()
                .is_none_or(|wanted| *wanted == found.to_string().into_bytes())
        };
        !self.is_nobody
            && self.spared != Some(state.id)
            && self.id.is_none_or(|id| id == state.id)
            && is(&self.address, state.peer)
            && is(&self.local_address, state.local)
    }
}

impl ClientOrder {
    /// The reply, once every thread has had its say.
    pub(crate) fn reply(&self, verdicts: Vec<ClientVerdict>, reply: &mut ReplyWriter<'_>) {
        match self {
            Self::List(_) => {
                let mut lines: Vec<(u64, String)> = verdicts
                    .into_iter()
                    .flat_map(|verdict| verdict.lines)
                    .collect();
                lines.sort_unstable_by_key(|(id, _)| *id);
                let text: String = lines.into_iter().map(|(_, line)| line).collect();
                reply.verbatim("txt", text.as_bytes());
            }
            Self::Kill(filter) => {
                let killed: usize = verdicts.iter().map(|verdict| verdict.killed).sum();
                match (filter.is_by_address, killed) {
                    (true, 0) => reply.error(&ErrorReply::NoSuchClient),
                    (true, _) => reply.ok(),
                    (false, _) => reply.integer(i64::try_from(killed).unwrap_or(i64::MAX)),
                }
            }
        }
    }
}

fn is_normal(word: &[u8]) -> Result<bool, ErrorReply> {
    if is_word(word, "normal") {
        return Ok(true);
    }
    let others = ["slave", "replica", "master", "pubsub"];
    if others.iter().any(|name| is_word(word, name)) {
        return Ok(false);
    }
    Err(ErrorReply::unknown_client_type(word))
}

pub(super) fn answer(
    id: CommandId,
    args: Args<'_>,
    desk: &Desk<'_>,
    state: &mut ClientState,
    reply: &mut ReplyWriter<'_>,
) -> Result<After, ErrorReply> {
    match id {
        CommandId::ClientId => reply.integer(i64::try_from(state.id).unwrap_or(i64::MAX)),
        CommandId::ClientInfo => {
            let line = describe(state, desk.now_ms, desk.buffered, false);
            reply.verbatim("txt", line.as_bytes());
        }
        CommandId::ClientList => return list(args),
        CommandId::ClientKill => {
            return Ok(After::AskClients(ClientOrder::Kill(Filter::parse(
                args, state.id,
            )?)));
        }
        CommandId::ClientGetname => {
            if state.name.is_empty() {
                reply.null();
            } else {
                reply.bulk(&state.name);
            }
        }
        CommandId::ClientSetname => {
            set_name(state, args.at(2))?;
            reply.ok();
        }
        CommandId::ClientSetinfo => set_info(args, state, reply)?,
        CommandId::ClientReply => return reply_mode(args, state, reply),
        CommandId::ClientNoEvict => {
            state.is_no_evict = on_or_off(args.at(2))?;
            reply.ok();
        }
        CommandId::ClientNoTouch => {
            // Which keys count as used is the nodes' business, and pipes are shared: accepted, without effect.
            on_or_off(args.at(2))?;
            reply.ok();
        }
        CommandId::ClientPause => return pause(args, reply),
        CommandId::ClientUnpause => {
            reply.ok();
            return Ok(After::Pause {
                for_ms: 0,
                all: false,
            });
        }
        CommandId::ClientUnblock => unblock(args, reply)?,
        _ => return Err(command::unknown_command(args)),
    }
    Ok(After::Done)
}

/// CLIENT LIST \[TYPE type\] | \[ID id …\]
fn list(args: Args<'_>) -> Result<After, ErrorReply> {
    let ids = match args.get(2) {
        None => None,
        Some(option) if is_word(option, "type") && args.len() == 4 => {
            if is_normal(args.at(3))? {
                None
            } else {
                Some(Vec::new())
            }
        }
        Some(option) if is_word(option, "id") && args.len() > 3 => {
            let parse = |id: &[u8]| integer(id).map_err(|_| ErrorReply::InvalidClientId);
            let ids: Vec<i64> = args.iter_from(3).map(parse).collect::<Result<_, _>>()?;
            Some(
                ids.into_iter()
                    .filter_map(|id| u64::try_from(id).ok())
                    .collect(),
            )
        }
        Some(_) => return Err(ErrorReply::Syntax),
    };
    Ok(After::AskClients(ClientOrder::List(ids)))
}

/// CLIENT SETINFO LIB-NAME name | LIB-VER version
fn set_info(
    args: Args<'_>,
    state: &mut ClientState,
    reply: &mut ReplyWriter<'_>,
) -> Result<(), ErrorReply> {
    let (attribute, value) = (args.at(2), args.at(3));
    let (word, place) = if is_word(attribute, "lib-name") {
        ("lib-name", &mut state.library_name)
    } else if is_word(attribute, "lib-ver") {
        ("lib-ver", &mut state.library_version)
    } else {
        return Err(ErrorReply::unrecognized_option(attribute));
    };
    if !value.iter().all(u8::is_ascii_graphic) {
        return Err(ErrorReply::Text(
            format!("ERR {word} cannot contain spaces, newlines or special characters.").into(),
        ));
    }
    *place = value.into();
    reply.ok();
    Ok(())
}

/// CLIENT REPLY ON | OFF | SKIP
fn reply_mode(
    args: Args<'_>,
    state: &mut ClientState,
    reply: &mut ReplyWriter<'_>,
) -> Result<After, ErrorReply> {
    let word = args.at(2);
    if is_word(word, "on") {
        state.reply_mode = ReplyMode::On;
        reply.ok();
    } else if is_word(word, "off") {
        state.reply_mode = ReplyMode::Off;
    } else if !is_word(word, "skip") {
        return Err(ErrorReply::Syntax);
    } else if state.reply_mode != ReplyMode::Off {
        state.reply_mode = ReplyMode::SkipNext;
    }
    Ok(After::Moved)
}

/// CLIENT PAUSE milliseconds \[WRITE | ALL\]
fn pause(args: Args<'_>, reply: &mut ReplyWriter<'_>) -> Result<After, ErrorReply> {
    let all = match args.get(3) {
        None => true,
        Some(_) if args.len() > 4 => {
            return Err(ErrorReply::unknown_subcommand_or_arity(
                "CLIENT",
                args.at(1),
            ));
        }
        Some(word) if is_word(word, "write") => false,
        Some(word) if is_word(word, "all") => true,
        Some(_) => return Err(ErrorReply::PauseMode),
    };
    let for_ms = integer(args.at(2)).map_err(|_| ErrorReply::TimeoutNotInteger)?;
    let for_ms = u64::try_from(for_ms).map_err(|_| ErrorReply::TimeoutNegative)?;
    reply.ok();
    Ok(After::Pause { for_ms, all })
}

/// CLIENT UNBLOCK id \[TIMEOUT | ERROR\]: no command blocks its client yet, so nobody is.
fn unblock(args: Args<'_>, reply: &mut ReplyWriter<'_>) -> Result<(), ErrorReply> {
    match args.get(3) {
        None => {}
        Some(_) if args.len() > 4 => {
            return Err(ErrorReply::unknown_subcommand_or_arity(
                "CLIENT",
                args.at(1),
            ));
        }
        Some(word) if is_word(word, "timeout") || is_word(word, "error") => {}
        Some(_) => return Err(ErrorReply::UnblockReason),
    }
    integer(args.at(2))?;
    reply.integer(0);
    Ok(())
}

/// A client as a line of CLIENT LIST, line end included; `buffered` bytes of its requests and replies are kept.
#[expect(
    clippy::let_underscore_must_use,
    reason = "writing to memory cannot fail"
)]
pub(crate) fn describe(
    state: &ClientState,
    now_ms: u64,
    buffered: (usize, usize),
    is_blocked: bool,
) -> String {
    let seconds_since = |then_ms: u64| now_ms.saturating_sub(then_ms) / 1_000;
    let (input, output) = buffered;
    let protocol = match state.protocol {
        Protocol::Resp2 => 2,
        Protocol::Resp3 => 3,
    };
    let mut flags = String::new();
    for (is_set, letter) in [
        (is_blocked, 'b'),
        (state.is_readonly, 'r'),
        (state.is_no_evict, 'e'),
    ] {
        if is_set {
            flags.push(letter);
        }
    }
    if flags.is_empty() {
        flags.push('N');
    }
    let mut line = String::new();
    let _ = write!(
        line,
        "id={} addr={} laddr={} fd=-1 name={} age={} idle={} flags={flags} db={} sub=0 psub=0 ssub=0 multi=-1 ",
        state.id,
        state.peer,
        state.local,
        String::from_utf8_lossy(&state.name),
        seconds_since(state.connected_ms),
        seconds_since(state.active_ms),
        state.database,
    );
    let _ = write!(
        line,
        "qbuf={input} qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll={} omem={output} tot-mem={} events={} ",
        usize::from(output > 0),
        CLIENT_BYTES + input + output,
        if output > 0 { "rw" } else { "r" },
    );
    let _ = writeln!(
        line,
        "cmd={} user=default redir=-1 resp={protocol} lib-name={} lib-ver={}",
        state.last_command.map_or("NULL", CommandId::name),
        String::from_utf8_lossy(&state.library_name),
        String::from_utf8_lossy(&state.library_version),
    );
    line
}
