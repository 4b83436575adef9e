//! What a client has told about itself, and what it has chosen. Pure.

use std::net::SocketAddr;

use shared::access::{Login, Users};
use shared::command::CommandId;
use shared::pubsub::SubscriptionCounts;
use shared::resp::{Protocol, RequestLimits};
use shared::session::Replies;

use super::{Subscribing, Transaction, Watch};
use shared::tracking::Author;

use crate::access::LiveAccess;
use crate::pipe::{Class, Lane, Role, Tells};

/// How long a client is kept apart after something large.
const BULKY_MS: u64 = 1_000;

/// Of which changes a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tracks {
    /// Of keys that it has read.
    Reads,
    /// Of keys by their beginnings.
    Prefixes,
}

impl Tracks {
    /// Letters of CLIENT LIST; `R`: who was to be told in the client's place was found to have gone.
    pub(crate) fn letters(self, is_broken: bool) -> &'static str {
        match (self, is_broken) {
            (Self::Reads, false) => "t",
            (Self::Reads, true) => "tR",
            (Self::Prefixes, false) => "tB",
            (Self::Prefixes, true) => "tRB",
        }
    }
}

/// A client as it is known here.
#[derive(Debug)]
pub(crate) struct ClientState {
    /// Unique within the proxy.
    pub(crate) id: u64,
    /// Where it connects from.
    pub(crate) peer: SocketAddr,
    /// Where it connected to.
    pub(crate) local: SocketAddr,
    /// RESP version.
    pub(crate) protocol: Protocol,
    /// The database that its commands mean.
    pub(crate) database: u16,
    /// As whom it has come in, and whether anything is to be asked of its commands.
    pub(crate) login: Login,
    /// By which users ([`LiveAccess::version`]) that is so.
    login_version: u64,
    /// CLIENT SETNAME.
    pub(crate) name: Box<[u8]>,
    /// CLIENT SETINFO LIB-NAME.
    pub(crate) library_name: Box<[u8]>,
    /// CLIENT SETINFO LIB-VER.
    pub(crate) library_version: Box<[u8]>,
    /// CLIENT NO-EVICT: remembered and shown; a proxy evicts nobody.
    pub(crate) is_no_evict: bool,
    /// It is shown every command (MONITOR).
    pub(crate) is_monitor: bool,
    /// READONLY was said.
    pub(crate) is_readonly: bool,
    /// CLIENT REPLY.
    pub(crate) replies: Replies,
    /// When it connected, monotonic milliseconds.
    pub(crate) connected_ms: u64,
    /// When it last sent something, monotonic milliseconds.
    pub(crate) active_ms: u64,
    /// The last command.
    pub(crate) last_command: Option<CommandId>,
    /// What it has queued since MULTI; `None` when it is in no transaction.
    pub(crate) transaction: Option<Box<Transaction>>,
    /// To how much it has subscribed, as far as it has been told.
    pub(crate) subscribed: SubscriptionCounts,
    /// The command under way that changes this.
    pub(crate) subscribing: Option<Box<Subscribing>>,
    /// What it watches; it is told to the node when this is dropped without EXEC.
    pub(crate) watch: Option<Box<Watch>>,
    /// Of which changes it is told (CLIENT TRACKING), as far as it can be.
    pub(crate) tracks: Option<Tracks>,
    /// As whom nodes know it where they tell what it changes, which it does not want to hear.
    pub(crate) author: Option<Author>,
    /// The client that is told in its place; 0 is itself.
    pub(crate) redirect: u64,
    /// By which pipes its commands go.
    pub(crate) class: Class,
    /// It has read what may be a whole collection, so that its last replies tell how large they are.
    pub(crate) has_read_much: bool,
    /// Until then it counts as one with large requests or replies, monotonic milliseconds.
    bulky_until_ms: u64,
}

impl ClientState {
    /// A client that has said nothing yet.
    pub(crate) fn new(
        id: u64,
        peer: SocketAddr,
        local: SocketAddr,
        access: &LiveAccess,
        now_ms: u64,
    ) -> Self {
        // In this order: what changes in between is looked for again.
        let login_version = access.version();
        let login = Login::new(&access.users());
        Self {
            id,
            peer,
            local,
            protocol: Protocol::Resp2,
            database: 0,
            login_version,
            login,
            name: Box::default(),
            library_name: Box::default(),
            library_version: Box::default(),
            is_no_evict: false,
            is_monitor: false,
            is_readonly: false,
            replies: Replies::On,
            connected_ms: now_ms,
            active_ms: now_ms,
            last_command: None,
            transaction: None,
            subscribed: SubscriptionCounts::default(),
            subscribing: None,
            watch: None,
            tracks: None,
            author: None,
            redirect: 0,
            class: Class::Common,
            has_read_much: false,
            bulky_until_ms: 0,
        }
    }

    /// RESET: as if it had just connected.
    pub(crate) fn reset(&mut self, users: &Users) {
        self.protocol = Protocol::Resp2;
        self.database = 0;
        self.login = Login::new(users);
        self.name = Box::default();
        self.is_no_evict = false;
        self.is_readonly = false;
        self.replies = Replies::On;
        self.transaction = None;
        self.tracks = None;
        self.redirect = 0;
        self.author = None;
    }

    /// Whether its user is still what it was when this was asked last.
    #[inline]
    pub(crate) fn knows_users(&self, access: &LiveAccess) -> bool {
        self.login_version == access.version()
    }

    /// By which users it is what it is: one more per change.
    pub(crate) fn login_version(&self) -> u64 {
        self.login_version
    }

    /// Its user may have other rules by now; `false`: it is no more, and the client has to go.
    pub(crate) fn follow_users(&mut self, access: &LiveAccess) -> bool {
        self.login_version = access.version();
        let users = access.users();
        let found = users.get(self.login.user().name());
        match found {
            Some(user) => self.login.follow(user),
            None => self.login.lose(&users),
        }
        found.is_some()
    }

    /// Bytes of what it has queued.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.transaction
            .as_deref()
            .map_or(0, Transaction::kept_bytes)
    }

    /// Whether only commands on its subscriptions make sense: in RESP2 a message and a reply cannot be told apart.
    #[inline]
    pub(crate) fn is_only_subscriber(&self) -> bool {
        self.subscribed.are_any() && self.protocol == Protocol::Resp2
    }

    /// Something large of it is under way: for a while it is kept apart from others.
    pub(crate) fn keep_apart(&mut self, now_ms: u64) {
        self.bulky_until_ms = now_ms + BULKY_MS;
    }

    /// By which pipes its commands should go: those of whom nobody knows yet how much they ask for (`are_large`), and those who ask for much, by others than the rest.
    pub(crate) fn wanted_class(&self, are_large: Option<bool>, now_ms: u64) -> Class {
        match are_large {
            _ if now_ms < self.bulky_until_ms => Class::Bulk,
            None => Class::New,
            Some(true) => Class::Bulk,
            Some(false) => Class::Common,
        }
    }

    /// Whether nodes are to say when what it has read has changed. In RESP2 it could not be told itself.
    #[inline]
    pub(crate) fn tells_reads(&self) -> bool {
        self.tracks == Some(Tracks::Reads)
            && (self.protocol == Protocol::Resp3 || self.redirect != 0)
    }

    /// How large its requests may be.
    pub(crate) fn limits(&self, bulk_bytes: u32) -> RequestLimits {
        if self.login.is_authenticated() {
            RequestLimits {
                bulk_bytes,
                ..RequestLimits::AUTHENTICATED
            }
        } else {
            RequestLimits::UNAUTHENTICATED
        }
    }

    /// Whether it wants to hear every reply.
    #[inline]
    pub(crate) fn hears_all(&self) -> bool {
        self.replies.are_all_heard()
    }

    /// A command begins; gives what holds for its reply. A SKIP is used up by the command behind it, whatever becomes of that.
    #[inline]
    pub(crate) fn begin_command(&mut self) -> Replies {
        let before = self.replies;
        if before == Replies::SkipNext {
            self.replies = Replies::On;
        }
        before
    }

    /// The way of its commands to a node that is asked as this.
    #[inline]
    pub(crate) fn lane(&self, role: Role) -> Lane {
        Lane {
            role,
            class: self.class,
            tells: match self.tells_reads() {
                true => Tells::Reads,
                false => Tells::Nothing,
            },
            protocol: self.protocol,
            database: self.database,
        }
    }
}
