//! Command handlers, one file per group of the table, and which handler runs which command.
//! Pure: a handler sees arguments, the store and the client's choices; it writes a reply and says what the shell should do. What it changes the store's door writes down.
//! Never: a socket, a file, a clock (time is [`Call::now_ms`]), a sleep.

mod access;
mod arguments;
mod bits;
mod blocking;
mod bounded;
mod chosen;
mod client;
mod connection;
mod counted_keys;
mod double;
mod element_by_element;
mod events;
mod geo;
mod hashes;
mod hyperloglog;
mod in_parts;
mod key_by_key;
mod keys;
mod lists;
mod merge_sort;
mod orders;
mod piecewise;
mod pubsub;
mod replication;
mod scan_options;
mod scripting;
mod server;
mod sets;
mod sorted_sets;
mod streams;
mod strings;
#[cfg(test)]
pub(crate) mod testing;
mod transactions;

pub(crate) use access::{Asking, context_of, note_denied, users_loaded};
pub(crate) use blocking::{Release, answer, forget_waiting, release, say_nothing_came};
pub(crate) use client::stop_tracking;
pub(crate) use double::double;
pub(crate) use events::naming;
pub(crate) use in_parts::InParts;
pub(crate) use key_by_key::{FIRST_KEY, KeyByKey, key_by_key};
pub(crate) use orders::{hear, looks_at_keys, write_status};
pub(crate) use piecewise::{Piecewise, Progress};
pub(crate) use transactions::{
    forget_proxied, forget_transaction, forget_watched, is_proxied_watch_broken, is_watch_broken,
};

use crate::client::{Block, Identity, Session, Transaction};
use crate::node_state::{Feeding, NodeState, OrderNumber, ProxiedWatch};
use crate::store::{DbIndex, Key, KeyHash, Store};
use shared::command::{CommandId, CommandSpec, introspection};
use shared::resp::{Args, ErrorReply, ReplyWriter};
use shared::tracking::Author;
use shared::wait_time::Awaited;

/// One command under way: all that a handler may see and change.
#[derive(Debug)]
pub struct Call<'a> {
    /// The command's row.
    pub spec: &'static CommandSpec,
    /// Its arguments, of which arity has been checked; `args.at(0)` is the name.
    pub args: Args<'a>,
    /// Hashes of its first keys in order of appearance, computed ahead while prefetching; may be fewer than its keys.
    pub hashes: &'a [(u32, KeyHash)],
    /// The keyspace.
    pub store: &'a mut Store,
    /// Who asks.
    pub identity: &'a Identity,
    /// What it has chosen.
    pub session: &'a mut Session,
    /// Settings, counters, other clients.
    pub node: &'a mut NodeState,
    /// Where the reply goes. On `Err` whatever was written is taken back.
    pub reply: ReplyWriter<'a>,
    /// Unix time in milliseconds, the same for a whole batch.
    pub now_ms: u64,
    /// The command has been found to be long: it is to say how it goes on, and show nothing yet but the head of its reply.
    pub is_piecewise: bool,
}

impl<'a> Call<'a> {
    /// The client's database.
    #[must_use]
    pub fn db(&self) -> DbIndex {
        self.session.db
    }

    /// Argument `index` as a key, with its hash (the prefetched one where there is one).
    #[must_use]
    #[inline]
    pub fn key(&self, index: usize) -> Key<'a> {
        let bytes = self.args.at(index);
        let known = match self.hashes {
            [] => None,
            [(at, hash)] => (*at as usize == index).then_some(*hash),
            // In order of appearance, which is ascending for all commands but a few; those hash again.
            many => many
                .binary_search_by_key(&index, |(at, _)| *at as usize)
                .ok()
                .map(|found| many[found].1),
        };
        let hash = known.unwrap_or_else(|| self.store.hash(bytes));
        Key { bytes, hash }
    }
}

/// What is to come after the command.
#[derive(Debug, Default)]
pub(crate) enum Action {
    /// Nothing: the reply is there.
    #[default]
    Continue,
    /// The same, and what the client may send is limited in another way from its next request on.
    NewLimits,
    /// The replies are sent, then this connection is closed.
    Close,
    /// The reply comes from the shell, when it has done this; the client's next command waits for it.
    Errand(Errand),
    /// There is nothing for the command: it waits, if it may.
    Block(Box<Block>),
    /// The client follows this node from now on: all that its connection says comes from the log.
    Feed(Feeding),
    /// What has been planned (`Scripts::planned`) runs.
    Script,
    /// These commands run in one go, and their replies are one array, unless what has been watched for them has changed.
    Transact(Box<Transaction>, Option<ProxiedWatch>),
    /// The command in its arguments is to be carried out on this client's behalf.
    ActFor(Author),
    /// Some of its arguments have been treated, and answered for good (`Session::treated_args`); with the others the command goes on when others have had their turn.
    GoOn,
    /// The reply is long, and comes piece by piece: asked for in one turn, nothing has been done ([`Call::is_piecewise`]).
    Piecewise(Box<dyn Piecewise>),
}

/// What only the shell can do, in whose `carry_out` each has its one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Write the settings to the file they came from.
    RewriteConfig,
    /// Read the users from their file.
    LoadUsers,
    /// Write them there.
    SaveUsers,
    /// Stop the node; the asking connection is closed without a reply.
    Shutdown {
        /// Whether a snapshot is taken before.
        saves: FinalSave,
        /// Whether it stops all the same when that fails.
        is_forced: bool,
    },
    /// Take a snapshot; the reply comes when it is on disk.
    Save,
    /// Begin to rewrite the log.
    RewriteLog,
    /// Begin to take one.
    BackgroundSave {
        /// If that cannot be now, then as soon as it can.
        is_scheduled: bool,
    },
    /// Follow whom the node's state says.
    Follow,
    /// Follow nobody any more.
    Lead,
    /// End what FAILOVER has begun.
    AbortFailover,
    /// Carry out a proxy's order.
    Obey(OrderNumber),
    /// Wait until all there is now is where it is to be; the reply is where it is.
    WaitForFollowers(Awaited),
    /// Hold up the whole node for this long (DEBUG SLEEP).
    Stall {
        /// Microseconds, bounded by the handler.
        us: u64,
    },
}

/// Whether a node saves its keys before it stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinalSave {
    /// If snapshots are taken at all.
    IfUsual,
    /// Yes.
    Yes,
    /// No.
    No,
}

impl Errand {
    /// Which command asks for it.
    #[must_use]
    pub fn command(self) -> CommandId {
        match self {
            Self::RewriteConfig => CommandId::ConfigRewrite,
            Self::LoadUsers => CommandId::AclLoad,
            Self::SaveUsers => CommandId::AclSave,
            Self::Shutdown { .. } => CommandId::Shutdown,
            Self::Save => CommandId::Save,
            Self::RewriteLog => CommandId::Bgrewriteaof,
            Self::BackgroundSave { .. } => CommandId::Bgsave,
            Self::Follow | Self::Lead => CommandId::Replicaof,
            Self::AbortFailover => CommandId::Failover,
            Self::Obey(_) => CommandId::Node,
            Self::WaitForFollowers(Awaited { on_disk: None, .. }) => CommandId::Wait,
            Self::WaitForFollowers(_) => CommandId::Waitaof,
            Self::Stall { .. } => CommandId::Debug,
        }
    }
}

/// Runs one command. `Err` becomes the reply; nothing was changed then.
pub(crate) type Handler = fn(&mut Call<'_>) -> Result<Action, ErrorReply>;

/// Finds the handler of a command of one group; `None` when it is of another group, or not served.
type Group = fn(CommandId) -> Option<Handler>;

/// All groups, each with its commands in one file or folder.
const GROUPS: &[Group] = &[
    strings::handler,
    keys::handler,
    lists::handler,
    sorted_sets::handler,
    bits::handler,
    hashes::handler,
    sets::handler,
    hyperloglog::handler,
    geo::handler,
    streams::handler,
    replication::handler,
    orders::handler,
    transactions::handler,
    pubsub::handler,
    connection::handler,
    scripting::handler,
    client::handler,
    server::handler,
    access::handler,
];

/// Which handler runs `id`; `None` for a command of the table that this node does not know yet.
fn handler(id: CommandId) -> Option<Handler> {
    GROUPS.iter().find_map(|group| group(id))
}

/// HELP of a container: what is served of it.
fn help(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if let Some(container) = call.spec.container() {
        introspection::help(container, CommandSpec::is_served_by_node, &mut call.reply);
    }
    Ok(Action::Continue)
}

/// Row of the command table → handler, looked up once per command.
#[derive(Debug)]
pub(crate) struct HandlerTable {
    by_id: Vec<Option<Handler>>,
}

impl Default for HandlerTable {
    fn default() -> Self {
        Self::new()
    }
}

impl HandlerTable {
    /// The handlers of this node.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self {
            by_id: CommandId::ALL.iter().map(|id| handler(*id)).collect(),
        }
    }

    /// The handler of `id`.
    #[must_use]
    #[inline]
    pub(crate) fn get(&self, id: CommandId) -> Option<Handler> {
        self.by_id[id as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_what_the_table_calls_served_has_a_handler() {
        for row in shared::command::all() {
            assert_eq!(
                handler(row.id).is_some(),
                row.is_served_by_node(),
                "{}: handler and row differ",
                row.name
            );
            let groups = GROUPS.iter().filter(|group| group(row.id).is_some());
            assert!(groups.count() <= 1, "{}: two groups have it", row.name);
        }
    }
}
