//! CLIENT: what is known of the connections of this proxy, and what may be done to them.
//! Pure: other threads' clients are only named here, in a [`ClientOrder`] that each thread carries out.

use std::net::SocketAddr;
use std::sync::Arc;

use shared::command::{self, CommandId};
use shared::resp::{Args, ErrorReply, ReplyWriter, encode_request, on_or_off, yes_or_no};
use shared::session::{
    ClientLine, ClientName, ClientType, KillFilter, LibraryFact, ListFilter, ListedClient, Notices,
    Pause, PauseKind, ReplyWish, Unblock,
};
use shared::tracking::{Mode, TrackingWish, write_info};

use super::{After, Desk};
use crate::client::{ClientState, Tracks, Transaction};

/// What threads are asked about their clients.
#[derive(Clone, Debug)]
pub(crate) enum ClientOrder {
    /// CLIENT LIST.
    List(ListFilter),
    /// CLIENT LIST ALL, and the request without ALL, for other proxies.
    ListAll(ListFilter, Arc<[u8]>),
    /// CLIENT KILL.
    Kill(KillFilter),
    /// CLIENT UNBLOCK.
    Unblock(Unblock),
}

/// What a thread has to say.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientVerdict {
    /// Lines of CLIENT LIST by id.
    pub(crate) lines: Vec<(u64, String)>,
    /// How many were killed.
    pub(crate) killed: usize,
    /// Whether the client that is meant waited here.
    pub(crate) unblocked: bool,
}

impl ListedClient for ClientState {
    fn id(&self) -> u64 {
        self.id
    }

    fn client_type(&self) -> ClientType {
        match self.subscribed.are_any() {
            true => ClientType::Pubsub,
            false => ClientType::Normal,
        }
    }

    fn is_from(&self, address: &[u8]) -> bool {
        is_written(self.peer, address)
    }

    fn is_connected_to(&self, address: &[u8]) -> bool {
        is_written(self.local, address)
    }

    fn is_user(&self, name: &[u8]) -> bool {
        self.login.user().name() == name
    }
}

fn is_written(address: SocketAddr, text: &[u8]) -> bool {
    address.to_string().as_bytes() == text
}

impl ClientOrder {
    /// The reply, once every thread has had its say.
    pub(crate) fn reply(&self, verdicts: Vec<ClientVerdict>, reply: &mut ReplyWriter<'_>) {
        match self {
            Self::List(_) | Self::ListAll(..) => {
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
                if let Err(error) = filter.reply(killed, reply) {
                    reply.error(&error);
                }
            }
            Self::Unblock(_) => {
                let is_unblocked = verdicts.iter().any(|verdict| verdict.unblocked);
                reply.integer(i64::from(is_unblocked));
            }
        }
    }
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
            let standing = Standing {
                buffered: desk.buffered,
                is_blocked: false,
                is_broken: desk.tracking.is_some_and(Mode::is_broken),
            };
            let line = describe(state, desk.now_ms, &standing);
            reply.verbatim("txt", line.as_bytes());
        }
        CommandId::ClientList if ListFilter::is_of_all(args) => {
            let filter = ListFilter::read_of_all(args)?;
            let mut words = Vec::new();
            let before = args.iter_from(0).take(2);
            encode_request(
                &mut words,
                before.chain(args.iter_from(3)).collect::<Vec<_>>(),
            );
            return Ok(After::AskClients(ClientOrder::ListAll(
                filter,
                words.into(),
            )));
        }
        CommandId::ClientList => {
            let filter = ListFilter::read(args)?;
            return Ok(After::AskClients(ClientOrder::List(filter)));
        }
        CommandId::ClientKill => {
            let filter = KillFilter::read(args, state.id, &desk.access.users())?;
            return Ok(After::AskClients(ClientOrder::Kill(filter)));
        }
        CommandId::ClientGetname => {
            if state.name.is_empty() {
                reply.null();
            } else {
                reply.bulk(&state.name);
            }
        }
        CommandId::ClientSetname => {
            state.name = ClientName::read(args.at(2))?.as_bytes().into();
            reply.ok();
        }
        CommandId::ClientSetinfo => {
            match LibraryFact::read(args)? {
                LibraryFact::Name(name) => state.library_name = name.as_bytes().into(),
                LibraryFact::Version(version) => state.library_version = version.as_bytes().into(),
            }
            reply.ok();
        }
        CommandId::ClientReply => {
            let wish = ReplyWish::read(args)?;
            state.replies.choose(wish);
            if wish == ReplyWish::On {
                reply.ok();
            }
            return Ok(After::Moved);
        }
        CommandId::ClientMaintNotifications => {
            let notices = Notices::read(args, state.protocol)?;
            reply.ok();
            return Ok(After::Notices(notices));
        }
        CommandId::ClientNoEvict => {
            state.is_no_evict = on_or_off(args.at(2))?;
            reply.ok();
        }
        CommandId::ClientNoTouch => {
            // Which keys count as used is the nodes' business, and pipes are shared: accepted, without effect.
            on_or_off(args.at(2))?;
            reply.ok();
        }
        CommandId::ClientPause => {
            let Pause { kind, for_ms } = Pause::read(args)?;
            reply.ok();
            return Ok(After::Pause {
                for_ms,
                all: kind == PauseKind::All,
            });
        }
        CommandId::ClientUnpause => {
            reply.ok();
            return Ok(After::Unpause);
        }
        CommandId::ClientUnblock => {
            let unblock = Unblock::read(args)?;
            return Ok(After::AskClients(ClientOrder::Unblock(unblock)));
        }
        CommandId::ClientTracking => {
            let wish = TrackingWish::read(args, desk.is_client)?;
            return Ok(After::Track(Box::new(wish)));
        }
        CommandId::ClientTrackinginfo => write_info(desk.tracking, reply),
        CommandId::ClientGetredir => {
            let id = desk.tracking.map(Mode::redirect).map(i64::try_from);
            reply.integer(id.map_or(-1, |id| id.unwrap_or(i64::MAX)));
        }
        CommandId::ClientCaching => {
            // That nobody is told comes before what is wrong with the word.
            let wants = match desk.tracking {
                Some(_) => yes_or_no(args.at(2))?,
                None => true,
            };
            return Ok(After::ChooseReads(wants));
        }
        _ => return Err(command::unknown_command(args)),
    }
    Ok(After::Done)
}

/// How a client stands, beside what it has chosen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Standing {
    /// Bytes of its requests and of its replies that are kept.
    pub(crate) buffered: (usize, usize),
    /// It waits for the end of a pause, or at a node.
    pub(crate) is_blocked: bool,
    /// Who was to be told in its place was found to have gone.
    pub(crate) is_broken: bool,
}

/// A client as a line of CLIENT LIST, line end included.
pub(crate) fn describe(state: &ClientState, now_ms: u64, standing: &Standing) -> String {
    let letters = |tracks: Tracks| tracks.letters(standing.is_broken);
    let flags = [
        (state.is_monitor, "O"),
        (state.transaction.is_some(), "x"),
        (state.subscribed.are_any(), "P"),
        (standing.is_blocked, "b"),
        (state.tracks.is_some(), state.tracks.map_or("", letters)),
        (state.is_readonly, "r"),
        (state.is_no_evict, "e"),
    ];
    let set = flags.into_iter().filter(|(is_set, _)| *is_set);
    let flags: String = set.map(|(_, letter)| letter).collect();
    let (input_bytes, output_bytes) = standing.buffered;
    let mut line = String::new();
    ClientLine {
        id: state.id,
        address: state.peer,
        local_address: state.local,
        socket_number: -1,
        name: &state.name,
        library_name: &state.library_name,
        library_version: &state.library_version,
        age_ms: now_ms.saturating_sub(state.connected_ms),
        idle_ms: now_ms.saturating_sub(state.active_ms),
        flags: &flags,
        database: state.database,
        queued: state.transaction.as_deref().map(Transaction::len),
        queued_bytes: state.queued_bytes(),
        subscriptions: [
            state.subscribed.channels,
            state.subscribed.patterns,
            state.subscribed.shard_channels,
        ],
        subscription_bytes: state.subscribed.bytes,
        argument_bytes: 0,
        input_bytes,
        input_spare_bytes: 0,
        output_bytes,
        last_command: state.last_command.map(CommandId::name),
        user: state.login.user().name(),
        redirect: state.tracks.map(|_| state.redirect),
        protocol: state.protocol,
    }
    .write(&mut line);
    line
}
