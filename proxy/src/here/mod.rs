//! Commands that the proxy answers itself: about the connection, about the proxy, about the command table.
//! Pure: reads what it is told about the proxy, changes what the client has chosen, writes a reply or says whom to ask.
//!
//! - [`access`]: users of this proxy. [`presentation`]: one server or a cluster, and all that follows. [`sentinel`]: what clients of Redis Sentinel are told. [`settings`]: CONFIG GET and SET. [`client`], [`cluster`], [`connection`], [`node`]: their
//!   commands.

pub(crate) mod access;
mod client;
mod cluster;
mod connection;
mod node;
pub(crate) mod presentation;
mod sentinel;
pub(crate) mod settings;

pub(crate) use client::{ClientOrder, ClientVerdict, Standing, describe};

use protocol::controller::Announced;
use shared::command::{CommandId, CommandSpec, introspection};
use shared::config::ProxyConfig;
use shared::resp::{Args, ErrorReply, ReplyWriter, integer};
use shared::session::Notices;
use shared::slot::SlotId;
use shared::topology::NodeId;
use shared::tracking::{Mode, TrackingWish};

use crate::access::{FileErrand, LiveAccess};
use crate::client::ClientState;
use crate::route::merge::Plan;

/// What a local answer may need to know.
pub(crate) struct Desk<'a> {
    /// Who may come in, and do what.
    pub(crate) access: &'a LiveAccess,
    /// Settings.
    pub(crate) config: &'a ProxyConfig,
    /// 40 hexadecimal digits.
    pub(crate) run_id: &'a str,
    /// Version of the topology.
    pub(crate) topology_version: u64,
    /// Wall-clock microseconds.
    pub(crate) now_us: u64,
    /// Monotonic milliseconds.
    pub(crate) now_ms: u64,
    /// Bytes of the client's requests and of its replies that are kept.
    pub(crate) buffered: (usize, usize),
    /// Counts the slots whose shard cannot be reached now.
    pub(crate) lost_slots: &'a dyn Fn() -> usize,
    /// The slot of a key.
    pub(crate) slot_of: &'a dyn Fn(&[u8]) -> SlotId,
    /// Whether the proxy has a client of this number.
    pub(crate) is_client: &'a dyn Fn(u64) -> bool,
    /// How the client is told of changes, if it is.
    pub(crate) tracking: Option<&'a Mode>,
}

/// What else is to be done.
#[derive(Debug)]
pub(crate) enum After {
    /// Nothing; the reply is written.
    Done,
    /// The client is closed once it has its replies.
    Close,
    /// The client speaks from another place now: database, protocol, password.
    Moved,
    /// Every shard is asked, with this plan for their replies.
    AskAll(Plan),
    /// INFO: every shard is asked, and the proxy has facts of its own.
    Info,
    /// The threads are asked about their clients.
    AskClients(ClientOrder),
    /// Commands are held up: until when (milliseconds from now), and whether reads too.
    Pause {
        /// Milliseconds from now.
        for_ms: u64,
        /// Reads too.
        all: bool,
    },
    /// They are held up no longer.
    Unpause,
    /// CLIENT TRACKING; the reply is not written yet.
    Track(Box<TrackingWish>),
    /// CLIENT CACHING; the same.
    ChooseReads(bool),
    /// The client chooses what it is told of what is about to happen to it.
    Notices(Notices),
    /// The client is to be shown every command; the reply is not written yet.
    Monitor,
    /// The file of users is to be read or written; the reply comes then.
    File(FileErrand),
    /// A node says that it is there; the reply is not written yet.
    Announced {
        /// Its name.
        node: NodeId,
        /// What it says of itself.
        announced: Announced,
    },
}

impl After {
    /// Whether the answer is all here: nodes have no say in it.
    pub(crate) fn is_answered_here(&self) -> bool {
        !matches!(
            self,
            Self::AskAll(_)
                | Self::Info
                | Self::Monitor
                | Self::File(_)
                | Self::Announced { .. }
                | Self::Track(_)
                | Self::ChooseReads(_)
        )
    }
}

/// Answers a command whose row says so.
pub(crate) fn answer(
    spec: &'static CommandSpec,
    args: Args<'_>,
    desk: &Desk<'_>,
    state: &mut ClientState,
    reply: &mut ReplyWriter<'_>,
) -> Result<After, ErrorReply> {
    use CommandId as Id;
    match spec.id {
        Id::Time => {
            reply.array(2);
            reply.bulk((desk.now_us / 1_000_000).to_string().as_bytes());
            reply.bulk((desk.now_us % 1_000_000).to_string().as_bytes());
        }
        Id::Info => return Ok(After::Info),
        Id::Monitor => return Ok(After::Monitor),
        Id::ConfigGet => {
            return Ok(After::AskAll(Plan::ConfigGet(settings::own_settings(
                desk.config,
            ))));
        }
        Id::SlowlogGet => return Ok(After::AskAll(Plan::SlowlogGet(slowlog_count(args)?))),
        Id::SlowlogLen => return Ok(After::AskAll(Plan::SlowlogLen)),
        Id::Command
        | Id::CommandCount
        | Id::CommandInfo
        | Id::CommandDocs
        | Id::CommandList
        | Id::CommandGetkeys
        | Id::CommandGetkeysandflags
        | Id::CommandHelp => {
            introspection::answer(args, spec, CommandSpec::is_served_by_proxy, reply)?;
        }
        Id::Readonly => {
            state.is_readonly = true;
            reply.ok();
        }
        Id::Readwrite => {
            state.is_readonly = false;
            reply.ok();
        }
        Id::Asking => reply.ok(),
        // Nodes have none.
        Id::ModuleList => reply.array(0),
        Id::Node => return node::answer(spec, args, desk),
        Id::Sentinel => sentinel::answer(args, desk, state, reply)?,
        id => {
            let container = spec.container();
            match container {
                Some(container) if spec.name.ends_with("|help") => {
                    introspection::help(container, CommandSpec::is_served_by_proxy, reply);
                }
                Some(Id::Acl) => return access::answer(spec, args, desk, state, reply),
                Some(Id::Client) => return client::answer(id, args, desk, state, reply),
                Some(Id::Cluster) => return cluster::answer(id, args, desk, state, reply),
                _ => return connection::answer(spec, args, desk, state, reply),
            }
        }
    }
    Ok(After::Done)
}

/// SLOWLOG GET [count]
fn slowlog_count(args: Args<'_>) -> Result<i64, ErrorReply> {
    let Some(count) = args.get(2) else {
        return Ok(10);
    };
    if args.len() > 3 {
        let word = args.at(1);
        return Err(ErrorReply::unknown_subcommand_or_arity("SLOWLOG", word));
    }
    let count = integer(count).ok().filter(|count| *count >= -1);
    count.ok_or(ErrorReply::SlowlogCount)
}

/// What the proxy has to do with a command before it goes to a shard, or to several.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OwnPart {
    /// Nothing.
    None,
    /// Its own counters begin anew as well.
    ForgetCounters,
    /// It changes nothing: OK, and no shard is asked.
    AllDone,
}

/// The proxy's own part in a command that may run.
///
/// # Errors
/// It is not possible through this proxy.
pub(crate) fn own_part(
    spec: &CommandSpec,
    args: Args<'_>,
    config: &ProxyConfig,
) -> Result<OwnPart, ErrorReply> {
    if let Some(error) = presentation::objection(config.present_as, spec, args) {
        return Err(error);
    }
    match spec.id {
        CommandId::ConfigResetstat => Ok(OwnPart::ForgetCounters),
        CommandId::ConfigSet => match settings::change(args, config)? {
            settings::Change::Nothing => Ok(OwnPart::AllDone),
            settings::Change::AtShards => Ok(OwnPart::None),
        },
        _ => Ok(OwnPart::None),
    }
}
