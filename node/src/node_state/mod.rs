//! What a node knows beside its keys: settings, counters, the clients' registry, the slow log, latency spikes.
//! Pure: the shell tells it what happened.

mod access;
mod blocked;
mod clients;
mod failover;
mod hold;
mod latency;
mod letter;
mod member;
mod memory_ceiling;
mod monitors;
mod pause;
mod persistence;
mod publishing;
mod replication;
mod scripts;
mod slot_writes;
mod slowlog;
mod spare_queues;
mod trackers;
mod watches;

pub use access::NodeAccess;
pub use blocked::{Answer, Blocked, Waiter};
pub use clients::{ClientKey, Clients, Delivery};
pub use failover::{Failover, FailoverStep, failover_state};
pub use hold::Hold;
pub use latency::{Event, Latency, Spike};
pub use letter::Letter;
pub use member::{Ask, Member, Order, OrderNumber, PLAIN, REFUSED, SERVES_NOBODY};
pub use memory_ceiling::MemoryCeiling;
pub use monitors::Shown;
pub use pause::Pause;
pub use persistence::{LoadProgress, MOST_QUEUED_BYTES, Persistence, SaveProgress};
pub use publishing::Publication;
pub use replication::{
    Feeding, Follower, FollowerState, Forgotten, Leader, Link, NO_ID, Place, Replication,
};
pub use scripts::{Digest, Libraries, Library, Planned, Scripts, UnderWay, check_len};
pub use slot_writes::{Seen, SeenInTurn, SlotWrites};
pub use slowlog::{Slowlog, SlowlogEntry};
pub use spare_queues::SpareQueues;
pub use trackers::Caller;
pub use watches::{ProxiedWatch, WatchName, Watches};

use crate::settings::Settings;
use crate::stats::Stats;
use crate::store::{Listener, Store};
use shared::access::Users;
use shared::pubsub;
use shared::topology::{Incarnation, LocalKeys};
use shared::tracking::Tracking;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

/// Who has subscribed to what, by the keys of the node's clients.
pub type Subscriptions = pubsub::Subscriptions<ClientKey>;

/// Everything of a node but its keyspace.
#[derive(Debug)]
pub struct NodeState {
    /// CONFIG.
    pub settings: Settings,
    /// Who may do what.
    pub access: NodeAccess,
    /// INFO's counters.
    pub stats: Stats,
    /// CLIENT LIST.
    pub clients: Clients,
    /// Who has subscribed to what.
    pub subscriptions: Subscriptions,
    /// Who is told that what it has read has changed, by number.
    pub tracking: Tracking<u64>,
    /// Who is shown every command (MONITOR).
    pub monitors: Vec<ClientKey>,
    /// SLOWLOG.
    pub slowlog: Slowlog,
    /// LATENCY.
    pub latency: Latency,
    /// CLIENT PAUSE.
    pub pause: Pause,
    /// Until then (Unix ms) no key goes by itself, for a proxy holds up its clients (NODE KEEP).
    pub kept_until_ms: u64,
    /// When that was said, by the clock of the proxy: what was said before comes to nothing.
    pub kept_said_ms: u64,
    /// Clients of whose watched keys one has changed, by number; of those of proxies by the name of their watch.
    pub broken_watches: HashSet<u64>,
    /// What proxies watch for their clients.
    pub watches: Watches,
    /// Clients that wait for keys to have something for them.
    pub blocked: Blocked,
    /// Bytes that all clients have queued behind MULTI.
    pub queued_bytes: usize,
    /// Room for those who queue next.
    pub spare_queues: SpareQueues,
    /// A command over many keys that is under way.
    pub hold: Option<Hold>,
    /// The keys of this shard, as a proxy has said last; connections that have said the same share it.
    pub local_keys: Option<Rc<LocalKeys>>,
    /// Scripts and functions.
    pub scripts: Scripts,
    /// The data on disk.
    pub persistence: Persistence,
    /// Whom it follows, and who follows it.
    pub replication: Replication,
    /// What it is in a shard.
    pub member: Member,
    /// What `maxmemory` leaves to commands while keys are going.
    pub memory_ceiling: MemoryCeiling,
    /// Who this node is.
    pub identity: Identity,
    /// Unix microseconds, the same for a whole turn; 0 while what was decided before, by a leader or in the log, is applied: no key ends by itself then.
    pub now_us: u64,
    /// Unix milliseconds when something of that kind was last applied: by it people read when it was.
    pub applied_at_ms: u64,
    /// Whether the sweep removes expired keys (DEBUG SET-ACTIVE-EXPIRE); they are never found in any case.
    pub active_expire: bool,
}

/// What never changes while a node runs.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// 40 hexadecimal digits, new at every start.
    pub run_id: String,
    /// 40 hexadecimal digits that name the log which begins with this start.
    pub replication_id: String,
    /// Drawn at the start: names this life of the node.
    pub incarnation: u64,
    /// Where it listens.
    pub port: u16,
    /// Unix milliseconds.
    pub started_ms: u64,
    /// The file its settings came from; empty when there is none.
    pub config_file: String,
    /// Of this process.
    pub process_id: u32,
    /// Path of the program.
    pub executable: String,
    /// Name and release of the system.
    pub system: String,
    /// Memory of the machine, bytes.
    pub system_memory_bytes: u64,
}

impl Default for NodeState {
    fn default() -> Self {
        Self::new(Settings::default(), Identity::default())
    }
}

impl NodeState {
    /// A node that has just started.
    #[must_use]
    pub fn new(settings: Settings, identity: Identity) -> Self {
        let mut stats = Stats::new();
        stats.track_latency = settings.hot.latency_tracking;
        let persistence = Persistence {
            last_save_seconds: identity.started_ms / 1_000,
            ..Persistence::default()
        };
        let access = NodeAccess {
            users: Arc::new(Users::new(&settings.hot.password)),
            ..NodeAccess::default()
        };
        Self {
            settings,
            access,
            stats,
            clients: Clients::default(),
            subscriptions: Subscriptions::default(),
            tracking: Tracking::default(),
            monitors: Vec::new(),
            slowlog: Slowlog::default(),
            latency: Latency::default(),
            pause: Pause::default(),
            kept_until_ms: 0,
            kept_said_ms: 0,
            broken_watches: HashSet::new(),
            watches: Watches::default(),
            queued_bytes: 0,
            spare_queues: SpareQueues::default(),
            blocked: Blocked::default(),
            hold: None,
            local_keys: None,
            scripts: Scripts::default(),
            persistence,
            member: Member::new(Incarnation(identity.incarnation)),
            replication: Replication::new(identity.replication_id.clone()),
            memory_ceiling: MemoryCeiling::default(),
            identity,
            now_us: 0,
            applied_at_ms: 0,
            active_expire: true,
        }
    }

    /// Until when nothing in the keyspace goes by itself, Unix milliseconds: a pause, or for as long as another node says when keys end.
    #[must_use]
    pub fn keeps_all_until_ms(&self) -> u64 {
        match self.is_passive() {
            true => u64::MAX,
            false => self.pause.until_ms().max(self.kept_until_ms),
        }
    }

    /// Whether writes are refused because the last snapshot failed (`stop-writes-on-bgsave-error`).
    #[must_use]
    pub fn saves_fail(&self) -> bool {
        let hot = &self.settings.hot;
        self.persistence.has_save_failed && hot.stops_writes && !hot.save_points.is_empty()
    }

    /// Whether what changes here is not this node's to say: it follows another one, or is a member of a shard that it does not lead.
    #[must_use]
    pub fn is_passive(&self) -> bool {
        self.replication.guards || self.member.is_idle()
    }

    /// A client has gone: it is in no list any more.
    pub fn leave(&mut self, client: ClientKey) {
        self.clients.leave(client);
        self.subscriptions.leave(client, |_| {});
        self.stop_monitoring(client);
        self.watches.leave(client.id());
    }

    /// Takes note of the changes that have been told since the last time, each for whom it is meant.
    pub fn hear(&mut self, store: &mut Store) {
        for touch in store.take_touched() {
            match touch.listener {
                Listener::Watcher(client) => {
                    self.broken_watches.insert(client);
                }
                Listener::Waiters => self.blocked.changed(touch.db, touch.hash),
            }
        }
    }
}
