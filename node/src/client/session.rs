//! What a client has chosen: protocol, database, names, which replies it wants, and as whom it has come in.
//! Pure. Never: a socket, a clock, another client.
//! Invariant: it is all of a client that a command on keys may look at, so that it can be run for one that has gone.

use super::{Transaction, Watched};
use crate::settings::{Hot, OutputLimit};
use crate::store::DbIndex;
use shared::access::{Login, Users};
use shared::command::CommandSpec;
use shared::pubsub::SubscriptionCounts;
use shared::resp::Protocol;
use shared::session::Replies;
use shared::topology::LocalKeys;
use shared::tracking::Author;
use std::rc::Rc;

/// One client's choices.
#[derive(Clone, Debug)]
pub struct Session {
    /// Chosen with HELLO.
    pub protocol: Protocol,
    /// How the client is spoken to, while its script is spoken to in another way.
    pub beside_script: Option<Protocol>,
    /// Messages to it are pushes, whatever its protocol, and say on whose behalf keys were changed (NODE PUSHES).
    pub hears_pushes: bool,
    /// On whose behalf its present command is (NODE FOR).
    pub acts_for: Option<Author>,
    /// Chosen with SELECT.
    pub db: DbIndex,
    /// Chosen with CLIENT SETNAME, HELLO or by nobody; empty when there is none. At most [`MOST_NAME_BYTES`], as the next two.
    pub name: Vec<u8>,
    /// Given with CLIENT SETINFO.
    pub library_name: Vec<u8>,
    /// Given with CLIENT SETINFO.
    pub library_version: Vec<u8>,
    /// As whom it has come in, and whether anything is to be asked of its commands.
    pub login: Login,
    /// CLIENT REPLY.
    pub replies: Replies,
    /// Which keys are this shard's own, where a proxy has said so.
    pub local_keys: Option<Rc<LocalKeys>>,
    /// CLIENT NO-EVICT.
    pub no_evict: bool,
    /// CLIENT NO-TOUCH: reads do not count as accesses.
    pub no_touch: bool,
    /// The epoch at which its pipe is fenced (NODE FENCE); 0 when it is not.
    pub fence_epoch: u64,
    /// Whether replies to it wait for the followers that are in sync.
    pub waits_for_followers: bool,
    /// Whether they wait also until these have said, since the command came, that they still follow.
    pub reads_linearizable: bool,
    /// Where it listens as a follower (REPLCONF); 0 when it has not said so.
    pub listening_port: u16,
    /// How it is reached as a follower; empty for the address of its connection.
    pub announced_host: String,
    /// What it has queued since MULTI; `None` when it is in no transaction.
    pub transaction: Option<Box<Transaction>>,
    /// Keys whose change makes its next EXEC run nothing (WATCH).
    pub watched: Option<Box<Watched>>,
    /// To how much it has subscribed.
    pub subscribed: SubscriptionCounts,
    /// It is shown every command (MONITOR).
    pub is_monitor: bool,
    /// Arguments of the present command that have been treated and answered, where others have had their turn since; 0 when it has not begun.
    pub treated_args: usize,
    /// What the present command has answered are messages, which CLIENT REPLY does not stop.
    pub has_pushed: bool,
    /// Its latest command.
    pub last_command: Option<&'static CommandSpec>,
    /// Arguments of the present command that no log may show: bit by index.
    pub secret_args: u64,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            protocol: Protocol::Resp2,
            beside_script: None,
            hears_pushes: false,
            acts_for: None,
            db: DbIndex::default(),
            name: Vec::new(),
            library_name: Vec::new(),
            library_version: Vec::new(),
            login: Login::default(),
            replies: Replies::On,
            local_keys: None,
            no_evict: false,
            no_touch: false,
            fence_epoch: 0,
            waits_for_followers: false,
            reads_linearizable: false,
            listening_port: 0,
            announced_host: String::new(),
            transaction: None,
            watched: None,
            subscribed: SubscriptionCounts::default(),
            is_monitor: false,
            treated_args: 0,
            has_pushed: false,
            last_command: None,
            secret_args: 0,
        }
    }
}

impl Session {
    /// How messages to it are written, whatever its script is answered in.
    #[must_use]
    pub fn spoken_to(&self) -> Protocol {
        match self.hears_pushes {
            true => Protocol::Resp3,
            false => self.beside_script.unwrap_or(self.protocol),
        }
    }

    /// Bytes of its names, of its queue and of the keys that it watches.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        let names = self.name.len() + self.library_name.len() + self.library_version.len();
        let watched = self.watched.as_deref().map_or(0, Watched::memory_bytes);
        let local_keys = self.local_keys.as_deref().map_or(0, LocalKeys::bytes);
        names + self.queued_bytes() + watched + local_keys
    }

    /// Bytes of its queue.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.transaction
            .as_deref()
            .map_or(0, Transaction::memory_bytes)
    }

    /// How much output may wait for it: more for a subscriber, who gets what it has not asked for.
    #[must_use]
    pub fn output_limit(&self, hot: &Hot) -> OutputLimit {
        match self.subscribed.are_any() {
            true => hot.pubsub_output_limit,
            false => hot.output_limit,
        }
    }

    /// Whether only commands on its subscriptions make sense: in RESP2 a message and a reply cannot be told apart.
    #[inline]
    #[must_use]
    pub fn is_only_subscriber(&self) -> bool {
        self.subscribed.are_any() && self.protocol == Protocol::Resp2
    }

    /// Whether others, and what it is to get from them, decide what it may ask for: a subscriber that speaks RESP2, a monitor.
    #[inline]
    #[must_use]
    pub fn is_restricted(&self) -> bool {
        self.is_monitor || self.is_only_subscriber()
    }

    /// Whether no log may show this argument of the present command.
    #[must_use]
    pub fn hides(&self, index: usize) -> bool {
        self.secret_args >> index.min(63) & 1 == 1
    }

    /// Whether the reply to the present command is wanted; what follows is the next one.
    pub fn hears_reply(&mut self) -> bool {
        self.replies.hear()
    }

    /// Back to how it was when the client connected (RESET). What CLIENT SETINFO told stays.
    pub fn reset(&mut self, users: &Users) {
        self.protocol = Protocol::Resp2;
        self.hears_pushes = false;
        self.db = DbIndex::default();
        self.name.clear();
        self.login = Login::new(users);
        self.replies.reset();
        self.no_evict = false;
        self.no_touch = false;
        self.is_monitor = false;
    }
}
