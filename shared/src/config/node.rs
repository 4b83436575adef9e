//! What a node is told at its start. Plain data; names and meanings are those of redis.conf where it has them. Pure.

use super::secret::Secret;
use super::settings::{Conflict, choices, kebab, range, settings};
use super::units::{ByteCount, ConfigPairs, FileName, SavePoints};
use crate::topology::{Address, NodeId, Zone};
use std::path::PathBuf;
use std::time::Duration;

choices! {
    /// What goes when a node is at its `maxmemory`: the eight policies of Redis, and three that need no reading of clocks.
    pub enum MaxmemoryPolicy {
        /// Nothing: commands that need memory are refused.
        #[default]
        NoEviction = "noeviction",
        /// The least recently used key.
        AllKeysLru = "allkeys-lru",
        /// The least frequently used key.
        AllKeysLfu = "allkeys-lfu",
        /// Any key.
        AllKeysRandom = "allkeys-random",
        /// The least recently used key among those that expire.
        VolatileLru = "volatile-lru",
        /// The least frequently used key among those that expire.
        VolatileLfu = "volatile-lfu",
        /// Any key that expires.
        VolatileRandom = "volatile-random",
        /// The key that expires soonest.
        VolatileTtl = "volatile-ttl",
        /// The oldest key.
        AllKeysFifo = "allkeys-fifo",
        /// The oldest key of a small queue for newcomers, or of a large one for keys that were asked for again.
        AllKeysS3Fifo = "allkeys-s3fifo",
        /// The oldest key that nobody asked for since the hand passed it.
        AllKeysSieve = "allkeys-sieve",
    }
}

choices! {
    /// Who may call DEBUG.
    pub enum DebugCommand {
        /// Nobody.
        #[default]
        No = "no",
        /// Clients of this machine.
        Local = "local",
        /// Everybody.
        Yes = "yes",
    }
}

choices! {
    /// Which channels a user may use of whom no rule says so.
    pub enum AclPubsubDefault {
        /// None.
        #[default]
        ResetChannels = "resetchannels",
        /// All.
        AllChannels = "allchannels",
    }
}

choices! {
    /// When the log is brought to disk.
    pub enum AppendFsync {
        /// Once a second.
        #[default]
        EverySec = "everysec",
        /// Before a write is answered.
        Always = "always",
        /// When the system likes.
        No = "no",
    }
}

settings! {
    /// What a node is told at its start.
    pub struct NodeConfig in "node" {
        group "Listening" {
            /// Where clients and proxies connect. Port 0 takes a free one.
            listen: Address = Address::loopback(6380);
            /// Connections that the operating system holds ready before they are accepted.
            tcp_backlog: u32 = 511, within "1" to "65535";
            /// How often a silent connection is probed for being alive; "0s" never.
            tcp_keepalive: Duration = Duration::from_secs(300), within "0s" to "1d";
            /// Whether clients of other machines are refused while no password is set.
            protected_mode: bool = true;
            /// Where /metrics, /healthz and /readyz are served over HTTP; "off" nowhere.
            admin: Option<Address> = None;
        }
        group "Proxies" {
            /// A proxy, or what stands before several, that the node tells where it is, so that it is used as a spare one, or found again at another address; "off"
            /// tells nobody.
            join: Option<Address> = None;
            /// Password that this proxy asks its clients for; empty sends none.
            join_password: Secret = Secret::default();
            /// How the node calls itself there; "off" draws a name at the first start and keeps it in the folder of the data. Where proxies have called the node by
            /// another one, its folder knows, and that one counts.
            name: Option<NodeId> = None;
            /// What the node fails together with, such as a data centre; followers are chosen in other zones. "off" says nothing.
            zone: Option<Zone> = None;
            /// Where proxies reach the node, if not where it listens; with port 0 the port is that where it listens.
            announce: Option<Address> = None;
        }
        group "Clients" {
            /// Password that AUTH and HELLO ask for; empty asks for none.
            requirepass: Secret = Secret::default();
            /// A file of users, which ACL LOAD reads again and ACL SAVE writes; "off" is none. The default user, where the file does not name it, has requirepass.
            aclfile: Option<PathBuf> = None;
            /// Refusals that ACL LOG holds.
            acllog_max_len: u32 = 128, within "0" to "100000";
            /// Which channels a new user may use of whom no rule says so: resetchannels (none) or allchannels.
            acl_pubsub_default: AclPubsubDefault = AclPubsubDefault::ResetChannels;
            /// Most clients at a time; one more is refused.
            maxclients: u32 = 10_000, within "1" to "1000000";
            /// How long a client may be silent before it is closed; "0s" for ever.
            timeout: Duration = Duration::ZERO, within "0s" to "365d";
            /// Most bytes of requests that a client may have unanswered; at this bound it is closed. So is the connection to a leader whose transaction has more than that and 1gb.
            client_query_buffer_limit: ByteCount = ByteCount(1 << 30), within "1mb" to "3gb";
            /// Longest single argument.
            proto_max_bulk_len: ByteCount = ByteCount(512 << 20), within "1mb" to "512mb";
            /// Bytes of replies waiting for a client from which on nothing more is read from it.
            client_output_soft_limit: ByteCount = ByteCount(1 << 20), within "64kb" to "16gb";
            /// Bytes of replies waiting for a client at which it is closed.
            client_output_hard_limit: ByteCount = ByteCount(1 << 30), within "1mb" to "64gb";
            /// How long a client may leave more than the soft limit waiting before it is closed; "0s" for ever.
            client_output_stall: Duration = Duration::from_secs(60), within "0s" to "1d";
        }
        group "Memory" {
            /// Databases that SELECT can choose.
            databases: u8 = 16, within "1" to "255";
            /// Most bytes that keys, values and their index may take; 0 sets no bound. Buffers of clients are counted apart.
            maxmemory: ByteCount = ByteCount(0);
            /// What goes at maxmemory: noeviction, allkeys-lru, allkeys-lfu, allkeys-random, volatile-lru, volatile-lfu,
            /// volatile-random, volatile-ttl, allkeys-fifo, allkeys-s3fifo or allkeys-sieve.
            maxmemory_policy: MaxmemoryPolicy = MaxmemoryPolicy::NoEviction;
            /// Keys looked at to find one that goes: more choose better and slower.
            maxmemory_samples: u32 = 5, within "1" to "64";
            /// How slowly the counter of the lfu policies grows: at 10 it is full after about a million accesses.
            lfu_log_factor: u32 = 10, within "0" to "1000";
            /// After how long without access the counter of the lfu policies falls by one; "0s" never.
            lfu_decay_time: Duration = Duration::from_secs(60), within "0s" to "365d";
        }
        group "Data on disk" {
            /// A folder in which the node keeps its data, its own alone; "off" keeps nothing.
            data_dir: Option<PathBuf> = None;
            /// The snapshot in that folder.
            dbfilename: FileName = FileName::of("dump.rdb");
            /// After how many seconds a snapshot is taken if there were as many changes: pairs, the first of which that holds counts; "" never.
            save: SavePoints = SavePoints(vec![(3_600, 1), (300, 100), (60, 10_000)]);
            /// Whether every write is kept in a log, the append-only file.
            appendonly: bool = false;
            /// When the log is brought to disk: everysec, always (before a write is answered) or no (when the system likes).
            appendfsync: AppendFsync = AppendFsync::EverySec;
            /// By how many percent the log grows until it is rewritten; 0 never.
            auto_aof_rewrite_percentage: u32 = 100, within "0" to "1000000";
            /// The log is not rewritten below this length.
            auto_aof_rewrite_min_size: ByteCount = ByteCount(64 << 20);
            /// Whether a log that breaks off in its last command is cut there and used; the start fails otherwise.
            aof_load_truncated: bool = true;
            /// Whether strings are packed in snapshots: smaller files, more work.
            rdbcompression: bool = true;
            /// Whether writes are refused while snapshots fail.
            stop_writes_on_bgsave_error: bool = true;
        }
        group "Work in the background" {
            /// Rounds of periodic work in a second: expiry, memory, clients that were silent too long.
            hz: u32 = 10, within "1" to "500";
            /// How long clients may take to read their last replies when the node is told to stop.
            shutdown_grace: Duration = Duration::from_secs(10), within "0s" to "1h";
        }
        group "Watching" {
            /// Commands that take longer are kept in the slow log; "0s" keeps all, "off" none.
            slowlog_log_slower_than: Option<Duration> = Some(Duration::from_millis(10)), within "0s" to "1h";
            /// Commands that the slow log holds.
            slowlog_max_len: u32 = 128, within "0" to "100000";
            /// Events that take as long are kept for LATENCY; "0s" keeps none.
            latency_monitor_threshold: Duration = Duration::ZERO, within "0s" to "1h";
            /// Who may call DEBUG: no (nobody), local (clients of this machine) or yes.
            enable_debug_command: DebugCommand = DebugCommand::No;
        }
        group "All else" {
            /// What a leader asks for whom this node follows; empty gives none.
            masterauth: Secret = Secret::default();
            /// Names and values as CONFIG SET takes them, of what has no setting of its own here, such as "notify-keyspace-events KEA hash-max-listpack-entries 256",
            /// or whose setting may not have the value. CONFIG REWRITE writes them here.
            config_set: ConfigPairs = ConfigPairs::default();
        }
    }
}

impl NodeConfig {
    fn find_conflicts(&self) -> Vec<Conflict> {
        let outputs = Conflict::more_than(
            ("client-output-soft-limit", &self.client_output_soft_limit),
            ("client-output-hard-limit", &self.client_output_hard_limit),
        );
        let inputs = Conflict::more_than(
            ("proto-max-bulk-len", &self.proto_max_bulk_len),
            ("client-query-buffer-limit", &self.client_query_buffer_limit),
        );
        let found = [
            outputs,
            inputs,
            self.admin_conflict(),
            self.log_conflict(),
            self.join_conflict(),
        ];
        found.into_iter().flatten().collect()
    }

    /// Two listeners at one address.
    fn admin_conflict(&self) -> Option<Conflict> {
        Conflict::same_address(["listen", "admin"], Some(&self.listen), self.admin.as_ref())
    }

    /// A log that would be kept nowhere.
    fn log_conflict(&self) -> Option<Conflict> {
        let is_nowhere = self.appendonly && self.data_dir.is_none();
        is_nowhere.then(|| Conflict {
            between: ["appendonly", "data-dir"],
            text: "appendonly without data-dir: the log would be kept nowhere; set data-dir to a folder, or leave appendonly out".to_owned(),
        })
    }

    /// What is told to nobody.
    fn join_conflict(&self) -> Option<Conflict> {
        let others = [
            ("join-password", !self.join_password.is_empty()),
            ("name", self.name.is_some()),
            ("zone", self.zone.is_some()),
            ("announce", self.announce.is_some()),
        ];
        if self.join.is_none() {
            let (name, _) = others.into_iter().find(|(_, is_set)| *is_set)?;
            return Some(Conflict {
                between: [name, "join"],
                text: format!(
                    "{name} without join: no proxy is told; set join to HOST:PORT of one"
                ),
            });
        }
        let announce = self
            .announce
            .as_ref()
            .filter(|address| address.is_wildcard())?;
        Some(Conflict {
            between: ["announce", "join"],
            text: format!(
                "announce is {announce}, and nobody reaches a node there; name an address of this machine"
            ),
        })
    }
}
